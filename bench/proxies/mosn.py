"""MOSN, the original, as a peer."""

from __future__ import annotations

import os
import re
from pathlib import Path

from bench.processes import Command
from bench.proxies.base import Plan, Proxy, output_of, which
from bench.proxies.mosn_config import write_config


class Mosn(Proxy):
    name = "mosn"
    install = "build mosn.io/mosn/cmd/mosn/main with Go and name the program in MOSN_PROGRAM"
    settings = "processor 1; no access log; metrics kept; the same configuration file as pymosn"

    def find(self) -> Path | None:
        named = os.environ.get("MOSN_PROGRAM")
        return Path(named).resolve() if named else which("mosn")

    def version(self, program: Path) -> str:
        said = re.search(r"\d+\.\d+\S*", output_of(program, "--version"))
        return said[0] if said else "unknown"

    def prepare(self, program: Path, plan: Plan) -> Command:
        config = write_config(plan)
        # The variable beats `processor`, whatever the environment of the benchmark says.
        return Command((str(program), "start", "-c", str(config)), env={"GOMAXPROCS": "1"})
