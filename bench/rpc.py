"""Load and origin for the RPC scenarios: rpcload.c, compiled when it is first needed."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

from bench.processes import BenchError, Child, Command, Fleet
from bench.scenarios import Scenario
from bench.waiting import wait_for

_SOURCE = Path(__file__).parent / "rpcload.c"
_PROGRAM = Path(__file__).parent / "out" / "rpcload"


def program() -> Path:
    """The load generator; BenchError when it cannot be compiled."""
    if not _PROGRAM.exists() or _PROGRAM.stat().st_mtime < _SOURCE.stat().st_mtime:
        _PROGRAM.parent.mkdir(exist_ok=True)
        compiler = os.environ.get("CC", "cc")
        argv = [compiler, "-O2", "-o", str(_PROGRAM), str(_SOURCE)]
        try:
            done = subprocess.run(argv, check=False, capture_output=True, text=True)
        except OSError as error:
            raise BenchError(f"{compiler} is needed for the RPC scenarios: {error}") from None
        if done.returncode != 0:
            raise BenchError(f"{_SOURCE.name} does not compile: {done.stderr.strip()[-300:]}")
    return _PROGRAM


def start_rpc_origin(
    fleet: Fleet, scenario: Scenario, directory: Path, port: int, core: int
) -> Child:
    """Start what answers calls; returns when it does."""
    directory.mkdir(parents=True, exist_ok=True)
    argv = (str(program()), "serve", scenario.rpc, str(port), str(scenario.body_bytes))
    origin = fleet.start(Command(argv), core, directory / "output.log")
    wait_for(origin, lambda: check_calls(scenario, port), time.monotonic() + 10)
    return origin


def check_calls(scenario: Scenario, port: int) -> None:
    """Make calls for a moment; BenchError if a reply is wrong, or none comes."""
    run_calls(scenario, port, 1, 0.05)


def run_calls(scenario: Scenario, port: int, connections: int, seconds: float) -> dict[str, float]:
    """Load 127.0.0.1:`port`; what rpcload reports.  BenchError when anything came back wrong."""
    argv = [
        str(program()), "load", scenario.rpc, str(port), str(connections),
        str(scenario.in_flight), str(seconds), str(scenario.body_bytes),
    ]  # fmt: skip
    try:
        done = subprocess.run(
            argv, check=False, capture_output=True, text=True, timeout=seconds + 15
        )
    except subprocess.TimeoutExpired:
        raise BenchError("rpcload did not end in time") from None
    if done.returncode != 0:
        raise BenchError(f"wrong or missing replies: {(done.stderr or done.stdout).strip()[-300:]}")
    report: dict[str, float] = json.loads(done.stdout)
    return report
