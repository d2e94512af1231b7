"""An asyncio event loop whose selector is the reactor (design §4).

Inside ``select()`` the reactor serves native connections in compiled code and returns to asyncio
only when asyncio has something to do, so under load no interpreter frame runs while any asyncio
library still works in a Python filter.
"""

import asyncio
import selectors
from collections.abc import Callable, Mapping
from contextvars import Context
from typing import Any, TypeVarTuple

from pymosn.network.reactor import EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP, Reactor

_READABLE = EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP
_WRITABLE = EPOLLOUT | EPOLLHUP | EPOLLERR


class ReactorSelector(selectors.BaseSelector):
    """What asyncio sees of the reactor."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._keys: dict[int, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        fd = _fileno(fileobj)
        if fd in self._keys:
            raise KeyError(f"{fileobj!r} is already registered")
        key = selectors.SelectorKey(fileobj, fd, events, data)
        self._reactor.python_register(fd, _epoll_events(events), key)
        self._keys[fd] = key
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        fd = _fileno(fileobj)
        key = selectors.SelectorKey(fileobj, fd, events, data)
        self._reactor.python_modify(fd, _epoll_events(events), key)
        self._keys[fd] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        fd = _fileno(fileobj)
        key = self._keys.pop(fd)
        self._reactor.python_unregister(fd)
        return key

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = []
        for key, seen in self._reactor.select(timeout):
            events = 0
            if seen & _READABLE:
                events |= selectors.EVENT_READ
            if seen & _WRITABLE:
                events |= selectors.EVENT_WRITE
            ready.append((key, events & key.events))
        return ready

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys[_fileno(fileobj)]

    def close(self) -> None:
        self._keys.clear()


_Ts = TypeVarTuple("_Ts")


class ReactorLoop(asyncio.SelectorEventLoop):
    """The loop of a worker.  Scheduling anything makes the reactor return to asyncio."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        super().__init__(ReactorSelector(reactor))

    def call_soon(
        self, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        self._reactor.wakeup = True
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        self._reactor.wakeup = True
        return super().call_at(when, callback, *args, context=context)


def _fileno(fileobj: Any) -> int:
    return fileobj if isinstance(fileobj, int) else int(fileobj.fileno())


def _epoll_events(events: int) -> int:
    wanted = 0
    if events & selectors.EVENT_READ:
        wanted |= EPOLLIN
    if events & selectors.EVENT_WRITE:
        wanted |= EPOLLOUT
    return wanted
