"""The field of one scenario: who takes part, started and answering, and its next measurement."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.origin import Origin
from bench.outcome import Outcome
from bench.processes import BenchError, Child, Command, Fleet
from bench.proxies.base import Plan, Proxy
from bench.reply import check_reply
from bench.scenarios import Scenario
from bench.settings import Settings
from bench.target import Target


@dataclass
class Runner:
    """A proxy that takes part. `command` and `child` are None for the direct path."""

    proxy: Proxy
    plan: Plan
    outcome: Outcome
    command: Command | None = None
    child: Child | None = field(default=None, repr=False)

    @property
    def log(self) -> Path:
        return self.plan.directory / "output.log"

    @property
    def target(self) -> Target:
        return Target(self.plan.scenario, self.plan.port, self.plan.credentials)

    def check_reply(self) -> None:
        check_reply(self.target)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """What goes wrong inside is the proxy's failure, and ends its part in the scenario."""
        try:
            yield
        except (BenchError, OSError) as error:
            self.outcome.fail(error)
            print(f"  {self.proxy.name} {self.outcome.problem}", file=sys.stderr)

    def tree(self) -> list[int]:
        """All processes of the proxy; BenchError if it died."""
        if self.child is None:
            return []
        self.child.check_alive()
        return self.child.tree()


@dataclass(frozen=True)
class Field:
    """All that one scenario needs while it runs."""

    scenario: Scenario
    settings: Settings
    fleet: Fleet
    origin: Origin
    runners: tuple[Runner, ...]

    @property
    def connections(self) -> int:
        return self.scenario.connections or self.settings.connections

    def stop(self, runner: Runner) -> None:
        """End the proxy, if it runs."""
        if runner.child is not None:
            self.fleet.stop(runner.child)
            runner.child = None

    def standing(self) -> list[Runner]:
        """Those that have not failed."""
        return [runner for runner in self.runners if runner.outcome.problem is None]


def enter(
    proxy: Proxy, scenario: Scenario, settings: Settings, port: int, origin: Origin
) -> Runner:
    """Prepare one proxy; a missing one gets an outcome that says so and how to install it."""
    directory = settings.out / "run" / scenario.name / proxy.name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    direct = proxy.name == "direct"
    port = origin.front if direct else port
    plan = Plan(proxy.vary(scenario), directory, port, origin.back, origin.credentials)
    outcome = Outcome(proxy.name)
    runner = Runner(proxy, plan, outcome)
    program = proxy.find()
    if program is None:
        outcome.problem = f"not installed ({proxy.install})"
    elif refusal := proxy.refusal(scenario):
        outcome.problem = refusal
    else:
        with runner.attempt():
            outcome.version = proxy.version(program)
            runner.command = None if direct else proxy.prepare(program, plan)
    return runner
