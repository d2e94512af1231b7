"""The workers of a supervisor: as many as asked for, each with the current snapshot.

A change of configuration goes to one worker first; when that one serves it, to the others; when
any of them cannot, those that took it get the previous one back.  A worker that dies is replaced
at once, on the same sockets and the same metrics segment; one that dies again and again is given
growing pauses.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Raw, Struct

from pymosn.lifecycle import messages
from pymosn.lifecycle.process import Descriptor, WorkerError, WorkerProcess
from pymosn.lifecycle.segments import Segment
from pymosn.observe.counted import CountedSets
from pymosn.observe.log import ErrorLog
from pymosn.observe.metrics import SlotTable
from pymosn.snapshot import Host

_DEATHS: Final = 5
_DEATHS_WITHIN: Final = 10.0
_LONGEST_PAUSE: Final = 30.0


class Serving(Struct, frozen=True):
    """A snapshot, ready to be sent."""

    version: int
    encoded: Raw
    sockets: dict[str, str]
    """Names of the bound listeners to the keys of their sockets."""


class Crew:
    """Owns the worker processes and their segments."""

    def __init__(
        self,
        table: SlotTable,
        counted: CountedSets,
        log: ErrorLog,
        descriptor: Descriptor,
        start: Callable[[], messages.Start],
    ) -> None:
        """``descriptor`` finds listening sockets; ``start`` makes a worker's first message."""
        self.segments: list[Segment] = []
        self.workers: dict[int, WorkerProcess] = {}
        self.leaving: list[WorkerProcess] = []
        """Workers that drain because there are to be fewer, or because all stop."""
        self.restarts = 0
        self._table = table
        self._counted = counted
        self._log = log
        self._descriptor = descriptor
        self._start = start
        self._size = 0
        self._serving: Serving | None = None
        self._lock = asyncio.Lock()
        self._deaths: dict[int, deque[float]] = {}
        self._streaks: dict[int, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    def poll(self) -> None:
        """Look for workers that have ended; call it after SIGCHLD."""
        for worker in [*self.workers.values(), *self.leaving]:
            worker.poll()

    async def serve(self, serving: Serving, size: int) -> None:
        """Serve a configuration with ``size`` workers.

        Raises ``WorkerError``, after which the previous configuration is served as before; when
        there was none, no worker is left.
        """
        async with self._lock:
            previous, self._serving = self._serving, serving
            old_size, self._size = self._size, size
            try:
                if previous is None:
                    await self._hire(range(size))
                else:
                    await self._change()
                    await self._hire(range(old_size, size))
            except (WorkerError, OSError) as error:
                self._serving, self._size = previous, old_size
                await self._back_to(previous, old_size)
                raise (
                    error
                    if isinstance(error, WorkerError)
                    else WorkerError(f"a worker cannot be started: {error.strerror}")
                ) from error
            self._dismiss(range(size, old_size))

    def now_serving(self, serving: Serving) -> None:
        """Replacements get this snapshot from now on (the present workers got the difference)."""
        self._serving = serving

    def update_hosts(self, cluster: str, hosts: Sequence[Host]) -> None:
        """Tell all workers the hosts of a cluster."""
        for worker in self.workers.values():
            worker.update_hosts(cluster, hosts)

    def reopen_logs(self) -> None:
        """Make all workers open their logs anew."""
        for worker in [*self.workers.values(), *self.leaving]:
            worker.reopen_logs()

    def set_log(self, level: str, enabled: bool) -> None:
        """Change the error log of all workers."""
        for worker in [*self.workers.values(), *self.leaving]:
            worker.set_log(level, enabled)

    def use_ticket_keys(self, keys: list[bytes]) -> None:
        """Make all workers use these keys for TLS session tickets."""
        for worker in [*self.workers.values(), *self.leaving]:
            worker.use_ticket_keys(keys)

    async def drain(self, within: float) -> bool:
        """Let all workers finish; after ``within`` seconds stop them.

        Returns whether all finished by themselves.
        """
        self._stopping = True
        self._dismiss(list(self.workers))
        done = await self._gone(within)
        if not done:
            await self.stop()
        return done

    async def stop(self) -> None:
        """End all workers at once."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        self._dismiss(list(self.workers), at_once=True)
        for worker in self.leaving:
            worker.stop()
        if not await self._gone(2.0):
            for worker in self.leaving:
                worker.kill()
            await self._gone(2.0)

    def close(self) -> None:
        """Give the segments back; every worker must be gone."""
        for segment in self.segments:
            segment.close()
        self.segments.clear()

    # -- changes ---------------------------------------------------------------------------

    async def _hire(self, indexes: range) -> None:
        """Start workers, all at the same time, and wait until they serve."""
        new = [self._new_worker(index) for index in indexes]
        self._raise_first(await asyncio.gather(*map(self._apply, new), return_exceptions=True))

    async def _change(self) -> None:
        """Give the present workers a new snapshot: first to one, then to the others."""
        ready = [worker for worker in self.workers.values() if worker.state == "ready"]
        if ready:
            await self._apply(ready[0])
        results = await asyncio.gather(*map(self._apply, ready[1:]), return_exceptions=True)
        self._raise_first(results)

    async def _back_to(self, previous: Serving | None, size: int) -> None:
        """Undo a change that failed."""
        self._dismiss([i for i in self.workers if i >= size], at_once=True)
        if previous is None:
            self._dismiss(list(self.workers), at_once=True)
            await self._gone(2.0)
            return
        for worker in list(self.workers.values()):
            if worker.state != "ready" or worker.version == previous.version:
                continue
            try:
                await self._apply(worker)
            except WorkerError as error:
                self._log.alert("worker", f"the previous configuration: {error}; it is replaced")
                worker.kill()

    async def _apply(self, worker: WorkerProcess) -> None:
        serving = self._serving
        assert serving is not None
        await worker.apply(serving.version, serving.encoded, serving.sockets, self._descriptor)

    @staticmethod
    def _raise_first(results: Sequence[BaseException | None]) -> None:
        for result in results:
            if result is not None:
                raise result

    # -- births and deaths -----------------------------------------------------------------

    def _new_worker(self, index: int) -> WorkerProcess:
        while len(self.segments) <= index:
            self.segments.append(Segment(self._table.capacity))
        segment = self.segments[index]
        worker = WorkerProcess(
            index, self._start(), segment, self._counted, self._log, self._on_exit
        )
        self.workers[index] = worker
        return worker

    def _dismiss(self, indexes: Sequence[int], *, at_once: bool = False) -> None:
        for index in indexes:
            worker = self.workers.pop(index, None)
            if worker is None or worker.state == "stopped":
                continue
            self.leaving.append(worker)
            if at_once:
                worker.stop()
            else:
                worker.drain()

    async def _gone(self, within: float) -> bool:
        if not self.leaving:
            return True
        waiting = [asyncio.ensure_future(worker.exited()) for worker in self.leaving]
        _, pending = await asyncio.wait(waiting, timeout=within)
        for waiter in pending:
            waiter.cancel()
        return not pending

    def _on_exit(self, worker: WorkerProcess) -> None:
        worker.segment.zero_gauges(self._table)
        if worker in self.leaving:
            self.leaving.remove(worker)
        if self.workers.get(worker.index) is worker and not self._stopping:
            del self.workers[worker.index]
            self._replace_soon(worker.index, time.monotonic() - worker.started)

    def _replace_soon(self, index: int, lifetime: float) -> None:
        task = asyncio.ensure_future(self._replace(index, lifetime))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _replace(self, index: int, lifetime: float) -> None:
        """Start the successor of a worker that died."""
        pause = self._pause_before(index, lifetime)
        if pause:
            self._log.alert(
                "worker", f"worker {index} dies again and again; the next try is in {pause:g} s"
            )
            await asyncio.sleep(pause)
        async with self._lock:
            if index >= self._size or index in self.workers or self._stopping:
                return
            self.restarts += 1
            try:
                worker = self._new_worker(index)
            except OSError as error:
                self._log.alert("worker", f"worker {index} cannot be started: {error.strerror}")
                self._replace_soon(index, 0.0)
                return
            try:
                await self._apply(worker)
            except WorkerError as error:
                self._log.alert("worker", f"worker {index} cannot serve: {error}")
                worker.kill()
                return
            self._log.info(f"worker {index} was replaced (pid {worker.pid})")

    def _pause_before(self, index: int, lifetime: float) -> float:
        """Return the seconds to wait: none, unless it dies again and again."""
        now = time.monotonic()
        deaths = self._deaths.setdefault(index, deque(maxlen=_DEATHS))
        deaths.append(now)
        often = len(deaths) == _DEATHS and now - deaths[0] <= _DEATHS_WITHIN
        streak = self._streaks.get(index, 0)
        # After a pause deaths are no longer frequent; what counts then is that it died young.
        streak = streak + 1 if often or (streak and lifetime <= _DEATHS_WITHIN) else 0
        self._streaks[index] = streak
        return min(_LONGEST_PAUSE, 0.5 * 2.0 ** (streak - 1)) if streak else 0.0
