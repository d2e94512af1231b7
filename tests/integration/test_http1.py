"""HTTP/1.1 through the real proxy, with scripted origins and clients that misbehave.

``through`` starts an origin and a proxy in front of it, runs the client's part, and in the end
requires that nothing is left: no connection, no timer, no count.
"""

import asyncio
import hashlib
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pymosn import snapshot as model
from tests.support.peer import CutError, Peer, Script, connect, origin
from tests.support.wire import PATIENCE, Proxy, running, snapshot

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
CLOSE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
MEGABYTE = 1 << 20


def through(
    script: Script | None,
    client: Callable[[Proxy], Awaitable[None]],
    *,
    origin_options: dict[str, int] | None = None,
    **options: Any,
) -> None:
    """Run ``client`` against a proxy in front of ``script`` (None: nothing listens there)."""

    async def main() -> None:
        if script is None:
            async with origin(answer(OK)) as address:
                pass
            await serve(address)
            return
        async with origin(script, **(origin_options or {})) as address:
            await serve(address)

    async def serve(address: str) -> None:
        with running(snapshot([address], **options), quiet=False) as proxy:
            async with asyncio.timeout(4 * PATIENCE):
                await client(proxy)
            await asyncio.to_thread(proxy.assert_quiet)

    asyncio.run(main())


def answer(*replies: bytes) -> Script:
    """Return an origin that answers each request of a connection with the next of ``replies``;
    the last one again and again."""

    async def script(peer: Peer) -> None:
        for reply in replies[:-1]:
            await peer.request()
            await peer.send(reply)
        while True:
            await peer.request()
            await peer.send(replies[-1])

    return script


def answer_once(reply: bytes) -> Script:
    """Return an origin that answers one request a connection, then closes."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(reply)

    return script


async def ask(proxy: Proxy, data: bytes = CLOSE) -> Any:
    """Send one request on a connection of its own and return the response."""
    peer = await connect(proxy.port)
    await peer.send(data)
    try:
        return await peer.response(data.partition(b" ")[0])
    finally:
        await peer.close()


def ok(*lines: bytes, body: bytes = b"", start: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return start + b"\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


# -- responses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "status", "body"),
    [
        (OK, 200, b"ok"),
        (ok(b"Content-Length: 0"), 200, b""),
        (ok(b"Transfer-Encoding: chunked", body=b"2\r\nok\r\n1;x\r\n!\r\n0\r\n\r\n"), 200, b"ok!"),
        (ok(b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 200, b""),
        (ok(body=b"until the end"), 200, b"until the end"),
        (ok(start=b"HTTP/1.0 200 OK", body=b"until the end"), 200, b"until the end"),
        (ok(start=b"HTTP/1.1 204 No Content"), 204, b""),
        (ok(b"Content-Length: 5", start=b"HTTP/1.1 204 No Content"), 204, b""),
        (ok(b"Transfer-Encoding: chunked", start=b"HTTP/1.1 204 No Content"), 204, b""),
        (ok(b"Content-Length: 5", start=b"HTTP/1.1 304 Not Modified"), 304, b""),
        (ok(b"Content-Length: 2", start=b"HTTP/1.1 404", body=b"no"), 404, b"no"),
        (ok(start=b"HTTP/1.1 103 Early Hints") + OK, 103, b""),
    ],
)
def test_responses(reply: bytes, status: int, body: bytes) -> None:
    async def client(proxy: Proxy) -> None:
        peer = await connect(proxy.port)
        for _ in range(3):
            await peer.send(GET)
            response = await peer.response()
            assert (response.status, response.body) == (status, body)
            if status == 204:
                assert response.get(b"content-length") is None
                assert response.get(b"transfer-encoding") is None
            if status == 103:
                assert (await peer.response()).body == b"ok"
        await peer.close()

    through(answer_once(reply), client)


@pytest.mark.parametrize(
    "reply",
    [
        b"garbage\r\n\r\n",
        b"\x16\x03\x01\x00\x05hello",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        ok(b"Content-Length: 2", b"Content-Length: 3", body=b"ok!"),
        ok(b"Content-Length: 2", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
        ok(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
        ok(b"X: y\r\n z", body=b""),
        ok(b"X: " + b"y" * 70000),
        ok(b"HTTP/1.1 101 Switching Protocols"),
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"",
    ],
)
def test_bad_responses_are_502(reply: bytes) -> None:
    async def client(proxy: Proxy) -> None:
        peer = await connect(proxy.port)
        for _ in range(2):
            await peer.send(GET)
            assert (await peer.response()).status == 502
        await peer.close()

    through(answer_once(reply), client)


CUT_REPLIES = (
    ok(b"Content-Length: 100", body=b"half"),
    ok(b"Transfer-Encoding: chunked", body=b"4\r\nhalf\r\n"),
    ok(b"Transfer-Encoding: chunked", body=b"64\r\nhalf"),
    ok(b"Transfer-Encoding: chunked", body=b"4\r\nhalf\r\n5"),
)
CUTS = [
    (reply, how)
    for reply in CUT_REPLIES
    for how in ("close", "reset", "garbage")
    # Inside a sized body or chunk, any bytes are part of it.
    if how != "garbage" or (b"chunked" in reply and b"64" not in reply)
]


@pytest.mark.parametrize(("reply", "how"), CUTS)
@pytest.mark.parametrize("version", [b"HTTP/1.1", b"HTTP/1.0"])
def test_a_cut_response_never_looks_complete(reply: bytes, version: bytes, how: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(reply)
        await go_on.wait()
        if how == "reset":
            await peer.reset()
        elif how == "garbage":
            await peer.send(b"garbage" * 100)
            await peer.ended()

    async def client(proxy: Proxy) -> None:
        peer = await connect(proxy.port)
        await peer.send(GET.replace(b"HTTP/1.1", version))
        await peer.head()
        go_on.set()
        if version == b"HTTP/1.0" and b"chunked" in reply:
            # Only a reset tells: the body ends where the connection does.
            with pytest.raises(CutError):
                await peer.rest()
        else:
            data = await peer.rest()
            assert not data.endswith(b"0\r\n\r\n")
            assert b"HTTP/1.1" not in data
        await peer.close()

    go_on = asyncio.Event()
    through(script, client)


def test_trailers_pass() -> None:
    reply = ok(
        b"Transfer-Encoding: chunked",
        b"Trailer: X-Sum",
        body=b"2\r\nok\r\n0\r\nX-Sum: 1\r\nContent-Length: 7\r\n\r\n",
    )
    seen = []

    async def script(peer: Peer) -> None:
        seen.append(await peer.request())
        await peer.send(reply)

    async def client(proxy: Proxy) -> None:
        response = await ask(
            proxy,
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n"
            b"Connection: close\r\n\r\n2\r\nhi\r\n0\r\nX-Up: 2\r\nHost: b\r\n\r\n",
        )
        assert response.body == b"ok"
        assert response.trailers == [b"X-Sum: 1"]
        assert seen[0].body == b"hi"
        assert seen[0].trailers == [b"X-Up: 2"]
        assert seen[0].get(b"te") == b"trailers"

    through(script, client)


def test_interim_responses_pass_in_order() -> None:
    hints = ok(b"Link: </x>", start=b"HTTP/1.1 103 Early Hints")
    reply = ok(start=b"HTTP/1.1 100 Continue") + hints * 2 + OK

    async def client(proxy: Proxy) -> None:
        peer = await connect(proxy.port)
        await peer.send(GET)
        statuses = [(await peer.response()).status for _ in range(4)]
        assert statuses == [100, 103, 103, 200]
        await peer.send(GET.replace(b"1.1", b"1.0"))
        assert (await peer.response()).status == 200
        await peer.close()

    through(answer(reply), client)


def test_hop_by_hop_fields_stay_here() -> None:
    seen = []

    async def script(peer: Peer) -> None:
        seen.append(await peer.request())
        await peer.send(
            ok(
                b"Connection: X-Hop, close",
                b"X-Hop: 1",
                b"Keep-Alive: timeout=1",
                b"x-KEPT:  v",
                b"Content-Length: 0",
                b"B: 1",
                b"a: 2",
                b"B: 3",
            )
        )

    async def client(proxy: Proxy) -> None:
        peer = await connect(proxy.port)
        await peer.send(
            b"GET /x?b=%20&& HTTP/1.1\r\nz: 1\r\nHost: a:81\r\nConnection: X-Hop, keep-alive\r\n"
            b"X-Hop: 1\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\n"
            b"TE: gzip\r\nUpgrade: x\r\nA:2\r\n\r\n"
        )
        response = await peer.response()
        assert response.lines == [b"x-KEPT:  v", b"Content-Length: 0", b"B: 1", b"a: 2", b"B: 3"]
        assert seen[0].start == b"GET /x?b=%20&& HTTP/1.1"
        assert seen[0].lines == [b"z: 1", b"Host: a:81", b"A:2"]
        await peer.close()

    through(script, client)


# -- persistence -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_line", "lines", "connection", "stays"),
    [
        (b"GET / HTTP/1.1", b"", None, True),
        (b"GET / HTTP/1.1", b"Connection: close\r\n", b"close", False),
        (b"GET / HTTP/1.0", b"", b"close", False),
        (b"GET / HTTP/1.0", b"Connection: keep-alive\r\n", b"keep-alive", True),
        (b"GET / HTTP/1.0", b"Connection: keep-alive, close\r\n", b"close", False),
    ],
)
def test_persistence(
    request_line: bytes, lines: bytes, connection: bytes | None, stays: bool
) -> None:
    async def client(proxy: Proxy) -> None:
        peer = await connect(proxy.port)
        for _ in range(2 if stays else 1):
            await peer.send(request_line + b"\r\nHost: a\r\n" + lines + b"\r\n")
            response = await peer.response()
            assert response.start == b"HTTP/1.1 200 OK"
            assert response.get(b"connection") == connection
        if not stays:
            assert await peer.ended()
        await peer.close()

    through(answer(OK), client)


def test_http_1_0_without_a_length_ends_with_the_connection() -> None:
    reply = ok(b"Transfer-Encoding: chunked", body=b"2\r\nok\r\n0\r\n\r\n")

    async def client(proxy: Proxy) -> None:
        response = await ask(proxy, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert response.body == b"ok"
        assert response.get(b"transfer-encoding") is None
        assert response.get(b"connection") == b"close"

    through(answer(reply), client)


def test_http_1_0_without_host_has_one_upstream() -> None:
    seen = []

    async def script(peer: Peer) -> None:
        seen.append(await peer.request())
        await peer.send(OK)

    async def client(proxy: Proxy) -> None:
        assert (await ask(proxy, b"GET / HTTP/1.0\r\n\r\n")).status == 200
        assert seen[0].start == b"GET / HTTP/1.1"
        assert seen[0].get(b"host").startswith(b"127.0.0.1:")

    through(script, client)


def test_pipelined_requests_are_answered_in_order() -> None:
    async def script(peer: Peer) -> None:
        while True:
            request = await peer.request()
            if request.target.endswith(b"0"):
                await asyncio.sleep(0.01)
            body = request.target + request.body
            await peer.send(ok(b"Content-Length: %d" % len(body), body=body))

    async def client(proxy: Proxy) -> None:
        peer = await connect(proxy.port)
        await peer.send(
            b"".join(
                b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi" % number
                for number in range(3000)
            )
        )
        for number in range(3000):
            assert (await peer.response()).body == b"/%dhi" % number
        await peer.close()

    through(script, client)


def test_nothing_is_served_behind_the_last_response() -> None:
    """Requests behind one with ``Connection: close`` are not executed."""
    size = 30 * MEGABYTE
    seen = []

    async def script(peer: Peer) -> None:
        while True:
            seen.append((await peer.request()).target)
            await peer.send(ok(b"Content-Length: %d" % size, body=b"x" * size))

    async def client(proxy: Proxy) -> None:
        peer = await connect(proxy.port)
        await peer.send(CLOSE)
        await peer.head()
        await peer.send(b"GET /never HTTP/1.1\r\nHost: a\r\n\r\n")
        await peer.exactly(size // 2)
        await peer.send(b"GET /never HTTP/1.1\r\nHost: a\r\n\r\n")
        assert len(await peer.rest()) == size - size // 2
        await peer.close()
        assert seen == [b"/"]

    through(script, client)


def test_an_origin_may_close_idle_connections() -> None:
    """The next request succeeds, whenever the origin closes."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)

    async def client(proxy: Proxy) -> None:
        peer = await connect(proxy.port)
        for _ in range(200):
            await peer.send(GET)
            assert (await peer.response()).status == 200
        await peer.close()

    through(script, client)


def test_an_origin_may_close_just_as_a_request_arrives() -> None:
    """It may not have been read: what is idempotent is sent again, on a probed connection."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.head()
        await peer.reset()

    async def client(proxy: Proxy) -> None:
        async def many() -> None:
            peer = await connect(proxy.port)
            for _ in range(20):
                await peer.send(GET)
                assert (await peer.response()).status == 200
            await peer.close()

        await many()

    through(script, client)


def test_a_post_is_never_sent_twice() -> None:
    seen = []

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        seen.append((await peer.head()).start)
        await peer.reset()

    async def client(proxy: Proxy) -> None:
        peer = await connect(proxy.port)
        await peer.send(GET)
        assert (await peer.response()).status == 200
        await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        assert (await peer.response()).status == 502
        assert seen == [b"POST / HTTP/1.1"]
        await peer.close()

    through(script, client)


@pytest.mark.parametrize("pause", [0.0, 0.05])
def test_a_response_that_nobody_asked_for_reaches_nobody(pause: float) -> None:
    poison = ok(b"Content-Length: 6", body=b"poison")

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            if pause:
                await peer.send(OK)
                await asyncio.sleep(pause)
                await peer.send(poison)
            else:
                await peer.send(OK + poison)

    async def client(proxy: Proxy) -> None:
        for _ in range(20):
            assert (await ask(proxy)).body == b"ok"
            await asyncio.sleep(2 * pause)

    through(script, client)


# -- failures --------------------------------------------------------------------------------------


def test_nothing_listens() -> None:
    async def client(proxy: Proxy) -> None:
        peer = await connect(proxy.port)
        for _ in range(3):
            await peer.send(GET)
            assert (await peer.response()).status == 502
        await peer.close()

    through(None, client)


def test_an_origin_that_never_answers() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.ended()

    async def client(proxy: Proxy) -> None:
        peer = await connect(proxy.port)
        for _ in range(2):
            await peer.send(GET)
            assert (await peer.response()).status == 504
        await peer.close()

    through(script, client, route=model.Forward(timeout=0.3))


def test_a_timeout_begins_when_the_request_does() -> None:
    """Not when the worker last woke up: it may have slept for longer than the timeout."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await asyncio.sleep(0.1)
            await peer.send(OK)

    async def client(proxy: Proxy) -> None:
        peer = await connect(proxy.port)
        for _ in range(6):
            await asyncio.sleep(0.85)
            await peer.send(GET)
            assert (await peer.response()).status == 200
        await peer.close()

    through(script, client, route=model.Forward(timeout=0.5))


def test_retries() -> None:
    attempts = []

    async def script(peer: Peer) -> None:
        while True:
            attempts.append((await peer.request()).body)
            if len(attempts) % 3:
                await peer.send(ok(b"Content-Length: 0", start=b"HTTP/1.1 503 x"))
            else:
                await peer.send(OK)

    async def client(proxy: Proxy) -> None:
        put = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody"
        assert (await ask(proxy, put)).status == 200
        assert attempts == [b"body"] * 3
        assert (await ask(proxy, put.replace(b"PUT", b"POST"))).status == 503
        assert len(attempts) == 4

    through(script, client, route=model.Forward(retry=model.RetryPolicy(enabled=True, attempts=2)))


def test_an_early_response_ends_the_exchange() -> None:
    """The origin refuses before the body has come: the client hears it, and the end."""

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(ok(b"Content-Length: 4", start=b"HTTP/1.1 413 x", body=b"full"))
        await peer.ended()

    async def client(proxy: Proxy) -> None:
        peer = await connect(proxy.port)
        await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nfirst")
        response = await peer.response()
        assert (response.status, response.body) == (413, b"full")
        assert response.get(b"connection") == b"close"
        await peer.close()

    through(script, client)


def test_an_early_response_to_a_stalled_upload_leaves_nothing() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await asyncio.sleep(0.3)
        await peer.send(ok(b"Content-Length: 4", start=b"HTTP/1.1 413 x", body=b"full"))
        await never.wait()

    async def client(proxy: Proxy) -> None:
        peer = await connect(proxy.port)
        peer.writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n")
        peer.writer.write(b"x" * 40000000)
        assert (await peer.response()).status == 413
        await peer.reset()
        await asyncio.to_thread(proxy.assert_quiet)

    never = asyncio.Event()
    through(script, client, origin_options={"limit": 4096})


def test_a_broken_body_behind_a_begun_response() -> None:
    """The error is no part of the response: the connection just ends."""

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(ok(b"Content-Length: 1000", body=b"begin"))
        await peer.ended()

    async def client(proxy: Proxy) -> None:
        peer = await connect(proxy.port)
        await peer.send(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"
        )
        await peer.head()
        assert await peer.exactly(5) == b"begin"
        await peer.send(b"broken\r\n")
        assert await peer.ended()
        await peer.close()

    through(script, client)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 9000, 431),
        (b"GET /" + b"y" * 9000, 414),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx" + GET,
            400,
        ),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x, chunked\r\n\r\n0\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + GET, 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", 417),
    ],
)
def test_bad_requests(data: bytes, status: int) -> None:
    async def client(proxy: Proxy) -> None:
        peer = await connect(proxy.port)
        await peer.send(GET)
        assert (await peer.response()).status == 200
        await peer.send(data)
        response = await peer.response()
        assert response.status == status
        assert response.get(b"connection") == b"close"
        assert await peer.ended()
        await peer.close()

    through(answer(OK), client)


# -- slow peers and large bodies -------------------------------------------------------------------


def test_a_slow_head_is_408() -> None:
    async def client(proxy: Proxy) -> None:
        peer = await connect(proxy.port)
        await peer.send(GET)
        assert (await peer.response()).status == 200

        async def trickle() -> None:
            for byte in GET[:-1]:
                await peer.send(bytes([byte]))
                await asyncio.sleep(0.1)

        sending = asyncio.create_task(trickle())
        assert (await peer.response()).status == 408
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await peer.close()

    through(answer(OK), client, http1=model.Http1Options(header_timeout=0.5))


def test_a_slow_body_is_408() -> None:
    async def client(proxy: Proxy) -> None:
        peer = await connect(proxy.port)
        await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nsome")
        assert (await peer.response()).status == 408
        await peer.close()

    through(answer(OK), client, http1=model.Http1Options(body_timeout=0.5))


def test_idle_connections_are_closed() -> None:
    async def client(proxy: Proxy) -> None:
        silent = await connect(proxy.port)
        used = await connect(proxy.port)
        await used.send(GET)
        assert (await used.response()).status == 200
        assert await silent.ended()
        assert await used.ended()
        await silent.close()
        await used.close()

    through(answer(OK), client, listener={"idle_timeout": 0.5})


def test_a_client_that_never_reads_is_let_go() -> None:
    """Neither memory nor the connection is kept for it."""
    size = 200 * MEGABYTE

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(ok(b"Content-Length: %d" % size))
        for _ in range(200):
            await peer.send(b"x" * MEGABYTE)

    async def client(proxy: Proxy) -> None:
        before = proxy.rss()
        peer = await connect(proxy.port, limit=1024)
        await peer.send(GET)
        await peer.head()
        for _ in range(10):
            await asyncio.sleep(0.1)
            assert proxy.rss() - before < 20 * MEGABYTE
        await asyncio.to_thread(proxy.assert_quiet)
        await peer.close()

    through(script, client, http1=model.Http1Options(body_timeout=1.0))


def test_a_small_response_that_is_never_read_does_not_hold_the_connection() -> None:
    body = b"x" * 200000

    async def client(proxy: Proxy) -> None:
        peer = await connect(proxy.port, limit=1024)
        for _ in range(60):  # until the kernel's buffers are full
            peer.writer.write(GET)
        await asyncio.to_thread(proxy.assert_quiet)
        await peer.reset()

    through(
        answer(ok(b"Content-Length: %d" % len(body), body=body)),
        client,
        http1=model.Http1Options(body_timeout=0.5),
        listener={"idle_timeout": 0.5},
    )


def test_silence_of_the_origin_is_not_the_clients_fault() -> None:
    """A client that had to be waited for once is not timed out while the origin is silent."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(ok(b"Content-Length: %d" % (8 * MEGABYTE + 1)))
        await peer.send(b"x" * (8 * MEGABYTE))
        await asyncio.sleep(1.5)
        await peer.send(b"y")
        await peer.ended()

    async def client(proxy: Proxy) -> None:
        peer = await connect(proxy.port, limit=1024)
        await peer.send(GET)
        await peer.head()
        await asyncio.sleep(0.2)
        assert len(await peer.exactly(8 * MEGABYTE + 1)) == 8 * MEGABYTE + 1
        await peer.close()

    through(script, client, http1=model.Http1Options(body_timeout=0.5))


def test_a_slow_origin_holds_an_upload_in_bounded_memory() -> None:
    """And the client, which is made to wait, is not timed out for it."""
    pieces = 300

    async def script(peer: Peer) -> None:
        request = await peer.head()
        assert request.get(b"content-length") == b"%d" % (pieces * MEGABYTE)
        await asyncio.sleep(1.5)
        digest = hashlib.sha256()
        for _ in range(pieces):
            digest.update(await peer.exactly(MEGABYTE))
        body = digest.hexdigest().encode()
        await peer.send(ok(b"Content-Length: 64", body=body))

    async def client(proxy: Proxy) -> None:
        before = proxy.rss()
        digest = hashlib.sha256()
        peer = await connect(proxy.port)
        await peer.send(
            b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (pieces * MEGABYTE)
        )
        highest = 0
        for number in range(pieces):
            piece = bytes([number % 256]) * MEGABYTE
            digest.update(piece)
            await peer.send(piece)
            highest = max(highest, proxy.rss() - before)
        assert (await peer.response()).body == digest.hexdigest().encode()
        assert highest < 20 * MEGABYTE
        await peer.close()

    through(script, client, http1=model.Http1Options(body_timeout=0.7))


def test_a_client_that_resets_an_upload() -> None:
    cut = []

    async def script(peer: Peer) -> None:
        try:
            await peer.request()
        except CutError:
            cut.append(True)

    async def client(proxy: Proxy) -> None:
        for _ in range(5):
            peer = await connect(proxy.port)
            await peer.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\nsome")
            await asyncio.sleep(0.02)
            await peer.reset()

    through(script, client)
    assert cut


@pytest.mark.parametrize("chunked", [False, True])
def test_large_bodies_arrive_whole(chunked: bool) -> None:
    body = bytes(range(256)) * 40000

    async def script(peer: Peer) -> None:
        request = await peer.request()
        assert request.body == body
        if chunked:
            await peer.send(ok(b"Transfer-Encoding: chunked"))
            for at in range(0, len(body), 70001):
                piece = body[at : at + 70001]
                await peer.send(b"%x\r\n%b\r\n" % (len(piece), piece))
            await peer.send(b"0\r\n\r\n")
        else:
            await peer.send(ok(b"Content-Length: %d" % len(body), body=body))

    async def client(proxy: Proxy) -> None:
        peer = await connect(proxy.port)
        if chunked:
            await peer.send(b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            for at in range(0, len(body), 33333):
                piece = body[at : at + 33333]
                await peer.send(b"%x;x=y\r\n%b\r\n" % (len(piece), piece))
            await peer.send(b"0\r\n\r\n")
        else:
            await peer.send(
                b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            )
        assert (await peer.response()).body == body
        await peer.close()

    through(script, client)


def test_many_clients_at_once() -> None:
    async def script(peer: Peer) -> None:
        while True:
            request = await peer.request()
            body = request.target
            await peer.send(ok(b"Content-Length: %d" % len(body), body=body))

    async def client(proxy: Proxy) -> None:
        async def one(number: int) -> None:
            peer = await connect(proxy.port)
            for turn in range(5):
                await peer.send(b"GET /%d/%d HTTP/1.1\r\nHost: a\r\n\r\n" % (number, turn))
                assert (await peer.response()).body == b"/%d/%d" % (number, turn)
            await peer.close()

        await asyncio.gather(*(one(number) for number in range(500)))

    through(script, client, origin_options={"backlog": 1024})


# -- tunnels ---------------------------------------------------------------------------------------

UPGRADE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
CONNECT = b"CONNECT b:1 HTTP/1.1\r\nHost: b:1\r\n\r\n"


@pytest.mark.parametrize(
    ("request_head", "reply"), [(UPGRADE, SWITCH), (CONNECT, b"HTTP/1.1 200 OK\r\n\r\n")]
)
@pytest.mark.parametrize("first", ["client", "origin"])
def test_tunnels(request_head: bytes, reply: bytes, first: str) -> None:
    """Bytes in both directions, those behind the heads included; each side ends on its own."""
    size = 3 * MEGABYTE

    async def script(peer: Peer) -> None:
        head = await peer.head()
        if request_head is UPGRADE:
            assert head.get(b"upgrade") == b"echo"
            assert head.get(b"connection") == b"Upgrade"
        await peer.send(reply + b"early")
        if first == "origin":
            peer.writer.write_eof()
        assert await peer.rest() == b"hasty" + b"u" * size
        if first == "client":
            await peer.send(b"d" * size)

    async def client(proxy: Proxy) -> None:
        peer = await connect(proxy.port)
        await peer.send(request_head + b"hasty")
        response = await peer.head()
        assert response.status in (101, 200)
        assert response.get(b"content-length") is None
        assert response.get(b"transfer-encoding") is None
        assert await peer.exactly(5) == b"early"
        if first == "origin":
            assert await peer.ended()
        await peer.send(b"u" * size)
        peer.writer.write_eof()
        if first == "client":
            assert await peer.rest() == b"d" * size
        await peer.close()

    through(script, client)


def test_a_refused_upgrade_is_an_ordinary_response() -> None:
    async def client(proxy: Proxy) -> None:
        peer = await connect(proxy.port)
        await peer.send(UPGRADE + GET)
        assert (await peer.response()).body == b"ok"
        assert (await peer.response()).body == b"ok"
        await peer.close()

    through(answer(OK), client)


def test_a_switch_that_nobody_asked_for_is_502() -> None:
    async def client(proxy: Proxy) -> None:
        for data in (CLOSE, UPGRADE.replace(b"echo", b"h2c")):
            assert (await ask(proxy, data)).status == 502

    through(answer_once(SWITCH), client)


@pytest.mark.parametrize("who", ["client", "origin"])
def test_a_tunnel_that_is_reset(who: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(SWITCH)
        await peer.exactly(2)
        if who == "origin":
            await peer.reset()
        else:
            assert await peer.ended()

    async def client(proxy: Proxy) -> None:
        peer = await connect(proxy.port)
        await peer.send(UPGRADE)
        assert (await peer.head()).status == 101
        await peer.send(b"hi")
        if who == "client":
            await peer.reset()
        else:
            assert await peer.ended()
            await peer.close()

    through(script, client)


# -- detection -------------------------------------------------------------------------------------


def test_a_large_request_after_detection_is_one_request() -> None:
    """What arrives while the protocol is found out is read by whom was found, and once."""
    body = bytes(range(256)) * 4096

    async def script(peer: Peer) -> None:
        while True:
            request = await peer.request()
            assert request.body == body
            await peer.send(OK)

    async def client(proxy: Proxy) -> None:
        for _ in range(5):
            # All of it waits when the proxy comes to look.
            proxy.process.send_signal(signal.SIGSTOP)
            peer = await connect(proxy.port)
            head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
            sending = asyncio.create_task(peer.send(head + body))
            await asyncio.sleep(0.1)
            proxy.process.send_signal(signal.SIGCONT)
            await sending
            assert (await peer.response()).status == 200
            await peer.close()

    through(script, client, proxy={"protocols": ["Http1", "Http2"], "upstream_protocol": "Http1"})


# -- limits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("pending", [0, 1])
def test_who_waits_when_all_connections_are_busy(pending: int) -> None:
    """At most ``pending`` requests: without any, the next is refused at once."""
    arrived, release = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            arrived.set()
            await release.wait()
            await peer.send(OK)

    async def client(proxy: Proxy) -> None:
        first = asyncio.create_task(ask(proxy))
        await arrived.wait()
        others = [asyncio.create_task(ask(proxy)) for _ in range(1 + pending)]
        (refused, *_), _ = await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)
        assert refused.result().status == 503
        release.set()
        served = [first, *(other for other in others if other is not refused)]
        assert [(await task).status for task in served] == [200] * (1 + pending)

    limits = model.Limits(connections=1, pending=pending)
    through(script, client, cluster={"limits": limits})
