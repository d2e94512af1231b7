"""Route tables (spec §1.6)."""

from typing import Any

from msgspec import field

from pymosn.config.model.base import Metadata, Percent, Section, Uint
from pymosn.config.values import Duration


class Header(Section):
    """A header."""

    key: str = ""
    """Its name; case does not matter."""
    value: str = ""
    """Its value; ``%variable%`` is replaced by the variable's value."""


class HeaderOption(Section):
    """A header to add."""

    header: Header = field(default_factory=Header)
    """The header."""
    append: bool = True
    """True: an existing value is kept and joined with a comma. False: it is replaced."""


class HeaderMatch(Section):
    """A condition on a header or, as pymosn's addition, on a query parameter.

    Give ``value`` (with ``regex`` for a pattern), or one of pymosn's ``prefix``, ``suffix``,
    ``present``.
    """

    name: str = ""
    """Name of the header or parameter; ``method`` means the HTTP method."""
    value: str = ""
    """The value, or the pattern."""
    regex: bool = False
    """True: ``value`` is a regular expression, found anywhere in the header's value."""
    prefix: str = ""
    """pymosn: the value begins with this."""
    suffix: str = ""
    """pymosn: the value ends with this."""
    present: bool = False
    """pymosn: the header is there, whatever its value."""
    invert: bool = False
    """pymosn: the condition holds when it would not."""


class VariableMatch(Section):
    """A condition on a variable."""

    name: str = ""
    """Name of the variable."""
    value: str = ""
    """The value; an unset variable is empty."""
    regex: str = ""
    """A regular expression; takes precedence over ``value``."""
    model: str = "and"
    """How the next condition is joined: ``and`` or ``or``."""


class DslExpression(Section):
    """A condition in CEL."""

    expression: str = ""
    """The expression."""


class Match(Section):
    """When a route is taken.

    One of ``prefix``, ``path``, ``regex``, ``variables``, ``dsl_expressions`` counts, the first
    that is given in this order; ``headers`` and ``query_parameters`` must hold besides.  An empty
    match holds always.
    """

    prefix: str = ""
    """The path begins with this; case matters."""
    path: str = ""
    """The path is this; case does not matter."""
    regex: str = ""
    """A regular expression found anywhere in the path."""
    headers: list[HeaderMatch] = field(default_factory=list)
    """Conditions on headers; all must hold."""
    query_parameters: list[HeaderMatch] = field(default_factory=list)
    """pymosn: conditions on query parameters; all must hold."""
    variables: list[VariableMatch] = field(default_factory=list)
    """Conditions on variables."""
    dsl_expressions: list[DslExpression] = field(default_factory=list)
    """Conditions in CEL; all must hold."""


class ClusterWeight(Section):
    """A cluster's share."""

    name: str = ""
    """Name of the cluster."""
    weight: Uint = 0
    """Its share of the sum of all weights."""
    metadata_match: Metadata | None = None
    """Labels asked of hosts."""


class WeightedCluster(Section):
    """One of the clusters that share a route's requests."""

    cluster: ClusterWeight = field(default_factory=ClusterWeight)
    """The cluster."""


class HeaderHash(Section):
    """Hash the value of a header."""

    key: str = ""
    """Name of the header."""


class CookieHash(Section):
    """Hash the value of a cookie."""

    name: str = ""
    """Name of the cookie."""
    path: str = ""
    """Accepted for MOSN's sake; has no effect."""
    ttl: Duration = Duration(0)
    """Accepted for MOSN's sake; has no effect."""


class HashPolicy(Section):
    """What a consistent-hashing balancer hashes; give one."""

    header: HeaderHash | None = None
    """A header."""
    cookie: CookieHash | None = None
    """A cookie."""
    source_ip: dict[str, Any] | None = None
    """The client's address (an empty object); the default."""


class RetryPolicy(Section):
    """When a request is tried again."""

    retry_on: bool | str | list[str] = False
    """True: retry by MOSN's rules (connection failure, reset, attempt timed out, status 500 and
    above or one of ``status_codes``). pymosn: or the conditions, as text with commas or a list.
    False: only a failure to connect is retried."""
    retry_timeout: Duration = Duration(0)
    """Time for one attempt; 0: no limit but the route's timeout."""
    per_try_timeout: Duration | None = None
    """pymosn: another name of ``retry_timeout``."""
    num_retries: Uint | None = None
    """Retries after the first attempt; default 1. MOSN raises values below 3 to 3, pymosn obeys."""
    status_codes: list[Uint] = field(default_factory=list)
    """Statuses that are retried; empty: 500 and above."""
    conditions: list[str] = field(default_factory=list)
    """pymosn: retry only on these: ``5xx``, ``gateway-error``, ``connect-failure``, ``reset``,
    ``retriable-4xx``, ``retriable-status-codes``, ``timeout``, ``non-idempotent``; and statuses of
    gRPC: ``cancelled``, ``deadline-exceeded``, ``internal``, ``resource-exhausted``,
    ``unavailable``."""
    backoff_base: Duration = Duration.of(0.01)
    """pymosn: wait about so long before the first retry, twice as long before the next, ..."""
    backoff_max: Duration = Duration.of(0.25)
    """pymosn: ... but never longer than this."""


class GoogleRe2(Section):
    """Accepted for Envoy's sake; has no effect."""

    max_program_size: Uint = 0
    """No effect."""


class RegexPattern(Section):
    """A pattern."""

    google_re2: GoogleRe2 | None = None
    """Accepted for MOSN's sake; has no effect."""
    regex: str = ""
    """The regular expression."""


class RegexRewrite(Section):
    """Rewrites the path by a pattern."""

    pattern: RegexPattern = field(default_factory=RegexPattern)
    """What is replaced."""
    substitution: str = ""
    """What it is replaced by; ``$1`` and ``${name}`` stand for groups."""


class RouteAction(Section):
    """Where requests go and what is done to them."""

    cluster_name: str = ""
    """The cluster."""
    cluster_variable: str = ""
    """The variable that names the cluster, when neither ``cluster_name`` nor weights are given."""
    cluster_header: str = ""
    """The request header that names the cluster. MOSN ignores the key; pymosn obeys."""
    upstream_protocol: str = ""
    """Protocol towards the hosts; empty or ``Auto``: the client's."""
    weighted_clusters: list[WeightedCluster] = field(default_factory=list)
    """Several clusters share the requests."""
    hash_policy: list[HashPolicy] = field(default_factory=list)
    """What a hashing balancer hashes; only the first entry counts."""
    metadata_match: Metadata | None = None
    """Labels asked of hosts (subset balancing)."""
    timeout: Duration = Duration(0)
    """Time for the whole exchange, retries included; 0 or absent: 60 s; negative: no limit."""
    idle_timeout: Duration = Duration(0)
    """pymosn: the exchange ends after so long without a byte; 0: no limit."""
    upgrade_idle_timeout: Duration = Duration.of(3600)
    """pymosn: the same for an upgraded connection such as a WebSocket; 0: no limit."""
    retry_policy: RetryPolicy | None = None
    """When a request is tried again."""
    prefix_rewrite: str = ""
    """Replaces the matched prefix of the path."""
    regex_rewrite: RegexRewrite | None = None
    """Rewrites the path by a pattern; not together with ``prefix_rewrite``."""
    host_rewrite: str = ""
    """Replaces the host of the request."""
    auto_host_rewrite: bool = False
    """Replaces the host of the request by the chosen host's ``hostname``."""
    auto_host_rewrite_header: str = ""
    """Replaces the host of the request by this request header's value."""
    request_headers_to_add: list[HeaderOption] = field(default_factory=list)
    """Headers added to the request."""
    request_headers_to_remove: list[str] = field(default_factory=list)
    """Headers removed from the request."""
    response_headers_to_add: list[HeaderOption] = field(default_factory=list)
    """Headers added to the response."""
    response_headers_to_remove: list[str] = field(default_factory=list)
    """Headers removed from the response."""


class Redirect(Section):
    """Answers with a redirect; what is not given is taken from the request."""

    response_code: int = 301
    """301, 302, 303, 307 or 308."""
    path_redirect: str = ""
    """The path."""
    host_redirect: str = ""
    """The host."""
    scheme_redirect: str = ""
    """The scheme."""


class DirectResponse(Section):
    """Answers without an upstream."""

    status: int = 200
    """Status, 200 to 599."""
    body: str = ""
    """Body."""


class MirrorPolicy(Section):
    """Sends copies of requests to another cluster and ignores its answers."""

    cluster: str = ""
    """That cluster."""
    percent: Percent = 0
    """How many of a hundred requests are copied."""
    trace_sampled: bool = False
    """Accepted for MOSN's sake; has no effect."""


class Route(Section):
    """One rule; of ``direct_response``, ``redirect`` and ``route`` the first that is given acts."""

    name: str = ""
    """pymosn: a name for logs."""
    match: Match = field(default_factory=Match)
    """When the rule applies."""
    route: RouteAction | None = None
    """Forward the request."""
    redirect: Redirect | None = None
    """Redirect the client."""
    direct_response: DirectResponse | None = None
    """Answer at once."""
    metadata: Metadata | None = None
    """Labels of the rule itself, for filters."""
    per_filter_config: dict[str, Any] = field(default_factory=dict)
    """Configuration of stream filters for this rule, by filter type."""
    request_mirror_policies: MirrorPolicy | None = None
    """Copies of requests."""


class VirtualHost(Section):
    """Rules for some domains; the first that matches acts."""

    name: str = ""
    """Name, for logs."""
    domains: list[str] = field(default_factory=list)
    """``host``, ``host:port``, ``host:*`` (any port or none), ``*.suffix``, ``*``. The most
    specific match counts."""
    routers: list[Route] = field(default_factory=list)
    """The rules, in order."""
    require_tls: str = ""
    """Accepted for MOSN's sake; has no effect."""
    request_headers_to_add: list[HeaderOption] = field(default_factory=list)
    """Headers added to the request."""
    request_headers_to_remove: list[str] = field(default_factory=list)
    """Headers removed from the request."""
    response_headers_to_add: list[HeaderOption] = field(default_factory=list)
    """Headers added to the response."""
    response_headers_to_remove: list[str] = field(default_factory=list)
    """Headers removed from the response."""
    per_filter_config: dict[str, Any] = field(default_factory=dict)
    """Configuration of stream filters for these domains, by filter type."""


class RouterConfig(Section):
    """A route table; ``proxy`` filters refer to it by name."""

    router_config_name: str = ""
    """The name; an entry without one is skipped."""
    router_configs: str = ""
    """A directory with one JSON file a virtual host, instead of ``virtual_hosts``."""
    virtual_hosts: list[VirtualHost] = field(default_factory=list)
    """The virtual hosts."""
    request_headers_to_add: list[HeaderOption] = field(default_factory=list)
    """Headers added to every request."""
    request_headers_to_remove: list[str] = field(default_factory=list)
    """Headers removed from every request."""
    response_headers_to_add: list[HeaderOption] = field(default_factory=list)
    """Headers added to every response."""
    response_headers_to_remove: list[str] = field(default_factory=list)
    """Headers removed from every response."""
