"""The L4 proxy: bytes between a client and one host of a cluster (spec §2.2, ``tcp_proxy``).

A ``TcpSession`` is one downstream connection with its upstream; a ``TcpSide`` is the handler of
one of its two connections and passes on what arrives there.  The client is not read before the
upstream is connected.  A half-close is passed on as one, an error as a reset.
"""

from typing import Any, Final

from pymosn.network.connection import READ_SIZE, Connection, Handler
from pymosn.network.reactor import Reactor
from pymosn.network.secure import TlsFactory
from pymosn.network.splice import Splice
from pymosn.network.timers import Reactive, Timer
from pymosn.observe.accesslog import AccessLog
from pymosn.proxy.accept import ConnectionIds, ServingAcceptor
from pymosn.proxy.tcp_routes import TcpRoutes
from pymosn.snapshot import Listener, TcpProxy
from pymosn.stream.stream import (
    CONNECT_FAILED,
    CONNECT_TIMEOUT,
    DOWNSTREAM_CLOSED,
    FAILURES,
    IDLE_TIMEOUT,
    NO_HEALTHY_UPSTREAM,
    NO_HOST,
    NO_ROUTE,
    OVERFLOW,
    UPSTREAM_RESET,
    ConnectionInfo,
    Stream,
)
from pymosn.upstream.cluster import UpstreamCluster
from pymosn.upstream.hosts import UpstreamHost

# What a session is doing.
CONNECTING: Final = 0
OPEN: Final = 1
ENDING: Final = 2
"""Everything was received; what is queued is being sent."""

_CONNECTING = CONNECTING
_OPEN = OPEN
_ENDING = ENDING
_READ_SIZE = READ_SIZE
_CONNECT_FAILED = CONNECT_FAILED
_CONNECT_TIMEOUT = CONNECT_TIMEOUT
_DOWNSTREAM_CLOSED = DOWNSTREAM_CLOSED
_IDLE_TIMEOUT = IDLE_TIMEOUT
_NO_HOST = NO_HOST
_NO_ROUTE = NO_ROUTE
_OVERFLOW = OVERFLOW
_UPSTREAM_RESET = UPSTREAM_RESET
_NO_HEALTHY_UPSTREAM = NO_HEALTHY_UPSTREAM


class TcpAcceptor(ServingAcceptor):
    """Serves a listener's connections with the L4 proxy."""

    sessions: set[Any]
    routes: Any
    cluster_name: str
    idle_timeout: float
    max_attempts: int
    clusters: dict[str, UpstreamCluster]
    access_logs: list[Any]

    def __init__(self, reactor: Reactor, ids: ConnectionIds, listener: Listener) -> None:
        """``listener`` is the snapshot's."""
        ServingAcceptor.__init__(self, reactor, ids, listener)
        self.sessions = set()

    def configure(
        self,
        settings: TcpProxy,
        clusters: dict[str, UpstreamCluster],
        access_logs: list[AccessLog],
    ) -> None:
        """Serve with these from the next connection on.

        Raises ``ValueError`` when a route names a network that is not one.
        """
        self.routes = TcpRoutes(settings.routes)
        self.cluster_name = settings.cluster
        self.idle_timeout = settings.idle_timeout
        self.max_attempts = settings.max_connect_attempts
        self.clusters = clusters
        self.access_logs = access_logs

    def serve(self, connection: Connection, info: ConnectionInfo, data: bytes) -> None:
        info.protocol = "TCP"
        session = TcpSession.__new__(TcpSession)
        session.enter(self, info, connection, data)
        self.sessions.add(session)
        session.begin(self.cluster_name or self.routes.match(info.peer, info.local))

    def close(self) -> None:
        ServingAcceptor.close(self)
        for session in list(self.sessions):
            session.abort()

    def active(self) -> int:
        return len(self.sessions) + len(self.shaking)

    def finished(self, session: "TcpSession") -> None:
        """Count and log a session that is over."""
        self.sessions.discard(session)
        stream = session.stream
        self.stats.connection_closed(stream.bytes_received, stream.bytes_sent)
        for access_log in self.access_logs:
            access_log.log(stream)


class TcpSide(Handler):
    """What happens at one of the two connections of a session."""

    session: "TcpSession"
    reactor: "Reactor"
    mine: "Connection"
    other: "Connection"

    def __init__(self, session: "TcpSession") -> None:
        self.session = session
        self.reactor = self.session.reactor

    def on_connected(self) -> None:
        self.session.on_upstream()

    def on_data(self, data: bytes) -> None:
        self.session.activity = self.reactor.now
        if not self.other.write(data):
            self.mine.pause_reading()
        if len(data) >= _READ_SIZE and self.mine.tls is None and self.other.tls is None:
            Splice(self.reactor, self.mine, self.other, -1).begin()

    def on_spliced(self, moved: int, done: bool) -> None:
        self.session.activity = self.reactor.now

    def on_drained(self) -> None:
        self.other.resume_reading()

    def on_eof(self) -> None:
        self.session.activity = self.reactor.now
        self.other.end_write()
        if self.other.eof:
            self.session.end()

    def on_closed(self, error: int) -> None:
        self.session.on_side_closed(self, error)


class TcpSession(Reactive):
    """One downstream connection and its upstream.  Times are nanoseconds."""

    acceptor: "TcpAcceptor"
    reactor: "Reactor"
    stream: "Stream"
    down: "Connection"
    up: "Connection"  # None while there is none
    cluster: "UpstreamCluster"
    host: "UpstreamHost"
    _timer: "Timer"
    activity: int
    _moved: int
    _first: bytes
    _idle_timeout: float
    _state: int
    _attempts_left: int
    _counted: bool
    _connected: bool
    _timed_out: bool
    _broken: bool
    _remote: bool
    _done: bool

    def enter(
        self, acceptor: TcpAcceptor, info: ConnectionInfo, down: Connection, data: bytes
    ) -> None:
        """Begin a session of ``down``, of which ``data`` has been read already."""
        self.acceptor = acceptor
        self.reactor = acceptor.reactor
        stream = Stream.__new__(Stream)
        stream.begin(info, self.reactor.now)
        self.stream = stream
        side = TcpSide(self)
        self.down = down
        self.down.handler = side
        self._first = data
        side.mine = self.down
        # What the client sends waits in the kernel until somebody can take it.
        self.down.pause_reading()
        self._timer = Timer()

    def begin(self, cluster_name: str) -> None:
        """Find a host of the cluster and connect to it."""
        cluster = self.acceptor.clusters.get(cluster_name) if cluster_name else None
        self.stream.cluster_name = cluster_name
        if cluster is None:
            self._refuse(_NO_ROUTE)
            return
        self.cluster = cluster
        if not cluster.limits.connection_allowed():
            cluster.stats.pending_overflowed()
            self._refuse(_OVERFLOW)
            return
        cluster.limits.connections += 1
        self._counted = True
        self._attempts_left = min(self.acceptor.max_attempts, len(cluster.hosts))
        self._connect_next(_NO_HOST)

    def abort(self) -> None:
        """Close both connections now; the peers see a reset."""
        self._state = _ENDING
        up = self.up
        if up is not None:
            up.abort()
        self.down.abort()

    # -- from the sides ----------------------------------------------------------------------

    def on_upstream(self) -> None:
        """The upstream is connected."""
        self._state = _OPEN
        self._connected = True
        self.host.stats.connection_opened()
        self.stream.upstream_connection_id = self.up.fd
        self.stream.upstream_sent = self.reactor.now
        self.activity = self.reactor.now
        if self.acceptor.idle_timeout > 0:
            self._idle_timeout = self.acceptor.idle_timeout
            self.reactor.arm(self._timer, self, self._idle_timeout)
        else:
            self.reactor.cancel(self._timer)
        if self._first:
            self.up.write(self._first)
            self._first = b""
        if self.down.eof:
            self.up.end_write()
        self.down.resume_reading()

    def end(self) -> None:
        """Both peers have sent everything."""
        self._state = _ENDING
        self.up.close()
        self.down.close()

    def on_side_closed(self, side: TcpSide, error: int) -> None:
        """One of the connections is gone."""
        if side.mine is not self.down and self._state == _CONNECTING:
            self._connect_failed()
            return
        state = self._state
        self._state = _ENDING
        other = self.up if side.mine is self.down else self.down
        if state == _OPEN and error:
            self._blame(side)
        if other is None or other.closed:
            self._finish()
        elif state == _OPEN and error and side.mine.eof:
            # All that this peer had to say is on its way; it only takes no more.
            other.close()
        elif state != _ENDING:
            other.abort()

    def on_timer(self, timer: Timer) -> None:
        if self._state == _CONNECTING:
            self._timed_out = True
            self.up.abort()
            return
        left = self._idle_timeout - (self.reactor.now - self.activity) * 1e-9
        if left > 0:
            self.reactor.arm(timer, self, left)
            return
        moved = self.down.bytes_written + self.up.bytes_written
        if moved != self._moved and self.down.output.size + self.up.output.size > 0:
            # Nothing arrives because a slow peer is still being sent what came before.
            self._moved = moved
            self.reactor.arm(timer, self, self._idle_timeout)
            return
        self.stream.details = FAILURES[_IDLE_TIMEOUT].name
        self.abort()

    # -- private -----------------------------------------------------------------------------

    def _connect_next(self, reason: int) -> None:
        """Try the next host; ``reason`` says what ended the try before."""
        while self._attempts_left > 0:
            self._attempts_left -= 1
            host = self.cluster.choose(None, self.host)
            if host is None:
                break
            if self.stream.attempts:
                self.cluster.stats.connection_retried()
            self.stream.attempts += 1
            self.host = host
            self.stream.upstream_host = host
            host.active += 1
            if self._connect(host, host.pool("TCP").tls):
                return
            host.active -= 1
            host.stats.connection_failed()
            reason = _CONNECT_FAILED
        self.stream.flags |= _NO_HEALTHY_UPSTREAM
        self._refuse(reason)

    def _connect(self, host: UpstreamHost, tls: TlsFactory | None) -> bool:
        reactor = self.reactor
        pool = host.pool("TCP")
        options = pool.options
        fd = pool.dial()
        if fd < 0:
            return False
        down = self.down
        side = TcpSide(self)
        up = Connection(reactor, side, pool.address)
        side.mine = up
        side.other = down
        down_side: TcpSide = down.handler  # type: ignore[assignment]  # it is open, so it has ours
        down_side.other = up
        try:
            up.open(fd, True)
        except OSError:
            reactor.close_fd(fd)
            return False
        if tls is not None:
            up.start_tls(tls.layer())
        self.up = up
        self._timed_out = False
        if options.connect_timeout > 0:
            reactor.arm(self._timer, self, options.connect_timeout)
        return True

    def _connect_failed(self) -> None:
        host = self.host
        self.reactor.cancel(self._timer)
        falls_back = host.pool("TCP").falls_back(self.up, self._timed_out)
        if not falls_back or not self._connect(host, None):
            host.active -= 1
            host.stats.connection_failed()
            self.up = None  # type: ignore[assignment]  # as declared
            self._connect_next(_CONNECT_TIMEOUT if self._timed_out else _CONNECT_FAILED)

    def _refuse(self, reason: int) -> None:
        """There will be no upstream."""
        failure = FAILURES[reason]
        self.stream.flags |= failure.flag
        self.stream.details = failure.name
        self._state = _ENDING
        self.down.abort()

    def _blame(self, side: TcpSide) -> None:
        """Note who cut the connection."""
        self._broken = True
        if side.mine is self.down:
            self.stream.details = FAILURES[_DOWNSTREAM_CLOSED].name
        else:
            failure = FAILURES[_UPSTREAM_RESET]
            self._remote = True
            self.stream.flags |= failure.flag
            self.stream.details = failure.name

    def _finish(self) -> None:
        """Both connections are gone: keep the accounts, and log."""
        if self._done:
            return
        self._done = True
        self.reactor.cancel(self._timer)
        stream = self.stream
        stream.finished = self.reactor.now
        stream.bytes_received = self.down.bytes_read
        stream.bytes_sent = self.down.bytes_written
        up = self.up
        if up is not None:
            host = self.host
            host.active -= 1
            if self._connected:
                host.stats.connection_closed(
                    self._remote or up.eof, self._broken, up.bytes_read, up.bytes_written
                )
        if self._counted:
            self.cluster.limits.connections -= 1
        self.acceptor.finished(self)
