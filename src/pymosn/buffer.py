"""Bytes on their way out, queued without being copied.

An ``OutputQueue`` is a chain of pieces, each a span of some ``bytes``: what is forwarded as it
came is queued where it lies.  Codecs write into the queue that a connection sends from.
"""


class Piece:
    """``data[start:end]``, not empty, and what follows it."""

    data: bytes
    start: int
    end: int
    next: "Piece | None"


class OutputQueue:
    """Pieces in the order in which they leave; ``size`` is the sum of their bytes."""

    first: "Piece | None"
    last: "Piece | None"
    size: int
    closed: bool

    def __init__(self) -> None:
        self.first = None
        self.last = None
        self.size = 0
        self.closed = False

    def add(self, data: bytes) -> None:
        """Queue all of ``data``."""
        self.add_part(data, 0, len(data))

    def add_part(self, data: bytes, start: int, end: int) -> None:
        """Queue ``data[start:end]``, which must be within it; nothing once the queue is closed."""
        if start < end and not self.closed:
            piece = Piece.__new__(Piece)
            piece.data = data
            piece.start = start
            piece.end = end
            piece.next = None
            if self.last is None:
                self.first = piece
            else:
                self.last.next = piece
            self.last = piece
            self.size += end - start

    def drop(self, count: int) -> None:
        """Forget the first ``count`` bytes, at most ``size``: they have left."""
        self.size -= count
        while count > 0:
            piece: Piece = self.first  # type: ignore[assignment]  # there are as many bytes
            length = piece.end - piece.start
            if count < length:
                piece.start += count
                return
            count -= length
            self.first = piece.next
        if self.first is None:
            self.last = None

    def clear(self) -> None:
        """Forget everything that is queued."""
        self.drop(self.size)

    def close(self) -> None:
        """Take nothing more; what is queued stays."""
        self.closed = True

    def joined(self) -> bytes:
        """Return what is queued as one ``bytes``."""
        parts = []
        piece = self.first
        while piece is not None:
            parts.append(piece.data[piece.start : piece.end])
            piece = piece.next
        return b"".join(parts)

    def __dealloc__(self) -> None:
        # One by one: pieces that release each other would do so on the C stack.
        self.clear()
