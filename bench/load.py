"""Load: wrk or, for RPC, rpcload runs; its report is judged before anyone may use it."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.processes import BenchError
from bench.rpc import check_calls, run_calls
from bench.scenarios import LARGE_BYTES, SMALL_BODY, Scenario, route_prefix

_MARK = "BENCH "
_ERRORS = ("connect", "read", "write", "status", "timeout")
# More than any of the proxies' response heads, much less than a second body.
_HEAD_LIMIT = 1024


@dataclass(frozen=True)
class LoadReport:
    """One run of wrk in which every reply was right."""

    requests: int
    seconds: float
    p50_us: float
    p99_us: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


def run_load(scenario: Scenario, port: int, connections: int, seconds: int) -> LoadReport:
    """Load 127.0.0.1:`port` for `seconds`; BenchError when anything came back wrong."""
    if scenario.rpc:
        calls = run_calls(scenario, port, connections, seconds)
        return LoadReport(
            int(calls["done"]), calls["seconds"], calls["p50_us"], calls["p99_us"]
        )
    here = Path(__file__).parent
    routed = scenario.routes > 0
    script = here / ("load_routes.lua" if routed else "load.lua")
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "5s", "--latency"]
    argv += ["-s", str(script), f"http://127.0.0.1:{port}{scenario.path}"]
    if routed:
        argv += ["--", "/service-%03d/item", str(scenario.routes)]
    try:
        done = subprocess.run(
            argv, check=False, capture_output=True, text=True, timeout=seconds + 15
        )
    except subprocess.TimeoutExpired:
        raise BenchError("wrk did not end in time") from None
    if done.returncode != 0:
        raise BenchError(f"wrk failed: {(done.stderr or done.stdout).strip()[-300:]}")
    return parse_wrk(done.stdout, scenario.body_bytes, connections)


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


def check_reply(scenario: Scenario, port: int, timeout: float = 5.0) -> None:
    """Make one request and compare its reply byte for byte; BenchError or OSError if wrong."""
    if scenario.rpc:
        check_calls(scenario, port)
        return
    path = route_prefix(scenario.routes - 1) + "item" if scenario.routes else scenario.path
    with socket.create_connection(("127.0.0.1", port), timeout) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        status, body = read_reply(connection)
    right = SMALL_BODY if scenario.body_bytes == len(SMALL_BODY) else large_body()
    if status != 200 or body != right:
        raise BenchError(f"the first reply is wrong: status {status}, {len(body)} bytes")


def read_reply(connection: socket.socket) -> tuple[int, bytes]:
    """Read one reply with a Content-Length from a connection; its status and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _receive(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    lengths = [x.split(b":")[1] for x in lines if x.lower().startswith(b"content-length:")]
    if len(lengths) != 1:
        raise BenchError(f"a reply without one Content-Length: {lines[0]!r}")
    parts = [body]
    missing = int(lengths[0]) - len(body)
    while missing > 0:
        parts.append(_receive(connection))
        missing -= len(parts[-1])
    return int(lines[0].split()[1]), b"".join(parts)


def large_body() -> bytes:
    """The content of the origin's large file: each line says where it stands."""
    return b"".join(b"%015d\n" % offset for offset in range(0, LARGE_BYTES, 16))


def wrk_version() -> str:
    """wrk's version; BenchError with what to do if it is missing."""
    if shutil.which("wrk") is None:
        raise BenchError("wrk is not installed (Debian: apt-get install wrk)")
    # `wrk -v` exits 1 and says its version all the same.
    said = subprocess.run(["wrk", "-v"], check=False, capture_output=True, text=True).stdout.split()
    return said[1] if len(said) > 1 else "unknown"


def _receive(connection: socket.socket) -> bytes:
    data = connection.recv(1 << 18)
    if not data:
        raise BenchError("the connection was closed before the reply was complete")
    return data
