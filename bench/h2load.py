"""h2load: HTTP/2 with prior knowledge, several requests at once on each connection."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.outcome import LoadReport, percentiles
from bench.processes import BenchError, run_for
from bench.target import Target

_ERRORS = ("failed", "errored", "timeout")


def run_h2load(target: Target, connections: int, seconds: int) -> LoadReport:
    """Load the target for `seconds`; BenchError when anything came back wrong."""
    streams = target.scenario.streams
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        log = Path(directory) / "requests.tsv"
        argv = ["h2load", "-t1", f"-c{connections}", f"-m{streams}", f"-D{seconds}"]
        argv += [f"--log-file={log}", target.url]
        output = run_for("h2load", argv, seconds)
        with log.open() as lines:
            times = request_times(lines)
    under_way = connections * streams
    return parse_h2load(output, times, target.scenario.body_bytes, under_way, seconds)


def parse_h2load(
    output: str, times_us: Sequence[int], body_bytes: int, under_way: int, seconds: int
) -> LoadReport:
    """Judge h2load's report; its log gave the time of each request.

    `under_way` replies may have come in part when the time was up.
    """
    if "Application protocol: h2c" not in output:
        raise BenchError("h2load did not speak HTTP/2")
    requests = _counts(output, "requests")
    statuses = _counts(output, "status codes")
    data = re.search(r"^traffic:.*\((\d+)\) data$", output, re.MULTILINE)
    if not requests or not statuses or data is None:
        raise BenchError("h2load printed no report")
    done = requests["succeeded"]
    errors = {name: requests[name] for name in _ERRORS if requests[name]}
    errors |= {name: count for name, count in statuses.items() if count and name != "2xx"}
    if errors:
        raise BenchError(f"wrong or missing replies: {errors} of {requests['total']} requests")
    if done == 0:
        raise BenchError("not one request was answered")
    # A status is counted when it comes, before the body.
    heads = done <= statuses["2xx"] <= done + under_way
    if not (heads and done == requests["done"] == len(times_us)):
        raise BenchError(f"h2load contradicts itself: {requests}, {statuses}, {len(times_us)} rows")
    if not done * body_bytes <= int(data[1]) <= (done + under_way) * body_bytes:
        raise BenchError(f"{done} replies of {body_bytes} bytes cannot make {data[1]} bytes")
    p50, p99 = percentiles(times_us)
    return LoadReport(done, float(seconds), p50, p99)


def request_times(lines: Iterable[str]) -> list[int]:
    """Microseconds from the log: start of the request, status, duration."""
    return [int(line.rpartition("\t")[2]) for line in lines]


def h2load_version() -> str:
    """h2load's version; BenchError with what to do if it is missing."""
    if shutil.which("h2load") is None or shutil.which("nghttp") is None:
        raise BenchError("h2load is not installed (Debian: apt-get install nghttp2-client)")
    argv = ["h2load", "--version"]
    said = subprocess.run(argv, check=False, capture_output=True, text=True).stdout
    return said.strip().rpartition("/")[2] or "unknown"


def _counts(output: str, title: str) -> dict[str, int]:
    """The numbers of a line such as `requests: 10 total, 10 started, …`, by the word after each."""
    line = re.search(rf"^{title}: (.*)$", output, re.MULTILINE)
    pairs = re.findall(r"(\d+) (\w+)", line[1]) if line else []
    return {name: int(count) for count, name in pairs}
