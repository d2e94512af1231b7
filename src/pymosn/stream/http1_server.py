"""The downstream side of HTTP/1.x: one connection, one exchange at a time.

Turns the reader's events into a ``StreamReceiver``'s calls and a response into bytes; keeps the
connection's manners: keep-alive, pipelining, ``Connection``, 100-continue, tunnels after an
upgrade, and the timeouts of its phases.  Pipelined requests wait in the reader until the one
before has been answered.
"""

import base64
from typing import Final

from pymosn.message import Head, ResponseHead
from pymosn.network.connection import READ_SIZE, Connection
from pymosn.network.reactor import Reactor
from pymosn.network.splice import WORTH_BYTES, Splice
from pymosn.network.timers import Timer
from pymosn.protocol.http1 import DATA, END, HEAD, NEED_DATA, MessageReader
from pymosn.protocol.http1_writer import reason, write_data, write_end, write_response
from pymosn.stream.options import ServerOptions
from pymosn.stream.server import ServerCodec
from pymosn.stream.stream import (
    DOWNSTREAM_CLOSED,
    DOWNSTREAM_PROTOCOL,
    ConnectionInfo,
    StreamFactory,
    StreamReceiver,
    StreamSender,
)

MAX_SETTINGS: Final = 512
"""Characters of ``HTTP2-Settings``."""
PIPELINE_BYTES: Final = 65536
"""Requests received ahead of their turn; beyond, the connection is not read."""

_READ_SIZE = READ_SIZE
_WORTH_BYTES = WORTH_BYTES
_NEED_DATA = NEED_DATA
_HEAD = HEAD
_DATA = DATA
_END = END
_PIPELINE_BYTES = PIPELINE_BYTES
_DOWNSTREAM_CLOSED = DOWNSTREAM_CLOSED
_DOWNSTREAM_PROTOCOL = DOWNSTREAM_PROTOCOL
_CLOSE = b"Connection: close\r\n"

# What the timer waits for.
_IDLE = 0
_READING_HEAD = 1
_READING_BODY = 2
_WRITING = 3
_WAITING = 4


class Http1ServerConnection(StreamSender):
    """One downstream connection; also the sender of its current stream."""

    reactor: "Reactor"
    factory: "StreamFactory"
    options: "ServerOptions"
    info: "ConnectionInfo"
    reader: "MessageReader"
    connection: "Connection"
    _receiver: "StreamReceiver"  # None between exchanges
    _timer: "Timer"
    requests: int
    _expects_continue: bool
    _deadline: int
    _idle_ns: int
    _progress: int
    _phase: int
    _paused: int
    _timer_armed: bool
    _draining: bool
    _ended: bool
    _tunnel: bool
    _request_complete: bool
    _response_begun: bool
    _keep_alive: bool
    _is_head: bool
    _connect: bool
    _chunked: bool
    _until_close: bool

    def enter(
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
        self.reader = MessageReader.__new__(MessageReader)
        self.reader.enter(True, options.max_head, options.max_headers, options.max_body)
        self.connection = connection
        connection.handler = self
        self._timer = Timer.__new__(Timer)

    def begin(self, data: bytes) -> None:
        """Wait for the first request, of which ``data`` has arrived already."""
        self._expect_request()
        if data:
            self.on_data(data)

    def drain(self) -> None:
        """Close as soon as no exchange is under way; the current response says so."""
        self._draining = True
        if self._receiver is None and self.reader.pending() == 0:
            self.connection.close()

    def abort(self) -> None:
        """Close at once."""
        self.connection.abort()

    # -- from the connection ------------------------------------------------------------------

    def on_data(self, data: bytes) -> None:
        # Locals keep receivers alive that end their exchange in what they are told.
        if self._tunnel:
            receiver = self._receiver
            if receiver is not None:
                receiver.on_data(data, False)
            return
        if self._ended:
            # The last reply is still leaving; a request behind it was told not to come, and
            # closing in its face would destroy the reply.
            self.connection.close_lingering()
            return
        self.reader.feed(data)
        if self._receiver is None or not self._request_complete:
            self._advance()
            if (
                len(data) >= _READ_SIZE
                and self.connection.tls is None
                and self.reader.unread() >= _WORTH_BYTES
            ):
                self._splice_body()
        elif self.reader.pending() > _PIPELINE_BYTES:
            self._pause(2)

    def on_spliced(self, moved: int, done: bool) -> None:
        receiver = self._receiver
        if receiver is None:
            return
        self.reader.skip(moved)
        receiver.on_body_moved(moved)
        if not self.reader.complete:
            self._wait_for_more()
            return
        self._request_complete = True
        self._phase = _WAITING
        receiver.on_data(b"", True)

    def on_eof(self) -> None:
        receiver = self._receiver
        if self._tunnel:
            if receiver is not None:
                receiver.on_data(b"", True)
            if self.connection.write_ended:
                self._tunnel_ended()
        elif receiver is None:
            self.connection.close()
        elif not self._request_complete:
            self.reader.finish()
            self._lose(_DOWNSTREAM_CLOSED)
        elif self.reader.keep_alive:
            # A client that wanted to go on would not have closed: it has given up.
            self._lose(_DOWNSTREAM_CLOSED)

    def on_drained(self) -> None:
        receiver = self._receiver
        if receiver is not None:
            receiver.on_drained()

    def on_closed(self, error: int) -> None:
        self.reactor.cancel(self._timer)
        receiver = self._receiver
        self._receiver = None  # type: ignore[assignment]  # as declared
        if receiver is not None:
            receiver.on_reset(_DOWNSTREAM_CLOSED)
        self.factory.connection_closed(
            self, self.connection.bytes_read, self.connection.bytes_written
        )

    def on_deferred(self) -> None:
        """Requests were pipelined: the next one's turn has come."""
        if self._receiver is None and not self._ended and not self.connection.closed:
            self._advance()

    def on_timer(self, timer: Timer) -> None:
        now = self.reactor.now
        phase = self._phase
        if phase == _WAITING:
            self._arm(self.options.idle_timeout or 60.0)
            return
        if phase == _WRITING:
            # Silence is the client's fault only while something waits to be taken by it.
            written = self.connection.bytes_written
            if written != self._progress or self.connection.unsent() == 0:
                self._progress = written
                self._deadline = now + self._nanoseconds(self.options.body_timeout)
        elif phase == _READING_BODY and self.connection.holds_back():
            # We are not reading: the upstream is slow, not the client.
            self._deadline = now + self._nanoseconds(self.options.body_timeout)
        if now < self._deadline:
            self._arm((self._deadline - now) * 1e-9)
            return
        if phase == _IDLE:
            self._ended = True
            self._close_flushed()
        elif phase == _READING_HEAD:
            self._refuse(408, "the head took too long")
        elif phase == _READING_BODY:
            if self._response_begun:
                self._lose(_DOWNSTREAM_CLOSED)
            else:
                self._drop_receiver(_DOWNSTREAM_CLOSED)
                self._refuse(408, "the body took too long")
        else:
            self.connection.abort()

    # -- from the stream's owner (StreamSender) -----------------------------------------------

    def send_headers(self, head: Head, end: bool) -> None:
        response: ResponseHead = head  # type: ignore[assignment]  # a server sends responses
        status = response.status
        if status < 200 and status != 101:
            if self.reader.request.minor:
                self._write_head(response, b"")
            return
        self._response_begun = True
        minor = self.reader.request.minor
        tail = b""
        self._chunked = False
        self._until_close = False
        if status == 101 or (status < 300 and self._connect):
            self._begin_tunnel()
            if response.upgrade is not None:
                tail = b"Connection: Upgrade\r\nUpgrade: %b\r\n" % response.upgrade
            self._write_head(response, tail)
            return
        if end:
            if (
                response.content_length < 0
                and not self._is_head
                and status != 204
                and status != 304
            ):
                tail = b"Content-Length: 0\r\n"
        elif response.content_length < 0:
            if minor:
                self._chunked = True
                tail = b"Transfer-Encoding: chunked\r\n"
            else:
                self._until_close = True
                self._keep_alive = False
        if self._draining or not self._request_complete:
            self._keep_alive = False
        if not self._keep_alive:
            tail = tail + _CLOSE if tail else _CLOSE
        elif minor == 0:
            tail += b"Connection: keep-alive\r\n"
        self._write_head(response, tail)
        if end:
            self._finish_exchange()

    def send_data(self, data: bytes, end: bool) -> bool:
        write_data(data, self._chunked, self.connection.output)
        go_on = self.connection.written()
        if not go_on and self._phase != _WRITING:
            self._progress = self.connection.bytes_written
            self._watch(_WRITING, self.options.body_timeout)
        if end:
            if self._tunnel:
                self.connection.end_write()
                self._tunnel_ended()
            else:
                self.send_trailers(None)
        return go_on

    def send_trailers(self, trailers: Head | None) -> None:
        write_end(trailers, self._chunked, self.connection.output)
        self.connection.written()
        self._finish_exchange()

    def splice_target(self) -> Connection | None:
        if self._chunked or self._tunnel or self.connection.tls is not None:
            return None
        if self._phase != _WRITING:
            self._progress = self.connection.bytes_written
            self._watch(_WRITING, self.options.body_timeout)
        return self.connection

    def send_continue(self) -> None:
        if self._expects_continue and not self._response_begun:
            self.connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def reset(self) -> None:
        self._receiver = None  # type: ignore[assignment]  # as declared
        self._ended = True
        if self._response_begun and not self._until_close and not self._tunnel:
            # A cut chunked or sized body is recognised as such; what was sent still counts.
            self._close_flushed()
        else:
            self.connection.abort()

    def pause_input(self) -> None:
        self._pause(1)

    def resume_input(self) -> None:
        self._resume(1)

    # -- private ------------------------------------------------------------------------------

    def _write_head(self, head: ResponseHead, tail: bytes) -> None:
        write_response(head, tail, self.connection.output)
        self.connection.written()

    def _advance(self) -> None:
        """Handle everything that has arrived, up to the end of the current request."""
        while self._receiver is None or not self._request_complete:
            event = self.reader.next()
            if event == _HEAD:
                self._begin_exchange()
            elif event == _DATA:
                self._request_complete = self.reader.complete
                receiver = self._receiver
                if receiver is not None:
                    receiver.on_data(self.reader.data, self.reader.complete)
            elif event == _END:
                self._request_complete = True
                receiver = self._receiver
                if receiver is not None:
                    receiver.on_trailers(self.reader.trailers)
            elif event == _NEED_DATA:
                self._wait_for_more()
                return
            elif self._receiver is not None and self._response_begun:
                # The client has a part of another answer already.
                self.factory.protocol_error(
                    self.info, self.reader.error_status, self.reader.error
                )
                self._lose(_DOWNSTREAM_PROTOCOL)
                return
            else:
                self._drop_receiver(_DOWNSTREAM_PROTOCOL)
                self._refuse(self.reader.error_status, self.reader.error)
                return
            if self._receiver is None and (self._ended or self.connection.closed):
                return
        self._phase = _WAITING

    def _begin_exchange(self) -> None:
        reader = self.reader
        request = reader.request
        method = request.method
        self.requests += 1
        if self.connection.tls is not None:
            request.scheme = _HTTPS
        self._request_complete = reader.complete
        self._response_begun = False
        self._keep_alive = reader.keep_alive
        if self.options.max_requests and self.requests >= self.options.max_requests:
            self._keep_alive = False
        self._is_head = method == _METHOD_HEAD
        self._connect = method == _METHOD_CONNECT
        if reader.h2c_settings is not None and self._upgrade_to_http2():
            return
        receiver = self.factory.new_stream(self, self.info)
        self._receiver = receiver
        self._expects_continue = reader.expect_continue
        receiver.on_headers(request, reader.complete)

    def _upgrade_to_http2(self) -> bool:
        """Take the offer of a request that is complete; False leaves it an HTTP/1.1 request."""
        make = self.options.h2c
        if make is None:
            return False
        reader = self.reader
        settings = decode_settings(reader.h2c_settings)  # type: ignore[arg-type]  # the caller tested
        if settings is None or not reader.complete:
            return False
        self.connection.write(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
        )
        self._ended = True
        self.reactor.cancel(self._timer)
        self.info.protocol = "Http2"
        successor = make(self.reactor, self.factory, self.options, self.info, self.connection)
        self.factory.connection_replaced(self, successor)
        successor.upgrade(settings, reader.request, reader.take_rest())
        return True

    def _splice_body(self) -> None:
        receiver = self._receiver
        target = None if receiver is None else receiver.splice_target()
        if target is not None:
            Splice(self.reactor, self.connection, target, self.reader.unread()).begin()

    def _wait_for_more(self) -> None:
        if self._receiver is not None:
            if self._phase != _READING_BODY:
                self._watch(_READING_BODY, self.options.body_timeout)
            else:
                self._deadline = self.reactor.now + self._nanoseconds(self.options.body_timeout)
        elif self.reader.pending() and self._phase != _READING_HEAD:
            self._watch(_READING_HEAD, self.options.header_timeout)

    def _finish_exchange(self) -> None:
        """The response is complete: the connection goes on, or ends."""
        self._receiver = None  # type: ignore[assignment]  # as declared
        if not self._request_complete:
            self._ended = True
            self.connection.close_lingering()
        elif not self._keep_alive or self._draining:
            self._ended = True
            if self.reader.pending():
                self.connection.close_lingering()
            else:
                self._close_flushed()
        else:
            self._resume(3)
            self.reader.forget()
            self._expect_request()
            if self.reader.pending():
                self.reactor.defer(self)

    def _close_flushed(self) -> None:
        """Close behind what is still leaving, as long as the client takes it."""
        self.connection.close()
        if not self.connection.closed:
            self._progress = self.connection.bytes_written
            self._watch(_WRITING, self.options.body_timeout)

    def _expect_request(self) -> None:
        """Begin the idle phase.  The timer is left alone when it fires early enough: a busy
        connection must not pay for it."""
        timeout = self.options.idle_timeout
        self._phase = _IDLE
        if timeout > 0:
            self._deadline = self.reactor.now + self._idle_ns
            if not self._timer_armed:
                self._idle_ns = self._nanoseconds(timeout)
                self._deadline = self.reactor.now + self._idle_ns
                self._arm(timeout)
        else:
            self._deadline = _NEVER

    def _watch(self, phase: int, timeout: float) -> None:
        self._phase = phase
        if timeout <= 0:
            self._deadline = _NEVER
            return
        self._deadline = self.reactor.now + self._nanoseconds(timeout)
        self._arm(timeout)

    def _arm(self, seconds: float) -> None:
        self._timer_armed = True
        self.reactor.arm(self._timer, self, min(seconds, 3600.0))

    def _nanoseconds(self, seconds: float) -> int:
        return int(seconds * 1e9) if seconds > 0 else _NEVER

    def _refuse(self, status: int, why: str) -> None:
        """Answer a request that is not one, and close."""
        self.factory.protocol_error(self.info, status, why)
        self._ended = True
        body = why.encode() + b"\n"
        self.connection.write(
            b"HTTP/1.1 %d %b\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"
            b"Connection: close\r\n\r\n%b" % (status, reason(status), len(body), body)
        )
        self.connection.close_lingering()

    def _drop_receiver(self, why: int) -> None:
        receiver = self._receiver
        self._receiver = None  # type: ignore[assignment]  # as declared
        if receiver is not None:
            receiver.on_reset(why)

    def _lose(self, why: int) -> None:
        self._ended = True
        self._drop_receiver(why)
        self.connection.abort()

    def _begin_tunnel(self) -> None:
        self._tunnel = True
        self._request_complete = True
        self._phase = _WAITING
        self._keep_alive = False
        if self.reader.pending():
            receiver = self._receiver
            receiver.on_data(self.reader.take_rest(), False)
        self._resume(2)

    def _tunnel_ended(self) -> None:
        """Our side of the tunnel is sent; when the peer's is too, the connection is done."""
        if self.connection.eof:
            self._receiver = None  # type: ignore[assignment]  # as declared
            self.connection.close()

    def _pause(self, why: int) -> None:
        self._paused |= why
        self.connection.pause_reading()

    def _resume(self, why: int) -> None:
        if self._paused:
            self._paused &= ~why
            if self._paused == 0:
                self.connection.resume_reading()


class Http1Codec(ServerCodec):
    """HTTP/1.x; what is served for each client does not go through Python."""

    def serve(
        self,
        reactor: Reactor,
        factory: StreamFactory,
        options: ServerOptions,
        info: ConnectionInfo,
        connection: Connection,
        data: bytes,
    ) -> None:
        server = Http1ServerConnection.__new__(Http1ServerConnection)
        server.enter(reactor, factory, options, info, connection)
        factory.connection_opened(server)
        server.begin(data)


def decode_settings(text: bytes) -> bytes | None:
    """Return the payload of a SETTINGS frame from ``HTTP2-Settings``, None if it is malformed."""
    if len(text) > MAX_SETTINGS or not _BASE64URL.issuperset(text):
        return None
    try:
        payload = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except ValueError:
        return None
    return payload if len(payload) % 6 == 0 else None


_BASE64URL = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
_NEVER = 0x7FFFFFFFFFFFFFFF
_HTTPS = b"https"
_METHOD_HEAD = b"HEAD"
_METHOD_CONNECT = b"CONNECT"
