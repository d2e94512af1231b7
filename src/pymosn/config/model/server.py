"""The whole file, the server and its listeners (spec §1.2 to §1.4)."""

from typing import Any

from msgspec import field

from pymosn.config.model.base import Address, Port, Section, Uint
from pymosn.config.model.filters import ListenerFilter, NetworkFilter, StreamFilter
from pymosn.config.model.routing import RouterConfig
from pymosn.config.model.tls import TlsContext
from pymosn.config.model.upstream import ClusterManager
from pymosn.config.values import Duration, Size


class AccessLog(Section):
    """An access log of a listener."""

    log_path: str = ""
    """A file, ``stdout``, ``stderr`` or a syslog (see ``default_log_path``); empty:
    ``<logs>/<listener>_access.log``."""
    log_format: str = ""
    """Text with ``%variable%``; empty: MOSN's default format."""
    json_format: dict[str, str] = field(default_factory=dict)
    """pymosn: one JSON object a line instead: key to text with ``%variable%``."""
    flush_interval: Duration = Duration.of(1)
    """pymosn: lines are written at the latest after so long."""


class FilterChain(Section):
    """What happens to a connection."""

    match: str = ""
    """Accepted for MOSN's sake; has no effect."""
    tls_context: TlsContext | None = None
    """TLS."""
    tls_context_set: list[TlsContext] = field(default_factory=list)
    """Several certificates, instead of ``tls_context``."""
    filters: list[NetworkFilter] = field(default_factory=list)
    """The network filters, in order."""


class Listener(Section):
    """An address on which connections are accepted."""

    name: str = ""
    """Unique name; empty: the address."""
    type: str = ""
    """``ingress`` or ``egress``; for traces."""
    address: str = ""
    """``ip:port``, ``:port`` (all IPv4 interfaces), ``[ip6]:port``, or a path with
    ``network: unix``. Required."""
    bind_port: bool = False
    """True: bind the address. False (MOSN's default): a virtual listener that only receives
    redirected connections."""
    reuseport: bool = False
    """UDP only, as in MOSN. pymosn's workers share every TCP port."""
    network: str = "tcp"
    """``tcp``, ``udp`` or ``unix``."""
    use_original_dst: str = ""
    """``redirect`` or ``tproxy``: find out where a redirected connection was going."""
    access_logs: list[AccessLog] = field(default_factory=list)
    """Access logs."""
    listener_filters: list[ListenerFilter] = field(default_factory=list)
    """Filters of accepted sockets."""
    filter_chains: list[FilterChain] = field(default_factory=list)
    """Exactly one."""
    stream_filters: list[StreamFilter] = field(default_factory=list)
    """Filters of requests, in order."""
    inspector: bool = False
    """Accept TLS and plain text on the same port."""
    connection_idle_timeout: Duration | None = None
    """A client's connection is closed after so long without a byte; ``"0"``: never. Absent: 90 s
    between requests, never for ``tcp_proxy`` (MOSN: 90 s there too)."""
    default_read_buffer_size: int = 0
    """Accepted for MOSN's sake; pymosn sizes its buffers itself."""
    max_connections: Uint = 0
    """pymosn: connections at a time, 0: unlimited; beyond, new ones are closed at once."""
    backlog: Uint = 1024
    """pymosn: connections that may wait to be accepted."""


class Server(Section):
    """The server; a file has exactly one."""

    mosn_server_name: str = ""
    """Its name; empty: the default server."""
    default_log_path: str = ""
    """A file, ``stdout``, ``stderr``, ``syslog`` (the local one), ``syslog://HOST:PORT``,
    ``syslog+udp://...`` or ``syslog+tcp://...``; empty: ``<logs>/mosn.log``."""
    default_log_level: str = "INFO"
    """``TRACE``, ``DEBUG``, ``INFO``, ``WARN``, ``ERROR`` or ``FATAL``."""
    global_log_roller: str = ""
    """When log files are rolled: ``time=<hours>``, or ``size=<MB> age=<days> keep=<files>
    compress=on|off``; empty: daily."""
    use_netpoll_mode: bool = False
    """Accepted for MOSN's sake; pymosn always polls."""
    graceful_timeout: Duration = Duration.of(30)
    """Time for requests under way when stopping or upgrading."""
    processor: int | str | None = None
    """Number of worker processes; ``auto``: as many CPUs as the container may use; absent: as many
    CPUs as there are. The environment variable GOMAXPROCS takes precedence."""
    listeners: list[Listener] = field(default_factory=list)
    """The listeners."""
    routers: list[RouterConfig] = field(default_factory=list)
    """The route tables."""


class Tracing(Section):
    """Distributed tracing."""

    enable: bool = False
    """On or off."""
    tracer: str = ""
    """Deprecated; has no effect."""
    driver: str = ""
    """``SOFATracer``, ``SkyWalking``, ``Zipkin``, ``jaeger``, ``otel``."""
    config: dict[str, Any] = field(default_factory=dict)
    """The driver's options."""


class MetricsSink(Section):
    """Where metrics go."""

    type: str = ""
    """``prometheus``."""
    config: dict[str, Any] = field(default_factory=dict)
    """``port`` (required), ``endpoint``, ``percentiles``, ``disable_collect_process``,
    ``disable_collect_go``."""


class StatsMatcher(Section):
    """Metrics that are not wanted."""

    reject_all: bool = False
    """No metrics at all."""
    exclusion_labels: list[str] = field(default_factory=list)
    """Sets with one of these labels."""
    exclusion_keys: list[str] = field(default_factory=list)
    """These keys."""


class MetricsSample(Section):
    """How MOSN's histograms sample; pymosn's have buckets and need none."""

    type: str = "UNIFORM"
    """``UNIFORM`` or ``EXP_DECAY``."""
    size: int = 100
    """Size of the sample."""
    exp_decay_alpha: float = 0.5
    """Decay."""


class Ewma(Section):
    """How fast moving averages forget."""

    alpha: float = 0.0
    """The factor itself, between 0 and 1."""
    target: float = 0.0
    """Or: what is left of an old value after ``duration``."""
    duration: Duration | None = None
    """That time."""


class Metrics(Section):
    """Metrics."""

    sinks: list[MetricsSink] = field(default_factory=list)
    """Where they go."""
    stats_matcher: StatsMatcher = field(default_factory=StatsMatcher)
    """Which are not wanted."""
    shm_zone: str = ""
    """MOSN: name of a shared memory zone. pymosn's counters are always in shared memory."""
    shm_size: Size = Size(0)
    """MOSN: its size."""
    flush_mosn: bool = False
    """Export the set ``meta``."""
    lazy_flush: bool = False
    """Export only sets that were touched."""
    sample: MetricsSample | None = None
    """How histograms sample."""
    ewma: Ewma | None = None
    """How fast moving averages forget."""


class Admin(Section):
    """The admin API."""

    address: Address | None = None
    """Where it listens; absent: there is none."""


class Pprof(Section):
    """MOSN's profiling server; specific to Go."""

    debug: bool = False
    """On or off."""
    port_value: Port = 9090
    """Port."""
    endpoint: str = "0.0.0.0"
    """Address."""


class Plugin(Section):
    """Filters in other processes."""

    log_base: str = ""
    """Directory of their logs; empty: the directory of our logs."""


class Codec(Section):
    """A protocol that is loaded."""

    enable: bool = False
    """On or off."""
    type: str = ""
    """``go-plugin`` or ``wasm``."""
    path: str = ""
    """File."""
    loader_func_name: str = "LoadCodec"
    """Symbol of a Go plugin."""
    config: dict[str, Any] = field(default_factory=dict)
    """The codec's options."""


class ThirdPartCodec(Section):
    """Protocols that are loaded."""

    codecs: list[Codec] = field(default_factory=list)
    """The codecs."""


class Extend(Section):
    """An extension of the whole process."""

    type: str = ""
    """``tunnel_agent``, ``dubbo_registry``, ``transcoder_plugin``, ``holmes``."""
    config: Any = None
    """The extension's options."""


class WasmVm(Section):
    """A WebAssembly module."""

    engine: str = ""
    """Engine."""
    path: str = ""
    """File."""
    url: str = ""
    """Has no effect, as in MOSN."""
    md5: str = ""
    """Checksum."""
    cpu: int = 0
    """Has no effect, as in MOSN."""
    mem: int = 0
    """Has no effect, as in MOSN."""


class WasmPlugin(Section):
    """A WebAssembly plugin that filters share."""

    plugin_name: str = ""
    """Name by which filters refer to it."""
    vm_config: WasmVm | None = None
    """The module."""
    instance_num: int = 0
    """Number of instances."""


class MosnConfig(Section):
    """The whole configuration file."""

    servers: list[Server] = field(default_factory=list)
    """The server; exactly one."""
    cluster_manager: ClusterManager = field(default_factory=ClusterManager)
    """The clusters."""
    disable_upgrade: bool = False
    """True: neither take over from a running process nor hand over to the next one."""
    close_graceful: bool = False
    """Deprecated; the same as ``disable_upgrade``."""
    inherit_old_mosnconfig: bool = False
    """Take the configuration over from the running process on an upgrade."""
    tracing: Tracing | None = None
    """Distributed tracing."""
    metrics: Metrics | None = None
    """Metrics."""
    dynamic_resources: Any = None
    """Envoy bootstrap: where to get the configuration by xDS."""
    static_resources: Any = None
    """Envoy bootstrap: the clusters of the xDS servers."""
    node: Any = None
    """Envoy node: who we are to xDS servers."""
    admin: Admin | None = None
    """The admin API."""
    pprof: Pprof | None = None
    """MOSN's profiling server."""
    pid: str = ""
    """File for the process id; empty: ``<logs>/mosn.pid``."""
    uds_dir: str = ""
    """Directory of the upgrade sockets; empty: the directory of the configuration file."""
    plugin: Plugin | None = None
    """Filters in other processes."""
    third_part_codec: ThirdPartCodec | None = None
    """Protocols that are loaded."""
    extends: list[Extend] = field(default_factory=list)
    """Extensions of the whole process, started in order."""
    wasm_global_plugins: list[WasmPlugin] = field(default_factory=list)
    """WebAssembly plugins that filters share."""

    @property
    def mode(self) -> str:
        """``file``, ``xds`` or ``mix``, by which of servers and xDS resources are given."""
        xds = bool(self.static_resources) and bool(self.dynamic_resources)
        if self.servers:
            return "mix" if xds else "file"
        return "xds" if xds else "file"
