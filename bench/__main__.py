"""The command line: `python -m bench`."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.campaign import ScenarioResult, run_scenario
from bench.chart import bar_chart
from bench.load import generator_versions
from bench.processes import BenchError
from bench.proxies import contenders
from bench.proxies.nginx import Nginx
from bench.report import as_json, as_markdown
from bench.scenarios import SCENARIOS, VARIANTS
from bench.settings import Settings
from bench.usage import cpu_model


def main() -> int:
    """0 when every proxy that is installed gave right replies only, 1 when one did not."""
    arguments = _parse(sys.argv[1:])
    # SIGTERM as Ctrl-C: the `with` blocks that end our processes run for both. A shell starts
    # background jobs with SIGINT ignored, so that one is set too.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    settings = _settings(arguments)
    # Ours and, inherited, the load generator's core; the proxies leave it when they start.
    os.sched_setaffinity(0, {settings.load_core})
    known = contenders()
    proxies = [known[name] for name in arguments.proxies]
    if "pymosn" in arguments.proxies:
        proxies += [known[name] for name in VARIANTS]
    results: list[ScenarioResult] = []
    try:
        facts = _facts(settings, arguments.scenarios)
        for name in arguments.scenarios:
            scenario = SCENARIOS[name]
            taking_part = [proxy for proxy in proxies if scenario.takes(proxy.name)]
            if not taking_part:
                print(f"{name}: none of the chosen proxies takes part", file=sys.stderr)
                continue
            results.append(run_scenario(scenario, taking_part, settings))
            # After each, so that an interrupted run leaves what it has.
            _write(results, facts, {p.name: p.settings for p in proxies}, settings.out)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    if results:
        print((settings.out / "results.md").read_text(), end="")
    return 1 if any(result.failed for result in results) else 0


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    proxies = [name for name in contenders() if name not in VARIANTS]
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--scenarios", type=_names(SCENARIOS), default=list(SCENARIOS))
    parser.add_argument("--proxies", type=_names(proxies), default=proxies)
    # Where its memory lies makes a program some per cent faster or slower until it is restarted.
    parser.add_argument("--starts", type=_at_least(1), default=2, help="of each proxy")
    parser.add_argument("--rounds", type=_at_least(1), default=3, help="after each start")
    # The measured window: shorter, and what happens at its edges shows in the result.
    parser.add_argument("--seconds", type=_at_least(1), default=3)
    parser.add_argument("--connections", type=_at_least(1), default=32)
    parser.add_argument("--out", type=Path, default=Path("bench/out"))
    parser.add_argument("--cores", type=_cores, default=None, metavar="LOAD,PROXY")
    parser.add_argument("--no-strace", action="store_true", help="count no system calls")
    return parser.parse_args(argv)


def _names(known: Collection[str]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        chosen = text.split(",")
        for name in chosen:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(known)}")
        return chosen

    return names


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}")
        return value

    return number


def _cores(text: str) -> tuple[int, int]:
    load, proxy = (int(core) for core in text.split(","))
    if load == proxy:
        raise argparse.ArgumentTypeError("the load generator and the proxy need two cores")
    return load, proxy


def _settings(arguments: argparse.Namespace) -> Settings:
    cores = arguments.cores
    if cores is None:
        available = sorted(os.sched_getaffinity(0))
        if len(available) < 2:
            raise SystemExit("bench: two cores are needed, one for the proxy and one for the rest")
        cores = (available[0], available[1])
    out = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    return Settings(
        starts=arguments.starts,
        rounds=arguments.rounds,
        seconds=arguments.seconds,
        connections=arguments.connections,
        out=out,
        load_core=cores[0],
        proxy_core=cores[1],
        trace_syscalls=not arguments.no_strace,
    )


def _facts(settings: Settings, scenarios: Sequence[str]) -> dict[str, str]:
    nginx = Nginx()
    program = nginx.find()
    origin = f"nginx {nginx.version(program)}" if program else "none"
    programs = generator_versions(SCENARIOS[name] for name in scenarios)
    named = ", ".join(f"{name} {found}" for name, found in programs.items())
    load = ", ".join(f"{average:.2f}" for average in os.getloadavg())
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{cpu_model()}, {os.cpu_count()} cores, {platform.system()} "
        f"{platform.release()}, load averages before the run {load}",
        "programs": f"{named}, origin {origin}, Python {platform.python_version()}",
        "rounds": f"{settings.rounds} of {settings.seconds} s after each of {settings.starts} "
        "starts of the proxies, interleaved, after one that does not count; median "
        "(minimum–maximum), ratios taken round by round",
        "connections": f"{settings.connections}, unless the scenario says otherwise",
        "cores": "the proxies share one, load generator and origin another",
    }


def _write(
    results: Sequence[ScenarioResult],
    facts: Mapping[str, str],
    set_ups: Mapping[str, str],
    out: Path,
) -> None:
    (out / "results.md").write_text(as_markdown(results, facts, set_ups))
    (out / "results.json").write_text(as_json(results, facts, set_ups))
    for result in results:
        chart = bar_chart(result)
        if chart is not None:
            (out / f"{result.scenario.name}.svg").write_text(chart)


if __name__ == "__main__":
    sys.exit(main())
