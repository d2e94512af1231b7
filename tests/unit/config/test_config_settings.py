"""What the supervisor is told: paths, logs, workers, sinks."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pymosn.config.cpus import available_cpus, cgroup_quota, worker_count
from pymosn.config.load import load_config, parse_config
from pymosn.config.settings import (
    Paths,
    PrometheusSettings,
    Roller,
    ServerSettings,
    default_paths,
    parse_roller,
    server_settings,
)
from pymosn.errors import ConfigError


def settings(server: object = None, **top: Any) -> ServerSettings:
    loaded = parse_config(json.dumps({"servers": [server or {}], **top}))
    return server_settings(loaded.config, source=loaded.source, environment={})


def test_defaults_without_a_file() -> None:
    got = settings()
    assert (got.log_path, got.log_level, got.admin_address) == ("stderr", "INFO", "")
    assert got.pid_path.endswith("/mosn.pid")
    assert got.graceful_timeout == 30.0
    assert got.upgrade
    assert got.workers == len(os.sched_getaffinity(0))
    assert got.roller == Roller(hours=24, keep=10)
    assert got.metrics.prometheus is None


def test_mosn_paths(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    file = tmp_path / "conf" / "mosn.json"
    file.write_text('{"servers": [{}]}')
    loaded = load_config(file)
    got = server_settings(loaded.config, source=loaded.source, environment={})
    assert got.log_path == f"{tmp_path}/logs/mosn.log"
    assert got.pid_path == f"{tmp_path}/logs/mosn.pid"
    assert got.access_log_directory == f"{tmp_path}/logs"
    assert got.paths.sockets == f"{tmp_path}/conf"
    assert not (tmp_path / "logs").exists()  # reading a configuration makes no directory


def test_paths_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, _: str(path) == str(tmp_path / "run"))
    (tmp_path / "run").mkdir()
    file = str(tmp_path / "conf" / "mosn.json")
    run = f"{tmp_path}/run"
    assert default_paths(file, "", {"XDG_RUNTIME_DIR": run}) == Paths(
        logs="", run=f"{run}/pymosn", sockets=f"{run}/pymosn"
    )
    fallback = default_paths(file, "/given", {})
    assert fallback.sockets == "/given"
    assert fallback.run.endswith(f"/pymosn-{os.getuid()}")


@pytest.mark.parametrize(
    ("server", "top", "expected"),
    [
        ({"default_log_path": "/dev/stdout"}, {}, {"log_path": "stdout"}),
        ({"default_log_path": "syslog://a:1"}, {}, {"log_path": "syslog://a:1"}),
        ({"default_log_level": "WARN"}, {}, {"log_level": "WARN"}),
        ({"default_log_level": "warn"}, {}, {"log_level": "INFO"}),
        ({"graceful_timeout": "-1s"}, {}, {"graceful_timeout": 0.0}),
        ({"mosn_server_name": "x"}, {}, {"name": "x"}),
        ({"processor": 3}, {}, {"workers": 3}),
        ({}, {"pid": "/p"}, {"pid_path": "/p"}),
        ({}, {"disable_upgrade": True}, {"upgrade": False}),
        ({}, {"close_graceful": True}, {"upgrade": False}),
        ({}, {"admin": {}}, {"admin_address": ""}),
        (
            {},
            {"admin": {"address": {"socket_address": {"address": "localhost", "port_value": 1}}}},
            {"admin_address": "127.0.0.1:1"},
        ),
        (
            {},
            {"admin": {"address": {"socket_address": {"address": "::", "port_value": 2}}}},
            {"admin_address": "[::]:2"},
        ),
    ],
)
def test_settings(server: object, top: dict[str, Any], expected: dict[str, object]) -> None:
    got = settings(server, **top)
    assert {key: getattr(got, key) for key in expected} == expected


def test_metrics() -> None:
    sink = {
        "type": "prometheus",
        "config": {"Port": 9102, "percentiles": [50, 99], "disable_collect_go": True},
    }
    matcher = {"reject_all": True, "exclusion_labels": ["host"], "exclusion_keys": ["k"]}
    got = settings(metrics={"sinks": [sink], "stats_matcher": matcher, "flush_mosn": True}).metrics
    assert got.prometheus == PrometheusSettings("0.0.0.0:9102", "/metrics", [50, 99], True, False)
    assert (got.reject_all, got.exclusion_labels, got.exclusion_keys) == (True, ["host"], ["k"])
    assert (got.flush_mosn, got.lazy_flush) == (True, False)


@pytest.mark.parametrize(
    ("server", "top", "path"),
    [
        ({"global_log_roller": "time=25"}, {}, "$.servers[0].global_log_roller"),
        (
            {},
            {"admin": {"address": {"socket_address": {"address": "x.y", "port_value": 1}}}},
            "$.admin.address.socket_address.address",
        ),
        (
            {},
            {"metrics": {"sinks": [{"type": "prometheus"}]}},
            "$.metrics.sinks[0].config.port",
        ),
        (
            {},
            {"metrics": {"sinks": [{"type": "prometheus", "config": {"port": "1"}}]}},
            "$.metrics.sinks[0].config.port",
        ),
        (
            {},
            {"metrics": {"sinks": [{"type": "prometheus", "config": {"export_url": "x"}}]}},
            "$.metrics.sinks[0].config.export_url",
        ),
        (
            {},
            {
                "metrics": {
                    "sinks": [{"type": "prometheus", "config": {"port": 1, "endpoint": "x"}}]
                }
            },
            "$.metrics.sinks[0].config.endpoint",
        ),
    ],
)
def test_settings_are_refused(server: object, top: dict[str, Any], path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(server, **top)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("text", "roller"),
    [
        ("", Roller()),
        ("time=1", Roller(hours=1)),
        ("time=24 size=5 keep=3", Roller(hours=24, keep=3)),
        ("size=100", Roller(0, 100, 7, 10, False)),
        ("size=100 age=3 keep=2 compress=on", Roller(0, 100, 3, 2, True)),
        ("compress=off", Roller(0, 1000, 7, 10, False)),
    ],
)
def test_roller(text: str, roller: Roller) -> None:
    assert parse_roller(text) == roller


@pytest.mark.parametrize("text", ["time", "time=0", "time=x", "x=1", "compress=1", "size=-1"])
def test_roller_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_roller(text)


@pytest.mark.parametrize(
    ("processor", "environment", "workers"),
    [(3, {}, 3), ("5", {}, 5), (2, {"GOMAXPROCS": "7"}, 7), (2, {"GOMAXPROCS": "x"}, 2)],
)
def test_worker_count(
    processor: int | str | None, environment: dict[str, str], workers: int
) -> None:
    assert worker_count(processor, environment) == workers


@pytest.mark.parametrize("processor", [None, 0, -1, "0", "-3", "auto", "AUTO", "many"])
def test_worker_count_of_the_machine(processor: int | str | None) -> None:
    assert 1 <= worker_count(processor, {}) <= len(os.sched_getaffinity(0))


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_cgroup_version_2(tmp_path: Path) -> None:
    write(tmp_path / "proc/self/cgroup", "0::/pod/box\n")
    write(tmp_path / "sys/fs/cgroup/pod/cpu.max", "150000 100000\n")
    write(tmp_path / "sys/fs/cgroup/pod/box/cpu.max", "max 100000\n")
    assert cgroup_quota(tmp_path) == 1.5
    assert available_cpus(tmp_path) == min(2, len(os.sched_getaffinity(0)))


def test_cgroup_version_1(tmp_path: Path) -> None:
    write(tmp_path / "proc/self/cgroup", "4:cpu,cpuacct:/a\n2:memory:/b\n")
    write(tmp_path / "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "50000\n")
    write(tmp_path / "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n")
    write(tmp_path / "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n")
    assert cgroup_quota(tmp_path) == 0.5
    assert available_cpus(tmp_path) == 1


def test_no_cgroup(tmp_path: Path) -> None:
    assert cgroup_quota(tmp_path) == 0
    assert available_cpus(tmp_path) == len(os.sched_getaffinity(0))
