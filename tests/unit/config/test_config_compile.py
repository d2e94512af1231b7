"""The model to the snapshot: defaults, MOSN's semantics, and where ours differ."""

import json
from typing import Any

import msgspec
import pytest

from pymosn.config.clusters import names_to_resolve
from pymosn.config.compile import compile_snapshot
from pymosn.config.load import parse_config
from pymosn.config.support import Capabilities
from pymosn.errors import ConfigError
from pymosn.observe.metrics import DOWNSTREAM, UPSTREAM_CLUSTER, UPSTREAM_HOST, SlotTable
from pymosn.snapshot import (
    AccessLog,
    Balancer,
    DirectResponse,
    Forward,
    HashPolicy,
    HeaderValue,
    Http1Options,
    HttpProxy,
    Limits,
    Redirect,
    RetryPolicy,
    RouteMatch,
    RpcOptions,
    Snapshot,
    TcpProxy,
    TcpRoute,
    ValueMatch,
    WeightedCluster,
)

PROXY = {"type": "proxy", "config": {"downstream_protocol": "Http1", "router_config_name": "r"}}


def compiled(config: dict[str, Any], **options: Any) -> Snapshot:
    loaded = parse_config(json.dumps(config))
    options.setdefault("slots", SlotTable())
    return compile_snapshot(loaded.config, source=loaded.source, **options)


def whole(
    *, listener: object = None, route: object = None, cluster: object = None, filters: object = None
) -> dict[str, Any]:
    """A complete configuration with some parts replaced."""
    listeners = {
        "name": "l",
        "address": "127.0.0.1:8080",
        "bind_port": True,
        "filter_chains": [{"filters": filters or [PROXY]}],
        **(listener or {}),
    }
    routes = [{"match": {"prefix": "/"}, **(route or {"route": {"cluster_name": "c"}})}]
    hosts = [{"name": "v", "domains": ["*"], "routers": routes}]
    clusters = [
        {"name": "c", "hosts": [{"address": "127.0.0.1:1"}], **(cluster or {})},
        {"name": "d"},
    ]
    return {
        "servers": [
            {
                "listeners": [listeners],
                "routers": [{"router_config_name": "r", "virtual_hosts": hosts}],
            }
        ],
        "cluster_manager": {"clusters": clusters},
    }


def first_route(route: object) -> Any:
    return compiled(whole(route=route)).routers["r"].virtual_hosts[0].routes[0]


def action(**keys: object) -> Any:
    return first_route({"route": {"cluster_name": "c", **keys}}).action


def match(**keys: object) -> RouteMatch:
    return first_route({"match": keys, "route": {"cluster_name": "c"}}).match


def test_a_snapshot_survives_the_wire() -> None:
    snapshot = compiled(whole())
    data = msgspec.msgpack.encode(snapshot)
    assert msgspec.msgpack.decode(data, type=Snapshot) == snapshot


def test_defaults() -> None:
    snapshot = compiled(whole(), version=7)
    assert snapshot.version == 7
    listener = snapshot.listeners[0]
    assert listener.filters == [HttpProxy(router="r", http1=Http1Options())]
    assert (listener.idle_timeout, listener.backlog, listener.bind) == (90.0, 1024, True)
    forward = snapshot.routers["r"].virtual_hosts[0].routes[0].action
    assert forward == Forward(clusters=[WeightedCluster("c")], retry=RetryPolicy(attempts=1))
    cluster = snapshot.clusters["c"]
    assert (cluster.connect_timeout, cluster.idle_timeout) == (10.0, 60.0)
    assert cluster.balancer == Balancer()


@pytest.mark.parametrize(
    ("given", "seconds"), [(None, 90.0), ("0", 0.0), ("5s", 5.0), ("-1s", 0.0)]
)
def test_listener_idle_timeout(given: object, seconds: float) -> None:
    listener = {"connection_idle_timeout": given}
    assert compiled(whole(listener=listener)).listeners[0].idle_timeout == seconds


def test_listener_is_virtual_by_default() -> None:
    assert not compiled(whole(listener={"bind_port": None})).listeners[0].bind


def test_virtual_listeners_may_share_an_address() -> None:
    config = whole(listener={"bind_port": False})
    twin = {**config["servers"][0]["listeners"][0], "name": "m"}
    config["servers"][0]["listeners"].append(twin)
    assert len(compiled(config).listeners) == 2


def test_listener_name_and_unix_address() -> None:
    listener = {"name": "", "address": "/run/a.sock", "network": "Unix"}
    compiled_listener = compiled(whole(listener=listener)).listeners[0]
    assert compiled_listener.name == "/run/a.sock"
    assert compiled_listener.address == "unix:/run/a.sock"


def test_limits_are_shared_out_among_workers() -> None:
    breakers = [{"max_connections": 10, "max_requests": 1}, {"max_connections": 1}]
    config = whole(listener={"max_connections": 7}, cluster={"circuit_breakers": breakers})
    snapshot = compiled(config, workers=4)
    assert snapshot.clusters["c"].limits == Limits(connections=3, requests=1)
    assert snapshot.listeners[0].max_connections == 2


def test_metric_slots() -> None:
    slots = SlotTable()
    snapshot = compiled(whole(), slots=slots)
    cluster = snapshot.clusters["c"]
    assert snapshot.listeners[0].stats_slot == slots.slot(DOWNSTREAM, listener="l")
    assert slots.slot(DOWNSTREAM, proxy="global") in {known.slot for known in slots}
    assert cluster.stats_slot == slots.slot(UPSTREAM_CLUSTER, cluster="c")
    assert cluster.hosts[0].stats_slot == slots.slot(UPSTREAM_HOST, cluster="c", host="127.0.0.1:1")
    assert compiled(whole(), slots=slots) == snapshot


def test_too_many_metrics_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="too many listeners"):
        compiled(whole(), slots=SlotTable(capacity=10))


@pytest.mark.parametrize(
    ("given", "seconds"), [("0", 60.0), (None, 60.0), ("5s", 5.0), ("-1s", 0.0)]
)
def test_route_timeout(given: object, seconds: float) -> None:
    assert action(timeout=given).timeout == seconds


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (None, RetryPolicy(attempts=1)),
        ({}, RetryPolicy(attempts=1)),
        ({"retry_on": True}, RetryPolicy(enabled=True, attempts=1)),
        ({"retry_on": True, "num_retries": 0}, RetryPolicy(enabled=True, attempts=0)),
        ({"num_retries": 2}, RetryPolicy(attempts=2)),
        (
            {"retry_on": "5xx, reset", "num_retries": 2, "conditions": ["timeout", "reset"]},
            RetryPolicy(enabled=True, attempts=2, conditions=["5xx", "reset", "timeout"]),
        ),
        (
            {"retry_on": ["gateway-error"]},
            RetryPolicy(enabled=True, attempts=1, conditions=["gateway-error"]),
        ),
        (
            {"retry_on": True, "retry_timeout": "2s", "status_codes": [502]},
            RetryPolicy(enabled=True, attempts=1, per_try_timeout=2.0, status_codes=[502]),
        ),
        ({"per_try_timeout": "3s"}, RetryPolicy(attempts=1, per_try_timeout=3.0)),
        ({"retry_timeout": "60s"}, RetryPolicy(attempts=1)),  # as long as the whole: no use
        (
            {"backoff_base": "1s", "backoff_max": "2s"},
            RetryPolicy(attempts=1, backoff_base=1.0, backoff_max=2.0),
        ),
    ],
)
def test_retry_policy(policy: object, expected: RetryPolicy) -> None:
    assert action(retry_policy=policy).retry == expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, RouteMatch()),
        ({"prefix": "/a", "path": "/b"}, RouteMatch("prefix", "/a")),
        ({"path": "/B", "regex": "x"}, RouteMatch("path", "/B")),
        ({"regex": r"/\d$"}, RouteMatch("regex", r"/[0-9]\Z")),
        (
            {"headers": [{"name": "X-A", "value": "1"}]},
            RouteMatch(headers=[ValueMatch("x-a", value="1")]),
        ),
        (
            {"headers": [{"name": "service", "value": ".*"}]},
            RouteMatch(headers=[ValueMatch("service", "any")]),
        ),
        (
            {"prefix": "/", "headers": [{"name": "service", "value": ".*"}]},
            RouteMatch("prefix", "/", headers=[ValueMatch("service", value=".*")]),
        ),
        (
            {"headers": [{"name": "a", "value": "b.*", "regex": True}, {"name": "c"}]},
            RouteMatch(headers=[ValueMatch("a", "regex", "b.*"), ValueMatch("c")]),
        ),
        (
            {"query_parameters": [{"name": "Q", "present": True, "invert": True}]},
            RouteMatch(query=[ValueMatch("Q", "present", invert=True)]),
        ),
        (
            {"headers": [{"name": "a", "prefix": "p"}, {"name": "b", "suffix": "s"}]},
            RouteMatch(headers=[ValueMatch("a", "prefix", "p"), ValueMatch("b", "suffix", "s")]),
        ),
        (
            {"variables": [{"name": "v", "value": "x", "regex": "y", "model": "OR"}]},
            RouteMatch("variables", variables=[ValueMatch("v", "regex", "y", any_of=True)]),
        ),
    ],
)
def test_match(keys: dict[str, object], expected: RouteMatch) -> None:
    assert match(**keys) == expected


def test_a_route_that_only_cel_decides_is_left_out() -> None:
    config = whole(route={"match": {"dsl_expressions": [{"expression": "true"}]}})
    assert compiled(config).routers["r"].virtual_hosts[0].routes == []


def test_actions_in_order_of_precedence() -> None:
    redirect = {"path_redirect": "/x", "scheme_redirect": "HTTPS", "response_code": 308}
    everything = {"redirect": redirect, "route": {"cluster_name": "c"}}
    assert first_route(everything).action == Redirect(308, "https", "", "/x")
    answer = {"direct_response": {"status": 503, "body": "no"}, **everything}
    assert first_route(answer).action == DirectResponse(503, "no")
    assert first_route({"direct_response": {}}).action == DirectResponse(200)
    assert first_route({"redirect": {"response_code": 0}}).action == Redirect(301)


def test_destinations() -> None:
    weighted = [
        {"cluster": {"name": "c", "weight": 1}},
        {"cluster": {"name": "d", "weight": 0}},
        {"cluster": {"name": "c", "weight": 2}},
    ]
    assert first_route({"route": {"weighted_clusters": weighted}}).action.clusters == [
        WeightedCluster("c", 3),
        WeightedCluster("d", 0),
    ]
    assert first_route({"route": {"cluster_variable": "v"}}).action.cluster_variable == "v"
    by_header = first_route({"route": {"cluster_header": "X-Cluster"}}).action
    assert (by_header.clusters, by_header.cluster_variable) == ([], "request_header_x-cluster")


def test_rewrites_and_hashes() -> None:
    regex = {"pattern": {"regex": r"^/(\w+)"}, "substitution": "/$1"}
    assert action(regex_rewrite=regex).regex_rewrite == "^/([0-9A-Z_a-z]+)"
    assert action(regex_rewrite=regex).regex_substitution == "/$1"
    assert action(regex_rewrite=regex, prefix_rewrite="/x").regex_rewrite == ""
    assert action(hash_policy=[{"header": {"key": "X"}}]).hash_policy == HashPolicy("header", "x")
    assert action(hash_policy=[{"cookie": {"name": "S"}}]).hash_policy == HashPolicy("cookie", "S")
    assert action(hash_policy=[{"source_ip": {}}]).hash_policy == HashPolicy()


def test_header_edits() -> None:
    add = [
        {"header": {"key": "X-A", "value": "%v%"}},
        {"header": {"key": "B", "value": "b"}, "append": False},
    ]
    route = first_route({"route": {"cluster_name": "c", "request_headers_to_add": add}})
    assert route.edits.request_add == [HeaderValue("x-a", "%v%"), HeaderValue("b", "b", False)]


def test_only_text_labels_count() -> None:
    labels = {"filter_metadata": {"mosn.lb": {"zone": "a", "rank": 1}}}
    assert action(metadata_match=labels).metadata == {"zone": "a"}


def test_hosts() -> None:
    hosts = [
        {"address": "127.0.0.1:1", "weight": 500},
        {"address": "127.0.0.1:1", "weight": 3},
        {"address": "127.0.0.1:2", "weight": 0},
        {"address": "app.internal:80"},
        {"address": "unix:/run/x", "hostname": "x"},
    ]
    got = compiled(whole(cluster={"hosts": hosts})).clusters["c"].hosts
    assert [(h.address, h.hostname, h.weight) for h in got] == [
        ("127.0.0.1:1", "", 128),
        ("127.0.0.1:2", "", 1),
        ("app.internal:80", "app.internal", 1),
        ("unix:/run/x", "x", 1),
    ]


def test_names_are_resolved() -> None:
    hosts = [{"address": "a.internal"}, {"address": "b.internal:81"}, {"address": "[::1]:1"}]
    config = whole(cluster={"type": "STRICT_DNS", "hosts": hosts})
    config["servers"][0]["listeners"][0]["address"] = "edge.internal:8080"
    loaded = parse_config(json.dumps(config))
    assert names_to_resolve(loaded.config) == [
        "a.internal:80",
        "b.internal:81",
        "edge.internal:8080",
    ]
    resolve = {
        "a.internal:80": ["10.0.0.1:80", "[fd00::1]:80"],
        "edge.internal:8080": ["10.0.0.9:8080"],
    }
    snapshot = compiled(config, resolve=resolve)
    assert [(h.address, h.hostname) for h in snapshot.clusters["c"].hosts] == [
        ("10.0.0.1:80", "a.internal"),
        ("[fd00::1]:80", "a.internal"),
        ("[::1]:1", ""),
    ]
    assert snapshot.listeners[0].address == "10.0.0.9:8080"
    with pytest.raises(ConfigError, match="cannot be resolved"):
        compiled(config, resolve={})


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("LB_RANDOM", "LB_RANDOM"),
        ("LB_MAGLEV", "LB_ROUNDROBIN"),
        ("LB_NONE", "LB_ROUNDROBIN"),
        ("", "LB_ROUNDROBIN"),
    ],
)
def test_balancers(kind: str, expected: str) -> None:
    assert compiled(whole(cluster={"lb_type": kind})).clusters["c"].balancer.kind == expected


def test_balancer_options() -> None:
    cluster = {"lb_type": "LB_PEAK_EWMA", "lbconfig": {"choice_count": 3, "client_error_bias": 2}}
    can = Capabilities(balancers=frozenset({"LB_PEAK_EWMA"}))
    assert compiled(whole(cluster=cluster), capabilities=can).clusters["c"].balancer == Balancer(
        "LB_PEAK_EWMA", 3, 1.0, {"client_error_bias": 2.0, "server_error_bias": 1.0}
    )


def test_hosts_that_need_tls_are_left_out() -> None:
    hosts = [{"address": "127.0.0.1:1"}, {"address": "127.0.0.1:2", "tls_disable": True}]
    cluster = {"hosts": hosts, "tls_context": {"status": True}}
    none = Capabilities(tls=False)
    got = compiled(whole(cluster=cluster), capabilities=none).clusters["c"].hosts
    assert [host.address for host in got] == ["127.0.0.1:2"]
    assert len(compiled(whole(cluster=cluster)).clusters["c"].hosts) == 2


def test_a_tls_listener_is_left_out_unless_it_takes_plain_text_too() -> None:
    chain = [{"tls_context": {"status": True}, "filters": [PROXY]}]
    none = Capabilities(tls=False)
    assert compiled(whole(listener={"filter_chains": chain}), capabilities=none).listeners == []
    both = {"filter_chains": chain, "inspector": True}
    assert len(compiled(whole(listener=both), capabilities=none).listeners) == 1


def test_protocols() -> None:
    def protocols(name: str, **extend: object) -> list[str]:
        config = {"downstream_protocol": name, "router_config_name": "r", "extend_config": extend}
        got = compiled(whole(filters=[{"type": "proxy", "config": config}]))
        return [p for x in got.listeners for f in x.filters for p in f.protocols]  # type: ignore[union-attr]

    rpc = ["bolt", "boltv2", "dubbo", "dubbo-thrift", "tars"]
    assert protocols("Auto") == ["Http1", "Http2", *rpc]
    assert protocols("http2") == ["Http2"]
    assert protocols("Bolt, http1") == ["bolt", "Http1"]
    assert protocols("X", sub_protocol="dubbo") == ["dubbo"]
    assert protocols("module:Class") == ["module:Class"]
    assert protocols("unheard-of") == []


def test_rpc_options() -> None:
    def options(extend: object) -> RpcOptions:
        config = {**PROXY["config"], "extend_config": extend}  # type: ignore[dict-item]
        got = compiled(whole(filters=[{"type": "proxy", "config": config}]))
        proxy = got.listeners[0].filters[0]
        assert isinstance(proxy, HttpProxy)
        return proxy.rpc

    assert options(None) == RpcOptions()
    assert options({"enable_bolt_goaway": True}).goaway
    assert options({"bolt": {"enable_bolt_goaway": True}}).goaway
    given = {"max_frame_size": "1MB", "max_header_size": 9, "max_headers": 8, "max_in_flight": 7}
    assert options({"rpc": given}) == RpcOptions(1 << 20, 9, 8, 7)


def test_http1_options_in_both_places() -> None:
    def options(extend: object) -> Http1Options:
        config = {**PROXY["config"], "extend_config": extend}  # type: ignore[dict-item]
        got = compiled(whole(filters=[{"type": "proxy", "config": config}]))
        proxy = got.listeners[0].filters[0]
        assert isinstance(proxy, HttpProxy)
        return proxy.http1

    assert options({"max_header_size": 100}).max_header_bytes == 100
    assert options(
        {
            "Http1": {
                "max_header_size": "16KB",
                "max_request_body_size": 5,
                "max_headers": 7,
                "header_timeout": "1s",
                "body_timeout": "2s",
                "max_requests_per_connection": 3,
                "forwarded_headers": True,
                "via": "p",
                "request_id": True,
                "server_name": "s",
            }
        }
    ) == Http1Options(16384, 7, 5, 1.0, 2.0, 3, True, "p", True, "s")


def test_tcp_proxy() -> None:
    routes = [
        {
            "Cluster": "c",
            "SourceAddrs": [{"Address": "10.1.0.0", "Length": 8}],
            "DestinationAddrs": [{"Address": "::1", "Length": 128}],
            "SourcePort": "1-2,3",
            "DestinationPort": "80",
        }
    ]
    config = {"routes": routes, "idle_timeout": 5_000_000_000, "max_connect_attempts": 1}
    got = compiled(whole(filters=[{"type": "tcp_proxy", "config": config}])).listeners[0].filters
    route = TcpRoute("c", ["10.0.0.0/8"], ["::1/128"], [(1, 2), (3, 3)], [(80, 80)])
    assert got == [TcpProxy("", [route], 5.0, 1)]


def test_access_logs() -> None:
    logs = [
        {},
        {"log_path": "/dev/stdout", "log_format": "%start_time% \\% x"},
        {"json_format": {"s": "%response_code%"}, "log_path": "a", "flush_interval": "0"},
        {"log_path": "syslog"},
    ]
    got = compiled(whole(listener={"access_logs": logs}), log_directory="/logs").listeners[0]
    first, second, third, fourth = got.access_logs
    assert first.path == "/logs/l_access.log"
    assert first.format.startswith("%start_time% %trace_id%  %connection_id%")
    assert second == AccessLog("stdout", "%start_time% \\% x")
    assert (third.json, third.flush_interval) == ({"s": "%response_code%"}, 0.0)
    assert fourth.path == "syslog"


@pytest.mark.parametrize("path", ["syslog://", "syslog+sctp://a", "syslog://a:0", "syslog:a"])
def test_a_malformed_syslog_path_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match=r"access_logs\[0\]\.log_path"):
        compiled(whole(listener={"access_logs": [{"log_path": path}]}))


def test_routes_of_a_connection_manager() -> None:
    table = {
        "router_config_name": "old",
        "virtual_hosts": [{"domains": ["*"], "routers": [{"route": {"cluster_name": "c"}}]}],
    }
    proxy = {"downstream_protocol": "Http1", "router_config_name": "old"}
    filters = [
        {"type": "proxy", "config": proxy},
        {"type": "connection_manager", "config": table},
    ]
    assert list(compiled(whole(filters=filters)).routers) == ["r", "old"]


def test_stream_filters() -> None:
    listener = {"stream_filters": [{"type": "gzip"}, {"type": "a.b:C", "config": {"x": 1}}]}
    got = compiled(whole(listener=listener)).listeners[0].stream_filters
    assert [(f.type, f.config) for f in got] == [("a.b:C", {"x": 1})]
    can = Capabilities(stream_filters=frozenset({"gzip"}))
    assert (
        len(compiled(whole(listener=listener), capabilities=can).listeners[0].stream_filters) == 2
    )
