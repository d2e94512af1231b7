"""Our own client processes: on our core, which is the load generator's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.credentials import Credentials
from bench.processes import BenchError

# What a client may need beyond the time for which it was told to run.
_SPARE_SECONDS = 15


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
    try:
        done = subprocess.run(
            argv,
            check=False,
            capture_output=True,
            text=True,
            timeout=seconds + _SPARE_SECONDS,
            env=env,
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"{module} did not end in time") from None
    if done.returncode != 0:
        raise BenchError(f"{module} failed: {done.stderr.strip()[-300:]}")
    return done.stdout
