"""The vocabulary for people who extend pymosn; extensions import this module and nothing else.

Protocols: subclass ``Protocol`` and define ``decode`` and ``encode``.

Transcoders between protocols: subclass ``Transcoder``.

Stream filters: subclass ``StreamFilter`` and define the hooks you need.  See docs/extending.md.
"""

from pymosn.protocol.xprotocol.custom import Frame, Protocol
from pymosn.proxy.exchange import BodyTooLarge, Headers, Request, Response, TranscodingError
from pymosn.proxy.filters import ExtensionError, FilterStatus, Registry, StreamFilter
from pymosn.proxy.transcoder import BodyTranscoder
from pymosn.proxy.transcoding import Outgoing, Transcoder, bolt_response, dubbo_response

__all__ = [
    "BodyTooLarge",
    "BodyTranscoder",
    "ExtensionError",
    "FilterStatus",
    "Frame",
    "Headers",
    "Outgoing",
    "Protocol",
    "Registry",
    "Request",
    "Response",
    "StreamFilter",
    "Transcoder",
    "TranscodingError",
    "bolt_response",
    "dubbo_response",
]
