"""Clusters and their hosts (spec §1.7)."""

from typing import Any

from msgspec import field

from pymosn.config.model.base import Metadata, Section, Uint
from pymosn.config.model.tls import TlsContext
from pymosn.config.values import Bytes, Duration


class Host(Section):
    """One endpoint of a cluster."""

    address: str = ""
    """``ip:port``, ``name:port`` or ``unix:/path``."""
    hostname: str = ""
    """A name for logs and for ``auto_host_rewrite``."""
    weight: int = 1
    """Share of the traffic for weighted balancers; clamped to 1 to 128."""
    metadata: Metadata | None = None
    """Labels for subset balancing."""
    tls_disable: bool = False
    """Do not use TLS towards this host."""


class CircuitBreaker(Section):
    """Limits of a cluster; 0 means unlimited."""

    max_connections: Uint = 0
    """Connections to all hosts together."""
    max_pending_requests: Uint = 0
    """Requests that wait for a connection. 0: once ``max_connections`` are open and busy, none
    waits (503 at once, as in MOSN, which ignores this key). pymosn obeys."""
    max_requests: Uint = 0
    """Requests under way."""
    max_retries: Uint = 0
    """Retries under way."""


class HealthCheck(Section):
    """Active health checking; on when ``service_name`` is not empty."""

    protocol: str = ""
    """``Http1`` asks over HTTP; anything else only connects."""
    timeout: Duration = Duration.of(1)
    """How long one check may take."""
    interval: Duration = Duration.of(15)
    """Time between checks."""
    interval_jitter: Duration = Duration.of(0.005)
    """Up to so much is added to the interval at random."""
    initial_delay_seconds: Duration = Duration.of(1)
    """Time before the first check (a duration, in spite of the name)."""
    healthy_threshold: Uint = 1
    """Successes in a row that make a host healthy."""
    unhealthy_threshold: Uint = 1
    """Failures in a row that make a host unhealthy."""
    service_name: str = ""
    """Name of the service in logs and metrics. Empty: no health checks."""
    check_config: dict[str, Any] = field(default_factory=dict)
    """``http_check_config``: port, timeout, path, method, scheme, domain, codes."""
    event_log_path: str = ""
    """File for health events."""
    common_callbacks: list[str] = field(default_factory=list)
    """Names of callbacks that run when a host's health changes."""


class Subscription(Section):
    """A service that is subscribed at a registry."""

    subscriber: str = ""
    """Name of the registry client."""
    service_name: str = ""
    """Name of the service."""


class ClusterSpec(Section):
    """Where a cluster's hosts were found; for information only."""

    subscribe: list[Subscription] = field(default_factory=list)
    """The subscriptions."""


class SubsetConfig(Section):
    """Subset balancing by host labels; on when there are selectors."""

    fall_back_policy: int = 0
    """When no host matches: 0 none, 1 any host, 2 ``default_subset``."""
    default_subset: dict[str, str] = field(default_factory=dict)
    """Labels of the default subset."""
    subset_selectors: list[list[str]] = field(default_factory=list)
    """The sets of label names by which hosts are grouped."""


class OriginalDstConfig(Section):
    """How ``LB_ORIGINAL_DST`` finds the address."""

    use_header: bool = False
    """Take the address from a header."""
    header_name: str = "host"
    """That header."""
    replace_local: bool = False
    """Connect to 127.0.0.1 on the same port."""


class Keepalive(Section):
    """Heartbeats of RPC protocols."""

    interval: Duration = Duration(0)
    """Silence before a heartbeat; 0: 15 s, then 15, 30, 60 and every 90 s."""
    timeout: Duration = Duration.of(1)
    """Time to wait for the answer; after six without one in a row the connection is closed."""


class RpcHostConfig(Section):
    """pymosn: limits of what the hosts of a cluster may answer in RPC protocols."""

    max_frame_size: Bytes = Bytes(16 << 20)
    """pymosn: bytes of a frame; beyond, the connection is closed."""
    max_header_size: Bytes = Bytes(65536)
    """pymosn: bytes of a frame's header map."""
    max_headers: Uint = 1000
    """pymosn: fields of a frame's header map."""


class LbConfig(Section):
    """Parameters of ``LB_LEAST_REQUEST`` and ``LB_PEAK_EWMA``."""

    choice_count: Uint = 2
    """Hosts drawn, of which the best is taken."""
    active_request_bias: float = 1.0
    """How strongly requests under way reduce a host's weight."""
    client_error_bias: float = 1.0
    """How strongly 4xx answers count (``LB_PEAK_EWMA``)."""
    server_error_bias: float = 1.0
    """How strongly 5xx answers count (``LB_PEAK_EWMA``)."""


class DnsResolvers(Section):
    """Name servers of a ``STRICT_DNS`` cluster."""

    servers: list[str] = field(default_factory=list)
    """Addresses of name servers."""
    search: list[str] = field(default_factory=list)
    """Search domains."""
    port: str = "53"
    """Port of the name servers."""
    ndots: int = 0
    """Names with fewer dots are tried with the search domains first."""
    timeout: int = 0
    """Seconds for one query."""
    attempts: int = 0
    """Tries for each server."""


class SlowStart(Section):
    """New hosts get their share of the traffic little by little."""

    mode: str = ""
    """``duration``; empty: off."""
    slow_start_duration: Duration = Duration(0)
    """Time until a new host has its full weight."""
    aggression: float = 1.0
    """1: linear; more: faster at first."""
    min_weight_percent: float = 0.1
    """Least fraction of the weight."""


class Cluster(Section):
    """A set of equivalent hosts."""

    name: str = ""
    """Unique name; routes refer to it. Required."""
    type: str = "SIMPLE"
    """``SIMPLE`` (hosts as given) or ``STRICT_DNS`` (names are resolved again and again)."""
    sub_type: str = ""
    """Accepted for MOSN's sake; has no effect."""
    lb_type: str = "LB_ROUNDROBIN"
    """Balancer: ``LB_RANDOM``, ``LB_ROUNDROBIN``, ``LB_WEIGHTED_ROUNDROBIN``, ``LB_LEAST_REQUEST``,
    ``LB_LEAST_CONNECTION``, ``LB_MAGLEV``, ``LB_REQUEST_ROUNDROBIN``, ``LB_PEAK_EWMA``,
    ``LB_ORIGINAL_DST``."""
    max_request_per_conn: Uint = 0
    """An upstream connection is replaced after so many requests; 0: never. MOSN accepts the key and
    ignores it."""
    mark: Uint = 0
    """SO_MARK of upstream sockets; 0: none."""
    conn_buffer_limit_bytes: Uint = 16384
    """Accepted for MOSN's sake; pymosn bounds its buffers itself."""
    circuit_breakers: list[CircuitBreaker] = field(default_factory=list)
    """Limits; only the first entry counts."""
    health_check: HealthCheck | None = None
    """Active health checks."""
    spec: ClusterSpec | None = None
    """Where the hosts come from; for information only."""
    lb_subset_config: SubsetConfig | None = None
    """Subset balancing."""
    original_dst_lb_config: OriginalDstConfig | None = None
    """Parameters of ``LB_ORIGINAL_DST``."""
    cluster_manager_tls: bool = False
    """Use the cluster manager's ``tls_context`` instead of this cluster's."""
    tls_context: TlsContext | None = None
    """TLS towards the hosts."""
    hosts: list[Host] = field(default_factory=list)
    """The endpoints; of two with the same address the first counts."""
    connect_timeout: Duration = Duration.of(10)
    """Time to connect."""
    keepalive: Keepalive | None = None
    """Heartbeats of RPC protocols."""
    rpc: RpcHostConfig | None = None
    """pymosn: limits of what hosts may answer in RPC protocols."""
    idle_timeout: Duration | None = None
    """An unused upstream connection is closed after so long; ``"0"``: never. Absent: 60 s, and
    never for RPC protocols (MOSN: never). Heartbeats are no use."""
    lbconfig: LbConfig | None = None
    """Parameters of the balancer (the key has no underscore)."""
    dns_refresh_rate: Duration = Duration.of(5)
    """``STRICT_DNS``: time between resolutions."""
    respect_dns_ttl: bool = False
    """``STRICT_DNS``: wait as long as the records live instead."""
    dns_lookup_family: str = "V4_ONLY"
    """``STRICT_DNS``: ``V4_ONLY`` or ``V6_ONLY``."""
    dns_resolvers: DnsResolvers | None = None
    """``STRICT_DNS``: name servers to ask instead of the system's."""
    dns_resolver_file: str = ""
    """``STRICT_DNS``: a file like ``/etc/resolv.conf``."""
    dns_resolver_port: str = ""
    """``STRICT_DNS``: port of the servers of that file."""
    slow_start: SlowStart | None = None
    """Slow start of new hosts."""
    cluster_pool_enable: bool = False
    """Connections are not shared with other clusters that have the same hosts."""


class ClusterManager(Section):
    """All clusters."""

    tls_context: TlsContext | None = None
    """TLS of the clusters with ``cluster_manager_tls``."""
    cluster_pool_enable: bool = False
    """``cluster_pool_enable`` for all clusters."""
    clusters_configs: str = ""
    """A directory with one JSON file a cluster, instead of ``clusters``."""
    clusters: list[Cluster] = field(default_factory=list)
    """The clusters."""
