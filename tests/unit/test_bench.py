"""The benchmark's arithmetic, parsing and configuration; nothing here is timed or started."""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from bench import usage
from bench.campaign import ScenarioResult
from bench.chart import bar_chart
from bench.client import client_command, run_client
from bench.credentials import Credentials
from bench.h2load import parse_h2load, request_times
from bench.handshakes import parse_handshakes
from bench.origin import Origin, listeners
from bench.outcome import (
    Outcome,
    Spread,
    difference,
    percentiles,
    ratio,
    ratio_by_start,
    spread,
)
from bench.processes import BenchError, process_tree
from bench.proxies import contenders
from bench.proxies.base import Plan
from bench.proxies.envoy import bootstrap
from bench.proxies.haproxy import HAProxy
from bench.proxies.mosn import Mosn
from bench.proxies.mosn_config import mosn_config
from bench.proxies.nginx import Nginx, stream_module
from bench.reply import parse_nghttp, request_head
from bench.report import as_json, as_markdown
from bench.scenarios import (
    FEW_ROUTED,
    FILTERED,
    LARGE_BYTES,
    MANY_ROUTED,
    MANY_ROUTES,
    ROUTED,
    ROUTES,
    SCENARIOS,
    SMALL_BODY,
    VARIANTS,
    route_host,
    route_prefix,
)
from bench.storm import storm_sample
from bench.syscalls import parse_summary
from bench.target import Target
from bench.wrk import parse_wrk

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


H2LOAD = """\
Main benchmark duration is over for thread #0. Stopping all clients.
Application protocol: h2c

finished in 2.00s, 500.00 req/s, 1.07MB/s
requests: 1000 total, 1128 started, 1000 done, 1000 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 1001 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 2.13MB (2237648) total, 1.42MB (1491504) headers (space savings 51.02%), 62KB (64064) data
"""

NGHTTP = b"""\
***** Statistics *****

sorted by 'complete'

id  responseEnd requestStart  process code size request path
 13      +275us       +114us    160us  200   64 /
"""


def wrk_output(**changes: object) -> str:
    return f"Running 2s test\n  2 threads\nBENCH {json.dumps({**REPORT, **changes})}\n"


def outcome(name: str, *values: float) -> Outcome:
    return Outcome(name, "1.0", [{"cpu_us": value, "rps": 1e6 / value} for value in values])


def credentials(folder: Path) -> Credentials:
    names = ("certificate.pem", "key.pem", "both.pem", "client.cnf")
    return Credentials(*(folder / name for name in names))


def plan(tmp_path: Path, scenario: str, proxy: str = "pymosn") -> Plan:
    varied = contenders()[proxy].vary(SCENARIOS[scenario])
    return Plan(varied, tmp_path, 2045, 8080, credentials(tmp_path) if varied.tls else None)


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


class TestH2load:
    TIMES = range(1, 1001)

    def parse(self, output: str, times: range = TIMES) -> float:
        return parse_h2load(output, times, 64, 128, 2).per_second

    def test_reads_the_report(self) -> None:
        report = parse_h2load(H2LOAD, self.TIMES, 64, 128, 2)
        assert (report.requests, report.per_second) == (1000, 500.0)
        assert report.p50_us == pytest.approx(500, abs=1)
        assert report.p99_us == pytest.approx(990, abs=1)

    @pytest.mark.parametrize(
        ("right", "wrong"),
        [
            ("0 failed", "1 failed"),
            ("0 errored", "1 errored"),
            ("0 timeout", "1 timeout"),
            ("0 3xx", "1 3xx"),
            ("0 5xx", "1 5xx"),
        ],
    )
    def test_any_error_fails(self, right: str, wrong: str) -> None:
        with pytest.raises(BenchError, match=wrong.split()[1]):
            self.parse(H2LOAD.replace(right, wrong))

    @pytest.mark.parametrize("data", ["63999", "72193"])
    def test_wrong_lengths_fail(self, data: str) -> None:
        with pytest.raises(BenchError, match="cannot make"):
            self.parse(H2LOAD.replace("64064", data))

    @pytest.mark.parametrize("statuses", ["999 2xx", "1129 2xx"])
    def test_statuses_that_do_not_fit_fail(self, statuses: str) -> None:
        with pytest.raises(BenchError, match="contradicts"):
            self.parse(H2LOAD.replace("1001 2xx", statuses))

    def test_a_log_of_something_else_fails(self) -> None:
        with pytest.raises(BenchError, match="contradicts"):
            self.parse(H2LOAD, range(999))

    def test_another_protocol_fails(self) -> None:
        with pytest.raises(BenchError, match="did not speak"):
            self.parse(H2LOAD.replace("h2c", "http/1.1"))

    def test_silence_fails(self) -> None:
        with pytest.raises(BenchError, match="no report"):
            self.parse("Application protocol: h2c\n", range(0))

    def test_the_log(self) -> None:
        rows = ["1795407654361511\t200\t9973\n", "1795407654361512\t200\t30\n"]
        assert request_times(rows) == [9973, 30]


class TestNghttp:
    def test_reads_status_and_body(self) -> None:
        assert parse_nghttp(SMALL_BODY + NGHTTP) == (200, SMALL_BODY)
        assert parse_nghttp(NGHTTP.replace(b" 200 ", b" 502 ")) == (502, b"")

    @pytest.mark.parametrize("output", [b"", b"[ERROR] Could not connect\n", NGHTTP[:150]])
    def test_no_reply_fails(self, output: bytes) -> None:
        with pytest.raises(BenchError, match="no reply"):
            parse_nghttp(output)


class TestHandshakes:
    def test_reads_the_report(self) -> None:
        report = parse_handshakes('{"requests": 10, "seconds": 2.0, "p50_us": 7, "p99_us": 9}\n')
        assert (report.requests, report.per_second, report.p99_us) == (10, 5.0, 9)

    def test_silence_fails(self) -> None:
        with pytest.raises(BenchError, match="no report"):
            parse_handshakes("")

    def test_no_reply_fails(self) -> None:
        with pytest.raises(BenchError, match="not one"):
            parse_handshakes('{"requests": 0, "seconds": 2.0, "p50_us": 0, "p99_us": 0}')

    def test_only_clients_follow_the_rules(self, tmp_path: Path) -> None:
        argv, env = client_command("handshake_client", credentials(tmp_path), 2045, 8)
        assert argv[-3:] == ["2045", "8", str(tmp_path / "certificate.pem")]
        assert env["OPENSSL_CONF"] == str(tmp_path / "client.cnf")
        assert client_command("idle_client", None, 2045)[0][-1] == "2045"

    def test_a_client_that_fails_is_a_failure(self) -> None:
        with pytest.raises(BenchError, match=r"(?s)storm_client failed: .*ValueError"):
            run_client("storm_client", None, 1)

    def test_a_round_of_bursts(self) -> None:
        sample = storm_sample([0.002, 0.009, 0.003])
        assert sample == {"wait_ms": 3.0, "worst_ms": 9.0, "bursts": 3}


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

    def test_ratios_of_a_start_are_one(self) -> None:
        ours, baseline = outcome("pymosn", 10, 30, 12), outcome("nginx", 20, 20, 60)
        assert ratio_by_start(ours, baseline, "cpu_us") == []
        for sample, start in zip(ours.samples, (1, 1, 2), strict=True):
            sample["start"] = start
        assert ratio_by_start(ours, baseline, "cpu_us") == [1.0, 0.2]

    def test_difference_is_taken_round_by_round(self) -> None:
        ours, baseline = outcome(FILTERED, 12, 15), outcome("pymosn", 10, 11)
        assert difference(ours, baseline, "cpu_us") == Spread(3.0, 2.0, 4.0)

    def test_percentiles(self) -> None:
        assert percentiles([7]) == (7, 7)
        assert percentiles(range(1, 102)) == (51, 100.98)

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


class TestTables:
    """One table for the configuration and for the requests that ask for all of it."""

    def hosts(self, tmp_path: Path, scenario: str, proxy: str) -> list[dict[str, Any]]:
        config = mosn_config(plan(tmp_path, scenario, proxy), [])
        hosts: list[dict[str, Any]] = config["servers"][0]["routers"][0]["virtual_hosts"]
        return hosts

    def test_the_price_of_routes_is_taken_with_the_same_requests(self, tmp_path: Path) -> None:
        without, routed = (plan(tmp_path, "routes-cost", name) for name in ("pymosn", ROUTED))
        assert request_head(without.scenario) == request_head(routed.scenario)
        assert without.scenario.asked == routed.scenario.asked == ROUTES
        (host,) = self.hosts(tmp_path, "routes-cost", "pymosn")
        assert [rule["match"] for rule in host["routers"]] == [{"prefix": "/"}]
        (host,) = self.hosts(tmp_path, "routes-cost", ROUTED)
        assert len(host["routers"]) == ROUTES
        assert all("retry_policy" in rule["route"] for rule in host["routers"])

    @pytest.mark.parametrize(("name", "size"), [(FEW_ROUTED, 10), (MANY_ROUTED, 10_000)])
    def test_prefixes(self, tmp_path: Path, name: str, size: int) -> None:
        (host,) = self.hosts(tmp_path, "routes-many", name)
        assert len({rule["match"]["prefix"] for rule in host["routers"]}) == size
        head = request_head(plan(tmp_path, "routes-many", name).scenario)
        assert head.startswith(f"GET {route_prefix(size - 1)}item HTTP/1.1\r\n".encode())

    @pytest.mark.parametrize(("name", "size"), [(FEW_ROUTED, 10), (MANY_ROUTED, 10_000)])
    def test_hosts(self, tmp_path: Path, name: str, size: int) -> None:
        hosts = self.hosts(tmp_path, "hosts-many", name)
        assert len({host["domains"][0] for host in hosts}) == size
        head = request_head(plan(tmp_path, "hosts-many", name).scenario)
        assert head == f"GET / HTTP/1.1\r\nHost: {route_host(size - 1)}\r\n\r\n".encode()
        assert hosts[-1]["domains"] == [route_host(size - 1)]


class TestProtocols:
    @pytest.mark.parametrize(("scenario", "origin"), [("h2-h1", "Http1"), ("h2-h2", "Http2")])
    def test_mosn_http2(self, tmp_path: Path, scenario: str, origin: str) -> None:
        config = mosn_config(plan(tmp_path, scenario), [])
        (network_filter,) = config["servers"][0]["listeners"][0]["filter_chains"][0]["filters"]
        assert network_filter["config"]["downstream_protocol"] == "Http2"
        assert network_filter["config"]["upstream_protocol"] == origin

    def test_mosn_converts_by_a_filter(self, tmp_path: Path) -> None:
        command = Mosn().prepare(Path("/usr/bin/mosn"), plan(tmp_path, "h2-h1", "mosn"))
        server = json.loads(Path(command.argv[-1]).read_text())["servers"][0]
        assert server["listeners"][0]["stream_filters"][0]["config"] == {"type": "http2Tohttp"}
        assert server["routers"][0]["response_headers_to_remove"] == ["connection"]

    def test_mosn_tls(self, tmp_path: Path) -> None:
        (chain,) = mosn_config(plan(tmp_path, "tls"), [])["servers"][0]["listeners"][0][
            "filter_chains"
        ]
        assert chain["tls_context"]["status"] is True
        assert chain["tls_context"]["private_key"] == str(tmp_path / "key.pem")

    def test_haproxy(self, tmp_path: Path) -> None:
        def config(scenario: str) -> str:
            command = HAProxy().prepare(Path("/usr/sbin/haproxy"), plan(tmp_path, scenario))
            return Path(command.argv[-1]).read_text()

        assert config("h1").count("proto h2") == 0
        assert config("h2-h1").count("proto h2") == 1
        assert config("h2-h2").count("proto h2") == 2
        assert f"ssl crt {tmp_path}/both.pem ssl-min-ver TLSv1.3" in config("tls-full")

    def test_nginx(self, tmp_path: Path) -> None:
        def config(scenario: str) -> str:
            Nginx().prepare(Path("/usr/sbin/nginx"), plan(tmp_path, scenario))
            return (tmp_path / "nginx.conf").read_text()

        assert "2045 backlog" in config("h1")
        assert "2045 http2 backlog" in config("h2-h1")
        assert "2045 ssl backlog" in config("tls-1mb")
        assert f"ssl_certificate {tmp_path}/certificate.pem;" in config("tls-1mb")
        assert Nginx().refusal(SCENARIOS["h2-h2"]) == "speaks no HTTP/2 to origins"
        assert Nginx().refusal(SCENARIOS["h2-h1"]) is None

    def test_envoy(self, tmp_path: Path) -> None:
        def text(scenario: str) -> str:
            return json.dumps(bootstrap(plan(tmp_path, scenario)))

        assert '"HTTP1"' in text("tls")
        assert '"HTTP2"' in text("h2-h1")
        assert "http2_protocol_options" not in text("h2-h1")
        assert "http2_protocol_options" in text("h2-h2")
        assert "DownstreamTlsContext" in text("tls")
        assert "DownstreamTlsContext" not in text("h1")

    def test_the_origin_meets_clients_as_the_proxies_do(self, tmp_path: Path) -> None:
        def listens(scenario: str) -> list[str]:
            keys = credentials(tmp_path) if SCENARIOS[scenario].tls else None
            lines = listeners(Origin(SCENARIOS[scenario], 1, 2, keys)).splitlines()
            return [" ".join(line.split()[1:-1]) for line in lines if "listen " in line]

        assert listens("h1") == ["127.0.0.1:1", "127.0.0.1:2"]
        assert listens("h2-h1") == ["127.0.0.1:1 http2", "127.0.0.1:2"]
        assert listens("h2-h2") == ["127.0.0.1:1 http2", "127.0.0.1:2 http2"]
        assert listens("tls") == ["127.0.0.1:1 ssl", "127.0.0.1:2"]

    def test_addresses(self) -> None:
        assert Target(SCENARIOS["tls-1mb"], 2045).url == "https://127.0.0.1:2045/1mb"
        assert Target(SCENARIOS["h2-h1"], 2045).url == "http://127.0.0.1:2045/"


class TestScenarios:
    def test_who_takes_part(self) -> None:
        taking = {s.name: [p for p in contenders() if s.takes(p)] for s in SCENARIOS.values()}
        peers = ["nginx", "haproxy", "envoy", "mosn"]
        assert taking["h1"] == ["direct", "pymosn", *peers]
        assert taking["idle"] == taking["start"] == ["pymosn", *peers]
        assert taking["tls-idle"] == taking["tls-storm"] == taking["idle"]
        assert taking["filter"] == ["pymosn", FILTERED]
        assert taking["routes-cost"] == ["pymosn", ROUTED]
        assert taking["routes-many"] == taking["hosts-many"] == [FEW_ROUTED, MANY_ROUTED]

    def test_the_baseline_takes_part(self) -> None:
        assert all(s.takes(s.baseline) for s in SCENARIOS.values())

    def test_variants_are_contenders(self) -> None:
        assert set(VARIANTS) < set(contenders())
        assert MANY_ROUTES == 10_000

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

    def test_how_sure_the_ratios_are(self) -> None:
        result = self.result()
        assert "standard error" not in as_markdown([result], {}, {})
        for outcome in result.outcomes:
            for start, sample in enumerate(outcome.samples, start=1):
                sample["start"] = start
        line = "- pymosn: 0.900 × nginx, the mean of 3 starts, with a standard error of 0.058."
        assert line in as_markdown([result], {}, {}).splitlines()

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
