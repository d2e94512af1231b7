"""The downstream side of HTTP/2: one connection, many exchanges.

The engine (``protocol/http2``) knows the protocol; here its events become a ``StreamReceiver``'s
calls, and time passes: idle connections are closed, and a client that stops sending a body, or
stops taking one, loses that stream.
"""

import base64
import os
from typing import Final

from pymosn.message import Head, RequestHead, ResponseHead
from pymosn.network.connection import Connection, Handler
from pymosn.network.reactor import Reactor
from pymosn.network.timers import Timer
from pymosn.protocol.grpc import is_grpc
from pymosn.protocol.http2.connection import (
    DATA,
    DRAINED,
    ERROR,
    HEADERS,
    NEED_DATA,
    RESET,
    TRAILERS,
    Http2Connection,
)
from pymosn.protocol.http2.errors import CANCEL, INTERNAL_ERROR, NO_ERROR
from pymosn.protocol.http2.stream import Http2Stream
from pymosn.stream.http2 import Http2Sender, Http2Wire
from pymosn.stream.options import ServerOptions
from pymosn.stream.stream import (
    DOWNSTREAM_CLOSED,
    DOWNSTREAM_PROTOCOL,
    ConnectionInfo,
    StreamFactory,
)

LONGEST_PAUSE: Final = 5.0
"""Seconds between two looks at the streams, at most."""

_METHOD_CONNECT = b"CONNECT"
_NEED_DATA = NEED_DATA
_HEADERS = HEADERS
_DATA = DATA
_TRAILERS = TRAILERS
_RESET = RESET
_DRAINED = DRAINED
_ERROR = ERROR
_NO_ERROR = NO_ERROR
_CANCEL = CANCEL
_INTERNAL_ERROR = INTERNAL_ERROR
_DOWNSTREAM_CLOSED = DOWNSTREAM_CLOSED
_DOWNSTREAM_PROTOCOL = DOWNSTREAM_PROTOCOL


class Http2ServerConnection(Handler):
    """One downstream connection."""

    reactor: "Reactor"
    factory: "StreamFactory"
    options: "ServerOptions"
    info: "ConnectionInfo"
    connection: "Connection"
    engine: "Http2Connection"
    wire: "Http2Wire"
    requests: int
    _timer: "Timer"
    _idle_since: int
    _written: int
    _written_at: int
    _draining: bool
    _ended: bool

    def __init__(
        self,
        reactor: Reactor,
        factory: StreamFactory,
        options: ServerOptions,
        info: ConnectionInfo,
        connection: Connection,
    ) -> None:
        """Serve an open ``connection``."""
        self.reactor = reactor
        self.factory = factory
        self.options = options
        self.info = info
        self.connection = connection
        self.connection.handler = self
        self.engine = Http2Connection(options.http2)
        self.wire = Http2Wire(self.engine, self.connection)
        self._timer = Timer()

    def begin(self, data: bytes) -> None:
        """Greet the client, of which ``data`` has arrived already."""
        self._greet()
        if data:
            self.on_data(data)

    def upgrade(self, settings: bytes, request: RequestHead, data: bytes) -> None:
        """Go on from HTTP/1.1's ``Upgrade: h2c``: ``request`` is stream 1 (RFC 7540 §3.2)."""
        stream = self.engine.upgrade(settings)
        self._greet()
        if stream is not None:
            self._begin_exchange(stream, request, True)
        self._advance()
        if data:
            self.on_data(data)

    def drain(self) -> None:
        """Take no more streams, and close after the last."""
        if not self._draining:
            self._draining = True
            self.engine.goaway(_NO_ERROR, False)
            self.wire.flush()
            self._arm()
        self._close_if_done()

    def abort(self) -> None:
        """Close at once."""
        self.connection.abort()

    # -- from the connection ------------------------------------------------------------------

    def on_data(self, data: bytes) -> None:
        if self._ended:
            return
        self.engine.set_time(self.reactor.now)
        self.engine.feed(data)
        self._advance()

    def on_flush(self) -> None:
        self.wire.write()

    def on_drained(self) -> None:
        self.wire.drained()
        self._advance()

    def on_eof(self) -> None:
        # No more frames, so no more windows: the client is gone.
        self._lose_streams(_DOWNSTREAM_CLOSED)
        self.connection.close()

    def on_closed(self, error: int) -> None:
        self.reactor.cancel(self._timer)
        self._lose_streams(_DOWNSTREAM_CLOSED)
        self.factory.connection_closed(
            self, self.connection.bytes_read, self.connection.bytes_written
        )

    def on_timer(self, timer: Timer) -> None:
        now = self.reactor.now
        if self.engine.active() == 0 and self.connection.unsent() == 0:
            if self._draining or (
                self.options.idle_timeout > 0
                and now - self._idle_since >= int(self.options.idle_timeout * 1e9)
            ):
                self._say_goodbye()
                return
        elif self.options.body_timeout > 0:
            limit = int(self.options.body_timeout * 1e9)
            if self._stuck(now, limit):
                self.connection.abort()
                return
            self._check_streams(now, limit)
        if not self.connection.closed:
            self._arm()

    # -- for its streams ----------------------------------------------------------------------

    def stream_over(self) -> None:
        """The proxy has finished an exchange."""
        self._idle_since = self.reactor.now
        if self._draining:
            self._close_if_done()

    # -- private ------------------------------------------------------------------------------

    def _greet(self) -> None:
        self._idle_since = self.reactor.now
        self.engine.set_time(self.reactor.now)
        self.engine.begin()
        self.wire.flush()
        self._arm()

    def _advance(self) -> None:
        """Handle everything that has arrived."""
        engine = self.engine
        while True:
            event = engine.next()
            if event == _NEED_DATA:
                break
            if event == _HEADERS:
                self._begin_exchange(engine.stream, engine.head, engine.end)  # type: ignore[arg-type]  # a client sends requests
            elif event == _ERROR:
                self._fail()
                break
            else:
                owner = engine.stream.owner if engine.stream is not None else None
                if owner is not None:
                    self._pass_on(event, owner)
                elif event == _DATA:
                    engine.consumed(engine.stream, len(engine.data))
            if self._ended or self.connection.closed:
                break
        self.wire.flush()
        if self._draining:
            self._close_if_done()

    def _pass_on(self, event: int, sender: "Http2ServerStream") -> None:
        """Tell a stream what happened to it."""
        engine = self.engine
        receiver = sender.receiver
        sender.heard_at = self.reactor.now
        if event == _DATA:
            data = engine.data
            stream = engine.stream
            sender.received = engine.end
            sender.body_size += len(data)
            if sender.early is not None:
                sender.early.append(data)
                return
            if receiver is not None:
                if sender.body_size > self.options.max_body > 0 and not sender.tunnels:
                    self.refuse(sender, 413, "the body is too large")
                else:
                    receiver.on_data(data, engine.end)
            engine.consumed(stream, len(data))
        elif event == _TRAILERS:
            sender.received = True
            stream = engine.stream
            if receiver is not None:
                receiver.on_trailers(engine.head)
        elif event == _DRAINED:
            if receiver is not None:
                receiver.on_drained()
        elif event == _RESET:
            sender.drop(_DOWNSTREAM_CLOSED)
        if sender.received and sender.sent and sender.stream is not None:
            sender.forget()

    def _begin_exchange(self, stream: Http2Stream, request: RequestHead | None, end: bool) -> None:
        sender = Http2ServerStream.__new__(Http2ServerStream)
        sender.enter(self, stream)
        stream.owner = sender
        sender.received = end
        self.requests += 1
        if request is None:
            self.refuse(sender, 431, "the head is too large")
            return
        if request.upgrade is not None or request.method == _METHOD_CONNECT:
            # What follows is no body: it is for the tunnel, once there is one.
            sender.await_tunnel(request)
            end = True
        if self.options.max_body and request.content_length > self.options.max_body:
            self.refuse(sender, 413, "the body is too large")
            return
        # Streams of messages: what their owner knows of deadlines and silence decides.
        sender.unhurried = request.te_trailers and request.method == _POST and is_grpc(request)
        if request.expects:
            if (request.get(b"expect") or b"").lower() != b"100-continue":
                self.refuse(sender, 417, "only 100-continue can be expected")
                return
            sender.expects_continue = not end
        receiver = self.factory.new_stream(sender, self.info)
        sender.receiver = receiver
        receiver.on_headers(request, end)
        if self.options.max_requests and self.requests >= self.options.max_requests:
            self.drain()

    def refuse(self, sender: "Http2ServerStream", status: int, why: str) -> None:
        """Answer a request that goes no further."""
        self.factory.protocol_error(self.info, status, why)
        receiver = sender.receiver
        sender.receiver = None  # type: ignore[assignment]  # as declared
        if receiver is not None:
            receiver.on_reset(_DOWNSTREAM_PROTOCOL)
        if sender.response_begun:
            sender.reset()
        else:
            sender.answer(status, why)

    def _fail(self) -> None:
        """The client broke the protocol for the whole connection; the engine has said so."""
        engine = self.engine
        self.factory.protocol_error(self.info, 400, engine.error)
        if engine.flood:
            self.factory.flooded(self.info, engine.flood)
        self._ended = True
        self._lose_streams(_DOWNSTREAM_PROTOCOL)
        self.wire.write()
        self.connection.close_lingering()

    def _lose_streams(self, reason: int) -> None:
        for stream in list(self.engine.streams.values()):
            sender: Http2ServerStream | None = stream.owner
            if sender is not None:
                sender.drop(reason)

    def _say_goodbye(self) -> None:
        self._ended = True
        self.engine.goaway(_NO_ERROR, True)
        self.wire.write()
        self.connection.close()

    def _close_if_done(self) -> None:
        if self.engine.active() == 0 and not self._ended and not self.connection.closed:
            self._say_goodbye()

    def _check_streams(self, now: int, limit: int) -> None:
        """Let go of streams whose client has fallen silent."""
        for stream in list(self.engine.streams.values()):
            sender: Http2ServerStream | None = stream.owner
            if sender is not None and not self.connection.closed:
                sender.check(now, limit)
        self._advance()

    def _stuck(self, now: int, limit: int) -> bool:
        """Say whether the client has taken nothing from the socket for so long."""
        written = self.connection.bytes_written
        if written != self._written or self.connection.unsent() == 0:
            self._written = written
            self._written_at = now
            return False
        return now - self._written_at >= limit

    def _arm(self) -> None:
        pause = LONGEST_PAUSE
        for timeout in (self.options.idle_timeout, self.options.body_timeout):
            if timeout > 0:
                pause = min(pause, timeout)
        self.reactor.arm(self._timer, self, pause)


class Http2ServerStream(Http2Sender):
    """The sender of one response."""

    server: "Http2ServerConnection"
    received: bool
    """Whether the request has arrived in full."""
    heard_at: int
    body_size: int
    tunnels: bool
    early: list[bytes] | None
    """What the client sent before there was a tunnel; its window bounds it."""
    reactor: "Reactor"
    expects_continue: bool
    unhurried: bool
    """Whether silence of the client is no reason to end the stream before its answer is."""
    _taken: int
    _taken_at: int
    _extended_connect: bool

    def enter(self, server: Http2ServerConnection, stream: Http2Stream) -> None:
        """Answer on ``stream``."""
        self.server = server
        self.reactor = server.reactor
        self.wire = server.wire
        self.stream = stream
        self.heard_at = server.reactor.now
        self._taken_at = self.heard_at

    def await_tunnel(self, request: RequestHead) -> None:
        """The request asks for a tunnel; make of an extended CONNECT what HTTP/1.1 knows as an
        upgrade (RFC 8441)."""
        self.tunnels = True
        self.early = []
        if request.upgrade is None:
            return
        self._extended_connect = True
        request.method = b"GET"
        if request.upgrade == b"websocket" and request.get(b"sec-websocket-key") is None:
            request.add(b"Sec-WebSocket-Key", base64.b64encode(os.urandom(16)))

    def send_headers(self, head: Head, end: bool) -> None:
        stream = self.stream
        if stream is None:
            return
        response: ResponseHead = head  # type: ignore[assignment]  # a server sends responses
        if response.status >= 200 or response.status == 101:
            self.response_begun = True
            if self._extended_connect and response.status == 101:
                response.status = 200
                response.remove(b"sec-websocket-accept")
        self.wire.engine.send_headers(stream, response, end)
        self.wire.flush()
        if end:
            self.sent = True
            self.on_sent()
        elif self.early is not None and self.response_begun:
            self.reactor.defer(self)

    def on_deferred(self) -> None:
        """There is an answer: what came for the tunnel goes there, or nowhere."""
        early = self.early
        self.early = None
        if early is None or self.stream is None:
            return
        for data in early:
            receiver = self.receiver
            if receiver is not None:
                receiver.on_data(data, False)
        receiver = self.receiver
        if receiver is not None and self.received:
            receiver.on_data(b"", True)
        if self.stream is not None:
            self.wire.engine.consumed(self.stream, sum(map(len, early)))
            self.wire.flush()

    def on_sent(self) -> None:
        if self.tunnels and not self.received:
            return
        self.receiver = None  # type: ignore[assignment]  # as declared
        if not self.received and self.stream.local_ended:
            self._cancel(_NO_ERROR)  # the rest of the request is not wanted (RFC 9113 §8.1)
        else:
            self.server.stream_over()

    def send_continue(self) -> None:
        if self.expects_continue and not self.response_begun and self.stream is not None:
            self.expects_continue = False
            self.wire.engine.send_headers(self.stream, ResponseHead(100), False)
            self.wire.flush()

    def reset(self) -> None:
        self.receiver = None  # type: ignore[assignment]  # as declared
        self._cancel(_INTERNAL_ERROR)

    def answer(self, status: int, why: str) -> None:
        """Answer without a receiver."""
        stream = self.stream
        body = why.encode() + b"\n"
        head = ResponseHead(status)
        head.start = -1
        head.add(b"Content-Type", b"text/plain")
        head.add(b"Content-Length", b"%d" % len(body))
        self.response_begun = True
        self.wire.engine.send_headers(stream, head, False)
        self.wire.engine.send_data(stream, body, True)
        self.wire.flush()
        self.sent = True
        self.on_sent()

    def forget(self) -> None:
        """Both sides have said everything: leave no cycle for the collector."""
        if self.tunnels:
            self.receiver = None  # type: ignore[assignment]  # as declared
            self.server.stream_over()
        if self.stream.closed:
            self.stream.owner = None
            self.stream = None  # type: ignore[assignment]  # as declared

    def drop(self, reason: int) -> None:
        """The stream is gone."""
        receiver = self.receiver
        self.receiver = None  # type: ignore[assignment]  # as declared
        self.stream = None  # type: ignore[assignment]  # as declared
        if receiver is not None:
            receiver.on_reset(reason)
            self.server.stream_over()

    def check(self, now: int, limit: int) -> None:
        """End the stream if the client has neither sent nor taken what is due for ``limit``."""
        stream = self.stream
        if stream is None or (self.unhurried and not self.sent):
            return
        if stream.queued:
            if stream.taken != self._taken:
                self._taken = stream.taken
                self._taken_at = now
            elif now - self._taken_at >= limit:
                self._lose()
        elif self.sent:
            # The answer has left, and the client goes on with a body that nobody wants.
            self._cancel(_NO_ERROR)
        elif not self.received and not stream.paused and self.receiver is not None:
            if now - self.heard_at < limit:
                return
            if not self.response_begun:
                # Otherwise it may be a tunnel, or a stream of messages: a client may be silent.
                self.server.refuse(self, 408, "the body took too long")

    def _lose(self) -> None:
        stream = self.stream
        self.drop(_DOWNSTREAM_CLOSED)
        self.wire.engine.reset_stream(stream, _CANCEL)
        self.wire.flush()

    def _cancel(self, code: int) -> None:
        stream = self.stream
        self.stream = None  # type: ignore[assignment]  # as declared
        if stream is not None:
            stream.owner = None
            self.wire.engine.reset_stream(stream, code)
            self.wire.flush()
            self.server.stream_over()


_POST = b"POST"
