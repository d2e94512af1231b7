"""What happens to a connection that a listener accepted: limits, then its network filter."""

from typing import TYPE_CHECKING, Any

from pymosn.network.connection import Connection, Handler
from pymosn.network.listener import Acceptor
from pymosn.network.reactor import Reactor
from pymosn.network.secure import TlsFactory
from pymosn.network.timers import Timer
from pymosn.observe.metrics import DownstreamStats
from pymosn.protocol.xprotocol.frame import RpcProtocol
from pymosn.proxy.detection import Detection
from pymosn.proxy.http import HttpProxy
from pymosn.stream.options import ServerOptions
from pymosn.stream.server import ServerCodec
from pymosn.stream.stream import ConnectionInfo

if TYPE_CHECKING:
    from pymosn.proxy.tcp import TcpAcceptor


class ConnectionIds:
    """Numbers the downstream connections of a worker."""

    next: int

    def __init__(self, first: int) -> None:
        self.next = first


class ServingAcceptor(Acceptor):
    """A listener's acceptor: what all its connections go through, whatever they speak."""

    reactor: "Reactor"
    ids: "ConnectionIds"
    listener: Any
    stats: "DownstreamStats"
    tls: "TlsFactory | None"
    max_connections: int
    shaking: set[Any]
    _timer: "Timer"
    _watching: bool
    _interval: float

    def __init__(self, reactor: Reactor, ids: ConnectionIds, listener: object) -> None:
        """``listener`` is the snapshot's, for variables."""
        self.reactor = reactor
        self.ids = ids
        self.listener = listener
        self.shaking = set()
        self._timer = Timer()

    def limit(self, stats: DownstreamStats, max_connections: int) -> None:
        """Count with ``stats`` and accept no more than so many at a time (0: unlimited)."""
        self.stats = stats
        self.max_connections = max_connections

    def secure(self, tls: TlsFactory | None) -> None:
        """Speak TLS with the connections that are accepted from now on, or not."""
        self.tls = tls

    def active(self) -> int:
        """Return the number of open connections."""
        return len(self.shaking)

    def exchanges(self) -> int:
        """Return the number of exchanges under way that use stream filters."""
        return 0

    def take_filter_errors(self) -> int:
        """Return the exceptions in filters since the last call."""
        return 0

    def drain(self) -> None:
        """Close every connection as soon as its protocol has a place to do so."""

    def close(self) -> None:
        """Close every connection now."""
        for handshake in list(self.shaking):
            handshake.abort()
        self.reactor.cancel(self._timer)
        self._watching = False

    def serve(self, connection: Connection, info: ConnectionInfo, data: bytes) -> None:
        """Take over an open connection that has sent ``data`` so far."""
        raise NotImplementedError

    def on_accept(self, fd: int, peer: bytes) -> None:
        reactor = self.reactor
        if self.max_connections and self.active() >= self.max_connections:
            self.stats.connection_overflowed()
            reactor.reset_on_close(fd)
            reactor.close_fd(fd)
            return
        self.ids.next += 1
        local = self.local or reactor.local_address(fd)
        info = ConnectionInfo.__new__(ConnectionInfo)
        info.enter(self.ids.next, peer, local, "", self.listener)
        connection = Connection.__new__(Connection)
        connection.enter(reactor, _NOBODY, peer)
        try:
            connection.open(fd, False)
        except OSError:
            reactor.close_fd(fd)
            return
        self.stats.connection_opened()
        try:
            if self.tls is not None:
                handshake = Handshake.__new__(Handshake)
                handshake.enter(self, connection, info)
                handshake.begin(self.tls)
            else:
                self.serve(connection, info, b"")
        except Exception:  # of any kind
            # A user's code failed.  The descriptor is the connection's already, so this must not
            # reach the listener.
            reactor.report(connection)

    def watch(self, interval: float) -> None:
        """Look after the handshakes every so many seconds, as long as there are any."""
        if not self._watching:
            self._watching = True
            self._interval = interval
            self.reactor.arm(self._timer, self, interval)

    def on_timer(self, timer: Timer) -> None:
        self._watching = False
        for handshake in list(self.shaking):
            if handshake.is_late(self.reactor.now):
                handshake.connection.abandon()
        if self.shaking:
            self.watch(self._interval)


class Handshake(Handler):
    """A downstream connection until its TLS handshake is done."""

    acceptor: "ServingAcceptor"
    connection: "Connection"
    info: "ConnectionInfo"
    _deadline: int

    def enter(
        self, acceptor: ServingAcceptor, connection: Connection, info: ConnectionInfo
    ) -> None:
        """Go on with ``connection`` for ``acceptor``."""
        self.acceptor = acceptor
        self.connection = connection
        self.info = info

    def begin(self, tls: TlsFactory) -> None:
        """Wait for the client to begin."""
        layer = tls.layer()
        self.connection.handler = self
        self.connection.start_tls(layer)
        self.acceptor.shaking.add(self)
        self._deadline = self.acceptor.reactor.now + int(layer.timeout * 1e9)
        self.acceptor.watch(layer.timeout / _LOOKS)

    def is_late(self, now: int) -> bool:
        """Say whether it should be over by ``now``, in the reactor's nanoseconds."""
        return now >= self._deadline

    def abort(self) -> None:
        """Close at once."""
        self.connection.abort()

    def on_connected(self) -> None:
        self.acceptor.shaking.discard(self)
        self.info.tls = self.connection.tls
        self.acceptor.serve(self.connection, self.info, b"")

    def on_closed(self, error: int) -> None:
        acceptor = self.acceptor
        acceptor.shaking.discard(self)
        acceptor.stats.connection_closed(
            self.connection.bytes_read, self.connection.bytes_written
        )


class HttpAcceptor(ServingAcceptor):
    """Serves a listener's connections with the L7 proxy."""

    proxy: "HttpProxy"
    options: "ServerOptions"
    protocols: tuple[str, ...]
    codecs: dict[str, ServerCodec]
    rpc: dict[str, RpcProtocol]
    fallback: "TcpAcceptor | None"
    _only: "ServerCodec | None"  # None when what the client sends decides

    def __init__(
        self, reactor: Reactor, proxy: HttpProxy, ids: ConnectionIds, listener: object
    ) -> None:
        ServingAcceptor.__init__(self, reactor, ids, listener)
        self.proxy = proxy

    def configure(
        self,
        options: ServerOptions,
        codecs: dict[str, ServerCodec],
        rpc: dict[str, RpcProtocol],
        fallback: "TcpAcceptor | None",
    ) -> None:
        """Serve with these from the next connection on.

        ``codecs`` has the protocols by name; more than one are told apart by what the client sends.
        What none of them recognises goes to ``fallback``, or is closed.  ``rpc`` has those that are
        not HTTP.
        """
        self.options = options
        self.protocols = tuple(codecs)
        self.codecs = codecs
        self.rpc = rpc
        self.fallback = fallback
        self._only = codecs[self.protocols[0]] if len(codecs) == 1 and fallback is None else None

    def active(self) -> int:
        count = len(self.proxy.connections) + len(self.shaking)
        return count if self.fallback is None else count + self.fallback.active()

    def exchanges(self) -> int:
        return self.proxy.active

    def take_filter_errors(self) -> int:
        return self.proxy.take_filter_errors()

    def drain(self) -> None:
        self.proxy.drain()

    def close(self) -> None:
        ServingAcceptor.close(self)
        self.proxy.close()
        if self.fallback is not None:
            self.fallback.close()

    def serve(self, connection: Connection, info: ConnectionInfo, data: bytes) -> None:
        if self._only is not None:
            info.protocol = self.protocols[0]
            self._only.serve(self.reactor, self.proxy, self.options, info, connection, data)
            return
        detection = Detection(self, connection, info)
        self.proxy.connections.add(detection)
        detection.begin(data)

    def speak(
        self, protocol: str, connection: Connection, info: ConnectionInfo, data: bytes
    ) -> None:
        """Serve the connection with ``protocol``; ``data`` is what it has sent so far."""
        info.protocol = protocol
        codec: ServerCodec = self.codecs[protocol]
        codec.serve(self.reactor, self.proxy, self.options, info, connection, data)


_NOBODY = Handler()
_LOOKS = 8  # in the time that a handshake may take: it may take an eighth longer
