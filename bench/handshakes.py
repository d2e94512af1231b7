"""Handshakes: a TLS connection for each request, by a client process of ours.

wrk would do for full handshakes, but it resumes sessions whenever it can and does not say so.
"""

from __future__ import annotations

import json
import subprocess

from bench.client import client_command
from bench.outcome import LoadReport
from bench.processes import BenchError
from bench.target import Target


def run_handshakes(target: Target, connections: int, seconds: int) -> LoadReport:
    """Load the target for `seconds`; BenchError when anything came back wrong."""
    assert target.credentials is not None
    assert target.scenario.handshake is not None
    arguments = (target.port, connections, seconds, target.scenario.handshake.value)
    argv, env = client_command("handshake_client", target.credentials, *arguments)
    try:
        done = subprocess.run(
            argv, check=False, capture_output=True, text=True, timeout=seconds + 15, env=env
        )
    except subprocess.TimeoutExpired:
        raise BenchError("the handshake client did not end in time") from None
    if done.returncode != 0:
        raise BenchError(f"a handshake or its reply was wrong: {done.stderr.strip()[-300:]}")
    return parse_handshakes(done.stdout)


def parse_handshakes(output: str) -> LoadReport:
    """Read the line that the client prints at its end."""
    try:
        fields = json.loads(output)
    except ValueError:
        raise BenchError("the handshake client printed no report") from None
    if not fields["requests"]:
        raise BenchError("not one request was answered")
    return LoadReport(fields["requests"], fields["seconds"], fields["p50_us"], fields["p99_us"])
