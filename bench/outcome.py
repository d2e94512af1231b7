"""Results as plain values, and the arithmetic on them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

# One round's measurements by name; a metric that was not taken is absent.
Sample = dict[str, float]


@dataclass(frozen=True)
class LoadReport:
    """One run of a load generator in which every reply was right."""

    requests: int
    seconds: float
    p50_us: float
    p99_us: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


@dataclass(frozen=True)
class Spread:
    """A metric over all counted rounds."""

    median: float
    low: float
    high: float


@dataclass
class Outcome:
    """What one proxy did in one scenario.

    `samples[i]` is round i, None where this proxy had failed. `problem` is set when the proxy
    is missing or failed, `failed` only in the second case.
    """

    proxy: str
    version: str = "–"
    samples: list[Sample] = field(default_factory=list)
    syscalls: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problem: str | None = None
    failed: bool = False

    def fail(self, reason: object) -> None:
        self.problem = f"failed: {reason}"
        self.failed = True

    def spread(self, metric: str) -> Spread | None:
        """The metric over the rounds; None when it was never taken or the proxy failed."""
        return spread([s[metric] for s in self.samples if metric in s])

    @property
    def syscalls_per_request(self) -> float | None:
        return sum(self.syscalls.values()) if self.syscalls else None


def spread(values: Sequence[float]) -> Spread | None:
    if not values:
        return None
    return Spread(statistics.median(values), min(values), max(values))


def percentiles(values: Sequence[float]) -> tuple[float, float]:
    """The 50th and the 99th of at least one value."""
    if len(values) == 1:
        return values[0], values[0]
    cuts = statistics.quantiles(values, n=100)
    return cuts[49], cuts[98]


def ratio(ours: Outcome, baseline: Outcome, metric: str) -> Spread | None:
    """`ours` over `baseline`, taken round by round, so that what a round suffers cancels out."""
    pairs = _pairs(ours, baseline, metric)
    return spread([mine / theirs for mine, theirs in pairs if theirs > 0])


def ratio_by_start(ours: Outcome, baseline: Outcome, metric: str) -> list[float]:
    """The mean of the rounds' ratios for each start of the proxies."""
    starts: dict[float, list[float]] = {}
    for mine, theirs in _rounds(ours, baseline, metric):
        if "start" in mine and theirs[metric] > 0:
            starts.setdefault(mine["start"], []).append(mine[metric] / theirs[metric])
    return [statistics.fmean(ratios) for ratios in starts.values()]


def difference(ours: Outcome, baseline: Outcome, metric: str) -> Spread | None:
    """`ours` minus `baseline`, taken round by round."""
    return spread([mine - theirs for mine, theirs in _pairs(ours, baseline, metric)])


def _pairs(ours: Outcome, baseline: Outcome, metric: str) -> list[tuple[float, float]]:
    return [(a[metric], b[metric]) for a, b in _rounds(ours, baseline, metric)]


def _rounds(ours: Outcome, baseline: Outcome, metric: str) -> list[tuple[Sample, Sample]]:
    if ours.failed or baseline.failed:
        return []
    # Not strict: who was stopped early has fewer rounds.
    both = zip(ours.samples, baseline.samples, strict=False)
    return [(a, b) for a, b in both if metric in a and metric in b]
