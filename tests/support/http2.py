"""An end of an HTTP/2 connection as tests script it; the protocol is PyPI ``h2``'s."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.settings

from tests.support.wire import PATIENCE

Fields = list[tuple[str, str]]
GET: Fields = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a")]
POST: Fields = [(":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "a")]
CONNECT = h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL


class Stream:
    """What has arrived on one stream."""

    def __init__(self) -> None:
        self.heads: list[dict[str, str]] = []
        self.body = b""
        self.trailers: dict[str, str] | None = None
        self.ended = False
        self.reset: int | None = None

    @property
    def head(self) -> dict[str, str]:
        return self.heads[-1]

    @property
    def status(self) -> int:
        return int(self.head[":status"])

    @property
    def over(self) -> bool:
        return self.ended or self.reset is not None


class Peer:
    """One connection.  ``consume`` False leaves the windows closed behind what arrives."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        client: bool,
        settings: dict[Any, int] | None = None,
    ) -> None:
        config = h2.config.H2Configuration(
            client_side=client, header_encoding="utf-8", validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )  # fmt: skip
        self.engine = h2.connection.H2Connection(config)
        self.reader = reader
        self.writer = writer
        self.streams: dict[int, Stream] = {}
        self.consume = True
        self.goaway: int | None = None
        self.closed = False
        self.settled = False
        self._news = asyncio.Event()
        if settings:
            self.engine.local_settings = h2.settings.Settings(
                client=client, initial_values=settings | {h2.settings.SettingCodes.ENABLE_PUSH: 0}
            )
        self.engine.initiate_connection()
        self.flush()
        self.task = asyncio.create_task(self._read())

    def flush(self) -> None:
        self.writer.write(self.engine.data_to_send())

    def raw(self, data: bytes) -> None:
        """Send bytes that ``h2`` would not."""
        self.flush()
        self.writer.write(data)

    def request(self, fields: Fields, body: bytes | None = None) -> int:
        """Begin a request; ``body`` None: it has none."""
        number = self.engine.get_next_available_stream_id()
        self.streams[number] = Stream()
        self.engine.send_headers(number, fields, end_stream=body is None)
        if body:
            self.engine.send_data(number, body, end_stream=True)
        self.flush()
        return number

    def send(self, number: int, data: bytes, *, end: bool = False) -> None:
        """Send as much as fits into a frame and the window."""
        self.engine.send_data(number, data, end_stream=end)
        self.flush()

    async def send_all(self, number: int, data: bytes) -> None:
        """Send a whole body, as the windows allow."""
        at = 0
        while at < len(data):
            room = min(self.engine.local_flow_control_window(number), 16384, len(data) - at)
            if room <= 0:
                await self.until(lambda: self.engine.local_flow_control_window(number) > 0)
                continue
            self.send(number, data[at : at + room])
            at += room
        self.send(number, b"", end=True)

    async def answer(self, number: int) -> Stream:
        """Wait for the end of a stream."""
        await self.until(lambda: self.streams[number].over)
        return self.streams[number]

    async def head(self, number: int) -> Stream:
        """Wait for a head."""
        await self.until(lambda: bool(self.streams[number].heads) or self.streams[number].over)
        return self.streams[number]

    async def until(self, holds: Callable[[], bool]) -> None:
        async def wait() -> None:
            while not holds():
                assert not self.closed, "the connection is closed"
                self._news.clear()
                await self._news.wait()

        await asyncio.wait_for(wait(), PATIENCE)

    async def ended(self) -> None:
        """Wait for the end of the connection."""
        await asyncio.wait_for(self.task, PATIENCE)

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()
        await self.ended()

    async def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := await self.reader.read(65536):
                for event in self.engine.receive_data(data):
                    self._take(event)
                self.flush()
                self._news.set()
        self.closed = True
        self._news.set()

    def _take(self, event: Any) -> None:
        match event:
            case h2.events.RequestReceived() | h2.events.ResponseReceived():
                stream = self.streams.setdefault(event.stream_id, Stream())
                stream.heads.append(dict(event.headers))
            case h2.events.InformationalResponseReceived():
                self.streams[event.stream_id].heads.append(dict(event.headers))
            case h2.events.DataReceived():
                self.streams[event.stream_id].body += event.data
                if self.consume:
                    self.engine.acknowledge_received_data(
                        event.flow_controlled_length, event.stream_id
                    )
            case h2.events.TrailersReceived():
                self.streams[event.stream_id].trailers = dict(event.headers)
            case h2.events.StreamEnded():
                self.streams[event.stream_id].ended = True
            case h2.events.StreamReset():
                self.streams[event.stream_id].reset = int(event.error_code)
            case h2.events.RemoteSettingsChanged():
                self.settled = True
            case h2.events.ConnectionTerminated():
                self.goaway = int(event.error_code)


@contextlib.asynccontextmanager
async def client(port: int, settings: dict[Any, int] | None = None) -> AsyncIterator[Peer]:
    """A connection to the proxy."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    peer = Peer(reader, writer, client=True, settings=settings)
    try:
        yield peer
    finally:
        await peer.close()


@contextlib.asynccontextmanager
async def origin(
    serve: Callable[[Peer, int], Awaitable[None]], settings: dict[Any, int] | None = None
) -> AsyncIterator[tuple[str, list[Peer]]]:
    """A server whose streams are answered by ``serve``; its address and its connections."""
    peers: list[Peer] = []
    tasks: list[asyncio.Task[None]] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer, client=False, settings=settings)
        peers.append(peer)
        served: set[int] = set()
        while not peer.closed:
            for number in [n for n in peer.streams if n not in served]:
                served.add(number)
                tasks.append(asyncio.ensure_future(serve(peer, number)))  # type: ignore[arg-type]
            peer._news.clear()
            if not peer.closed and all(n in served for n in peer.streams):
                await peer._news.wait()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield f"{host}:{port}", peers
    finally:
        server.close()
        for peer in peers:
            await peer.close()
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, AssertionError):
                raise result
