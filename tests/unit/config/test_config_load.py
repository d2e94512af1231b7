"""Reading files: forms, key case, directories, strictness, and never any other exception."""

import contextlib
import copy
import json
from pathlib import Path
from typing import Any

import config_golden
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pymosn.config.compile import compile_snapshot
from pymosn.config.document import parse
from pymosn.config.expand import expand
from pymosn.config.load import from_command_line, load_config, parse_config
from pymosn.config.model import MosnConfig, Server
from pymosn.config.settings import server_settings
from pymosn.config.support import Capabilities
from pymosn.errors import ConfigError
from pymosn.observe.metrics import SlotTable
from pymosn.snapshot import HttpProxy, TcpProxy

CLUSTER = {"name": "c", "hosts": [{"address": "127.0.0.1:1"}]}
HOST = {"name": "v", "domains": ["*"], "routers": [{"route": {"cluster_name": "c"}}]}


def document(**server: object) -> dict[str, Any]:
    return {"servers": [server], "cluster_manager": {"clusters": [CLUSTER]}}


def test_keys_match_whatever_their_case() -> None:
    loaded = parse_config('{"SERVERS": [{"Default_Log_Path": "stdout", "PROCESSOR": 3}]}')
    assert loaded.config.servers[0].default_log_path == "stdout"
    assert loaded.config.servers[0].processor == 3
    assert loaded.findings == []


def test_null_is_an_absent_key() -> None:
    loaded = parse_config('{"servers": [{"listeners": null, "graceful_timeout": null}]}')
    assert loaded.config.servers == [Server()]


def test_two_cases_of_one_key() -> None:
    loaded = parse_config('{"servers": [{"processor": 1, "Processor": 2}]}')
    assert loaded.config.servers[0].processor == 2
    assert [str(f) for f in loaded.warnings] == [
        "$.servers[0].processor: is given more than once; the last one counts"
    ]


def test_strict_refuses_unknown_keys() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config('{"servers": [{"listners": []}]}', file="f", strict=True)
    assert caught.value.path == "$.servers[0].listners"
    assert caught.value.file == "f"
    assert caught.value.message == 'is not a known key; did you mean "listeners"?'


def test_a_schema_key_is_fine() -> None:
    assert parse_config('{"$schema": "x", "servers": [{}]}', strict=True).findings == []


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_config(tmp_path / "no.json")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config("a\0b")


def test_the_extension_decides(tmp_path: Path) -> None:
    for name in ("a.yaml", "a.yml"):
        (tmp_path / name).write_text("servers:\n- default_log_path: stdout\n")
        assert load_config(tmp_path / name).config.servers[0].default_log_path == "stdout"
    (tmp_path / "a.conf").write_text("servers: []")
    with pytest.raises(ConfigError, match="line 1, column 1: malformed JSON"):
        load_config(tmp_path / "a.conf")


def test_yaml_text_that_looks_like_something_else() -> None:
    loaded = parse_config(
        "servers:\n- default_log_path: 2024-01-02\n  mosn_server_name: 1:30\n"
        "  default_log_level: 1:30.5\n",
        is_yaml=True,
    )
    server = loaded.config.servers[0]
    assert server.default_log_path == "2024-01-02"
    assert server.mosn_server_name == "1:30"
    assert server.default_log_level == "1:30.5"


def test_yaml_anchors_and_merge_keys() -> None:
    text = """
x: &base {bind_port: true, filter_chains: [{filters: [{type: tcp_proxy, config: {cluster: c}}]}]}
servers:
- listeners:
  - {<<: *base, address: "127.0.0.1:1"}
  - {<<: *base, address: "127.0.0.1:2"}
cluster_manager: {clusters: [{name: c}]}
"""
    loaded = parse_config(text, is_yaml=True)
    assert [listener.bind_port for listener in loaded.config.servers[0].listeners] == [True, True]


def test_directories(tmp_path: Path) -> None:
    clusters, routers = tmp_path / "clusters", tmp_path / "routers"
    clusters.mkdir()
    routers.mkdir()
    (clusters / "b.json").write_text(json.dumps({"name": "b", "nam": 1}))
    (clusters / "a.json").write_text(json.dumps(CLUSTER))
    (clusters / "empty.json").write_text(" \n")
    (clusters / "notes.txt").write_text("{")
    (routers / "v.json").write_text(json.dumps(HOST))
    main = {
        "servers": [{"routers": [{"router_config_name": "r", "router_configs": "routers"}]}],
        "cluster_manager": {"clusters_configs": str(clusters)},
    }
    (tmp_path / "mosn.json").write_text(json.dumps(main))
    loaded = load_config(tmp_path / "mosn.json")
    snapshot = compile_snapshot(loaded.config, SlotTable(), source=loaded.source)
    assert list(snapshot.clusters) == ["c", "b"]
    assert snapshot.routers["r"].virtual_hosts[0].name == "v"
    assert [str(f) for f in loaded.warnings] == [
        f'{clusters}/b.json: $.nam: is not a known key and is ignored; did you mean "name"?'
    ]
    assert "clusters_configs" not in expand(loaded.config)["cluster_manager"]


def test_an_error_in_a_directory_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "v.json").write_text(json.dumps({"domains": ["*"], "routers": [{}]}))
    main = document(routers=[{"router_config_name": "r", "router_configs": str(tmp_path)}])
    loaded = parse_config(json.dumps(main), file="mosn.json")
    with pytest.raises(ConfigError) as caught:
        compile_snapshot(loaded.config, SlotTable(), source=loaded.source)
    assert caught.value.file == f"{tmp_path}/v.json"
    assert caught.value.path == "$.routers[0]"


def test_malformed_file_in_a_directory(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text("{")
    main = {"servers": [{}], "cluster_manager": {"clusters_configs": str(tmp_path)}}
    with pytest.raises(ConfigError, match=r"c\.json: line 1, column 2: malformed JSON"):
        parse_config(json.dumps(main))


@pytest.mark.parametrize(
    ("manager", "message"),
    [
        ({"clusters_configs": ".", "clusters": [CLUSTER]}, "clusters is given too"),
        ({"clusters_configs": "no/such/directory"}, "cannot be read: No such file"),
    ],
)
def test_directory_is_refused(manager: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        parse_config(json.dumps({"servers": [{}], "cluster_manager": manager}))
    assert caught.value.path == "$.cluster_manager.clusters_configs"


def test_xds_needs_no_server() -> None:
    loaded = parse_config('{"static_resources": {"a": 1}, "dynamic_resources": {"b": 1}}')
    assert loaded.config.mode == "xds"
    assert [f.path for f in loaded.notices] == ["$.dynamic_resources"]
    assert compile_snapshot(loaded.config, SlotTable()).listeners == []
    assert server_settings(loaded.config, environment={}).log_path == "stdout"


def test_xds_may_name_what_is_not_there_yet() -> None:
    both = {"static_resources": {"a": 1}, "dynamic_resources": {"b": 1}}
    hosts = [{**HOST, "routers": [{"route": {"cluster_name": "later"}}]}]
    main = document(routers=[{"router_config_name": "r", "virtual_hosts": hosts}]) | both
    loaded = parse_config(json.dumps(main))
    assert loaded.config.mode == "mix"
    compile_snapshot(loaded.config, SlotTable())


def test_lone_surrogates_are_replaced() -> None:
    for text, is_yaml in [('{"servers": [{"mosn_server_name": "\\ud800"}]}', False)]:
        loaded = parse_config(text, is_yaml=is_yaml)
        assert loaded.config.servers[0].mosn_server_name == "\ufffd"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "NaN",
        "[" * 100000,
        '{"a":' * 50000,
        "9" * 5000,
        '{"servers": [{"a": Infinity}]}',
        '{"servers": [' + '{"plugin":' * 100000 + "1" + "}" * 100000 + "]}",
        "\x00",
        "null",
        "1",
        '"a"',
    ],
)
def test_odd_documents(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_config(text)


@pytest.mark.parametrize(
    "text", ["&a [*a]", "&a {b: *a}", "!!python/object:os.system {}", "? [1]\n: 2"]
)
def test_odd_yaml(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_config(f"servers: [{{default_log_path: {text}}}]\nx: {text}", is_yaml=True)


def test_not_utf8() -> None:
    with pytest.raises(ConfigError, match="line 2: is not UTF-8 text"):
        parse_config(b'{\n"a": "\xff"}')
    assert parse_config(b'\xef\xbb\xbf{"servers": [{}]}').config == MosnConfig(servers=[Server()])


def test_command_line_http() -> None:
    loaded = from_command_line(":8080", ["http://127.0.0.1:9000", "unix:/run/x"])
    snapshot = compile_snapshot(loaded.config, SlotTable(), source=loaded.source)
    listener = snapshot.listeners[0]
    assert (listener.address, listener.bind) == ("0.0.0.0:8080", True)
    assert isinstance(listener.filters[0], HttpProxy)
    (cluster,) = snapshot.clusters.values()
    assert [host.address for host in cluster.hosts] == ["127.0.0.1:9000", "unix:/run/x"]
    assert loaded.findings == []


def test_command_line_tcp() -> None:
    loaded = from_command_line(":6380", ["127.0.0.1:6379"], tcp=True)
    snapshot = compile_snapshot(loaded.config, SlotTable(), source=loaded.source)
    assert snapshot.listeners[0].filters == [TcpProxy(cluster="127.0.0.1:6379")]


@pytest.mark.parametrize(
    ("listen", "targets", "message"),
    [
        (":8080", ["ftp://a"], "is not supported"),
        (":8080", ["http://a/b"], "no path"),
        (":8080", ["a"], "no cluster has this name"),
        (":8080", [], "is empty"),
        (":x", ["a:1"], "is not a port number"),
    ],
)
def test_command_line_is_refused(listen: str, targets: list[str], message: str) -> None:
    def both() -> None:
        loaded = from_command_line(listen, targets)
        compile_snapshot(loaded.config, SlotTable(), source=loaded.source)

    with pytest.raises(ConfigError, match=message):
        both()


def test_capabilities_take_notices_away() -> None:
    text = json.dumps(document(listeners=[{"address": ":1", "stream_filters": [{"type": "gzip"}]}]))
    can = Capabilities(stream_filters=frozenset({"gzip"}))
    with_gzip = [f.message for f in parse_config(text, capabilities=can).notices]
    assert "gzip" not in "".join(with_gzip)


KEYS = st.sampled_from(
    [
        "servers",
        "listeners",
        "routers",
        "cluster_manager",
        "clusters",
        "hosts",
        "address",
        "name",
        "filter_chains",
        "filters",
        "type",
        "config",
        "match",
        "route",
        "prefix",
        "regex",
        "cluster_name",
        "domains",
        "virtual_hosts",
        "weight",
        "metadata",
        "filter_metadata",
        "mosn.lb",
        "retry_policy",
        "retry_on",
        "timeout",
        "connect_timeout",
        "tls_context",
        "status",
        "metrics",
        "sinks",
        "processor",
        "listen",
        "to",
        "tcp",
        "routes",
        "respond",
        "redirect",
        "host",
        "headers",
        "query",
        "retries",
        "access_log",
        "clusters_configs",
        "extends",
        "third_part_codec",
        "codecs",
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([":8080", "127.0.0.1:1", "5s", "proxy", "tcp_proxy", "Http1", "/a", "*", "("])
)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=30,
)


def use(value: object) -> None:
    """Do with a document what a start does; raises ``ConfigError`` or nothing."""
    loaded = parse_config(json.dumps(value))
    compile_snapshot(loaded.config, SlotTable(), source=loaded.source)
    server_settings(loaded.config, source=loaded.source, environment={})
    again = parse_config(json.dumps(expand(loaded.config)))
    assert expand(again.config) == expand(loaded.config)


@given(DOCUMENTS)
@example({"listen": ":8080", "to": {"a:1": 1}})
@example({"servers": [{"listeners": [{"address": "/a", "network": "unix"}]}]})
def test_any_json_is_a_configuration_or_a_config_error(value: object) -> None:
    with contextlib.suppress(ConfigError):
        use(value)


VALID = [
    parse(config_golden.read(file), file=file.name, is_yaml=True)
    for folder in ("short", "findings")
    for file in sorted((config_golden.GOLDEN / folder).glob("*.txt"))
]


@given(st.data())
def test_a_valid_configuration_with_one_part_replaced(data: st.DataObject) -> None:
    root = copy.deepcopy(data.draw(st.sampled_from(VALID)))
    node: Any = root
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        deeper = isinstance(node[key], dict | list) and node[key]
        if not deeper or data.draw(st.integers(0, 5)) == 0:
            break
        node = node[key]
    node[key] = data.draw(DOCUMENTS)
    with contextlib.suppress(ConfigError):
        use(root)


@given(st.text(max_size=60))
def test_any_text_is_a_configuration_or_a_config_error(text: str) -> None:
    for is_yaml in (False, True):
        with contextlib.suppress(ConfigError):
            parse_config(text, is_yaml=is_yaml)
