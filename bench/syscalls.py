"""System calls per request, counted by strace in a pass of its own, for it slows everything."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from bench.load import run_load
from bench.outcome import LoadReport
from bench.processes import BenchError, Child
from bench.target import Target

_SECONDS = 1
_ATTACH_SECONDS = 5.0


def syscalls_per_request(
    child: Child, target: Target, connections: int, core: int, summary: Path
) -> dict[str, float]:
    """Calls per request by name, over all processes and threads of `child`.

    BenchError when strace is missing or may not attach.
    """
    if shutil.which("strace") is None:
        raise BenchError("strace is not installed")
    pids = child.tree()
    argv = ["strace", "-c", "-f", "-o", str(summary)]
    for pid in pids:
        argv += ["-p", str(pid)]
    tracer = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),  # noqa: PLW1509 - no threads here
    )
    try:
        _wait_attached(tracer, pids)
        report = run_load(target, connections, _SECONDS)
    finally:
        _detach(tracer)
    return _per_request(summary.read_text(), report)


def parse_summary(text: str) -> dict[str, int]:
    """Calls by name from the table that `strace -c` prints.

    Columns: % time, seconds, usecs/call, calls, errors (may be empty), syscall.
    """
    calls: dict[str, int] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) in {5, 6} and words[3].isdigit() and words[-1] != "total":
            calls[words[-1]] = calls.get(words[-1], 0) + int(words[3])
    return calls


def _per_request(summary: str, report: LoadReport) -> dict[str, float]:
    calls = parse_summary(summary)
    if not calls:
        raise BenchError("strace counted nothing")
    by_count = sorted(calls.items(), key=lambda item: -item[1])
    return {name: count / report.requests for name, count in by_count}


def _wait_attached(tracer: subprocess.Popen[bytes], pids: Sequence[int]) -> None:
    deadline = time.monotonic() + _ATTACH_SECONDS
    while not all(_traced(pid) for pid in pids):
        if tracer.poll() is not None or time.monotonic() > deadline:
            raise BenchError("strace could not attach")
        time.sleep(0.01)


def _traced(pid: int) -> bool:
    """Whether all threads of `pid` are traced; true for a process that is gone."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        return all("TracerPid:\t0\n" not in (t / "status").read_text() for t in threads)
    except OSError:
        return not Path(f"/proc/{pid}").exists()


def _detach(tracer: subprocess.Popen[bytes]) -> None:
    # SIGINT makes strace let go of the processes and write its table.
    tracer.send_signal(signal.SIGINT)
    try:
        tracer.wait(timeout=5)
    except subprocess.TimeoutExpired:
        tracer.kill()
        tracer.wait()
