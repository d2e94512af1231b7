"""Upstream connection pools: who may have a connection, and when.

One pool a host and worker.  A ``PoolWaiter`` asks with ``acquire`` and is served at once from the
idle connections (the most recently used first: the others may grow old and be closed), or later
through ``on_pool_ready`` / ``on_pool_failed``.  ``Limits`` are the circuit breaker of a cluster in
this worker, shared by the pools of its hosts.
"""

import errno
from typing import Any, Final

from pymosn.network.connection import Connection
from pymosn.network.reactor import Reactive, Reactor, Timer
from pymosn.observe.metrics import UpstreamStats
from pymosn.stream.stream import (
    CONNECT_FAILED,
    CONNECT_TIMEOUT,
    OVERFLOW,
    StreamReceiver,
    StreamSender,
)

READY: Final = 0
"""``waiter.sender`` is set."""
WAITING: Final = -1
"""The waiter will be called."""

_READY = READY
_WAITING = WAITING
_OVERFLOW = OVERFLOW
_CONNECT_FAILED = CONNECT_FAILED
_CONNECT_TIMEOUT = CONNECT_TIMEOUT
_EINPROGRESS = errno.EINPROGRESS


class Limits:
    """Circuit-breaker limits of one cluster in one worker, with what is in use; 0: unlimited."""

    pools: list[Any]
    max_connections: int
    max_pending: int
    max_requests: int
    max_retries: int
    connections: int
    pending: int
    requests: int
    retries: int

    def __init__(
        self, connections: int = 0, pending: int = 0, requests: int = 0, retries: int = 0
    ) -> None:
        self.pools = []
        self.configure(connections, pending, requests, retries)

    def configure(self, connections: int, pending: int, requests: int, retries: int) -> None:
        """Change the limits; what is in use stays counted."""
        self.max_connections = connections
        self.max_pending = pending
        self.max_requests = requests
        self.max_retries = retries

    def connection_allowed(self) -> bool:
        """Say whether one more connection fits, closing an idle one elsewhere if that helps."""
        if self.max_connections == 0 or self.connections < self.max_connections:
            return True
        for pool in self.pools:
            if pool.evict_idle():
                return self.connections < self.max_connections
        return False


class UpstreamSender(StreamSender):
    """What a pool hands out: the sender of one request, to be attached to its receiver."""

    receiver: "StreamReceiver"  # None between exchanges
    response_begun: bool

    def attach(self, receiver: StreamReceiver) -> None:
        """Begin an exchange: ``receiver`` hears the response."""

    def reused(self) -> bool:
        """Say whether the connection carried an exchange before this one."""
        return False

    def host_connection(self) -> Connection:
        """Return the connection that carries this stream."""
        raise NotImplementedError


class PoolWaiter(StreamReceiver):
    """Asks a pool for a connection, then receives the response on it."""

    sender: "UpstreamSender"  # None before and after

    def on_pool_ready(self, sender: UpstreamSender) -> None:
        """``sender`` is yours until the exchange on it ends."""

    def on_pool_failed(self, reason: int) -> None:
        """There will be no connection."""


class PooledConnection(UpstreamSender):
    """A connection that a pool can hand out.  Base of the codecs' client connections."""

    connection: "Connection"
    idle_since: int

    def host_connection(self) -> Connection:
        return self.connection

    def open(self) -> None:
        """Begin to connect."""

    def close_idle(self) -> None:
        """Close a connection that has no exchange."""

    def dead(self) -> bool:
        """Say whether the peer has closed, or sent what nobody asked for."""
        return False


class PoolOptions:
    """How the connections of one cluster are made and kept."""

    connect_timeout: float
    idle_timeout: float
    max_requests: int
    mark: int
    max_head: int

    def __init__(
        self,
        connect_timeout: float = 10.0,
        idle_timeout: float = 60.0,
        max_requests: int = 0,
        mark: int = 0,
        max_head: int = 65536,
    ) -> None:
        """Timeouts in seconds, 0: none; ``max_requests`` a connection, 0: any."""
        self.connect_timeout = connect_timeout
        self.idle_timeout = idle_timeout
        self.max_requests = max_requests
        self.mark = mark
        self.max_head = max_head


class ConnectionPool(Reactive):
    """The connections to one host."""

    reactor: "Reactor"
    family: int
    address: bytes
    options: "PoolOptions"
    limits: "Limits"
    stats: "UpstreamStats"
    _idle: list[Any]
    _pending: list[Any]
    _timer: "Timer"
    _timer_armed: bool
    draining: bool
    connecting: int

    def __init__(
        self,
        reactor: Reactor,
        family: int,
        address: bytes,
        options: PoolOptions,
        limits: Limits,
        stats: UpstreamStats,
    ) -> None:
        """``address`` is packed."""
        self.reactor = reactor
        self.family = family
        self.address = address
        self.options = options
        self.limits = limits
        self.stats = stats
        self._idle = []
        self._pending = []
        self._timer = Timer()
        limits.pools.append(self)

    def connect(self) -> PooledConnection:
        """Make a client connection of this pool's protocol; not opened yet."""
        raise NotImplementedError

    def dial(self) -> int:
        """Begin to connect to the host: a descriptor whose connection is under way, or -1."""
        reactor = self.reactor
        fd = reactor.open_stream_socket(self.family)
        if fd < 0:
            return -1
        if self.options.mark:
            reactor.set_mark(fd, self.options.mark)
        if reactor.start_connect(fd, self.address) not in (0, _EINPROGRESS):
            reactor.close_fd(fd)
            return -1
        return fd

    def acquire(self, waiter: PoolWaiter, careful: bool) -> int:
        """Get a connection for ``waiter``: READY, WAITING, or the reason why not.

        ``careful``: the request cannot be repeated, so an idle connection is probed first.
        """
        idle = self._idle
        while idle:
            candidate = idle.pop()
            if careful and candidate.dead():
                candidate.close_idle()
                continue
            waiter.sender = candidate
            return _READY
        limits = self.limits
        if limits.connection_allowed():
            if limits.max_pending and limits.pending >= limits.max_pending:
                return _OVERFLOW
            if not self._open_one():
                return _CONNECT_FAILED
        elif limits.max_pending == 0 or limits.pending >= limits.max_pending:
            return _OVERFLOW
        limits.pending += 1
        self._pending.append(waiter)
        return _WAITING

    def cancel(self, waiter: PoolWaiter) -> None:
        """Forget a waiter; its connection, when it comes, serves the next or becomes idle."""
        if waiter in self._pending:
            self._pending.remove(waiter)
            self.limits.pending -= 1

    def release(self, connection: PooledConnection) -> None:
        """An exchange ended and left ``connection`` usable."""
        if self._pending:
            self._serve_next(connection)
        elif self.draining:
            connection.close_idle()
        else:
            connection.idle_since = self.reactor.now
            self._idle.append(connection)
            if not self._timer_armed and self.options.idle_timeout > 0:
                self._timer_armed = True
                self.reactor.arm(self._timer, self, self.options.idle_timeout)

    def drain(self) -> None:
        """Close what is idle now and everything else after its exchange."""
        self.draining = True
        self.reactor.cancel(self._timer)
        while self._idle:
            self.evict_idle()
        if self in self.limits.pools:
            self.limits.pools.remove(self)

    def evict_idle(self) -> bool:
        """Close the longest idle connection, if there is one."""
        if not self._idle:
            return False
        oldest = self._idle.pop(0)
        oldest.close_idle()
        return True

    def idle_count(self) -> int:
        """Return the number of idle connections."""
        return len(self._idle)

    # -- from the connections -----------------------------------------------------------------

    def connected(self, connection: PooledConnection) -> None:
        """A connection was established."""
        self.connecting -= 1
        self.stats.connection_opened()
        self.release(connection)

    def connect_failed(self, timed_out: bool) -> None:
        """A connection could not be established: its waiter hears of it."""
        self.limits.connections -= 1
        self.connecting -= 1
        self.stats.connection_failed()
        if self._pending and len(self._pending) > self.connecting:
            waiter = self._pending.pop(0)
            self.limits.pending -= 1
            waiter.on_pool_failed(_CONNECT_TIMEOUT if timed_out else _CONNECT_FAILED)

    def closed(self, connection: PooledConnection, remote: bool, active: bool) -> None:
        """An established connection is gone."""
        self.limits.connections -= 1
        inner = connection.connection
        self.stats.connection_closed(remote, active, inner.bytes_read, inner.bytes_written)
        if not active and connection in self._idle:
            self._idle.remove(connection)
        if len(self._pending) > self.connecting and self.limits.connection_allowed():
            self._open_one()

    def on_timer(self, timer: Timer) -> None:
        """Close what has been idle for too long; the oldest are in front."""
        self._timer_armed = False
        limit = int(self.options.idle_timeout * 1e9)
        while self._idle:
            oldest = self._idle[0]
            left = limit - (self.reactor.now - oldest.idle_since)
            if left > 0:
                self._timer_armed = True
                self.reactor.arm(self._timer, self, left * 1e-9)
                return
            self.evict_idle()

    def _open_one(self) -> bool:
        self.limits.connections += 1
        self.connecting += 1
        connection = self.connect()
        try:
            connection.open()
        except OSError:
            self.limits.connections -= 1
            self.connecting -= 1
            self.stats.connection_failed()
            return False
        return True

    def _serve_next(self, connection: PooledConnection) -> None:
        waiter = self._pending.pop(0)
        self.limits.pending -= 1
        waiter.on_pool_ready(connection)
