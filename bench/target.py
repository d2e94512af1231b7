"""Where load goes, and what a client must know to judge the replies."""

from __future__ import annotations

from dataclasses import dataclass

from bench.credentials import Credentials
from bench.scenarios import Scenario


@dataclass(frozen=True)
class Target:
    """127.0.0.1:`port`, asked as `scenario` says. `credentials` is None where there is no TLS."""

    scenario: Scenario
    port: int
    credentials: Credentials | None = None

    @property
    def url(self) -> str:
        scheme = "https" if self.scenario.tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}{self.scenario.path}"
