"""Tells protocols apart by the first bytes that a client sends (spec §3.2).

A matcher says of a beginning whether it is its protocol's, whether it cannot be, or that more
bytes are needed.  HTTP's are rows of ``MATCHERS``; an RPC protocol brings its own.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from pymosn.protocol.xprotocol.frame import RpcProtocol

MATCH: Final = 1
AGAIN: Final = 0
FAIL: Final = -1

MORE: Final = "more"
"""``detect``: the bytes so far fit more than one, or the beginning of one."""
UNKNOWN: Final = ""
"""``detect``: none of the protocols begins so."""

_METHODS: Final = (b"OPTIONS ", b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"TRACE ",
                   b"CONNECT ", b"PATCH ", b"LINK ", b"UNLINK ")  # fmt: skip
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def match_http1(data: bytes) -> int:
    """Match HTTP/1.x by one of the usual methods and the space behind it."""
    for method in _METHODS:
        if data.startswith(method):
            return MATCH
        if method.startswith(data):
            return AGAIN
    return FAIL


def match_http2(data: bytes) -> int:
    """Match HTTP/2 by the client's connection preface (RFC 9113 §3.4)."""
    if data.startswith(_PREFACE):
        return MATCH
    return AGAIN if _PREFACE.startswith(data) else FAIL


MATCHERS: Final[MappingProxyType[str, Callable[[bytes], int]]] = MappingProxyType(
    {"Http1": match_http1, "Http2": match_http2}
)


def detect(data: bytes, protocols: tuple[str, ...], rpc: Mapping[str, RpcProtocol]) -> str:
    """Return which of ``protocols`` begins with ``data``; else ``MORE`` or ``UNKNOWN``.

    ``rpc`` has those that are not in ``MATCHERS``.
    """
    answer = UNKNOWN
    for name in protocols:
        protocol = rpc.get(name)
        verdict = MATCHERS[name](data) if protocol is None else protocol.match(data)
        if verdict == MATCH:
            return name
        if verdict == AGAIN:
            answer = MORE
    return answer
