"""Upstream connection pools: who may have a connection, and when.

One pool a host and worker.  A ``PoolWaiter`` asks with ``acquire`` and is served at once from the
idle connections (the most recently used first: the others may grow old and be closed), or later
through ``on_pool_ready`` / ``on_pool_failed``.  ``Limits`` are the circuit breaker of a cluster in
this worker, shared by the pools of its hosts.
"""

import errno
import logging
from typing import Any, Final

from pymosn.message import RequestHead
from pymosn.network.connection import Connection, Handler
from pymosn.network.reactor import Reactor
from pymosn.network.secure import TlsFactory
from pymosn.network.timers import Reactive, Timer
from pymosn.observe.metrics import UpstreamStats
from pymosn.protocol.http2.options import Http2Options
from pymosn.stream.options import RpcClientOptions
from pymosn.stream.stream import (
    CONNECT_FAILED,
    CONNECT_TIMEOUT,
    OVERFLOW,
    ConnectionInfo,
    StreamReceiver,
    StreamSender,
)

READY: Final = 0
"""``waiter.sender`` is set."""
WAITING: Final = -1
"""The waiter will be called."""

NEGOTIATED: Final = "negotiated"
"""Name of the pool whose connections speak what the host chooses by ALPN."""

_READY = READY
_WAITING = WAITING
_OVERFLOW = OVERFLOW
_CONNECT_FAILED = CONNECT_FAILED
_CONNECT_TIMEOUT = CONNECT_TIMEOUT
_EINPROGRESS = errno.EINPROGRESS


log = logging.getLogger("pymosn.pool")


class Limits:
    """Circuit-breaker limits of one cluster in one worker, with what is in use; 0: unlimited.

    ``max_pending`` 0 means that nobody waits once ``max_connections`` are open, and that any
    number may wait for one that is being made.
    """

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

    def downstream(self) -> ConnectionInfo | None:
        """Return the connection that the request came on, None where there is none."""
        return None


class PooledConnection(UpstreamSender):
    """An established connection that a pool can lend.  Base of the codecs' client connections.

    One that carries an exchange at a time is its own ``UpstreamSender``; one that carries several
    lends a sender for each.
    """

    connection: "Connection"
    idle_since: int

    def host_connection(self) -> Connection:
        return self.connection

    def begin(self) -> None:
        """The connection is established: offer it to the pool."""

    def lend(self) -> UpstreamSender:
        """Return the sender of a new exchange; there must be room for one."""
        return self

    def room(self) -> int:
        """Return how many more exchanges the connection can carry now."""
        return 1

    def busy(self) -> bool:
        """Say whether an exchange is under way."""
        return self.receiver is not None

    def close_idle(self) -> None:
        """Close a connection that has no exchange."""

    def dead(self) -> bool:
        """Say whether the peer has closed, or sent what nobody asked for."""
        return False


class Dial(Handler):
    """A connection that is being established for a pool."""

    pool: "ConnectionPool"
    connection: "Connection"
    _timer: "Timer"
    _timed_out: bool

    def __init__(self, pool: "ConnectionPool") -> None:
        self.pool = pool
        self._timer = Timer()

    def begin(self) -> bool:
        """Begin to connect; False when that is impossible."""
        return self._begin(self.pool.tls)

    def _begin(self, tls: TlsFactory | None) -> bool:
        pool = self.pool
        reactor = pool.reactor
        fd = pool.dial()
        if fd < 0:
            return False
        self.connection = Connection(reactor, self, pool.address)
        try:
            self.connection.open(fd, True)
        except OSError:
            reactor.close_fd(fd)
            return False
        if tls is not None:
            self.connection.start_tls(tls.layer())
        if pool.options.connect_timeout > 0:
            reactor.arm(self._timer, self, pool.options.connect_timeout)
        return True

    def on_connected(self) -> None:
        self.pool.reactor.cancel(self._timer)
        self.pool.connected(self.connection)

    def on_timer(self, timer: Timer) -> None:
        self._timed_out = True
        self.connection.abort()

    def on_closed(self, error: int) -> None:
        pool = self.pool
        pool.reactor.cancel(self._timer)
        if pool.falls_back(self.connection, self._timed_out) and self._begin(None):
            return
        pool.connect_failed(self._timed_out)


class PoolOptions:
    """How the connections of one cluster are made and kept."""

    connect_timeout: float
    idle_timeout: float
    max_requests: int
    mark: int
    max_head: int
    http2: "Http2Options"
    http2_over_tls: "Http2Options"
    """The same where ``:scheme`` must say what the connection is (RFC 9113 §8.3.1)."""
    rpc: "RpcClientOptions"

    def __init__(
        self,
        connect_timeout: float = 10.0,
        idle_timeout: float = 60.0,
        max_requests: int = 0,
        mark: int = 0,
        max_head: int = 65536,
        http2: Http2Options | None = None,
        rpc: RpcClientOptions | None = None,
    ) -> None:
        """Timeouts in seconds, 0: none; ``max_requests`` a connection, 0: any."""
        self.connect_timeout = connect_timeout
        self.idle_timeout = idle_timeout
        self.max_requests = max_requests
        self.mark = mark
        self.max_head = max_head
        self.http2 = http2 or Http2Options(False)
        self.http2_over_tls = Http2Options(False, scheme=b"https")
        self.rpc = rpc or RpcClientOptions()


class ConnectionPool(Reactive):
    """The connections to one host."""

    reactor: "Reactor"
    family: int
    address: bytes
    options: "PoolOptions"
    limits: "Limits"
    stats: "UpstreamStats"
    tls: "TlsFactory | None"
    _idle: list[Any]
    _shared: list[Any]
    _pending: list[Any]
    _timer: "Timer"
    _timer_armed: bool
    draining: bool
    connecting: int
    streams_expected: int
    idle_timeout: float

    def __init__(
        self,
        reactor: Reactor,
        family: int,
        address: bytes,
        options: PoolOptions,
        limits: Limits,
        stats: UpstreamStats,
        tls: TlsFactory | None = None,
    ) -> None:
        """``address`` is packed; ``tls``: how connections are secured."""
        self.reactor = reactor
        self.family = family
        self.address = address
        self.options = options
        self.limits = limits
        self.stats = stats
        self.tls = tls
        self._idle = []
        self._shared = []
        self._pending = []
        self._timer = Timer()
        self.streams_expected = 1
        self.idle_timeout = self.options.idle_timeout
        limits.pools.append(self)

    def codec(self, connection: Connection) -> PooledConnection:
        """Return what speaks the pool's protocol on a connection just established."""
        raise NotImplementedError

    def takes(self, request: RequestHead) -> bool:
        """Say whether the pool's protocol can carry ``request``."""
        return not request.is_rpc()

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

    def falls_back(self, connection: Connection, timed_out: bool) -> bool:
        """Say whether ``connection`` failed in its TLS handshake and plain text is to be tried."""
        layer = connection.tls
        if self.tls is None or not self.tls.fall_back or layer is None:
            return False
        if connection.connecting or timed_out or not layer.shaking:
            return False
        log.error("[alert.tls] a TLS handshake failed; going on in plain text, as configured")
        return True

    def acquire(self, waiter: PoolWaiter, careful: bool) -> int:
        """Get a connection for ``waiter``: READY, WAITING, or the reason why not.

        ``careful``: the request cannot be repeated, so an idle connection is probed first.  So is
        one that may have something to read: what came before the request answers another one.
        """
        idle = self._idle
        while idle:
            candidate = idle.pop()
            if (careful or candidate.connection.may_have_input()) and candidate.dead():
                candidate.close_idle()
                continue
            waiter.sender = candidate
            return _READY
        shared = self._shared
        if shared:
            candidate = shared[-1]
            if candidate.room() == 1:
                shared.pop()
            waiter.sender = candidate.lend()
            return _READY
        limits = self.limits
        if self._connecting_suffices():
            pass
        elif limits.connection_allowed():
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
        """The only exchange on ``connection`` ended and left it usable."""
        if self._pending:
            self._serve_next(connection)
        elif self.draining:
            connection.close_idle()
        else:
            self._idle.append(connection)
            self._grow_old(connection)

    def share(self, connection: PooledConnection) -> None:
        """``connection``, which carries many exchanges, has room (again)."""
        while self._pending and connection.room() > 0:
            self._serve_next(connection)
        if not connection.busy():
            if self.draining:
                connection.close_idle()
                return
            self._grow_old(connection)
        if connection.room() > 0 and connection not in self._shared:
            self._shared.append(connection)

    def withdraw(self, connection: PooledConnection) -> None:
        """Lend ``connection`` no more; its exchanges go on."""
        if connection in self._shared:
            self._shared.remove(connection)

    def drain(self) -> None:
        """Close what is idle now and everything else after its exchanges."""
        self.draining = True
        self.reactor.cancel(self._timer)
        while self.evict_idle():
            pass
        if self in self.limits.pools:
            self.limits.pools.remove(self)

    def evict_idle(self) -> bool:
        """Close the longest idle connection, if there is one."""
        oldest: PooledConnection | None = None
        if self._idle:
            oldest = self._idle.pop(0)
        else:
            for connection in self._shared:
                if not connection.busy():
                    oldest = connection
                    self._shared.remove(connection)
                    break
        if oldest is None:
            return False
        oldest.close_idle()
        return True

    def idle_count(self) -> int:
        """Return the number of idle connections."""
        count = len(self._idle)
        for connection in self._shared:
            count += not connection.busy()
        return count

    # -- from the connections -----------------------------------------------------------------

    def connected(self, connection: Connection) -> None:
        """A connection was established."""
        self.connecting -= 1
        self.stats.connection_opened()
        self.codec(connection).begin()

    def connect_failed(self, timed_out: bool) -> None:
        """A connection could not be established: those who counted on it hear of it."""
        self.limits.connections -= 1
        self.connecting -= 1
        self.stats.connection_failed()
        for _ in range(self.streams_expected):
            if not self._pending or self._connecting_suffices(0):
                return
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
        self.withdraw(connection)
        if self._pending and not self._connecting_suffices(0) and self.limits.connection_allowed():
            self._open_one()

    def on_timer(self, timer: Timer) -> None:
        """Close what has been idle for too long; the oldest are in front."""
        self._timer_armed = False
        limit = int(self.idle_timeout * 1e9)
        while self._idle:
            oldest = self._idle[0]
            left = limit - (self.reactor.now - oldest.idle_since)
            if left > 0:
                self._watch_idle(left * 1e-9)
                break
            self.evict_idle()
        for connection in list(self._shared):
            if not connection.busy():
                left = limit - (self.reactor.now - connection.idle_since)
                if left > 0:
                    self._watch_idle(left * 1e-9)
                else:
                    self._shared.remove(connection)
                    connection.close_idle()

    # -- private ------------------------------------------------------------------------------

    def _grow_old(self, connection: PooledConnection) -> None:
        """Nobody uses the connection: remember since when."""
        connection.idle_since = self.reactor.now
        if not self._timer_armed and self.idle_timeout > 0:
            self._watch_idle(self.idle_timeout)

    def _watch_idle(self, seconds: float) -> None:
        if not self._timer_armed:
            self._timer_armed = True
            self.reactor.arm(self._timer, self, seconds)

    def _connecting_suffices(self, more: int = 1) -> bool:
        """Say whether the connections under way will serve all who wait, and ``more``."""
        return len(self._pending) + more <= self.connecting * self.streams_expected

    def _open_one(self) -> bool:
        self.limits.connections += 1
        self.connecting += 1
        if Dial(self).begin():
            return True
        self.limits.connections -= 1
        self.connecting -= 1
        self.stats.connection_failed()
        return False

    def _serve_next(self, connection: PooledConnection) -> None:
        waiter = self._pending.pop(0)
        self.limits.pending -= 1
        waiter.on_pool_ready(connection.lend())
