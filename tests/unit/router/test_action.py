from types import SimpleNamespace

import pytest

from pymosn import snapshot
from pymosn.message import RequestHead, ResponseHead
from pymosn.router.action import DIRECT, FORWARD, REDIRECT, RouteEntry
from pymosn.router.path import read_target
from pymosn.snapshot import (
    DirectResponse,
    Forward,
    HashPolicy,
    HeaderEdits,
    HeaderValue,
    Redirect,
    RetryPolicy,
    Route,
    RouteMatch,
    VirtualHost,
    WeightedCluster,
)
from pymosn.stream.stream import (
    CONNECT_FAILED,
    DOWNSTREAM_CLOSED,
    GLOBAL_TIMEOUT,
    OVERFLOW,
    TRY_TIMEOUT,
    UPSTREAM_CLOSED,
    UPSTREAM_RESET,
    Stream,
)


def entry(action=None, match=None, edits=None, host_edits=None, router_edits=None, **route):
    host = VirtualHost("v", ["*"], edits=host_edits or HeaderEdits())
    router = snapshot.Router("r", [], router_edits or HeaderEdits())
    return RouteEntry(
        router,
        host,
        Route(action or Forward(), match or RouteMatch(), edits=edits or HeaderEdits(), **route),
    )


def request(target=b"/", lines=b"", host=b"example.com", **facts):
    lines = b"Host: " + host + b"\r\n" + lines
    head = RequestHead(lines, 0, len(lines))
    head.target = target
    head.authority = host
    stream = Stream(request=head, **facts)
    read_target(stream)
    return stream


# -- clusters -------------------------------------------------------------------------------------


def test_one_cluster():
    only = entry(
        Forward([WeightedCluster("a", metadata={"k": "1"})], metadata={"k": "0", "l": "2"})
    )
    stream = request()
    assert only.kind == FORWARD
    assert only.cluster(stream) == "a"
    assert only.metadata(stream) == {"k": "1", "l": "2"}


def test_draws_follow_the_weights():
    clusters = [
        WeightedCluster("a", 30),
        WeightedCluster("never", 0),
        WeightedCluster("b", 70, {"version": "2"}),
    ]
    route = entry(Forward(clusters))
    stream = request()
    counts = {}
    for number in range(1000):
        stream.draw = number / 1000
        name = route.cluster(stream)
        assert route.metadata(stream) == ({"version": "2"} if name == "b" else None)
        counts[name] = counts.get(name, 0) + 1
    assert counts == {"a": 300, "b": 700}


def test_weights_of_zero_only_are_refused():
    with pytest.raises(ValueError, match="weight 0"):
        entry(Forward([WeightedCluster("a", 0)]))


def test_a_variable_names_the_cluster():
    route = entry(Forward(cluster_variable="target", metadata={"a": "b"}))
    stream = request()
    assert route.cluster(stream) == ""
    stream.set_variable("target", "blue")
    assert route.cluster(stream) == "blue"
    assert route.metadata(stream) == {"a": "b"}
    assert (
        entry(Forward(cluster_variable="request_header_x")).cluster(request(lines=b"X: green\r\n"))
        == "green"
    )


def test_no_cluster_at_all():
    assert entry(Forward()).cluster(request()) == ""


# -- facts ----------------------------------------------------------------------------------------


def test_the_rest_of_a_route():
    action = Forward(
        timeout=3,
        idle_timeout=4,
        upstream_protocol="Http2",
        retry=RetryPolicy(True, 5, 0.5, backoff_base=0.1, backoff_max=0.2),
        hash_policy=HashPolicy("cookie", "id"),
        mirror_cluster="m",
        mirror_percent=7,
    )
    route = entry(action, name="n")
    assert (route.name, route.virtual_host) == ("n", "v")
    assert (route.timeout, route.idle_timeout, route.upgrade_idle_timeout) == (3, 4, 3600)
    assert (route.retry_enabled, route.retry_attempts, route.per_try_timeout) == (True, 5, 0.5)
    assert (route.backoff_base, route.backoff_max) == (0.1, 0.2)
    assert (route.hash_kind, route.hash_name) == ("cookie", "id")
    assert (route.mirror_cluster, route.mirror_percent) == ("m", 7)
    assert route.upstream_protocol == "Http2"
    assert not route.edits_request
    assert not route.edits_response


RETRIED = (CONNECT_FAILED, TRY_TIMEOUT, UPSTREAM_CLOSED, UPSTREAM_RESET)
NEVER = (OVERFLOW, GLOBAL_TIMEOUT, DOWNSTREAM_CLOSED)


@pytest.mark.parametrize(
    ("policy", "statuses", "failures"),
    [
        (RetryPolicy(), [], [CONNECT_FAILED]),
        (RetryPolicy(conditions=["5xx"]), [], [CONNECT_FAILED]),
        (RetryPolicy(True), [500, 503, 599], RETRIED),
        (RetryPolicy(True, status_codes=[404, 503]), [404, 503], RETRIED),
        (RetryPolicy(True, conditions=["5xx"]), [500, 503, 599], RETRIED),
        (RetryPolicy(True, conditions=["gateway-error"]), [503], []),
        (RetryPolicy(True, conditions=["connect-failure"]), [], [CONNECT_FAILED]),
        (RetryPolicy(True, conditions=["reset"]), [], [UPSTREAM_CLOSED, UPSTREAM_RESET]),
        (RetryPolicy(True, conditions=["timeout", "retriable-4xx"]), [409], [TRY_TIMEOUT]),
        (
            RetryPolicy(True, status_codes=[302], conditions=["retriable-status-codes"]),
            [302],
            [],
        ),
    ],
)
def test_what_is_retried(policy, statuses, failures):
    rules = entry(Forward(retry=policy)).retry
    assert [s for s in (200, 302, 404, 409, 500, 503, 599) if rules.status(s)] == statuses
    assert [f for f in (*RETRIED, *NEVER) if rules.failure(f)] == list(failures)


def test_repeating_unsafe_methods_is_a_condition():
    assert not entry(Forward(retry=RetryPolicy(True))).retry.non_idempotent
    assert entry(
        Forward(retry=RetryPolicy(True, conditions=["non-idempotent"]))
    ).retry.non_idempotent
    with pytest.raises(ValueError, match="'often'"):
        entry(Forward(retry=RetryPolicy(True, conditions=["often"])))


# -- headers --------------------------------------------------------------------------------------


def test_levels_in_order_and_adds_before_removes():
    route = entry(
        edits=HeaderEdits([HeaderValue("X-Route", "r"), HeaderValue("x-all", "route")], ["x-gone"]),
        host_edits=HeaderEdits([HeaderValue("x-gone", "back"), HeaderValue("x-all", "host")]),
        router_edits=HeaderEdits(
            [HeaderValue("x-all", "router"), HeaderValue("x-tmp", "1")], ["X-Tmp"]
        ),
    )
    stream = request(lines=b"X-Gone: 1\r\nX-All: client\r\n")
    assert route.edits_request
    route.finish_request(stream)
    head = stream.request
    assert head.get(b"x-route") == b"r"
    assert head.get_all(b"x-all") == [b"client,route,host,router"]
    assert head.get_all(b"x-gone") == [b"back"]
    assert head.get(b"x-tmp") is None
    assert head.start == 0


def test_replacing_and_variables():
    route = entry(
        edits=HeaderEdits(
            [
                HeaderValue("x-a", "%request_method%-%x-mosn-path%-%nope%-100%", append=False),
                HeaderValue("x-b", "%request_header_missing%"),
                HeaderValue("x-c", "%Http1_request_arg_q%"),
            ]
        )
    )
    stream = request(b"/a%20b?q=1%0d%0aEvil:%201", b"X-A: old\r\nX-A: older\r\n")
    route.finish_request(stream)
    assert stream.request.get_all(b"x-a") == [b"GET-/a b-%nope%-100%"]
    assert stream.request.get_all(b"x-b") == []
    assert stream.request.get_all(b"x-c") == [b"1%0D%0AEvil: 1"]
    assert stream.request.get(b"evil") is None


def test_responses():
    route = entry(
        edits=HeaderEdits(
            response_add=[
                HeaderValue("Set-Cookie", "b=2"),
                HeaderValue("via", "%upstream_cluster%"),
            ],
            response_remove=["Server"],
        )
    )
    lines = b"Server: x\r\nSet-Cookie: a=1\r\n"
    head = ResponseHead(200, lines, 0, len(lines))
    stream = request()
    stream.cluster_name = "blue"
    assert route.edits_response
    assert not route.edits_request
    route.finish_response(stream, head)
    assert head.items() == [(b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2"), (b"via", b"blue")]


@pytest.mark.parametrize(
    "edits",
    [
        HeaderEdits([HeaderValue("Content-Length", "1")]),
        HeaderEdits([HeaderValue("bad name", "1")]),
        HeaderEdits([HeaderValue("x", "a\r\nb: c")]),
        HeaderEdits(request_remove=["Host"]),
        HeaderEdits(request_remove=["content-length"]),
        HeaderEdits(response_remove=["transfer-encoding"]),
        HeaderEdits(response_add=[HeaderValue("Connection", "close")]),
    ],
)
def test_edits_that_would_break_framing_are_refused(edits):
    with pytest.raises(ValueError, match=r"header|control"):
        entry(edits=edits)


# -- host -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "edits", "host"),
    [
        (Forward(host_rewrite="new.com"), None, b"new.com"),
        (Forward(auto_host_rewrite_header="X-Host"), None, b"from-header"),
        (Forward(auto_host_rewrite_header="x-none"), None, b"example.com"),
        (Forward(host_rewrite="new.com", auto_host_rewrite_header="x-host"), None, b"new.com"),
        (Forward(auto_host_rewrite=True), None, b"upstream.example"),
        (Forward(), HeaderEdits([HeaderValue("HOST", "edited")]), b"edited"),
        (
            Forward(),
            HeaderEdits([HeaderValue(":authority", "%request_header_x-host%")]),
            b"from-header",
        ),
        (Forward(host_rewrite="new.com"), HeaderEdits([HeaderValue("host", "edited")]), b"new.com"),
    ],
)
def test_the_host(action, edits, host):
    route = entry(action, edits=edits)
    stream = request(
        lines=b"X-Host: from-header\r\n", upstream_host=SimpleNamespace(hostname="upstream.example")
    )
    route.finish_request(stream)
    assert stream.request.authority == host
    assert stream.request.get_all(b"host") == [host]
    assert route.host_per_attempt is action.auto_host_rewrite


def test_the_host_follows_each_attempt():
    route = entry(Forward(auto_host_rewrite=True))
    stream = request(upstream_host=SimpleNamespace(hostname=""))
    route.finish_request(stream)
    assert stream.request.authority == b"example.com"
    stream = request(upstream_host=SimpleNamespace(hostname="b"))
    route.rewrite_host(stream)
    assert stream.request.get_all(b"host") == [b"b"]


# -- path -----------------------------------------------------------------------------------------


def prefix(value):
    return RouteMatch("prefix", value)


@pytest.mark.parametrize(
    ("match", "rewrite", "target", "result"),
    [
        (prefix("/api"), "/v1", b"/api/x?q=%20", b"/v1/x?q=%20"),
        (prefix("/api"), "/v1", b"/api", b"/v1"),
        (prefix("/api/"), "/", b"/api/x", b"/x"),
        (prefix("/api"), "/", b"/api/x", b"/x"),
        (prefix("/api"), "/", b"/api", b"/"),
        (prefix("/api"), "v1/", b"/api/x", b"/v1/x"),
        (prefix("/"), "/v1/", b"/x%2Fy", b"/v1/x%2Fy"),
        (prefix("/a b"), "/c d", b"/a%20b/%41", b"/c%20d/%41"),
        (prefix("/a"), "/b", b"/x/../a/y", b"/b/y"),
        (RouteMatch("path", "/OLD"), "/new", b"/old?x", b"/new?x"),
        (RouteMatch("regex", "^/a"), "/new", b"/a/b", b"/a/b"),
        (RouteMatch("any"), "/new", b"/a/b", b"/a/b"),
    ],
)
def test_prefixes_are_rewritten(match, rewrite, target, result):
    route = entry(Forward(prefix_rewrite=rewrite), match)
    stream = request(target, b"X-Mosn-Original-Path: forged\r\n")
    before = stream.request.target
    assert route.matches(stream)
    route.finish_request(stream)
    head = stream.request
    assert head.target == result
    if result != before:
        assert head.start == -1
        assert head.get_all(b"x-mosn-original-path") == [before.partition(b"?")[0]]


@pytest.mark.parametrize(
    ("pattern", "substitution", "target", "result"),
    [
        ("^/a/(.*)$", "/b/$1", b"/a/x?q", b"/b/x?q"),
        ("o", "0", b"/foo/bo", b"/f00/b0"),
        ("^/(?P<one>[^/]+)/(?P<two>.*)", "/${two}/${one}", b"/x/y", b"/y/x"),
        ("^/中/", "/zh/", b"/%E4%B8%AD/%20", b"/zh/%20"),
        ("^/a/", "/b/", b"/a/x%2Fy", b"/b/x%2Fy"),
        ("^/a/", "", b"/a/x", b"/x"),
        ("a", "b c", b"/a", b"/b%20c"),
        ("zzz", "y", b"/a%41", b"/a%41"),
    ],
)
def test_expressions_rewrite_paths(pattern, substitution, target, result):
    route = entry(Forward(regex_rewrite=pattern, regex_substitution=substitution))
    stream = request(target)
    route.finish_request(stream)
    assert stream.request.target == result


def test_targets_without_a_path_are_left_alone():
    stream = request(b"*")
    entry(Forward(prefix_rewrite="/x"), prefix("/")).finish_request(stream)
    assert stream.request.target == b"*"


# -- replies --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "target", "location"),
    [
        (Redirect(host="h"), b"/a%20b?q=1", b"http://h/a%20b?q=1"),
        (Redirect(path="/new"), b"/a?q=1", b"http://example.com:80/new?q=1"),
        (Redirect(path="/new?x=y"), b"/a?q=1", b"http://example.com:80/new?x=y"),
        (Redirect(path="new one"), b"/a", b"http://example.com:80/new%20one"),
        (Redirect(scheme="HTTPS"), b"/", b"https://example.com/"),
        (Redirect(scheme="https", host="h:8443"), b"/", b"https://h:8443/"),
        (Redirect(scheme="http"), b"/", b"http://example.com:80/"),
        (Redirect(scheme="https"), b"//evil.com/x", b"https://example.com/evil.com/x"),
    ],
)
def test_redirects(action, target, location):
    route = entry(action)
    assert route.kind == REDIRECT
    assert route.status == 301
    assert route.location(request(target, host=b"example.com:80")) == location


def test_a_redirect_without_any_host_is_relative():
    assert entry(Redirect(path="/x")).location(request(host=b"")) == b"/x"


def test_https_to_http_drops_the_port():
    stream = request(host=b"a:443")
    stream.request.scheme = b"https"
    assert entry(Redirect(scheme="http")).location(stream) == b"http://a/"


def test_a_host_that_is_none_is_refused():
    with pytest.raises(ValueError, match="not a host"):
        entry(Redirect(host="a/b"))


def test_direct_responses():
    route = entry(DirectResponse(418, "tea"))
    assert (route.kind, route.status, route.body) == (DIRECT, 418, b"tea")
