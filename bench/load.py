"""Which load generator a scenario needs."""

from __future__ import annotations

from collections.abc import Iterable

from bench.credentials import openssl_version
from bench.h2load import h2load_version, run_h2load
from bench.handshakes import run_handshakes
from bench.outcome import LoadReport
from bench.rpc import run_calls
from bench.scenarios import Scenario
from bench.target import Target
from bench.wrk import run_wrk, wrk_version


def run_load(target: Target, connections: int, seconds: int) -> LoadReport:
    """Load the target for `seconds`; BenchError when anything came back wrong."""
    if target.scenario.handshake is not None:
        return run_handshakes(target, connections, seconds)
    if target.scenario.rpc:
        return run_calls(target, connections, seconds)
    if target.scenario.http2:
        return run_h2load(target, connections, seconds)
    return run_wrk(target, connections, seconds)


def generator_versions(scenarios: Iterable[Scenario]) -> dict[str, str]:
    """The programs that these need, with versions; BenchError when one is not installed."""
    wanted = list(scenarios)
    versions = {"wrk": wrk_version()}
    if any(scenario.http2 for scenario in wanted):
        versions["h2load"] = h2load_version()
    if any(scenario.tls for scenario in wanted):
        versions["openssl"] = openssl_version()
    return versions
