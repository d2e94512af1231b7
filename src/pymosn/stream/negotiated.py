"""Upstream connections whose protocol the host chooses in its TLS handshake (ALPN, RFC 7301)."""

from pymosn.network.connection import Connection
from pymosn.protocol.http2.settings import ASSUMED_STREAMS
from pymosn.stream.http1_client import Http1ClientConnection
from pymosn.stream.http2_client import Http2ClientConnection
from pymosn.stream.pool import ConnectionPool, PooledConnection

_ASSUMED_STREAMS = ASSUMED_STREAMS


class NegotiatedPool(ConnectionPool):
    """The connections to one host: HTTP/2 where it says so, else HTTP/1.1.

    What it chose last is what its next connections are expected to carry.
    """

    def codec(self, connection: Connection) -> PooledConnection:
        tls = connection.tls
        if tls is not None and tls.alpn == b"h2":
            self.streams_expected = _ASSUMED_STREAMS
            return Http2ClientConnection(self, connection)
        self.streams_expected = 1
        return Http1ClientConnection(self, connection)
