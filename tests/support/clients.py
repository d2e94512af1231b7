"""HTTP/1.1 clients on blocking sockets, for tests that decide what leaves when.

They send nothing by themselves and read no more than they are told to.
"""

import socket
import time
from contextlib import ExitStack

from tests.support.filters import Pause

PATIENCE = 20
"""Seconds after which a test that waits has failed."""


def connect(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), PATIENCE)


def get(path: str = "/", *fields: bytes) -> bytes:
    """Return a request, whose further header fields are whole lines."""
    return b"GET %b HTTP/1.1\r\nHost: a\r\n%b\r\n" % (path.encode(), b"".join(fields))


def post(path: str, body: bytes) -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (
        path.encode(), len(body), body,
    )  # fmt: skip


def read_head(sock: socket.socket) -> tuple[bytes, bytes]:
    """Return a message's head with its empty line, and what came of its body with it."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(sock, data)
    head, end, body = data.partition(b"\r\n\r\n")
    return head + end, body


def read_reply(sock: socket.socket) -> bytes:
    """Read one successful response, which has a ``Content-Length``, and return its body."""
    head, body = read_head(sock)
    assert head.startswith(b"HTTP/1.1 200"), head
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    pieces = [body]
    missing = length - len(body)
    while missing > 0:
        pieces.append(_more(sock, head))
        missing -= len(pieces[-1])
    assert missing == 0, "there is more than one response"
    return b"".join(pieces)


def read_to_the_end(sock: socket.socket) -> bytes:
    """Return everything that comes before the other end has ended."""
    pieces = []
    while piece := sock.recv(1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


def _more(sock: socket.socket, received: bytes) -> bytes:
    piece = sock.recv(1 << 16)
    assert piece, f"the connection ended after {received[:100]!r}"
    return piece


class Clients(ExitStack):
    """Connections to one address, closed in the end; the first can put the worker to sleep."""

    def __init__(self, address: str, count: int) -> None:
        super().__init__()
        self.first, *self.others = [self.enter_context(connect(address)) for _ in range(1 + count)]

    def pause(self) -> None:
        """Stop the worker of a ``pausing_config`` for ``Pause.SECONDS``, and be sure it is."""
        self.first.sendall(get("/pause"))
        time.sleep(Pause.SECONDS / 4)
