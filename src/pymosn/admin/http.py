"""A small HTTP/1.1 server for the control plane: one request a connection, strict limits.

Not the data plane's: this one is plain asyncio and meant for a few requests a second.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from msgspec import Struct, field

_HEAD_LIMIT: Final = 16384
_BODY_LIMIT: Final = 1 << 20
_TIMEOUT: Final = 10.0
_CONNECTIONS: Final = 64
_REASONS: Final = MappingProxyType({
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
})


class Request(Struct):
    """One request."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    """Lower-case names; a repeated one has its last value."""
    body: bytes = b""
    local: bool = False
    """It came to a loopback address."""

    def values(self, name: str) -> list[str]:
        """Return every value of a query parameter."""
        return [value for key, value in self.query if key == name]


class Response(Struct):
    """One answer; an iterable body is sent chunk by chunk."""

    body: str | Iterable[str] = ""
    status: int = 200
    content_type: str = "text/plain; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Awaitable[Response]]


class HttpError(Exception):
    """The request cannot be understood; ends in a reply with ``status``."""

    def __init__(self, status: int) -> None:
        super().__init__(_REASONS[status])
        self.status = status


class HttpServer:
    """Serves a handler at one address."""

    def __init__(self, handler: Handler, on_error: Callable[[BaseException], None]) -> None:
        """``on_error`` hears of exceptions in the handler, which answer 500."""
        self.address = ""
        self._handler = handler
        self._on_error = on_error
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def listen(self, host: str, port: int) -> None:
        """Bind and serve; raises ``OSError``."""
        self._server = await asyncio.start_server(
            self._serve, host, port, limit=_HEAD_LIMIT, backlog=128
        )
        name = self._server.sockets[0].getsockname()
        self.address = f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"

    def close(self) -> None:
        """Stop listening and end what is under way."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= _CONNECTIONS:
            writer.close()
            return
        self._open.add(writer)
        try:
            await asyncio.wait_for(self._exchange(reader, writer), 6 * _TIMEOUT)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # the client is gone or too slow
        finally:
            self._open.discard(writer)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head_only = False
        try:
            request = await asyncio.wait_for(_read_request(reader, writer), _TIMEOUT)
            head_only = request.method == "HEAD"
            response = await self._handle(request)
        except TimeoutError:
            response = Response(status=408)
        except HttpError as error:
            response = Response(status=error.status)
        await _write(writer, response, head_only)

    async def _handle(self, request: Request) -> Response:
        try:
            return await self._handler(request)
        except Exception as error:  # the edge: one request fails, the server goes on
            self._on_error(error)
            return Response(status=500)


async def _read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        raise HttpError(431) from error
    lines = head.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise HttpError(400)
    headers: dict[str, str] = {}
    for line in lines[1:-2]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise HttpError(400)
        headers[name.lower()] = value.strip()
    target = urlsplit(parts[1])
    local = writer.get_extra_info("sockname")
    return Request(
        method=parts[0],
        path=unquote(target.path) or "/",
        query=parse_qsl(target.query, keep_blank_values=True, max_num_fields=100),
        headers=headers,
        body=await _read_body(reader, headers),
        local=is_loopback(str(local[0])),
    )


async def _read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if "transfer-encoding" in headers:
        raise HttpError(400)
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise HttpError(400)
    if len(length) > 9 or int(length) > _BODY_LIMIT:
        raise HttpError(413)
    return await reader.readexactly(int(length))


async def _write(writer: asyncio.StreamWriter, response: Response, head_only: bool) -> None:
    whole = response.body.encode() if isinstance(response.body, str) else None
    lines = [
        f"HTTP/1.1 {response.status} {_REASONS.get(response.status, 'Unknown')}",
        f"Content-Type: {response.content_type}",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
        *(f"{name}: {value}" for name, value in response.headers.items()),
    ]
    if whole is not None:
        lines.append(f"Content-Length: {len(whole)}")
    # Without a length the end of the connection is the end of the body.
    writer.write("\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n")
    if head_only:
        pass
    elif whole is not None:
        writer.write(whole)
    else:
        for piece in response.body:
            writer.write(piece.encode())
            await writer.drain()
            await asyncio.sleep(0)
    await asyncio.wait_for(writer.drain(), _TIMEOUT)


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine's loopback."""
    host = host.strip("[]").lower()
    if host in ("localhost", "::1") or host.endswith(".localhost"):
        return True
    try:
        return socket.inet_pton(socket.AF_INET, host)[0] == 127
    except OSError:
        return False
