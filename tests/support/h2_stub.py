"""An HTTP/2 origin that says what it is told, and notes what it hears: for what no server does."""

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
GRPC_HEAD = b"\x88\x0f\x10\x10application/grpc"
"""The header block of a gRPC response: ``:status`` 200 and a content type."""


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Return a frame."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


class H2Stub:
    """Answers the HEADERS of each stream with ``answer(stream)``, bytes of any kind."""

    def __init__(self, answer: Callable[[int], bytes] = lambda stream: b"") -> None:
        self.heard: list[tuple[int, int, bytes]] = []
        """Type, stream and payload of the frames that came."""
        self._answer = answer
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()
        for thread in self._threads:
            thread.join(5)

    @property
    def address(self) -> str:
        """Where it listens."""
        host, port = self._listening.getsockname()
        return f"{host}:{port}"

    def cut(self) -> None:
        """Close every connection."""
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._connections = []

    def reset_codes(self) -> list[int]:
        """Return the error codes of the RST_STREAM frames that came."""
        return [struct.unpack(">I", data)[0] for kind, _, data in self.heard if kind == RESET]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.sendall(frame(SETTINGS, 0, 0, b""))
            reader = connection.makefile("rb")
            with reader:
                reader.read(24)
                while len(head := reader.read(9)) == 9:
                    size = int.from_bytes(head[:3], "big")
                    kind, flags, stream = struct.unpack(">BBI", head[3:])
                    payload = reader.read(size)
                    self.heard.append((kind, stream, payload))
                    if kind == SETTINGS and not flags & 1:
                        connection.sendall(frame(SETTINGS, 1, 0, b""))
                    elif kind == HEADERS:
                        connection.sendall(self._answer(stream))
        except OSError:
            return
