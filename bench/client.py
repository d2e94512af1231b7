"""Our own client processes: on our core, which is the load generator's."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.credentials import Credentials
from bench.processes import run_for


def client_command(
    module: str, credentials: Credentials | None, *arguments: object
) -> tuple[list[str], Mapping[str, str]]:
    """Arguments and environment; the certificate to trust comes last, where there is one."""
    root = str(Path(__file__).resolve().parents[1])
    env = {**os.environ, "PYTHONPATH": root}
    argv = [sys.executable, "-m", f"bench.{module}", *map(str, arguments)]
    if credentials is not None:
        argv.append(str(credentials.certificate))
        env.update(credentials.client_environment())
    return argv, env


def run_client(
    module: str, credentials: Credentials | None, seconds: int, *arguments: object
) -> str:
    """What a client prints that runs for `seconds`; BenchError when it fails."""
    argv, env = client_command(module, credentials, *arguments)
    return run_for(module, argv, seconds, env)
