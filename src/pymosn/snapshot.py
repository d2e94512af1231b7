"""The snapshot: everything the data plane is built from, and nothing else.

Every front end (MOSN JSON and YAML, the short form, later xDS) is compiled into one immutable
``Snapshot`` by the control plane; a worker turns it into runtime objects and never sees a
configuration file.  Values are final: durations are seconds, 0 means "none" where a field says so,
defaults are filled in, references have been checked, addresses are ``ip:port``, ``[ip6]:port``,
``name:port`` or ``unix:/path``.

Counterparts: ``pymosn.config`` writes it, ``pymosn.runtime`` reads it.
"""

from typing import Any

from msgspec import Struct, field

Metadata = dict[str, str]


class HeaderValue(Struct, frozen=True):
    """One header to add; ``value`` may contain ``%variable%`` tokens (spec §1.6)."""

    name: str
    value: str
    append: bool = True
    """True joins an existing value with a comma, False replaces it."""


class HeaderEdits(Struct, frozen=True):
    """The four header keys that routes, virtual hosts and routers carry (spec §1.6)."""

    request_add: list[HeaderValue] = field(default_factory=list)
    request_remove: list[str] = field(default_factory=list)
    response_add: list[HeaderValue] = field(default_factory=list)
    response_remove: list[str] = field(default_factory=list)


class ValueMatch(Struct, frozen=True):
    """Matches a header, a query parameter or a variable by its value."""

    name: str
    """Header names are lower case; the names ``method`` and ``:method`` mean the method."""
    kind: str = "exact"
    """``exact``, ``regex`` (unanchored search), ``prefix``, ``suffix``, ``present`` or ``any``
    (present and not empty)."""
    value: str = ""
    invert: bool = False
    any_of: bool = False
    """Variables only: MOSN's ``model: or`` (spec §5.2)."""


class RouteMatch(Struct, frozen=True):
    """What a route matches.  All the parts must hold."""

    kind: str = "any"
    """``prefix`` (case-sensitive), ``path`` (case-insensitive equality), ``regex`` (unanchored
    search), ``variables`` or ``any`` (only ``headers`` and ``query`` decide)."""
    value: str = ""
    headers: list[ValueMatch] = field(default_factory=list)
    query: list[ValueMatch] = field(default_factory=list)
    variables: list[ValueMatch] = field(default_factory=list)


class WeightedCluster(Struct, frozen=True):
    """One of the clusters a route spreads requests over; ``weight`` 0 is never drawn."""

    name: str
    weight: int = 1
    metadata: Metadata = field(default_factory=dict)


class RetryPolicy(Struct, frozen=True):
    """When and how often a request is tried again (spec §4.5)."""

    enabled: bool = False
    """MOSN's boolean ``retry_on``.  False: only connection failures are retried."""
    attempts: int = 0
    """Retries after the first attempt."""
    per_try_timeout: float = 0.0
    """Seconds an attempt may take; 0 leaves only the global timeout."""
    status_codes: list[int] = field(default_factory=list)
    """Statuses that are retried; empty means every status from 500 on when ``enabled``."""
    conditions: list[str] = field(default_factory=list)
    """Any of ``5xx``, ``gateway-error``, ``connect-failure``, ``reset``, ``retriable-4xx``,
    ``retriable-status-codes``, ``timeout``, ``non-idempotent``; empty means MOSN's rules."""
    backoff_base: float = 0.01
    """Seconds; the wait before retry n is drawn from [0.5, 1] x min(base x 2^(n-1), max)."""
    backoff_max: float = 0.25


class HashPolicy(Struct, frozen=True):
    """Which part of the request a consistent-hashing balancer hashes."""

    kind: str = "source_ip"
    """``header``, ``cookie`` or ``source_ip``."""
    name: str = ""


class Forward(Struct, frozen=True, tag="forward"):
    """Send the request to a cluster."""

    clusters: list[WeightedCluster] = field(default_factory=list)
    """One entry means no draw; empty means ``cluster_variable``."""
    cluster_variable: str = ""
    upstream_protocol: str = ""
    """Empty: what the listener says."""
    timeout: float = 60.0
    """Seconds for the whole exchange, retries included; 0 means none."""
    idle_timeout: float = 0.0
    """Seconds without a byte in either direction before the exchange is ended; 0 means none."""
    upgrade_idle_timeout: float = 3600.0
    """The same for an upgraded connection (WebSocket, CONNECT)."""
    retry: RetryPolicy = RetryPolicy()
    hash_policy: HashPolicy = HashPolicy()
    metadata: Metadata = field(default_factory=dict)
    prefix_rewrite: str = ""
    regex_rewrite: str = ""
    regex_substitution: str = ""
    """Go template syntax: ``$1``, ``${name}``."""
    host_rewrite: str = ""
    auto_host_rewrite: bool = False
    auto_host_rewrite_header: str = ""
    mirror_cluster: str = ""
    mirror_percent: int = 0


class Redirect(Struct, frozen=True, tag="redirect"):
    """Answer with a redirect (spec §4.2); empty parts are taken from the request."""

    status: int = 301
    scheme: str = ""
    host: str = ""
    path: str = ""


class DirectResponse(Struct, frozen=True, tag="direct"):
    """Answer without an upstream."""

    status: int = 200
    body: str = ""


class Route(Struct, frozen=True):
    """One rule of a virtual host; the first that matches wins."""

    action: Forward | Redirect | DirectResponse
    match: RouteMatch = RouteMatch()
    name: str = ""
    edits: HeaderEdits = HeaderEdits()
    metadata: Metadata = field(default_factory=dict)
    per_filter_config: dict[str, Any] = field(default_factory=dict)


class VirtualHost(Struct, frozen=True):
    """Routes for a set of domains (spec §5.1): ``host``, ``host:port``, ``*.suffix``, ``*``."""

    name: str
    domains: list[str]
    routes: list[Route] = field(default_factory=list)
    edits: HeaderEdits = HeaderEdits()
    per_filter_config: dict[str, Any] = field(default_factory=dict)


class Router(Struct, frozen=True):
    """A named route table."""

    name: str
    virtual_hosts: list[VirtualHost] = field(default_factory=list)
    edits: HeaderEdits = HeaderEdits()


class Certificate(Struct, frozen=True):
    """A certificate chain and its key as PEM text.  A secret: it has no readable ``repr``."""

    chain: str
    """The leaf first."""
    key: str
    ocsp: bytes = b""
    """An OCSP response (DER) to staple; empty: none."""

    def __repr__(self) -> str:
        return "Certificate(...)"


class TlsContext(Struct, frozen=True):
    """How TLS is spoken with one certificate, or with one for each kind of key (spec §1.8)."""

    certificates: list[Certificate] = field(default_factory=list)
    server_names: list[str] = field(default_factory=list)
    """Server: names that select this context, beside those of its certificates."""
    ca: str = ""
    """PEM; empty: the system's roots."""
    verify: str = "none"
    """``none``; server: ``request`` (ask, do not verify), ``optional`` (verify if there is one),
    ``require``; client: ``chain`` (whatever its name), ``full``."""
    peer_names: list[str] = field(default_factory=list)
    """When not empty: a URI or DNS name of the verified certificate must be one of these."""
    alpn: list[str] = field(default_factory=list)
    """Protocols in order of preference; empty: no ALPN."""
    min_version: str = "1.2"
    """``1.0`` to ``1.3``."""
    max_version: str = "1.3"
    ciphers: str = ""
    """Up to TLS 1.2, OpenSSL's names joined by ``:``; empty: those with AEAD and ECDHE."""
    suites: str = ""
    """TLS 1.3, likewise."""
    groups: str = ""
    """Key exchange, OpenSSL's names joined by ``:``; empty: X25519 and the NIST curves."""


class TlsServer(Struct, frozen=True):
    """TLS of a listener."""

    contexts: list[TlsContext]
    """The first is the default; see ``network/tls.pyx`` for how one is chosen."""
    inspector: bool = False
    """Plain text is served on the same port."""
    handshake_timeout: float = 15.0
    """Seconds."""
    stats_slot: int = 0
    """First slot of its metric set ``TLS``."""


class TlsClient(Struct, frozen=True):
    """TLS towards the hosts of a cluster."""

    context: TlsContext = TlsContext()
    server_name: str = ""
    """The name that is sent and verified; empty: the host's name, or else its IP address."""
    fall_back: bool = False
    """Plain text where the handshake fails (insecure)."""
    stats_slot: int = 0
    """First slot of its metric set ``TLS``."""


class Host(Struct, frozen=True):
    """One endpoint of a cluster."""

    address: str
    """Resolved: ``ip:port`` or ``unix:/path``."""
    hostname: str = ""
    weight: int = 1
    """1 to 128."""
    metadata: Metadata = field(default_factory=dict)
    tls_disable: bool = False
    healthy: bool = True
    stats_slot: int = 0
    """First slot of its metric set ``UPSTREAM_HOST`` in the worker's metrics segment."""


class Limits(Struct, frozen=True):
    """Circuit-breaker limits of one cluster in one worker; 0: unlimited, but see ``pending``."""

    connections: int = 0
    pending: int = 0
    """Requests that may wait for a connection.  At 0 none waits for ``connections`` to allow
    another (503 at once, as MOSN), and any number for one that is being made."""
    requests: int = 0
    retries: int = 0


class Balancer(Struct, frozen=True):
    """How hosts are chosen (spec §6)."""

    kind: str = "LB_ROUNDROBIN"
    choice_count: int = 2
    active_request_bias: float = 1.0
    config: dict[str, Any] = field(default_factory=dict)


class RpcHostOptions(Struct, frozen=True):
    """Limits and manners of the client side of RPC protocols (spec §7.5)."""

    max_frame_bytes: int = 16777216
    """Beyond: the connection is closed."""
    max_header_bytes: int = 65536
    """The header map of a frame."""
    max_headers: int = 1000
    heartbeat_interval: float = 0.0
    """Seconds of silence before a heartbeat; 0: 15, then more and more up to 90."""
    heartbeat_timeout: float = 1.0
    idle_timeout: float = 0.0
    """Seconds without a call that a connection is kept; 0 means for ever."""


class Cluster(Struct, frozen=True):
    """A set of equivalent hosts and how they are reached."""

    name: str
    hosts: list[Host] = field(default_factory=list)
    balancer: Balancer = Balancer()
    limits: Limits = Limits()
    connect_timeout: float = 10.0
    idle_timeout: float = 60.0
    """Seconds an unused upstream connection of HTTP is kept; 0 means for ever."""
    max_requests_per_connection: int = 0
    """0 means unlimited."""
    mark: int = 0
    """SO_MARK; 0 means none."""
    rpc: RpcHostOptions = RpcHostOptions()
    tls: TlsClient | None = None
    """Not for hosts with ``tls_disable``, nor for Unix sockets."""
    stats_slot: int = 0
    """First slot of its metric set ``UPSTREAM_CLUSTER``."""


class AccessLog(Struct, frozen=True):
    """One access log of a listener; ``path`` is a file, ``stdout``, ``stderr`` or a syslog."""

    path: str
    format: str
    """MOSN's format language (spec §5.6)."""
    json: dict[str, str] = field(default_factory=dict)
    """When not empty: one JSON object a line, key to format."""
    flush_interval: float = 1.0
    """Seconds; lines are buffered at most so long."""


class StreamFilter(Struct, frozen=True):
    """A stream filter of a listener; ``type`` is a registered name or ``module:Class``."""

    type: str
    config: dict[str, Any] = field(default_factory=dict)


class Http1Options(Struct, frozen=True):
    """Limits and manners of the HTTP/1.1 server side (design §8)."""

    max_header_bytes: int = 8192
    """The whole head: request line and fields. Beyond: 431 (414 for the request line)."""
    max_headers: int = 100
    max_body_bytes: int = 0
    """0 means unlimited. Beyond: 413."""
    header_timeout: float = 60.0
    """Seconds to receive a head once its first byte arrived. Beyond: 408."""
    body_timeout: float = 60.0
    """Seconds without a byte of an unfinished request body. Beyond: 408."""
    max_requests_per_connection: int = 0
    forwarded_headers: bool = False
    """Append ``X-Forwarded-For``, set ``X-Forwarded-Proto`` and ``X-Forwarded-Host``."""
    via: str = ""
    """The pseudonym to append to ``Via``; empty: none."""
    request_id: bool = False
    """Set ``X-Request-Id`` when the request has none."""
    server_name: str = ""
    """Replaces ``Server`` in responses; empty: what the origin sent."""
    forward_client_cert: str = ""
    """``X-Forwarded-Client-Cert``: ``sanitize``, ``append``, ``set``; else it stays as it came."""


class Http2Options(Struct, frozen=True):
    """Limits of the HTTP/2 server side (design §8)."""

    max_concurrent_streams: int = 128
    stream_window_bytes: int = 262144
    """How far a client may send ahead on a stream."""
    connection_window_bytes: int = 1 << 20
    """The same for all streams of a connection."""
    max_frame_bytes: int = 16384
    max_header_bytes: int = 65536
    """The decoded fields of a head, each with 32 bytes of overhead. Beyond: 431."""
    max_headers: int = 100
    connect_protocol: bool = True
    """Accept extended CONNECT (RFC 8441: WebSocket over HTTP/2)."""


class RpcOptions(Struct, frozen=True):
    """Limits and manners of the server side of RPC protocols (spec §3.1)."""

    max_frame_bytes: int = 16777216
    """Beyond: the connection is closed."""
    max_header_bytes: int = 65536
    """The header map of a frame."""
    max_headers: int = 1000
    max_in_flight: int = 1024
    """Requests of a connection under way; beyond, it is not read."""
    goaway: bool = False
    """Tell clients before closing, where the protocol can."""


class HttpProxy(Struct, frozen=True, tag="proxy"):
    """The ``proxy`` network filter: L7 (spec §1.5)."""

    protocols: list[str] = field(default_factory=lambda: ["Http1"])
    """What clients may speak; more than one are told apart by their first bytes."""
    upstream_protocol: str = ""
    """What to speak with upstreams where the route does not say; empty: the downstream's."""
    router: str = ""
    http1: Http1Options = Http1Options()
    http2: Http2Options = Http2Options()
    rpc: RpcOptions = RpcOptions()
    fallback: bool = False
    """Hand what is none of ``protocols`` to the TCP proxy that follows."""
    retry_buffer_bytes: int = 65536
    """Request bodies up to this size are kept so that the request can be tried again."""


class TcpRoute(Struct, frozen=True):
    """A ``tcp_proxy`` route: every list that is given must match, an empty one matches nothing
    (spec §2.2)."""

    cluster: str
    source_cidrs: list[str] = field(default_factory=list)
    destination_cidrs: list[str] = field(default_factory=list)
    source_ports: list[tuple[int, int]] = field(default_factory=list)
    destination_ports: list[tuple[int, int]] = field(default_factory=list)


class TcpProxy(Struct, frozen=True, tag="tcp_proxy"):
    """The ``tcp_proxy`` network filter: L4 (spec §2.2)."""

    cluster: str = ""
    routes: list[TcpRoute] = field(default_factory=list)
    idle_timeout: float = 0.0
    """Seconds without a byte in either direction; 0 means none."""
    max_connect_attempts: int = 3


class Listener(Struct, frozen=True):
    """A bound (or virtual) address and what happens to its connections."""

    name: str
    address: str
    """``ip:port`` or ``unix:/path``."""
    bind: bool = True
    type: str = ""
    """``ingress``, ``egress`` or empty."""
    filters: list[HttpProxy | TcpProxy] = field(default_factory=list)
    stream_filters: list[StreamFilter] = field(default_factory=list)
    access_logs: list[AccessLog] = field(default_factory=list)
    idle_timeout: float = 90.0
    """Seconds a keep-alive connection may be idle; 0 means for ever."""
    max_connections: int = 0
    """In one worker; 0 means unlimited."""
    tls: TlsServer | None = None
    backlog: int = 1024
    stats_slot: int = 0
    """First slot of its metric set ``DOWNSTREAM``."""


class Snapshot(Struct, frozen=True):
    """One complete, checked configuration of the data plane."""

    version: int = 0
    listeners: list[Listener] = field(default_factory=list)
    routers: dict[str, Router] = field(default_factory=dict)
    clusters: dict[str, Cluster] = field(default_factory=dict)
