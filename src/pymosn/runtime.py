"""The data plane of one worker, built from a snapshot: the one place that wires it.

``apply`` builds every runtime object of the new snapshot before it replaces the old ones in one
step; a snapshot that cannot be built changes nothing.  Streams under way keep the objects they
began with.
"""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pymosn import snapshot as model
from pymosn.errors import ConfigError
from pymosn.extension.registry import Registry, RegistryError
from pymosn.network.address import is_unix, pack, split
from pymosn.network.listener import Listener
from pymosn.network.reactor import Reactor
from pymosn.network.secure import TlsFactory
from pymosn.observe.accesslog import AccessLog
from pymosn.observe.metrics import (
    GRPC_METHOD,
    RPC_METHOD,
    ClusterStats,
    DownstreamStats,
    TlsStats,
    UpstreamStats,
)
from pymosn.observe.slots import Slots
from pymosn.protocol.http2.options import Http2Options
from pymosn.protocol.xprotocol.frame import FrameLimits, RpcProtocol
from pymosn.proxy.accept import ConnectionIds, HttpAcceptor
from pymosn.proxy.filters import FilterChain, build_filter, read_config
from pymosn.proxy.http import HttpProxy, ProxyOptions
from pymosn.router.table import ReadFilterConfig, RouteTable
from pymosn.stream.http1_client import Http1Pool
from pymosn.stream.http1_server import Http1Codec
from pymosn.stream.options import RpcClientOptions, RpcOptions, ServerOptions
from pymosn.stream.pool import NEGOTIATED, ConnectionPool, Limits, PoolOptions
from pymosn.stream.server import MadeCodec, ServerCodec
from pymosn.upstream.balancer import BALANCERS, Random
from pymosn.upstream.cluster import UpstreamCluster
from pymosn.upstream.hosts import UpstreamHost

if TYPE_CHECKING:
    from pymosn.network.tls_context import TlsContext
    from pymosn.proxy.tcp import TcpAcceptor

TICK_SECONDS = 1.0
"""How often access logs are written at the latest."""


BUILT_IN: Final = ("Http1", "Http2", "TCP", NEGOTIATED)
"""What is spoken without a ``RpcProtocol``."""
_H2: Final = b"h2"
_HTTP1: Final = b"http/1.1"


class Service:
    """One listener at work: its sockets and what serves their connections."""

    def __init__(self, acceptor: "HttpAcceptor | TcpAcceptor") -> None:
        self.acceptor = acceptor
        self.listeners: list[Listener] = []
        self.filters: FilterChain | None = None
        self.replaced_filters: list[FilterChain] = []
        self.access_logs: list[AccessLog] = []

    def stop_accepting(self) -> None:
        """Close the listening sockets; connections go on."""
        for listener in self.listeners:
            listener.close()
        self.listeners = []

    def close(self) -> None:
        """Close filters and logs; the connections are gone or going."""
        self.replace_filters(None)
        self.close_replaced_filters()
        for log in self.access_logs:
            log.close()

    def replace_filters(self, filters: FilterChain | None) -> None:
        """Serve with these filters; exchanges under way go on with theirs."""
        if self.filters is not None:
            self.replaced_filters.append(self.filters)
        self.filters = filters

    def close_replaced_filters(self) -> None:
        """Close the filters that no exchange uses any more."""
        for filters in self.replaced_filters:
            filters.close()
        self.replaced_filters = []


class HostPools:
    """Makes the connection pools of one host."""

    def __init__(
        self,
        reactor: Reactor,
        family: int,
        address: bytes,
        options: PoolOptions,
        limits: Limits,
        stats: UpstreamStats,
        tls: "HostTls | None",
        rpc: Mapping[str, RpcProtocol],
    ) -> None:
        """``rpc`` has what can be spoken beside HTTP."""
        self._parts = (reactor, family, address, options, limits, stats)
        self._tls = tls
        self._rpc = rpc

    def make(self, protocol: str) -> ConnectionPool:
        """Return a pool whose connections speak ``protocol``."""
        tls = None if self._tls is None else self._tls.factory(protocol)
        if protocol == "Http1":
            return Http1Pool(*self._parts, tls)
        if protocol == "TCP":
            return ConnectionPool(*self._parts, tls)
        # What few use is loaded for them.
        if protocol == "Http2":
            from pymosn.stream.http2_client import Http2Pool

            return Http2Pool(*self._parts, tls)
        if protocol == NEGOTIATED:
            from pymosn.stream.negotiated import NegotiatedPool

            return NegotiatedPool(*self._parts, tls)
        from pymosn.stream.xprotocol_client import XprotocolPool

        return XprotocolPool(*self._parts, tls, self._rpc[protocol])


class TlsProvider:
    """Makes the TLS objects of a worker; loads OpenSSL, which nobody else may have to."""

    def __init__(self, reactor: Reactor, slots: Slots, ticket_keys: list[bytes]) -> None:
        """Without ``ticket_keys`` there is a random one."""
        from pymosn.network import tls, tls_context, tls_session

        self._tls = tls
        self._tls_context = tls_context
        self._slots = slots
        self._buffers = tls_session.TlsBuffers(reactor)
        self._contexts: dict[bytes, TlsContext] = {}
        self.tickets = tls.TicketKeys(ticket_keys)

    def server(self, settings: model.TlsServer, listener: str) -> TlsFactory:
        """Return the TLS of a listener; raises ``ValueError``."""
        stats = TlsStats(self._slots, settings.stats_slot)
        name = f"listener {listener}"
        return self._tls.TlsServer(self._buffers, settings, self.tickets, stats, name)

    def client(self, settings: model.TlsClient, server_name: str, cluster: str) -> "HostTls":
        """Return the TLS towards one host of a cluster; raises ``ValueError``."""
        name = f"cluster {cluster}"
        try:
            context = self._context(settings.context)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error

        def make(alpn: list[bytes] | None) -> TlsFactory:
            factory: TlsFactory = self._tls.TlsClient(
                self._buffers, context, settings, server_name,
                TlsStats(self._slots, settings.stats_slot), name, alpn,
            )
            return factory

        return HostTls(make, context.alpn)

    def keep_only(self, snapshot: model.Snapshot) -> None:
        """Forget the contexts that no cluster uses."""
        clusters = snapshot.clusters.values()
        used = {_identity(cluster.tls.context) for cluster in clusters if cluster.tls is not None}
        self._contexts = {key: known for key, known in self._contexts.items() if key in used}

    def _context(self, settings: model.TlsContext) -> "TlsContext":
        """Return one context for all that are equal: the system's roots take a megabyte."""
        key = _identity(settings)
        known = self._contexts.get(key)
        if known is None:
            known = self._contexts[key] = self._tls_context.TlsContext(settings, False)
        return known


class HostTls:
    """Makes the TLS of the pools of one host: each offers what it can speak."""

    def __init__(
        self, make: Callable[[list[bytes] | None], TlsFactory], offered: Sequence[bytes]
    ) -> None:
        """``offered`` is what the configuration says."""
        self._make = make
        self._offered = offered

    def factory(self, protocol: str) -> TlsFactory:
        """Return the TLS of the pool that speaks ``protocol``."""
        if protocol == "Http2":
            return self._make([_H2])
        if protocol == "Http1":
            return self._make([name for name in self._offered if name == _HTTP1])
        return self._make(None)


class Plan:
    """What ``apply`` has built of a snapshot and not yet put to work."""

    def __init__(self) -> None:
        self.clusters: dict[str, UpstreamCluster] = {}
        self.cluster_hosts: dict[str, list[UpstreamHost]] = {}
        self.routes: dict[str, RouteTable] = {}
        self.filters: dict[str, FilterChain | None] = {}
        self.access_logs: dict[str, list[AccessLog]] = {}
        self.tls: dict[str, TlsFactory | None] = {}


class Runtime:
    """Everything a worker serves with.

    ``loop`` runs asynchronous filters; None where there are none.
    """

    def __init__(
        self,
        reactor: Reactor,
        slots: Slots,
        registry: Registry,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.reactor = reactor
        self.slots = slots
        self.registry = registry
        self.loop = loop
        self.random = Random(int.from_bytes(os.urandom(8), "little"))
        self.ids = ConnectionIds(int.from_bytes(os.urandom(2), "little") << 32)
        self.snapshot = model.Snapshot()
        self.rpc: dict[str, RpcProtocol] = {}
        self.clusters: dict[str, UpstreamCluster] = {}
        self.services: dict[str, Service] = {}
        self.retired: list[Service] = []
        self._ticking: Any = None
        self._tls: TlsProvider | None = None
        self._ticket_keys: list[bytes] = []

    def use_ticket_keys(self, keys: list[bytes]) -> None:
        """Encrypt session tickets with the first of ``keys`` and accept those of all; without
        any, this worker's tickets are good for itself only."""
        self._ticket_keys = keys
        if self._tls is not None and keys:
            self._tls.tickets.replace(keys)

    def apply(self, snapshot: model.Snapshot, sockets: Mapping[str, Sequence[int]]) -> None:
        """Serve ``snapshot``.

        ``sockets`` maps the name of each bound listener to this worker's listening descriptors
        for it; the runtime owns and in the end closes them.  A listener that was served before
        and keeps its name needs none.  Listeners that are gone stop accepting and drain.
        Raises ``ConfigError`` when something cannot be built; then nothing has changed and the
        descriptors are still the caller's.
        """
        plan = self._build(snapshot)
        self._take_clusters(snapshot, plan)
        for listener in snapshot.listeners:
            self._take_listener(snapshot, listener, plan, sockets.get(listener.name, ()))
        wanted = {listener.name for listener in snapshot.listeners}
        for name in [name for name in self.services if name not in wanted]:
            self._retire(name)
        self.snapshot = snapshot
        if self._tls is not None:
            self._tls.keep_only(snapshot)
        if self._ticking is None:
            self.tick()

    def update_hosts(self, cluster: str, hosts: Sequence[model.Host]) -> None:
        """Replace the hosts of a cluster (name resolution, health); unknown names are ignored."""
        runtime = self.clusters.get(cluster)
        definition = self.snapshot.clusters.get(cluster)
        if runtime is not None and definition is not None:
            built = self._hosts(runtime, definition, hosts)
            self._set_hosts(runtime, definition, hosts, built, runtime.hosts)

    def drain(self) -> None:
        """Stop accepting; every connection closes after its current exchange."""
        for service in self.services.values():
            service.stop_accepting()
            service.acceptor.drain()

    def active(self) -> int:
        """Return the number of open downstream connections."""
        services = [*self.services.values(), *self.retired]
        return sum(service.acceptor.active() for service in services)

    def reopen_logs(self) -> None:
        """Open every access log anew (after a rotation)."""
        for service in self.services.values():
            for log in service.access_logs:
                log.reopen()

    def take_filter_errors(self) -> int:
        """Return the exceptions in filters since the last call."""
        services = [*self.services.values(), *self.retired]
        return sum(service.acceptor.take_filter_errors() for service in services)

    def take_counts(self) -> list[tuple[str, dict[str, str], list[int]]]:
        """Return what was counted since the last call in sets that have no slots: the type, the
        labels and the values of each."""
        taken = []
        for service in [*self.services.values(), *self.retired]:
            if isinstance(service.acceptor, HttpAcceptor):
                proxy = service.acceptor.proxy
                for _, method, values in proxy.methods.take():
                    labels = {"listener": proxy.name, "method": method.decode("latin-1")}
                    taken.append((GRPC_METHOD.type, labels, values))
                for called, method, values in proxy.services.take():
                    labels = {
                        "listener": proxy.name,
                        "service": called.decode("utf-8", "replace"),
                        "method": method.decode("utf-8", "replace"),
                    }
                    taken.append((RPC_METHOD.type, labels, values))
        return taken

    def take_lost_log_lines(self) -> int:
        """Return the access-log lines that could not be written since the last call."""
        services = [*self.services.values(), *self.retired]
        return sum(log.take_dropped() for service in services for log in service.access_logs)

    def close(self) -> None:
        """Close everything at once."""
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None
        for service in [*self.services.values(), *self.retired]:
            service.stop_accepting()
            service.acceptor.close()
            service.close()
        self.services = {}
        self.retired = []
        for cluster in self.clusters.values():
            for host in cluster.hosts:
                host.drain()
        self.clusters = {}

    def tick(self) -> None:
        """Once a second: forget retired listeners whose connections have ended."""
        for service in [service for service in self.retired if service.acceptor.active() == 0]:
            service.close()
            self.retired.remove(service)
        for service in self.services.values():
            if service.replaced_filters and service.acceptor.exchanges() == 0:
                service.close_replaced_filters()
        self._ticking = self.reactor.call_later(TICK_SECONDS, self.tick)

    # -- building ----------------------------------------------------------------------------------

    def _build(self, snapshot: model.Snapshot) -> Plan:
        plan = Plan()
        try:
            self._learn(_protocols(snapshot))
            read_filter_config = self._filter_config_reader(snapshot)
            for name, router in snapshot.routers.items():
                plan.routes[name] = RouteTable(router, read_filter_config)
            for cluster in snapshot.clusters.values():
                runtime = self._cluster(cluster)
                plan.clusters[cluster.name] = runtime
                plan.cluster_hosts[cluster.name] = self._hosts(runtime, cluster, cluster.hosts)
            for listener in snapshot.listeners:
                plan.filters[listener.name] = self._filters(listener)
                plan.tls[listener.name] = self._listener_tls(listener)
                plan.access_logs[listener.name] = [
                    AccessLog(
                        self.reactor, log.path, log.format, log.json, log.flush_interval
                    )
                    for log in listener.access_logs
                ]
        except (RegistryError, ValueError, OSError) as error:
            raise ConfigError(str(error)) from error
        return plan

    def _learn(self, protocols: Iterable[str]) -> None:
        """Load the RPC protocols among these."""
        for name in protocols:
            if name not in BUILT_IN and name not in self.rpc:
                self.rpc[name] = self._rpc_protocol(name)

    def _rpc_protocol(self, name: str) -> RpcProtocol:
        made = self.registry.get("protocols", name)()
        if isinstance(made, RpcProtocol):
            return made
        from pymosn.protocol.xprotocol.custom import CustomProtocol, Protocol

        if isinstance(made, Protocol):
            return CustomProtocol(name, made, self.reactor.report)
        raise ValueError(f"protocol {name}: {type(made).__name__} is not a Protocol")

    def _cluster(self, cluster: model.Cluster) -> UpstreamCluster:
        known = self.clusters.get(cluster.name)
        old = self.snapshot.clusters.get(cluster.name)
        if known is not None and old is not None and _same_cluster(old, cluster):
            return known
        limits = known.limits if known is not None else Limits()
        kind = BALANCERS.get(cluster.balancer.kind)
        if kind is None:
            kind = self.registry.get("balancers", cluster.balancer.kind)
        config: dict[str, Any] = {
            "choice_count": cluster.balancer.choice_count,
            "active_request_bias": cluster.balancer.active_request_bias,
            **cluster.balancer.config,
        }
        return UpstreamCluster(
            cluster.name,
            kind(self.random, config),
            limits,
            ClusterStats(self.slots, cluster.stats_slot),
            negotiates=cluster.tls is not None and "h2" in cluster.tls.context.alpn,
        )

    def _hosts(
        self, runtime: UpstreamCluster, cluster: model.Cluster, hosts: Sequence[model.Host]
    ) -> list[UpstreamHost]:
        old = self.snapshot.clusters.get(cluster.name)
        reusable = {}
        if old is not None and _same_transport(old, cluster) and cluster.name in self.clusters:
            reusable = {host.address: host for host in self.clusters[cluster.name].hosts}
        options = PoolOptions(
            cluster.connect_timeout,
            cluster.idle_timeout,
            cluster.max_requests_per_connection,
            cluster.mark,
            rpc=_rpc_client(cluster.rpc),
        )
        built = []
        for host in hosts:
            known = reusable.get(host.address)
            settings = None if host.tls_disable or is_unix(host.address) else cluster.tls
            name = ""
            if settings is not None:
                name = settings.server_name or host.hostname or split(host.address)[0]
            if known is None or known.tls_name != name:
                family, address = pack(host.address)
                stats = UpstreamStats(self.slots, host.stats_slot, cluster.stats_slot)
                tls = None
                if settings is not None:
                    tls = self._tls_provider().client(settings, name, cluster.name)
                pools = HostPools(
                    self.reactor, family, address, options, runtime.limits, stats, tls, self.rpc
                )
                known = UpstreamHost(host.address, pools.make, stats, tls_name=name)
            built.append(known)
        return built

    def _filter_config_reader(self, snapshot: model.Snapshot) -> ReadFilterConfig:
        """Return what checks the filters' configurations in routes; those of filters that no
        listener has are for nobody, and pass."""
        kinds = {
            spec.type: self.registry.get("filters", spec.type)
            for listener in snapshot.listeners
            for spec in listener.stream_filters
        }

        def read(name: str, config: object) -> object:
            if name not in kinds:
                return config
            try:
                return read_config(kinds[name], config)
            except ValueError as error:
                raise ValueError(f"per_filter_config of {name}: {error}") from error

        return read

    def _listener_tls(self, listener: model.Listener) -> TlsFactory | None:
        if listener.tls is None:
            return None
        return self._tls_provider().server(listener.tls, listener.name)

    def _tls_provider(self) -> TlsProvider:
        """Return what makes TLS objects; OpenSSL is loaded when first somebody needs it."""
        if self._tls is None:
            self._tls = TlsProvider(self.reactor, self.slots, self._ticket_keys)
        return self._tls

    def _filters(self, listener: model.Listener) -> FilterChain | None:
        if not listener.stream_filters:
            return None
        filters = []
        for spec in listener.stream_filters:
            kind = self.registry.get("filters", spec.type)
            try:
                built = build_filter(kind, spec.config, spec.type, self.registry)
                self._learn(built.upstream_protocols)
                filters.append(built)
            except (RegistryError, ValueError) as error:
                raise ValueError(
                    f"listener {listener.name}: stream filter {spec.type}: {error}"
                ) from error
        return FilterChain(filters)

    # -- putting to work ---------------------------------------------------------------------------

    def _take_clusters(self, snapshot: model.Snapshot, plan: Plan) -> None:
        old = self.clusters
        self.clusters = plan.clusters
        for name, cluster in plan.clusters.items():
            definition = snapshot.clusters[name]
            before = old[name].hosts if name in old else []
            built = plan.cluster_hosts[name]
            self._set_hosts(cluster, definition, definition.hosts, built, before)
        for name, cluster in old.items():
            if name not in plan.clusters:
                for host in cluster.hosts:
                    host.drain()

    def _set_hosts(
        self,
        runtime: UpstreamCluster,
        definition: model.Cluster,
        specs: Sequence[model.Host],
        hosts: list[UpstreamHost],
        before: Sequence[UpstreamHost],
    ) -> None:
        limits = definition.limits
        runtime.limits.configure(
            limits.connections, limits.pending, limits.requests, limits.retries
        )
        for host, spec in zip(hosts, specs, strict=True):
            host.update(spec.hostname, spec.weight, spec.metadata, spec.healthy)
        gone = set(before) - set(hosts)
        runtime.set_hosts(hosts)
        for host in gone:
            host.drain()

    def _take_listener(
        self,
        snapshot: model.Snapshot,
        listener: model.Listener,
        plan: Plan,
        sockets: Sequence[int],
    ) -> None:
        service = self.services.get(listener.name)
        settings = listener.filters[0]
        http = isinstance(settings, model.HttpProxy)
        if service is not None and isinstance(service.acceptor, HttpAcceptor) != http:
            self._retire(listener.name)
            service = None
        if service is None:
            service = Service(self._acceptor(listener, http))
            self.services[listener.name] = service
        stats = DownstreamStats(self.slots, listener.stats_slot)
        for access_log in service.access_logs:
            access_log.close()
        service.replace_filters(plan.filters[listener.name])
        service.access_logs = plan.access_logs[listener.name]
        acceptor = service.acceptor
        acceptor.listener = listener
        acceptor.limit(stats, listener.max_connections)
        acceptor.secure(plan.tls[listener.name])
        if isinstance(acceptor, HttpAcceptor):
            self._configure_http(service, acceptor, listener, plan, stats)
        else:
            self._configure_tcp(service, acceptor, listener)
        if sockets:
            service.stop_accepting()  # the listener has moved to another address
        for fd in sockets:
            accepting = Listener(self.reactor, service.acceptor, listener.name)
            accepting.open(fd)
            service.listeners.append(accepting)

    def _acceptor(self, listener: model.Listener, http: bool) -> "HttpAcceptor | TcpAcceptor":
        if not http:
            return self._tcp_acceptor(listener)
        proxy = HttpProxy(self.reactor, listener.name, self.random, self.loop)
        return HttpAcceptor(self.reactor, proxy, self.ids, listener)

    def _configure_http(
        self,
        service: Service,
        acceptor: HttpAcceptor,
        listener: model.Listener,
        plan: Plan,
        stats: DownstreamStats,
    ) -> None:
        settings: Any = listener.filters[0]
        http1 = settings.http1
        fallback = None
        if settings.fallback and len(listener.filters) > 1:
            fallback = acceptor.fallback or self._tcp_acceptor(listener)
            fallback.limit(stats, 0)
            self._configure_tcp(service, fallback, listener)
        codecs = {name: self._codec(name) for name in settings.protocols}
        acceptor.configure(
            ServerOptions(
                http1.max_header_bytes, http1.max_headers, http1.max_body_bytes,
                listener.idle_timeout, http1.header_timeout, http1.body_timeout,
                http1.max_requests_per_connection, _http2_server(settings.http2),
                _http2_connection() if "Http2" in codecs else None,
                _rpc_server(settings.rpc),
            ),
            codecs, self.rpc, fallback,
        )
        acceptor.proxy.configure(
            stats,
            ProxyOptions(
                settings.retry_buffer_bytes, http1.forwarded_headers, http1.via.encode(),
                http1.request_id, http1.server_name.encode(), settings.upstream_protocol,
                http1.forward_client_cert,
            ),
            plan.routes.get(settings.router), self.clusters, service.filters,
            service.access_logs,
        )

    def _codec(self, protocol: str) -> ServerCodec:
        """Return what serves the downstream connections that speak ``protocol``."""
        if protocol == "Http1":
            return Http1Codec()
        if protocol == "Http2":
            return MadeCodec(_http2_connection())
        from pymosn.stream.xprotocol_server import XprotocolServerConnection

        return MadeCodec(partial(XprotocolServerConnection, protocol=self.rpc[protocol]))

    def _tcp_acceptor(self, listener: model.Listener) -> "TcpAcceptor":
        from pymosn.proxy.tcp import TcpAcceptor

        return TcpAcceptor(self.reactor, self.ids, listener)

    def _configure_tcp(
        self, service: Service, acceptor: "TcpAcceptor", listener: model.Listener
    ) -> None:
        for settings in listener.filters:
            if isinstance(settings, model.TcpProxy):
                acceptor.configure(settings, self.clusters, service.access_logs)

    def _retire(self, name: str) -> None:
        service = self.services.pop(name)
        service.stop_accepting()
        service.acceptor.drain()
        self.retired.append(service)


def _identity(context: model.TlsContext) -> bytes:
    return msgspec.msgpack.encode(context)


def _same_cluster(old: model.Cluster, new: model.Cluster) -> bool:
    return (
        old.balancer == new.balancer
        and old.stats_slot == new.stats_slot
        and old.tls == new.tls
    )


def _same_transport(old: model.Cluster, new: model.Cluster) -> bool:
    return (
        old.connect_timeout == new.connect_timeout
        and old.idle_timeout == new.idle_timeout
        and old.max_requests_per_connection == new.max_requests_per_connection
        and old.mark == new.mark
        and old.rpc == new.rpc
        and old.tls == new.tls
    )


def _protocols(snapshot: model.Snapshot) -> set[str]:
    """Return every protocol that a snapshot names."""
    names: set[str] = set()
    for listener in snapshot.listeners:
        for settings in listener.filters:
            if isinstance(settings, model.HttpProxy):
                names.update(settings.protocols)
                names.add(settings.upstream_protocol)
    for router in snapshot.routers.values():
        for host in router.virtual_hosts:
            for route in host.routes:
                if isinstance(route.action, model.Forward):
                    names.add(route.action.upstream_protocol)
    return names - {""}


def _http2_connection() -> Callable[..., Any]:
    """Return what makes HTTP/2's downstream connections; loaded where it is asked for."""
    from pymosn.stream.http2_server import Http2ServerConnection

    return Http2ServerConnection


def _rpc_server(options: model.RpcOptions) -> RpcOptions:
    return RpcOptions(
        FrameLimits(options.max_frame_bytes, options.max_header_bytes, options.max_headers),
        options.max_in_flight, options.goaway,
    )


def _rpc_client(options: model.RpcHostOptions) -> RpcClientOptions:
    return RpcClientOptions(
        FrameLimits(options.max_frame_bytes, options.max_header_bytes, options.max_headers),
        options.heartbeat_interval, options.heartbeat_timeout, options.idle_timeout,
    )


def _http2_server(options: model.Http2Options) -> Http2Options:
    return Http2Options(
        True, options.max_concurrent_streams, options.stream_window_bytes,
        options.connection_window_bytes, options.max_frame_bytes,
        max_header_bytes=options.max_header_bytes, max_fields=options.max_headers,
        enable_connect_protocol=options.connect_protocol,
    )
