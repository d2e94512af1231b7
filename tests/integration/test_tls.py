"""TLS on both sides of a data plane; what is left open, and which timers run, is checked at the end
of every test."""

import asyncio
import contextlib
import hashlib
import logging
import os
import socket
import ssl
import struct

import pytest

from pymosn.observe.metrics import DOWNSTREAM, TLS
from pymosn.snapshot import (
    Forward,
    HttpProxy,
    Route,
    RouteMatch,
    Router,
    TcpProxy,
    TlsContext,
    VirtualHost,
    WeightedCluster,
)
from tests.support.runtime import RunningRuntime, asynchronous

NAME = "localhost"
BIG = 6 << 20
TCP = TcpProxy(cluster="c")
HTTP = HttpProxy(router="r")


def http_routes():
    route = Route(Forward([WeightedCluster("c")], timeout=5.0), RouteMatch("prefix", "/"))
    return {"r": Router("r", [VirtualHost("all", ["*"], [route])])}


@contextlib.asynccontextmanager
async def origin(serve, tls=None):
    """Serve with ``serve(reader, writer)``; yields the address."""

    async def guarded(reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(guarded, "127.0.0.1", 0, limit=1 << 20, ssl=tls)
    try:
        yield "{}:{}".format(*server.sockets[0].getsockname())
    finally:
        server.close()


async def echo(reader, writer):
    while data := await reader.read(1 << 17):
        writer.write(data)
        await writer.drain()


async def hashed(reader, writer):
    """Answer each request with the hash of its body, then with that many bytes."""
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        digest = hashlib.sha256()
        left = length
        while left:
            data = await reader.read(min(left, 1 << 16))
            digest.update(data)
            left -= len(data)
        body = digest.hexdigest().encode() + bytes(length)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
        for at in range(0, len(body), 1 << 16):
            writer.write(body[at : at + (1 << 16)])
            await writer.drain()


async def connect(running, authority, **named):
    context = named.pop("context", None) or authority.client()
    return await asyncio.open_connection(
        *running.address, ssl=context, server_hostname=NAME, limit=1 << 20, **named
    )


async def get(reader, writer, body=b""):
    writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body))
    for at in range(0, len(body), 1 << 16):
        writer.write(body[at : at + (1 << 16)])
        await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head, await reader.readexactly(length)


async def close(writer):
    writer.close()
    with contextlib.suppress(Exception):
        await writer.wait_closed()


@pytest.mark.parametrize("newest", ["TLSv1_2", "TLSv1_3"])
@pytest.mark.parametrize("upstream", [False, True])
@asynchronous
async def test_bodies_of_every_size(authority, upstream, newest) -> None:
    tls = authority.server(NAME, maximum_version=ssl.TLSVersion[newest]) if upstream else None
    secured = {"context": TlsContext(ca=authority.pem, verify="full"), "server_name": NAME}
    async with origin(hashed, tls) as address:
        with RunningRuntime(
            HTTP, [address], routers=http_routes(), tls=[authority.context(NAME)],
            upstream_tls=secured if upstream else None,
        ) as running:
            client = authority.client(maximum_version=ssl.TLSVersion[newest])
            reader, writer = await connect(running, authority, context=client)
            for size in (0, 1, 100, 16383, 16384, 16385, 70000, BIG):
                data = os.urandom(size)
                _, body = await get(reader, writer, data)
                assert body == hashlib.sha256(data).hexdigest().encode() + bytes(size)
            await close(writer)
            assert running.metric(TLS, "handshake_total", listener="l") == 1
            if upstream:
                assert running.metric(TLS, "handshake_total", cluster="c") == 1


@asynchronous
async def test_many_clients_at_once(authority) -> None:
    secured = {"context": TlsContext(ca=authority.pem, verify="full"), "server_name": NAME}
    async with origin(hashed, authority.server(NAME)) as address:
        with RunningRuntime(
            HTTP, [address], routers=http_routes(), tls=[authority.context(NAME)],
            upstream_tls=secured,
        ) as running:

            async def one(number):
                reader, writer = await connect(running, authority)
                for _ in range(5):
                    data = os.urandom(number * 1000)
                    _, body = await get(reader, writer, data)
                    assert body[:64] == hashlib.sha256(data).hexdigest().encode()
                await close(writer)

            await asyncio.gather(*(one(number) for number in range(40)))
            assert running.metric(TLS, "handshake_total", listener="l") == 40
            assert running.metric(TLS, "handshake_error", listener="l") == 0


@asynchronous
async def test_upstream_sessions_are_resumed(authority) -> None:
    async def once(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()

    secured = {"context": TlsContext(ca=authority.pem, verify="full"), "server_name": NAME}
    async with origin(once, authority.server(NAME)) as address:
        with RunningRuntime(
            HTTP, [address], routers=http_routes(), tls=[authority.context(NAME)],
            upstream_tls=secured,
        ) as running:
            reader, writer = await connect(running, authority)
            for _ in range(4):
                assert (await get(reader, writer))[1] == b"ok"
            await close(writer)
            assert running.metric(TLS, "handshake_total", cluster="c") == 4
            assert running.metric(TLS, "handshake_resumed", cluster="c") == 3


@asynchronous
async def test_an_upstream_that_is_not_who_it_should_be(authority, caplog) -> None:
    secured = {"context": TlsContext(ca=authority.pem, verify="full"), "server_name": NAME}
    with caplog.at_level(logging.INFO):
        async with origin(hashed, authority.server("other.test")) as address:
            with RunningRuntime(
                HTTP, [address], routers=http_routes(), upstream_tls=secured
            ) as running:
                reader, writer = await asyncio.open_connection(*running.address)
                head, _ = await get(reader, writer)
                assert b" 502 " in head
                await close(writer)
                assert running.metric(TLS, "handshake_error", cluster="c") >= 1
    assert f"cluster c: the TLS handshake with {address} failed" in caplog.text
    assert "hostname mismatch" in caplog.text


@pytest.mark.parametrize("fall_back", [False, True])
@pytest.mark.parametrize("layer", ["http", "tcp"])
@asynchronous
async def test_a_plain_upstream(authority, fall_back, layer, caplog) -> None:
    secured = {
        "context": TlsContext(ca=authority.pem, verify="full"),
        "server_name": NAME,
        "fall_back": fall_back,
    }
    proxy = HTTP if layer == "http" else TCP
    with caplog.at_level(logging.INFO):
        async with origin(plain_hashed) as address:
            with RunningRuntime(
                proxy, [address], routers=http_routes(), upstream_tls=secured
            ) as running:
                reader, writer = await asyncio.open_connection(*running.address)
                if fall_back:
                    assert (await get(reader, writer, b"x"))[1][64:] == bytes(1)
                elif layer == "http":
                    assert b" 502 " in (await get(reader, writer))[0]
                else:
                    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                        await get(reader, writer)
                await close(writer)
    assert "does not speak TLS" in caplog.text
    assert ("going on in plain text" in caplog.text) == fall_back


async def plain_hashed(reader, writer):
    """An origin that answers a ClientHello with an error of its own protocol."""
    first = await reader.readexactly(1)
    if first == b"\x16":
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        return
    reader._buffer[:0] = first
    await hashed(reader, writer)


@asynchronous
async def test_plain_text_on_the_same_port(authority) -> None:
    async with origin(hashed) as address:
        with RunningRuntime(
            HTTP, [address], routers=http_routes(), tls=[authority.context(NAME)], inspector=True
        ) as running:
            for open_one in (
                asyncio.open_connection(*running.address), connect(running, authority),
                asyncio.open_connection(*running.address),
            ):
                reader, writer = await open_one
                assert (await get(reader, writer, b"abc"))[1][64:] == bytes(3)
                await close(writer)
            assert running.metric(TLS, "handshake_total", listener="l") == 1


@asynchronous
async def test_who_never_finishes_the_handshake(authority, caplog) -> None:
    with caplog.at_level(logging.INFO):
        async with origin(hashed) as address:
            with RunningRuntime(
                HTTP, [address], routers=http_routes(), tls=[authority.context(NAME)],
                handshake_timeout=0.3,
            ) as running:
                readers = []
                for data in (b"", b"\x16", b"\x16\x03\x01\x02\x00\x01"):
                    reader, writer = await asyncio.open_connection(*running.address)
                    writer.write(data)
                    readers.append((reader, writer))
                for reader, writer in readers:
                    with contextlib.suppress(ConnectionError):
                        assert await asyncio.wait_for(reader.read(), 5) == b""
                    await close(writer)
                assert running.metric(TLS, "handshake_error", listener="l") == 3
                assert running.metric(DOWNSTREAM, "connection_active", listener="l") == 0
    assert "it took too long" in caplog.text


@pytest.mark.parametrize("newest", ["TLSv1_2", "TLSv1_3"])
@asynchronous
async def test_handshakes_in_tiny_pieces_together(authority, newest) -> None:
    """The state of one handshake does not leak into another that goes on beside it."""
    async with origin(hashed) as address:
        with RunningRuntime(
            HTTP, [address], routers=http_routes(), tls=[authority.context(NAME)]
        ) as running:

            async def one(step):
                loop = asyncio.get_running_loop()
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                client = authority.client(maximum_version=ssl.TLSVersion[newest])
                peer = client.wrap_bio(incoming, outgoing, server_hostname=NAME)
                sock = socket.socket()
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await loop.sock_connect(sock, running.address)

                async def flush():
                    data = outgoing.read()
                    for at in range(0, len(data), step):
                        await loop.sock_sendall(sock, data[at : at + step])
                        await asyncio.sleep(0)

                async def until_done(call):
                    while True:
                        try:
                            result = call()
                        except ssl.SSLWantReadError:
                            await flush()
                            incoming.write(await loop.sock_recv(sock, 4096))
                        else:
                            await flush()
                            return result

                await until_done(peer.do_handshake)
                peer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok")
                answer = await until_done(lambda: peer.read(4096))
                assert answer.startswith(b"HTTP/1.1 200")
                sock.close()

            await asyncio.gather(*(one(step) for step in (1, 2, 3, 5, 7, 11, 13, 50)))


@pytest.mark.parametrize("side", ["down", "up", "both"])
@asynchronous
async def test_tcp(authority, side) -> None:
    """Bytes pass in both directions while neither side is read without a bound."""
    secured = {"context": TlsContext(ca=authority.pem, verify="full"), "server_name": NAME}
    tls = authority.server(NAME) if side != "down" else None
    async with origin(echo, tls) as address:
        with RunningRuntime(
            TCP, [address],
            tls=[authority.context(NAME)] if side != "up" else None,
            upstream_tls=secured if side != "down" else None,
        ) as running:
            if side == "up":
                reader, writer = await asyncio.open_connection(*running.address)
            else:
                reader, writer = await connect(running, authority)
            data = os.urandom(BIG)

            async def send():
                for at in range(0, BIG, 1 << 16):
                    writer.write(data[at : at + (1 << 16)])
                    await writer.drain()

            sending = asyncio.ensure_future(send())
            await asyncio.sleep(0.5)  # nobody reads the echo: everything stops
            assert await reader.readexactly(BIG) == data
            await sending
            await close(writer)


@asynchronous
async def test_tcp_passes_a_cut_on_as_a_cut(authority) -> None:
    """Without a close_notify somebody in between may have cut the stream."""
    ends = []

    async def listen(reader, writer):
        try:
            while await reader.read(100):
                pass
            ends.append("eof")
        except ConnectionError:
            ends.append("reset")

    async with origin(listen) as address:
        with RunningRuntime(TCP, [address], tls=[authority.context(NAME)]) as running:
            for polite in (True, False):
                _, writer = await connect(running, authority)
                writer.write(b"hello")
                await writer.drain()
                await asyncio.sleep(0.1)
                if polite:
                    await close(writer)
                else:
                    writer.get_extra_info("socket").shutdown(socket.SHUT_WR)
                    await asyncio.sleep(0.1)
                    writer.transport.abort()
                await asyncio.sleep(0.2)
    assert ends == ["eof", "reset"]


@asynchronous
async def test_a_body_that_ends_with_the_connection_must_end_politely(authority) -> None:
    polite = True

    async def until_close(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nas long as it lasts")
        await writer.drain()
        if not polite:
            await asyncio.sleep(0.1)
            writer.get_extra_info("socket").shutdown(socket.SHUT_WR)
            await asyncio.sleep(0.3)
            writer.transport.abort()

    secured = {"context": TlsContext(ca=authority.pem, verify="full"), "server_name": NAME}
    async with origin(until_close, authority.server(NAME)) as address:
        with RunningRuntime(
            HTTP, [address], routers=http_routes(), upstream_tls=secured
        ) as running:
            for polite in (True, False):
                reader, writer = await asyncio.open_connection(*running.address)
                writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                data = b""
                with contextlib.suppress(ConnectionError):
                    data = await reader.read()
                # The last chunk says that the body is whole.
                assert data.endswith(b"0\r\n\r\n") == polite
                await close(writer)


@asynchronous
async def test_a_reset_in_the_handshake(authority) -> None:
    async with origin(hashed) as address:
        with RunningRuntime(
            HTTP, [address], routers=http_routes(), tls=[authority.context(NAME)]
        ) as running:
            for data in (b"", b"\x16\x03\x01"):
                sock = socket.create_connection(running.address)
                sock.sendall(data)
                await asyncio.sleep(0.05)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.close()
            await asyncio.sleep(0.2)
            assert running.metric(DOWNSTREAM, "connection_active", listener="l") == 0
            assert running.metric(TLS, "handshake_error", listener="l") == 2


@asynchronous
async def test_handshakes_count_as_connections(authority) -> None:
    async with origin(hashed) as address:
        with RunningRuntime(
            HTTP, [address], routers=http_routes(), tls=[authority.context(NAME)],
            max_connections=1,
        ) as running:
            _, first = await asyncio.open_connection(*running.address)
            await asyncio.sleep(0.1)
            with contextlib.suppress(ConnectionError):
                reader, second = await asyncio.open_connection(*running.address)
                assert await reader.read() == b""
                await close(second)
            await asyncio.sleep(0.1)
            assert running.metric(DOWNSTREAM, "connection_overflow", listener="l") == 1
            await close(first)
