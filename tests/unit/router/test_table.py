import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymosn.message import RequestHead
from pymosn.router.path import read_target
from pymosn.router.table import RouteTable, split_authority
from pymosn.snapshot import (
    Forward,
    Route,
    RouteMatch,
    Router,
    ValueMatch,
    VirtualHost,
    WeightedCluster,
)
from pymosn.stream.stream import Stream


def to(cluster, **match):
    return Route(Forward([WeightedCluster(cluster)]), RouteMatch(**match))


def table(*hosts):
    return RouteTable(
        Router("r", [VirtualHost(name, domains, [to(name)]) for name, domains in hosts])
    )


def request(host=b"", target=b"/", lines=b""):
    head = RequestHead(lines, 0, len(lines))
    head.authority = host
    head.target = target
    stream = Stream(request=head)
    read_target(stream)
    return stream


def cluster(routes, stream):
    entry = routes.match(stream)
    return None if entry is None else entry.cluster(stream)


HOSTS = (
    ("exact", ["a.example.com"]),
    ("port", ["a.example.com:8080"]),
    ("any-port", ["a.example.com:*", "b.example.com:*"]),
    ("wide", ["*.example.com"]),
    ("wide-port", ["*.example.com:8080", "*:81"]),
    ("wider", ["*ample.com:*"]),
    ("six", ["[::1]:80", "[::1]"]),
    ("default", ["*"]),
)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (b"a.example.com", "exact"),
        (b"A.Example.COM", "exact"),
        (b"a.example.com:", "exact"),
        (b"a.example.com:8080", "port"),
        (b"a.example.com:9", "any-port"),
        (b"b.example.com", "any-port"),
        (b"b.example.com:8080", "any-port"),
        (b"c.example.com", "wide"),
        (b"c.example.com:8080", "wide-port"),
        (b"c.example.com:9", "wider"),
        (b".example.com", "wider"),
        (b"xample.com", "wider"),
        (b"ample.com", "default"),
        (b"other:81", "wide-port"),
        (b"[::1]:80", "six"),
        (b"[::1]", "six"),
        (b"[::1]:9", "default"),
        (b"", "default"),
        (b"nobody", "default"),
    ],
)
def test_virtual_hosts(host, expected):
    assert cluster(table(*HOSTS), request(host)) == expected


def test_no_default_means_no_route():
    assert table(("a", ["a.com"])).match(request(b"b.com")) is None
    assert table(("a", ["a.com"])).match(request(b"a.com:80")) is None


def test_a_table_with_only_a_default_does_not_look_at_the_host():
    assert cluster(table(("d", ["*"])), request(None)) == "d"


@pytest.mark.parametrize(
    "domains",
    [["*", "*:*"], ["a", "A"], ["*.a", "*.a"], ["a:*", "a:*"], [""], ["a*"], ["a:x"], ["a:70000"]],
)
def test_bad_domains_are_refused(domains):
    with pytest.raises(ValueError, match="domain"):
        table(("x", domains))


def test_a_bad_rule_is_named():
    with pytest.raises(ValueError, match="router 'r', virtual host 'v', route 'n'"):
        RouteTable(
            Router("r", [VirtualHost("v", ["*"], [Route(Forward(), RouteMatch("odd"), "n")])])
        )


def test_filters_configurations_of_a_route_come_before_its_hosts():
    rules = [
        Route(Forward(), RouteMatch("prefix", "/a"), per_filter_config={"f": 2}),
        Route(Forward(), RouteMatch("prefix", "/b")),
    ]
    host = VirtualHost("v", ["*"], rules, per_filter_config={"f": 1, "g": 3})
    table = RouteTable(Router("r", [host]), lambda name, config: (name, config))
    assert table.match(request(target=b"/a")).filter_configs == {"f": ("f", 2), "g": ("g", 3)}
    assert table.match(request(target=b"/b")).filter_configs == {"f": ("f", 1), "g": ("g", 3)}
    table = RouteTable(Router("r", [host]))
    assert table.match(request(target=b"/a")).filter_configs == {"f": 2, "g": 3}


@pytest.mark.parametrize(
    ("authority", "parts"),
    [
        (b"a", (b"a", b"")),
        (b"a:1", (b"a", b"1")),
        (b"[::1]", (b"[::1]", b"")),
        (b"[::1]:1", (b"[::1]", b"1")),
        (b"::1", (b"::1", b"")),
        (b"[::1", (b"[::1", b"")),
    ],
)
def test_authorities(authority, parts):
    assert split_authority(authority) == parts


# -- routes ---------------------------------------------------------------------------------------


def routes(*rules):
    return RouteTable(Router("r", [VirtualHost("v", ["*"], list(rules))]))


def test_the_first_that_matches_wins():
    found = routes(
        to("deep", kind="prefix", value="/a/b"),
        to("flagged", kind="prefix", value="/", headers=[ValueMatch("x", value="1")]),
        to("path", kind="path", value="/A/C"),
        to("regex", kind="regex", value="c$"),
        to("prefix", kind="prefix", value="/a"),
        to("never", kind="prefix", value="/a/b/c"),
    )
    assert cluster(found, request(target=b"/a/b/c")) == "deep"
    assert cluster(found, request(target=b"/a/c")) == "path"
    assert cluster(found, request(target=b"/x/c")) == "regex"
    assert cluster(found, request(target=b"/ab")) == "prefix"
    assert cluster(found, request(target=b"/z")) is None
    assert cluster(found, request(target=b"/ab", lines=b"X: 1\r\n")) == "flagged"


paths = st.text("ab/", max_size=5).map(lambda text: "/" + text)
conditions = st.sampled_from([[], [ValueMatch("x", value="1")], [ValueMatch("x", invert=True)]])
rules = st.one_of(
    st.builds(RouteMatch, st.sampled_from(["prefix", "path"]), paths, conditions),
    st.builds(RouteMatch, st.just("prefix"), st.just(""), conditions),
    st.builds(RouteMatch, st.just("regex"), st.sampled_from(["a", "b$", "^/a"]), conditions),
    st.builds(RouteMatch, st.just("any"), st.just(""), conditions),
)


@given(st.lists(rules, max_size=12), st.lists(paths, max_size=5), st.booleans())
def test_a_lookup_is_the_first_match_in_order(matches, targets, flagged):
    all_routes = [Route(Forward([WeightedCluster(str(n))]), m) for n, m in enumerate(matches)]
    found = routes(*all_routes)
    one_by_one = [routes(route) for route in all_routes]
    for target in targets:
        stream = request(target=target.encode(), lines=b"X: 1\r\n" if flagged else b"")
        expected = next((c for c in (cluster(t, stream) for t in one_by_one) if c), None)
        assert cluster(found, stream) == expected


labels = st.sampled_from(["a", "b", "a.b", "*", "*.b", "*b", "[::1]"])
ports = st.sampled_from(["", ":1", ":2", ":*"])
domains = st.builds(lambda host, port: host + port, labels, ports)


def rank(domain, host, port):
    """How well a domain fits, smaller is better; None: not at all."""
    if domain in ("*", "*:*"):
        return (5,)
    name, wanted = [part.decode() for part in split_authority(domain.encode())]
    if wanted not in ("*", port):
        return None
    any_port = int(wanted == "*")
    if not name.startswith("*"):
        return (1 + any_port,) if name == host else None
    suffix = name[1:]
    if len(host) <= len(suffix) or not host.endswith(suffix):
        return None
    return (3 + any_port, -len(suffix))


@given(
    st.lists(domains, unique=True, max_size=8),
    st.sampled_from(["a", "b", "a.b", "x.a.b", "[::1]", ""]),
    st.sampled_from(["", "1", "3"]),
)
def test_a_virtual_host_is_the_best_fit(names, host, port):
    if "*" in names and "*:*" in names:
        names.remove("*")
    authority = f"{host}:{port}" if port else host
    fits = [(rank(name, host, port), name) for name in names if rank(name, host, port)]
    expected = min(fits)[1] if fits else None
    found = table(*[(name, [name]) for name in names])
    assert cluster(found, request(authority.encode())) == expected


# -- cost -----------------------------------------------------------------------------------------


def steps(found, stream):
    index = found.hosts[0]
    before = index.steps
    assert found.match(stream) is not None
    return index.steps - before


@pytest.mark.parametrize("kind", ["prefix", "path"])
def test_the_cost_does_not_grow_with_the_number_of_routes(kind):
    def with_routes(count):
        return routes(*[to(str(n), kind=kind, value=f"/service/{n:05}/") for n in range(count)])

    few = steps(with_routes(10), request(target=b"/service/00007/"))
    many = steps(with_routes(10000), request(target=b"/service/00007/"))
    assert few <= 4
    assert many <= few + 4


def test_the_cost_does_not_grow_with_the_number_of_wildcard_domains():
    def steps_among(count):
        names = [f"*.{'x' * (n % 40)}{n}.example.com" for n in range(count)]
        found = table(*[(name, [name]) for name in names])
        authority = b"a." + names[7][2:].encode()
        assert cluster(found, request(authority)) == names[7]
        return found.suffixes.steps

    assert steps_among(10) <= 3
    assert steps_among(10000) <= 3


def test_regular_expressions_behind_the_match_are_not_tried():
    found = routes(to("a", kind="prefix", value="/"), *[to("b", kind="regex", value="x")] * 100)
    assert steps(found, request(target=b"/x")) <= 4
