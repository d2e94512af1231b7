"""Clusters of the model to clusters of the snapshot, with what they mean checked."""

from collections.abc import Mapping, Sequence
from typing import Final

from pymosn import snapshot
from pymosn.config import model
from pymosn.config.address import is_ip, parse_endpoint, parse_host_port
from pymosn.config.source import Source
from pymosn.config.support import DEFAULT_BALANCER, Capabilities
from pymosn.config.tls import TlsCompiler, client_context
from pymosn.observe.metrics import UPSTREAM_CLUSTER, UPSTREAM_HOST, SlotTable

MIN_WEIGHT: Final = 1
MAX_WEIGHT: Final = 128
DEFAULT_IDLE_TIMEOUT: Final = 60.0
"""Seconds an unused connection of HTTP is kept."""

Resolved = Mapping[str, Sequence[str]]


class ClusterCompiler:
    """Compiles the clusters of one model."""

    def __init__(
        self,
        source: Source,
        slots: SlotTable,
        capabilities: Capabilities,
        resolve: Resolved | None,
        workers: int,
        tls: TlsCompiler,
    ) -> None:
        """``resolve`` maps ``name:port`` to addresses; ``None`` leaves names as they are."""
        self.source = source
        self.slots = slots
        self.can = capabilities
        self.resolve = resolve
        self.workers = workers
        self.tls = tls

    def compile(self, manager: model.ClusterManager) -> dict[str, snapshot.Cluster]:
        """Return the clusters by name."""
        clusters: dict[str, snapshot.Cluster] = {}
        for index, cluster in enumerate(manager.clusters):
            path = f"$.cluster_manager.clusters[{index}]"
            if not cluster.name:
                raise self.source.error(f"{path}.name", "is required")
            if cluster.name in clusters:
                message = "another cluster has this name"
                raise self.source.error(f"{path}.name", message, found=cluster.name)
            clusters[cluster.name] = self._cluster(cluster, manager, path)
        return clusters

    def _cluster(
        self, cluster: model.Cluster, manager: model.ClusterManager, path: str
    ) -> snapshot.Cluster:
        connect_timeout = cluster.connect_timeout.seconds
        if connect_timeout <= 0:
            connect_timeout = 10.0
        idle = cluster.idle_timeout
        needs_tls = self.can.cluster_needs_tls(cluster, manager)
        context, key = client_context(cluster, manager)
        return snapshot.Cluster(
            name=cluster.name,
            hosts=self._hosts(cluster, needs_tls, path),
            balancer=self._balancer(cluster),
            limits=self._limits(cluster),
            connect_timeout=connect_timeout,
            idle_timeout=DEFAULT_IDLE_TIMEOUT if idle is None else max(0.0, idle.seconds),
            max_requests_per_connection=cluster.max_request_per_conn,
            mark=cluster.mark,
            rpc=_rpc(cluster),
            tls=self.tls.client(context, cluster.name, f"{path}.{key}") if self.can.tls else None,
            stats_slot=self.slots.slot(UPSTREAM_CLUSTER, cluster=cluster.name),
        )

    def _hosts(self, cluster: model.Cluster, needs_tls: bool, path: str) -> list[snapshot.Host]:
        hosts: dict[str, snapshot.Host] = {}
        for index, host in enumerate(cluster.hosts):
            where = f"{path}.hosts[{index}].address"
            written = self._endpoint(host, cluster.type, where)
            if needs_tls and not host.tls_disable:
                continue
            for address in self._addresses(written, where):
                if address not in hosts:
                    hosts[address] = self._host(host, written, address, cluster.name)
        return list(hosts.values())

    def _endpoint(self, host: model.Host, cluster_type: str, where: str) -> str:
        default_port = 80 if cluster_type == "STRICT_DNS" else None
        try:
            return parse_endpoint(host.address, default_port=default_port)
        except ValueError as error:
            raise self.source.error(
                where,
                str(error),
                found=host.address,
                expected='an address such as "10.0.0.1:8080" or "unix:/run/app.sock"',
            ) from error

    def _addresses(self, written: str, where: str) -> Sequence[str]:
        if self.resolve is None or not is_name(written):
            return [written]
        try:
            return [parse_endpoint(address) for address in self.resolve.get(written, ())]
        except ValueError as error:
            raise self.source.error(where, f"was resolved to something odd: {error}") from error

    def _host(self, host: model.Host, written: str, address: str, cluster: str) -> snapshot.Host:
        hostname = host.hostname
        if not hostname and is_name(written):
            hostname = written.rpartition(":")[0]
        return snapshot.Host(
            address=address,
            hostname=hostname,
            weight=min(max(host.weight, MIN_WEIGHT), MAX_WEIGHT),
            metadata=host.metadata.labels if host.metadata else {},
            tls_disable=host.tls_disable,
            stats_slot=self.slots.slot(UPSTREAM_HOST, cluster=cluster, host=address),
        )

    def _balancer(self, cluster: model.Cluster) -> snapshot.Balancer:
        kind = cluster.lb_type
        if kind not in self.can.balancers:
            kind = DEFAULT_BALANCER
        options = cluster.lbconfig or model.LbConfig()
        return snapshot.Balancer(
            kind=kind,
            choice_count=options.choice_count or 2,
            active_request_bias=options.active_request_bias,
            config={
                "client_error_bias": options.client_error_bias,
                "server_error_bias": options.server_error_bias,
            }
            if kind == "LB_PEAK_EWMA"
            else {},
        )

    def _limits(self, cluster: model.Cluster) -> snapshot.Limits:
        breaker = (
            cluster.circuit_breakers[0] if cluster.circuit_breakers else model.CircuitBreaker()
        )
        return snapshot.Limits(
            connections=worker_share(breaker.max_connections, self.workers),
            pending=worker_share(breaker.max_pending_requests, self.workers),
            requests=worker_share(breaker.max_requests, self.workers),
            retries=worker_share(breaker.max_retries, self.workers),
        )


def _rpc(cluster: model.Cluster) -> snapshot.RpcHostOptions:
    limits = cluster.rpc or model.RpcHostConfig()
    keepalive = cluster.keepalive or model.Keepalive()
    idle = cluster.idle_timeout
    return snapshot.RpcHostOptions(
        max_frame_bytes=int(limits.max_frame_size) or 16 << 20,
        max_header_bytes=int(limits.max_header_size) or 65536,
        max_headers=limits.max_headers or 1000,
        heartbeat_interval=max(0.0, keepalive.interval.seconds),
        heartbeat_timeout=keepalive.timeout.seconds if keepalive.timeout > 0 else 1.0,
        idle_timeout=0.0 if idle is None else max(0.0, idle.seconds),
    )


def is_name(address: str) -> bool:
    """Whether ``address`` is ``name:port`` and has to be resolved."""
    return not address.startswith(("unix:", "[")) and not is_ip(address.rpartition(":")[0])


def worker_share(limit: int, workers: int) -> int:
    """Return one worker's share of a limit of the whole process, rounded up; 0 stays unlimited."""
    return -(-limit // workers)


def names_to_resolve(config: model.MosnConfig) -> list[str]:
    """Return each ``name:port`` of the model's hosts and listeners, for ``compile_snapshot``."""
    names: dict[str, None] = {}
    for cluster in config.cluster_manager.clusters:
        default_port = 80 if cluster.type == "STRICT_DNS" else None
        for host in cluster.hosts:
            if not host.address.startswith("unix:"):
                _note_name(names, host.address, default_port)
    for server in config.servers:
        for listener in server.listeners:
            if listener.network.lower() != "unix":
                _note_name(names, listener.address, None)
    return list(names)


def _note_name(names: dict[str, None], address: str, default_port: int | None) -> None:
    try:
        parsed = parse_host_port(address, default_port=default_port)
    except ValueError:
        return  # the compiler reports it
    if parsed.host and parsed.is_name:
        names[str(parsed)] = None
