"""When an upstream connection that carried an exchange carries the next, in a real process.

A filter stops the worker, so that the test decides which events come together.
"""

import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.support.clients import connect, get, read_head, read_reply
from tests.support.configs import pausing_config
from tests.support.filters import Pause

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
A_WHILE = Pause.SECONDS / 10


class Sockets(ExitStack):
    """A listening origin, and clients of the proxy; all are closed in the end."""

    def __init__(self) -> None:
        super().__init__()
        self.listening = self.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.listening.settimeout(5)
        self.address = "{}:{}".format(*self.listening.getsockname())

    def client(self, address: str) -> socket.socket:
        return self.enter_context(connect(address))

    def accepted(self) -> socket.socket:
        sock = self.enter_context(self.listening.accept()[0])
        sock.settimeout(5)
        return sock


@pytest.fixture
def sockets():
    with Sockets() as made:
        yield made


@pytest.fixture
def proxy(pymosn, sockets):
    """Return a proxy that sleeps in a request for ``/pause``, which it answers itself."""
    return pymosn(pausing_config(sockets.address))


def unread(sock: socket.socket) -> int:
    """Return how many bytes the other end, on this machine, has not read."""
    ends = [f"{name[1]:04X}" for name in (sock.getpeername(), sock.getsockname())]
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        _, local, remote, _, queues, *_ = line.split()
        if [local.rpartition(":")[2], remote.rpartition(":")[2]] == ends:
            return int(queues.partition(":")[2], 16)
    raise AssertionError("there is no such socket")


def send_until_unread(sock: socket.socket) -> None:
    """Send chunks until the proxy leaves one unread, because its client does not read either."""
    while True:
        sock.sendall(b"8000\r\n%b\r\n" % bytes(0x8000))
        for _ in range(10):
            time.sleep(0.003)
            if unread(sock) == 0:
                break
        else:
            return


def read_all(sock: socket.socket) -> None:
    """Read until nothing comes any more."""
    sock.settimeout(A_WHILE)
    with suppress(TimeoutError):
        while sock.recv(1 << 20):
            pass
    sock.settimeout(5)


def test_an_answer_in_the_turn_of_its_request(proxy, sockets) -> None:
    """A read that was put off to the end of a turn brings the answer to what the connection was
    used for in that turn, when it comes fast."""
    slow, two, pause, pause_again = (sockets.client(proxy.address) for _ in range(4))
    slow.sendall(get("/slow"))
    origin = sockets.accepted()
    assert read_head(origin)[0].startswith(b"GET /slow ")
    origin.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    send_until_unread(origin)

    # The worker sleeps, while there gather: room for the slow client, so that the origin is read
    # at the end of the turn,
    pause.sendall(get("/pause"))
    time.sleep(A_WHILE)
    read_all(slow)
    # the end of the origin's answer, so that it is read right now and the connection is free,
    origin.sendall(b"0\r\n\r\n")
    # what it is used for, and time for the answer.
    two.sendall(get("/two"))
    time.sleep(A_WHILE)
    pause_again.sendall(get("/pause"))
    assert read_head(origin)[0].startswith(b"GET /two ")
    origin.sendall(OK + b"2.")
    assert read_reply(two) == b"2."
    sockets.listening.settimeout(A_WHILE)
    with pytest.raises(TimeoutError):
        sockets.accepted()


@pytest.mark.parametrize("method", [b"GET", b"POST"])
def test_an_answer_before_its_request(proxy, sockets, method) -> None:
    """What came before a request is not its answer, though nobody has read it when it is sent."""
    one, two, pause = (sockets.client(proxy.address) for _ in range(3))
    one.sendall(get("/one"))
    origin = sockets.accepted()
    read_head(origin)
    origin.sendall(OK + b"1.")
    assert read_reply(one) == b"1."

    pause.sendall(get("/pause"))
    time.sleep(A_WHILE)
    two.sendall(method + b" /two HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
    time.sleep(A_WHILE)
    origin.sendall(OK + b"no")
    fresh = sockets.accepted()
    assert read_head(fresh)[0].startswith(method + b" /two ")
    fresh.sendall(OK + b"2.")
    assert read_reply(two) == b"2."
    # Nothing was sent to who had spoken out of turn.
    with suppress(ConnectionResetError):
        assert origin.recv(100) == b""
