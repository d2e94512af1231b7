"""What the command line decided, for all modules that measure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """`out` is absolute. The two cores differ."""

    starts: int
    rounds: int
    seconds: int
    connections: int
    out: Path
    load_core: int
    proxy_core: int
    trace_syscalls: bool = True
