"""Pigeon, a small RPC protocol: the proxy, the client and the server of this example speak it.

    0      2      3        4     8              10             14
    +------+------+--------+-----+--------------+--------------+---------+---------+
    | "PG" | kind | status | id  | service size | content size | service | content |
    +------+------+--------+-----+--------------+--------------+---------+---------+
"""

import struct

from pymosn.api import Frame, Protocol

KINDS = ("request", "oneway", "response", "ping", "pong")
START = struct.Struct(">2sBBIHI")


class Pigeon(Protocol):
    """What the proxy has to know."""

    id_bits = 32

    def match(self, data: memoryview) -> bool | None:
        """Two bytes tell it from other protocols."""
        if len(data) < 2:
            return None if data == b"P"[: len(data)] else False
        return data[:2] == b"PG"

    def measure(self, data: memoryview) -> int:
        """How long a frame is stands in its first 14 bytes."""
        if len(data) < START.size:
            return 0
        *_, service, content = START.unpack_from(data)
        return START.size + service + content

    def decode(self, data: memoryview) -> Frame | None:
        """Take a frame apart."""
        if len(data) < START.size:
            return None
        magic, kind, status, number, service_size, content_size = START.unpack_from(data)
        if magic != b"PG" or kind >= len(KINDS):
            raise ValueError("this is no pigeon")
        content = START.size + service_size
        if len(data) < content + content_size:
            return None
        service = str(data[START.size : content], "utf-8", "replace")
        name = KINDS[kind]
        return Frame(
            size=content + content_size,
            id=number,
            kind={"ping": "request", "pong": "response"}.get(name, name),
            heartbeat=name in ("ping", "pong"),
            headers=[("service", service)],
            service=service,
            status=status,
            content=data[content : content + content_size],
        )

    def encode(self, frame: Frame) -> bytes:
        """Put a frame together; a filter may have changed its headers and its content."""
        name = frame.kind
        if frame.heartbeat:
            name = "pong" if frame.kind == "response" else "ping"
        service = dict(frame.headers).get("service", "").encode()
        start = START.pack(
            b"PG", KINDS.index(name), frame.status, frame.id, len(service), len(frame.content)
        )
        return start + service + frame.content

    def heartbeat(self) -> Frame:
        """Ask an idle server whether it lives."""
        return Frame(heartbeat=True)

    def heartbeat_reply(self, request: Frame) -> Frame:
        """Answer a client that asks."""
        return Frame(kind="response", heartbeat=True)

    def hijack(self, request: Frame, status: int, reason: str) -> Frame:
        """The proxy answers itself: no route, no host, too late, ..."""
        return Frame(kind="response", status=1, content=f"{status} {reason}".encode())
