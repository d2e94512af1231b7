"""One worker process as the supervisor sees it: started, spoken to, buried.

Knows nothing of the other workers; ``crew`` does.  Counterpart: ``worker``.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from msgspec import Raw

from pymosn.lifecycle import messages
from pymosn.lifecycle.channel import Channel, ChannelError
from pymosn.lifecycle.segments import Segment
from pymosn.observe.counted import CountedSets
from pymosn.observe.log import ErrorLog
from pymosn.snapshot import Host

ACK_TIMEOUT: Final = 30.0
"""Seconds that a worker may take to build a snapshot."""
_STATUS_TIMEOUT: Final = 1.0

Descriptor = Callable[[str, int], int]
"""Key of a socket and worker index to a listening descriptor."""


class WorkerError(Exception):
    """A worker refused a snapshot, died or does not answer; the text says which and why."""


class WorkerProcess:
    """One process, from exec to exit."""

    def __init__(
        self,
        index: int,
        start: messages.Start,
        segment: Segment,
        counted: CountedSets,
        log: ErrorLog,
        on_exit: Callable[["WorkerProcess"], None],
    ) -> None:
        """Start the process; ``on_exit`` is called when it has ended.

        Raises ``OSError`` when the system has no room for another process.
        """
        self.index = index
        self.segment = segment
        self.state = "starting"
        """``starting``, ``ready``, ``draining`` or ``stopped``."""
        self.version = 0
        """The snapshot that it serves."""
        self.started = time.monotonic()
        self._counted = counted
        self._log = log
        self._on_exit = on_exit
        self._loop = asyncio.get_running_loop()
        self._held: dict[str, str] = {}
        self._pending: dict[int, asyncio.Future[None]] = {}
        self._statuses: dict[int, asyncio.Future[messages.Status]] = {}
        self._next_status = 0
        self._exited: asyncio.Future[int] = self._loop.create_future()
        ours, theirs = socket.socketpair()
        try:
            self._process = _spawn(index, theirs, segment.fd)
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self.pid = self._process.pid
        self._channel: Channel[messages.Report] = Channel(
            ours,
            self._loop,
            messages.report_decoder(),
            self._on_message,
            self._on_closed,
            limit=messages.REPORT_LIMIT,
        )
        self._channel.send(start)

    def poll(self) -> bool:
        """Find out whether the process has ended; call it after SIGCHLD."""
        if self._exited.done():
            return True
        status = self._process.poll()
        if status is None:
            return False
        expected = self.state == "draining"
        self.state = "stopped"
        self._exited.set_result(status)
        self._channel.close()
        self._give_up(self.exit_reason())
        if status != 0 and not expected:
            self._log.alert("worker", f"worker {self.index} (pid {self.pid}) {self.exit_reason()}")
        self._on_exit(self)
        return True

    def exit_reason(self) -> str:
        """Say how the process ended."""
        status = self._process.returncode
        if status is None:
            return "is running"
        if status < 0:
            with suppress(ValueError):
                return f"was killed by {signal.Signals(-status).name}"
            return f"was killed by signal {-status}"
        return f"exited with status {status}"

    async def apply(
        self, version: int, encoded: Raw, sockets: dict[str, str], descriptor: Descriptor
    ) -> None:
        """Make the worker serve a snapshot; raises ``WorkerError``.

        A worker that does not answer is killed.

        ``sockets`` maps the names of its bound listeners to the keys of their sockets; the worker
        gets those that it does not hold yet.
        """
        names = [name for name, key in sockets.items() if self._held.get(name) != key]
        acknowledged: asyncio.Future[None] = self._loop.create_future()
        self._pending[version] = acknowledged
        try:
            self._channel.send(
                messages.Apply(version, encoded, names),
                [descriptor(sockets[name], self.index) for name in names],
            )
            if self.poll():
                raise WorkerError(f"worker {self.index} {self.exit_reason()}")
            await asyncio.wait_for(acknowledged, ACK_TIMEOUT)
        except TimeoutError as error:
            self.kill()
            reason = f"worker {self.index} did not answer within {ACK_TIMEOUT:g} s and was ended"
            raise WorkerError(reason) from error
        except ChannelError as error:
            raise WorkerError(f"worker {self.index}: {error}") from error
        finally:
            self._pending.pop(version, None)
        self.version = version
        self._held = dict(sockets)
        if self.state == "starting":
            self.state = "ready"

    def update_hosts(self, cluster: str, hosts: Sequence[Host]) -> None:
        """Tell the worker the hosts of a cluster."""
        self._send(messages.UpdateHosts(cluster, list(hosts)))

    def reopen_logs(self) -> None:
        """Make the worker open its logs anew."""
        self._send(messages.ReopenLogs())

    def set_log(self, level: str, enabled: bool) -> None:
        """Change the level of the worker's error log (empty: as it is), or silence it."""
        self._send(messages.SetLog(level, enabled))

    def use_ticket_keys(self, keys: list[bytes]) -> None:
        """Make the worker use these keys for TLS session tickets."""
        self._send(messages.TicketKeys(keys))

    async def status(self) -> messages.Status | None:
        """Ask the worker how it is; None when it does not answer soon."""
        self._next_status += 1
        number = self._next_status
        answer: asyncio.Future[messages.Status] = self._loop.create_future()
        self._statuses[number] = answer
        try:
            self._send(messages.StatusRequest(number))
            return await asyncio.wait_for(answer, _STATUS_TIMEOUT)
        except TimeoutError:
            return None
        finally:
            self._statuses.pop(number, None)

    def drain(self) -> None:
        """Let the worker finish what is under way and exit."""
        if self.state != "stopped":
            self.state = "draining"
            self._send(messages.Drain())

    def stop(self) -> None:
        """Make the worker exit at once."""
        if self.state != "stopped":
            self.state = "draining"
            self._send(messages.Stop())

    def kill(self) -> None:
        """End a worker that does not obey."""
        if self._process.poll() is None:
            self._process.kill()

    async def exited(self) -> None:
        """Wait until the process has ended."""
        await asyncio.shield(self._exited)

    def _send(self, message: messages.Command) -> None:
        try:
            self._channel.send(message)
        except ChannelError as error:
            self._log.alert("worker", f"worker {self.index} is ended: {error}")
            self.kill()

    def _on_message(self, message: messages.Report, fds: list[int]) -> None:
        for fd in fds:
            os.close(fd)
        match message:
            case messages.Hello():
                if message.protocol != messages.PROTOCOL:
                    self._give_up(f"speaks version {message.protocol} of the protocol")
                    self.kill()
            case messages.Applied():
                self._settle(message.version, None)
            case messages.Refused():
                self._settle(message.version, WorkerError(message.reason))
            case messages.Status():
                answer = self._statuses.get(message.number)
                if answer is not None and not answer.done():
                    answer.set_result(message)
            case messages.Counts():
                for found in message.sets:
                    self._counted.add(found.layout, found.labels, found.values)
            case messages.Event():
                self._log.record(message.level, f"worker {self.index}: {message.message}")

    def _settle(self, version: int, error: WorkerError | None) -> None:
        pending = self._pending.get(version)
        if pending is None or pending.done():
            return
        if error is None:
            pending.set_result(None)
        else:
            pending.set_exception(error)

    def _on_closed(self, reason: str) -> None:
        if reason:
            self._log.alert("worker", f"worker {self.index} (pid {self.pid}): {reason}")
            self.kill()
        self.poll()

    def _give_up(self, reason: str) -> None:
        for version in list(self._pending):
            self._settle(version, WorkerError(f"worker {self.index} {reason}"))


def _spawn(index: int, control: socket.socket, segment: int) -> "subprocess.Popen[bytes]":
    """Execute a worker, with SIGINT and SIGTERM blocked until it can ignore them."""
    command = [
        sys.executable,
        "-P",
        "-m",
        "pymosn.lifecycle.worker",
        str(control.fileno()),
        str(segment),
        str(index),
    ]
    # The worker finds the modules that the supervisor finds, however they were found.
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(p for p in sys.path if p))
    # One TLS handshake frees hundreds of small blocks, and glibc keeps 7 of a size at hand.
    environment.setdefault("GLIBC_TUNABLES", "glibc.malloc.tcache_count=127")
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        return subprocess.Popen(
            command,
            pass_fds=(control.fileno(), segment),
            stdin=subprocess.DEVNULL,
            env=environment,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
