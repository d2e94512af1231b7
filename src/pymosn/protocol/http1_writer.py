"""HTTP/1.1 (RFC 9112): heads and bodies to bytes, into the queue of whoever sends them.

Sans-IO.  Counterparts: ``http1`` is the other direction; ``pymosn.stream.http1_server`` and
``http1_client`` say which lines and which framing a message needs.
"""

from types import MappingProxyType

from pymosn.buffer import OutputQueue
from pymosn.message import Head, RequestHead, ResponseHead


def write_request(head: RequestHead, tail: bytes, output: OutputQueue) -> None:
    """Queue the head as an HTTP/1.1 origin wants it; ``tail`` is complete lines to add.

    A head whose start line nobody changed keeps the bytes it came in.
    """
    if head.start >= 0 and head.minor == 1:
        _write_head(head, tail, output, head.start)
    else:
        output.add(b"%b %b HTTP/1.1\r\n" % (head.method, head.target))
        _write_head(head, tail, output, head.fields)


def write_response(head: ResponseHead, tail: bytes, output: OutputQueue) -> None:
    """Queue the head as an HTTP/1.x client wants it; ``tail`` is complete lines to add."""
    if head.start >= 0 and head.minor == 1:
        _write_head(head, tail, output, head.start)
    else:
        output.add(b"HTTP/1.1 %d %b\r\n" % (head.status, head.reason or reason(head.status)))
        _write_head(head, tail, output, head.fields)


def write_data(data: bytes, chunked: bool, output: OutputQueue) -> None:
    """Queue a piece of a body, as a chunk or as it is."""
    if chunked and data:
        output.add(b"%x\r\n" % len(data))
        output.add(data)
        output.add(_CRLF)
    else:
        output.add(data)


def write_end(trailers: Head | None, chunked: bool, output: OutputQueue) -> None:
    """Queue what ends a body.  Only a chunked one can have trailers."""
    if chunked:
        output.add(b"0\r\n")
        if trailers is not None:
            trailers.write_lines(output, trailers.fields, trailers.end)
        output.add(_CRLF)


def reason(status: int) -> bytes:
    """Return the usual reason phrase, or an empty one."""
    return _REASONS.get(status, b"")


def _write_head(head: Head, tail: bytes, output: OutputQueue, start: int) -> None:
    """Queue the lines from ``start`` on and the blank line behind them."""
    if not head.added and not tail and head.end > 0:
        head.write_lines(output, start, head.end + 2)
    else:
        head.write_lines(output, start, head.end)
        output.add(tail)
        output.add(_CRLF)


_CRLF = b"\r\n"
_REASONS = MappingProxyType({
    100: b"Continue", 101: b"Switching Protocols", 103: b"Early Hints", 200: b"OK",
    201: b"Created", 202: b"Accepted", 203: b"Non-Authoritative Information",
    204: b"No Content", 205: b"Reset Content", 206: b"Partial Content",
    300: b"Multiple Choices", 301: b"Moved Permanently", 302: b"Found", 303: b"See Other",
    304: b"Not Modified", 307: b"Temporary Redirect", 308: b"Permanent Redirect",
    400: b"Bad Request", 401: b"Unauthorized", 402: b"Payment Required", 403: b"Forbidden",
    404: b"Not Found", 405: b"Method Not Allowed", 406: b"Not Acceptable",
    407: b"Proxy Authentication Required", 408: b"Request Timeout", 409: b"Conflict",
    410: b"Gone", 411: b"Length Required", 412: b"Precondition Failed",
    413: b"Content Too Large", 414: b"URI Too Long", 415: b"Unsupported Media Type",
    416: b"Range Not Satisfiable", 417: b"Expectation Failed", 421: b"Misdirected Request",
    422: b"Unprocessable Content", 425: b"Too Early", 426: b"Upgrade Required",
    428: b"Precondition Required", 429: b"Too Many Requests",
    431: b"Request Header Fields Too Large", 451: b"Unavailable For Legal Reasons",
    500: b"Internal Server Error", 501: b"Not Implemented", 502: b"Bad Gateway",
    503: b"Service Unavailable", 504: b"Gateway Timeout", 505: b"HTTP Version Not Supported",
})  # fmt: skip
