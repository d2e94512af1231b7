"""Interleaved rounds, and the RATE scenarios: CPU time per request, then system calls."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from bench import usage
from bench.field import Field, Runner
from bench.load import run_load
from bench.outcome import Sample
from bench.processes import BenchError
from bench.syscalls import syscalls_per_request
from bench.waiting import wait_for

_START_SECONDS = 20.0


def run_rate(field: Field) -> None:
    """Fill the outcomes of all runners."""
    run_rounds(field, measure)
    if field.settings.trace_syscalls:
        for runner in field.standing():
            _trace(field, runner)


def run_rounds(field: Field, measurement: Callable[[Field, Runner], Sample]) -> None:
    """Fill the outcomes. Who gives a wrong reply fails and takes no more turns."""
    starts, rounds = field.settings.starts, field.settings.rounds
    for start in range(1, starts + 1):
        for runner in field.standing():
            with runner.attempt():
                field.stop(runner)
                serve(field, runner)
        for turn in range(rounds + 1):
            for runner in field.standing():
                with runner.attempt():
                    runner.check_reply()
                    sample = measurement(field, runner)
                    if turn:
                        runner.outcome.samples.append(sample | {"start": start})
            shown = f"round {turn} of {rounds}, start {start} of {starts}"
            print(f"  {field.scenario.name}: {shown}", file=sys.stderr)


def serve(field: Field, runner: Runner) -> None:
    """Start the proxy, if there is one, and wait until it answers rightly."""
    if runner.command is None:
        runner.check_reply()
        return
    runner.child = field.fleet.start(runner.command, field.settings.proxy_core, runner.log)
    wait_for(runner.child, runner.check_reply, time.monotonic() + _START_SECONDS)


def measure(field: Field, runner: Runner) -> Sample:
    """One window of load."""
    tree = runner.tree()
    core = field.settings.proxy_core
    wall, busy, before = time.monotonic_ns(), usage.core_busy_ns(core), usage.cpu_ns(tree)
    report = run_load(runner.target, field.connections, field.settings.seconds)
    # Looked up again: a worker started meanwhile counts from its birth.
    tree = runner.tree()
    spent, elapsed = usage.cpu_ns(tree) - before, time.monotonic_ns() - wall
    others = usage.core_busy_ns(core) - busy - spent
    sample: Sample = {
        "requests": report.requests,
        "rps": report.per_second,
        "p50_us": report.p50_us,
        "p99_us": report.p99_us,
    }
    if tree:
        held = usage.memory(tree)
        sample["cpu_us"] = spent / 1000 / report.requests
        # Of the load's own time: starting a generator and reading its report take theirs.
        sample["busy_percent"] = 100 * spent / 1e9 / report.seconds
        # Below zero only by the ticks that /proc/stat counts in.
        sample["others_percent"] = 100 * max(0, others) / elapsed
        sample["rss_mb"] = held.rss / 1e6
        sample["pss_mb"] = held.pss / 1e6
    return sample


def _trace(field: Field, runner: Runner) -> None:
    if runner.child is None:
        return
    try:
        runner.outcome.syscalls = syscalls_per_request(
            runner.child,
            runner.target,
            field.connections,
            field.settings.load_core,
            runner.plan.directory / "strace.txt",
        )
    except (BenchError, OSError) as error:
        # Only this number is missing then; what was measured without strace stands.
        runner.outcome.notes.append(f"no system calls counted: {error}")
