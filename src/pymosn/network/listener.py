"""Listening sockets: accept, and hand each connection to whoever serves it."""

import errno
import logging
from typing import Any, Final

from pymosn.network.reactor import EPOLLIN, Reactor, Source
from pymosn.network.timers import Reactive, Timer

ACCEPTS_IN_A_ROW: Final = 64
RETRY_SECONDS: Final = 0.1
"""Pause after the process ran out of descriptors."""

_ACCEPTS_IN_A_ROW = ACCEPTS_IN_A_ROW
_EVENTS = EPOLLIN
_EAGAIN = errno.EAGAIN
_EMFILE = errno.EMFILE
_ENFILE = errno.ENFILE

log = logging.getLogger("pymosn.listener")


class Acceptor(Reactive):
    """Serves the connections that a listener accepts.

    ``local`` is the packed address of our end of all of them; empty when each has its own.
    """

    local: bytes

    def on_accept(self, fd: int, peer: bytes) -> None:
        """Take over the descriptor; ``peer`` is the packed address of the other end."""


class Listener(Source):
    """One listening descriptor, owned and in the end closed by this object.

    It is watched level-triggered, so that a connection that comes alone costs one ``accept``.
    """

    _reactor: "Reactor"
    acceptor: "Acceptor"
    name: str
    closed: bool
    _timer: "Timer"
    _peer: list[Any]
    _last_turn: int
    _watched: bool

    def __init__(self, reactor: Reactor, acceptor: Acceptor, name: str) -> None:
        self._reactor = reactor
        self.acceptor = acceptor
        self.name = name
        self.fd = -1
        self._timer = Timer()
        self._peer = [b""]

    def open(self, fd: int) -> None:
        """Accept on ``fd``; raises ``OSError`` when it cannot be watched."""
        self._reactor.set_keepalive(fd)
        self._reactor.set_nodelay(fd)
        self.acceptor.local = self._reactor.bound_address(fd)
        self._reactor.add(self, fd, _EVENTS)
        self._watched = True

    def close(self) -> None:
        """Stop accepting and close the descriptor."""
        if not self.closed:
            self.closed = True
            self._reactor.cancel(self._timer)
            if self._watched:
                self._reactor.remove(self)
            self._reactor.close_fd(self.fd)

    def on_events(self, events: int) -> None:
        # When they come turn after turn there are more: then all are taken at once.
        alone = self._reactor.turns != self._last_turn + 1
        self._last_turn = self._reactor.turns
        count = 0
        while not self.closed:
            fd = self._reactor.accept_one(self.fd, self._peer)
            if fd >= 0:
                try:
                    self.acceptor.on_accept(fd, self._peer[0])
                except Exception:  # raised again below
                    # It is not served: the client must not wait for what nobody will send.
                    self._reactor.close_fd(fd)
                    raise
                count += 1
                if alone or count >= _ACCEPTS_IN_A_ROW:
                    return
            elif -fd in (_EMFILE, _ENFILE):
                log.error("listener %s: out of file descriptors; raise the limit", self.name)
                self._reactor.remove(self)
                self._watched = False
                self._reactor.arm(self._timer, self, RETRY_SECONDS)
                return
            elif -fd == _EAGAIN:
                return
            # Anything else (ECONNABORTED, EPROTO …) is about one connection that is gone.

    def on_timer(self, timer: Timer) -> None:
        """Try again: epoll tells at once when somebody waits."""
        self._reactor.add(self, self.fd, _EVENTS)
        self._watched = True
