"""What happens to the requests of one route: everything the proxy asks, worked out beforehand."""

from typing import Any, Final

from pymosn import snapshot
from pymosn.message import ResponseHead
from pymosn.protocol.uri import escape, raw_path
from pymosn.router.edits import Edits
from pymosn.router.match import PATH, PREFIX, RouteMatcher
from pymosn.router.retry import RetryRules
from pymosn.router.rewrite import HostRewrite, PathRewrite, set_host
from pymosn.stream.stream import Stream
from pymosn.stream.variables import Variable, lookup_or_setting

FORWARD: Final = 0
REDIRECT: Final = 1
DIRECT: Final = 2


class RouteEntry:
    """One route.  ``kind`` says which of its parts mean something.

    ``edits_request`` and ``edits_response`` are False when ``finish_request`` or
    ``finish_response`` would do nothing.
    """

    name: str
    virtual_host: str
    order: int
    matcher: "RouteMatcher"
    per_filter_config: dict[Any, Any]
    host_per_filter_config: dict[Any, Any]
    _request_edits: "Edits"
    _response_edits: "Edits"
    _path_rewrite: "PathRewrite"
    _host_rewrite: "HostRewrite"
    edits_request: bool
    edits_response: bool
    host_per_attempt: bool
    kind: int
    status: int
    body: bytes
    redirect: "RedirectTarget | None"
    choice: "ClusterChoice"
    upstream_protocol: str
    timeout: float
    idle_timeout: float
    upgrade_idle_timeout: float
    per_try_timeout: float
    retry: "RetryRules"
    retry_enabled: bool
    retry_attempts: int
    backoff_base: float
    backoff_max: float
    hash_kind: str
    hash_name: str
    mirror_cluster: str
    mirror_percent: int

    def __init__(
        self, router: snapshot.Router, host: snapshot.VirtualHost, route: snapshot.Route
    ) -> None:
        """Raises ``ValueError`` when something in ``route`` or the levels above is no good."""
        self.name = route.name
        self.order = 0
        self.matcher = RouteMatcher(route.match)
        self.virtual_host = host.name
        self.per_filter_config = route.per_filter_config
        self.host_per_filter_config = host.per_filter_config
        levels = (route.edits, host.edits, router.edits)
        self._request_edits = Edits([(e.request_add, e.request_remove) for e in levels], True)
        self._response_edits = Edits([(e.response_add, e.response_remove) for e in levels], False)
        action = route.action
        forward = action if isinstance(action, snapshot.Forward) else snapshot.Forward()
        self._set_forward(forward)
        self.edits_response = not self._response_edits.empty
        self.edits_request = not (
            self._request_edits.empty and self._host_rewrite.empty and self._path_rewrite.empty
        )
        self.kind = FORWARD
        self.status = 0
        self.body = b""
        self.redirect = None
        if isinstance(action, snapshot.Redirect):
            self.kind = REDIRECT
            self.status = action.status
            self.redirect = RedirectTarget(action)
        elif isinstance(action, snapshot.DirectResponse):
            self.kind = DIRECT
            self.status = action.status
            self.body = action.body.encode()

    def _set_forward(self, action: snapshot.Forward) -> None:
        self.choice = ClusterChoice(action)
        self.upstream_protocol = action.upstream_protocol
        self.timeout = action.timeout
        self.idle_timeout = action.idle_timeout
        self.upgrade_idle_timeout = action.upgrade_idle_timeout
        self.per_try_timeout = action.retry.per_try_timeout
        self.retry = RetryRules(action.retry)
        self.retry_enabled = action.retry.enabled
        self.retry_attempts = action.retry.attempts
        self.backoff_base = action.retry.backoff_base
        self.backoff_max = action.retry.backoff_max
        self.hash_kind = action.hash_policy.kind
        self.hash_name = action.hash_policy.name
        self.mirror_cluster = action.mirror_cluster
        self.mirror_percent = action.mirror_percent
        matcher = self.matcher
        named = matcher.kind in (PREFIX, PATH)
        self._path_rewrite = PathRewrite(action, len(matcher.expected) if named else -1)
        self._host_rewrite = HostRewrite(action)
        self.host_per_attempt = self._host_rewrite.per_attempt

    def matches(self, stream: Stream) -> bool:
        """Say whether the request of ``stream`` is for this route."""
        return self.matcher.matches(stream)

    def cluster(self, stream: Stream) -> str:
        """Return the cluster's name, empty when there is none; the same for the same draw."""
        if self.choice.single is not None:
            return self.choice.single
        return self.choice.name(stream)

    def metadata(self, stream: Stream) -> dict[str, str] | None:
        """Return the subset criteria of the route and the drawn cluster, None for none."""
        return self.choice.metadata(stream)

    def finish_request(self, stream: Stream) -> None:
        """Edit headers, then set the host, then rewrite the path (spec §4.7).

        For once a request, when the host is chosen; ``rewrite_host`` is for later attempts.
        """
        if not self._request_edits.empty:
            host = self._request_edits.host(stream)
            if host:
                set_host(stream, host)
            self._request_edits.apply(stream.request, stream)
        if not self._host_rewrite.empty:
            self.rewrite_host(stream)
        if not self._path_rewrite.empty:
            self._path_rewrite.apply(stream)

    def rewrite_host(self, stream: Stream) -> None:
        """Set the host as the route says; again for each attempt if ``host_per_attempt``."""
        host = self._host_rewrite.host(stream)
        if host is not None:
            set_host(stream, host)

    def finish_response(self, stream: Stream, head: ResponseHead) -> None:
        """Edit the headers of a response."""
        self._response_edits.apply(head, stream)

    def location(self, stream: Stream) -> bytes:
        """Return where a redirect leads, empty when the route is none."""
        return b"" if self.redirect is None else self.redirect.location(stream)


class ClusterChoice:
    """Which cluster a request goes to."""

    single: str | None
    _names: list[str]
    _criteria: list[dict[str, str] | None]
    _bounds: list[int]
    _route_criteria: dict[str, str] | None
    total: int
    _variable: "Variable"  # None when the cluster has a name

    def __init__(self, action: snapshot.Forward) -> None:
        """Raises ``ValueError`` when clusters are given but none may be drawn."""
        drawable = [cluster for cluster in action.clusters if cluster.weight > 0]
        if action.clusters and not drawable:
            raise ValueError("every cluster of the route has the weight 0")
        self.single = None
        self._names = [cluster.name for cluster in drawable]
        self._criteria = [{**action.metadata, **cluster.metadata} or None for cluster in drawable]
        self._route_criteria = dict(action.metadata) or None
        self._bounds = []
        self.total = 0
        for cluster in drawable:
            self.total += cluster.weight
            self._bounds.append(self.total)
        self._variable = None  # type: ignore[assignment]  # as declared
        if len(drawable) == 1:
            self.single = drawable[0].name
        elif action.cluster_variable and not drawable:
            self._variable = lookup_or_setting(action.cluster_variable)
        elif not drawable:
            self.single = ""

    def name(self, stream: Stream) -> str:
        """Return the name of the cluster for ``stream.draw``, or for the variable."""
        if self._names:
            return self._names[self._drawn(stream)]
        value = self._variable.value(stream)
        return "" if value is None else value.decode(errors="replace")

    def metadata(self, stream: Stream) -> dict[str, str] | None:
        """Return the criteria that go with ``name(stream)``."""
        if not self._names:
            return self._route_criteria
        return self._criteria[self._drawn(stream)]

    def _drawn(self, stream: Stream) -> int:
        point = stream.draw * self.total
        last = len(self._bounds) - 1
        index = 0
        while index < last and point >= self._bounds[index]:
            index += 1
        return index


class RedirectTarget:
    """Where a redirect leads; what its rule does not say comes from the request (spec §4.2)."""

    scheme: bytes
    host: bytes
    path: bytes

    def __init__(self, action: snapshot.Redirect) -> None:
        self.scheme = action.scheme.lower().encode()
        self.host = action.host.encode()
        self.path = escape(action.path.encode(), b"?#%")
        if set(self.host) & _NOT_IN_HOST:
            raise ValueError(f"{action.host!r} is not a host to redirect to")

    def location(self, stream: Stream) -> bytes:
        """Return the ``Location``: absolute, or a path when nobody named a host."""
        request = stream.request
        scheme = self.scheme or request.scheme
        host = self.host or request.authority
        old = raw_path(request.target)
        path = self.path or old
        if scheme != request.scheme:
            if scheme == b"http" and host.endswith(b":443"):
                host = host[:-4]
            elif scheme == b"https" and host.endswith(b":80"):
                host = host[:-3]
        if path[:1] != b"/":
            path = b"/" + path
        if b"?" not in path:
            path += request.target[len(old) :]
        if not host:
            return path
        return b"%b://%b%b" % (scheme, host, path)


_NOT_IN_HOST = frozenset(range(33)) | {47, 63, 35, 64, 127}
