"""The vocabulary for people who extend pymosn; extensions import this module and nothing else.

Protocols: subclass ``Protocol`` and define ``decode`` and ``encode``.

Stream filters: subclass ``StreamFilter`` and define the hooks you need.  See docs/extending.md.
"""

from pymosn.protocol.xprotocol.custom import Frame, Protocol
from pymosn.proxy.exchange import BodyTooLarge, Headers, Request, Response
from pymosn.proxy.filters import FilterStatus, StreamFilter
from pymosn.proxy.transcoder import Transcoder

__all__ = [
    "BodyTooLarge",
    "FilterStatus",
    "Frame",
    "Headers",
    "Protocol",
    "Request",
    "Response",
    "StreamFilter",
    "Transcoder",
]
