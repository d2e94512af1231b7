"""What an origin, or a client, is sent for bytes that the codec accepts.

The same steps as ``Http1ClientConnection`` and ``Http1ServerConnection``, without sockets.
"""

from typing import Any

from tests.support.builds import Codec
from tests.support.http1 import encoded_body, encoded_request, encoded_response


class Forwarded:
    """One complete message, and the bytes that carry it on."""

    def __init__(self, head: Any, method: bytes, target: bytes, body: bytes, sent: bytes) -> None:
        self.head = head
        self.method = method
        self.target = target
        self.body = body
        self.sent = sent


def forwarded_requests(codec: Codec, data: bytes) -> list[Forwarded]:
    """Return the requests of one connection that would be forwarded whole."""
    http1 = codec.http1
    reader = http1.MessageReader(True)
    reader.feed(data)
    messages = []
    while True:
        message = _message(codec, reader)
        if message is None:
            return messages
        head, pieces, trailers = message
        tail = b""
        if head.upgrade is not None:
            tail = b"Connection: Upgrade\r\nUpgrade: %b\r\n" % head.upgrade
        elif head.te_trailers:
            tail = b"TE: trailers\r\nConnection: TE\r\n"
        if head.get(b"host") is None:
            head.add(b"Host", b"origin")
        chunked = head.content_length < 0 and (pieces or trailers is not None)
        if chunked:
            tail += b"Transfer-Encoding: chunked\r\n"
        sent = encoded_request(codec, head, tail) + _body(codec, pieces, trailers, chunked)
        messages.append(Forwarded(head, head.method, head.target, b"".join(pieces), sent))
        if not reader.keep_alive or head.method == b"CONNECT":
            return messages


def forwarded_response(codec: Codec, data: bytes, method: bytes) -> Forwarded | None:
    """Return the final response of an origin that closes behind ``data``; None: there is none."""
    http1 = codec.http1
    reader = http1.MessageReader(False)
    reader.expect_response(method)
    reader.feed(data)
    interim = b""
    while True:
        message = _message(codec, reader)
        if message is None or reader.tunnel:
            return None
        head, pieces, trailers = message
        if head.status >= 200:
            break
        interim += encoded_response(codec, head)
    tail = b""
    bodiless = method == b"HEAD" or head.status in (204, 304)
    ended = not pieces and trailers is None
    chunked = False
    if head.content_length < 0 and not bodiless:
        chunked = not ended
        tail = b"Transfer-Encoding: chunked\r\n" if chunked else b"Content-Length: 0\r\n"
    sent = interim + encoded_response(codec, head, tail) + _body(codec, pieces, trailers, chunked)
    return Forwarded(head, method, b"", b"".join(pieces), sent)


def _message(codec: Codec, reader: Any) -> tuple[Any, list[bytes], Any] | None:
    """Read one whole message: its head, the pieces of its body, its trailers."""
    http1 = codec.http1
    pieces = []
    if reader.next() != http1.HEAD:
        return None
    head = reader.request if reader.is_request else reader.response
    if reader.complete or reader.tunnel or (not reader.is_request and head.status < 200):
        return head, pieces, None
    while True:
        event = reader.next()
        if event == http1.NEED_DATA and not reader.is_request:
            event = reader.finish()
        if event == http1.DATA:
            pieces.append(reader.data)
            if reader.complete:
                return head, pieces, None
        elif event == http1.END:
            return head, pieces, reader.trailers
        else:
            return None


def _body(codec: Codec, pieces: list[bytes], trailers: Any, chunked: bool) -> bytes:
    if not chunked:
        return b"".join(pieces)
    return encoded_body(codec, pieces, trailers)
