"""What of MOSN's configuration the data plane acts on today.

``Capabilities`` says it in data; ``inactive_parts`` walks a model and reports, one sentence each,
every part that is understood and kept but has no effect yet.  The compiler asks the same questions
here, so that the report and the snapshot cannot disagree.
"""

from collections.abc import Collection, Iterator
from typing import Final

from msgspec import Struct

from pymosn.config import model
from pymosn.config.source import Finding, Source

PROTOCOLS: Final = ("Http1", "Http2", "bolt", "boltv2", "dubbo", "dubbo-thrift", "tars", "Auto")
BALANCERS: Final = (
    "LB_RANDOM",
    "LB_ROUNDROBIN",
    "LB_WEIGHTED_ROUNDROBIN",
    "LB_ORIGINAL_DST",
    "LB_LEAST_REQUEST",
    "LB_LEAST_CONNECTION",
    "LB_MAGLEV",
    "LB_REQUEST_ROUNDROBIN",
    "LB_PEAK_EWMA",
)
DEFAULT_BALANCER: Final = "LB_ROUNDROBIN"


class Capabilities(Struct, frozen=True, kw_only=True):
    """What the running program can do; grows as parts of it are written."""

    protocols: Collection[str] = frozenset(PROTOCOLS[:-1])
    """Names; ``module:Class`` is always taken."""
    network_filters: frozenset[str] = frozenset({"proxy", "tcp_proxy"})
    stream_filters: Collection[str] = frozenset()
    """Registered names; ``module:Class`` is always taken."""
    balancers: frozenset[str] = frozenset(
        {"LB_RANDOM", "LB_ROUNDROBIN", "LB_WEIGHTED_ROUNDROBIN", "LB_LEAST_REQUEST"}
    )
    tls: bool = True
    sds: bool = False
    health_checks: bool = False
    subsets: bool = False
    slow_start: bool = False
    original_dst: bool = False
    strict_dns: bool = True
    tracing: bool = False
    xds: bool = False

    def has_stream_filter(self, type_name: str) -> bool:
        """Whether a stream filter of this type can run."""
        return type_name in self.stream_filters or ":" in type_name

    def has_protocol(self, name: str) -> bool:
        """Whether a protocol of this name can be spoken."""
        return name in self.protocols or ":" in name

    def protocols_of(self, proxy: model.ProxyConfig) -> list[str]:
        """Return the protocols of a ``proxy`` filter that can be spoken, ``Auto`` resolved."""
        names: list[str] = []
        for name in protocol_names(proxy):
            known: tuple[str, ...] = (name,)
            if name == "Auto":
                known = (*PROTOCOLS[:-1], *sorted(set(self.protocols).difference(PROTOCOLS)))
            names.extend(n for n in known if self.has_protocol(n) and n not in names)
        return names

    def filters_of(self, listener: model.Listener) -> list[tuple[int, model.NetworkFilter]]:
        """Return the network filters of a listener that can run, each with its index."""
        chain = listener.filter_chains[0] if listener.filter_chains else model.FilterChain()
        return [(i, f) for i, f in enumerate(chain.filters) if not self._filter_trouble(f)]

    def listener_trouble(self, listener: model.Listener) -> str:
        """Return why a listener cannot run; empty when it can."""
        if listener.network.lower() == "udp":
            return "UDP is not supported yet"
        chain = listener.filter_chains[0] if listener.filter_chains else model.FilterChain()
        if not self.tls and not listener.inspector and any(tls_contexts(chain)):
            return "TLS is not supported yet"
        contexts = list(tls_contexts(chain))
        if not self.sds and contexts and all(c.sds_source is not None for c in contexts):
            return "certificates from SDS are not supported yet"
        if not self.filters_of(listener):
            troubles = dict.fromkeys(self._filter_trouble(f) for f in chain.filters)
            return "; ".join(troubles) or "it has no network filter"
        return ""

    def cluster_needs_tls(self, cluster: model.Cluster, manager: model.ClusterManager) -> bool:
        """Whether a cluster asks for TLS that cannot be spoken yet."""
        context = manager.tls_context if cluster.cluster_manager_tls else cluster.tls_context
        if context is None or not context.status:
            return False
        return not self.tls or (not self.sds and context.sds_source is not None)

    def _filter_trouble(self, network_filter: model.NetworkFilter) -> str:
        if network_filter.type not in self.network_filters:
            return f"the network filter {network_filter.type} is not supported yet"
        config = network_filter.config
        if isinstance(config, model.ProxyConfig) and not self.protocols_of(config):
            names = ", ".join(protocol_names(config))
            return f"the protocol {names or config.downstream_protocol} is not supported yet"
        return ""


def protocol_names(proxy: model.ProxyConfig) -> list[str]:
    """Return the downstream protocols in canonical spelling; ``X`` stands for its sub protocols."""
    text = proxy.downstream_protocol
    if text.strip() == "X" and proxy.extend_config is not None:
        text = proxy.extend_config.sub_protocol
    spelling = {name.lower(): name for name in PROTOCOLS}
    names = [part.strip() for part in text.split(",")]
    return [spelling.get(name.lower(), name) for name in names if name]


def upstream_protocol(source: Source, text: str, path: str, spoken: Collection[str]) -> str:
    """Return a key ``upstream_protocol`` in canonical spelling; empty for ``Auto``, and for what is
    not among those ``spoken``.  Raises ``ConfigError`` when there is no such protocol."""
    text = text.strip()
    name = {name.lower(): name for name in PROTOCOLS}.get(text.lower() or "auto", text)
    if name == "Auto":
        return ""
    if name in spoken or ":" in name:
        return name
    if name not in PROTOCOLS:
        expected = ", ".join(PROTOCOLS)
        raise source.error(path, "is not a protocol", found=text, expected=expected)
    return ""


def tls_contexts(chain: model.FilterChain) -> Iterator[model.TlsContext]:
    """Return the TLS contexts of a filter chain that are switched on."""
    for context in [chain.tls_context, *chain.tls_context_set]:
        if context is not None and context.status:
            yield context


def inactive_parts(
    config: model.MosnConfig, source: Source, capabilities: Capabilities
) -> list[Finding]:
    """Return a finding for every part of the model that has no effect yet."""
    report = _Report(source, capabilities)
    report.mirrors = any(
        stream_filter.type == "mirror"
        for server in config.servers
        for listener in server.listeners
        for stream_filter in listener.stream_filters
    )
    report.whole(config)
    for s, server in enumerate(config.servers):
        path = f"$.servers[{s}]"
        for i, listener in enumerate(server.listeners):
            report.listener(listener, f"{path}.listeners[{i}]")
        for r, router in enumerate(server.routers):
            for v, host in enumerate(router.virtual_hosts):
                where = f"{path}.routers[{r}].virtual_hosts[{v}]"
                for i, route in enumerate(host.routers):
                    report.route(route, f"{where}.routers[{i}]")
    for i, cluster in enumerate(config.cluster_manager.clusters):
        where = f"$.cluster_manager.clusters[{i}]"
        report.cluster(cluster, config.cluster_manager, where)
    return report.findings


class _Report:
    """Collects findings, part by part."""

    def __init__(self, source: Source, capabilities: Capabilities) -> None:
        self.source = source
        self.can = capabilities
        self.findings: list[Finding] = []
        self.mirrors = False
        """Whether some listener sends copies of requests."""

    def whole(self, config: model.MosnConfig) -> None:
        if config.mode != "file" and not self.can.xds:
            self._add("$.dynamic_resources", "xDS is not supported yet; nothing comes from it")
        if config.tracing is not None and config.tracing.enable and not self.can.tracing:
            self._add("$.tracing", "tracing is not supported yet; no spans are written")
        if config.pprof is not None and config.pprof.debug:
            self._add("$.pprof", "MOSN's profiling server is specific to Go; there is none")
        for i, extend in enumerate(config.extends):
            self._add(f"$.extends[{i}]", f"the extension {extend.type} is not supported yet")
        for i, _ in enumerate(config.wasm_global_plugins):
            self._add(f"$.wasm_global_plugins[{i}]", "WebAssembly is not supported yet")
        for i, codec in enumerate(
            config.third_part_codec.codecs if config.third_part_codec else []
        ):
            if codec.enable:
                path = f"$.third_part_codec.codecs[{i}]"
                self._add(path, f"codecs of type {codec.type} are not supported yet")
        if config.inherit_old_mosnconfig:
            self._add("$.inherit_old_mosnconfig", "inheriting a configuration is not supported yet")
        if config.metrics is not None:
            self._metrics(config.metrics)

    def listener(self, listener: model.Listener, path: str) -> None:
        trouble = self.can.listener_trouble(listener)
        if trouble:
            self._add(path, f"{trouble}; the listener is left out")
            return
        chain = listener.filter_chains[0]
        for i, network_filter in enumerate(chain.filters):
            self._network_filter(network_filter, f"{path}.filter_chains[0].filters[{i}]")
        if any(tls_contexts(chain)) and not self.can.tls:
            self._add(f"{path}.inspector", "TLS is not supported yet; only plain text is accepted")
        written = [(chain.tls_context, "tls_context")]
        for i, item in enumerate(chain.tls_context_set):
            written.append((item, f"tls_context_set[{i}]"))
        for context, key in written:
            if context is not None and context.status:
                self.tls_context(context, f"{path}.filter_chains[0].{key}")
        for i, stream_filter in enumerate(listener.stream_filters):
            if not self.can.has_stream_filter(stream_filter.type):
                self._add(
                    f"{path}.stream_filters[{i}]",
                    f"the stream filter {stream_filter.type} is not supported yet; it does nothing",
                )
        if not self.can.original_dst:
            if listener.use_original_dst in ("redirect", "tproxy"):
                self._add(f"{path}.use_original_dst", "transparent hijack is not supported yet")
            for i, accept_filter in enumerate(listener.listener_filters):
                name = accept_filter.type
                message = f"the listener filter {name} is not supported yet; it does nothing"
                self._add(f"{path}.listener_filters[{i}]", message)

    def tls_context(self, context: model.TlsContext, path: str) -> None:
        if context.type not in ("", "sni_verify"):
            message = f"the extension {context.type} is not supported yet; it does nothing"
            self._add(f"{path}.type", message)
        if context.sds_source is not None and not self.can.sds:
            message = "certificates from SDS are not supported yet; this context is left out"
            self._add(f"{path}.sds_source", message)
        if context.callbacks:
            self._add(f"{path}.callbacks", "callbacks of SDS are not supported yet")

    def route(self, route: model.Route, path: str) -> None:
        mirror = route.request_mirror_policies
        if mirror is not None and mirror.cluster and not self.mirrors:
            message = "has no effect: no listener has the stream filter mirror"
            self._add(f"{path}.request_mirror_policies", message)
        match = route.match
        if match.dsl_expressions and not (
            match.prefix or match.path or match.regex or match.variables
        ):
            message = "CEL is not supported yet; the route never matches"
            self._add(f"{path}.match.dsl_expressions", message)

    def cluster(self, cluster: model.Cluster, manager: model.ClusterManager, path: str) -> None:
        name = cluster.lb_type or DEFAULT_BALANCER
        if name not in BALANCERS:
            self._add(f"{path}.lb_type", f'"{name}" is not known; {DEFAULT_BALANCER} is used')
        elif name not in self.can.balancers:
            message = f"{name} is not supported yet; {DEFAULT_BALANCER} is used"
            self._add(f"{path}.lb_type", message)
        if self.can.cluster_needs_tls(cluster, manager):
            key = "cluster_manager_tls" if cluster.cluster_manager_tls else "tls_context"
            what = "certificates from SDS are" if self.can.tls else "TLS is"
            message = f"{what} not supported yet; hosts that need it are left out"
            self._add(f"{path}.{key}", message)
        elif cluster.tls_context is not None and cluster.tls_context.status:
            self.tls_context(cluster.tls_context, f"{path}.tls_context")
        check = cluster.health_check
        if check is not None and check.service_name and not self.can.health_checks:
            self._add(f"{path}.health_check", "health checks are not supported yet")
        subsets = cluster.lb_subset_config
        if subsets is not None and subsets.subset_selectors and not self.can.subsets:
            message = "subset balancing is not supported yet; any host is used"
            self._add(f"{path}.lb_subset_config", message)
        slow_start = cluster.slow_start
        if slow_start is not None and slow_start.mode and not self.can.slow_start:
            self._add(f"{path}.slow_start", "slow start is not supported yet")
        if cluster.type == "STRICT_DNS" and not self.can.strict_dns:
            self._add(f"{path}.type", "STRICT_DNS is not supported yet")

    def _network_filter(self, network_filter: model.NetworkFilter, path: str) -> None:
        name = network_filter.type
        if name == "connection_manager":
            return  # only carries a route table
        if name not in self.can.network_filters:
            self._add(path, f"the network filter {name} is not supported yet; it does nothing")
            return
        config = network_filter.config
        if not isinstance(config, model.ProxyConfig):
            return
        names = protocol_names(config)
        missing = [n for n in names if not self.can.has_protocol(n) and n != "Auto"]
        key = f"{path}.config.downstream_protocol"
        if missing:
            self._add(key, f"not supported yet: {', '.join(missing)}")
        unseen = [n for n in PROTOCOLS[:-1] if n not in self.can.protocols]
        if "Auto" in names and unseen:
            self._add(key, f"Auto does not recognise {', '.join(unseen)} yet")
        if config.router_handler_name not in ("", "default"):
            message = "route handlers are not supported yet; the default one is used"
            self._add(f"{path}.config.router_handler_name", message)

    def _metrics(self, metrics: model.Metrics) -> None:
        for i, sink in enumerate(metrics.sinks):
            if sink.type != "prometheus":
                message = f"the sink {sink.type} is not supported; only prometheus is"
                self._add(f"$.metrics.sinks[{i}]", message)
        if metrics.shm_zone:
            self._add("$.metrics.shm_zone", "has no effect; counters are always in shared memory")
        if metrics.sample is not None:
            self._add("$.metrics.sample", "has no effect; histograms have buckets")
        if metrics.ewma is not None:
            self._add("$.metrics.ewma", "moving averages are not supported yet")

    def _add(self, path: str, message: str) -> None:
        self.findings.append(self.source.finding("inactive", path, message))
