"""Both ends of an HTTP/1.1 connection as tests script them: bytes out, messages in."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

from tests.support.wire import PATIENCE


class CutError(Exception):
    """The message ended before it was complete."""


class Message:
    """A message as it came: start line, header lines in order, body, trailers."""

    def __init__(self, head: bytes) -> None:
        self.head = head
        start, *lines = head[:-4].split(b"\r\n")
        self.start = start
        self.lines = lines
        self.body = b""
        self.trailers: list[bytes] = []

    @property
    def status(self) -> int:
        return int(self.start.split(b" ")[1])

    @property
    def target(self) -> bytes:
        return self.start.split(b" ")[1]

    def get(self, name: bytes) -> bytes | None:
        for line in self.lines:
            field, _, value = line.partition(b":")
            if field.lower() == name.lower():
                return value.strip()
        return None


class Peer:
    """One connection.  Everything waits for at most ``PATIENCE`` seconds."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await asyncio.wait_for(self.writer.drain(), PATIENCE)

    async def head(self) -> Message:
        """Read a head; raises ``CutError`` when the connection ends first."""
        try:
            data = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise CutError(repr(error)) from error
        return Message(data)

    async def request(self) -> Message:
        """Read a whole request."""
        message = await self.head()
        if message.get(b"transfer-encoding") is not None:
            await self._chunks(message)
        else:
            message.body = await self.exactly(int(message.get(b"content-length") or 0))
        return message

    async def response(self, method: bytes = b"GET") -> Message:
        """Read a whole response."""
        message = await self.head()
        bodiless = method == b"HEAD" or message.status in (204, 304) or message.status < 200
        if bodiless:
            return message
        if message.get(b"transfer-encoding") is not None:
            await self._chunks(message)
        elif message.get(b"content-length") is not None:
            message.body = await self.exactly(int(message.get(b"content-length") or 0))
        else:
            message.body = await self.rest()
        return message

    async def exactly(self, size: int) -> bytes:
        try:
            return await asyncio.wait_for(self.reader.readexactly(size), PATIENCE)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise CutError(repr(error)) from error

    async def rest(self) -> bytes:
        """Read to the end of the stream; raises ``CutError`` at a reset."""
        try:
            return await asyncio.wait_for(self.reader.read(-1), PATIENCE)
        except ConnectionError as error:
            raise CutError(repr(error)) from error

    async def ended(self) -> bool:
        """Say whether the peer closes, in whatever way, and sends nothing before."""
        with contextlib.suppress(ConnectionError):
            return await asyncio.wait_for(self.reader.read(1), PATIENCE) == b""
        return True

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    async def reset(self) -> None:
        """Close with RST."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()
        await asyncio.sleep(0)

    async def _chunks(self, message: Message) -> None:
        pieces = []
        while True:
            try:
                line = await asyncio.wait_for(self.reader.readuntil(b"\r\n"), PATIENCE)
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                raise CutError(repr(error)) from error
            size = int(line, 16)
            if size == 0:
                break
            pieces.append((await self.exactly(size + 2))[:-2])
        while True:
            try:
                line = await asyncio.wait_for(self.reader.readuntil(b"\r\n"), PATIENCE)
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                raise CutError(repr(error)) from error
            if line == b"\r\n":
                break
            message.trailers.append(line[:-2])
        message.body = b"".join(pieces)


Script = Callable[[Peer], Awaitable[None]]


@contextlib.asynccontextmanager
async def origin(script: Script, **options: int) -> AsyncIterator[str]:
    """Serve every connection with ``script``; yields the address.

    A script that returns has its connection closed; one that fails fails the test.
    """
    failures: list[BaseException] = []
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        peer = Peer(reader, writer)
        try:
            await script(peer)
        except (CutError, ConnectionError, asyncio.CancelledError):
            pass
        except BaseException as error:
            failures.append(error)
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, **options)
    try:
        host, port = server.sockets[0].getsockname()
        yield f"{host}:{port}"
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if failures:
            raise failures[0]


async def connect(port: int, **options: int) -> Peer:
    """Connect to the proxy."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, **options)
    return Peer(reader, writer)
