"""The upstream side of RPC protocols: connections that carry many exchanges, and their pool.

Requests get ids of our own, so that those of several clients meet on one connection; the reply
gets the client's back where it leaves.  An id whose exchange was given up stays taken until its
late reply has come.  An idle connection is kept alive, and tested, with heartbeats.

Nothing in these protocols says how much a peer may send, so the sockets have to: while a host
takes no more, requests wait with their clients, which are not read meanwhile; and a host is not
read while the only client that it works for takes no replies.
"""

from typing import Final

from pymosn.message import CONNECTION_FIELDS, Head, RequestHead, ResponseHead, check_field
from pymosn.network.connection import Connection
from pymosn.network.reactor import Reactor
from pymosn.network.secure import TlsFactory
from pymosn.network.timers import Timer
from pymosn.observe.metrics import UpstreamStats
from pymosn.protocol.xprotocol.frame import (
    BINDING,
    ERROR,
    GOAWAY,
    HEARTBEAT,
    HEARTBEAT_REPLY,
    MULTIPLEX,
    NEED_DATA,
    PING_PONG,
    RESPONSE,
    Codec,
    FrameLimits,
    RpcProtocol,
    RpcRequest,
    RpcResponse,
)
from pymosn.stream.pool import (
    READY,
    WAITING,
    ConnectionPool,
    Limits,
    PooledConnection,
    PoolOptions,
    PoolWaiter,
    UpstreamSender,
)
from pymosn.stream.stream import (
    CONNECT_FAILED,
    OVERFLOW,
    UPSTREAM_PROTOCOL,
    UPSTREAM_TERMINATED,
    ConnectionInfo,
    StreamReceiver,
)

HEARTBEAT_SECONDS: Final = (15.0, 15.0, 30.0, 60.0, 90.0)
"""How long a connection is silent before the first heartbeat, the second, ...; then the last."""
MAX_FAILURES: Final = 6
"""Heartbeats in a row without an answer, after which the connection is dead."""
MAX_ABANDONED: Final = 1000
"""Exchanges given up without a late reply, after which a connection takes no more."""
MAX_LENT: Final = 65536
"""Exchanges under way on a connection."""
WRITE_SECONDS: Final = 15.0
"""How long a host may take nothing while requests wait for it, as MOSN's writes."""
RECONNECT_SECONDS: Final = (0.1, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""The waits before the host of a lost connection is dialled again, as long as nobody asks."""

_NEED_DATA = NEED_DATA
_RESPONSE = RESPONSE
_HEARTBEAT = HEARTBEAT
_HEARTBEAT_REPLY = HEARTBEAT_REPLY
_GOAWAY = GOAWAY
_ERROR = ERROR
_READY = READY
_WAITING = WAITING
_OVERFLOW = OVERFLOW
_CONNECT_FAILED = CONNECT_FAILED
_UPSTREAM_TERMINATED = UPSTREAM_TERMINATED
_UPSTREAM_PROTOCOL = UPSTREAM_PROTOCOL
_MULTIPLEX = MULTIPLEX
_BINDING = BINDING
_MAX_ABANDONED = MAX_ABANDONED
_MAX_LENT = MAX_LENT


class XprotocolClientConnection(PooledConnection):
    """One upstream connection; it lends an ``XprotocolClientStream`` for each exchange."""

    pool: "XprotocolPool"
    codec: "Codec"
    lent: int
    requests: int
    _streams: dict[int, "XprotocolClientStream | None"]
    """By id; None when nobody waits for the reply any more."""
    _waiting: list["XprotocolClientStream"] | None
    """Those that wait until the host takes more: to be sent, or to let others follow."""
    _abandoned: int
    _most: int
    _last_id: int
    _max_id: int
    _timer: "Timer"
    _write_timer: "Timer | None"
    _written: int
    _heard_at: int
    _heartbeat_id: int
    _heartbeats: int
    _failures: int
    owner: "ConnectionInfo | None"
    """The downstream connection that it is bound to."""
    _held_for: "ConnectionInfo | None"
    """The one whose client takes no replies, while the host is not read."""
    _leaving: bool
    _remote_close: bool
    _active_at_close: bool
    _told_to_go: bool

    def __init__(
        self, pool: "XprotocolPool", connection: Connection, protocol: RpcProtocol
    ) -> None:
        """Speak ``protocol`` on an established connection of ``pool``."""
        self.pool = pool
        self.connection = connection
        self.connection.handler = self
        self.codec = protocol.codec(self.pool.frames)
        self._streams = {}
        self._max_id = (1 << protocol.id_bits) - 1
        self._most = 1 if protocol.pool_mode == PING_PONG else min(MAX_LENT, self._max_id // 2)
        self._timer = Timer()
        self._heartbeat_id = -1

    # -- for the pool -------------------------------------------------------------------------

    def begin(self) -> None:
        self._heard_at = self.pool.reactor.now
        if self.codec.heartbeat(0) is not None:
            self.pool.reactor.arm(self._timer, self, self._heartbeat_wait())
        self.pool.share(self)

    def lend(self) -> UpstreamSender:
        sender = XprotocolClientStream.__new__(XprotocolClientStream)
        sender.client = self
        sender.number = -1
        self.lent += 1
        self.requests += 1
        limit = self.pool.options.max_requests
        if limit and self.requests >= limit:
            self._leave()
        return sender

    def room(self) -> int:
        if self._leaving or self.connection.closed:
            return 0
        return self._most - self.lent

    def busy(self) -> bool:
        return self.lent > 0

    def close_idle(self) -> None:
        self._leaving = True
        self.connection.close()

    def dead(self) -> bool:
        return self.connection.eof

    # -- for its streams ----------------------------------------------------------------------

    def send(self, sender: "XprotocolClientStream", head: RequestHead, content: bytes) -> int:
        """Send a request; returns its id, -1 when the protocol cannot say it."""
        if self._held_for is not None and self._held_for is not sender.owner:
            # No client has to wait because another takes no replies.
            self.resume_input()
        number = self._next_id()
        parts = self.codec.encode_request(head, content, number)
        if parts is None:
            return -1
        if not sender.oneway:
            self._streams[number] = sender
        for part in parts:
            self.connection.write_late(part)
        return number

    def wait(self, sender: "XprotocolClientStream") -> None:
        """The host takes no more for now: let ``sender`` go on when it does."""
        if self._waiting is None:
            self._waiting = []
            self._watch_writes()
        self._waiting.append(sender)

    def abandon(self, number: int) -> None:
        """Nobody waits for the reply to ``number`` any more."""
        if number in self._streams:
            self._streams[number] = None
            self._abandoned += 1
            if self._abandoned >= _MAX_ABANDONED:
                self._leave()

    def stream_over(self) -> None:
        """An exchange on a lent sender has ended."""
        full = self.lent == self._most
        self.lent -= 1
        if self.connection.closed:
            return
        if self._leaving:
            if self.lent == 0:
                self.close_idle()
        elif full or self.lent == 0 or self.pool.draining:
            self.pool.share(self)

    # -- from the connection ------------------------------------------------------------------

    def on_data(self, data: bytes) -> None:
        self._heard_at = self.pool.reactor.now
        codec = self.codec
        codec.feed(data)
        while not self.connection.closed:
            event = codec.next()
            if event == _RESPONSE:
                self._heartbeats = 0
                self._pass_on(codec.id)
            elif event == _NEED_DATA:
                return
            elif event == _HEARTBEAT_REPLY:
                self._on_heartbeat_reply(codec.id)
            elif event == _HEARTBEAT:
                reply = codec.heartbeat_reply()
                if reply is not None and self.connection.unsent() < 65536:
                    self.connection.write(reply)
            elif event == _GOAWAY:
                self._remote_close = True
                self._told_to_go = True
                self._leave()
                if self.lent == 0:
                    self.close_idle()
            elif event == _ERROR:
                self._leave()
                self._lose_streams(_UPSTREAM_PROTOCOL)
                self.connection.close()
                return

    def on_drained(self) -> None:
        waiting = self._waiting
        self._waiting = None
        if waiting is None:
            return
        done = 0
        count = len(waiting)
        while done < count and not self.connection.above_high_water:
            sender = waiting[done]
            done += 1
            sender.go_on()
        if done < count:
            behind = self._waiting
            self._waiting = waiting[done:]
            if behind is not None:
                self._waiting.extend(behind)
        if self._waiting is None:
            self._stop_watching()

    def resume_input(self) -> None:
        """The client that took no replies takes them, is gone, or is not alone any more."""
        self._held_for = None
        self._heard_at = self.pool.reactor.now
        self.connection.resume_reading()

    def on_eof(self) -> None:
        self._remote_close = True
        self._active_at_close = self.lent > 0
        self._leave()
        self._lose_streams(_UPSTREAM_TERMINATED)
        self.connection.close()

    def on_closed(self, error: int) -> None:
        self._leaving = True
        self.pool.reactor.cancel(self._timer)
        self._stop_watching()
        active = self.lent > 0 or self._active_at_close
        self.pool.closed(self, self._remote_close or error != 0, active)
        self._lose_streams(_UPSTREAM_TERMINATED)
        owner = self.owner
        self.owner = None
        if owner is not None and owner.bound is not None and self in owner.bound:
            owner.bound.remove(self)
            if owner.connection is not None and not (self._told_to_go and not active):
                owner.connection.close()

    def on_timer(self, timer: Timer) -> None:
        """The connection may have been silent for long enough to ask whether it lives."""
        reactor = self.pool.reactor
        if timer is self._write_timer:
            if self.connection.bytes_written == self._written:
                self._remote_close = True
                self.connection.abort()
            else:
                self._watch_writes()
            return
        if self._held_for is not None:
            # An answer would not be read.
            self._heartbeat_id = -1
            reactor.arm(timer, self, self._heartbeat_wait())
            return
        if self._heartbeat_id >= 0:
            self._heartbeat_id = -1
            self.pool.stats.heartbeat_failed()
            self._failures += 1
            if self._failures >= MAX_FAILURES:
                self._remote_close = True
                self._leave()
                self.connection.abort()
                return
        else:
            wait = self._heartbeat_wait()
            silent = (reactor.now - self._heard_at) * 1e-9
            if silent < wait:
                reactor.arm(timer, self, wait - silent)
                return
        number = self._next_id()
        heartbeat = self.codec.heartbeat(number)
        if heartbeat is not None:
            self._heartbeat_id = number
            self.connection.write(heartbeat)
            reactor.arm(timer, self, self.pool.options.rpc.heartbeat_timeout)

    # -- private ------------------------------------------------------------------------------

    def _heartbeat_wait(self) -> float:
        """Return how long the connection may be silent before the next heartbeat."""
        interval = self.pool.options.rpc.heartbeat_interval
        if interval > 0:
            return interval
        return HEARTBEAT_SECONDS[min(self._heartbeats, len(HEARTBEAT_SECONDS) - 1)]

    def _watch_writes(self) -> None:
        if self._write_timer is None:
            self._write_timer = Timer()
        self._written = self.connection.bytes_written
        self.pool.reactor.arm(self._write_timer, self, WRITE_SECONDS)

    def _stop_watching(self) -> None:
        if self._write_timer is not None:
            self.pool.reactor.cancel(self._write_timer)

    def _hold_for(self, owner: ConnectionInfo) -> None:
        """Do not read the host until ``owner`` takes its replies, if it works for no other."""
        for sender in self._streams.values():
            if sender is not None and sender.owner is not owner:
                return
        self._held_for = owner
        if owner.held is None:
            owner.held = []
        if self not in owner.held:
            owner.held.append(self)
        self.connection.pause_reading()

    def _next_id(self) -> int:
        """Return an id that no exchange on this connection has."""
        number = self._last_id
        while True:
            number += 1
            if number > self._max_id:
                number = 1
            if number not in self._streams and number != self._heartbeat_id:
                self._last_id = number
                return number

    def _pass_on(self, number: int) -> None:
        """A response to the request ``number`` has come."""
        if number not in self._streams:
            self.pool.stats.response_late()
            return
        sender = self._streams.pop(number)
        if sender is None:
            self._abandoned -= 1
            self.pool.stats.response_late()
            return
        codec = self.codec
        response: ResponseHead = codec.response
        content = codec.content
        if sender.foreign:
            response = http_response(codec.response)
        codec.forget()
        receiver = sender.receiver
        owner = sender.owner
        sender.finish()
        if receiver is None:
            return
        sender.response_begun = True
        if content:
            receiver.on_headers(response, False)
            receiver.on_data(content, True)
        else:
            receiver.on_headers(response, True)
        if owner is not None and owner.connection is not None and self._held_for is None:
            if owner.connection.above_high_water:
                self._hold_for(owner)

    def _on_heartbeat_reply(self, number: int) -> None:
        if number == self._heartbeat_id:
            self._heartbeat_id = -1
            self._failures = 0
            self._heartbeats += 1
            self.pool.reactor.arm(self._timer, self, self._heartbeat_wait())

    def _leave(self) -> None:
        """Take no more exchanges."""
        self._leaving = True
        self.pool.withdraw(self)

    def _lose_streams(self, reason: int) -> None:
        streams = self._streams
        self._streams = {}
        self._abandoned = 0
        for sender in streams.values():
            if sender is not None:
                sender.drop(reason)
        waiting = self._waiting
        self._waiting = None
        if waiting is not None:
            for sender in waiting:
                sender.drop(reason)


class XprotocolClientStream(UpstreamSender):
    """The sender of one request, which leaves in one piece."""

    client: "XprotocolClientConnection"
    number: int
    """Its id once it was sent, else -1."""
    owner: "ConnectionInfo | None"
    """The connection that the request came on."""
    oneway: bool
    foreign: bool
    """Whether the request is not of an RPC protocol, and the response must not be either."""
    _over: bool
    _refused: bool
    _waits: bool
    """Whether it has to be sent when the host takes more."""
    _head: "RequestHead | None"  # until it was sent
    _content: bytes | None
    _parts: list[bytes] | None
    _size: int

    def attach(self, receiver: StreamReceiver) -> None:
        waiter: PoolWaiter = receiver  # type: ignore[assignment]  # who asked the pool
        self.receiver = receiver
        self.owner = waiter.downstream()

    def reused(self) -> bool:
        return self.client.requests > 1

    def host_connection(self) -> Connection:
        return self.client.connection

    def send_headers(self, head: Head, end: bool) -> None:
        request: RequestHead = head  # type: ignore[assignment]  # a client sends requests
        if request.is_rpc():
            rpc: RpcRequest = head  # type: ignore[assignment]  # as it says
            self.oneway = rpc.oneway
        else:
            self.foreign = True
        if end:
            self._send(request, b"")
        else:
            self._head = request

    def send_data(self, data: bytes, end: bool) -> bool:
        if end and self._parts is None:
            return self._send(self._head, data)
        if self._parts is None:
            self._parts = []
        self._parts.append(data)
        self._size += len(data)
        if self._size > self.client.pool.frames.max_frame:
            self._refuse()
        elif end:
            return self._send(self._head, b"".join(self._parts))
        return True

    def send_trailers(self, trailers: Head | None) -> None:
        self._send(self._head, b"".join(self._parts or ()))

    def reset(self) -> None:
        """Nobody waits for the response any more."""
        if not self._over:
            self.receiver = None  # type: ignore[assignment]  # as declared
            self.client.abandon(self.number)
            self.finish()

    def on_deferred(self) -> None:
        """There will be no reply: the request has none, or could not be sent."""
        receiver = self.receiver
        if receiver is None or self._over:
            return
        if self._refused:
            self.drop(_UPSTREAM_PROTOCOL)
            return
        self.finish()
        receiver.on_headers(ResponseHead(200), True)

    def go_on(self) -> None:
        """The host takes more."""
        if self._over:
            return
        if self._waits:
            self._waits = False
            if not self._send(self._head, self._content):
                return
        receiver = self.receiver
        if receiver is not None:
            receiver.on_drained()

    def finish(self) -> None:
        """The exchange has ended here; its receiver may have to hear of it."""
        if not self._over:
            self._over = True
            self._head = None
            self._content = None
            self.receiver = None  # type: ignore[assignment]  # as declared
            self.client.stream_over()

    def drop(self, reason: int) -> None:
        """The exchange failed."""
        receiver = self.receiver
        self.finish()
        if receiver is not None:
            receiver.on_reset(reason)

    def _send(self, head: RequestHead | None, content: bytes | None) -> bool:
        """Send the request, or keep it until the host takes more; False: no other just now."""
        if self._over or self._refused or head is None or content is None:
            return True
        client = self.client
        if client.connection.above_high_water:
            self._head = head
            self._content = content
            self._waits = True
            client.wait(self)
            return False
        self.number = client.send(self, head, content)
        if self.number < 0:
            self._refuse()
        elif self.oneway:
            client.pool.reactor.defer(self)
        if client.connection.above_high_water:
            client.wait(self)
            return False
        return True

    def _refuse(self) -> None:
        if not self._refused:
            self._refused = True
            self.client.pool.reactor.defer(self)


class XprotocolPool(ConnectionPool):
    """The connections to one host that speak an RPC protocol (spec §7.3, §7.4).

    Multiplexed, there are as many as the cluster's ``max_connections`` says, but one where it
    says nothing, and they take turns.  A connection that the host closed is dialled again before
    somebody needs it.
    """

    protocol: "RpcProtocol"
    frames: "FrameLimits"
    _turn: int
    _redial: "Timer"
    _redials: int

    def __init__(
        self,
        reactor: Reactor,
        family: int,
        address: bytes,
        options: PoolOptions,
        limits: Limits,
        stats: UpstreamStats,
        tls: TlsFactory | None,
        protocol: RpcProtocol,
    ) -> None:
        ConnectionPool.__init__(self, reactor, family, address, options, limits, stats, tls)
        self.protocol = protocol
        self.frames = self.options.rpc.frames
        self.idle_timeout = self.options.rpc.idle_timeout
        self._redial = Timer()
        if protocol.pool_mode == MULTIPLEX:
            # One connection serves all who wait for it.
            self.streams_expected = MAX_LENT

    def codec(self, connection: Connection) -> PooledConnection:
        return XprotocolClientConnection(self, connection, self.protocol)

    def takes(self, request: RequestHead) -> bool:
        if not request.is_rpc():
            return True
        return self.protocol.takes(request)  # type: ignore[arg-type]  # as it says

    def acquire(self, waiter: PoolWaiter, careful: bool) -> int:
        mode = self.protocol.pool_mode
        if mode == _BINDING:
            owner = waiter.downstream()
            if owner is not None and owner.connection is not None:
                return self._acquire_bound(waiter, owner)
        if mode != _MULTIPLEX:
            return ConnectionPool.acquire(self, waiter, careful)
        shared = self._shared
        count = len(shared)
        if count:
            wanted = self.limits.max_connections
            if 1 < wanted < 65535 and count + self.connecting < wanted:
                if not self.draining and self.limits.connection_allowed():
                    self._open_one()
            self._turn += 1
            candidate = shared[self._turn % count]
            if candidate.room() == 1:
                shared.remove(candidate)
            waiter.sender = candidate.lend()
            return _READY
        limits = self.limits
        if self.connecting == 0:
            # A host's first connection does not depend on what the others have.
            if limits.max_pending and limits.pending >= limits.max_pending:
                return _OVERFLOW
            if not self._open_one():
                return _CONNECT_FAILED
        limits.pending += 1
        self._pending.append(waiter)
        return _WAITING

    def drain(self) -> None:
        self.reactor.cancel(self._redial)
        ConnectionPool.drain(self)

    def connected(self, connection: Connection) -> None:
        self._redials = 0
        ConnectionPool.connected(self, connection)

    def share(self, connection: PooledConnection) -> None:
        client: XprotocolClientConnection = connection  # type: ignore[assignment]  # ours are
        if client.owner is None and self.protocol.pool_mode == _BINDING and self._pending:
            waiter: PoolWaiter = self._pending[0]
            owner = waiter.downstream()
            if owner is not None and owner.connection is not None:
                self._bind(client, owner)
                if self._pending and not self.connecting:
                    # Another dial failed, and took this one's waiter with it.
                    self._open_one()
        if client.owner is None:
            ConnectionPool.share(self, connection)
        elif self.draining and not client.busy():
            client.close_idle()

    def connect_failed(self, timed_out: bool) -> None:
        ConnectionPool.connect_failed(self, timed_out)
        if self._redials:
            self._dial_later()

    def closed(self, connection: PooledConnection, remote: bool, active: bool) -> None:
        ConnectionPool.closed(self, connection, remote, active)
        client: XprotocolClientConnection = connection  # type: ignore[assignment]  # ours are
        if remote and client.requests and self.protocol.pool_mode == _MULTIPLEX:
            self._dial_later()

    def on_timer(self, timer: Timer) -> None:
        if timer is not self._redial:
            ConnectionPool.on_timer(self, timer)
        elif not self._shared and not self.connecting and not self.draining:
            self._open_one()

    def _acquire_bound(self, waiter: PoolWaiter, owner: ConnectionInfo) -> int:
        """Get the connection that is bound to ``owner``, or one that will be."""
        if owner.bound is not None:
            for client in owner.bound:
                if client.pool is self and client.room() > 0:
                    waiter.sender = client.lend()
                    return _READY
        limits = self.limits
        if not self._is_awaited(owner):
            if not limits.connection_allowed():
                return _OVERFLOW
            if not self._open_one():
                return _CONNECT_FAILED
        limits.pending += 1
        self._pending.append(waiter)
        return _WAITING

    def _is_awaited(self, owner: ConnectionInfo) -> bool:
        """Say whether a connection for ``owner`` is being made."""
        for waiter in self._pending:  # noqa: SIM110 -- a generator would not compile to a loop
            if waiter.downstream() is owner:
                return True
        return False

    def _bind(self, client: XprotocolClientConnection, owner: ConnectionInfo) -> None:
        """Let ``client`` serve ``owner``, all that waits for it, and nobody else."""
        client.owner = owner
        if owner.bound is None:
            owner.bound = []
        owner.bound.append(client)
        for waiter in list(self._pending):
            if waiter.downstream() is owner:
                self._pending.remove(waiter)
                self.limits.pending -= 1
                waiter.on_pool_ready(client.lend())

    def _dial_later(self) -> None:
        """Dial again soon, if nobody does so before."""
        if not self.draining and not self._shared and self._redials < len(RECONNECT_SECONDS):
            self.reactor.arm(self._redial, self, RECONNECT_SECONDS[self._redials])
            self._redials += 1


def http_response(response: RpcResponse) -> ResponseHead:
    """Return a frame's head as one of HTTP: its status and those fields that HTTP can carry.

    What it calls ``Content-Length`` says nothing of the response's length.
    """
    head = ResponseHead(response.status)
    head.start = -1
    for name, value in response.items():
        try:
            check_field(name, value)
        except ValueError:
            continue
        if name.lower() not in CONNECTION_FIELDS:
            head.add(name, value)
    return head
