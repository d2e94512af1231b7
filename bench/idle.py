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
from bench.scenarios import IDLE_CONNECTIONS, SCENARIOS
from bench.target import Target

_SETTLE_SECONDS = 1.0
# Enough for 10,000 handshakes on a core that others use.
_OPEN_SECONDS = 180.0
# Descriptors that a process needs besides its connections.
_SPARE_DESCRIPTORS = 500


def run_idle(field: Field) -> None:
    """One proxy at a time, once: memory, unlike time, does not scatter."""
    for runner in field.standing():
        with runner.attempt():
            serve(field, runner)
            _measure(field, runner)
        if runner.child is not None:
            field.fleet.stop(runner.child)
            runner.child = None
        print(f"  {field.scenario.name}: {runner.proxy.name}", file=sys.stderr)


def _measure(field: Field, runner: Runner) -> None:
    # Buffers, pools and caches that any load fills are not the idle connections' memory.
    load = SCENARIOS["tls" if field.scenario.tls else "h1"]
    run_load(replace(runner.target, scenario=load), field.connections, 1)
    time.sleep(_SETTLE_SECONDS)
    before = usage.memory(runner.tree())
    count = affordable_connections()
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


def affordable_connections() -> int:
    """As many as the scenario asks for, or what the limit of descriptors allows."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return min(IDLE_CONNECTIONS, limit - _SPARE_DESCRIPTORS)


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
