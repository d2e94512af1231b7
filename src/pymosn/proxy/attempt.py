"""One try at an upstream: wait for a connection, send, receive, be counted.

Counterpart: ``ProxyStream`` decides; an attempt tells it what happened and keeps the host's and
the cluster's accounts straight, exactly once.
"""

from typing import TYPE_CHECKING

from pymosn.message import Head, ResponseHead
from pymosn.network.connection import Connection
from pymosn.network.timers import Timer
from pymosn.stream.pool import ConnectionPool, PoolWaiter, UpstreamSender
from pymosn.stream.stream import (
    TRY_TIMEOUT,
    UPSTREAM_CLOSED,
    UPSTREAM_RESET,
    UPSTREAM_TERMINATED,
    ConnectionInfo,
)
from pymosn.upstream.hosts import UpstreamHost

if TYPE_CHECKING:
    from pymosn.proxy.downstream import ProxyStream

_TRY_TIMEOUT = TRY_TIMEOUT
_UPSTREAM_CLOSED = UPSTREAM_CLOSED
_UPSTREAM_RESET = UPSTREAM_RESET
_UPSTREAM_TERMINATED = UPSTREAM_TERMINATED


class Attempt(PoolWaiter):
    """A try of ``stream`` at ``host``."""

    stream: "ProxyStream"
    host: "UpstreamHost"
    pool: "ConnectionPool"
    begun: int
    timer: "Timer | None"
    started: bool
    closed: bool

    def enter(self, stream: "ProxyStream", host: UpstreamHost, pool: ConnectionPool) -> None:
        """Begin a try with a connection from ``pool``."""
        self.stream = stream
        self.host = host
        self.pool = pool
        self.begun = self.stream.reactor.now

    # -- from the pool --------------------------------------------------------------------------

    def on_pool_ready(self, sender: UpstreamSender) -> None:
        self.sender = sender
        self.stream.upstream_ready(self)

    def on_pool_failed(self, reason: int) -> None:
        self.stream.attempt_failed(self, reason)

    def downstream(self) -> ConnectionInfo | None:
        return self.stream.connection

    # -- from the upstream codec ----------------------------------------------------------------

    def on_headers(self, head: Head, end: bool) -> None:
        response: ResponseHead = head  # type: ignore[assignment]  # an upstream sends responses
        self.stream.upstream_headers(self, response, end)

    def on_data(self, data: bytes, end: bool) -> None:
        self.stream.upstream_data(self, data, end)

    def on_trailers(self, trailers: Head | None) -> None:
        self.stream.upstream_trailers(self, trailers)

    def splice_target(self) -> Connection | None:
        return self.stream.response_target(self)

    def on_body_moved(self, count: int) -> None:
        self.stream.response_moved(count)

    def on_reset(self, reason: int) -> None:
        stream = self.stream
        stream.was_reused = (
            self.sender is not None and self.sender.reused() and not self.sender.response_begun
        )
        self.sender = None  # type: ignore[assignment]  # as declared
        stream.attempt_failed(self, reason)

    def on_drained(self) -> None:
        self.stream.upstream_drained()

    def on_timer(self, timer: Timer) -> None:
        """This try took too long."""
        if self.stream.response_begun or self.closed:
            return
        self.host.stats.request_timed_out()
        self._let_go()
        self.stream.attempt_failed(self, _TRY_TIMEOUT)

    # -- from the stream ------------------------------------------------------------------------

    def arm(self, seconds: float) -> None:
        """Fail this try unless the response begins within ``seconds``."""
        self.timer = Timer.__new__(Timer)
        self.stream.reactor.arm(self.timer, self, seconds)

    def finish_complete(self, status: int) -> None:
        """The response arrived in full; its connection is back in the pool."""
        if self._close():
            self.host.stats.request_finished(status, self.stream.reactor.now - self.begun)

    def finish_failed(self, reason: int) -> None:
        """The try ended without a complete response."""
        self._let_go()
        if self._close():
            self.host.stats.request_reset(
                reason == _UPSTREAM_CLOSED
                or reason == _UPSTREAM_RESET
                or reason == _UPSTREAM_TERMINATED
            )

    def discard(self, status: int, ended: bool) -> None:
        """The response is not wanted: another try follows."""
        if not ended:
            self._let_go()
        self.host.stats.response_retried()
        if self._close():
            self.host.stats.request_reset(False)

    def time_out(self) -> None:
        """The whole exchange took too long."""
        self.host.stats.request_timed_out()
        self.cancel()

    def cancel(self) -> None:
        """Nobody waits for the response any more."""
        self._let_go()
        if self._close():
            self.host.stats.request_reset(False)

    def _let_go(self) -> None:
        sender = self.sender
        self.sender = None  # type: ignore[assignment]  # as declared
        if sender is not None:
            sender.reset()
        elif not self.started:
            self.pool.cancel(self)

    def _close(self) -> bool:
        """Take this try off the accounts; False when it was already."""
        if self.closed:
            return False
        self.closed = True
        self.host.active -= 1
        self.stream.cluster.limits.requests -= 1
        if self.timer is not None:
            self.stream.reactor.cancel(self.timer)
        return True
