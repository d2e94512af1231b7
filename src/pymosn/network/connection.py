"""One stream socket: reading, buffered writing, watermarks, half-close and idle state.

The seam to whoever owns the connection is ``Handler``: ``on_connected``, ``on_data(bytes)``,
``on_eof``, ``on_drained``, ``on_closed``.  A write is queued and leaves with one system call when
the events under way have been handled, so head and body go out together.  An idle connection holds
no buffer.  Knows no protocol, and of TLS that there may be a layer in between (secure.py).
"""

import errno
from typing import Final

from pymosn.buffer import OutputQueue
from pymosn.network.reactor import (
    EPOLLERR,
    EPOLLET,
    EPOLLHUP,
    EPOLLIN,
    EPOLLOUT,
    EPOLLRDHUP,
    READ_AHEAD,
    Reactor,
    Source,
)
from pymosn.network.secure import DONE, WAITING, TlsLayer
from pymosn.network.timers import Reactive, Timer

READ_SIZE: Final = 65536
READS_IN_A_ROW: Final = 8
HIGH_WATER: Final = 262144
"""Bytes of unsent output above which ``write`` asks the writer to pause."""
LOW_WATER: Final = 65536
LINGER_SECONDS: Final = 2.0
LINGER_BYTES: Final = 1 << 26
"""A fast client must have time to read the reply: not so little that it is sent in one go."""

_READ_EVENTS = EPOLLIN | EPOLLRDHUP | EPOLLET
_EDGE_EVENTS = _READ_EVENTS | EPOLLOUT
_HANGUP = EPOLLRDHUP | EPOLLHUP | EPOLLERR
_BROKEN = EPOLLHUP | EPOLLERR
_OUT = EPOLLOUT
_ERROR = EPOLLERR
_READ_SIZE = READ_SIZE
_READ_AHEAD = READ_AHEAD
_READS_IN_A_ROW = READS_IN_A_ROW
_HIGH_WATER = HIGH_WATER
_LOW_WATER = LOW_WATER
_EAGAIN = errno.EAGAIN
_ECONNRESET = errno.ECONNRESET
_ETIMEDOUT = errno.ETIMEDOUT
_WAITING = WAITING
_DONE = DONE


class Handler(Reactive):
    """Owns a connection and is told what happens to it.  The base ignores everything."""

    def on_connected(self) -> None:
        """The connection is established: that of a client, or one with TLS after its handshake."""

    def on_data(self, data: bytes) -> None:
        """Bytes arrived.  Not called while reading is paused."""

    def on_eof(self) -> None:
        """The peer will send nothing more (half-close)."""

    def on_flush(self) -> None:
        """The connection ``gather`` was called on sends now: last chance to write."""

    def on_drained(self) -> None:
        """Unsent output fell below the low watermark after ``write`` had asked to pause."""

    def on_spliced(self, moved: int, done: bool) -> None:
        """A transfer passed on ``moved`` bytes of what arrived; ``done``: it is over."""

    def on_closed(self, error: int) -> None:
        """The connection is gone.  ``error`` is 0 when we closed it, else an errno."""


class Transfer:
    """Passes on what arrives at one connection to another, in the place of ``Handler.on_data``.

    It is the ``outgoing`` of the one and the ``incoming`` of the other; splice.py has one.
    """

    def source_ready(self) -> None:
        """The source may have something to read."""

    def sink_ready(self) -> None:
        """The sink has sent everything that was queued, and can take more."""

    def held(self) -> int:
        """Return how many bytes wait because the sink is full."""
        return 0

    def cancel(self) -> None:
        """Let both connections go; what is under way is lost."""


class Connection(Source):
    """A connected, or connecting, stream socket that this object owns."""

    _reactor: "Reactor"
    handler: "Handler"
    peer: bytes
    tls: "TlsLayer | None"
    outgoing: "Transfer | None"
    incoming: "Transfer | None"
    bytes_read: int
    bytes_written: int
    _linger_timer: "Timer | None"
    _linger_left: int
    _linger_progress: int
    connecting: bool
    closed: bool
    eof: bool
    write_ended: bool
    readable: bool
    hangup: bool
    paused: bool
    lingering: bool
    close_when_flushed: bool
    above_high_water: bool
    _write_shut: bool
    _bulk: bool
    _gathers: bool
    _watches_room: bool

    def __init__(self, reactor: Reactor, handler: Handler, peer: bytes) -> None:
        """``peer`` is the packed address of the other end."""
        self.enter(reactor, handler, peer)

    def enter(self, reactor: Reactor, handler: Handler, peer: bytes) -> None:
        """What ``__init__`` does, for those who do it for each client."""
        self.handler = handler
        self.peer = peer
        self.fd = -1
        self.output = OutputQueue.__new__(OutputQueue)
        self._reactor = reactor

    def open(self, fd: int, connecting: bool) -> None:
        """Take over ``fd``; raises ``OSError`` when it cannot be watched."""
        self.connecting = connecting
        # A new socket that is connected has room: to be told so would cost a turn of its own.
        self._watches_room = connecting
        self._reactor.add(self, fd, _EDGE_EVENTS if connecting else _READ_EVENTS)

    def start_tls(self, layer: TlsLayer) -> None:
        """Speak TLS from the first byte on; call it right after ``open``.

        ``on_connected`` follows the handshake, which does not mind ``pause_reading``.  What is
        written before waits.  How long it may take is the caller's to watch (``abandon``).
        """
        self.tls = layer

    def write(self, data: bytes) -> bool:
        """Queue ``data``; returns False when the writer should pause until ``on_drained``."""
        self.output.add(data)
        return self.written()

    def write_late(self, data: bytes) -> bool:
        """As ``write``, but ``data`` leaves at the end of this turn, with what else comes."""
        self.output.add(data)
        if not self.connecting and self.output.size > 0:
            self._reactor.flush_late(self)
        return self._is_below_high_water()

    def gather(self) -> None:
        """At the end of this turn, ask the handler what there is to write, and send it."""
        self._gathers = True
        if not self.closed and not self.connecting:
            self._reactor.flush_late(self)

    def written(self) -> bool:
        """Send what was added to ``output``, soon.  Answers as ``write`` does."""
        if not self.connecting and self.output.size > 0:
            self._reactor.flush_soon(self)
        return self._is_below_high_water()

    def end_write(self) -> None:
        """Half-close: what is queued is sent, then the peer sees the end of the stream."""
        if self.closed or self.write_ended:
            return
        self.write_ended = True
        self.last = True
        self.output.close()
        if not self.connecting:
            self._reactor.flush_soon(self)

    def pause_reading(self) -> None:
        """Stop calling ``on_data``; the kernel's window closes on the peer."""
        self.paused = True

    def resume_reading(self) -> None:
        """Undo ``pause_reading``; what arrived meanwhile is read at the end of this turn."""
        if self.paused:
            self.paused = False
            if (self.readable or self.hangup) and not self.closed:
                self._reactor.defer(self)

    def continue_reading(self) -> None:
        """A transfer from here is over: read what it left."""
        if self.readable and not self.paused and not self.closed:
            self._read()

    def await_room(self) -> None:
        """The socket takes no more: hear of it when it does."""
        if not self._watches_room and not self.closed:
            self._watches_room = True
            self._reactor.change(self, _EDGE_EVENTS)

    def unsent(self) -> int:
        """Return how many bytes wait for the peer to take more."""
        transfer = self.incoming
        return self.output.size if transfer is None else self.output.size + transfer.held()

    def holds_back(self) -> bool:
        """Say whether we leave unread what the peer sends, because its bytes cannot go on."""
        transfer = self.outgoing
        return self.paused or (transfer is not None and transfer.held() > 0)

    def may_have_input(self) -> bool:
        """Say whether there is a sign of unread bytes; a system call would know."""
        return self.readable or self.hangup or self._reactor.has_event_for(self)

    def has_input(self) -> bool:
        """Say whether a read would return at once: data, the end of the stream or an error."""
        return self.early is not None or self._reactor.has_pending_input(self.fd)

    def nothing_sent_since(self, written: int) -> bool:
        """Say whether what was queued when ``bytes_written`` was ``written`` is all still here."""
        return self.flush_pending and self.bytes_written == written

    def close(self) -> None:
        """Send what is queued, then close.  The handler hears ``on_closed(0)``."""
        if self.closed:
            return
        self.close_when_flushed = True
        self.last = True
        if self.output.size == 0:
            if self.tls is not None and self.fd >= 0:
                self.tls.end(self.fd)
                self._reactor.shutdown_write(self.fd)
            self._shut(0)
        elif not self.connecting:
            self._reactor.flush_soon(self)

    def close_lingering(self) -> None:
        """Like ``close``, but first let the peer finish sending, within bounds.

        Closing while unread input is in the kernel makes it send RST, which can destroy the
        reply that is still on its way (the reason of nginx's lingering close).
        """
        if self.closed:
            return
        self.end_write()
        transfer = self.outgoing
        if transfer is not None:
            transfer.cancel()
        if not self.lingering and not self.closed:
            self.lingering = True
            self.close_when_flushed = False
            self.paused = False
            self._linger_left = LINGER_BYTES
            self._linger_progress = self.bytes_written
            self._linger_timer = Timer()
            self._reactor.arm(self._linger_timer, self, LINGER_SECONDS)
            self._reactor.defer(self)

    def abort(self) -> None:
        """Close at once and drop what is queued; the peer sees a reset."""
        if self.closed:
            return
        if self.fd >= 0:
            self._reactor.reset_on_close(self.fd)
        self._shut(0)

    def abandon(self) -> None:
        """The TLS handshake takes too long: count and log that, and close."""
        tls: TlsLayer = self.tls  # type: ignore[assignment]  # it is under way
        tls.report(self.peer)
        self._shut(_ETIMEDOUT)

    def fail(self, error: int) -> None:
        """A system call on the descriptor failed with this errno: the connection is gone."""
        self._shut(error)

    # -- called by the reactor --------------------------------------------------------------

    def on_events(self, events: int) -> None:
        if self.closed:
            return
        if self.connecting:
            self._finish_connecting(events)
            return
        if events & _OUT and (
            self.output.size > 0 or self.incoming is not None or self.tls is not None
        ):
            if self.output.size > 0 or self.incoming is None:
                if self.flush():
                    self._send()
            else:
                transfer: Transfer = self.incoming
                transfer.sink_ready()
            if self.closed:
                return
        if events & _HANGUP:
            self.hangup = True
            if events & _ERROR and (self.paused or self.eof or self.outgoing is not None):
                # No read would tell: none is made, or it still answers with the end of stream.
                self._shut(self._reactor.socket_error(self.fd) or _ECONNRESET)
                return
        if events & ~_OUT:
            if self._is_shaking():
                if not self.readable:
                    self.readable = True
                    self._reactor.defer_long(self)
                return
            self.readable = True
            if not self.paused:
                self._read()

    def on_deferred(self) -> None:
        if not self.closed and (not self.paused or self._is_shaking()):
            self.readable = True
            self._read()

    def on_timer(self, timer: Timer) -> None:
        if self.output.size > 0 and self.bytes_written != self._linger_progress:
            # The peer is still taking our reply.
            self._linger_progress = self.bytes_written
            self._reactor.arm(timer, self, LINGER_SECONDS)
            return
        self._shut(0)

    def flush(self) -> bool:
        if self.closed or self.connecting:
            return False
        if self.tls is not None:
            self._flush_tls()
            return False
        if self._gathers:
            handler = self.handler
            handler.on_flush()
        if self.output.size > 0:
            return True
        self._settle()
        return False

    def flushed(self, count: int) -> None:
        if self.closed:
            return
        if count <= 0:
            self._stopped(count)
            return
        self._sent(count)
        self._send()

    def reads_ahead(self) -> bool:
        # What arrives in bulk is better received into memory of its own.
        return (
            not self.connecting
            and self.early is None
            and not self.paused
            and self.tls is None
            and self.outgoing is None
            and not self._bulk
            and not self.lingering
        )

    # -- private ----------------------------------------------------------------------------

    def _send(self) -> None:
        """Send what is queued until the kernel takes no more."""
        while self.output.size > 0:
            count = self._reactor.send(self.fd, self.output, self.last)
            if count <= 0:
                self._stopped(count)
                return
            self._sent(count)
        self._settle()

    def _stopped(self, result: int) -> None:
        """Sending ended with 0, or minus an errno; there may be room again after 0."""
        if result < 0:
            self._shut(-result)
        elif result == 0:
            self.await_room()

    def _is_below_high_water(self) -> bool:
        if self.output.size > _HIGH_WATER and not self.output.closed:
            self.above_high_water = True
            return False
        return True

    def _sent(self, count: int) -> None:
        self.bytes_written += count
        self.output.drop(count)
        if self.above_high_water and 0 < self.output.size < _LOW_WATER:
            self.above_high_water = False
            handler = self.handler
            handler.on_drained()

    def _settle(self) -> None:
        """All output has left: pass on what waited for that."""
        if self.above_high_water:
            self.above_high_water = False
            handler = self.handler
            handler.on_drained()
            if self.output.size > 0 or self.closed:
                return
        if self.close_when_flushed:
            # Unread input would make close() drop what has not left.
            self._reactor.shutdown_write(self.fd)
            self._shut(0)
        elif self.incoming is not None:
            transfer = self.incoming
            transfer.sink_ready()
        elif self.write_ended and not self._write_shut:
            self._write_shut = True
            self._reactor.shutdown_write(self.fd)

    def _flush_tls(self) -> None:
        tls: TlsLayer = self.tls  # type: ignore[assignment]  # the caller has looked
        if tls.shaking:
            count = tls.push(self.fd)
            if count <= 0:
                self._stopped(count)
            return
        if self._gathers:
            handler = self.handler
            handler.on_flush()
            if self.closed:
                return
        while self.output.size > 0:
            count = tls.send(self.fd, self.output, self.last)
            if count <= 0:
                self._stopped(count)
                return
            self._sent(count)
            if self.closed:
                return
        if self.last:
            tls.end(self.fd)
        count = tls.push(self.fd)
        if count > 0:
            self._settle()
        else:
            self._stopped(count)

    def _read(self) -> None:
        if self.outgoing is not None:
            transfer = self.outgoing
            transfer.source_ready()
            return
        if self.tls is not None:
            self._read_tls()
            return
        reads = 0
        while self.readable and not self.paused and not self.closed and self.outgoing is None:
            room = _READ_SIZE
            if self.lingering:
                data = self._reactor.discard(self.fd)
            elif self.early is not None:
                data = self._reactor.take_early(self)
                room = _READ_AHEAD
            else:
                data = self._reactor.receive(self.fd, _READ_SIZE, self._bulk)
            if data is None:
                self._read_nothing(self._reactor.io_error)
                return
            if self.lingering:
                self._linger_left -= _READ_SIZE
                if self._linger_left < 0:
                    self._shut(0)
                    return
            else:
                size = len(data)
                self.bytes_read += size
                self._bulk = size > 16384
                if size < room and not self.hangup:
                    # A short read emptied the kernel's buffer; the next arrival is a new edge.
                    self.readable = False
                # Kept in a variable, here and elsewhere: what is called may close the connection,
                # and with it the last reference to what is being called.  Asked for anew each
                # time, because a handler may give way to another (detection, upgrades).
                handler = self.handler
                handler.on_data(data)
            reads += 1
            if reads >= _READS_IN_A_ROW and self.readable:
                # Others have a turn first.
                self._reactor.defer(self)
                return

    def _read_tls(self) -> None:
        tls: TlsLayer = self.tls  # type: ignore[assignment]  # the caller has looked
        if tls.shaking:
            self._shake(tls)
            return
        handler = self.handler
        reads = 0
        while self.readable and not self.paused and not self.closed:
            if self.lingering:
                data = self._reactor.discard(self.fd)
            else:
                data = tls.receive(self.fd, self._bulk)
            if data is None:
                self._read_nothing(self._reactor.io_error)
                if not self.closed:
                    self._push(tls)
                return
            if self.lingering:
                self._linger_left -= _READ_SIZE
                if self._linger_left < 0:
                    self._shut(0)
                    return
            else:
                size = len(data)
                self.bytes_read += size
                self._bulk = size > 16384
                if not tls.more and not self.hangup:
                    self.readable = False
                handler.on_data(data)
                # The handler may have become another one: of what was detected, for example.
                handler = self.handler
            reads += 1
            if reads >= _READS_IN_A_ROW and self.readable:
                self._reactor.defer(self)
                return

    def _push(self, tls: TlsLayer) -> None:
        """What TLS has to say by itself may not have left: a part of a handshake, an alert."""
        count = tls.push(self.fd)
        if count <= 0:
            self._stopped(count)

    def _is_shaking(self) -> bool:
        return self.tls is not None and self.tls.shaking

    def _shake(self, tls: TlsLayer) -> None:
        """Go on with the handshake."""
        # It takes long.
        self._reactor.let_go()
        if self.closed:
            return
        result = tls.handshake(self.fd)
        while result == _WAITING and tls.more:
            result = tls.handshake(self.fd)
        if result == _WAITING and self.hangup:
            result = tls.handshake(self.fd)
        if result == _WAITING:
            self.readable = False
            self._push(tls)
            return
        if result < 0:
            tls.report(self.peer)
            self._shut(-result)
            return
        if result != _DONE:
            self.tls = None
        handler = self.handler
        handler.on_connected()
        if self.closed:
            return
        self._reactor.flush_soon(self)
        if not self.paused:
            self._read()

    def _read_nothing(self, error: int) -> None:
        self.readable = False
        if error == _EAGAIN:
            return
        if error:
            self._shut(error)
            return
        self.hangup = False
        if self.lingering:
            self._shut(0)
        elif not self.eof:
            self.eof = True
            handler = self.handler
            handler.on_eof()

    def _finish_connecting(self, events: int) -> None:
        if not events & (_OUT | _BROKEN):
            return
        error = self._reactor.socket_error(self.fd)
        if error == 0 and events & _BROKEN and not events & _OUT:
            error = _ECONNRESET
        if error:
            self._shut(error)
            return
        self.connecting = False
        if self.tls is not None:
            self._shake(self.tls)
            return
        handler = self.handler
        handler.on_connected()
        if not self.closed:
            self._reactor.flush_soon(self)
            if events & ~_OUT:
                self.on_events(events & ~_OUT)

    def _shut(self, error: int) -> None:
        if self.closed:
            return
        self.closed = True
        if self._linger_timer is not None:
            self._reactor.cancel(self._linger_timer)
        self.output.close()
        self.output.clear()
        transfer = self.outgoing
        if transfer is not None:
            transfer.cancel()
        transfer = self.incoming
        if transfer is not None:
            transfer.cancel()
        if self.fd >= 0:
            self._reactor.close_source(self)
        handler = self.handler
        self.handler = _NOBODY
        handler.on_closed(error)


_NOBODY = Handler()
