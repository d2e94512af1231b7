"""The benchmark's arithmetic, parsing and configuration; nothing here is timed or started."""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from bench import usage
from bench.campaign import ScenarioResult
from bench.chart import bar_chart
from bench.load import parse_wrk
from bench.outcome import Outcome, Spread, difference, ratio, spread
from bench.processes import BenchError, process_tree
from bench.proxies import contenders
from bench.proxies.base import Plan
from bench.proxies.envoy import bootstrap
from bench.proxies.haproxy import HAProxy
from bench.proxies.mosn_config import mosn_config
from bench.proxies.nginx import Nginx, stream_module
from bench.report import as_json, as_markdown
from bench.scenarios import FILTERED, LARGE_BYTES, ROUTES, SCENARIOS, SMALL_BODY, route_prefix
from bench.syscalls import parse_summary

REPORT = {
    "requests": 1000,
    "bytes": 1000 * 200,
    "duration_us": 2_000_000,
    "p50_us": 400.0,
    "p99_us": 900.0,
    "connect": 0,
    "read": 0,
    "write": 0,
    "status": 0,
    "timeout": 0,
}

STRACE = """\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.600000           6    100000     50000 recvfrom
 39.00    0.390000           7     50000           sendto
  1.00    0.010000          10      1000         1 epoll_wait
------ ----------- ----------- --------- --------- ----------------
100.00    1.000000           6    151000     50001 total
"""


def wrk_output(**changes: object) -> str:
    return f"Running 2s test\n  2 threads\nBENCH {json.dumps({**REPORT, **changes})}\n"


def outcome(name: str, *values: float) -> Outcome:
    return Outcome(name, "1.0", [{"cpu_us": value, "rps": 1e6 / value} for value in values])


def plan(tmp_path: Path, scenario: str) -> Plan:
    return Plan(SCENARIOS[scenario], tmp_path, 2045, 8080)


class TestWrk:
    def test_reads_the_report(self) -> None:
        report = parse_wrk(wrk_output(), 64, 32)
        assert (report.requests, report.seconds) == (1000, 2.0)
        assert (report.p50_us, report.p99_us) == (400.0, 900.0)
        assert report.per_second == 500.0

    @pytest.mark.parametrize("kind", ["connect", "read", "write", "status", "timeout"])
    def test_any_error_fails(self, kind: str) -> None:
        with pytest.raises(BenchError, match=kind):
            parse_wrk(wrk_output(**{kind: 1}), 64, 32)

    def test_no_reply_fails(self) -> None:
        with pytest.raises(BenchError, match="not one"):
            parse_wrk(wrk_output(requests=0, bytes=0), 64, 32)

    @pytest.mark.parametrize("received", [1000 * 63, 1000 * 64 + 2_000_000])
    def test_wrong_lengths_fail(self, received: int) -> None:
        with pytest.raises(BenchError, match="cannot make"):
            parse_wrk(wrk_output(bytes=received), 64, 32)

    def test_unfinished_replies_are_allowed(self) -> None:
        received = (1000 + 31) * (LARGE_BYTES + 200)
        assert parse_wrk(wrk_output(bytes=received), LARGE_BYTES, 32).requests == 1000

    def test_silence_fails(self) -> None:
        with pytest.raises(BenchError, match="no report"):
            parse_wrk("Running 2s test\n", 64, 32)


class TestStrace:
    def test_counts_calls_with_and_without_errors(self) -> None:
        expected = {"recvfrom": 100000, "sendto": 50000, "epoll_wait": 1000}
        assert parse_summary(STRACE) == expected

    def test_empty_table(self) -> None:
        assert parse_summary("") == {}


class TestArithmetic:
    def test_spread(self) -> None:
        assert spread([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
        assert spread([]) is None

    def test_ratio_is_taken_round_by_round(self) -> None:
        # Of the medians it would be 12 / 20.
        ours, baseline = outcome("pymosn", 10, 30, 12), outcome("nginx", 20, 20, 60)
        assert ratio(ours, baseline, "cpu_us") == Spread(0.5, 0.2, 1.5)

    def test_difference_is_taken_round_by_round(self) -> None:
        ours, baseline = outcome(FILTERED, 12, 15), outcome("pymosn", 10, 11)
        assert difference(ours, baseline, "cpu_us") == Spread(3.0, 2.0, 4.0)

    def test_a_failed_side_gives_none(self) -> None:
        ours, baseline = outcome("pymosn", 10), outcome("nginx", 20)
        baseline.fail("it died")
        assert ratio(ours, baseline, "cpu_us") is None

    def test_a_metric_that_was_not_taken_gives_none(self) -> None:
        assert ratio(outcome("direct"), outcome("nginx", 20), "cpu_us") is None


class TestConfigurations:
    def test_mosn_http(self, tmp_path: Path) -> None:
        config = mosn_config(plan(tmp_path, "h1"), [])
        server = config["servers"][0]
        listener = server["listeners"][0]
        assert server["processor"] == 1
        assert listener["address"] == "127.0.0.1:2045"
        assert "stream_filters" not in listener
        assert "access_logs" not in listener
        (network_filter,) = listener["filter_chains"][0]["filters"]
        named = network_filter["config"]["router_config_name"]
        assert [router["router_config_name"] for router in server["routers"]] == [named]
        (cluster,) = config["cluster_manager"]["clusters"]
        assert cluster["hosts"] == [{"address": "127.0.0.1:8080"}]

    def test_mosn_routes(self, tmp_path: Path) -> None:
        config = mosn_config(plan(tmp_path, "h1-routes"), [])
        rules = config["servers"][0]["routers"][0]["virtual_hosts"][0]["routers"]
        assert len(rules) == ROUTES
        assert rules[-1]["match"] == {"prefix": route_prefix(ROUTES - 1)}
        assert rules[0]["route"]["retry_policy"]["retry_on"] is True

    def test_mosn_tcp(self, tmp_path: Path) -> None:
        config = mosn_config(plan(tmp_path, "tcp"), [])
        (network_filter,) = config["servers"][0]["listeners"][0]["filter_chains"][0]["filters"]
        assert network_filter == {"type": "tcp_proxy", "config": {"cluster": "origin"}}

    def test_filter_is_configured(self, tmp_path: Path) -> None:
        config = mosn_config(plan(tmp_path, "filter"), [{"type": "bench.filters:Greeter"}])
        listener = config["servers"][0]["listeners"][0]
        assert listener["stream_filters"] == [{"type": "bench.filters:Greeter"}]

    @pytest.mark.parametrize("scenario", ["h1", "h1-routes", "tcp"])
    def test_envoy(self, tmp_path: Path, scenario: str) -> None:
        text = json.dumps(bootstrap(plan(tmp_path, scenario)))
        assert text.count('"prefix"') == {"h1": 1, "h1-routes": ROUTES, "tcp": 0}[scenario]
        assert ("tcp_proxy" in text) == (scenario == "tcp")
        assert "access_log" not in text

    def test_haproxy(self, tmp_path: Path) -> None:
        command = HAProxy().prepare(Path("/usr/sbin/haproxy"), plan(tmp_path, "h1-routes"))
        config = Path(command.argv[-1]).read_text()
        assert "nbthread 1" in config
        assert "http-reuse always" in config
        assert len((tmp_path / "routes.map").read_text().splitlines()) == ROUTES

    def test_nginx(self, tmp_path: Path) -> None:
        command = Nginx().prepare(Path("/usr/sbin/nginx"), plan(tmp_path, "h1-routes"))
        config = (tmp_path / "nginx.conf").read_text()
        assert str(tmp_path / "nginx.conf") in command.argv
        assert "worker_processes 1;" in config
        assert "access_log off;" in config
        assert config.count("location /service-") == ROUTES

    def test_nginx_stream_module(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def built(*options: str) -> None:
            monkeypatch.setattr("bench.proxies.nginx.output_of", lambda *_: " ".join(options))

        program = Path("/usr/sbin/nginx")
        built("--with-stream", "--with-threads")
        assert stream_module(program) == ""
        built(f"--modules-path={tmp_path}", "--with-stream=dynamic")
        assert stream_module(program) is None
        (tmp_path / "ngx_stream_module.so").touch()
        assert stream_module(program) == f"load_module {tmp_path}/ngx_stream_module.so;\n"


class TestScenarios:
    def test_who_takes_part(self) -> None:
        taking = {s.name: [p for p in contenders() if s.takes(p)] for s in SCENARIOS.values()}
        peers = ["nginx", "haproxy", "envoy", "mosn"]
        assert taking["h1"] == ["direct", "pymosn", *peers]
        assert taking["idle"] == taking["start"] == ["pymosn", *peers]
        assert taking["filter"] == ["pymosn", FILTERED]

    def test_the_small_body(self) -> None:
        assert len(SMALL_BODY) == 64


class TestReport:
    def result(self) -> ScenarioResult:
        missing = Outcome("mosn", problem="not installed (build it)")
        ours = outcome("pymosn", 8, 9, 10)
        ours.syscalls = {"recvfrom": 2.0, "sendto": 2.0, "epoll_wait": 0.1}
        return ScenarioResult(SCENARIOS["h1"], (ours, outcome("nginx", 10, 10, 10), missing))

    def test_markdown(self) -> None:
        text = as_markdown([self.result()], {"date": "today"}, {"nginx": "one worker"})
        assert "| pymosn | 1.0 | 9.0 (8.0–10.0) | 0.90 (0.80–1.00) | 4.10 |" in text
        assert "| mosn | – | not installed (build it) |" in text
        rows = [line for line in text.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) == 1

    def test_noise_is_said(self) -> None:
        result = self.result()
        assert "Not to be quoted" not in as_markdown([result], {}, {})
        result.outcomes[0].samples[1]["others_percent"] = 50.0
        assert "Not to be quoted:** strangers used up to 50 %" in as_markdown([result], {}, {})

    def test_json(self) -> None:
        whole = json.loads(as_json([self.result()], {}, {}))
        first = whole["scenarios"][0]["proxies"][0]
        assert first["ratio"] == {"median": 0.9, "low": 0.8, "high": 1.0}
        assert first["samples"][1]["cpu_us"] == 9

    def test_chart_has_a_bar_for_each_that_was_measured(self) -> None:
        drawn = bar_chart(self.result())
        assert drawn is not None
        names = [element.text for element in ET.fromstring(drawn).iter() if element.text]
        assert "pymosn" in names
        assert "nginx" in names
        assert "mosn" not in names

    def test_no_chart_of_nothing(self) -> None:
        assert bar_chart(ScenarioResult(SCENARIOS["h1"], (Outcome("direct"),))) is None


class TestBooks:
    def test_our_own_process(self) -> None:
        tree = process_tree(os.getpid())
        assert os.getpid() in tree
        assert usage.cpu_ns([os.getpid()]) > 0
        held = usage.memory([os.getpid()])
        assert 0 < held.pss <= held.rss
