"""Runs scenarios one after the other and keeps the results together."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from bench.credentials import make_credentials
from bench.field import Field, enter
from bench.idle import run_idle
from bench.origin import Origin, start_origin
from bench.outcome import Outcome
from bench.processes import Fleet
from bench.proxies.base import Proxy
from bench.rate import run_rate
from bench.rpc import start_rpc_origin
from bench.scenarios import Kind, Scenario
from bench.settings import Settings
from bench.startup import run_startup
from bench.storm import run_storm
from bench.waiting import free_ports

_CARRIED_OUT = {
    Kind.RATE: run_rate,
    Kind.IDLE: run_idle,
    Kind.START: run_startup,
    Kind.STORM: run_storm,
}


@dataclass(frozen=True)
class ScenarioResult:
    """One table of the report."""

    scenario: Scenario
    outcomes: tuple[Outcome, ...]

    def outcome(self, proxy: str) -> Outcome | None:
        return next((o for o in self.outcomes if o.proxy == proxy), None)

    @property
    def failed(self) -> bool:
        return any(outcome.failed for outcome in self.outcomes)


def run_scenario(
    scenario: Scenario, proxies: Sequence[Proxy], settings: Settings
) -> ScenarioResult:
    """Start origin and proxies, measure, end them all. Failures are in the result."""
    print(f"{scenario.name}: {scenario.title}", file=sys.stderr)
    front, back, *ports = free_ports(len(proxies) + 2)
    directory = settings.out / "run" / scenario.name / "origin"
    directory.mkdir(parents=True, exist_ok=True)
    credentials = make_credentials(directory.parent / "credentials") if scenario.tls else None
    origin = Origin(scenario, front, back, credentials)
    with Fleet() as fleet:
        if scenario.rpc:
            start_rpc_origin(fleet, directory, scenario, (back, front), settings.load_core)
        else:
            start_origin(fleet, directory, origin, settings.load_core)
        runners = tuple(
            enter(proxy, scenario, settings, port, origin)
            for proxy, port in zip(proxies, ports, strict=True)
        )
        field = Field(scenario, settings, fleet, origin, runners)
        _CARRIED_OUT[scenario.kind](field)
    return ScenarioResult(scenario, tuple(runner.outcome for runner in runners))
