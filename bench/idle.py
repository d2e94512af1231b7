"""The IDLE scenario: what a proxy keeps for a connection on which nothing happens."""

from __future__ import annotations

import resource
import select
import subprocess
import sys
import time
from dataclasses import replace

from bench import usage
from bench.client import client_command
from bench.field import Field, Runner
from bench.load import run_load
from bench.processes import BenchError
from bench.rate import serve
from bench.rpc import Holder, run_calls
from bench.scenarios import HELD_CALLS, IDLE_CONNECTIONS, SCENARIOS
from bench.target import Target

_SETTLE_SECONDS = 1.0
# Enough for 10,000 handshakes on a core that others use.
_OPEN_SECONDS = 180.0
# How long calls and heartbeats go on while the CPU time is taken.
_HELD_SECONDS = 20.0
# Descriptors that a process needs besides its connections.
_SPARE_DESCRIPTORS = 500


def run_idle(field: Field) -> None:
    """One proxy at a time, once: memory, unlike time, does not scatter."""
    for runner in field.standing():
        with runner.attempt():
            serve(field, runner)
            if field.scenario.rpc:
                _measure_rpc(field, runner)
            else:
                _measure(field, runner)
        field.stop(runner)
        print(f"  {field.scenario.name}: {runner.proxy.name}", file=sys.stderr)


def _measure(field: Field, runner: Runner) -> None:
    # Buffers, pools and caches that any load fills are not the idle connections' memory.
    load = SCENARIOS["tls" if field.scenario.tls else "h1"]
    run_load(replace(runner.target, scenario=load), field.connections, 1)
    time.sleep(_SETTLE_SECONDS)
    before = usage.memory(runner.tree())
    count = affordable_connections(IDLE_CONNECTIONS)
    with _open_client(runner.target, count) as client:
        try:
            _expect(client, "ready")
            time.sleep(_SETTLE_SECONDS)
            after = usage.memory(runner.tree())
            at_origin = usage.established(field.origin.back)
            lost = int(_expect(client, "closed"))
        finally:
            client.kill()
    if lost:
        raise BenchError(f"{lost} of {count} idle connections were closed")
    runner.outcome.samples.append(
        {
            "connections": count,
            "conn_bytes": (after.pss - before.pss) / count,
            "conn_rss_bytes": (after.rss - before.rss) / count,
            "before_mb": before.pss / 1e6,
            "after_mb": after.pss / 1e6,
            "origin_connections": at_origin,
        }
    )


def _measure_rpc(field: Field, runner: Runner) -> None:
    """The connections are not quite idle: heartbeats on each, and some calls on all together."""
    run_calls(replace(runner.target, scenario=SCENARIOS["bolt-64"]), 64, 1)
    time.sleep(_SETTLE_SECONDS)
    before = usage.memory(runner.tree())
    count = affordable_connections(field.connections)
    with Holder(runner.target, count, HELD_CALLS) as holder:
        holder.wait_until_open(_OPEN_SECONDS)
        spent, began = usage.cpu_ns(runner.tree()), time.monotonic_ns()
        time.sleep(_HELD_SECONDS)
        spent, elapsed = usage.cpu_ns(runner.tree()) - spent, time.monotonic_ns() - began
        after = usage.memory(runner.tree())
        at_origin = usage.established(field.origin.back)
        said = holder.finish()
    if said["closed"]:
        raise BenchError(f"{said['closed']} of {count} idle connections were closed")
    runner.outcome.samples.append(
        {
            "connections": count,
            "conn_bytes": (after.pss - before.pss) / count,
            "conn_rss_bytes": (after.rss - before.rss) / count,
            "before_mb": before.pss / 1e6,
            "after_mb": after.pss / 1e6,
            "origin_connections": at_origin,
            "held_calls": said["done"] / said["seconds"],
            "held_cpu_percent": 100 * spent / elapsed,
        }
    )


def affordable_connections(wanted: int) -> int:
    """As many as are wanted, or what the limit of descriptors allows: of this process, and so of
    the proxy and of the client."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return min(wanted, limit - _SPARE_DESCRIPTORS)


def _open_client(target: Target, count: int) -> subprocess.Popen[str]:
    argv, env = client_command("idle_client", target.credentials, target.port, count)
    return subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=env,
        start_new_session=True,
    )


def _expect(client: subprocess.Popen[str], word: str) -> str:
    """The rest of the client's next line, which must begin with `word`."""
    if word == "closed" and client.stdin is not None:
        client.stdin.close()
    assert client.stdout is not None
    if not select.select([client.stdout], [], [], _OPEN_SECONDS)[0]:
        raise BenchError(f"the idle connections were not open after {_OPEN_SECONDS:.0f} s")
    line = client.stdout.readline().split()
    if not line or line[0] != word:
        raise BenchError("the idle connections could not be opened")
    return " ".join(line[1:])
