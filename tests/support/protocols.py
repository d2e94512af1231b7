"""A protocol written with ``pymosn.api``, in each of the pool modes.

Its frames: a length (2) of what follows, a kind (1), an id (2), the content.
"""

from pymosn.api import Frame, Protocol

KINDS = ("request", "oneway", "response")


class Multiplexed(Protocol):
    """Ids have 16 bits."""

    id_bits = 16

    def match(self, data: memoryview) -> bool | None:
        """Nothing else begins with so short a length."""
        return None if len(data) < 3 else data[0] == 0 and data[2] < 3

    def decode(self, data: memoryview) -> Frame | None:
        """Take a frame apart; the content ``raise`` is one that cannot be read."""
        size = 2 + int.from_bytes(data[:2], "big") if len(data) >= 2 else 1 << 20
        if size > len(data):
            return None
        content = bytes(data[5:size])
        if content == b"raise":
            raise ValueError("a frame to raise on")
        number = int.from_bytes(data[3:5], "big")
        headers = [("service", content.decode("latin-1").partition(" ")[0])]
        return Frame(
            size=size, id=number, kind=KINDS[data[2]], headers=headers, content=content,
            service=headers[0][1],
        )  # fmt: skip

    def encode(self, frame: Frame) -> bytes:
        """Put a frame together; refuses what it is told to."""
        if bytes(frame.content) == b"refuse":
            raise ValueError("a frame that cannot be said")
        body = bytes((KINDS.index(frame.kind),)) + frame.id.to_bytes(2, "big") + frame.content
        return len(body).to_bytes(2, "big") + body

    def hijack(self, request: Frame, status: int, reason: str) -> Frame:
        """Say the status."""
        return Frame(kind="response", content=str(status).encode())


class PingPong(Multiplexed):
    """One at a time."""

    pool_mode = "ping-pong"


class Binding(Multiplexed):
    """A connection for each client."""

    pool_mode = "binding"


class Confused(Multiplexed):
    """Cannot tell what a connection speaks."""

    def match(self, data: memoryview) -> bool | None:
        """Have a mistake."""
        raise LookupError("match")


class Mute(Multiplexed):
    """Cannot answer in place of a host."""

    def hijack(self, request: Frame, status: int, reason: str) -> Frame:
        """Have a mistake."""
        raise LookupError("hijack")


class Unusable(Multiplexed):
    """There is no such mode."""

    pool_mode = "nonsense"
