"""How often an exchange was tried again, and when it is tried next.

Most exchanges never need this object: ``ProxyStream`` makes one when a first attempt has failed.
What a route allows is its ``RetryPolicy`` (router/retry.py).
"""

from typing import TYPE_CHECKING

from pymosn.message import is_idempotent
from pymosn.network.timers import Reactive, Timer
from pymosn.proxy.phases import UPSTREAM
from pymosn.stream.stream import (
    CONNECT_FAILED,
    CONNECT_TIMEOUT,
    UPSTREAM_CLOSED,
    UPSTREAM_OVERFLOW,
    UPSTREAM_REFUSED,
)

if TYPE_CHECKING:
    from pymosn.proxy.downstream import ProxyStream

_UPSTREAM = UPSTREAM
_CONNECT_FAILED = CONNECT_FAILED
_CONNECT_TIMEOUT = CONNECT_TIMEOUT
_UPSTREAM_CLOSED = UPSTREAM_CLOSED
_UPSTREAM_REFUSED = UPSTREAM_REFUSED


class Retries(Reactive):
    """The retries of ``stream``."""

    stream: "ProxyStream"  # None once the exchange is over
    free_used: bool
    """The one retry that needs nobody's permission is used up."""
    _by_policy: int
    _counted: bool
    _due: bool
    _timer: "Timer | None"

    def begin(self, stream: "ProxyStream") -> None:
        """Count for ``stream``; everything else is None or zero already."""
        self.stream = stream

    def after(self, reason: int) -> bool:
        """Try again after an attempt that failed, if that is allowed."""
        stream = self.stream
        if reason == _UPSTREAM_CLOSED and stream.was_reused and not self.free_used:
            # The origin closed a connection that it had kept: nobody's policy, no fault.
            if is_idempotent(stream.request.method):
                self.free_used = True
                return self._schedule(0.0)
            return False
        if reason == _UPSTREAM_REFUSED and not self.free_used:
            self.free_used = True
            return self._schedule(0.0)
        if not stream.route.retry.failure(reason):
            return False
        if reason not in (_CONNECT_FAILED, _CONNECT_TIMEOUT) and not stream.may_repeat():
            return False
        return self.by_policy()

    def by_policy(self) -> bool:
        """Try again if the route's policy and the cluster's limit leave one more."""
        return self.after_pause(-1.0)

    def after_pause(self, pause: float) -> bool:
        """The same after so many seconds, which the upstream asked for; negative: after the
        policy's own."""
        stream = self.stream
        route = stream.route
        cluster = stream.cluster
        limits = cluster.limits
        if self._by_policy >= route.retry_attempts:
            return False
        if limits.max_retries and limits.retries >= limits.max_retries and not self._counted:
            cluster.stats.retry_overflowed()
            stream.flags |= UPSTREAM_OVERFLOW
            return False
        self._by_policy += 1
        if not self._counted:
            self._counted = True
            limits.retries += 1
        if pause >= 0.0:
            return self._schedule(pause)
        wait = route.backoff_base * (1 << min(self._by_policy - 1, 16))
        if wait > route.backoff_max:
            wait = route.backoff_max
        return self._schedule(wait * (0.5 + 0.5 * stream.proxy.random.draw()))

    def cancel(self) -> None:
        """The exchange has its answer: what was due is not."""
        self._due = False

    def end(self) -> None:
        """The exchange is over."""
        stream = self.stream
        self._due = False
        if self._counted:
            stream.cluster.limits.retries -= 1
        if self._timer is not None:
            stream.reactor.cancel(self._timer)
        self.stream = None  # type: ignore[assignment]  # as declared

    # -- from the reactor ----------------------------------------------------------------------

    def on_deferred(self) -> None:
        """A retry is due."""
        stream = self.stream
        if self._due and stream.phase == _UPSTREAM:
            self._due = False
            stream.try_again()

    def on_timer(self, timer: Timer) -> None:
        self.on_deferred()

    # -- private -------------------------------------------------------------------------------

    def _schedule(self, wait: float) -> bool:
        stream = self.stream
        stream.cluster.stats.retried()
        self._due = True
        if wait <= 0.0:
            stream.reactor.defer(self)
            return True
        if self._timer is None:
            self._timer = Timer()
        stream.reactor.arm(self._timer, self, wait)
        return True
