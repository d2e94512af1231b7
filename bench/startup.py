"""The START scenario: from spawning the program to its first good reply."""

from __future__ import annotations

import sys
import time

from bench import usage
from bench.field import Field, Runner
from bench.rate import serve


def run_startup(field: Field) -> None:
    """Interleaved rounds; the first, which reads the programs from disk, does not count."""
    rounds = field.settings.starts * field.settings.rounds
    for turn in range(rounds + 1):
        for runner in field.standing():
            with runner.attempt():
                _start_once(field, runner, counted=turn > 0)
            field.stop(runner)
        print(f"  {field.scenario.name}: round {turn} of {rounds}", file=sys.stderr)


def _start_once(field: Field, runner: Runner, *, counted: bool) -> None:
    began = time.monotonic()
    serve(field, runner)
    took = time.monotonic() - began
    tree = runner.tree()
    held = usage.memory(tree)
    if counted:
        runner.outcome.samples.append(
            {
                "start_ms": took * 1000,
                "start_cpu_ms": usage.cpu_ns(tree) / 1e6,
                "rss_mb": held.rss / 1e6,
                "pss_mb": held.pss / 1e6,
            }
        )
