"""Route tables of the model to those of the snapshot, with what they mean checked."""

import re
from collections.abc import Collection
from typing import Final

from pymosn import snapshot
from pymosn.config import model
from pymosn.config.domains import DomainTable
from pymosn.config.regex import to_python
from pymosn.config.source import Source
from pymosn.config.support import upstream_protocol

DEFAULT_TIMEOUT: Final = 60.0
DEFAULT_RETRIES: Final = 1
"""Retries when ``num_retries`` is absent."""

RETRY_CONDITIONS: Final = (
    "5xx",
    "gateway-error",
    "connect-failure",
    "reset",
    "retriable-4xx",
    "retriable-status-codes",
    "timeout",
    "non-idempotent",
)
_REDIRECT_CODES: Final = (301, 302, 303, 307, 308)
_SCHEME: Final = re.compile(r"[a-z][a-z0-9.+-]*")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

_HeaderCarrier = model.RouteAction | model.VirtualHost | model.RouterConfig


class RouteCompiler:
    """Compiles the route tables of one model."""

    def __init__(
        self,
        source: Source,
        clusters: Collection[str],
        protocols: Collection[str],
        *,
        open_ended: bool,
    ) -> None:
        """``protocols`` can be spoken with upstreams.  ``open_ended``: clusters may still come by
        xDS, so unknown names are allowed."""
        self.protocols = protocols
        self.source = source
        self.clusters = clusters
        self.open_ended = open_ended

    def router(self, router: model.RouterConfig, path: str) -> snapshot.Router:
        """Return the table written at ``path``."""
        domains = DomainTable()
        hosts: list[snapshot.VirtualHost] = []
        for index, host in enumerate(router.virtual_hosts):
            where = f"{path}.virtual_hosts[{index}]"
            self._check_domains(host, domains, where)
            hosts.append(self._virtual_host(host, where))
        return snapshot.Router(
            name=router.router_config_name, virtual_hosts=hosts, edits=self._edits(router, path)
        )

    def check_cluster(self, name: str, path: str) -> None:
        """Raise ``ConfigError`` if no cluster has this name."""
        if not self.open_ended and name not in self.clusters:
            raise self.source.error(
                path, "no cluster has this name", found=name, expected=_known(self.clusters)
            )

    def _check_domains(self, host: model.VirtualHost, domains: DomainTable, path: str) -> None:
        for index, domain in enumerate(host.domains):
            where = f"{path}.domains[{index}]"
            try:
                domains.add(domain, where)
            except ValueError as error:
                raise self.source.error(where, str(error), found=domain) from error

    def _virtual_host(self, host: model.VirtualHost, path: str) -> snapshot.VirtualHost:
        routes: list[snapshot.Route] = []
        for index, route in enumerate(host.routers):
            if not only_dsl(route.match):
                routes.append(self._route(route, f"{path}.routers[{index}]"))
        return snapshot.VirtualHost(
            name=host.name,
            domains=[domain.lower() for domain in host.domains],
            routes=routes,
            edits=self._edits(host, path),
            per_filter_config=host.per_filter_config,
        )

    def _route(self, route: model.Route, path: str) -> snapshot.Route:
        edits = snapshot.HeaderEdits()
        if route.route is not None:
            edits = self._edits(route.route, f"{path}.route")
        return snapshot.Route(
            action=self._action(route, path),
            match=self._match(route.match, f"{path}.match"),
            name=route.name,
            edits=edits,
            metadata=route.metadata.labels if route.metadata else {},
            per_filter_config=route.per_filter_config,
        )

    def _action(
        self, route: model.Route, path: str
    ) -> snapshot.Forward | snapshot.Redirect | snapshot.DirectResponse:
        if route.direct_response is not None:
            return self._direct(route.direct_response, f"{path}.direct_response")
        if route.redirect is not None:
            return self._redirect(route.redirect, f"{path}.redirect")
        if route.route is None:
            expected = "one of route, redirect, direct_response"
            raise self.source.error(path, "the route does nothing", expected=expected)
        return self._forward(route.route, route.request_mirror_policies, path)

    def _direct(self, direct: model.DirectResponse, path: str) -> snapshot.DirectResponse:
        if not 200 <= direct.status <= 599:
            raise self.source.error(
                f"{path}.status",
                "is not the status of a response",
                found=direct.status,
                expected="200 to 599",
            )
        return snapshot.DirectResponse(status=direct.status, body=direct.body)

    def _redirect(self, redirect: model.Redirect, path: str) -> snapshot.Redirect:
        code = redirect.response_code or 301
        if code not in _REDIRECT_CODES:
            raise self.source.error(
                f"{path}.response_code",
                "is not the status of a redirect",
                found=code,
                expected="301, 302, 303, 307 or 308",
            )
        scheme = redirect.scheme_redirect.lower()
        if scheme and _SCHEME.fullmatch(scheme) is None:
            raise self.source.error(
                f"{path}.scheme_redirect", "is not a URL scheme", found=redirect.scheme_redirect
            )
        return snapshot.Redirect(
            status=code, scheme=scheme, host=redirect.host_redirect, path=redirect.path_redirect
        )

    def _forward(
        self, action: model.RouteAction, mirror: model.MirrorPolicy | None, path: str
    ) -> snapshot.Forward:
        where = f"{path}.route"
        clusters, variable = self._destination(action, where)
        if mirror is not None and mirror.cluster:
            self.check_cluster(mirror.cluster, f"{path}.request_mirror_policies.cluster")
        timeout = action.timeout.seconds or DEFAULT_TIMEOUT
        regex, substitution = self._rewrite(action, where)
        return snapshot.Forward(
            clusters=clusters,
            cluster_variable=variable,
            upstream_protocol=upstream_protocol(
                self.source, action.upstream_protocol, f"{where}.upstream_protocol", self.protocols
            ),
            timeout=max(0.0, timeout),
            idle_timeout=max(0.0, action.idle_timeout.seconds),
            upgrade_idle_timeout=max(0.0, action.upgrade_idle_timeout.seconds),
            retry=self._retry(action.retry_policy, timeout, f"{where}.retry_policy"),
            hash_policy=_hash_policy(action),
            metadata=action.metadata_match.labels if action.metadata_match else {},
            prefix_rewrite=action.prefix_rewrite,
            regex_rewrite=regex,
            regex_substitution=substitution,
            host_rewrite=action.host_rewrite,
            auto_host_rewrite=action.auto_host_rewrite,
            auto_host_rewrite_header=action.auto_host_rewrite_header.lower(),
            mirror_cluster=mirror.cluster if mirror else "",
            mirror_percent=mirror.percent if mirror else 0,
        )

    def _destination(
        self, action: model.RouteAction, path: str
    ) -> tuple[list[snapshot.WeightedCluster], str]:
        """Return the clusters, or the variable that names one."""
        if action.cluster_name:
            self.check_cluster(action.cluster_name, f"{path}.cluster_name")
            return [snapshot.WeightedCluster(action.cluster_name)], ""
        if action.weighted_clusters:
            return self._weighted(action.weighted_clusters, f"{path}.weighted_clusters"), ""
        if action.cluster_variable:
            return [], action.cluster_variable
        if action.cluster_header:
            return [], f"request_header_{action.cluster_header.lower()}"
        expected = "one of cluster_name, weighted_clusters, cluster_variable, cluster_header"
        raise self.source.error(path, "the route names no cluster", expected=expected)

    def _weighted(
        self, entries: list[model.WeightedCluster], path: str
    ) -> list[snapshot.WeightedCluster]:
        merged: dict[str, snapshot.WeightedCluster] = {}
        for index, entry in enumerate(entries):
            cluster = entry.cluster
            self.check_cluster(cluster.name, f"{path}[{index}].cluster.name")
            earlier = merged.get(cluster.name)
            merged[cluster.name] = snapshot.WeightedCluster(
                name=cluster.name,
                weight=cluster.weight + (earlier.weight if earlier else 0),
                metadata=cluster.metadata_match.labels if cluster.metadata_match else {},
            )
        if not any(cluster.weight for cluster in merged.values()):
            raise self.source.error(path, "all weights are 0")
        return list(merged.values())

    def _rewrite(self, action: model.RouteAction, path: str) -> tuple[str, str]:
        rewrite = action.regex_rewrite
        if rewrite is None or not rewrite.pattern.regex or action.prefix_rewrite:
            return "", ""
        where = f"{path}.regex_rewrite.pattern.regex"
        return self._regex(rewrite.pattern.regex, where), rewrite.substitution

    def _retry(
        self, policy: model.RetryPolicy | None, timeout: float, path: str
    ) -> snapshot.RetryPolicy:
        if policy is None:
            return snapshot.RetryPolicy(attempts=DEFAULT_RETRIES)
        conditions = retry_conditions(policy)
        for condition in conditions:
            if condition not in RETRY_CONDITIONS:
                raise self.source.error(
                    f"{path}.retry_on",
                    "is not a retry condition",
                    found=condition,
                    expected=f"true, false or some of {', '.join(RETRY_CONDITIONS)}",
                )
        for index, status in enumerate(policy.status_codes):
            if not 100 <= status <= 599:
                where = f"{path}.status_codes[{index}]"
                raise self.source.error(where, "is not a status", found=status)
        per_try = (policy.per_try_timeout or policy.retry_timeout).seconds
        if per_try < 0 or (0 < timeout <= per_try):
            per_try = 0.0
        attempts = DEFAULT_RETRIES if policy.num_retries is None else policy.num_retries
        return snapshot.RetryPolicy(
            enabled=bool(policy.retry_on) or bool(conditions),
            attempts=attempts,
            per_try_timeout=per_try,
            status_codes=list(policy.status_codes),
            conditions=conditions,
            backoff_base=max(0.0, policy.backoff_base.seconds),
            backoff_max=max(0.0, policy.backoff_max.seconds),
        )

    def _match(self, match: model.Match, path: str) -> snapshot.RouteMatch:
        kind, value = "any", ""
        variables: list[snapshot.ValueMatch] = []
        if match.prefix:
            kind, value = "prefix", match.prefix
        elif match.path:
            kind, value = "path", match.path
        elif match.regex:
            kind, value = "regex", self._regex(match.regex, f"{path}.regex")
        elif match.variables:
            kind = "variables"
            variables = [
                self._variable(v, f"{path}.variables[{i}]") for i, v in enumerate(match.variables)
            ]
        headers = [
            self._value_match(h, f"{path}.headers[{i}]", fold=True)
            for i, h in enumerate(match.headers)
        ]
        if kind == "any" and len(headers) == 1:
            headers = [_any_service(headers[0])]
        query = [
            self._value_match(q, f"{path}.query_parameters[{i}]", fold=False)
            for i, q in enumerate(match.query_parameters)
        ]
        return snapshot.RouteMatch(
            kind=kind, value=value, headers=headers, query=query, variables=variables
        )

    def _value_match(
        self, match: model.HeaderMatch, path: str, *, fold: bool
    ) -> snapshot.ValueMatch:
        if not match.name:
            raise self.source.error(f"{path}.name", "is required")
        kinds = {
            "present": match.present,
            "prefix": bool(match.prefix),
            "suffix": bool(match.suffix),
            "value": bool(match.value),
        }
        given = [kind for kind, there in kinds.items() if there]
        if len(given) > 1:
            message = f"{' and '.join(given)} cannot stand together"
            raise self.source.error(path, message, expected="one of them")
        kind, value = "exact", match.value
        if match.present:
            kind = "present"
        elif match.prefix:
            kind, value = "prefix", match.prefix
        elif match.suffix:
            kind, value = "suffix", match.suffix
        elif match.regex:
            kind, value = "regex", self._regex(match.value, f"{path}.value")
        name = match.name.lower() if fold else match.name
        return snapshot.ValueMatch(name=name, kind=kind, value=value, invert=match.invert)

    def _variable(self, match: model.VariableMatch, path: str) -> snapshot.ValueMatch:
        if not match.name:
            raise self.source.error(f"{path}.name", "is required")
        model_name = match.model.lower() or "and"
        if model_name not in ("and", "or"):
            raise self.source.error(
                f"{path}.model", "is not known", found=match.model, expected='"and" or "or"'
            )
        kind, value = "exact", match.value
        if match.regex:
            kind, value = "regex", self._regex(match.regex, f"{path}.regex")
        return snapshot.ValueMatch(
            name=match.name, kind=kind, value=value, any_of=model_name == "or"
        )

    def _regex(self, pattern: str, path: str) -> str:
        try:
            return to_python(pattern)
        except ValueError as error:
            message = f"is not a regular expression: {error}"
            raise self.source.error(path, message, found=pattern) from error

    def _edits(self, carrier: _HeaderCarrier, path: str) -> snapshot.HeaderEdits:
        return snapshot.HeaderEdits(
            request_add=self._add(carrier.request_headers_to_add, f"{path}.request_headers_to_add"),
            request_remove=[name.lower() for name in carrier.request_headers_to_remove],
            response_add=self._add(
                carrier.response_headers_to_add, f"{path}.response_headers_to_add"
            ),
            response_remove=[name.lower() for name in carrier.response_headers_to_remove],
        )

    def _add(self, options: list[model.HeaderOption], path: str) -> list[snapshot.HeaderValue]:
        values: list[snapshot.HeaderValue] = []
        for index, option in enumerate(options):
            where = f"{path}[{index}].header"
            header = option.header
            if _TOKEN.fullmatch(header.key) is None:
                message = "is not a header name"
                raise self.source.error(f"{where}.key", message, found=header.key)
            if any(char in header.value for char in "\r\n\0"):
                message = "contains a line break or NUL"
                raise self.source.error(f"{where}.value", message, found=header.value)
            values.append(snapshot.HeaderValue(header.key.lower(), header.value, option.append))
        return values


def only_dsl(match: model.Match) -> bool:
    """Whether only CEL decides: such a route cannot match yet."""
    decided = match.prefix or match.path or match.regex or match.variables
    return bool(match.dsl_expressions) and not decided


def retry_conditions(policy: model.RetryPolicy) -> list[str]:
    """Return the conditions of ``retry_on`` and ``conditions`` together."""
    given: list[str] = []
    if isinstance(policy.retry_on, str):
        given = policy.retry_on.split(",")
    elif isinstance(policy.retry_on, list):
        given = policy.retry_on
    names = [name.strip() for name in [*given, *policy.conditions]]
    return list(dict.fromkeys(name for name in names if name))


def _hash_policy(action: model.RouteAction) -> snapshot.HashPolicy:
    first = action.hash_policy[0] if action.hash_policy else model.HashPolicy()
    if first.header is not None:
        return snapshot.HashPolicy("header", first.header.key.lower())
    if first.cookie is not None:
        return snapshot.HashPolicy("cookie", first.cookie.name)
    return snapshot.HashPolicy()


def _any_service(match: snapshot.ValueMatch) -> snapshot.ValueMatch:
    """MOSN's RPC rule: the header ``service`` with ``.*`` means any service but the empty one."""
    if match.name == "service" and match.value == ".*" and not match.invert:
        return snapshot.ValueMatch(name="service", kind="any")
    return match


def _known(names: Collection[str]) -> str:
    listed = sorted(names)
    if not listed:
        return "a cluster, but there are none"
    shown = ", ".join(listed[:5])
    return f"one of {shown}" + (", ..." if len(listed) > 5 else "")
