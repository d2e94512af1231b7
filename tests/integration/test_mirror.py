"""Copies of requests, through the real proxy: what arrives where, and that nobody waits."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from pymosn import snapshot as model
from tests.support.peer import CutError, Message, Peer, connect, origin
from tests.support.wire import PATIENCE, Proxy, running, snapshot

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ELSE = b"HTTP/1.1 500 No\r\nContent-Length: 5\r\n\r\nnever"
GET = b"GET /a?b=c HTTP/1.1\r\nHost: h\r\nX-One: 1\r\n\r\n"
MEGABYTE = 1 << 20


class Heard:
    """What an origin was asked."""

    def __init__(self, reply: bytes = OK, delay: float = 0.0) -> None:
        self.requests: list[Message] = []
        self.cut = 0
        self._reply = reply
        self._delay = delay

    async def script(self, peer: Peer) -> None:
        while True:
            try:
                self.requests.append(await peer.request())
            except CutError:
                self.cut += 1
                raise
            await asyncio.sleep(self._delay)
            await peer.send(self._reply)

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.requests) < count:
                await asyncio.sleep(0.01)


def mirrored(hosts: list[str], copies_at: list[str], percent: int, config: Any) -> model.Snapshot:
    made = snapshot(hosts)
    shadow = snapshot(copies_at).clusters["c"]
    action = model.Forward(
        [model.WeightedCluster("c")], timeout=2.0, mirror_cluster="m", mirror_percent=percent
    )
    host = model.VirtualHost("v", ["*"], [model.Route(action)])
    listener = msgspec.structs.replace(
        made.listeners[0], stream_filters=[model.StreamFilter("mirror", config)]
    )
    clusters = {**made.clusters, "m": msgspec.structs.replace(shadow, name="m")}
    return msgspec.structs.replace(
        made, listeners=[listener], clusters=clusters, routers={"r": model.Router("r", [host])}
    )


def through(
    client: Callable[[Proxy, Heard, list[Heard]], Awaitable[None]],
    *,
    percent: int = 100,
    config: dict[str, Any] | None = None,
    shadows: list[Heard] | None = None,
) -> None:
    """Run ``client`` against a proxy with an origin and one mirror host for each shadow."""

    async def main() -> None:
        real = Heard()
        behind = [Heard(ELSE)] if shadows is None else shadows
        async with asyncio.timeout(4 * PATIENCE), origin(real.script) as address:
            origins = [origin(shadow.script) for shadow in behind]
            try:
                addresses = [await item.__aenter__() for item in origins]
                with running(
                    mirrored([address], addresses, percent, config or {}), quiet=False
                ) as proxy:
                    await client(proxy, real, behind)
                    await asyncio.to_thread(proxy.assert_quiet)
            finally:
                for item in origins:
                    await item.__aexit__(None, None, None)

    asyncio.run(main())


async def ask(proxy: Proxy, data: bytes) -> Message:
    peer = await connect(proxy.port)
    await peer.send(data)
    response = await peer.response()
    await peer.close()
    return response


def test_a_copy_is_the_request_and_its_response_goes_nowhere() -> None:
    async def client(proxy: Proxy, real: Heard, shadows: list[Heard]) -> None:
        response = await ask(proxy, GET)
        assert (response.status, response.body) == (200, b"ok")
        await shadows[0].wait_for(1)
        (copy,) = shadows[0].requests
        (request,) = real.requests
        assert (copy.target, copy.get(b"x-one"), copy.get(b"host")) == (b"/a?b=c", b"1", b"h")
        assert copy.target == request.target

    through(client)


@pytest.mark.parametrize("chunked", [False, True])
def test_the_body_is_copied(chunked: bool) -> None:
    async def client(proxy: Proxy, real: Heard, shadows: list[Heard]) -> None:
        peer = await connect(proxy.port)
        if chunked:
            await peer.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
            await peer.send(b"3\r\nabc\r\n")
            await asyncio.sleep(0.05)
            await peer.send(b"4\r\ndefg\r\n0\r\nX-Sum: 7\r\n\r\n")
        else:
            await peer.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\n\r\nabc")
            await asyncio.sleep(0.05)
            await peer.send(b"defg")
        assert (await peer.response()).status == 200
        await shadows[0].wait_for(1)
        assert shadows[0].requests[0].body == real.requests[0].body == b"abcdefg"
        await peer.close()

    through(client)


def test_the_percentage() -> None:
    async def client(proxy: Proxy, real: Heard, shadows: list[Heard]) -> None:
        peer = await connect(proxy.port)
        for _ in range(400):
            await peer.send(GET)
            assert (await peer.response()).status == 200
        await peer.close()
        await asyncio.sleep(0.1)
        assert 40 < len(shadows[0].requests) < 160

    through(client, percent=25)


def test_nothing_is_copied_at_zero_percent() -> None:
    async def client(proxy: Proxy, real: Heard, shadows: list[Heard]) -> None:
        for _ in range(5):
            assert (await ask(proxy, GET)).status == 200
        assert not shadows[0].requests

    through(client, percent=0)


def test_amplification() -> None:
    async def client(proxy: Proxy, real: Heard, shadows: list[Heard]) -> None:
        assert (await ask(proxy, GET)).status == 200
        await shadows[0].wait_for(3)
        assert len(real.requests) == 1

    through(client, config={"amplification": 3})


def test_broadcast_answers_in_the_place_of_the_origin() -> None:
    async def client(proxy: Proxy, real: Heard, shadows: list[Heard]) -> None:
        data = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
        response = await ask(proxy, data)
        assert (response.status, response.body) == (200, b"")
        for shadow in shadows:
            await shadow.wait_for(1)
            assert [request.body for request in shadow.requests] == [b"abc"]
        assert not real.requests

    through(client, config={"broadcast": True}, shadows=[Heard(ELSE), Heard(ELSE), Heard(ELSE)])


def test_nobody_waits_for_a_slow_copy() -> None:
    """The route's timeout of two seconds ends the copy too."""

    async def client(proxy: Proxy, real: Heard, shadows: list[Heard]) -> None:
        async with asyncio.timeout(1.5):
            assert (await ask(proxy, GET)).status == 200
        await shadows[0].wait_for(1)

    through(client, shadows=[Heard(ELSE, delay=30.0)])


def test_a_dead_mirror_harms_nobody() -> None:
    async def main() -> None:
        real = Heard()
        async with origin(real.script) as gone:
            pass
        async with asyncio.timeout(2 * PATIENCE), origin(real.script) as address:
            with running(mirrored([address], [gone], 100, {})) as proxy:
                assert (await ask(proxy, GET)).status == 200

    asyncio.run(main())


def test_a_copy_that_cannot_keep_up_is_given_up() -> None:
    """The mirror host reads nothing: the client's megabytes go to the origin all the same."""

    async def main() -> None:
        real = Heard()
        held = asyncio.Event()

        async def deaf(peer: Peer) -> None:
            await held.wait()

        async with (
            asyncio.timeout(4 * PATIENCE),
            origin(real.script) as address,
            origin(deaf, limit=1024) as shadow,
        ):
            with running(mirrored([address], [shadow], 100, {}), quiet=False) as proxy:
                before = proxy.rss()
                peer = await connect(proxy.port)
                size = 40 * MEGABYTE
                await peer.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size)
                for _ in range(40):
                    await peer.send(bytes(MEGABYTE))
                assert (await peer.response()).status == 200
                assert len(real.requests[0].body) == size
                assert proxy.rss() - before < 8 * MEGABYTE
                await peer.close()
                held.set()

    asyncio.run(main())


def test_a_client_that_leaves_takes_its_copy_along() -> None:
    async def client(proxy: Proxy, real: Heard, shadows: list[Heard]) -> None:
        peer = await connect(proxy.port)
        await peer.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\n\r\nabc")
        await asyncio.sleep(0.2)
        await peer.close()
        async with asyncio.timeout(PATIENCE):
            while not shadows[0].cut:
                await asyncio.sleep(0.01)
        assert not shadows[0].requests

    through(client)
