"""One request/response exchange, whatever the protocol.

A codec's end of a stream is a ``StreamSender``; whoever consumes what the codec received is a
``StreamReceiver``.  Any downstream codec can so meet any upstream one.  ``Stream`` is what is
known about an exchange: the router, the balancers, variables and access logs read it.

Errors are data: a reason from the table below, never an exception.
"""

from types import MappingProxyType
from typing import Any, Final

from pymosn.message import Head, RequestHead, ResponseHead
from pymosn.network.connection import Connection, Handler
from pymosn.network.secure import TlsLayer
from pymosn.network.timers import Reactive

# Why an exchange, or one attempt of it, ended early.
DOWNSTREAM_CLOSED: Final = 1
DOWNSTREAM_PROTOCOL: Final = 2
CONNECT_FAILED: Final = 3
CONNECT_TIMEOUT: Final = 4
UPSTREAM_CLOSED: Final = 5
UPSTREAM_PROTOCOL: Final = 6
UPSTREAM_RESET: Final = 7
OVERFLOW: Final = 8
GLOBAL_TIMEOUT: Final = 9
TRY_TIMEOUT: Final = 10
NO_HOST: Final = 11
NO_ROUTE: Final = 12
TERMINATED: Final = 13
IDLE_TIMEOUT: Final = 14
FILTER_FAILED: Final = 15
UPSTREAM_REFUSED: Final = 16
"""The upstream has not processed the request: it may be sent again, whatever it is."""
DEADLINE_EXCEEDED: Final = 17
"""The time is over that the client itself gave the whole exchange."""
UPSTREAM_TERMINATED: Final = 18
"""The upstream closed a connection that has many exchanges, of RPC: nobody knows what it did."""

# Response flags (spec §4.2).
NO_HEALTHY_UPSTREAM: Final = 0x2
UPSTREAM_REQUEST_TIMEOUT: Final = 0x4
UPSTREAM_LOCAL_RESET: Final = 0x8
UPSTREAM_REMOTE_RESET: Final = 0x10
UPSTREAM_CONNECTION_FAILURE: Final = 0x20
UPSTREAM_CONNECTION_TERMINATION: Final = 0x40
UPSTREAM_OVERFLOW: Final = 0x80
NO_ROUTE_FOUND: Final = 0x100
DELAY_INJECTED: Final = 0x200
FAULT_INJECTED: Final = 0x400
RATE_LIMITED: Final = 0x800
REQUEST_TOO_LARGE: Final = 0x1000
DOWNSTREAM_TERMINATE: Final = 0x2000

FAILED_FLAGS: Final = 0x2 | 0x100 | 0x8 | 0x400 | 0x800 | 0x2000 | 0x1000
"""A request with one of these counts in ``request_failed`` (spec §4.2)."""


class Failure:
    """What a reason means: the reply's status, the response flag, and a word for logs."""

    __slots__ = ("flag", "name", "status")

    def __init__(self, name: str, status: int, flag: int) -> None:
        self.name = name
        self.status = status
        self.flag = flag


FAILURES: Final = MappingProxyType(
    {
        DOWNSTREAM_CLOSED: Failure("downstream closed the connection", 504, 0),
        DOWNSTREAM_PROTOCOL: Failure("downstream protocol error", 400, 0),
        CONNECT_FAILED: Failure(
            "upstream connect failure", 502, UPSTREAM_CONNECTION_FAILURE
        ),
        CONNECT_TIMEOUT: Failure(
            "upstream connect timeout", 502, UPSTREAM_CONNECTION_FAILURE
        ),
        UPSTREAM_CLOSED: Failure("upstream closed the connection", 502, 0),
        UPSTREAM_PROTOCOL: Failure("upstream protocol error", 502, UPSTREAM_LOCAL_RESET),
        UPSTREAM_RESET: Failure("upstream reset", 502, UPSTREAM_REMOTE_RESET),
        OVERFLOW: Failure("upstream limit reached", 503, UPSTREAM_OVERFLOW),
        GLOBAL_TIMEOUT: Failure("upstream request timeout", 504, UPSTREAM_REQUEST_TIMEOUT),
        TRY_TIMEOUT: Failure("upstream request timeout", 504, UPSTREAM_REQUEST_TIMEOUT),
        NO_HOST: Failure("no healthy upstream", 502, NO_HEALTHY_UPSTREAM),
        NO_ROUTE: Failure("no route found", 404, NO_ROUTE_FOUND),
        TERMINATED: Failure("terminated by a filter", 500, DOWNSTREAM_TERMINATE),
        IDLE_TIMEOUT: Failure("idle timeout", 504, UPSTREAM_REQUEST_TIMEOUT),
        FILTER_FAILED: Failure("filter failed", 500, 0),
        UPSTREAM_REFUSED: Failure("upstream refused the stream", 503, UPSTREAM_REMOTE_RESET),
        DEADLINE_EXCEEDED: Failure("deadline exceeded", 504, UPSTREAM_REQUEST_TIMEOUT),
        UPSTREAM_TERMINATED: Failure(
            "upstream closed the connection", 500, UPSTREAM_CONNECTION_TERMINATION
        ),
    }
)


class StreamReceiver(Reactive):
    """Consumes one direction of a stream."""

    def on_headers(self, head: Head, end: bool) -> None:
        """A head arrived; ``end``: the message has no body."""

    def on_data(self, data: bytes, end: bool) -> None:
        """A piece of the body; ``end``: it was the last."""

    def on_trailers(self, trailers: Head | None) -> None:
        """The body ended, with trailers (a ``Head``) or None."""

    def splice_target(self) -> Connection | None:
        """Return where the rest of a sized body may go without coming by here, or None."""
        return None

    def on_body_moved(self, count: int) -> None:
        """So many bytes of the body went to the ``splice_target``."""

    def on_reset(self, reason: int) -> None:
        """The stream ended early; nothing more follows."""

    def on_drained(self) -> None:
        """The sender takes data again after it had asked to pause."""


class StreamSender(Handler):
    """A codec's end of one stream.  HTTP/1 connections, with one stream at a time, are both."""

    def send_headers(self, head: Head, end: bool) -> None:
        """Send a head; several for 1xx responses."""

    def send_data(self, data: bytes, end: bool) -> bool:
        """Send a piece of the body; False asks to pause until ``on_drained``."""
        return True

    def send_trailers(self, trailers: Head | None) -> None:
        """End the body, with trailers or None."""

    def send_continue(self) -> None:
        """Ask for the body if the peer waits for that (``Expect: 100-continue``)."""

    def splice_target(self) -> Connection | None:
        """Return the connection on which a body leaves as it is, or None.

        Whoever takes it moves the bytes there, and then ends the body with ``send_data``.
        """
        return None

    def reset(self) -> None:
        """End the stream early; the receiver hears nothing more."""

    def pause_input(self) -> None:
        """Stop delivering what the peer sends on this stream."""

    def resume_input(self) -> None:
        """Undo ``pause_input``."""


class Stream(StreamReceiver):
    """What is known about one exchange.  Times are nanoseconds of the reactor's clock."""

    connection: "ConnectionInfo"
    request: "RequestHead"  # None until there is one
    outgoing: "RequestHead | None"
    """What the host gets where the request was turned into one of another protocol."""
    response: "ResponseHead | None"
    started: int
    request_received: int
    response_received: int
    upstream_sent: int
    finished: int
    status: int
    flags: int
    bytes_received: int
    bytes_sent: int
    path: bytes
    query: bytes
    cluster_name: str
    route_name: str
    details: str
    upstream_host: Any
    upstream_connection_id: int
    draw: float
    variables: dict[str, Any] | None
    attempts: int

    def __init__(
        self,
        connection: "ConnectionInfo | None" = None,
        request: RequestHead | None = None,
        response: ResponseHead | None = None,
        *,
        started: int = 0,
        request_received: int = 0,
        response_received: int = 0,
        upstream_sent: int = 0,
        finished: int = 0,
        bytes_received: int = 0,
        bytes_sent: int = 0,
        upstream_host: object = None,
        upstream_connection_id: int = 0,
        attempts: int = 0,
    ) -> None:
        """A stream with the given facts, for filters' tests and tools; a proxy's own are filled
        in as the exchange goes on."""
        if connection is None:
            connection = ConnectionInfo(0, b"", b"", "Http1", None)
        self.begin(connection, started)
        self.request = request  # type: ignore[assignment]  # as declared
        self.response = response
        self.request_received = request_received
        self.response_received = response_received
        self.upstream_sent = upstream_sent
        self.finished = finished
        self.bytes_received = bytes_received
        self.bytes_sent = bytes_sent
        self.upstream_host = upstream_host
        self.upstream_connection_id = upstream_connection_id
        self.attempts = attempts

    def begin(self, connection: "ConnectionInfo", now: int) -> None:
        """Start an exchange on ``connection``; everything else is None or zero already."""
        self.connection = connection
        self.started = now
        self.path = b""
        self.query = b""
        self.cluster_name = ""
        self.route_name = ""
        self.details = ""

    def variable(self, name: str) -> object:
        """Return a variable that was set on this stream, or None."""
        return None if self.variables is None else self.variables.get(name)

    def set_variable(self, name: str, value: object) -> None:
        """Set a variable for the rest of the exchange."""
        if self.variables is None:
            self.variables = {}
        self.variables[name] = value


class ConnectionInfo:
    """What is known about a downstream connection."""

    id: int
    peer: bytes
    local: bytes
    protocol: str
    listener: Any
    connection: "Connection | None"
    """Itself, where connections of a host may be bound to it."""
    bound: list[Any] | None
    """Those connections: they end with this one."""
    held: list[Any] | None
    """Connections of hosts that are not read because this one takes no more."""
    tls: "TlsLayer | None"
    peer_ip: bytes | None
    peer_text: bytes | None
    local_text: bytes | None

    def __init__(
        self, identity: int, peer: bytes, local: bytes, protocol: str, listener: object
    ) -> None:
        """``peer`` and ``local`` are packed addresses; ``listener`` its runtime object.

        ``tls`` is set when a handshake is done, and outlives the connection.
        """
        self.enter(identity, peer, local, protocol, listener)

    def enter(
        self, identity: int, peer: bytes, local: bytes, protocol: str, listener: object
    ) -> None:
        """What ``__init__`` does, for those who do it for each client."""
        self.id = identity
        self.peer = peer
        self.local = local
        self.protocol = protocol
        self.listener = listener
        self.connection = None
        self.bound = None
        self.held = None
        self.tls = None
        self.peer_ip = None
        self.peer_text = None
        self.local_text = None


class StreamFactory(Reactive):
    """Makes the receiver of each new downstream stream; a listener's proxy is one."""

    def new_stream(self, sender: StreamSender, connection: ConnectionInfo) -> StreamReceiver:
        """Return the receiver of a request that just began on ``connection``."""
        raise NotImplementedError

    def protocol_error(self, connection: ConnectionInfo, status: int, reason: str) -> None:
        """The peer broke the protocol; it is being answered with ``status``."""

    def flooded(self, connection: ConnectionInfo, flood: str) -> None:
        """The peer was cut off because it made us work without asking for anything."""

    def connection_opened(self, owner: object) -> None:
        """``owner``, which has ``drain`` and ``abort``, begins to serve a connection."""

    def connection_replaced(self, owner: object, successor: object) -> None:
        """A connection of this factory goes on with another protocol."""

    def connection_closed(self, owner: object, read: int, written: int) -> None:
        """A connection of this factory is gone after ``read`` and ``written`` bytes."""
