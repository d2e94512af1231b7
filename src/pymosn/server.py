"""The data plane inside any asyncio program: ``async with pymosn.Server(config) as server``.

One process, one thread, the caller's loop: the reactor's epoll descriptor is watched like a socket
and its timers by one timer of the loop.  Several servers in one process do not know of each other.
There is no supervisor, so names are resolved once, and nothing is rolled or reloaded by a signal.
"""

import asyncio
import mmap
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from pymosn.config.load import LoadedConfig, load_config, parse_config
from pymosn.extension.registry import Registry
from pymosn.lifecycle.configuration import Configuration, capabilities_of
from pymosn.lifecycle.resolver import Resolver, lookups
from pymosn.lifecycle.sockets import ListeningSockets, key
from pymosn.network.reactor import Reactor
from pymosn.observe.counted import CountedSets
from pymosn.observe.log import ErrorLog, describe_exception
from pymosn.observe.metrics import SlotTable
from pymosn.observe.sinks import Metrics
from pymosn.observe.slots import Slots
from pymosn.runtime import Runtime
from pymosn.snapshot import Snapshot

_SLOTS: Final = 1 << 17
_BUSY_TURN: Final = 0.01
"""Seconds between turns while connections are open: asynchronous filters write and arm timers
from the caller's loop, which the reactor's descriptor does not tell."""
_DRAIN_CHECK: Final = 0.01


class Server:
    """Serves a configuration while its ``async with`` block runs.

    ``config`` is a file's path, a configuration as a dictionary, or a ``Snapshot``.
    """

    def __init__(
        self,
        config: str | Path | Mapping[str, Any] | Snapshot,
        *,
        registry: Registry | None = None,
        log: ErrorLog | None = None,
        drain_timeout: float = 5.0,
    ) -> None:
        """``registry`` has the extensions (the installed ones if absent); ``log`` is the error
        log (stderr, from WARN on, if absent)."""
        self._config = config
        self._registry = registry or Registry.standard()
        self._log = log or ErrorLog("stderr", "WARN")
        self._drain_timeout = drain_timeout
        self._table = SlotTable(_SLOTS)
        self._memory = mmap.mmap(-1, _SLOTS * 8)
        self._slots = Slots(memoryview(self._memory))
        self._sockets = ListeningSockets()
        self._reactor = Reactor()
        self._reactor.on_error = self._on_error
        self._pump: _Pump | None = None
        self._runtime: Runtime | None = None
        self._snapshot = Snapshot()
        self._version = 0
        self._counted = CountedSets()
        self.metrics = Metrics(self._table, self._segments, counted=self._counted)
        """Everything that is counted."""

    async def __aenter__(self) -> Self:
        """Bind and serve; raises ``ConfigError`` or ``BindError``."""
        loop = asyncio.get_running_loop()
        self._runtime = Runtime(self._reactor, self._slots, self._registry, loop)
        self._pump = _Pump(self._reactor, self._runtime, loop)
        try:
            await self.apply(self._config)
        except BaseException:  # cancelled, too: what was begun is undone
            self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let exchanges under way finish, unless the block failed; then close."""
        if error is None:
            await self.drain()
        self.close()

    @property
    def addresses(self) -> dict[str, str]:
        """The bound address of each listener by its name; a port 0 has become a real one."""
        return {
            listener.name: self._sockets.bound_address(listener)
            for listener in self._snapshot.listeners
            if listener.bind
        }

    @property
    def connections(self) -> int:
        """The number of open downstream connections."""
        return self._runtime.active() if self._runtime is not None else 0

    async def apply(self, config: str | Path | Mapping[str, Any] | Snapshot) -> None:
        """Serve another configuration; on an error the present one stays."""
        assert self._runtime is not None
        snapshot = await self._compile(config)
        held = {item.name: key(item) for item in self._snapshot.listeners}
        bound = self._sockets.bind(snapshot.listeners, 1)
        given = {
            item.name: [os.dup(self._sockets.descriptor(key(item), 0))]
            for item in snapshot.listeners
            if item.bind and held.get(item.name) != key(item)
        }
        try:
            self._runtime.apply(snapshot, given)
        except BaseException:  # the same
            for descriptors in given.values():
                for descriptor in descriptors:
                    os.close(descriptor)
            self._sockets.release(bound)
            raise
        self._snapshot = snapshot
        self._counted.keep_only(listener.name for listener in snapshot.listeners)
        self._version += 1
        self._sockets.keep_only(snapshot.listeners, 1)

    async def drain(self) -> None:
        """Stop accepting and wait until no exchange is under way, or the drain timeout."""
        if self._runtime is None:
            return
        self._sockets.close()
        self._runtime.drain()
        deadline = asyncio.get_running_loop().time() + self._drain_timeout
        while self._runtime.active():
            if asyncio.get_running_loop().time() >= deadline:
                break
            await asyncio.sleep(_DRAIN_CHECK)

    def close(self) -> None:
        """Close everything at once."""
        if self._pump is not None:
            self._pump.close()
            self._pump = None
        if self._runtime is not None:
            self._runtime.close()
            self._runtime = None
        self._sockets.close()
        self._reactor.close()

    async def _compile(self, config: str | Path | Mapping[str, Any] | Snapshot) -> Snapshot:
        if isinstance(config, Snapshot):
            return config
        configuration = Configuration(_load(config, self._registry))
        resolver = Resolver(self._log, lambda: None)
        await resolver.resolve(lookups(configuration.loaded.config))
        return configuration.compile(self._table, resolver.resolved, self._version + 1, workers=1)

    def _segments(self) -> list[memoryview]:
        if self._runtime is not None:
            for found in self._runtime.take_counts():
                self._counted.add(*found)
        return [self._slots.values]

    def _on_error(self, where: object, error: BaseException) -> None:
        name = type(where).__name__
        self._log.error(f"{name} failed\n{describe_exception(error)}", key=name)


class _Pump:
    """Gives the reactor its turns from the caller's loop."""

    def __init__(self, reactor: Reactor, runtime: Runtime, loop: asyncio.AbstractEventLoop) -> None:
        self._reactor = reactor
        self._runtime = runtime
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        loop.add_reader(reactor.fileno(), self._turn)
        self._turn()

    def close(self) -> None:
        self._loop.remove_reader(self._reactor.fileno())
        if self._timer is not None:
            self._timer.cancel()

    def _turn(self) -> None:
        self._reactor.run_once(0)
        if self._timer is not None:
            self._timer.cancel()
        wait = self._reactor.next_timeout()
        if self._runtime.active():
            wait = _BUSY_TURN if wait is None else min(wait, _BUSY_TURN)
        self._timer = None if wait is None else self._loop.call_later(wait, self._turn)


def _load(config: str | Path | Mapping[str, Any], registry: Registry) -> LoadedConfig:
    capabilities = capabilities_of(registry)
    if isinstance(config, Mapping):
        return parse_config(msgspec.json.encode(config), file="", capabilities=capabilities)
    return load_config(config, capabilities=capabilities)
