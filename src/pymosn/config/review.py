"""Warnings: what can be used and is probably not what its author meant."""

from typing import Final

from pymosn.config import model
from pymosn.config.address import parse_endpoint
from pymosn.config.settings import LEVELS
from pymosn.config.source import Finding, Source
from pymosn.config.tls import weak_ciphers

_MATCH_KINDS: Final = ("prefix", "path", "regex", "variables", "dsl_expressions")


def review(config: model.MosnConfig, source: Source) -> list[Finding]:
    """Return the warnings for a model."""
    review_of = _Review(source)
    for s, server in enumerate(config.servers):
        review_of.server(server, f"$.servers[{s}]")
    for i, cluster in enumerate(config.cluster_manager.clusters):
        review_of.cluster(cluster, f"$.cluster_manager.clusters[{i}]")
    review_of.tls(config.cluster_manager.tls_context, "$.cluster_manager.tls_context")
    review_of.unreached()
    return review_of.findings


class _Review:
    """Collects warnings, part by part."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.findings: list[Finding] = []
        self._reached: dict[tuple[str, str], bool] = {}
        """For each route as written, by file and path: whether any of its places is reached."""

    def server(self, server: model.Server, path: str) -> None:
        if server.default_log_level not in LEVELS:
            levels = ", ".join(LEVELS)
            self._warn(f"{path}.default_log_level", f"is none of {levels}; INFO is used")
        redirected = any(listener.use_original_dst for listener in server.listeners)
        for i, listener in enumerate(server.listeners):
            self._listener(listener, f"{path}.listeners[{i}]")
            if not listener.bind_port and not redirected:
                message = "is false, so nothing can connect to this listener; true was meant?"
                self._warn(f"{path}.listeners[{i}].bind_port", message)
        for r, router in enumerate(server.routers):
            where = f"{path}.routers[{r}]"
            if not router.router_config_name:
                self._warn(where, "has no router_config_name and is skipped")
            for v, host in enumerate(router.virtual_hosts):
                self._reach(host, f"{where}.virtual_hosts[{v}]")
                self._virtual_host(host, f"{where}.virtual_hosts[{v}]")

    def cluster(self, cluster: model.Cluster, path: str) -> None:
        seen: set[str] = set()
        for i, host in enumerate(cluster.hosts):
            if host.weight > 128:
                self._warn(f"{path}.hosts[{i}].weight", "is more than 128; 128 is used")
            try:
                address = parse_endpoint(host.address, default_port=80)
            except ValueError:
                continue  # the compiler reports it
            if address in seen:
                self._warn(f"{path}.hosts[{i}]", "repeats the address of an earlier host; skipped")
            seen.add(address)
        self.tls(cluster.tls_context, f"{path}.tls_context")
        if len(cluster.circuit_breakers) > 1:
            self._warn(f"{path}.circuit_breakers", "only the first entry counts")

    def tls(self, context: model.TlsContext | None, path: str) -> None:
        """Warn of what makes TLS weaker than it is by default."""
        if context is None or not context.status:
            return
        weak = weak_ciphers(context.cipher_suites)
        if weak:
            self._warn(f"{path}.cipher_suites", f"has weak suites: {', '.join(weak)}")
        if context.min_version.lower() in ("tlsv1_0", "tlsv1_1"):
            self._warn(f"{path}.min_version", "allows versions of TLS that are broken")
        if context.insecure_skip:
            self._warn(f"{path}.insecure_skip", "lets anybody pose as the server")
        if context.fall_back:
            self._warn(f"{path}.fall_back", "lets anybody in between switch TLS off")

    def unreached(self) -> None:
        """Warn of the routes that no request gets to."""
        for (file, path), reached in self._reached.items():
            if not reached:
                message = "is never reached: an earlier route takes every request"
                self.findings.append(Finding("warning", path, message, file))

    def _reach(self, host: model.VirtualHost, path: str) -> None:
        open_to_all = False
        for i, route in enumerate(host.routers):
            written = self.source.locate(f"{path}.routers[{i}]")
            self._reached[written] = self._reached.get(written, False) or not open_to_all
            open_to_all = open_to_all or _takes_all(route.match)

    def _listener(self, listener: model.Listener, path: str) -> None:
        for c, chain in enumerate(listener.filter_chains):
            where = f"{path}.filter_chains[{c}]"
            self.tls(chain.tls_context, f"{where}.tls_context")
            for i, context in enumerate(chain.tls_context_set):
                self.tls(context, f"{where}.tls_context_set[{i}]")
            for f, network_filter in enumerate(chain.filters):
                config = network_filter.config
                if isinstance(config, model.ProxyConfig) and not config.router_config_name:
                    where = f"{path}.filter_chains[{c}].filters[{f}].config.router_config_name"
                    self._warn(where, "is missing, so every request is answered with 404")

    def _virtual_host(self, host: model.VirtualHost, path: str) -> None:
        if not host.domains:
            self._warn(f"{path}.domains", "is empty, so this virtual host is never used")
        for i, route in enumerate(host.routers):
            where = f"{path}.routers[{i}]"
            given = [kind for kind in _MATCH_KINDS if getattr(route.match, kind)]
            for ignored in given[1:]:
                self._warn(f"{where}.match.{ignored}", f"is ignored because {given[0]} is given")
            actions = [
                kind
                for kind in ("direct_response", "redirect", "route")
                if getattr(route, kind) is not None
            ]
            for ignored in actions[1:]:
                if ignored != "route" or route.route != model.RouteAction():
                    self._warn(f"{where}.{ignored}", f"is ignored because {actions[0]} is given")

    def _warn(self, path: str, message: str) -> None:
        self.findings.append(self.source.finding("warning", path, message))


def _takes_all(match: model.Match) -> bool:
    """Whether a match holds for every HTTP request."""
    return match in (model.Match(), model.Match(prefix="/"))
