"""Metrics of the whole process tree, from ``/proc``, and of the server itself."""

import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec import Struct

from pymosn.observe.metrics import COUNTER, GAUGE
from pymosn.observe.sinks import Families

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Usage(Struct):
    """What one process uses."""

    cpu_seconds: float = 0.0
    resident: int = 0
    virtual: int = 0
    files: int = 0
    started: float = 0.0
    """Seconds since the epoch."""


def usage(pid: int) -> Usage:
    """Return what a process uses; zeros when it is gone."""
    found = Usage()
    with suppress(OSError, ValueError, IndexError):
        root = Path(f"/proc/{pid}")
        fields = (root / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        found.cpu_seconds = (int(fields[11]) + int(fields[12])) / _TICKS
        found.virtual = int(fields[20])
        found.resident = int(fields[21]) * _PAGE
        found.started = _boot_time() + int(fields[19]) / _TICKS
        found.files = len(os.listdir(root / "fd"))  # noqa: PTH208  only their number counts
    return found


def add_process_metrics(families: Families, workers: Mapping[int, int]) -> None:
    """Add the usual ``process_…`` metrics, summed over supervisor and workers.

    ``workers`` maps a worker's index to its process.
    """
    own = usage(os.getpid())
    each = {index: usage(pid) for index, pid in workers.items()}
    tree = [own, *each.values()]
    families.add("process_cpu_seconds_total", COUNTER, {}, sum(u.cpu_seconds for u in tree))
    families.add("process_resident_memory_bytes", GAUGE, {}, sum(u.resident for u in tree))
    families.add("process_virtual_memory_bytes", GAUGE, {}, sum(u.virtual for u in tree))
    families.add("process_open_fds", GAUGE, {}, sum(u.files for u in tree))
    families.add("process_start_time_seconds", GAUGE, {}, own.started)
    for index, found in each.items():
        labels = {"worker": str(index)}
        families.add("worker_cpu_seconds_total", COUNTER, labels, found.cpu_seconds)
        families.add("worker_resident_memory_bytes", GAUGE, labels, found.resident)


def add_runtime_metrics(families: Families) -> None:
    """Add which Python runs us."""
    labels = {
        "implementation": platform.python_implementation(),
        "version": platform.python_version(),
    }
    families.add("python_info", GAUGE, labels, 1)


def add_meta(families: Families, version: str, state: int, addresses: list[str]) -> None:
    """Add MOSN's set ``meta`` (spec §9.1)."""
    labels = {"mosn": "info"}
    families.add(f"meta_python_version:{platform.python_version()}", GAUGE, labels, 1)
    families.add(f"meta_version:{version}", GAUGE, labels, 1)
    for address in addresses:
        families.add(f"meta_listener_address:{address}", GAUGE, labels, 1)
    families.add("meta_mosn_state_code", GAUGE, labels, state)


def _boot_time() -> float:
    for line in Path("/proc/stat").read_text("ascii").splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    return 0.0
