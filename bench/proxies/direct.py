"""No proxy: what load generator and origin can do at all."""

from __future__ import annotations

from pathlib import Path

from bench.processes import BenchError, Command
from bench.proxies.base import Plan, Proxy


class Direct(Proxy):
    """The ceiling. It has no process, so no CPU time and no memory of its own."""

    name = "direct"
    install = "nothing to install"
    settings = "no proxy between load generator and origin"

    def find(self) -> Path | None:
        return Path("/")

    def version(self, program: Path) -> str:
        del program
        return "–"

    def prepare(self, program: Path, plan: Plan) -> Command:
        raise BenchError(f"nothing to start for {plan.scenario.name} with {program}")
