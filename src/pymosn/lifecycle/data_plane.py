"""What a worker does: applies snapshots, says whether it could, and serves.

One thread; decides nothing else.  Without a supervisor it serves on until it is idle or
``orphan_timeout`` is over, and SIGTERM makes it finish.  Counterpart: ``process``.
"""

import gc
import mmap
import os
import signal
import socket
from typing import Any, Final

import msgspec

from pymosn.errors import ConfigError
from pymosn.extension.registry import Registry, RegistryError
from pymosn.lifecycle import messages
from pymosn.lifecycle.channel import Channel
from pymosn.network.loop import ReactorLoop
from pymosn.network.reactor import Reactor
from pymosn.observe.log import ErrorLog, describe_exception, install_logging
from pymosn.observe.metrics import WORKER
from pymosn.observe.slots import Slots
from pymosn.runtime import Runtime
from pymosn.snapshot import Snapshot

GC_THRESHOLD: Final = 20_000
_IDLE_CHECK: Final = 0.05
_ORPHAN_CHECK: Final = 0.5
_SETS_AT_ONCE: Final = 500
"""Keeps a report well below ``REPORT_LIMIT``."""
_TURNS: Final = WORKER.offset("loop_turns")
_FILTER_ERRORS: Final = WORKER.offset("filter_errors")
_LOST_LINES: Final = WORKER.offset("access_log_dropped")


class Worker:
    """One worker's side of the conversation with the supervisor."""

    def __init__(self, control: socket.socket, slots: Slots, index: int) -> None:
        self.reactor = Reactor(os.environ.get("PYMOSN_IO_URING") != "0")
        self.loop = ReactorLoop(self.reactor)
        self.index = index
        self._slots = slots
        self._runtime = Runtime(self.reactor, slots, Registry.standard(), self.loop)
        self._log = ErrorLog("stderr")
        self._start = messages.Start(protocol=messages.PROTOCOL, log_path="stderr")
        self._draining = False
        self._snapshots = msgspec.msgpack.Decoder(Snapshot)
        self._channel: Channel[messages.Command] = Channel(
            control,
            self.loop,
            messages.command_decoder(),
            self._on_message,
            self._on_closed,
            limit=messages.COMMAND_LIMIT,
        )
        self.loop.set_exception_handler(self._on_loop_error)
        self.reactor.on_error = self._on_reactor_error

    def run(self) -> None:
        """Serve until told to stop."""
        self._channel.send(messages.Hello(protocol=messages.PROTOCOL, pid=os.getpid()))
        try:
            self.loop.run_forever()
        finally:
            self._runtime.close()
            self._channel.close()
            self._log.close()

    def _on_message(self, message: messages.Command, fds: list[int]) -> None:
        match message:
            case messages.Start():
                self._begin(message)
            case messages.Apply():
                self._apply(message, fds)
            case messages.UpdateHosts():
                self._runtime.update_hosts(message.cluster, message.hosts)
            case messages.TicketKeys():
                self._runtime.use_ticket_keys(message.keys)
            case messages.StatusRequest():
                self._channel.send(self._status(message.number))
            case messages.Drain():
                self._drain()
            case messages.Stop():
                self.loop.stop()
            case messages.ReopenLogs():
                self._runtime.reopen_logs()
                self._log.reopen()
            case messages.SetLog():
                self._log.enabled = message.enabled
                if message.level:
                    self._log.set_level(message.level)

    def _begin(self, start: messages.Start) -> None:
        if start.protocol != messages.PROTOCOL:
            self._log.fatal(f"the supervisor speaks version {start.protocol} of the protocol")
            self.loop.stop()
            return
        self._start = start
        self._runtime.use_ticket_keys(start.ticket_keys)
        try:
            self._log = ErrorLog(start.log_path, start.log_level, as_json=start.log_json)
        except OSError as error:
            reason = f"{start.log_path} cannot be opened: {error.strerror}"
            self._channel.send(messages.Event("ERROR", reason))
        install_logging(self._log)
        self._every_second()

    def _apply(self, command: messages.Apply, fds: list[int]) -> None:
        sockets: dict[str, list[int]] = {}
        for name, fd in zip(command.sockets, fds, strict=True):
            sockets.setdefault(name, []).append(fd)
        try:
            snapshot = self._snapshots.decode(command.snapshot)
            self._runtime.apply(snapshot, sockets)
        except (ConfigError, RegistryError, msgspec.DecodeError) as error:
            self._refuse(command, fds, str(error))
        except Exception as error:  # the edge: whatever went wrong, the old state serves on
            self._log.error(f"a configuration cannot be built\n{describe_exception(error)}")
            self._refuse(command, fds, f"{type(error).__name__}: {error}")
        else:
            self._channel.send(messages.Applied(command.version))
        del command
        # The new objects live long: the collector need not look at them again.
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        # Exchanges leave no cycles; user code may. So many objects more than were freed are worth
        # a look, not the 700 that a hundred exchanges under way are.
        gc.set_threshold(GC_THRESHOLD, 20, 20)

    def _refuse(self, command: messages.Apply, fds: list[int], reason: str) -> None:
        for fd in fds:
            os.close(fd)
        self._channel.send(messages.Refused(command.version, reason))

    def _status(self, number: int) -> messages.Status:
        return messages.Status(
            number=number,
            connections=self._runtime.active(),
            rss=resident_bytes(),
            turns=self.reactor.turns,
            draining=self._draining,
        )

    def _drain(self) -> None:
        if not self._draining:
            self._draining = True
            self._runtime.drain()
            self._stop_when_idle()

    def _stop_when_idle(self) -> None:
        if self._runtime.active() == 0:
            self._report_counts()
            self.loop.stop()
        else:
            self.loop.call_later(_IDLE_CHECK, self._stop_when_idle)

    def _every_second(self) -> None:
        counters = self._slots.values
        base = self._start.stats_slot
        counters[base + _TURNS] = self.reactor.turns
        counters[base + _FILTER_ERRORS] += self._runtime.take_filter_errors()
        counters[base + _LOST_LINES] += self._runtime.take_lost_log_lines()
        self._report_counts()
        self._log.sum_up()
        self.loop.call_later(1.0, self._every_second)

    def _report_counts(self) -> None:
        """Hand over what has no slots in our segment."""
        sets = [messages.Counted(*found) for found in self._runtime.take_counts()]
        for start in range(0, len(sets), _SETS_AT_ONCE):
            self._channel.send(messages.Counts(sets[start : start + _SETS_AT_ONCE]))

    # -- without a supervisor --------------------------------------------------------------

    def _on_closed(self, reason: str) -> None:
        if self._draining:
            return
        patience = self._start.orphan_timeout
        self._log.warning(
            f"worker {self.index}: the supervisor is gone{f' ({reason})' if reason else ''};"
            f" serving on for at most {patience:g} s"
        )
        self.loop.add_signal_handler(signal.SIGTERM, self._leave)
        self.loop.call_later(patience, self._leave)
        self.loop.call_later(_ORPHAN_CHECK, self._leave_when_idle)

    def _leave_when_idle(self) -> None:
        if self._runtime.active() == 0:
            self._leave()
        elif not self._draining:
            self.loop.call_later(_ORPHAN_CHECK, self._leave_when_idle)

    def _leave(self) -> None:
        self._drain()
        self.loop.call_later(self._start.drain_timeout, self.loop.stop)

    # -- errors ----------------------------------------------------------------------------

    def _on_reactor_error(self, where: object, error: BaseException) -> None:
        self._log.error(
            f"{type(where).__name__} failed\n{describe_exception(error)}",
            key=f"{type(where).__name__}:{type(error).__name__}",
        )

    def _on_loop_error(self, _: object, context: dict[str, Any]) -> None:
        error = context.get("exception")
        text = describe_exception(error) if error else ""
        self._log.error(f"{context['message']}\n{text}".rstrip(), key=str(context["message"]))


def resident_bytes(pid: int | str = "self") -> int:
    """Return the resident memory of a process; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:  # noqa: PTH123  pathlib costs memory here
            return int(file.read().split()[1]) * mmap.PAGESIZE
    except (OSError, IndexError):
        return 0
