"""The origin: an nginx that answers at once, on the load generator's core."""

from __future__ import annotations

import time
from pathlib import Path

from bench.load import check_reply, large_body
from bench.processes import BenchError, Child, Fleet
from bench.proxies.nginx import Nginx, http_block, nginx_command
from bench.scenarios import LARGE_PATH, SCENARIOS, SMALL_BODY
from bench.waiting import wait_for


def start_origin(fleet: Fleet, directory: Path, port: int, core: int) -> Child:
    """Start it in the empty or former `directory`; returns when it answers rightly."""
    program = Nginx().find()
    if program is None:
        raise BenchError(f"the origin needs nginx ({Nginx.install})")
    (directory / "www").mkdir(parents=True, exist_ok=True)
    (directory / "www" / LARGE_PATH.strip("/")).write_bytes(large_body())
    text = SMALL_BODY.decode().replace("\n", "\\n")
    server = (
        f"  sendfile on; tcp_nopush on;\n  server {{\n    listen 127.0.0.1:{port} backlog=4096;\n"
        f'    location / {{ return 200 "{text}"; }}\n'
        f"    location = {LARGE_PATH} {{ root {directory}/www; }}\n  }}\n"
    )
    command = nginx_command(program, directory, "", http_block(directory, server))
    origin = fleet.start(command, core, directory / "output.log")
    wait_for(origin, lambda: check_reply(SCENARIOS["h1"], port), time.monotonic() + 10)
    check_reply(SCENARIOS["h1-1mb"], port)
    return origin
