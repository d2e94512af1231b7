"""The TCP proxy between real sockets."""

import asyncio
import contextlib
import hashlib
import os
import random
import socket
import struct
import time

import pytest

from pymosn.observe.metrics import DOWNSTREAM, UPSTREAM_CLUSTER, UPSTREAM_HOST
from pymosn.snapshot import Limits, TcpProxy, TcpRoute
from tests.support.runtime import RunningRuntime, asynchronous

BIG = 24 << 20
SETTINGS = TcpProxy(cluster="c")


def closed_port():
    """Return an address that refuses connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return "{}:{}".format(*server.getsockname())


@contextlib.asynccontextmanager
async def origin(serve):
    """Serve with ``serve(reader, writer)``; yields the address."""

    async def guarded(reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(guarded, "127.0.0.1", 0, limit=1 << 20)
    try:
        yield "{}:{}".format(*server.sockets[0].getsockname())
    finally:
        server.close()


async def echo(reader, writer):
    while data := await reader.read(1 << 17):
        writer.write(data)
        await writer.drain()
    writer.write_eof()
    await writer.drain()


async def digest(reader, writer):
    """Answer with the SHA-256 of everything that was sent."""
    hashed = hashlib.sha256()
    while data := await reader.read(1 << 17):
        hashed.update(data)
    writer.write(hashed.digest())
    await writer.drain()


def pieces(seed, total, largest=1 << 18):
    """Random bytes in pieces of random size, many of them small."""
    rng = random.Random(seed)
    block = os.urandom(1 << 18)
    while total > 0:
        size = min(total, rng.choice((1, 100, 4096, 65536, rng.randint(1, largest))))
        start = rng.randint(0, len(block) - 1)
        piece = block[start : start + size]
        total -= len(piece)
        yield piece


async def connect(proxy):
    return await asyncio.open_connection(*proxy.address, limit=1 << 20)


async def send_all(writer, parts, hashed):
    for piece in parts:
        hashed.update(piece)
        writer.write(piece)
        await writer.drain()
    writer.write_eof()


async def receive_all(reader, pause=0.0):
    hashed = hashlib.sha256()
    while data := await reader.read(1 << 17):
        hashed.update(data)
        if pause:
            await asyncio.sleep(pause)
    return hashed.digest()


async def until(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "in vain"
        await asyncio.sleep(0.01)


async def gone(reader):
    """Read until the connection is gone; True when it was reset."""
    try:
        await asyncio.wait_for(reader.read(), 10)
    except ConnectionResetError:
        return True
    return False


def refused(proxy):
    """Connect and see that the proxy resets the connection."""
    try:
        with socket.create_connection(proxy.address, 10) as client:
            return client.recv(1) == b""
    except ConnectionResetError:
        return True


@asynchronous
async def test_echo_and_half_close():
    async with origin(echo) as address:
        with RunningRuntime(SETTINGS, [address]) as proxy:
            reader, writer = await connect(proxy)
            for message in (b"a", b"hello", b"x" * 5000):
                writer.write(message)
                assert await reader.readexactly(len(message)) == message
            writer.write(b"last")
            writer.write_eof()
            assert await reader.read() == b"last"
            writer.close()
            await until(lambda: not proxy.sessions())
            read = proxy.metric(DOWNSTREAM, "bytes_read_total", listener="l")
            assert read == proxy.metric(DOWNSTREAM, "bytes_write_total", listener="l") == 5010
            assert proxy.metric(DOWNSTREAM, "connection_total", listener="l") == 1
            assert proxy.metric(DOWNSTREAM, "connection_active", listener="l") == 0
            host = {"cluster": "c", "host": address}
            assert proxy.metric(UPSTREAM_HOST, "connection_total", **host) == 1
            assert proxy.metric(UPSTREAM_HOST, "connection_active", **host) == 0
            sent = proxy.metric(UPSTREAM_CLUSTER, "connection_bytes_write", cluster="c")
            assert sent == 5010
            cluster = proxy.runtime.clusters["c"]
            assert cluster.hosts[0].active == 0
            assert cluster.limits.connections == 0


@asynchronous
async def test_server_speaks_first_and_closes_first():
    async def greet(reader, writer):
        writer.write(b"220 hello\r\n")
        writer.write_eof()
        assert await reader.read() == b"QUIT"

    async with origin(greet) as address:
        with RunningRuntime(SETTINGS, [address]) as proxy:
            reader, writer = await connect(proxy)
            assert await reader.read() == b"220 hello\r\n"
            writer.write(b"QUIT")
            writer.write_eof()
            await until(lambda: not proxy.sessions())
            writer.close()


@pytest.mark.parametrize("seed", range(6))
@asynchronous
async def test_bytes_arrive_unchanged_both_ways(seed):
    async with origin(echo) as address:
        with RunningRuntime(SETTINGS, [address]) as proxy:
            reader, writer = await connect(proxy)
            hashed = hashlib.sha256()
            pause = 0.002 if seed % 2 else 0.0
            received, _ = await asyncio.gather(
                receive_all(reader, pause),
                send_all(writer, pieces(seed, BIG if seed < 2 else BIG // 8), hashed),
            )
            assert received == hashed.digest()
            writer.close()
            await until(lambda: not proxy.sessions())


@asynchronous
async def test_upload():
    async with origin(digest) as address:
        with RunningRuntime(SETTINGS, [address]) as proxy:
            clients = await asyncio.gather(*(connect(proxy) for _ in range(8)))
            hashes = [hashlib.sha256() for _ in clients]
            await asyncio.gather(
                *(
                    send_all(writer, pieces(index, BIG // 4), hashed)
                    for index, ((_, writer), hashed) in enumerate(
                        zip(clients, hashes, strict=True)
                    )
                )
            )
            for (reader, writer), hashed in zip(clients, hashes, strict=True):
                assert await reader.read() == hashed.digest()
                writer.close()


@asynchronous
async def test_bulk_goes_through_pipes_and_small_messages_do_not():
    async def serve(reader, writer):
        while line := await reader.readline():
            writer.write(b"x" * int(line))
            await writer.drain()

    async with origin(serve) as address:
        with RunningRuntime(SETTINGS, [address]) as proxy:
            reader, writer = await connect(proxy)
            for size in (8 << 20, *[10] * 30, 8 << 20, *[70000] * 30):
                writer.write(b"%d\n" % size)
                assert len(await reader.readexactly(size)) == size
            assert proxy.call(lambda: len(proxy.reactor.spare_pipes)) == 1
            writer.close()


@asynchronous
async def test_slow_reader_holds_the_sender():
    async def flood(reader, writer):
        sent[0] = 0
        for _ in range(4096):
            writer.write(b"y" * 65536)
            await writer.drain()
            sent[0] += 65536

    sent = [0]
    async with origin(flood) as address:
        with RunningRuntime(SETTINGS, [address]) as proxy:
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            client.setblocking(False)
            await asyncio.get_running_loop().sock_connect(client, proxy.address)
            reader, writer = await asyncio.open_connection(sock=client, limit=4096)
            await until(lambda: sent[0] > 0)
            before = -1
            while sent[0] != before:
                before = sent[0]
                await asyncio.sleep(0.3)
            # What the kernel's buffers and one pipe hold, and not what the origin has.
            assert sent[0] < 48 << 20
            (session,) = proxy.sessions()
            assert session.down.output.size <= 1 << 20
            received = 0
            while data := await reader.read(1 << 20):
                received += len(data)
            assert received == 4096 * 65536
            writer.close()


@asynchronous
async def test_next_host_after_a_failure():
    async with origin(echo) as address:
        hosts = [closed_port(), address]
        with RunningRuntime(SETTINGS, hosts) as proxy:
            for _ in range(4):
                reader, writer = await connect(proxy)
                writer.write(b"ping")
                assert await reader.readexactly(4) == b"ping"
                writer.close()
            await until(lambda: not proxy.sessions())
            dead = {"cluster": "c", "host": hosts[0]}
            assert proxy.metric(UPSTREAM_HOST, "connection_con_fail", **dead) >= 1
            assert proxy.metric(UPSTREAM_CLUSTER, "connection_retry", cluster="c") >= 1
            cluster = proxy.runtime.clusters["c"]
            assert [host.active for host in cluster.hosts] == [0, 0]
            assert cluster.limits.connections == 0


@asynchronous
async def test_attempts_are_limited():
    hosts = [closed_port() for _ in range(4)]
    with RunningRuntime(TcpProxy(cluster="c", max_connect_attempts=2), hosts) as proxy:
        assert refused(proxy)
        await until(lambda: not proxy.sessions())
        failed = [
            proxy.metric(UPSTREAM_HOST, "connection_con_fail", cluster="c", host=host)
            for host in hosts
        ]
        assert sorted(failed) == [0, 0, 1, 1]


@pytest.mark.parametrize(
    "settings",
    [
        SETTINGS,
        TcpProxy(cluster="unknown"),
        TcpProxy(routes=[TcpRoute("c", ["10.0.0.0/8"], ["0.0.0.0/0"], [(1, 9)], [(1, 9)])]),
    ],
    ids=["no host", "no cluster", "no route"],
)
@asynchronous
async def test_nowhere_to_go(settings):
    with RunningRuntime(settings, []) as proxy:
        assert refused(proxy)
        await until(lambda: not proxy.sessions())
        assert proxy.metric(DOWNSTREAM, "connection_destroy", listener="l") == 1


@asynchronous
async def test_routes():
    everywhere = ["0.0.0.0/0"]
    rules = [
        TcpRoute("elsewhere", ["10.0.0.0/8"], everywhere, [(1, 65535)], [(1, 65535)]),
        TcpRoute("c", ["127.0.0.0/8"], everywhere, [(1, 65535)], [(1, 65535)]),
    ]
    async with origin(echo) as address:
        with RunningRuntime(TcpProxy(routes=rules), [address]) as proxy:
            reader, writer = await connect(proxy)
            writer.write(b"ping")
            assert await reader.readexactly(4) == b"ping"
            writer.close()


@asynchronous
async def test_idle_timeout():
    async with origin(echo) as address:
        with RunningRuntime(TcpProxy(cluster="c", idle_timeout=0.4), [address]) as proxy:
            reader, writer = await connect(proxy)
            for _ in range(4):
                await asyncio.sleep(0.2)
                writer.write(b"still here")
                await reader.readexactly(10)
            began = time.monotonic()
            await gone(reader)
            assert 0.3 < time.monotonic() - began < 3
            await until(lambda: not proxy.sessions())
            writer.close()


@asynchronous
async def test_cluster_limit():
    async with origin(echo) as address:
        with RunningRuntime(SETTINGS, [address], limits=Limits(connections=1)) as proxy:
            reader, writer = await connect(proxy)
            writer.write(b"a")
            await reader.readexactly(1)
            assert refused(proxy)
            writer.close()
            await until(lambda: not proxy.sessions())
            reader, writer = await connect(proxy)
            writer.write(b"b")
            assert await reader.readexactly(1) == b"b"
            writer.close()


@asynchronous
async def test_listener_limit():
    async with origin(echo) as address:
        with RunningRuntime(SETTINGS, [address], max_connections=1) as proxy:
            reader, writer = await connect(proxy)
            writer.write(b"a")
            await reader.readexactly(1)
            assert refused(proxy)
            assert proxy.metric(DOWNSTREAM, "connection_overflow", listener="l") == 1
            writer.close()


def reset(writer):
    """Close so that the peer sees a reset."""
    transport = writer.transport
    linger = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()


@pytest.mark.parametrize("sent", [10, 4 << 20])
@asynchronous
async def test_reset_of_the_upstream_reaches_the_client(sent):
    async def cut(reader, writer):
        writer.write(b"z" * sent)
        await writer.drain()
        reset(writer)

    async with origin(cut) as address:
        with RunningRuntime(SETTINGS, [address]) as proxy:
            reader, writer = await connect(proxy)
            assert await gone(reader)
            await until(lambda: not proxy.sessions())
            writer.close()


@pytest.mark.parametrize("size", [10, 4 << 20])
@asynchronous
async def test_reset_of_the_client_reaches_the_upstream(size):
    async def serve(reader, writer):
        writer.write(b"z" * size)
        await reader.readexactly(1)
        ended.append(await gone(reader))

    ended = []
    async with origin(serve) as address:
        with RunningRuntime(SETTINGS, [address]) as proxy:
            reader, writer = await connect(proxy)
            await reader.readexactly(10)
            writer.write(b"!")
            await asyncio.sleep(0.1)
            reset(writer)
            await until(lambda: ended)
            assert ended == [True]
            await until(lambda: not proxy.sessions())


@asynchronous
async def test_close_ends_everything():
    async with origin(echo) as address:
        with RunningRuntime(SETTINGS, [address]) as proxy:
            reader, writer = await connect(proxy)
            writer.write(b"a")
            await reader.readexactly(1)
            proxy.call(proxy.runtime.drain)
            writer.write(b"b")
            assert await reader.readexactly(1) == b"b"
            assert proxy.call(proxy.runtime.active) == 1
            proxy.call(proxy.runtime.close)
            await gone(reader)
            writer.close()


@asynchronous
async def test_a_balancer_that_fails_costs_one_connection():
    async with origin(echo) as address:
        with RunningRuntime(SETTINGS, [address]) as proxy:
            cluster = proxy.runtime.clusters["c"]
            hosts = list(cluster.balancer.hosts)
            proxy.call(lambda: setattr(cluster.balancer, "hosts", ["no host"]) or True)
            assert refused(proxy)
            await until(lambda: not proxy.sessions())
            assert [type(error) for error in proxy.errors] == [TypeError]
            proxy.errors.clear()
            assert cluster.limits.connections == 0
            proxy.call(lambda: setattr(cluster.balancer, "hosts", hosts) or True)
            reader, writer = await connect(proxy)
            writer.write(b"ping")
            assert await reader.readexactly(4) == b"ping"
            writer.close()
