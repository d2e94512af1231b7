"""The downstream side of RPC protocols: one connection, many exchanges.

The codec (``protocol/xprotocol``) knows the protocol; here its requests become a
``StreamReceiver``'s calls, in the order in which they come and answered in any.  Heartbeats are
answered here and reach nobody.  A client with too many requests under way, one whose requests
wait for a host that takes no more, or one that does not take its replies, is not read until that
has changed.
"""

from typing import Final

from pymosn.message import Head, ResponseHead
from pymosn.network.connection import Connection, Handler
from pymosn.network.reactor import Reactor
from pymosn.network.timers import Timer
from pymosn.protocol.xprotocol.frame import (
    BAD_REQUEST,
    ERROR,
    HEARTBEAT,
    NEED_DATA,
    REQUEST,
    Codec,
    RpcProtocol,
    RpcRequest,
)
from pymosn.stream.options import ServerOptions
from pymosn.stream.stream import (
    DOWNSTREAM_CLOSED,
    DOWNSTREAM_PROTOCOL,
    ConnectionInfo,
    StreamFactory,
    StreamReceiver,
    StreamSender,
)

MAX_HEARTBEATS: Final = 100
"""Heartbeats a second that a client may send: each of them costs us a reply."""
GOAWAY_SECONDS: Final = 5.0
"""How long a client that was told to leave may take to do so."""
MAX_UNSENT: Final = 1 << 26
"""Bytes of replies that may wait for a client; it has asked for them, and is cut off beyond.  The
hosts' connections cannot always wait for it: they carry other clients' replies too."""
LONGEST_PAUSE: Final = 5.0
"""Seconds between two looks at the connection, at most."""

_NEED_DATA = NEED_DATA
_REQUEST = REQUEST
_HEARTBEAT = HEARTBEAT
_BAD_REQUEST = BAD_REQUEST
_ERROR = ERROR
_DOWNSTREAM_CLOSED = DOWNSTREAM_CLOSED
_DOWNSTREAM_PROTOCOL = DOWNSTREAM_PROTOCOL
_MAX_HEARTBEATS = MAX_HEARTBEATS
_MAX_UNSENT = MAX_UNSENT


class XprotocolServerConnection(Handler):
    """One downstream connection."""

    reactor: "Reactor"
    factory: "StreamFactory"
    options: "ServerOptions"
    info: "ConnectionInfo"
    connection: "Connection"
    codec: "Codec"
    streams: set["XprotocolServerStream"]
    requests: int
    _most: int
    _held: int
    """How many of its requests wait for a host that takes no more."""
    _timer: "Timer"
    _heard_at: int
    _written: int
    _written_at: int
    _heartbeats: int
    _heartbeats_since: int
    _stalled: bool
    _due: bool
    _draining: bool
    _leave_at: int

    def __init__(
        self,
        reactor: Reactor,
        factory: StreamFactory,
        options: ServerOptions,
        info: ConnectionInfo,
        connection: Connection,
        protocol: RpcProtocol,
    ) -> None:
        """Serve an open ``connection`` that speaks ``protocol``."""
        self.reactor = reactor
        self.factory = factory
        self.options = options
        self.info = info
        self.connection = connection
        self.connection.handler = self
        self.info.connection = self.connection
        self.codec = protocol.codec(options.rpc.frames)
        self.streams = set()
        self._most = options.rpc.max_in_flight
        self._timer = Timer()

    def begin(self, data: bytes) -> None:
        """Wait for requests; ``data`` has arrived already."""
        self._heard_at = self.reactor.now
        self._arm()
        if data:
            self.on_data(data)

    def drain(self) -> None:
        """Close after the last exchange; before, tell the client if it can be told."""
        if self._draining:
            return
        self._draining = True
        if self.options.rpc.goaway:
            notice = self.codec.goaway(0)
            if notice is not None:
                self.connection.write(notice)
                self._leave_at = self.reactor.now + int(GOAWAY_SECONDS * 1e9)
        self._close_if_done()

    def abort(self) -> None:
        """Close at once."""
        self.connection.abort()

    # -- from the connection ------------------------------------------------------------------

    def on_data(self, data: bytes) -> None:
        self._heard_at = self.reactor.now
        self.codec.feed(data)
        self._advance()

    def on_deferred(self) -> None:
        """There is room for more requests."""
        self._due = False
        if self.connection.closed or not self._stalled or not self._has_room():
            return
        self._stalled = False
        self._advance()
        if not self._stalled:
            self.connection.resume_reading()

    def on_drained(self) -> None:
        self._release_hosts()
        self._go_on()

    def on_eof(self) -> None:
        # Who waits for replies keeps its side open.
        self._lose_streams(_DOWNSTREAM_CLOSED)
        self.connection.close()

    def on_closed(self, error: int) -> None:
        self.reactor.cancel(self._timer)
        self._lose_streams(_DOWNSTREAM_CLOSED)
        self._unbind()
        self.factory.connection_closed(
            self, self.connection.bytes_read, self.connection.bytes_written
        )

    def on_timer(self, timer: Timer) -> None:
        now = self.reactor.now
        if self._leave_at and now >= self._leave_at:
            self._leave_at = 0
            self._close_if_done()
        elif self._stuck(now):
            self.connection.abort()
        elif not self.streams and self.options.idle_timeout > 0:
            if now - self._heard_at >= int(self.options.idle_timeout * 1e9):
                self.connection.close()
        if not self.connection.closed:
            self._arm()

    # -- for its streams ----------------------------------------------------------------------

    def stream_over(self, stream: "XprotocolServerStream") -> None:
        """The proxy has finished an exchange."""
        self.streams.discard(stream)
        if stream.holds:
            stream.holds = False
            self._held -= 1
        if self._stalled:
            self._go_on()
        elif self._draining:
            self._close_if_done()

    def hold(self) -> None:
        """Take no more requests while one of them waits for its host."""
        self._held += 1

    def let_go(self) -> None:
        """Undo ``hold``."""
        self._held -= 1
        self._go_on()

    # -- private ------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Handle everything that has arrived."""
        codec = self.codec
        while not self.connection.closed:
            if not self._has_room():
                self._stalled = True
                self.connection.pause_reading()
                return
            event = codec.next()
            if event == _REQUEST:
                self._begin_exchange()
            elif event == _NEED_DATA:
                return
            elif event == _HEARTBEAT:
                self._answer_heartbeat()
            elif event == _BAD_REQUEST:
                self._refuse()
            elif event == _ERROR:
                self._fail(400, codec.error)
                return
            # What is left answers nothing that we have asked for.

    def _has_room(self) -> bool:
        return (
            len(self.streams) < self._most
            and self._held == 0
            and not self.connection.above_high_water
        )

    def _go_on(self) -> None:
        if self._stalled and not self._due:
            self._due = True
            self.reactor.defer(self)

    def _begin_exchange(self) -> None:
        codec = self.codec
        request = codec.request
        content = codec.content
        codec.forget()
        sender = XprotocolServerStream.__new__(XprotocolServerStream)
        sender.server = self
        sender.request = request
        self.streams.add(sender)
        self.requests += 1
        receiver = self.factory.new_stream(sender, self.info)
        sender.receiver = receiver
        if content:
            receiver.on_headers(request, False)
            receiver.on_data(content, True)
        else:
            receiver.on_headers(request, True)

    def _answer_heartbeat(self) -> None:
        now = self.reactor.now
        if now - self._heartbeats_since > 1000000000:
            self._heartbeats_since = now
            self._heartbeats = 0
        self._heartbeats += 1
        if self._heartbeats > _MAX_HEARTBEATS:
            self.factory.flooded(self.info, "heartbeats")
            self._fail(400, "too many heartbeats")
            return
        reply = self.codec.heartbeat_reply()
        if reply is not None:
            self.connection.write(reply)

    def _refuse(self) -> None:
        """Answer a request that cannot be read; those behind it can."""
        self.factory.protocol_error(self.info, 400, self.codec.error)
        reply = self.codec.fault()
        if reply is not None:
            self.connection.write(reply)

    def _fail(self, status: int, why: str) -> None:
        """The client broke the protocol."""
        self.factory.protocol_error(self.info, status, why)
        self._lose_streams(_DOWNSTREAM_PROTOCOL)
        self.connection.close_lingering()

    def _lose_streams(self, reason: int) -> None:
        streams = self.streams
        self.streams = set()
        for stream in streams:
            stream.drop(reason)

    def _unbind(self) -> None:
        """Connections of hosts that were bound to this one end with it."""
        self._release_hosts()
        bound = self.info.bound
        self.info.connection = None
        self.info.bound = None
        if bound is not None:
            for client in bound:
                client.close_idle()

    def _release_hosts(self) -> None:
        """Hosts that waited for this client may send again."""
        held = self.info.held
        self.info.held = None
        if held is not None:
            for client in held:
                client.resume_input()

    def _close_if_done(self) -> None:
        if self.streams or self._leave_at or self.codec.unread() or self.connection.closed:
            return
        self.connection.close()

    def _stuck(self, now: int) -> bool:
        """Say whether the client has taken nothing from the socket for too long."""
        written = self.connection.bytes_written
        if written != self._written or self.connection.unsent() == 0:
            self._written = written
            self._written_at = now
            return False
        limit = int(self.options.body_timeout * 1e9)
        return limit > 0 and now - self._written_at >= limit

    def _arm(self) -> None:
        pause = LONGEST_PAUSE
        for timeout in (self.options.idle_timeout, self.options.body_timeout):
            if timeout > 0:
                pause = min(pause, timeout)
        self.reactor.arm(self._timer, self, pause)


class XprotocolServerStream(StreamSender):
    """The sender of one response, which leaves in one piece."""

    server: "XprotocolServerConnection"
    request: "RpcRequest"
    receiver: "StreamReceiver"  # None once the exchange is over
    _head: "ResponseHead"  # until the content is complete
    holds: bool
    """Whether requests behind this one have to wait."""
    _parts: list[bytes] | None
    _size: int

    def send_headers(self, head: Head, end: bool) -> None:
        response: ResponseHead = head  # type: ignore[assignment]  # a server sends responses
        if response.status < 200:
            return
        if end:
            self._answer(response, b"")
        else:
            self._head = response

    def send_data(self, data: bytes, end: bool) -> bool:
        if end and self._parts is None:
            self._answer(self._head, data)
            return True
        if self._parts is None:
            self._parts = []
        self._parts.append(data)
        self._size += len(data)
        if self._size > self.server.options.rpc.frames.max_frame:
            receiver = self.receiver
            self.reset()
            if receiver is not None:
                receiver.on_reset(_DOWNSTREAM_CLOSED)
        elif end:
            self._answer(self._head, b"".join(self._parts))
        return True

    def send_trailers(self, trailers: Head | None) -> None:
        self._answer(self._head, b"".join(self._parts or ()))

    def reset(self) -> None:
        """Nothing has left yet, so the client gets an answer all the same."""
        self._answer(ResponseHead(500), b"")

    def pause_input(self) -> None:
        """The host takes no more for now."""
        if not self.holds and self.receiver is not None:
            self.holds = True
            self.server.hold()

    def resume_input(self) -> None:
        if self.holds:
            self.holds = False
            self.server.let_go()

    def drop(self, reason: int) -> None:
        """The client is gone."""
        receiver = self.receiver
        self.receiver = None  # type: ignore[assignment]  # as declared
        if receiver is not None:
            receiver.on_reset(reason)

    def _answer(self, head: ResponseHead, content: bytes) -> None:
        if self.receiver is None:
            return
        self.receiver = None  # type: ignore[assignment]  # as declared
        server = self.server
        if not self.request.oneway:
            parts = server.codec.encode_response(head, content, self.request)
            if parts is None:
                parts = server.codec.encode_response(ResponseHead(500), b"", self.request)
            if parts is not None:
                for part in parts:
                    server.connection.write_late(part)
                if server.connection.output.size > _MAX_UNSENT:
                    server.connection.abort()
        server.stream_over(self)
