"""Many connections in one turn of the reactor, whose reads and sends the kernel gets together.

A filter stops the worker meanwhile, so that the events gather.  Without io_uring the same has to
come out.
"""

import asyncio
import random
import socket
import struct
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import no_io_uring
from tests.support.clients import Clients, connect, post, read_reply
from tests.support.configs import pausing_config, tcp_listener
from tests.support.filters import Pause
from tests.support.process import Proxy

CLIENTS = 40
SLOT = 16384
SIZES = (0, 1, 200, 4000, SLOT - 300, SLOT - 1, SLOT, SLOT + 1, 3 * SLOT, 70_000, 400_000)
A_WHILE = Pause.SECONDS / 4
HOW = ("with", "without", "forbidden")


async def echo(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with the body that came."""
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
    body = await reader.readexactly(length)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length + body)


@pytest.fixture(params=HOW)
def how(request) -> str:
    return request.param


@pytest.fixture
def start(pymosn, how):
    """Return what starts a proxy in front of an origin, with a TCP listener, too."""

    def start(address: str) -> Proxy:
        config = pausing_config(address)
        config["servers"][0]["listeners"].append(tcp_listener("origin"))
        return pymosn(
            config,
            module=no_io_uring.__name__ if how == "forbidden" else "pymosn",
            variables={"PYMOSN_IO_URING": "0"} if how == "without" else {},
        )

    return start


@pytest.fixture
def proxy(start, make_origin):
    """Return a proxy in front of an echo."""
    return start(make_origin(respond=echo).address)


def descriptors(process: int) -> set[str]:
    """Return what the descriptors of a process are."""
    return {str(entry.readlink()) for entry in Path(f"/proc/{process}/fd").iterdir()}


def test_the_worker_has_a_ring_where_it_may(proxy, how) -> None:
    if not no_io_uring.is_allowed():
        pytest.skip("io_uring is not allowed here: the kernel or a seccomp filter refuses it")
    with Clients(proxy.address, 8) as clients:
        clients.pause()
        for number, sock in enumerate(clients.others):
            sock.sendall(post(f"/{number}", b"%d" % number))
        for number, sock in enumerate(clients.others):
            assert read_reply(sock) == b"%d" % number
        assert ("anon_inode:[io_uring]" in descriptors(proxy.workers[0])) == (how == "with")


def test_everybody_gets_the_own_bytes(proxy) -> None:
    """Of any size: shorter and longer than what is read ahead, and as long."""
    chance = random.Random(7)
    with Clients(proxy.address, CLIENTS) as clients:
        for _ in range(3):
            bodies = [chance.randbytes(chance.choice(SIZES)) for _ in range(CLIENTS)]
            clients.pause()
            for number, sock in enumerate(clients.others):
                # The rest of what is long comes when the worker is awake.
                sock.sendall(post(f"/{number}", bodies[number])[: SLOT * 4])
            for number, sock in enumerate(clients.others):
                sock.sendall(post(f"/{number}", bodies[number])[SLOT * 4 :])
            for number, sock in enumerate(clients.others):
                assert read_reply(sock) == bodies[number]
            assert read_reply(clients.first) == b""


def test_pipelined_requests_keep_their_order(proxy) -> None:
    with Clients(proxy.address, CLIENTS) as clients:
        clients.pause()
        for number, sock in enumerate(clients.others):
            sock.sendall(b"".join(post(f"/{step}", b"%d.%d" % (number, step)) for step in range(5)))
        for number, sock in enumerate(clients.others):
            buffered = sock.makefile("rb")
            for step in range(5):
                assert buffered.readline().startswith(b"HTTP/1.1 200")
                while buffered.readline() != b"\r\n":
                    pass
                expected = b"%d.%d" % (number, step)
                assert buffered.read(len(expected)) == expected


@pytest.mark.parametrize("reset", [False, True])
def test_who_leaves_in_between_costs_nobody_else(proxy, reset) -> None:
    """Half of the clients send a request and vanish in the same turn."""
    with Clients(proxy.address, CLIENTS) as clients:
        clients.pause()
        for number, sock in enumerate(clients.others):
            sock.sendall(post(f"/{number}", b"%d" % number))
            if number % 2:
                if reset:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.close()
        for number, sock in enumerate(clients.others):
            if number % 2 == 0:
                assert read_reply(sock) == b"%d" % number
        assert proxy.get("/pause").status == 200


def test_who_does_not_read_costs_nobody_else(proxy) -> None:
    """Output that the kernel takes a part of, or nothing of, is sent later, in order."""
    body = random.Random(1).randbytes(6_000_000)
    with Clients(proxy.addresses["tcp"], 4) as slow, Clients(proxy.address, 19) as clients:
        for number, sock in enumerate(slow.others):
            sock.sendall(post(f"/{number}", body))
        time.sleep(A_WHILE)
        for _ in range(3):
            clients.pause()
            for number, sock in enumerate(clients.others):
                sock.sendall(post(f"/{number}", b"%d" % number))
            for number, sock in enumerate(clients.others):
                assert read_reply(sock) == b"%d" % number
            assert read_reply(clients.first) == b""
        for sock in slow.others:
            assert read_reply(sock) == body


def test_both_ends_of_a_tunnel_in_one_turn(start) -> None:
    """Each end has sent, and one of them has left, when the worker comes to look."""
    with socket.create_server(("127.0.0.1", 0)) as listening, ExitStack() as ends:
        listening.settimeout(10)
        proxy = start("{}:{}".format(*listening.getsockname()))
        pairs = []
        for number in range(20):
            client = ends.enter_context(connect(proxy.addresses["tcp"]))
            client.sendall(b"%02d" % number)
            accepted = ends.enter_context(listening.accept()[0])
            accepted.settimeout(10)
            assert accepted.recv(2) == b"%02d" % number
            pairs.append((client, accepted))
        with Clients(proxy.addresses["web"], 0) as waking:
            waking.pause()
            for number, (client, accepted) in enumerate(pairs):
                client.sendall(b"c%02d" % number)
                accepted.sendall(b"o%02d" % number)
                if number % 3 == 1:
                    accepted.shutdown(socket.SHUT_WR)
                if number % 3 == 2:
                    client.shutdown(socket.SHUT_WR)
            for number, (client, accepted) in enumerate(pairs):
                assert accepted.recv(100) == b"c%02d" % number
                assert client.recv(100) == b"o%02d" % number
                if number % 3 == 1:
                    assert client.recv(1) == b""
                if number % 3 == 2:
                    assert accepted.recv(1) == b""
