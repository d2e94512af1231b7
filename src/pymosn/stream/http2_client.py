"""The upstream side of HTTP/2: one connection, many exchanges, and the pool of one host."""

import base64
from typing import Any

from pymosn.message import Head, RequestHead, ResponseHead
from pymosn.network.connection import Connection
from pymosn.network.reactor import Reactor
from pymosn.network.secure import TlsFactory
from pymosn.observe.metrics import UpstreamStats
from pymosn.protocol.http2.connection import (
    DATA,
    DRAINED,
    ERROR,
    GOAWAY,
    HEADERS,
    NEED_DATA,
    RESET,
    SETTLED,
    TRAILERS,
    Http2Connection,
)
from pymosn.protocol.http2.errors import CANCEL, NO_ERROR, REFUSED_STREAM
from pymosn.protocol.http2.settings import ASSUMED_STREAMS
from pymosn.stream.http2 import Http2Sender, Http2Wire
from pymosn.stream.pool import (
    ConnectionPool,
    Limits,
    PooledConnection,
    PoolOptions,
    UpstreamSender,
)
from pymosn.stream.stream import (
    UPSTREAM_CLOSED,
    UPSTREAM_PROTOCOL,
    UPSTREAM_REFUSED,
    UPSTREAM_RESET,
    StreamReceiver,
)

_METHOD_CONNECT = b"CONNECT"
_NEED_DATA = NEED_DATA
_HEADERS = HEADERS
_DATA = DATA
_TRAILERS = TRAILERS
_RESET = RESET
_DRAINED = DRAINED
_GOAWAY = GOAWAY
_SETTLED = SETTLED
_ERROR = ERROR
_NO_ERROR = NO_ERROR
_CANCEL = CANCEL
_REFUSED_STREAM = REFUSED_STREAM
_UPSTREAM_CLOSED = UPSTREAM_CLOSED
_UPSTREAM_PROTOCOL = UPSTREAM_PROTOCOL
_UPSTREAM_REFUSED = UPSTREAM_REFUSED
_UPSTREAM_RESET = UPSTREAM_RESET


class Http2ClientConnection(PooledConnection):
    """One upstream connection; it lends an ``Http2ClientStream`` for each exchange."""

    pool: "ConnectionPool"
    engine: "Http2Connection"
    wire: "Http2Wire"
    lent: int
    requests: int
    upgrades: list[Any] | None
    _leaving: bool
    _remote_close: bool

    def __init__(self, pool: ConnectionPool, connection: Connection) -> None:
        """Speak HTTP/2 on an established connection of ``pool``."""
        self.pool = pool
        self.connection = connection
        self.connection.handler = self
        options = self.pool.options
        plain = self.connection.tls is None
        self.engine = Http2Connection(options.http2 if plain else options.http2_over_tls)
        self.wire = Http2Wire(self.engine, self.connection)

    # -- for the pool -------------------------------------------------------------------------

    def begin(self) -> None:
        self.engine.set_time(self.pool.reactor.now)
        self.engine.begin()
        self.wire.flush()
        self.pool.share(self)

    def lend(self) -> UpstreamSender:
        sender = Http2ClientStream.__new__(Http2ClientStream)
        sender.enter(self)
        self.lent += 1
        self.requests += 1
        limit = self.pool.options.max_requests
        if limit and self.requests >= limit:
            self._leave()
        return sender

    def room(self) -> int:
        if self._leaving or self.connection.closed:
            return 0
        limit = self.engine.peer.max_streams
        if not self.engine.settled:
            limit = self.pool.streams_expected
        return limit - self.lent

    def busy(self) -> bool:
        return self.lent > 0

    def close_idle(self) -> None:
        self._leaving = True
        self.engine.goaway(_NO_ERROR, True)
        self.wire.write()
        self.connection.close()

    def dead(self) -> bool:
        return self.connection.eof

    # -- for its streams ----------------------------------------------------------------------

    def stream_over(self) -> None:
        """An exchange on a lent sender has ended."""
        self.lent -= 1
        if self.connection.closed:
            return
        if not self._leaving:
            self.pool.share(self)
        elif self.lent == 0:
            self.close_idle()

    # -- from the connection ------------------------------------------------------------------

    def on_data(self, data: bytes) -> None:
        self.engine.set_time(self.pool.reactor.now)
        self.engine.feed(data)
        self._advance()

    def on_flush(self) -> None:
        self.wire.write()

    def on_drained(self) -> None:
        self.wire.drained()
        self._advance()

    def on_eof(self) -> None:
        self._remote_close = True
        self._leave()
        self._lose_streams(_UPSTREAM_CLOSED)
        self.connection.close()

    def on_closed(self, error: int) -> None:
        self._leaving = True
        active = self.lent > 0
        self.pool.closed(self, self._remote_close or error != 0, active)
        self._lose_streams(_UPSTREAM_CLOSED)

    # -- private ------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Handle everything that has arrived."""
        engine = self.engine
        while True:
            event = engine.next()
            if event == _NEED_DATA:
                break
            if event == _ERROR:
                self._leave()
                self._lose_streams(_UPSTREAM_PROTOCOL)
                self.wire.write()
                self.connection.close()
                break
            if event == _GOAWAY:
                self._remote_close = True
                self._leave()
                if self.lent == 0:
                    self.close_idle()
            elif event == _SETTLED:
                self.pool.streams_expected = min(engine.peer.max_streams, ASSUMED_STREAMS)
                self._send_upgrades()
                if self.room() > 0:
                    self.pool.share(self)
                else:
                    self.pool.withdraw(self)
            else:
                owner = engine.stream.owner if engine.stream is not None else None
                if owner is not None:
                    self._pass_on(event, owner)
                elif event == _DATA:
                    engine.consumed(engine.stream, len(engine.data))
            if self.connection.closed:
                break
        self.wire.flush()

    def _pass_on(self, event: int, sender: "Http2ClientStream") -> None:
        """Tell a stream what happened to it."""
        engine = self.engine
        if event == _HEADERS:
            sender.on_response(engine.head, engine.end)  # type: ignore[arg-type]  # a server sends responses
        elif event == _DATA:
            data = engine.data
            stream = engine.stream
            receiver = sender.receiver
            if engine.end:
                sender.finish()
            receiver.on_data(data, engine.end)
            engine.consumed(stream, len(data))
        elif event == _TRAILERS:
            receiver = sender.receiver
            trailers = engine.head
            sender.finish()
            receiver.on_trailers(trailers)
        elif event == _DRAINED:
            receiver = sender.receiver
            if receiver is not None:
                receiver.on_drained()
        elif event == _RESET:
            refused = engine.unprocessed or engine.error_code == _REFUSED_STREAM
            sender.drop(_UPSTREAM_REFUSED if refused else _UPSTREAM_RESET)

    def _send_upgrades(self) -> None:
        """The server has said whether it takes extended CONNECT: send what waited for that."""
        waiting = self.upgrades
        self.upgrades = None
        if waiting is not None:
            for sender in waiting:
                sender.send_upgrade()

    def _leave(self) -> None:
        """Take no more exchanges."""
        self._leaving = True
        self.pool.withdraw(self)

    def _lose_streams(self, reason: int) -> None:
        for stream in list(self.engine.streams.values()):
            sender: Http2ClientStream | None = stream.owner
            if sender is not None:
                sender.drop(reason)


class Http2ClientStream(Http2Sender):
    """The sender of one request."""

    client: "Http2ClientConnection"
    _websocket_key: bytes | None
    _upgrade: bytes | None
    _refused: int
    _tunnels: bool
    _ended: bool
    _waiting: "RequestHead"  # None unless an upgrade waits

    def enter(self, client: Http2ClientConnection) -> None:
        """Use a stream of ``client``; it is opened by ``send_headers``."""
        self.client = client
        self.wire = client.wire

    def attach(self, receiver: StreamReceiver) -> None:
        self.receiver = receiver

    def reused(self) -> bool:
        return self.client.requests > 1

    def send_headers(self, head: Head, end: bool) -> None:
        request: RequestHead = head  # type: ignore[assignment]  # a client sends requests
        engine = self.wire.engine
        self._upgrade = request.upgrade
        if self._upgrade is not None and not engine.settled:
            self._waiting = request
            if self.client.upgrades is None:
                self.client.upgrades = []
            self.client.upgrades.append(self)
            return
        if self._upgrade is not None:
            self._websocket_key = request.get(b"sec-websocket-key")
            if not engine.peer.connect_protocol:
                self._refuse(_UPSTREAM_PROTOCOL)
                return
        if self._upgrade is not None or request.method == _METHOD_CONNECT:
            self._tunnels = True
            end = False
        self.stream = engine.open_stream(self, request, end)  # type: ignore[assignment]  # as declared
        if self.stream is None:
            self._refuse(_UPSTREAM_REFUSED)
            return
        self.sent = end
        self.wire.flush()

    def send_upgrade(self) -> None:
        """The server's SETTINGS, for which an upgrade has to wait, are here."""
        if self.receiver is not None:
            self.send_headers(self._waiting, True)

    def on_deferred(self) -> None:
        """The stream could not be opened."""
        self.drop(self._refused)

    def reset(self) -> None:
        """Nobody waits for the response any more."""
        self.receiver = None  # type: ignore[assignment]  # as declared
        self._cancel(_CANCEL)

    def on_response(self, head: ResponseHead, end: bool) -> None:
        """A head of the response arrived."""
        receiver = self.receiver
        if head.status >= 200:
            self.response_begun = True
            if self._tunnels and head.status >= 300:
                self._tunnels = False
            elif self._upgrade is not None:
                self._accept_upgrade(head)
        if end:
            self.finish()
        receiver.on_headers(head, end)

    def on_sent(self) -> None:
        if self._ended:
            self.finish()

    def finish(self) -> None:
        """The response is complete; of a tunnel, that is half of the story."""
        if self._tunnels and not self.sent:
            self._ended = True
            return
        self.receiver = None  # type: ignore[assignment]  # as declared
        if self.sent:
            self.stream.owner = None
            self.stream = None  # type: ignore[assignment]  # as declared
            self.client.stream_over()
        else:
            # Who answers early does not want the rest.
            self._cancel(_NO_ERROR)

    def drop(self, reason: int) -> None:
        """The stream is gone."""
        receiver = self.receiver
        self.receiver = None  # type: ignore[assignment]  # as declared
        self.stream = None  # type: ignore[assignment]  # as declared
        if receiver is not None:
            self.client.stream_over()
            receiver.on_reset(reason)

    def _refuse(self, reason: int) -> None:
        self._refused = reason
        self.client.pool.reactor.defer(self)

    def _accept_upgrade(self, head: ResponseHead) -> None:
        """Make of the answer to an extended CONNECT what HTTP/1.1 calls 101 (RFC 8441 §5)."""
        head.status = 101
        head.upgrade = self._upgrade
        key = self._websocket_key
        if key is not None and head.get(b"sec-websocket-accept") is None:
            import hashlib  # brings OpenSSL, megabytes that few need

            digest = hashlib.sha1(key + _WEBSOCKET_GUID, usedforsecurity=False).digest()
            head.add(b"Sec-WebSocket-Accept", base64.b64encode(digest))

    def _cancel(self, code: int) -> None:
        stream = self.stream
        self.stream = None  # type: ignore[assignment]  # as declared
        if stream is not None:
            stream.owner = None
            self.wire.engine.reset_stream(stream, code)
            self.wire.flush()
        self.client.stream_over()


class Http2Pool(ConnectionPool):
    """The HTTP/2 connections to one host (spec §7.1)."""

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
        ConnectionPool.__init__(self, reactor, family, address, options, limits, stats, tls)
        self.streams_expected = ASSUMED_STREAMS

    def codec(self, connection: Connection) -> PooledConnection:
        return Http2ClientConnection(self, connection)


_WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
