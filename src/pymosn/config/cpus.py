"""How many workers to run: MOSN's ``processor`` and the CPUs that a container may use."""

import os
from collections.abc import Mapping
from pathlib import Path


def worker_count(processor: int | str | None, environment: Mapping[str, str]) -> int:
    """Return the number of workers (spec §1.3): GOMAXPROCS, else ``processor``, else all CPUs.

    ``auto``, and text that is no number, stand for the CPUs that the container may use.
    """
    override = _positive(environment.get("GOMAXPROCS", ""))
    if override:
        return override
    if isinstance(processor, str):
        text = processor.strip()
        if not text.lstrip("-").isdigit():
            return available_cpus()
        processor = int(text[:6])
    if processor is None or processor < 1:
        return len(os.sched_getaffinity(0))
    return processor


def available_cpus(root: Path = Path("/")) -> int:
    """Return the CPUs this process may use: its affinity, and its cgroup's quota rounded up."""
    cpus = len(os.sched_getaffinity(0))
    quota = cgroup_quota(root)
    if quota > 0:
        cpus = min(cpus, max(1, -int(-quota // 1)))
    return cpus


def cgroup_quota(root: Path = Path("/")) -> float:
    """Return the smallest CPU quota of this process's cgroup and its parents; 0 when none."""
    quotas = [*_quotas_v2(root), *_quotas_v1(root)]
    return min(quotas, default=0.0)


def _quotas_v2(root: Path) -> list[float]:
    base = root / "sys/fs/cgroup"
    quotas = []
    for directory in _lineage(base, _own_group(root, "")):
        limit, _, period = _read(directory / "cpu.max").partition(" ")
        quotas.append(_ratio(limit, period))
    return [quota for quota in quotas if quota > 0]


def _quotas_v1(root: Path) -> list[float]:
    quotas = []
    for name in ("cpu", "cpu,cpuacct"):
        base = root / "sys/fs/cgroup" / name
        for directory in _lineage(base, _own_group(root, "cpu")):
            limit = _read(directory / "cpu.cfs_quota_us")
            quotas.append(_ratio(limit, _read(directory / "cpu.cfs_period_us")))
    return [quota for quota in quotas if quota > 0]


def _own_group(root: Path, controller: str) -> str:
    """Return this process's cgroup, below the mount of ``controller`` (empty: version 2)."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if controller in controllers.split(","):
            return group.strip("/")
    return ""


def _lineage(base: Path, group: str) -> list[Path]:
    """Return the directories from ``base`` down to ``group``."""
    directories = [base]
    for part in group.split("/"):
        if part and part != "..":
            directories.append(directories[-1] / part)
    return directories


def _ratio(limit: str, period: str) -> float:
    return _positive(limit) / (_positive(period) or 100_000)


def _positive(text: str) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
