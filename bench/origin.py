"""The origin: an nginx that answers at once, on the load generator's core."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from bench.credentials import Credentials
from bench.processes import BenchError, Child, Fleet
from bench.proxies.nginx import Nginx, http_block, nginx_command, tls_settings
from bench.reply import check_reply, large_body
from bench.scenarios import LARGE_PATH, SMALL_BODY, Scenario
from bench.target import Target
from bench.waiting import wait_for


@dataclass(frozen=True)
class Origin:
    """`back` is where proxies forward to. `front` speaks to clients as the proxies do."""

    scenario: Scenario
    front: int
    back: int
    credentials: Credentials | None = None


def start_origin(fleet: Fleet, directory: Path, origin: Origin, core: int) -> Child:
    """Start it in the empty or former `directory`; returns when it answers rightly."""
    program = Nginx().find()
    if program is None:
        raise BenchError(f"the origin needs nginx ({Nginx.install})")
    (directory / "www").mkdir(parents=True, exist_ok=True)
    (directory / "www" / LARGE_PATH.strip("/")).write_bytes(large_body())
    text = SMALL_BODY.decode().replace("\n", "\\n")
    server = (
        f"  sendfile on; tcp_nopush on;\n  server {{\n{listeners(origin)}"
        f'    location / {{ return 200 "{text}"; }}\n'
        f"    location = {LARGE_PATH} {{ root {directory}/www; }}\n  }}\n"
    )
    command = nginx_command(program, directory, "", http_block(directory, server))
    child = fleet.start(command, core, directory / "output.log")
    target = Target(origin.scenario, origin.front, origin.credentials)
    wait_for(child, lambda: check_reply(target), time.monotonic() + 10)
    return child


def listeners(origin: Origin) -> str:
    """The directives of its server that say where and how it listens."""
    front = " http2" if origin.scenario.http2 else ""
    settings = ""
    if origin.credentials is not None:
        front += " ssl"
        settings = tls_settings(origin.credentials)
    back = " http2" if origin.scenario.http2_origin else ""
    return (
        f"    listen 127.0.0.1:{origin.front}{front} backlog=4096;\n"
        f"    listen 127.0.0.1:{origin.back}{back} backlog=4096;\n{settings}"
    )
