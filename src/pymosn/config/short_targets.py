"""The short form's clusters, and the addresses that stand where a cluster's name could."""

from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from pymosn.config import model
from pymosn.config.address import parse_endpoint, parse_host_port, parse_unix
from pymosn.config.clusters import is_name
from pymosn.config.short_model import ShortCluster, ShortHealthCheck, ShortHost, ShortTls
from pymosn.config.source import Origin, Source
from pymosn.config.support import BALANCERS

_BALANCERS: Final = MappingProxyType(
    {
        "round_robin": "LB_ROUNDROBIN",
        "random": "LB_RANDOM",
        "weighted_round_robin": "LB_WEIGHTED_ROUNDROBIN",
        "least_request": "LB_LEAST_REQUEST",
        "least_connection": "LB_LEAST_CONNECTION",
        "hash": "LB_MAGLEV",
        "peak_ewma": "LB_PEAK_EWMA",
    }
)


class TargetTable:
    """The clusters of one file: those defined, and those that addresses stand for."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.clusters: dict[str, model.Cluster] = {}

    def define(self, name: str, written: str | list[str | ShortHost] | ShortCluster) -> None:
        """Add a cluster of the key ``clusters``."""
        path = f"$.clusters.{name}"
        if not name:
            raise self.source.error("$.clusters", "a cluster has an empty name")
        hosts_path = path
        if isinstance(written, ShortCluster):
            short, hosts_path = written, f"{path}.hosts"
        else:
            short = ShortCluster(hosts=[written] if isinstance(written, str) else list(written))
        if not short.hosts:
            raise self.source.error(path, "has no hosts", expected="at least one address")
        hosts = [
            self._host(host, hosts_path if isinstance(written, str) else f"{hosts_path}[{i}]")
            for i, host in enumerate(short.hosts)
        ]
        secure = [_is_https(h.address if isinstance(h, ShortHost) else h) for h in short.hosts]
        self._add(_secured(self._cluster(name, short, hosts, path), secure), path)

    def find(self, target: str, path: str) -> str:
        """Return the cluster that ``target`` names, or one made for the address it is."""
        if target in self.clusters:
            return target
        if not looks_like_address(target):
            import difflib  # only a mistake needs it

            near = difflib.get_close_matches(target, list(self.clusters), n=1)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            raise self.source.error(
                path,
                f"no cluster has this name{hint}",
                found=target,
                expected="a cluster's name, or an address such as host:8080",
            )
        return self.made([target], [path])

    def made(self, targets: list[str], paths: list[str]) -> str:
        """Return the cluster made of addresses."""
        hosts = [self._host(target, path) for target, path in zip(targets, paths, strict=True)]
        secure = [_is_https(target) for target in targets]
        name = ",".join(
            f"https://{host.address}" if https else host.address
            for host, https in zip(hosts, secure, strict=True)
        )
        if name not in self.clusters:
            cluster = self._cluster(name, ShortCluster(), hosts, paths[0])
            self._add(_secured(cluster, secure), paths[0])
        return name

    def _add(self, cluster: model.Cluster, path: str) -> None:
        place = f"$.cluster_manager.clusters[{len(self.clusters)}]"
        self.source.origins[place] = Origin(self.source.file, path, exact=False)
        self.clusters[cluster.name] = cluster

    def _host(self, host: str | ShortHost, path: str) -> model.Host:
        short = host if isinstance(host, ShortHost) else ShortHost(address=host)
        where = f"{path}.address" if isinstance(host, ShortHost) else path
        try:
            address = parse_target(short.address)
        except ValueError as error:
            raise self.source.error(
                where,
                str(error),
                found=short.address,
                expected='an address such as "127.0.0.1:8080", "http://host:8080" or "unix:/path"',
            ) from error
        metadata = None
        if short.labels:
            labels: dict[str, object] = dict(short.labels)
            metadata = model.Metadata(filter_metadata=model.LbMetadata(values=labels))
        return model.Host(
            address=address, hostname=short.hostname, weight=short.weight, metadata=metadata
        )

    def _cluster(
        self, name: str, short: ShortCluster, hosts: list[model.Host], path: str
    ) -> model.Cluster:
        limits = short.limits
        return model.Cluster(
            name=name,
            type="STRICT_DNS" if any(_asks_dns(host.address) for host in hosts) else "SIMPLE",
            lb_type=self._balancer(short.balance, hosts, f"{path}.balance"),
            hosts=hosts,
            connect_timeout=short.connect_timeout,
            idle_timeout=short.idle_timeout,
            max_request_per_conn=short.max_requests_per_connection,
            circuit_breakers=[
                model.CircuitBreaker(
                    max_connections=limits.connections,
                    max_pending_requests=limits.pending,
                    max_requests=limits.requests,
                    max_retries=limits.retries,
                )
            ]
            if limits
            else [],
            health_check=_health_check(name, short.health_check),
            tls_context=tls_context(short.tls) if short.tls is not False else None,
            slow_start=model.SlowStart(mode="duration", slow_start_duration=short.slow_start)
            if short.slow_start > 0
            else None,
        )

    def _balancer(self, balance: str, hosts: list[model.Host], path: str) -> str:
        if not balance:
            weighted = len({host.weight for host in hosts}) > 1
            return "LB_WEIGHTED_ROUNDROBIN" if weighted else "LB_ROUNDROBIN"
        name = _BALANCERS.get(balance.lower(), balance)
        if name not in BALANCERS:
            known = ", ".join(_BALANCERS)
            raise self.source.error(path, "is not a balancer", found=balance, expected=known)
        return name


def looks_like_address(target: str) -> bool:
    """Whether a target is an address and not the name of a cluster."""
    return ":" in target


def parse_target(text: str) -> str:
    """Return the address that a target stands for; raise ``ValueError`` with the reason.

    A target is ``host:port``, ``http://host[:port]``, ``https://host[:port]`` or ``unix:/path``.
    """
    if text.startswith("unix:"):
        return parse_unix(text)
    if "://" not in text:
        return parse_endpoint(text)
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https", "tcp"):
        raise ValueError(f"{parts.scheme}:// is not supported")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("an address has no path; use rewrite to change the request's")
    if "@" in parts.netloc:
        raise ValueError("an address has no user name")
    if not parts.netloc:
        raise ValueError("has no host")
    default_port = {"http": 80, "https": 443}.get(parts.scheme)
    if not parse_host_port(parts.netloc, default_port=default_port).host:
        raise ValueError("has no host")
    return parse_endpoint(parts.netloc, default_port=default_port)


def tls_context(tls: bool | ShortTls) -> model.TlsContext:
    """Return the TLS context of a cluster, or what a listener's has in common with it."""
    if isinstance(tls, bool):
        return model.TlsContext(status=tls)
    version = tls.min_version
    return model.TlsContext(
        status=True,
        type="sni_verify" if tls.peer_names else "",
        server_name=tls.server_name,
        ca_cert=tls.ca,
        cert_chain=tls.cert,
        private_key=tls.key,
        ocsp_staple=tls.ocsp,
        insecure_skip=tls.insecure,
        alpn=",".join(tls.alpn),
        cipher_suites=":".join(tls.ciphers),
        min_version=f"tlsv{version.replace('.', '_')}" if version else "",
        extend_verify={"match_subject_alt_names": tls.peer_names} if tls.peer_names else {},
    )


def _is_https(target: str) -> bool:
    return target.startswith("https://")


def _secured(cluster: model.Cluster, secure: list[bool]) -> model.Cluster:
    """Return the cluster with TLS towards the hosts that were written with ``https``.

    With a ``tls`` of its own, the cluster speaks it with all of them.
    """
    if cluster.tls_context is None and any(secure):
        cluster.tls_context = model.TlsContext(status=True)
        for host, https in zip(cluster.hosts, secure, strict=True):
            host.tls_disable = not https
    return cluster


def _asks_dns(address: str) -> bool:
    return is_name(address) and not address.startswith("localhost:")


def _health_check(name: str, check: ShortHealthCheck | None) -> model.HealthCheck | None:
    if check is None:
        return None
    config: dict[str, object] = {}
    if check.path:
        http: dict[str, object] = {"path": check.path}
        if check.port:
            http["port"] = check.port
        if check.host:
            http["domain"] = check.host
        config["http_check_config"] = http
    return model.HealthCheck(
        protocol="Http1" if check.path else "",
        interval=check.interval,
        timeout=check.timeout,
        healthy_threshold=check.healthy,
        unhealthy_threshold=check.unhealthy,
        service_name=name,
        check_config=config,
    )
