"""Owns every process the benchmark starts: pinned to a core, in a session of its own, killed.

Knows nothing of proxies. Counterpart: `usage` reads what these processes consume.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

PR_SET_PDEATHSIG = 1
STOP_SECONDS = 3.0
# What a load generator may need beyond the time for which it was told to run.
_SPARE_SECONDS = 15

# Looked up before any fork: between fork and exec nothing may load a library.
_LIBC = ctypes.CDLL(None)


class BenchError(Exception):
    """A measurement that must not count: a wrong reply, a dead proxy, a missing tool."""


@dataclass(frozen=True)
class Command:
    """What to run; paths in `argv` are absolute."""

    argv: tuple[str, ...]
    env: Mapping[str, str] | None = None
    cwd: Path | None = None


class Child:
    """One started program with all that descends from it, its output in `log`."""

    def __init__(self, command: Command, core: int, log: Path) -> None:
        self._log = log
        parent = os.getpid()

        def in_child() -> None:
            os.sched_setaffinity(0, {core})
            # Ends with us even when we are killed outright and no clean-up of ours runs. Not
            # SIGKILL: that would end a master process and leave its workers.
            _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)

        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                command.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **(command.env or {})},
                cwd=command.cwd,
                start_new_session=True,
                preexec_fn=in_child,  # noqa: PLW1509 - this program has no threads
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def check_alive(self) -> None:
        """Raise BenchError with the end of the program's output if it has exited."""
        code = self._popen.poll()
        if code is not None:
            raise BenchError(f"exited with status {code}: {self.log_tail()}")

    def log_tail(self, characters: int = 400) -> str:
        text = self._log.read_text(errors="replace").strip()
        return text[-characters:] or "(it said nothing)"

    def tree(self) -> list[int]:
        return process_tree(self.pid)

    def stop(self) -> None:
        """End the whole tree: asked first, then killed. Returns when nothing of it runs."""
        # Noted before the leader dies: then its children belong to init, and a child that made
        # a session of its own could no longer be told from a stranger.
        known = {pid: start_time(pid) for pid in self.tree()}
        if self._popen.poll() is None:
            self._popen.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and (
            self._popen.poll() is None or any(_same(pid, at) for pid, at in known.items())
        ):
            time.sleep(0.01)
        for pid in {*known, *process_tree(self.pid)}:
            if pid not in known or _same(pid, known[pid]):
                _kill(pid)
        self._popen.wait()


class Fleet:
    """The children of one scenario; leaving the `with` block ends them, whatever happened."""

    def __init__(self) -> None:
        self._children: list[Child] = []

    def __enter__(self) -> Fleet:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A second Ctrl-C must not leave half of them running; this ends within seconds anyway.
        former = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            while self._children:
                self._children.pop().stop()
        finally:
            signal.signal(signal.SIGINT, former)

    def start(self, command: Command, core: int, log: Path) -> Child:
        child = Child(command, core, log)
        self._children.append(child)
        return child

    def stop(self, child: Child) -> None:
        """End one child early."""
        child.stop()
        self._children.remove(child)


def run_for(
    name: str, argv: Sequence[str], seconds: float, env: Mapping[str, str] | None = None
) -> str:
    """What a load generator prints that runs for `seconds`; BenchError when it fails."""
    try:
        done = subprocess.run(
            argv,
            check=False,
            capture_output=True,
            text=True,
            timeout=seconds + _SPARE_SECONDS,
            env=env,
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"{name} did not end in time") from None
    if done.returncode != 0:
        raise BenchError(f"{name} failed: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout


def process_tree(root: int) -> list[int]:
    """`root`, its descendants, and whatever shares its session; empty when all are gone."""
    parents: dict[int, int] = {}
    members: set[int] = set()
    for pid in _all_pids():
        fields = stat_fields(pid)
        if fields is None:
            continue
        parents[pid] = int(fields[1])
        if pid == root or int(fields[3]) == root:
            members.add(pid)
    grown = True
    while grown:
        found = {pid for pid, parent in parents.items() if parent in members} - members
        members |= found
        grown = bool(found)
    return sorted(members)


def stat_fields(pid: int) -> list[str] | None:
    """/proc/PID/stat from the state on (state, ppid, pgrp, session, …); None for the dead."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name before is in parentheses and may hold spaces and parentheses itself.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields


def start_time(pid: int) -> str | None:
    """When `pid` was started, in ticks: with it a pid is not confused with its successor."""
    fields = stat_fields(pid)
    return fields[19] if fields else None


def _same(pid: int, started: str | None) -> bool:
    return started is not None and start_time(pid) == started


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _all_pids() -> Iterable[int]:
    return (int(entry) for entry in os.listdir("/proc") if entry.isdigit())  # noqa: PTH208  a string is all there is
