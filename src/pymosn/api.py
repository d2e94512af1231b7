"""The vocabulary for people who extend pymosn; extensions import this module and nothing else.

Stream filters: subclass ``StreamFilter`` and define the hooks you need.  See docs/extending.md.
"""

from pymosn.proxy.exchange import BodyTooLarge, Headers, Request, Response
from pymosn.proxy.filters import FilterStatus, StreamFilter
from pymosn.proxy.transcoder import Transcoder

__all__ = [
    "BodyTooLarge",
    "FilterStatus",
    "Headers",
    "Request",
    "Response",
    "StreamFilter",
    "Transcoder",
]
