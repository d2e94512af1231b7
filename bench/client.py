"""How our own client processes are started: on our core, which is the load generator's."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.credentials import Credentials


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
