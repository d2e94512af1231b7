"""The supervisor: the control plane's process, which owns everything that outlives a worker.

It reads the configuration, binds every listening socket, keeps the workers serving the current
snapshot, and answers signals.  A change is built completely before anything old is dropped; what
cannot be built leaves the old configuration serving.
"""

import asyncio
import errno
import gc
import os
import resource
import signal
from collections.abc import Callable
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from pymosn.errors import ConfigError
from pymosn.lifecycle import messages
from pymosn.lifecycle.configuration import Configuration, Loader
from pymosn.lifecycle.control import ControlError, ControlServer, remove_pid, write_pid
from pymosn.lifecycle.crew import Crew, Serving
from pymosn.lifecycle.logs import LogKeeper
from pymosn.lifecycle.process import WorkerError
from pymosn.lifecycle.resolver import Resolver, lookups
from pymosn.lifecycle.secrets import CHECK_SECONDS, CertificateWatch, TicketKeyRing
from pymosn.lifecycle.services import Services
from pymosn.lifecycle.sockets import BindError, ListeningSockets, key
from pymosn.lifecycle.states import State
from pymosn.observe.counted import CountedSets
from pymosn.observe.log import LEVELS, ErrorLog
from pymosn.observe.metrics import WORKER, SlotTable
from pymosn.observe.sinks import retired_slots
from pymosn.snapshot import Snapshot

DEFAULT_DRAIN: Final = 30.0
_NAMES: Final = MappingProxyType({
    "trace": "TRACE",
    "debug": "DEBUG",
    "info": "INFO",
    "warning": "WARN",
    "error": "ERROR",
    "critical": "FATAL",
    "off": "OFF",
})


class StartError(ControlError):
    """The server cannot start, or cannot take a new configuration; one line for the operator."""


class Options(Struct, frozen=True):
    """What the command line says beside the configuration."""

    drain_time: float = DEFAULT_DRAIN
    """Seconds that a graceful stop waits for exchanges under way."""
    orphan_timeout: float = 60.0
    log_level: str = ""
    """``trace`` to ``off``: the error log is at least so quiet."""
    log_json: bool = False
    pid_file: bool = True
    """Write a pid file and listen on the control socket."""


class Supervisor:
    """One running pymosn."""

    def __init__(self, loader: Loader, options: Options | None = None) -> None:
        """``loader`` reads the configuration, at the start and at each reload."""
        self.options = options or Options()
        self.state = State.NIL
        self.version = 0
        self.configuration: Configuration
        self.snapshot = Snapshot()
        self.table = SlotTable()
        self.counted = CountedSets()
        self.sockets = ListeningSockets()
        self.log: ErrorLog
        self.crew: Crew
        self._loader = loader
        self._services: Services
        self._logs: LogKeeper
        self._resolver: Resolver
        self._ticket_keys = TicketKeyRing()
        self._control: ControlServer | None = None
        self._changing = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stop: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def run(self, on_ready: Callable[["Supervisor"], None] | None = None) -> int:
        """Start, serve until told to stop, stop; returns the exit status.

        ``on_ready`` is called once everything is served.  Raises ``StartError`` or ``ConfigError``
        when it cannot start; then nothing is left of it.
        """
        self._watch_signals()
        starting = asyncio.ensure_future(self._start())
        try:
            await asyncio.wait((starting, self._stop), return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                starting.cancel()
                with suppress(asyncio.CancelledError):
                    await starting
                return 1
            starting.result()
            if on_ready is not None:
                on_ready(self)
            graceful = await self._stop
            await self._shut_down(graceful)
            return 0
        finally:
            await self._clean_up()

    def stop(self, *, graceful: bool) -> None:
        """Make ``run`` end; a second call that is not graceful cuts a graceful stop short."""
        if not self._stop.done():
            self._stop.set_result(graceful)
        elif not graceful:
            self._spawn(self.crew.stop())

    async def reload(self) -> str:
        """Read the configuration anew and serve it; returns what to tell the operator.

        Raises ``StartError`` with the reason when it cannot be served; then everything is as
        before.
        """
        if self.state != State.RUNNING:
            raise StartError("pymosn is starting or stopping")
        async with self._changing:
            try:
                notice = await self._change_to(Configuration(self._loader()))
            except (ConfigError, BindError, WorkerError, OSError, StartError) as error:
                reason = str(error)
                self.log.error(f"reload refused, the old configuration stays: {reason}")
                raise StartError(reason) from error
        text = f"configuration {self.version} is served"
        self.log.info(text)
        return f"{text}\n{notice}" if notice else text

    def reopen_logs(self) -> None:
        """Open every log anew, in all processes."""
        self.log.reopen()
        self.crew.reopen_logs()

    def set_log(self, *, level: str = "", enabled: bool = True) -> None:
        """Change the error log of all processes."""
        self.log.enabled = enabled
        if level:
            self.log.set_level(level)
        self.crew.set_log(level, enabled)

    def listeners(self) -> list[dict[str, str]]:
        """Return the name and the bound address of each listener."""
        return [
            {"name": listener.name, "address": self.sockets.bound_address(listener)}
            for listener in self.snapshot.listeners
            if listener.bind
        ]

    def greeting(self) -> list[str]:
        """Return what an operator wants to read once everything is served."""
        listeners = self.listeners()
        lines = [f"listener {item['name']} on {item['address']}" for item in listeners]
        if self.admin_address:
            lines.append(f"admin API on http://{self.admin_address}/")
        if self.metrics_address:
            lines.append(f"metrics on http://{self.metrics_address}/")
        count = len(self.crew.workers)
        workers = f"{count} worker{'' if count == 1 else 's'}"
        lines.append(f"ready: {workers}, pid {os.getpid()}")
        return lines

    @property
    def admin_address(self) -> str:
        """Where the admin API is; empty: nowhere."""
        return self._services.admin_address

    @property
    def metrics_address(self) -> str:
        """Where Prometheus finds the metrics; empty: nowhere but in the admin API."""
        return self._services.metrics_address

    # -- start -----------------------------------------------------------------------------

    async def _start(self) -> None:
        self.configuration = Configuration(self._loader())
        settings = self.configuration.settings
        self.state = State.PARAMS_PARSED
        _raise_file_limit()
        self.log = _open_log(settings.log_path, self._level(), as_json=self.options.log_json)
        self._logs = LogKeeper(self.log, settings.roller, self.reopen_logs)
        self._resolver = Resolver(self.log, self._on_addresses_changed)
        self.crew = Crew(
            self.table, self.counted, self.log, self.sockets.descriptor, self._start_message
        )
        self._services = Services(self)
        self._stats_slot = self.table.slot(WORKER)
        self.state = State.INITING
        if self.options.pid_file:
            await self._listen_for_commands(settings.pid_path)
        self.state = State.STARTING
        try:
            await self._change_to(self.configuration)
        except (BindError, WorkerError) as error:
            raise StartError(str(error)) from error
        except OSError as error:
            raise StartError(error.strerror or str(error)) from error
        if self.options.pid_file:
            _write_pid(settings.pid_path)
        self.state = State.RUNNING
        self._report_ready()
        self._spawn(self._housekeeping())
        self._spawn(self._keep_secrets())
        gc.collect()
        gc.freeze()

    async def _listen_for_commands(self, pid_file: str) -> None:
        control = ControlServer(pid_file, self._on_command)
        try:
            await control.start()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise StartError(f"pymosn is running already (see {pid_file})") from error
            raise StartError(f"{control.path} cannot be used: {error.strerror}") from error
        self._control = control

    def _report_ready(self) -> None:
        for finding in self.configuration.findings:
            self.log.warning(str(finding))
        for line in self.greeting():
            self.log.info(line)

    def _start_message(self) -> messages.Start:
        return messages.Start(
            protocol=messages.PROTOCOL,
            log_path=self.log.path,
            log_level=self.log.level,
            log_json=self.log.as_json,
            orphan_timeout=self.options.orphan_timeout,
            drain_timeout=self.options.drain_time,
            stats_slot=self._stats_slot,
            ticket_keys=self._ticket_keys.keys,
        )

    def _level(self) -> str:
        """Return the configured level, or the command line's if that is quieter."""
        wanted = self.configuration.settings.log_level
        bound = _NAMES.get(self.options.log_level.lower(), "TRACE")
        return max(wanted, bound, key=LEVELS.__getitem__)

    # -- changes ---------------------------------------------------------------------------

    async def _change_to(self, new: Configuration) -> str:
        """Serve ``new`` instead of what is served; on failure nothing has changed."""
        workers = new.settings.workers
        wanted = lookups(new.loaded.config)
        await self._resolver.resolve(wanted)
        snapshot = new.compile(self.table, self._resolver.resolved, self.version + 1)
        bound = self.sockets.bind(snapshot.listeners, workers)
        try:
            services = await self._services.prepare(new.settings)
            try:
                await self.crew.serve(_serving(snapshot), workers)
            except BaseException:  # cancelled, too: what was begun is undone
                services.abandon()
                raise
        except BaseException:  # the same
            self.sockets.release(bound)
            self.sockets.keep_only(self.snapshot.listeners, self.configuration.settings.workers)
            raise
        services.commit()
        self.sockets.keep_only(snapshot.listeners, workers)
        self._resolver.watch(wanted)
        old, self.configuration = self.configuration, new
        self._use(snapshot)
        self.version = snapshot.version
        self._logs.configure(new.settings.roller, snapshot)
        if new is not old:
            self.set_log(level=self._level(), enabled=self.log.enabled)
        return _needs_restart(old, new)

    def _use(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._services.subject.metrics.retired = retired_slots(self.table, snapshot)
        self.counted.keep_only(listener.name for listener in snapshot.listeners)

    def _on_addresses_changed(self) -> None:
        self._spawn(self._update_hosts())

    async def _update_hosts(self) -> None:
        """Tell the workers which clusters have other hosts than before."""
        async with self._changing:
            if self.state != State.RUNNING:
                return
            try:
                snapshot = self.configuration.compile(
                    self.table, self._resolver.resolved, self.version
                )
            except ConfigError as error:
                self.log.error(f"new addresses cannot be used: {error}")
                return
            before = self.snapshot.clusters
            self._use(snapshot)
            self.crew.now_serving(_serving(snapshot))
            for name, cluster in snapshot.clusters.items():
                if name not in before or before[name].hosts != cluster.hosts:
                    self.crew.update_hosts(name, cluster.hosts)

    # -- requests from outside -------------------------------------------------------------

    def _watch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, lambda: self.stop(graceful=True))
        loop.add_signal_handler(signal.SIGINT, lambda: self.stop(graceful=False))
        loop.add_signal_handler(signal.SIGQUIT, lambda: self.stop(graceful=False))
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup)
        loop.add_signal_handler(signal.SIGUSR1, self._on_reopen)
        loop.add_signal_handler(signal.SIGCHLD, self._on_child)

    def _on_hangup(self) -> None:
        async def reload() -> None:
            with suppress(StartError):  # the log says why
                await self.reload()

        self._spawn(reload())

    def _on_reopen(self) -> None:
        if self.state == State.RUNNING:
            self.reopen_logs()

    def _on_child(self) -> None:
        if self.state >= State.INITING:
            self.crew.poll()

    async def _on_command(self, command: str) -> dict[str, Any]:
        match command:
            case "reload":
                return {"message": await self.reload()}
            case "reopen":
                self.reopen_logs()
                return {"message": "logs are reopened"}
            case "status":
                return self._status()
        raise ControlError(f"{command!r} is not a command")

    def _status(self) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "state": int(self.state),
            "version": self.version,
            "listeners": self.listeners(),
            "admin": self._services.admin_address,
            "metrics": self._services.metrics_address,
            "workers": [worker.pid for worker in self.crew.workers.values()],
            "log": self.log.path,
        }

    # -- the end ---------------------------------------------------------------------------

    async def _shut_down(self, graceful: bool) -> None:
        if graceful:
            self.state = State.GRACEFUL_STOPPING
            self.log.info(f"stopping; requests under way have {self.options.drain_time:g} s")
            self.sockets.close()
            if not await self.crew.drain(self.options.drain_time):
                self.log.warning("not every connection was finished in time")
        self.state = State.STOPPING

    async def _clean_up(self) -> None:
        """Undo whatever has been started."""
        for task in list(self._tasks):
            task.cancel()
        self.sockets.close()
        if self.state >= State.INITING:
            await self._stop_parts()
        self.state = State.STOPPED

    async def _stop_parts(self) -> None:
        ran = self.state == State.STOPPING
        self._resolver.close()
        await self.crew.stop()
        self.crew.close()
        self._services.close()
        if self._control is not None:
            self._control.close()
            remove_pid(self.configuration.settings.pid_path)
        if ran:
            self.log.info("stopped")
        self.log.close()

    async def _housekeeping(self) -> None:
        """Roll logs, and write what the rate limit of the error log held back."""
        ticks = 0
        while True:
            await asyncio.sleep(1.0)
            self.log.sum_up()
            ticks += 1
            if ticks % 5 == 0:
                await self._logs.roll()

    async def _keep_secrets(self) -> None:
        """Watch the certificates' files, and rotate the keys of session tickets."""
        watch = CertificateWatch(
            self.log, lambda: self.configuration.certificates, self._renew_certificates
        )
        while True:
            await watch.check()
            if self._ticket_keys.rotate_if_due():
                self.crew.use_ticket_keys(self._ticket_keys.keys)
            await asyncio.sleep(CHECK_SECONDS)

    async def _renew_certificates(self) -> None:
        """Serve the same configuration with what its certificates' files now hold."""
        async with self._changing:
            if self.state == State.RUNNING:
                await self._change_to(self.configuration.with_fresh_certificates())

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)

    def _on_task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.log.error(f"a task of the supervisor failed: {task.exception()!r}")


def _serving(snapshot: Snapshot) -> Serving:
    return Serving(
        version=snapshot.version,
        encoded=Raw(msgspec.msgpack.encode(snapshot)),
        sockets={item.name: key(item) for item in snapshot.listeners if item.bind},
    )


def _open_log(path: str, level: str, *, as_json: bool) -> ErrorLog:
    try:
        return ErrorLog(path, level, as_json=as_json)
    except OSError as error:
        raise StartError(f"the log {path} cannot be opened: {error.strerror}") from error


def _write_pid(pid_file: str) -> None:
    try:
        write_pid(pid_file)
    except OSError as error:
        raise StartError(f"{pid_file} cannot be written: {error.strerror}") from error


def _needs_restart(old: Configuration, new: Configuration) -> str:
    """Say which changed settings only a new start can honour."""
    changed = [
        name
        for name in ("log_path", "pid_path")
        if getattr(old.settings, name) != getattr(new.settings, name)
    ]
    return f"note: {' and '.join(changed)} stay as they were until a restart" if changed else ""


def _raise_file_limit() -> None:
    """A proxy needs two descriptors a connection; take what we may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
