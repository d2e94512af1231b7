"""What leaves in one packet: each costs both ends, and wakes one of them."""

import asyncio
import ssl
import time

import pytest

from tests.support import no_io_uring
from tests.support.clients import (
    Clients,
    connect,
    get,
    read_reply,
    read_to_the_end,
)
from tests.support.configs import http_config, pausing_config
from tests.support.filters import Pause
from tests.support.secured import NAME, context, secured
from tests.support.tcp_info import data_segments_received, segments_received

CLOSE = b"Connection: close\r\n"
TRIES = 20
"""A busy machine may delay what comes together; not every time."""


def segments_of_a_reply(address: str, tls: ssl.SSLContext | None, *fields: bytes) -> int:
    """Return what a client receives from its second request on, the reply to which ends it."""
    with connect(address) as plain:
        sock = plain if tls is None else tls.wrap_socket(plain, server_hostname=NAME)
        sock.sendall(get())
        read_reply(sock)
        before = segments_received(sock)
        sock.sendall(get("/", *fields))
        read_reply(sock)
        if fields:
            assert sock.recv(1) == b""
        return segments_received(sock) - before


@pytest.mark.parametrize("how", ["tcp", "tls"])
def test_the_end_of_the_stream_comes_with_the_last_byte(pymosn, origin, files, how) -> None:
    tls = None
    config = http_config(origin.address)
    if how == "tls":
        config = secured(origin.address, context(files))
        tls = ssl.create_default_context(cafile=files / "ca.pem")
    proxy = pymosn(config)
    stays = min(segments_of_a_reply(proxy.address, tls) for _ in range(TRIES))
    ends = min(segments_of_a_reply(proxy.address, tls, CLOSE) for _ in range(TRIES))
    assert ends == stays == 1


def test_so_it_does_for_many_in_one_turn(pymosn, origin) -> None:
    """What is sent for many with one system call."""
    if not no_io_uring.is_allowed():
        pytest.skip("io_uring is not allowed here: the kernel or a seccomp filter refuses it")
    proxy = pymosn(pausing_config(origin.address))
    fewest = []
    for _ in range(3):
        with Clients(proxy.address, 8) as clients:
            clients.pause()
            for sock in clients.others:
                sock.sendall(get("/", CLOSE))
            time.sleep(Pause.SECONDS / 4)
            before = [segments_received(sock) for sock in clients.others]
            for sock in clients.others:
                assert read_to_the_end(sock).endswith(b"origin")
            fewest += [
                segments_received(sock) - earlier
                for sock, earlier in zip(clients.others, before, strict=True)
            ]
    assert min(fewest) == 1


def test_a_reply_survives_what_nobody_read(pymosn, make_origin) -> None:
    """Closing a socket with unread bytes in it must not destroy what has not left."""
    body = bytes(100_000)

    async def slow(_head, _reader, writer) -> None:
        await asyncio.sleep(0.2)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    proxy = pymosn(http_config(make_origin(respond=slow).address))
    with connect(proxy.address) as sock:
        sock.sendall(get("/", CLOSE))
        time.sleep(0.05)
        for _ in range(100):
            sock.sendall(b"x" * 10_000)
        assert read_to_the_end(sock).endswith(body)


def data_segments_of_a_session(address: str, tls: ssl.SSLContext) -> int:
    """Handshake and ask with one send each; returns how many segments with data came."""
    received, to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = tls.wrap_bio(received, to_send, server_hostname=NAME)
    with connect(address) as sock:
        while True:
            try:
                session.do_handshake()
                break
            except ssl.SSLWantReadError:
                sock.sendall(to_send.read())
                received.write(sock.recv(1 << 16))
        finished = to_send.read()
        session.write(get())
        sock.sendall(finished)
        sock.sendall(to_send.read())
        reply = b""
        while not reply.endswith(b"origin"):
            try:
                reply += session.read(1 << 16)
            except ssl.SSLWantReadError:
                received.write(sock.recv(1 << 16))
        return data_segments_received(sock)


def test_the_session_ticket_comes_with_the_reply(pymosn, origin, files) -> None:
    """Even to a client with Nagle's algorithm, which does not send its request before the end of
    the handshake is acknowledged."""
    proxy = pymosn(secured(origin.address, context(files)))
    tls = ssl.create_default_context(cafile=files / "ca.pem")
    fewest = min(data_segments_of_a_session(proxy.address, tls) for _ in range(TRIES))
    assert fewest == 2  # the server's flight; the ticket with the reply
