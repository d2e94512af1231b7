"""HTTP/2 as scripted peers see it: what goes wrong, what is limited, what is converted."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import h2.config
import h2.connection
import h2.settings

from pymosn import snapshot as model
from tests.support.http2 import CONNECT, GET, POST, Peer, client, origin
from tests.support.peer import Peer as PlainPeer
from tests.support.runtime import asynchronous
from tests.support.wire import PATIENCE, Proxy, eventually, running, snapshot

BOTH: dict[str, Any] = {"protocols": ["Http2"], "upstream_protocol": "Http2"}
TO_HTTP1: dict[str, Any] = {"protocols": ["Http2"], "upstream_protocol": "Http1"}
FROM_HTTP1: dict[str, Any] = {"protocols": ["Http1"], "upstream_protocol": "Http2"}
MAX_STREAMS = h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS
WINDOW = h2.settings.SettingCodes.INITIAL_WINDOW_SIZE
OK = [(":status", "200")]
NO_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CANCEL, CALM = 0, 2, 7, 8, 11


async def echo(peer: Peer, number: int) -> None:
    """Answer with the request's body, or "hello"."""
    stream = await peer.answer(number)
    peer.engine.send_headers(number, [*OK, ("x-path", stream.head[":path"])])
    await peer.send_all(number, stream.body or b"hello")


@contextlib.contextmanager
def proxied(address: str, settings: dict[str, Any], **more: Any) -> Iterator[Proxy]:
    with running(snapshot([address], proxy=settings, **more)) as proxy:
        yield proxy


@asynchronous
async def test_many_streams_on_one_connection() -> None:
    async with origin(echo) as (address, peers):
        with proxied(address, BOTH) as proxy:
            async with client(proxy.port) as peer:
                bodies = [b"%d" % number * 5000 for number in range(50)]
                numbers = [peer.request(POST, b"") for _ in bodies]
                await asyncio.gather(
                    *(peer.send_all(n, body) for n, body in zip(numbers, bodies, strict=True))
                )
                for number, body in zip(numbers, bodies, strict=True):
                    assert (await peer.answer(number)).body == body
            assert len(peers) == 1


@asynchronous
async def test_trailers_and_informational_heads() -> None:
    async def serve(peer: Peer, number: int) -> None:
        stream = await peer.answer(number)
        assert stream.trailers == {"x-end": "1"}
        peer.engine.send_headers(number, [(":status", "103"), ("link", "</a>")])
        peer.engine.send_headers(number, OK)
        peer.send(number, b"body")
        peer.engine.send_headers(number, [("grpc-status", "0")], end_stream=True)
        peer.flush()

    async with origin(serve) as (address, _):
        with proxied(address, BOTH) as proxy:
            async with client(proxy.port) as peer:
                number = peer.request([*POST, ("te", "trailers")], b"")
                peer.send(number, b"x")
                peer.engine.send_headers(number, [("x-end", "1")], end_stream=True)
                peer.flush()
                stream = await peer.answer(number)
                assert [head[":status"] for head in stream.heads] == ["103", "200"]
                assert stream.body == b"body"
                assert stream.trailers == {"grpc-status": "0"}


@asynchronous
async def test_head_and_empty_replies() -> None:
    async def serve(peer: Peer, number: int) -> None:
        await peer.answer(number)
        peer.engine.send_headers(number, [*OK, ("content-length", "7")], end_stream=True)
        peer.flush()

    async with origin(serve) as (address, _):
        for settings in (BOTH, FROM_HTTP1):
            with proxied(address, settings) as proxy:
                if settings is BOTH:
                    async with client(proxy.port) as peer:
                        stream = await peer.answer(peer.request([(":method", "HEAD"), *GET[1:]]))
                        assert stream.head["content-length"] == "7"
                else:
                    async with plain(proxy.port) as raw:
                        await raw.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
                        head = await raw.head()
                        assert head.get(b"content-length") == b"7"


@contextlib.asynccontextmanager
async def plain(port: int) -> AsyncIterator[PlainPeer]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield PlainPeer(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()


# -- streams that the upstream has not processed -----------------------------------------------


@asynchronous
async def test_a_refused_stream_is_sent_again_whatever_its_method() -> None:
    seen: list[int] = []

    async def serve(peer: Peer, number: int) -> None:
        seen.append(number)
        if len(seen) == 1:
            peer.engine.reset_stream(number, REFUSED_STREAM)
            peer.flush()
            return
        await echo(peer, number)

    async with origin(serve) as (address, _):
        with proxied(address, BOTH) as proxy:
            async with client(proxy.port) as peer:
                assert (await peer.answer(peer.request(POST, b"abc"))).body == b"abc"
    assert len(seen) == 2


@asynchronous
async def test_streams_behind_goaway_go_to_another_connection() -> None:
    async def serve(peer: Peer, number: int) -> None:
        if len(peers) == 1:
            if number == 3:
                # The first stream is being processed; this one is not.
                peer.engine.close_connection(last_stream_id=1)
                peer.flush()
            else:
                await asyncio.sleep(0.2)
                peer.raw(reply(number))
            return
        await echo(peer, number)

    async with origin(serve) as (address, peers):
        with proxied(address, BOTH) as proxy:
            async with client(proxy.port) as peer:
                first = peer.request(POST, b"1")
                await asyncio.sleep(0.1)
                second = peer.request(POST, b"2")
                assert (await peer.answer(second)).body == b"2"
                assert (await peer.answer(first)).status == 200
            assert len(peers) == 2


def reply(number: int) -> bytes:
    """HEADERS with ``:status 200`` that ends the stream: ``h2`` sends nothing after GOAWAY."""
    return b"\x00\x00\x01\x01\x05" + number.to_bytes(4, "big") + b"\x88"


@asynchronous
async def test_more_connections_when_one_is_full() -> None:
    most = 0

    async def serve(peer: Peer, number: int) -> None:
        nonlocal most
        await peer.answer(number)
        most = max(most, peer.engine.open_inbound_streams)
        await asyncio.sleep(0.2)
        await echo(peer, number)

    async with origin(serve, {MAX_STREAMS: 2}) as (address, peers):
        with proxied(address, BOTH) as proxy:
            async with client(proxy.port) as peer:
                assert (await peer.answer(peer.request(GET))).status == 200
                numbers = [peer.request(GET) for _ in range(6)]
                for number in numbers:
                    assert (await peer.answer(number)).status == 200
            assert len(peers) == 3
    assert most <= 2


# -- ends ------------------------------------------------------------------------------------------


@asynchronous
async def test_a_client_that_cancels_cancels_upstream() -> None:
    async def serve(peer: Peer, number: int) -> None:
        await peer.head(number)
        peer.engine.send_headers(number, OK)
        peer.send(number, b"begin")
        await peer.until(lambda: peer.streams[number].reset is not None)
        cancelled.append(peer.streams[number].reset)

    cancelled: list[int | None] = []
    async with origin(serve) as (address, peers):
        with proxied(address, BOTH) as proxy:
            async with client(proxy.port) as peer:
                number = peer.request(GET)
                await peer.until(lambda: peer.streams[number].body == b"begin")
                peer.engine.reset_stream(number, CANCEL)
                peer.flush()
                await until(lambda: cancelled == [CANCEL])
                assert not peers[0].closed


async def until(holds: Any) -> None:
    for _ in range(int(PATIENCE * 100)):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it does not happen")


@asynchronous
async def test_an_upstream_that_breaks_off_resets_the_stream_only() -> None:
    async def serve(peer: Peer, number: int) -> None:
        await peer.head(number)
        if peer.streams[number].head[":path"] == "/":
            peer.engine.send_headers(number, OK)
            peer.send(number, b"begin")
            await asyncio.sleep(0.05)
            peer.engine.reset_stream(number, INTERNAL_ERROR)
            peer.flush()
            return
        await echo(peer, number)

    async with origin(serve) as (address, _):
        with proxied(address, BOTH) as proxy:
            async with client(proxy.port) as peer:
                stream = await peer.answer(peer.request(GET))
                assert stream.reset == INTERNAL_ERROR
                other = [*GET[:2], (":path", "/other"), GET[3]]
                assert (await peer.answer(peer.request(other))).body == b"hello"


@asynchronous
async def test_an_early_reply_stops_the_request() -> None:
    async def serve(peer: Peer, number: int) -> None:
        await peer.head(number)
        peer.engine.send_headers(number, [(":status", "413")], end_stream=True)
        peer.flush()

    async with origin(serve) as (address, _):
        with proxied(address, BOTH) as proxy:
            async with client(proxy.port) as peer:
                number = peer.request(POST, b"")
                stream = await peer.head(number)
                assert stream.status == 413
                await peer.until(lambda: stream.reset is not None)
                assert stream.reset == NO_ERROR


@asynchronous
async def test_no_upstream_is_a_reply() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with proxied(f"127.0.0.1:{port}", BOTH) as proxy:
        async with client(proxy.port) as peer:
            numbers = [peer.request(GET) for _ in range(20)]
            for number in numbers:
                assert (await peer.answer(number)).status == 502


# -- WebSocket ------------------------------------------------------------------------------------

WEBSOCKET = [
    (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/chat"),
    (":authority", "a"), ("sec-websocket-version", "13"),
]  # fmt: skip


@asynchronous
async def test_websocket_from_http2_to_http1() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"GET /chat HTTP/1.1\r\n")
        lower = head.lower()
        assert b"upgrade: websocket" in lower
        assert b"sec-websocket-key: " in lower
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: x\r\n\r\nhello"
        )
        while data := await reader.read(1000):
            writer.write(data.upper())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with proxied(f"127.0.0.1:{port}", TO_HTTP1) as proxy:
            async with client(proxy.port) as peer:
                await peer.until(lambda: peer.settled)
                number = peer.request(WEBSOCKET, b"")
                stream = await peer.head(number)
                assert stream.status == 200
                assert "sec-websocket-accept" not in stream.head
                peer.send(number, b"abc")
                await peer.until(lambda: stream.body == b"helloABC")
                peer.send(number, b"", end=True)
                await peer.answer(number)
                assert stream.reset is None


@asynchronous
async def test_websocket_from_http1_to_http2() -> None:
    async def serve(peer: Peer, number: int) -> None:
        head = (await peer.head(number)).head
        assert head[":method"] == "CONNECT"
        assert head[":protocol"] == "websocket"
        assert head[":path"] == "/chat"
        assert head["sec-websocket-version"] == "13"
        peer.engine.send_headers(number, OK)
        peer.flush()
        await peer.until(lambda: peer.streams[number].body == b"abc")
        peer.send(number, b"ABC", end=True)
        await peer.answer(number)
        done.append(peer.streams[number].reset)

    done: list[int | None] = []
    async with origin(serve, {CONNECT: 1}) as (address, _):
        with proxied(address, FROM_HTTP1) as proxy:
            async with plain(proxy.port) as raw:
                # The server's SETTINGS come with the first answer at the latest.
                await raw.send(
                    b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                )
                head = await raw.head()
                assert head.status == 101
                assert head.get(b"sec-websocket-accept") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
                await raw.send(b"abc")
                assert await raw.reader.readexactly(3) == b"ABC"
            await until(lambda: done == [None])


# -- limits ---------------------------------------------------------------------------------------


@asynchronous
async def test_a_body_that_does_not_come_is_408() -> None:
    async with origin(echo) as (address, _):
        options = model.Http1Options(body_timeout=0.2)
        with proxied(address, BOTH, http1=options) as proxy:
            async with client(proxy.port) as peer:
                number = peer.request(POST, b"")
                peer.send(number, b"x")
                assert (await peer.head(number)).status == 408
                assert (await peer.answer(peer.request(GET))).status == 200


@asynchronous
async def test_a_client_that_takes_nothing_loses_the_stream() -> None:
    async def serve(peer: Peer, number: int) -> None:
        peer.engine.send_headers(number, OK)
        with contextlib.suppress(Exception):
            await peer.send_all(number, bytes(10_000_000))

    async with origin(serve) as (address, _):
        options = model.Http1Options(body_timeout=0.3)
        with proxied(address, BOTH, http1=options) as proxy:
            before = proxy.rss()
            async with client(proxy.port) as peer:
                peer.consume = False
                stream = await peer.answer(peer.request(GET))
                assert stream.reset == CANCEL
                assert proxy.rss() - before < 8_000_000


@asynchronous
async def test_an_idle_connection_is_told_and_closed() -> None:
    async with origin(echo) as (address, _):
        with proxied(address, BOTH, listener={"idle_timeout": 0.3}) as proxy:
            async with client(proxy.port) as peer:
                assert (await peer.answer(peer.request(GET))).status == 200
                await peer.ended()
                assert peer.goaway == NO_ERROR


@asynchronous
async def test_rapid_resets_end_the_connection() -> None:
    async def serve(peer: Peer, number: int) -> None:
        await asyncio.sleep(PATIENCE)

    async with origin(serve) as (address, _):
        with proxied(address, BOTH) as proxy:
            assert await asyncio.to_thread(reset_rapidly, proxy.port) == CALM


def reset_rapidly(port: int) -> int:
    """Open and reset streams without reading; the error code of the GOAWAY that answers."""
    engine = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    engine.initiate_connection()
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as raw:
        for _ in range(1000):
            number = engine.get_next_available_stream_id()
            engine.send_headers(number, GET, end_stream=True)
            engine.reset_stream(number, CANCEL)
        raw.sendall(engine.data_to_send())
        answer = b""
        while data := raw.recv(65536):
            answer += data
    frame = answer[answer.rindex(b"\x07\x00\x00\x00\x00\x00") + 6 :]
    return int.from_bytes(frame[4:8], "big")


@asynchronous
async def test_a_head_too_large_is_431_and_no_more() -> None:
    async with origin(echo) as (address, _):
        settings = BOTH | {"http2": model.Http2Options(max_header_bytes=4096)}
        with proxied(address, settings) as proxy:
            async with client(proxy.port) as peer:
                large = [(f"x-{number}", "y" * 100) for number in range(50)]
                assert (await peer.head(peer.request([*GET, *large]))).status == 431
                assert (await peer.answer(peer.request(GET))).status == 200


@asynchronous
async def test_a_body_too_large_is_413() -> None:
    async with origin(echo) as (address, _):
        with proxied(address, BOTH, http1=model.Http1Options(max_body_bytes=1000)) as proxy:
            async with client(proxy.port) as peer:
                number = peer.request([*POST, ("content-length", "1001")], b"")
                assert (await peer.head(number)).status == 413
                number = peer.request(POST, b"")
                peer.send(number, bytes(600))
                peer.send(number, bytes(600))
                assert (await peer.head(number)).status == 413


@asynchronous
async def test_an_unknown_expectation_is_417() -> None:
    """As in HTTP/1.1; the origin hears nothing of it."""
    async with origin(echo) as (address, peers):
        with proxied(address, BOTH) as proxy:
            async with client(proxy.port) as peer:
                unknown = ("expect", "the-unexpected")
                assert (await peer.head(peer.request([*GET, unknown]))).status == 417
                assert (await peer.head(peer.request([*POST, unknown], b""))).status == 417
                assert peers == []
                known = ("expect", "100-Continue")
                number = peer.request([*POST, known], b"")
                await peer.send_all(number, b"body")
                assert (await peer.answer(number)).body == b"body"
                assert (await peer.answer(peer.request([*GET, known]))).status == 200


@asynchronous
async def test_an_upload_waits_for_a_slow_origin() -> None:
    async def serve(peer: Peer, number: int) -> None:
        peer.consume = False
        await asyncio.sleep(0.5)
        held.append(len(peer.streams[number].body))
        given = 0
        while not peer.streams[number].ended:
            unacknowledged = len(peer.streams[number].body) - given
            if unacknowledged:
                peer.engine.acknowledge_received_data(unacknowledged, number)
                given += unacknowledged
                peer.flush()
            await asyncio.sleep(0.001)
        received.append(len(peer.streams[number].body))
        peer.engine.send_headers(number, OK, end_stream=True)
        peer.flush()

    held: list[int] = []
    received: list[int] = []
    async with origin(serve) as (address, _):
        with proxied(address, BOTH) as proxy:
            before = proxy.rss()
            async with client(proxy.port) as peer:
                number = peer.request(POST, b"")
                await peer.send_all(number, bytes(20_000_000))
                assert (await peer.answer(number)).status == 200
                assert proxy.rss() - before < 8_000_000
    assert held[0] <= 200_000
    assert received == [20_000_000]


def test_what_is_no_protocol_of_the_listener(tmp_path: Any) -> None:
    settings = {"protocols": ["Http1", "Http2"]}
    with running(snapshot(["127.0.0.1:9"], proxy=settings)) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port)) as raw:
            raw.sendall(b"\x16\x03\x01\x00\x05hello")
            assert raw.recv(100) == b""
        with socket.create_connection(("127.0.0.1", proxy.port)) as raw:
            raw.sendall(b"PRI * HTTP/2.0\r\n")
            eventually(lambda: proxy.status()["downstream"] == 1, "it is not waited for")
