"""CPU time and memory of process trees, from the kernel's own books."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.processes import stat_fields

_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_CPUCLOCK_SCHED = 2


@dataclass(frozen=True)
class Memory:
    """Sums over a tree, in bytes. PSS splits shared pages among those who map them."""

    rss: int
    pss: int


def cpu_ns(pids: Sequence[int]) -> int:
    """User and system time of all threads, dead ones too, and of the children reaped by `pids`."""
    return sum(_process_ns(pid) + _reaped_ns(pid) for pid in pids)


def memory(pids: Sequence[int]) -> Memory:
    rss = pss = 0
    for pid in pids:
        fields = _rollup(pid)
        rss += fields.get("Rss", 0)
        pss += fields.get("Pss", 0)
    return Memory(rss, pss)


def cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown"


def core_busy_ns(core: int) -> int:
    """How long a core has not been idle, whoever used it; in steps of a tick."""
    for line in Path("/proc/stat").read_text().splitlines():
        words = line.split()
        if words[0] == f"cpu{core}":
            user, nice, system, _idle, _wait, irq, softirq, steal = (int(w) for w in words[1:9])
            return (user + nice + system + irq + softirq + steal) * _TICK_NS
    return 0


def established(port: int) -> int:
    """How many TCP connections the local end `port` has, over IPv4."""
    count = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "01" and int(fields[1].rpartition(":")[2], 16) == port:
            count += 1
    return count


def _process_ns(pid: int) -> int:
    # The process's CPU clock, as clock_getcpuclockid(3) makes it: nanoseconds, where
    # /proc/PID/stat has ticks of 10 ms.
    try:
        return time.clock_gettime_ns((~pid << 3) | _CPUCLOCK_SCHED)
    except OSError:
        return 0


def _reaped_ns(pid: int) -> int:
    fields = stat_fields(pid)
    return (int(fields[13]) + int(fields[14])) * _TICK_NS if fields else 0


def _rollup(pid: int) -> dict[str, int]:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    split = (line.split() for line in lines)
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in split if len(words) == 3}
