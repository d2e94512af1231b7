"""The STORM scenario: whether those who shake hands hold up who has done so."""

from __future__ import annotations

import json
import statistics

from bench.client import run_client
from bench.field import Field, Runner
from bench.outcome import Sample
from bench.rate import run_rounds


def run_storm(field: Field) -> None:
    """Interleaved rounds, each of several bursts."""
    run_rounds(field, _bursts)


def _bursts(field: Field, runner: Runner) -> Sample:
    target, seconds = runner.target, field.settings.seconds
    arguments = (target.port, field.connections, seconds)
    output = run_client("storm_client", target.credentials, seconds, *arguments)
    return storm_sample(json.loads(output))


def storm_sample(waits: list[float]) -> Sample:
    """One round, from how many seconds the request waited in each of its bursts."""
    return {
        "wait_ms": statistics.median(waits) * 1000,
        "worst_ms": max(waits) * 1000,
        "bursts": len(waits),
    }
