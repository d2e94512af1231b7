"""wrk: HTTP/1.1 over connections that stay open, in the clear or over TLS."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from bench.outcome import LoadReport
from bench.processes import BenchError, run_for
from bench.scenarios import HOST_FORMAT, PREFIX_FORMAT, Scenario
from bench.target import Target

_MARK = "BENCH "
_ERRORS = ("connect", "read", "write", "status", "timeout")
# More than any of the proxies' response heads, much less than a second body.
_HEAD_LIMIT = 1024


def run_wrk(target: Target, connections: int, seconds: int) -> LoadReport:
    """Load the target for `seconds`; BenchError when anything came back wrong."""
    scenario = target.scenario
    script = Path(__file__).parent / ("load_routes.lua" if scenario.asked else "load.lua")
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "5s", "--latency"]
    argv += ["-s", str(script), target.url]
    if scenario.asked:
        argv += ["--", *_formats(scenario), str(scenario.asked)]
    rules = target.credentials.client_environment() if target.credentials else {}
    output = run_for("wrk", argv, seconds, {**os.environ, **rules})
    return parse_wrk(output, scenario.body_bytes, connections)


def parse_wrk(output: str, body_bytes: int, connections: int) -> LoadReport:
    """Read the line that load.lua prints, and refuse errors, silence and wrong lengths."""
    for line in output.splitlines():
        if line.startswith(_MARK):
            fields = json.loads(line.removeprefix(_MARK))
            break
    else:
        raise BenchError("wrk printed no report")
    errors = {name: fields[name] for name in _ERRORS if fields[name]}
    if errors:
        raise BenchError(f"wrong or missing replies: {errors} of {fields['requests']} requests")
    requests = int(fields["requests"])
    if requests == 0:
        raise BenchError("not one request was answered")
    # The replies that were under way at the end are in the bytes but not in the requests.
    most = (requests + connections) * (body_bytes + _HEAD_LIMIT)
    if not requests * body_bytes <= fields["bytes"] <= most:
        raise BenchError(
            f"{requests} replies of {body_bytes} bytes cannot make {fields['bytes']} bytes"
        )
    return LoadReport(
        requests, fields["duration_us"] / 1e6, float(fields["p50_us"]), float(fields["p99_us"])
    )


def wrk_version() -> str:
    """wrk's version; BenchError with what to do if it is missing."""
    if shutil.which("wrk") is None:
        raise BenchError("wrk is not installed (Debian: apt-get install wrk)")
    # `wrk -v` exits 1 and says its version all the same.
    said = subprocess.run(["wrk", "-v"], check=False, capture_output=True, text=True).stdout.split()
    return said[1] if len(said) > 1 else "unknown"


def _formats(scenario: Scenario) -> tuple[str, str]:
    """Path and host of a request, each with or without a place for its number."""
    if scenario.by_host:
        return scenario.path, HOST_FORMAT
    return PREFIX_FORMAT + "item", "bench"
