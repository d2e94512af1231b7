"""Large HTTP/1 bodies, which go through pipes."""

import asyncio
import contextlib
import hashlib
import os
import socket

import pytest

from pymosn.observe.metrics import DOWNSTREAM, UPSTREAM_HOST
from pymosn.snapshot import Forward, HttpProxy, Route, Router, VirtualHost, WeightedCluster
from tests.support.runtime import RunningRuntime, asynchronous

LARGE = 6 << 20
BODY = os.urandom(LARGE)
DIGEST = hashlib.sha256(BODY).hexdigest().encode()


def running(address):
    route = Route(Forward([WeightedCluster("c")], timeout=20.0))
    router = Router("r", [VirtualHost("v", ["*"], [route])])
    return RunningRuntime(HttpProxy(router="r"), [address], routers={"r": router})


@contextlib.asynccontextmanager
async def origin(respond):
    """Serve requests with ``respond(target, body, writer)``; yields the address."""

    async def serve(reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = 0
                for line in head.lower().split(b"\r\n"):
                    if line.startswith(b"content-length:"):
                        size = int(line.split(b":")[1])
                hashed = hashlib.sha256()
                while size:
                    data = await reader.read(min(size, 1 << 17))
                    if not data:
                        return
                    hashed.update(data)
                    size -= len(data)
                await respond(head.split()[1], hashed, writer)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20)
    try:
        yield "127.0.0.1:{1}".format(*server.sockets[0].getsockname())
    finally:
        server.close()


async def respond(target, hashed, writer):
    body = {b"/large": BODY, b"/digest": hashed.hexdigest().encode()}.get(target, b"small")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
    if target == b"/large":
        # Pieces of many sizes: large and small ones alternate.
        at = 0
        step = 1
        while at < len(body):
            writer.write(body[at : at + step])
            await writer.drain()
            at += step
            step = step * 7 % 900001
    else:
        writer.write(body)


class Client:
    """A keep-alive connection to the proxy."""

    async def open(self, proxy, receive_buffer=0):
        client = socket.socket()
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, proxy.address)
        self.reader, self.writer = await asyncio.open_connection(sock=client, limit=1 << 20)
        return self

    async def send(self, method, target, body=b""):
        head = b"%b %b HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n"
        self.writer.write(head % (method, target, len(body)))
        self.writer.write(body)
        await self.writer.drain()

    async def receive(self, pause=0.0):
        head = await self.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        parts = []
        while size:
            data = await self.reader.read(min(size, 1 << 17))
            if not data:
                raise asyncio.IncompleteReadError(b"", size)
            parts.append(data)
            size -= len(data)
            if pause:
                await asyncio.sleep(pause)
        return b"".join(parts)

    async def exchange(self, target, body=b"", pause=0.0):
        _, answer = await asyncio.gather(
            self.send(b"POST" if body else b"GET", target, body), self.receive(pause)
        )
        return answer


def pipes(proxy):
    """Return how many pipes were made and are free again."""
    return proxy.call(lambda: len(proxy.reactor.spare_pipes))


def upstreams(proxy, address):
    """Return how many connections to the origin were made."""
    return proxy.metric(UPSTREAM_HOST, "connection_total", cluster="c", host=address)


@asynchronous
async def test_response_bodies():
    async with origin(respond) as address:
        with running(address) as proxy:
            client = await Client().open(proxy)
            for _ in range(3):
                assert await client.exchange(b"/large") == BODY
                assert await client.exchange(b"/small") == b"small"
            assert pipes(proxy) == 1
            # One connection served it all: the exchanges ended as they should.
            assert upstreams(proxy, address) == 1
            client.writer.close()
            while proxy.call(proxy.runtime.active):
                await asyncio.sleep(0.01)
            written = proxy.metric(DOWNSTREAM, "bytes_write_total", listener="l")
            assert 3 * LARGE < written < 3 * LARGE + 10000


@asynchronous
async def test_request_bodies():
    async with origin(respond) as address:
        with running(address) as proxy:
            client = await Client().open(proxy)
            for _ in range(3):
                assert await client.exchange(b"/digest", BODY) == DIGEST
                assert await client.exchange(b"/small") == b"small"
            assert pipes(proxy) == 1
            assert upstreams(proxy, address) == 1
            client.writer.close()


@asynchronous
async def test_many_at_once_and_slowly():
    async with origin(respond) as address:
        with running(address) as proxy:
            clients = [await Client().open(proxy, 65536) for _ in range(6)]
            answers = await asyncio.gather(
                *(client.exchange(b"/large", pause=0.003) for client in clients[:3]),
                *(client.exchange(b"/digest", BODY) for client in clients[3:]),
            )
            assert answers == [BODY] * 3 + [DIGEST] * 3
            for client in clients:
                client.writer.close()


@pytest.mark.parametrize("sent", [70000, 3 << 20])
@asynchronous
async def test_cut_response_is_noticed(sent):
    async def cut(target, hashed, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE)
        writer.write(BODY[:sent])
        await writer.drain()
        raise ConnectionError

    async with origin(cut) as address:
        with running(address) as proxy:
            client = await Client().open(proxy)
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await client.exchange(b"/large")
            client.writer.close()


@asynchronous
async def test_client_that_leaves_ends_the_exchange():
    async with origin(respond) as address:
        with running(address) as proxy:
            for target, body in ((b"/large", b""), (b"/digest", BODY)):
                client = await Client().open(proxy, 65536)
                await client.send(b"POST", target, body)
                await asyncio.sleep(0.1)
                client.writer.transport.abort()
                while proxy.call(proxy.runtime.active):
                    await asyncio.sleep(0.01)
            cluster = proxy.runtime.clusters["c"]
            assert cluster.hosts[0].active == 0
            client = await Client().open(proxy)
            assert await client.exchange(b"/large") == BODY
            client.writer.close()


@asynchronous
async def test_a_connection_is_reused_right_after_a_large_body():
    """The next answer may be there before the turn that sent its request is over."""

    async def at_once(target, hashed, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + BODY[:300000])

    async def exchanges(proxy):
        client = await Client().open(proxy)
        for _ in range(30):
            assert await client.exchange(b"/") == BODY[:300000]
        client.writer.close()

    async with origin(at_once) as address:
        with running(address) as proxy:
            await asyncio.gather(*(exchanges(proxy) for _ in range(8)))
