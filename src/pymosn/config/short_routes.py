"""The short form's routes to MOSN's virtual hosts.

The short form has one list of rules, and the first rule that matches acts, whatever host it is
for.  MOSN chooses the virtual host first.  So each domain that is mentioned becomes a virtual host
with every rule that can apply to it, in the order of the file.
"""

import re
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from pymosn.config import model
from pymosn.config.domains import split_domain
from pymosn.config.short_model import (
    ShortHeaders,
    ShortMirror,
    ShortRedirect,
    ShortResponse,
    ShortRetries,
    ShortRewrite,
    ShortRoute,
    ShortServing,
    Targets,
)
from pymosn.config.short_targets import TargetTable, looks_like_address
from pymosn.config.source import Origin, Source
from pymosn.config.values import Duration

_NO_LIMIT: Final = Duration(-1_000_000_000)
"""What MOSN writes for a timeout that never ends."""


_ORIGINS: Final = (
    ("match", "match"),
    ("match.headers", "headers"),
    ("match.query_parameters", "query"),
    ("direct_response", "respond"),
    ("redirect", "redirect"),
    ("request_mirror_policies", "mirror"),
    ("route.cluster_name", "to"),
    ("route.weighted_clusters", "to"),
    ("route.retry_policy", "retries"),
    ("route.regex_rewrite", "rewrite"),
    ("route.request_headers_to_add", "request_headers"),
    ("route.response_headers_to_add", "response_headers"),
)
"""Keys of MOSN's route and the key of ours that they were expanded from."""

_METHOD: Final = re.compile(r"[A-Z][A-Z-]*")


class _Rule(Struct):
    """A route, where it was written, and the domains it is for (none: all)."""

    route: model.Route
    path: str
    domains: list[str]


class RouteExpander:
    """Expands the rules of one file."""

    def __init__(self, source: Source, targets: TargetTable) -> None:
        self.source = source
        self.targets = targets

    def expand(self, serving: ShortServing, path: str, place: str) -> list[model.VirtualHost]:
        """Return the virtual hosts; ``path`` is the short form's, ``place`` the model's."""
        rules: list[_Rule] = []
        if serving.to is not None:
            everything = ShortRoute(to=serving.to)
            rules.append(self._rule(everything, serving, path, []))
        for index, route in enumerate(serving.routes):
            self._collect(route, serving, f"{path}.routes[{index}]", [], rules)
        return self._arrange(rules, path, place)

    def _arrange(self, rules: list[_Rule], path: str, place: str) -> list[model.VirtualHost]:
        hosts: list[model.VirtualHost] = []
        for domain in _domains_apart(rules):
            where = f"{place}.virtual_hosts[{len(hosts)}]"
            self.source.origins[where] = Origin(self.source.file, path, exact=False)
            host = model.VirtualHost(name=domain, domains=[domain])
            for rule in rules:
                if not rule.domains or any(_covers(wide, domain) for wide in rule.domains):
                    self._note_rule(f"{where}.routers[{len(host.routers)}]", rule)
                    host.routers.append(rule.route)
            hosts.append(host)
        return hosts

    def _note_rule(self, place: str, rule: _Rule) -> None:
        file, origins = self.source.file, self.source.origins
        origins[place] = Origin(file, rule.path, exact=False)
        for key, short_key in _ORIGINS:
            origins[f"{place}.{key}"] = Origin(file, f"{rule.path}.{short_key}", exact=False)

    def _collect(
        self,
        route: ShortRoute,
        serving: ShortServing,
        path: str,
        inherited: list[str],
        rules: list[_Rule],
    ) -> None:
        """Add the rules of a route, or of the routes inside it."""
        domains = self._domains(route.host, path) or inherited
        if not route.routes:
            rules.append(self._rule(route, serving, path, domains))
            return
        if route != ShortRoute(host=route.host, routes=route.routes, name=route.name):
            message = "a route with routes inside has host and nothing else"
            raise self.source.error(path, message)
        if inherited:
            raise self.source.error(f"{path}.routes", "routes inside routes go no deeper")
        for index, inner in enumerate(route.routes):
            self._collect(inner, serving, f"{path}.routes[{index}]", domains, rules)

    def _domains(self, host: str | list[str], path: str) -> list[str]:
        """Return MOSN's domains: without a port of its own, a domain is for any port."""
        domains: list[str] = []
        for written in texts(host):
            try:
                name, port = split_domain(written)
            except ValueError as error:
                raise self.source.error(f"{path}.host", str(error), found=written) from error
            if name == "*" and not port:
                domains.append("*")
                continue
            shown = f"[{name}]" if ":" in name else name
            domains.append(f"{shown}:{port or '*'}")
        return domains

    def _rule(
        self, route: ShortRoute, serving: ShortServing, path: str, domains: list[str]
    ) -> _Rule:
        given = [key for key in ("to", "redirect", "respond") if getattr(route, key) is not None]
        if len(given) != 1:
            message = f"{' and '.join(given)} cannot stand together" if given else "does nothing"
            raise self.source.error(path, message, expected="one of to, redirect, respond")
        expanded = model.Route(
            name=route.name, match=self._match(route, path), per_filter_config=route.filters
        )
        if route.to is not None:
            expanded.route = self._action(route, route.to, serving, path)
            if route.mirror is not None:
                expanded.request_mirror_policies = self._mirror(route.mirror, f"{path}.mirror")
        elif route.redirect is not None:
            expanded.redirect = self._redirect(route.redirect, f"{path}.redirect")
            expanded.route = _header_edits(route)
        else:
            expanded.direct_response = _response(route.respond)
            expanded.route = _header_edits(route)
        return _Rule(expanded, path, domains)

    def _match(self, route: ShortRoute, path: str) -> model.Match:
        match = model.Match()
        text = route.match.strip()
        if text.startswith("="):
            match.path = self._absolute(text[1:].strip(), f"{path}.match")
        elif text.startswith("~"):
            match.regex = text[1:].strip()
        elif text not in ("", "*"):
            match.prefix = self._absolute(text, f"{path}.match")
        methods = [method.upper() for method in texts(route.methods)]
        for method in methods:
            if _METHOD.fullmatch(method) is None:
                message = "is not an HTTP method"
                raise self.source.error(f"{path}.methods", message, found=method)
        if len(methods) == 1:
            match.headers.append(model.HeaderMatch(name="method", value=methods[0]))
        elif methods:
            pattern = f"^({'|'.join(methods)})$"
            match.headers.append(model.HeaderMatch(name="method", value=pattern, regex=True))
        match.headers += [condition(name, wanted) for name, wanted in route.headers.items()]
        match.query_parameters = [condition(name, wanted) for name, wanted in route.query.items()]
        return match

    def _absolute(self, text: str, path: str) -> str:
        if not text.startswith("/"):
            raise self.source.error(
                path,
                "is not a path",
                found=text,
                expected='"/prefix", "= /exact" or "~ regex"',
            )
        return text

    def _action(
        self, route: ShortRoute, to: Targets, serving: ShortServing, path: str
    ) -> model.RouteAction:
        action = _header_edits(route) or model.RouteAction()
        self._destination(action, to, f"{path}.to")
        timeout = route.timeout if route.timeout is not None else serving.timeout
        if timeout is not None:
            action.timeout = timeout if timeout > 0 else _NO_LIMIT
        action.idle_timeout = route.idle_timeout
        action.upgrade_idle_timeout = route.upgrade_idle_timeout
        retries = route.retries if route.retries is not None else serving.retries
        action.retry_policy = None if retries is None else _retry_policy(retries)
        action.host_rewrite = route.rewrite_host
        if isinstance(route.rewrite, ShortRewrite):
            pattern = model.RegexPattern(regex=route.rewrite.regex)
            action.regex_rewrite = model.RegexRewrite(
                pattern=pattern, substitution=route.rewrite.to
            )
        elif route.rewrite is not None:
            if not route.match.strip().startswith("/"):
                message = "replaces the matched prefix, but match is not a prefix"
                raise self.source.error(f"{path}.rewrite", message)
            action.prefix_rewrite = self._absolute(route.rewrite, f"{path}.rewrite")
        if route.hash:
            action.hash_policy = [self._hash(route.hash, f"{path}.hash")]
        return action

    def _destination(self, action: model.RouteAction, to: Targets, path: str) -> None:
        if isinstance(to, dict):
            for target, weight in to.items():
                name = self.targets.find(target, f"{path}.{target}")
                share = model.ClusterWeight(name=name, weight=weight)
                action.weighted_clusters.append(model.WeightedCluster(cluster=share))
            if not to:
                raise self.source.error(path, "names no cluster")
            return
        action.cluster_name = self.cluster(to, path)

    def cluster(self, to: str | list[str], path: str) -> str:
        """Return the cluster that one or several targets stand for."""
        if isinstance(to, str):
            return self.targets.find(to, path)
        if len(to) == 1:
            return self.targets.find(to[0], f"{path}[0]")
        if not to:
            raise self.source.error(path, "is empty", expected="a cluster or an address")
        for index, target in enumerate(to):
            if not looks_like_address(target):
                raise self.source.error(
                    f"{path}[{index}]",
                    "several targets must all be addresses",
                    found=target,
                    expected="an address, or clusters with weights: {name: weight, ...}",
                )
        return self.targets.made(to, [f"{path}[{i}]" for i in range(len(to))])

    def _mirror(self, mirror: str | ShortMirror, path: str) -> model.MirrorPolicy:
        if isinstance(mirror, str):
            return model.MirrorPolicy(cluster=self.cluster(mirror, path), percent=100)
        name = self.cluster(mirror.to, f"{path}.to")
        return model.MirrorPolicy(cluster=name, percent=mirror.percent)

    def _redirect(self, redirect: str | ShortRedirect, path: str) -> model.Redirect:
        short = redirect if isinstance(redirect, ShortRedirect) else ShortRedirect(to=redirect)
        try:
            parts = urlsplit(short.to)
        except ValueError as error:
            raise self.source.error(path, "is not a URL", found=short.to) from error
        absolute = bool(parts.scheme and parts.netloc)
        if not absolute and (parts.scheme or not short.to.startswith("/")):
            expected = 'a URL such as "https://example.com/new", or a path such as "/new"'
            raise self.source.error(path, "is not a URL", found=short.to, expected=expected)
        if parts.query or parts.fragment:
            message = "has a query; the request's own query is kept"
            raise self.source.error(path, message, found=short.to)
        return model.Redirect(
            response_code=short.status,
            scheme_redirect=parts.scheme,
            host_redirect=parts.netloc,
            path_redirect=parts.path,
        )

    def _hash(self, text: str, path: str) -> model.HashPolicy:
        kind, _, name = text.replace(":", " ").partition(" ")
        name = name.strip()
        if kind == "header" and name:
            return model.HashPolicy(header=model.HeaderHash(key=name))
        if kind == "cookie" and name:
            return model.HashPolicy(cookie=model.CookieHash(name=name))
        if text == "source_ip":
            return model.HashPolicy(source_ip={})
        expected = '"header NAME", "cookie NAME" or "source_ip"'
        raise self.source.error(path, "cannot be hashed", found=text, expected=expected)


def condition(name: str, wanted: str | bool) -> model.HeaderMatch:
    """Return the condition on a header or parameter that ``wanted`` stands for."""
    if isinstance(wanted, bool):
        return model.HeaderMatch(name=name, present=True, invert=not wanted)
    invert = wanted.startswith("!")
    text = wanted[1:].lstrip() if invert else wanted
    match = model.HeaderMatch(name=name, invert=invert)
    if text.startswith("~"):
        match.value, match.regex = text[1:].strip(), True
    elif text == "*":
        match.present = True
    elif text.endswith("*"):
        match.prefix = text[:-1]
    elif text.startswith("*"):
        match.suffix = text[1:]
    else:
        match.value = text[1:].lstrip() if text.startswith("=") else text
    return match


def texts(value: str | list[str]) -> list[str]:
    """Return a list for what may be written as one text or as a list; empty text is none."""
    if isinstance(value, str):
        return [value] if value else []
    return value


def _domains_apart(rules: list[_Rule]) -> list[str]:
    """Return the domains that need a virtual host of their own.

    Those that are written, and where one domain has the wider host and another the narrower port,
    what they have in common: MOSN would choose only one of the two.
    """
    written = dict.fromkeys(domain for rule in rules for domain in rule.domains)
    apart = dict.fromkeys(written)
    for domain in written:
        host, port = split_domain(domain)
        for other in written:
            other_host, other_port = split_domain(other)
            if port == "*" and other_port != "*" and _covers(f"{other_host}:*", f"{host}:*"):
                apart[f"{host}:{other_port}"] = None
    if any(not rule.domains for rule in rules):
        apart["*"] = None
    return list(apart)


def _covers(wide: str, domain: str) -> bool:
    """Whether every request for ``domain`` is one for ``wide`` too."""
    wide_host, wide_port = split_domain(wide)
    host, port = split_domain(domain)
    if wide_port not in ("*", port) and wide != "*":
        return False
    if wide_host == "*":
        return True
    if wide_host.startswith("*"):
        suffix = wide_host[1:]
        return host.endswith(suffix) and (len(host) > len(suffix) or host == wide_host)
    return host == wide_host


def _response(respond: ShortResponse | int | str | None) -> model.DirectResponse:
    if isinstance(respond, ShortResponse):
        return model.DirectResponse(status=respond.status, body=respond.body)
    if isinstance(respond, int):
        return model.DirectResponse(status=respond)
    return model.DirectResponse(body=respond or "")


def _retry_policy(retries: int | ShortRetries) -> model.RetryPolicy:
    if isinstance(retries, int):
        return model.RetryPolicy(retry_on=retries > 0, num_retries=retries)
    return model.RetryPolicy(
        retry_on=retries.attempts > 0,
        num_retries=retries.attempts,
        retry_timeout=retries.timeout,
        status_codes=retries.status_codes,
        conditions=[part.strip() for text in texts(retries.on) for part in text.split(",")],
        backoff_base=retries.backoff_base,
        backoff_max=retries.backoff_max,
    )


def _header_edits(route: ShortRoute) -> model.RouteAction | None:
    """Return an action that has only the route's header edits, if there are any."""
    if route.request_headers is None and route.response_headers is None:
        return None
    request = route.request_headers or ShortHeaders()
    response = route.response_headers or ShortHeaders()
    return model.RouteAction(
        request_headers_to_add=_header_options(request),
        request_headers_to_remove=texts(request.remove),
        response_headers_to_add=_header_options(response),
        response_headers_to_remove=texts(response.remove),
    )


def _header_options(headers: ShortHeaders) -> list[model.HeaderOption]:
    both = [(headers.set, False), (headers.add, True)]
    return [
        model.HeaderOption(header=model.Header(key=key, value=value), append=append)
        for values, append in both
        for key, value in values.items()
    ]
