"""What the benchmark needs to know of a proxy."""

from __future__ import annotations

import shutil
import subprocess
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from bench.credentials import Credentials
from bench.processes import Command
from bench.scenarios import Scenario


@dataclass(frozen=True)
class Plan:
    """One proxy in one scenario: listen on 127.0.0.1:`port`, forward to 127.0.0.1:`origin`.

    `directory` exists, is the proxy's own, and is an absolute path. `credentials` are there when
    clients come by TLS.
    """

    scenario: Scenario
    directory: Path
    port: int
    origin: int
    credentials: Credentials | None = None


class Proxy(ABC):
    """One worker, no access log, keep-alive towards the origin; the rest is the proxy's default."""

    name: str
    install: str
    # What of its configuration a reader of the results must know.
    settings: str

    @abstractmethod
    def find(self) -> Path | None:
        """The program, or None when it is not installed (then `install` tells how)."""

    @abstractmethod
    def version(self, program: Path) -> str:
        """The program's version in a few characters."""

    @abstractmethod
    def prepare(self, program: Path, plan: Plan) -> Command:
        """Write the configuration into `plan.directory`; the command that runs in foreground."""

    def vary(self, scenario: Scenario) -> Scenario:
        """The scenario as this contender takes part in it."""
        return scenario

    def refusal(self, scenario: Scenario) -> str | None:
        """Why the installed program cannot take part in `scenario`, or None."""
        del scenario
        return None


def which(*names: str) -> Path | None:
    """The first of `names` on PATH or where Debian keeps daemons."""
    for name in names:
        found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
        if found:
            return Path(found)
    return None


def output_of(*argv: str | Path) -> str:
    """What a command prints on either stream; its exit status is not judged."""
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=30)
    return done.stdout + done.stderr
