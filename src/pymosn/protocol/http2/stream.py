"""What the engine knows about one HTTP/2 stream: its state, its windows, what waits for them.

Counterpart: ``connection`` changes it; the stream layer hangs its own object on ``owner``.
"""

from typing import Any, Final

from pymosn.message import Head

COALESCED: Final = 4096
"""Queued pieces smaller than this are joined, so that a queue of tiny writes stays short."""

_COALESCED = COALESCED


class Http2Stream:
    """One stream (RFC 9113 §5).

    It is open until both sides ended it or one reset it; then ``closed`` is true, the connection
    has forgotten it, and calls that name it do nothing.  ``send_window`` is negative after the
    peer shrank its windows (§6.9.2).  While ``paused``, bytes that were ``consumed`` are not given
    back to the peer.
    """

    id: int
    owner: Any
    send_window: int
    receive_window: int
    local_ended: bool
    remote_ended: bool
    closed: bool
    paused: bool
    queued: int
    taken: int
    waiting: bool
    head_received: bool
    bodiless: bool
    connect: bool
    body_left: int
    informational: int
    born: int
    unconsumed: int
    withheld: int
    credit: int
    end_queued: bool
    trailers: Head | None
    _queue: list[bytes] | None
    _offset: int

    def enter(self, identifier: int, send_window: int, receive_window: int) -> None:
        """Begin: in the place of ``__init__``, whose arguments would be Python objects."""
        self.id = identifier
        self.owner = None
        self.send_window = send_window
        self.receive_window = receive_window
        self.local_ended = False
        self.remote_ended = False
        self.closed = False
        self.paused = False
        self.queued = 0
        # Bytes of the queue that have left: whether a peer makes progress.
        self.taken = 0
        self.waiting = False
        # Client: the final response has arrived; server: the request, with which streams begin.
        self.head_received = False
        self.bodiless = False
        self.connect = False
        # What content-length says is still to come; -1: it says nothing.
        self.body_left = -1
        self.informational = 0
        # The connection's time when it was opened.
        self.born = 0
        # Bytes that came and were not given back, those of them that were consumed during a
        # pause, and those given back that the peer has not been told of yet.
        self.unconsumed = 0
        self.withheld = 0
        self.credit = 0
        self.end_queued = False
        self.trailers = None
        self._queue = None
        self._offset = 0

    def push(self, data: bytes) -> None:
        """Queue data that the windows do not allow yet."""
        self.queued += len(data)
        queue = self._queue
        if queue is None:
            self._queue = [data]
            return
        last = queue[-1]
        if len(last) + len(data) <= _COALESCED:
            queue[-1] = last + data
        else:
            queue.append(data)

    def first(self) -> bytes:
        """Return the piece that is at the front of the queue, which is not empty."""
        queue: list[bytes] = self._queue  # type: ignore[assignment]  # as said
        return queue[0]

    def offset(self) -> int:
        """Return how much of ``first`` has been sent."""
        return self._offset

    def sent(self, count: int) -> None:
        """Drop ``count`` bytes of ``first``."""
        queue: list[bytes] = self._queue  # type: ignore[assignment]  # something was sent of it
        self.queued -= count
        self.taken += count
        self._offset += count
        if self._offset == len(queue[0]):
            self._offset = 0
            del queue[0]
            if not queue:
                self._queue = None

    def clear(self) -> None:
        """Drop what is queued: the stream is gone."""
        self.queued = 0
        self._queue = None
        self._offset = 0
        self.trailers = None
        self.waiting = False
