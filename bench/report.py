"""The results as a table for people and as JSON for programs."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.campaign import ScenarioResult
from bench.outcome import Outcome, Spread, difference, ratio, ratio_by_start
from bench.scenarios import FILTERED, Kind

# What others may use of the proxies' core before they disturb its caches too much.
_QUIET_PERCENT = 10


@dataclass(frozen=True)
class Column:
    metric: str
    title: str
    decimals: int = 0


COLUMNS = {
    Kind.RATE: (
        Column("cpu_us", "CPU µs a request", 1),
        Column("rps", "requests/s"),
        Column("p50_us", "p50 µs"),
        Column("p99_us", "p99 µs"),
        Column("busy_percent", "busy %"),
        Column("others_percent", "others %"),
        Column("rss_mb", "RSS MB", 1),
        Column("pss_mb", "PSS MB", 1),
    ),
    Kind.IDLE: (
        Column("conn_bytes", "bytes a connection (PSS)"),
        Column("conn_rss_bytes", "the same (RSS)"),
        Column("before_mb", "PSS MB before", 1),
        Column("after_mb", "PSS MB with them", 1),
        Column("origin_connections", "connections to the origin"),
        Column("connections", "connections held"),
        Column("held_calls", "calls/s meanwhile"),
        Column("held_cpu_percent", "CPU % of a core meanwhile", 1),
    ),
    Kind.START: (
        Column("start_ms", "ms to the first reply", 1),
        Column("start_cpu_ms", "CPU ms", 1),
        Column("rss_mb", "RSS MB", 1),
        Column("pss_mb", "PSS MB", 1),
    ),
    Kind.STORM: (
        Column("wait_ms", "ms that the request waits", 1),
        Column("worst_ms", "ms in the worst burst", 1),
        Column("bursts", "bursts"),
    ),
}


def as_markdown(
    results: Sequence[ScenarioResult], facts: Mapping[str, str], settings: Mapping[str, str]
) -> str:
    """The whole results.md. `facts` is about the run, `settings` tells how each proxy was set."""
    parts = ["# Benchmark results\n"]
    parts += [f"- {name}: {value}" for name, value in facts.items()]
    for result in results:
        parts += ["", f"## {result.scenario.name}: {result.scenario.title}\n"]
        parts += _table(result)
        parts += _remarks(result)
    parts += ["", "## Configuration\n"]
    parts += [f"- {name}: {text}." for name, text in settings.items()]
    parts += ["", "The complete files are in `run/<scenario>/<proxy>/` beside this one.", ""]
    return "\n".join(parts)


def as_json(
    results: Sequence[ScenarioResult], facts: Mapping[str, str], settings: Mapping[str, str]
) -> str:
    """results.json: everything, each round of it."""
    scenarios = [_scenario_json(result) for result in results]
    whole = {"facts": dict(facts), "settings": dict(settings), "scenarios": scenarios}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def ratio_to_baseline(result: ScenarioResult, outcome: Outcome) -> Spread | None:
    baseline = result.outcome(result.scenario.baseline)
    return ratio(outcome, baseline, result.scenario.kind.value) if baseline else None


def _table(result: ScenarioResult) -> list[str]:
    columns = COLUMNS[result.scenario.kind]
    rated = result.scenario.kind is Kind.RATE
    titles = ["proxy", "version", columns[0].title, f"× {result.scenario.baseline}"]
    titles += ["syscalls a request"] * rated + [column.title for column in columns[1:]]
    lines = [f"| {' | '.join(titles)} |", "|---|---|" + "---:|" * (len(titles) - 2)]
    for outcome in result.outcomes:
        cells = [outcome.proxy, outcome.version]
        if outcome.problem:
            cells += [_one_line(outcome.problem)] + [""] * (len(titles) - 3)
        else:
            cells += [_cell(outcome.spread(columns[0].metric), columns[0].decimals)]
            cells += [_cell(ratio_to_baseline(result, outcome), 2)]
            calls = outcome.syscalls_per_request
            cells += ["–" if calls is None else f"{calls:.2f}"] * rated
            cells += [_cell(outcome.spread(c.metric), c.decimals) for c in columns[1:]]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _remarks(result: ScenarioResult) -> list[str]:
    lines = []
    with_filter, without = result.outcome(FILTERED), result.outcome("pymosn")
    if with_filter and without:
        added = difference(with_filter, without, Kind.RATE.value)
        if added:
            lines.append(f"- The filter adds {_cell(added, 2)} µs to a request.")
    lines += _by_start(result)
    shared = [s for o in result.outcomes if (s := o.spread("others_percent"))]
    worst = max((s.high for s in shared), default=0)
    if worst > _QUIET_PERCENT:
        lines.append(
            f"- **Not to be quoted:** strangers used up to {worst:.0f} % of the proxies' core."
        )
    for outcome in result.outcomes:
        lines += [f"- {outcome.proxy}: {_one_line(note)}." for note in outcome.notes]
        if outcome.syscalls:
            calls = outcome.syscalls.items()
            named = ", ".join(f"{name} {count:.2f}" for name, count in calls if count >= 0.01)
            lines.append(f"- {outcome.proxy}, system calls a request: {named}.")
    return ["", *lines] if lines else []


def _by_start(result: ScenarioResult) -> list[str]:
    """How sure the ratios are: rounds of one start are not independent of each other."""
    baseline = result.outcome(result.scenario.baseline)
    lines = []
    for outcome in result.outcomes:
        if baseline is None or outcome is baseline:
            continue
        means = ratio_by_start(outcome, baseline, result.scenario.kind.value)
        if len(means) > 1:
            error = statistics.stdev(means) / len(means) ** 0.5
            lines.append(
                f"- {outcome.proxy}: {statistics.fmean(means):.3f} × {baseline.proxy}, the mean of "
                f"{len(means)} starts, with a standard error of {error:.3f}."
            )
    return lines


def _cell(spread: Spread | None, decimals: int) -> str:
    if spread is None:
        return "–"
    shown = f"{spread.median:,.{decimals}f}"
    if spread.low == spread.high:
        return shown
    return f"{shown} ({spread.low:,.{decimals}f}–{spread.high:,.{decimals}f})"


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _scenario_json(result: ScenarioResult) -> dict[str, Any]:
    proxies = []
    for outcome in result.outcomes:
        metrics = sorted({name for sample in outcome.samples for name in sample})
        spreads = {m: s for m in metrics if (s := outcome.spread(m))}
        against = ratio_to_baseline(result, outcome)
        proxies.append(
            {
                **asdict(outcome),
                "summary": {name: asdict(value) for name, value in spreads.items()},
                "ratio": asdict(against) if against else None,
                "syscalls_per_request": outcome.syscalls_per_request,
            }
        )
    scenario = result.scenario
    return {
        "name": scenario.name,
        "title": scenario.title,
        "baseline": scenario.baseline,
        "ratio_of": scenario.kind.value,
        "proxies": proxies,
    }
