"""Handshakes: a TLS connection for each request, by a client process of ours.

wrk would do for full handshakes, but it resumes sessions whenever it can and does not say so.
"""

from __future__ import annotations

import json

from bench.client import run_client
from bench.outcome import LoadReport
from bench.processes import BenchError
from bench.target import Target


def run_handshakes(target: Target, connections: int, seconds: int) -> LoadReport:
    """Load the target for `seconds`; BenchError when anything came back wrong."""
    assert target.credentials is not None
    assert target.scenario.handshake is not None
    arguments = (target.port, connections, seconds, target.scenario.handshake.value)
    return parse_handshakes(run_client("handshake_client", target.credentials, seconds, *arguments))


def parse_handshakes(output: str) -> LoadReport:
    """Read the line that the client prints at its end."""
    try:
        fields = json.loads(output)
    except ValueError:
        raise BenchError("the handshake client printed no report") from None
    if not fields["requests"]:
        raise BenchError("not one request was answered")
    return LoadReport(fields["requests"], fields["seconds"], fields["p50_us"], fields["p99_us"])
