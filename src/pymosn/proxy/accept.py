"""What happens to a connection that a listener accepted: limits, then its network filter."""

from typing import Any

from pymosn.network.listener import Acceptor
from pymosn.network.reactor import Reactor
from pymosn.observe.metrics import DownstreamStats
from pymosn.proxy.http import HttpProxy
from pymosn.stream.http1_server import Http1ServerConnection, ServerOptions
from pymosn.stream.stream import ConnectionInfo


class ConnectionIds:
    """Numbers the downstream connections of a worker."""

    next: int

    def __init__(self, first: int) -> None:
        self.next = first


class HttpAcceptor(Acceptor):
    """Serves a listener's connections with the L7 proxy."""

    reactor: "Reactor"
    proxy: "HttpProxy"
    ids: "ConnectionIds"
    listener: Any
    options: "ServerOptions"
    stats: "DownstreamStats"
    max_connections: int
    is_unix: bool

    def __init__(
        self, reactor: Reactor, proxy: HttpProxy, ids: ConnectionIds, listener: object
    ) -> None:
        """``listener`` is the snapshot's, for variables."""
        self.reactor = reactor
        self.proxy = proxy
        self.ids = ids
        self.listener = listener

    def configure(
        self, options: ServerOptions, stats: DownstreamStats, max_connections: int, is_unix: bool
    ) -> None:
        """Serve with these from the next connection on; 0 connections: unlimited."""
        self.options = options
        self.stats = stats
        self.max_connections = max_connections
        self.is_unix = is_unix

    def active(self) -> int:
        """Return the number of open connections."""
        return len(self.proxy.connections)

    def exchanges(self) -> int:
        """Return the number of exchanges under way."""
        return self.proxy.active

    def take_filter_errors(self) -> int:
        """Return the exceptions in filters since the last call."""
        return self.proxy.take_filter_errors()

    def drain(self) -> None:
        """Close every connection after its current exchange."""
        self.proxy.drain()

    def close(self) -> None:
        """Close every connection now."""
        self.proxy.close()

    def on_accept(self, fd: int, peer: bytes) -> None:
        reactor = self.reactor
        proxy = self.proxy
        if self.max_connections and len(proxy.connections) >= self.max_connections:
            self.stats.connection_overflowed()
            reactor.reset_on_close(fd)
            reactor.close_fd(fd)
            return
        if not self.is_unix:
            reactor.set_nodelay(fd)
        self.ids.next += 1
        info = ConnectionInfo(
            self.ids.next, peer, reactor.local_address(fd), "Http1", self.listener
        )
        connection = Http1ServerConnection(reactor, proxy, self.options, info)
        try:
            connection.open(fd)
        except OSError:
            reactor.close_fd(fd)
            return
        self.stats.connection_opened()
        proxy.connections.add(connection)
