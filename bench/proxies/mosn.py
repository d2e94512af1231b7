"""MOSN, the original, as a peer."""

from __future__ import annotations

import os
import re
from pathlib import Path

from bench.processes import Command
from bench.proxies.base import Plan, Proxy, output_of, which
from bench.proxies.mosn_config import write_config

_TO_HTTP1 = {"type": "transcoder", "config": {"type": "http2Tohttp"}}


class Mosn(Proxy):
    name = "mosn"
    install = "build mosn.io/mosn/cmd/mosn/main with Go and name the program in MOSN_PROGRAM"
    settings = (
        "processor 1; no access log; metrics kept; the same configuration file as pymosn, with a "
        "transcoder filter from HTTP/2 to HTTP/1.1"
    )

    def find(self) -> Path | None:
        named = os.environ.get("MOSN_PROGRAM")
        return Path(named).resolve() if named else which("mosn")

    def version(self, program: Path) -> str:
        said = re.search(r"\d+\.\d+\S*", output_of(program, "--version"))
        return said[0] if said else "unknown"

    def prepare(self, program: Path, plan: Plan) -> Command:
        if plan.scenario.http2 and not plan.scenario.http2_origin:
            # The filter passes Connection on, which makes an HTTP/2 client reset the stream.
            config = write_config(plan, [_TO_HTTP1], removed=("connection",))
        else:
            config = write_config(plan)
        # GOMAXPROCS beats `processor`, whatever the environment of the benchmark says; its TLS,
        # of the time of Go 1.12, speaks 1.3 only when asked to.
        env = {"GOMAXPROCS": "1", "GODEBUG": "tls13=1"}
        return Command((str(program), "start", "-c", str(config)), env=env)
