"""Network filters and their options (spec §1.5, §2.2)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from msgspec import field

from pymosn.config.model.base import Section, Uint
from pymosn.config.model.routing import RouterConfig
from pymosn.config.values import Bytes, Duration, Nanoseconds


class Http1Config(Section):
    """Limits and manners of the HTTP/1.1 server side."""

    max_header_size: Bytes = Bytes(8192)
    """Bytes of a request's head; beyond: 431. pymosn reads sizes such as ``"16KB"`` too."""
    max_request_body_size: Bytes = Bytes(0)
    """Bytes of a request's body, 0: unlimited; beyond: 413."""
    max_headers: Uint = 100
    """pymosn: header fields of a request; beyond: 431."""
    header_timeout: Duration = Duration.of(60)
    """pymosn: time to receive a request's head; beyond: 408."""
    body_timeout: Duration = Duration.of(60)
    """pymosn: time without a byte of an unfinished request body; beyond: 408."""
    max_requests_per_connection: Uint = 0
    """pymosn: a client's connection is closed after so many requests; 0: never."""
    forwarded_headers: bool = False
    """pymosn: append ``X-Forwarded-For``, set ``X-Forwarded-Proto`` and ``X-Forwarded-Host``."""
    via: str = ""
    """pymosn: the name to append to ``Via``; empty: none."""
    request_id: bool = False
    """pymosn: set ``X-Request-Id`` when the request has none."""
    server_name: str = ""
    """pymosn: replaces ``Server`` in responses; empty: what the upstream sent."""


class Http2Config(Section):
    """Options of HTTP/2."""

    http2_use_stream: bool = False
    """MOSN: stream bodies. pymosn always streams."""
    max_concurrent_streams: Uint = 128
    """pymosn: exchanges that a client may have under way on a connection."""
    stream_window: Bytes = Bytes(262144)
    """pymosn: bytes that a client may send ahead on a stream."""
    connection_window: Bytes = Bytes(1 << 20)
    """pymosn: bytes that a client may send ahead on all streams of a connection."""
    max_header_size: Bytes = Bytes(65536)
    """pymosn: bytes of a request's decoded fields, with 32 more for each; beyond: 431."""
    max_headers: Uint = 100
    """pymosn: header fields of a request; beyond: 431."""
    connect_protocol: bool = True
    """pymosn: accept extended CONNECT, which is how WebSocket comes over HTTP/2."""


class BoltConfig(Section):
    """Options of bolt."""

    enable_bolt_goaway: bool = False
    """Tell clients before closing."""


class RpcConfig(Section):
    """pymosn: limits of the RPC protocols' server side."""

    max_frame_size: Bytes = Bytes(16 << 20)
    """pymosn: bytes of a frame; beyond, the connection is closed."""
    max_header_size: Bytes = Bytes(65536)
    """pymosn: bytes of a frame's header map."""
    max_headers: Uint = 1000
    """pymosn: fields of a frame's header map."""
    max_in_flight: Uint = 1024
    """pymosn: requests of a connection under way; beyond, it is not read until one has ended."""


class ExtendConfig(Section):
    """Options by protocol.

    MOSN's older form, in which the options of a single protocol stand here directly, is read too.
    """

    http1: Http1Config | None = field(default=None, name="Http1")
    """Options of HTTP/1.1."""
    http2: Http2Config | None = field(default=None, name="Http2")
    """Options of HTTP/2."""
    bolt: BoltConfig | None = None
    """Options of bolt."""
    rpc: RpcConfig | None = None
    """pymosn: limits of the RPC protocols."""
    max_header_size: Bytes | None = None
    """``Http1.max_header_size``, old place."""
    max_request_body_size: Bytes | None = None
    """``Http1.max_request_body_size``, old place."""
    http2_use_stream: bool | None = None
    """``Http2.http2_use_stream``, old place."""
    enable_bolt_goaway: bool | None = None
    """``bolt.enable_bolt_goaway``, old place."""
    sub_protocol: str = ""
    """With protocol ``X`` (MOSN before 1.0): the real protocols, separated by commas."""

    def http1_options(self) -> Http1Config:
        """Return the options of HTTP/1.1 wherever they stand."""
        if self.http1 is not None:
            return self.http1
        return Http1Config(
            max_header_size=self.max_header_size or Bytes(8192),
            max_request_body_size=self.max_request_body_size or Bytes(0),
        )


class ProxyConfig(Section):
    """The ``proxy`` filter: requests, routes, clusters."""

    name: str = ""
    """Unused."""
    downstream_protocol: str = ""
    """``Http1``, ``Http2``, ``bolt``, ...; several with commas; ``Auto``: whichever is spoken.
    Required."""
    upstream_protocol: str = ""
    """What is spoken with upstreams where the route does not say: ``Http1``, ``Http2``, or
    ``Auto`` (also when empty), which is what the client speaks, or what a cluster with TLS
    chooses."""
    fallback_for_unknown_protocol: bool = False
    """Hand connections whose protocol is not recognised to the next filter."""
    router_config_name: str = ""
    """The route table."""
    router_handler_name: str = ""
    """A route handler extension; empty: ``default``."""
    validate_clusters: bool = False
    """Accepted for MOSN's sake; pymosn always checks."""
    extend_config: ExtendConfig | None = None
    """Options of the protocols."""
    concurrency_num: int = 0
    """Accepted for MOSN's sake; pymosn has no worker pool for each connection."""
    retry_buffer_bytes: Bytes = Bytes(65536)
    """pymosn: request bodies up to this size are kept so that the request can be tried again."""


class CidrRange(Section):
    """A network."""

    address: str = field(default="", name="Address")
    """An address of the network."""
    length: Uint = field(default=0, name="Length")
    """Number of bits that count."""


class StreamRoute(Section):
    """A ``tcp_proxy`` route; the keys are written exactly so. An empty list matches nothing."""

    cluster: str = field(default="", name="Cluster")
    """The cluster."""
    source_addrs: list[CidrRange] = field(default_factory=list, name="SourceAddrs")
    """Networks of clients."""
    destination_addrs: list[CidrRange] = field(default_factory=list, name="DestinationAddrs")
    """Networks that clients connected to."""
    source_port: str = field(default="", name="SourcePort")
    """Ports of clients: ``80,8000-8080``."""
    destination_port: str = field(default="", name="DestinationPort")
    """Ports that clients connected to."""


class StreamProxyConfig(Section):
    """The ``tcp_proxy`` and ``udp_proxy`` filters: bytes to a cluster."""

    stat_prefix: str = ""
    """Accepted for MOSN's sake; has no effect."""
    cluster: str = ""
    """The cluster; takes precedence over ``routes``."""
    idle_timeout: Nanoseconds = Nanoseconds(0)
    """Close after so long without a byte; 0: never. MOSN writes nanoseconds; pymosn reads
    durations such as ``"10m"`` too."""
    max_connect_attempts: Uint = 3
    """Hosts that are tried. MOSN ignores the key and tries 3."""
    routes: list[StreamRoute] = field(default_factory=list)
    """Clusters by address and port; the first that matches counts."""


class GrpcConfig(Section):
    """The ``grpc`` filter: an embedded gRPC server."""

    server_name: str = ""
    """Name of the registered server."""
    grpc_config: Any = None
    """Passed to the server."""
    graceful_stop_timeout: Duration = Duration.of(30)
    """Time for calls under way when stopping."""


class NetworkFilter(Section):
    """A filter of connections."""

    config_types: ClassVar[Mapping[str, type]] = MappingProxyType(
        {
            "proxy": ProxyConfig,
            "tcp_proxy": StreamProxyConfig,
            "udp_proxy": StreamProxyConfig,
            "grpc": GrpcConfig,
            "connection_manager": RouterConfig,
        }
    )

    type: str = ""
    """``proxy``, ``tcp_proxy``, ``udp_proxy``, ``grpc``, ``tunnel``, ``connection_manager``."""
    go_plugin_config: dict[str, Any] | None = None
    """Accepted for MOSN's sake; has no effect."""
    config: Any = None
    """The filter's own options."""


class StreamFilter(Section):
    """A filter of requests and responses."""

    type: str = ""
    """Name of the filter; pymosn: or ``module:Class``."""
    go_plugin_config: dict[str, Any] | None = None
    """MOSN: a Go shared object; pymosn cannot load it."""
    config: dict[str, Any] = field(default_factory=dict)
    """The filter's own options."""


class ListenerFilter(Section):
    """A filter of accepted sockets."""

    type: str = ""
    """``original_dst``."""
    config: dict[str, Any] = field(default_factory=dict)
    """The filter's own options."""
