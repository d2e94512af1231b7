"""pymosn, from the environment that runs the benchmark; also with a Python filter or routes."""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import replace
from pathlib import Path

from bench.processes import Command
from bench.proxies.base import Plan, Proxy, output_of
from bench.proxies.mosn_config import write_config
from bench.scenarios import FILTERED, Scenario

_MAIN = "pymosn.__main__"
_FILTER = {"type": "bench.filters:Greeter"}


class Pymosn(Proxy):
    name = "pymosn"
    install = "pip install -e . in the root of the repository"
    settings = "processor 1; metrics on; supervisor and worker both count"
    stream_filters: tuple[dict[str, str], ...] = ()

    def find(self) -> Path | None:
        # Both: the name of a submodule cannot be looked up in a package that is not there.
        installed = importlib.util.find_spec("pymosn") and importlib.util.find_spec(_MAIN)
        return Path(sys.executable) if installed else None

    def version(self, program: Path) -> str:
        said = output_of(program, "-c", "import pymosn; print(pymosn.__version__)")
        return said.strip().splitlines()[-1]

    def prepare(self, program: Path, plan: Plan) -> Command:
        config = write_config(plan, list(self.stream_filters))
        argv = (str(program), "-m", "pymosn", "start", "-c", str(config))
        return Command(argv, env={"PYTHONPATH": _search_path()})


class FilteredPymosn(Pymosn):
    name = FILTERED
    settings = "as pymosn, with one synchronous Python stream filter that reads a header"
    stream_filters = (_FILTER,)


class RoutedPymosn(Pymosn):
    """With a table of `routes` rules, and asked for all of them in turn."""

    def __init__(self, name: str, routes: int) -> None:
        self.name = name
        self.settings = f"as pymosn, with {routes} routes, each with a timeout and a retry policy"
        self._routes = routes

    def vary(self, scenario: Scenario) -> Scenario:
        return replace(scenario, asked=self._routes, routes=self._routes)


def _search_path() -> str:
    """PYTHONPATH with the folder of `bench` added, where the filter lives."""
    root = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
