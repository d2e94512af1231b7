"""RPC peers for tests: frames written by hand, a blocking client, and a server in a thread.

Nothing here uses the codecs under test.
"""

import socket
import ssl
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from tests.support.rpc_builds import RpcCodec

PATIENCE = 20.0


def pairs(fields: dict[str, str] | list[tuple[str, str]]) -> bytes:
    """Return a header map of bolt."""
    out = b""
    for key, value in fields.items() if isinstance(fields, dict) else fields:
        raw_key, raw_value = key.encode(), value.encode()
        out += struct.pack(">I", len(raw_key)) + raw_key
        out += struct.pack(">I", len(raw_value)) + raw_value
    return out


def bolt_request(
    number: int,
    content: bytes = b"",
    headers: bytes = b"",
    *,
    version: int = 1,
    kind: int = 1,
    command: int = 1,
    timeout: int = 20000,
    class_name: bytes = b"com.alipay.sofa.rpc.core.request.SofaRequest",
    crc: bool = False,
) -> bytes:
    """Return a request of bolt, version 1 or 2."""
    lengths = struct.pack(">HHI", len(class_name), len(headers), len(content))
    body = class_name + headers + content
    if version == 1:
        start = struct.pack(">BBHBIBi", 1, kind, command, 1, number, 1, timeout)
        return start + lengths + body
    start = struct.pack(
        ">BBBHBIBBi", 2, 2 if crc else 1, kind, command, 1, number, 1, int(crc), timeout
    )
    frame = start + lengths + body
    return frame + struct.pack(">I", zlib.crc32(frame)) if crc else frame


def bolt_response(
    number: int,
    content: bytes = b"",
    headers: bytes = b"",
    *,
    version: int = 1,
    command: int = 2,
    status: int = 0,
    class_name: bytes = b"com.alipay.sofa.rpc.core.response.SofaResponse",
    crc: bool = False,
) -> bytes:
    """Return a response of bolt, version 1 or 2."""
    lengths = struct.pack(">HHI", len(class_name), len(headers), len(content))
    body = class_name + headers + content
    if version == 1:
        return struct.pack(">BBHBIBH", 1, 0, command, 1, number, 1, status) + lengths + body
    start = struct.pack(
        ">BBBHBIBBH", 2, 2 if crc else 1, 0, command, 1, number, 1, int(crc), status
    )
    frame = start + lengths + body
    return frame + struct.pack(">I", zlib.crc32(frame)) if crc else frame


class BoltFrame:
    """A frame of bolt taken apart."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        shift = raw[0] - 1
        self.version = raw[0]
        self.kind = raw[1 + shift]
        (self.command,) = struct.unpack_from(">H", raw, 2 + shift)
        (self.id,) = struct.unpack_from(">I", raw, 5 + shift)
        self.crc = shift == 1 and raw[1] == 2 and raw[11] & 1 == 1
        at = 10 + 2 * shift
        if self.kind == 0:
            (self.status,) = struct.unpack_from(">H", raw, at)
            at += 2
        else:
            (self.timeout,) = struct.unpack_from(">i", raw, at)
            at += 4
        sizes = struct.unpack_from(">HHI", raw, at)
        at += 8
        self.class_name = raw[at : at + sizes[0]]
        at += sizes[0]
        self.headers = raw[at : at + sizes[1]]
        at += sizes[1]
        self.content = raw[at : at + sizes[2]]

    @property
    def fields(self) -> dict[str, str]:
        found, at = [], 0
        while at < len(self.headers):
            (size,) = struct.unpack_from(">I", self.headers, at)
            found.append(self.headers[at + 4 : at + 4 + size].decode())
            at += 4 + size
        return dict(zip(found[::2], found[1::2], strict=True))


def bolt_size(data: bytes) -> int:
    """Return how many bytes the first frame in ``data`` takes, 0 when that is not known yet."""
    if len(data) < 3:
        return 0
    shift = data[0] - 1
    at = (12 if data[1 + shift] == 0 else 14) + 2 * shift
    if len(data) < at + 8:
        return 0
    sizes = struct.unpack_from(">HHI", data, at)
    crc = 4 if shift == 1 and data[1] == 2 and data[11] & 1 else 0
    return at + 8 + sum(sizes) + crc


def dubbo_size(data: bytes) -> int:
    """The same for Dubbo."""
    return 16 + struct.unpack_from(">I", data, 12)[0] if len(data) >= 16 else 0


def length_size(data: bytes) -> int:
    """The same for protocols that begin with a length which includes itself (Tars)."""
    return struct.unpack_from(">I", data)[0] if len(data) >= 4 else 0


def prefix_size(data: bytes) -> int:
    """The same for protocols that begin with the length of what follows (Dubbo-Thrift)."""
    return 4 + struct.unpack_from(">I", data)[0] if len(data) >= 4 else 0


class Frames:
    """Cuts frames out of what a socket receives."""

    def __init__(self, sock: socket.socket, size: Callable[[bytes], int] = bolt_size) -> None:
        self.sock = sock
        self.size = size
        self.data = b""
        sock.settimeout(PATIENCE)

    def next(self) -> bytes:
        """Return the next frame; raises ``ConnectionError`` at the end of the stream."""
        while True:
            size = self.size(self.data)
            if 0 < size <= len(self.data):
                frame, self.data = self.data[:size], self.data[size:]
                return frame
            piece = self.sock.recv(65536)
            if not piece:
                raise ConnectionError("the peer has closed")
            self.data += piece


class RpcClient:
    """A connection of a client."""

    def __init__(
        self,
        port: int,
        size: Callable[[bytes], int] = bolt_size,
        tls: ssl.SSLContext | None = None,
        name: str = "",
    ) -> None:
        """``tls`` and the ``name`` that the certificate must have: TLS."""
        self.sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
        if tls is not None:
            self.sock = tls.wrap_socket(self.sock, server_hostname=name)
        self.frames = Frames(self.sock, size)

    def __enter__(self) -> "RpcClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, *frames: bytes) -> None:
        self.sock.sendall(b"".join(frames))

    def receive(self) -> bytes:
        return self.frames.next()

    def bolt(self) -> BoltFrame:
        return BoltFrame(self.receive())

    def receive_all(self) -> Iterator[bytes]:
        """Return the frames up to the end of the stream."""
        while True:
            try:
                yield self.receive()
            except ConnectionError:
                return

    def can_send(self, frame: bytes) -> bool:
        """Send a frame; False when nobody takes it."""
        try:
            self.sock.sendall(frame)
        except TimeoutError:
            return False
        return True

    def is_closed(self) -> bool:
        """Wait for the end of the stream; False when something comes instead."""
        try:
            return self.sock.recv(1) == b""
        except ConnectionResetError:
            return True


def bolt_echo(frame: bytes) -> list[bytes]:
    """Answer heartbeats, and requests with their content."""
    request = BoltFrame(frame)
    if request.kind == 2:
        return []
    command = 0 if request.command == 0 else 2
    return [
        bolt_response(
            request.id, request.content, request.headers,
            version=request.version, command=command, crc=request.crc,
        )
    ]  # fmt: skip


class RpcServer:
    """A server that answers each frame with what ``respond`` returns for it.

    ``frames`` are those that came, ``connections`` how many there were.
    """

    def __init__(
        self,
        respond: Callable[[bytes], list[bytes] | None] = bolt_echo,
        size: Callable[[bytes], int] = bolt_size,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """``respond`` returns None to close the connection."""
        self.tls = tls
        self.respond = respond
        self.size = size
        self.frames: list[bytes] = []
        self.connections = 0
        self.open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listening.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "RpcServer":
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()
        for sock in self.open:
            sock.close()

    def requests(self) -> list[BoltFrame]:
        """Return the requests of bolt that came, without heartbeats."""
        frames = [BoltFrame(frame) for frame in self.frames]
        return [frame for frame in frames if frame.kind != 0 and frame.command == 1]

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            self.open.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(PATIENCE)
        try:
            if self.tls is not None:
                sock = self.tls.wrap_socket(sock, server_side=True)
            frames = Frames(sock, self.size)
            sock.settimeout(None)
            while True:
                frame = frames.next()
                self.frames.append(frame)
                answers = self.respond(frame)
                if answers is None:
                    break
                if answers:
                    sock.sendall(b"".join(answers))
        except OSError:
            pass
        sock.close()


def events_of(rpc: RpcCodec, codec: Any, pieces: list[bytes]) -> Iterator[tuple[Any, ...]]:
    """Feed ``pieces`` and yield what the codec says: (event, id, what it knows of the frame)."""
    frame = rpc.frame
    for piece in pieces:
        codec.feed(piece)
        while True:
            event = codec.next()
            if event == frame.NEED_DATA:
                break
            if event == frame.REQUEST:
                head = codec.request
                yield (
                    event, head.id, head.oneway, head.time_limit, tuple(head.items()),
                    head.rpc_service(), head.rpc_method(), codec.content,
                )  # fmt: skip
            elif event == frame.RESPONSE:
                head = codec.response
                yield (event, codec.id, head.status, head.rpc_status, codec.content)
            elif event == frame.ERROR:
                yield (event, codec.error)
                return
            else:
                yield (event, codec.id)


def read_every_way(rpc: RpcCodec, make: Callable[[], Any], data: bytes) -> list[tuple[Any, ...]]:
    """Read ``data`` whole, byte by byte, and in two pieces at each place; all must agree."""
    whole = list(events_of(rpc, make(), [data]))
    assert whole == list(events_of(rpc, make(), [data[i : i + 1] for i in range(len(data))]))
    step = max(1, len(data) // 50)
    for cut in range(1, len(data), step):
        assert whole == list(events_of(rpc, make(), [data[:cut], data[cut:]]))
    return whole
