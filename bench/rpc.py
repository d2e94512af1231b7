"""Load and origin for the RPC scenarios: rpcload.c, compiled when it is first needed."""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from pathlib import Path

from bench.outcome import LoadReport
from bench.processes import BenchError, Child, Command, Fleet, run_for
from bench.scenarios import HEARTBEAT_SECONDS, Scenario
from bench.target import Target
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
    fleet: Fleet, directory: Path, scenario: Scenario, ports: tuple[int, int], core: int
) -> Child:
    """Start what answers calls, on one port for proxies and on one for clients; returns when it
    does."""
    numbers = [str(number) for number in (ports[0], scenario.body_bytes, ports[1])]
    command = Command((str(program()), "serve", scenario.rpc, *numbers))
    child = fleet.start(command, core, directory / "output.log")
    target = Target(scenario, ports[1])
    wait_for(child, lambda: check_calls(target), time.monotonic() + 10)
    return child


def check_calls(target: Target) -> None:
    """Make calls for a moment; BenchError if a reply is wrong, or none comes."""
    run_calls(target, 1, 0.05)


class Holder:
    """A process that holds connections, makes calls on them and sends heartbeats."""

    def __init__(self, target: Target, count: int, calls: float) -> None:
        scenario = target.scenario
        argv = [
            str(program()), "hold", scenario.rpc, str(target.port), str(count), str(calls),
            str(HEARTBEAT_SECONDS), str(scenario.body_bytes),
        ]  # fmt: skip
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )

    def __enter__(self) -> Holder:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for end in (self._process.stdin, self._process.stdout):
            if end is not None:
                end.close()

    def wait_until_open(self, seconds: float) -> None:
        """Return when all are open and have made a call; BenchError when they do not."""
        if self._line(seconds) != "ready":
            raise BenchError("the connections could not be opened")

    def finish(self) -> dict[str, float]:
        """End, and return what happened; BenchError if a reply was wrong."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        said: dict[str, float] = json.loads(self._line(10.0) or "{}")
        if not said or said["errors"]:
            raise BenchError(f"wrong or missing replies: {said}")
        return said

    def _line(self, seconds: float) -> str:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            raise BenchError(f"rpcload said nothing for {seconds:.0f} s")
        return self._process.stdout.readline().strip()


def run_calls(target: Target, connections: int, seconds: float) -> LoadReport:
    """Load the target for `seconds`; BenchError when anything came back wrong."""
    scenario = target.scenario
    argv = [
        str(program()), "load", scenario.rpc, str(target.port), str(connections),
        str(scenario.in_flight), str(seconds), str(scenario.body_bytes),
    ]  # fmt: skip
    said = json.loads(run_for("rpcload", argv, seconds))
    return LoadReport(int(said["done"]), said["seconds"], said["p50_us"], said["p99_us"])
