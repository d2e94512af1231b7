"""Bytes from one connection to another through a pipe: they never enter this process.

A ``Splice`` is the ``Transfer`` that both connections call whenever something may have changed.  It
holds a pipe only while bytes are in it.  Knows no protocol.

EAGAIN from a source may mean that it is empty *or* that the pipe has no slot left (a slot is a
page, however little of it is used).  So only an empty pipe is ever filled, and a source counts as
empty only when it refuses that.
"""

import errno
from typing import Final

from pymosn.network.connection import Connection, Transfer
from pymosn.network.reactor import Pipe, Reactor

PIPE_BYTES: Final = 1 << 20
SPARE_PIPES: Final = 16
WORTH_BYTES: Final = 65536
"""From so many bytes on it pays to splice the rest of a body."""
TURN_BYTES: Final = 1 << 20
"""What one splice may move before others have a turn."""
SMALL_BYTES: Final = 16384
"""Below this, copying is cheaper."""
SMALL_IN_A_ROW: Final = 8
"""So many small arrivals end a splice."""

_PIPE_BYTES = PIPE_BYTES
_SPARE_PIPES = SPARE_PIPES
_TURN_BYTES = TURN_BYTES
_SMALL_BYTES = SMALL_BYTES
_SMALL_IN_A_ROW = SMALL_IN_A_ROW
_EAGAIN = errno.EAGAIN


class Splice(Transfer):
    """Moves what arrives at ``source`` to ``sink``: ``count`` bytes, or all (-1).

    ``source.handler`` hears ``on_spliced(moved, done)`` instead of ``on_data``; after ``done`` the
    source is read as before.  That may be before ``count``: at the end of the stream, or when
    the bytes come in small pieces so that a splice does not pay.  Until then nobody else may
    write to the sink.  A connection that closes takes the splice with it.
    """

    _reactor: "Reactor"
    source: "Connection"  # None after the end, as are these two
    sink: "Connection"
    _pipe: "Pipe"
    _held: int
    _left: int
    _small: int
    _pumping: bool
    _finished: bool

    def __init__(
        self, reactor: Reactor, source: Connection, sink: Connection, count: int
    ) -> None:
        self._reactor = reactor
        self.source = source
        self.sink = sink
        self._left = count

    def begin(self) -> None:
        """Start as soon as what is queued at the sink has left."""
        self.source.outgoing = self
        self.sink.incoming = self
        if self.sink.output.size == 0:
            self._reactor.defer(self.source)

    def source_ready(self) -> None:
        # Bytes in the pipe mean that the sink is full.
        if self._held == 0:
            self._pump()

    def sink_ready(self) -> None:
        self._pump()

    def held(self) -> int:
        return self._held

    def cancel(self) -> None:
        source = self.source
        self._detach()
        if source is not None and source.readable and not source.closed:
            self._reactor.defer(source)

    # -- private -----------------------------------------------------------------------------

    def _detach(self) -> None:
        source = self.source
        sink = self.sink
        self.source = None  # type: ignore[assignment]  # see the class
        self.sink = None  # type: ignore[assignment]  # the same
        self._release_pipe()
        if source is not None:
            source.outgoing = None
            sink.incoming = None

    def _pump(self) -> None:
        source = self.source
        if self._pumping or source is None or self.sink.output.size > 0:
            return
        self._pumping = True
        moved = self._move()
        self._pumping = False
        if self.source is None:
            # One of the connections broke; its handler has been told.
            return
        done = self._finished and self._held == 0
        handler = source.handler
        if done:
            self._detach()
            handler.on_spliced(moved, True)
            # At once, as if the last bytes had been read: the handler may have queued a request,
            # and what arrives before that has left does not answer it.
            source.continue_reading()
            return
        if self._held == 0:
            self._release_pipe()
        if moved:
            handler.on_spliced(moved, False)

    def _move(self) -> int:
        """Fill and empty the pipe in turns; returns the bytes that reached the sink."""
        source = self.source
        moved = 0
        while True:
            if self._held:
                moved += self._empty()
                if self._held or self.source is None:
                    # Either the sink is full and will say when it is not, or something broke.
                    return moved
            if self._finished or source.paused or not source.readable:
                return moved
            if moved >= _TURN_BYTES:
                self._reactor.defer(source)
                return moved
            self._fill()
            if self._held == 0:
                return moved

    def _fill(self) -> None:
        """Move from the source to the empty pipe once."""
        source = self.source
        pipe = self._pipe
        if pipe is None:
            pipe = self._take_pipe()
            if pipe is None:
                # No descriptors left: copying needs none.
                self._finished = True
                return
        wanted = pipe.size
        if 0 <= self._left < wanted:
            wanted = self._left
        count = self._reactor.splice(source.fd, pipe.write_end, wanted)
        if count > 0:
            source.bytes_read += count
            self._held += count
            if self._left > 0:
                self._left -= count
                if self._left == 0:
                    self._finished = True
            self._weigh(count)
        elif count == 0:
            # The end of the stream: the connection's own read finds it again and says so.
            self._finished = True
        elif count == -_EAGAIN:
            source.readable = False
        else:
            source.fail(-count)

    def _empty(self) -> int:
        """Move from the pipe to the sink until there is no more, or no more room."""
        sink = self.sink
        total = 0
        while self._held:
            count = self._reactor.splice(self._pipe.read_end, sink.fd, self._held)
            if count > 0:
                total += count
                self._held -= count
                sink.bytes_written += count
            elif count == -_EAGAIN:
                sink.await_room()
                break
            else:
                sink.fail(-count)
                break
        return total

    def _weigh(self, count: int) -> None:
        """Leave when it does not pay; a connection that is busy again will come back."""
        if count >= _SMALL_BYTES:
            self._small = 0
            return
        self._small += 1
        if self._small >= _SMALL_IN_A_ROW:
            self._finished = True

    def _take_pipe(self) -> Pipe | None:
        spare = self._reactor.spare_pipes
        if spare:
            self._pipe = spare.pop()
            return self._pipe
        self._pipe = self._reactor.open_pipe(_PIPE_BYTES)  # type: ignore[assignment]  # see the class
        return self._pipe

    def _release_pipe(self) -> None:
        pipe = self._pipe
        if pipe is None:
            return
        self._pipe = None  # type: ignore[assignment]  # see the class
        spare = self._reactor.spare_pipes
        # One that still holds bytes is closed with its last reference.
        if self._held == 0 and len(spare) < _SPARE_PIPES:
            spare.append(pipe)
        self._held = 0
