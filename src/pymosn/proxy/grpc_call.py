"""What a gRPC call adds to an exchange: a deadline of its own, and a status at its end.

Specification: gRPC over HTTP/2 (PROTOCOL-HTTP2.md of the gRPC project).  ``ProxyStream`` owns the
object and asks it where a call goes another way than a request does; names and codes are in
protocol/grpc.py, the counters of methods in proxy/methods.py.
"""

from typing import TYPE_CHECKING, Final

from pymosn.message import Head, RequestHead, ResponseHead
from pymosn.network.timers import Reactive, Timer
from pymosn.protocol.grpc import (
    CANCELLED,
    escape_message,
    is_grpc,
    read_milliseconds,
    read_status,
    read_timeout,
    status_of_http,
    write_timeout,
)
from pymosn.protocol.grpc import DEADLINE_EXCEEDED as GRPC_DEADLINE_EXCEEDED
from pymosn.protocol.http1_writer import reason as reason_phrase
from pymosn.proxy.attempt import Attempt
from pymosn.stream.stream import (
    DEADLINE_EXCEEDED,
    UPSTREAM_REQUEST_TIMEOUT,
    Failure,
    StreamSender,
)

if TYPE_CHECKING:
    from pymosn.proxy.downstream import ProxyStream

LONGEST_SILENCE: Final = 300.0
"""Seconds that a call without a deadline may be silent where the route does not say."""

_LONGEST_SILENCE = LONGEST_SILENCE
_CANCELLED = CANCELLED
_GRPC_DEADLINE_EXCEEDED = GRPC_DEADLINE_EXCEEDED
_DEADLINE_EXCEEDED = DEADLINE_EXCEEDED
_UPSTREAM_REQUEST_TIMEOUT = UPSTREAM_REQUEST_TIMEOUT
_N_GRPC_TIMEOUT = b"grpc-timeout"
_N_PUSHBACK = b"grpc-retry-pushback-ms"
_N_TRI_TIMEOUT = b"tri-service-timeout"


class GrpcCall(Reactive):
    """One call.  ``deadline`` is a time of the reactor's clock, 0 for none; ``status`` is how the
    call ended, -1 while nobody knows; ``answered``: an upstream has begun to serve it."""

    stream: "ProxyStream"  # None once the exchange is over
    deadline: int
    status: int
    answered: bool
    is_response: bool
    """Whether the response is gRPC too, so that it can end with a status."""
    _timer: "Timer | None"
    _triple: bool

    def begin(self, stream: "ProxyStream", request: RequestHead) -> None:
        """``stream`` is this call; its deadline runs from now on."""
        self.stream = stream
        self.deadline = 0
        self.status = -1
        self.answered = False
        self.is_response = False
        value = request.get(_N_GRPC_TIMEOUT)
        seconds = -1.0 if value is None else read_timeout(value)
        if value is None and request.timeouts:
            value = request.get(_N_TRI_TIMEOUT)
            if value is not None:
                seconds = read_milliseconds(value)
                self._triple = True
        if seconds >= 0.0:
            # The exchange may have waited for a filter before it was known to be a call.
            self.deadline = stream.started + int(seconds * 1e9)
            self._timer = Timer()
            left = (self.deadline - stream.reactor.now) * 1e-9
            stream.reactor.arm(self._timer, self, left if left > 0.0 else 0.0)

    def limit_silence(self) -> None:
        """A stream of messages may be silent for as long as its client says, or for long."""
        stream = self.stream
        if stream.route.idle_timeout <= 0:
            if self.deadline:
                stream.silence = 0.0
            elif stream.silence > 0.0 and stream.silence < _LONGEST_SILENCE:
                stream.silence = _LONGEST_SILENCE

    def before_send(self) -> None:
        """A request head is about to leave: tell the upstream what is left of the time, and watch
        a request that may never end."""
        stream = self.stream
        if not stream.request_ended and stream.silence > 0 and not stream.timed:
            stream.arm(stream.silence)
        if self.deadline:
            now = stream.reactor.now
            left = (self.deadline - now) * 1e-9
            if 0.0 < stream.try_timeout < left:
                self._tell(stream.request, stream.try_timeout)
            elif now - stream.started >= 1000000:
                self._tell(stream.request, left)

    def on_response(self, attempt: Attempt, head: ResponseHead, end: bool) -> bool:
        """Note how the upstream answers; True: the call is tried again."""
        self.is_response = is_grpc(head)
        if not end:
            self.answered = self.is_response
            return False
        stream = self.stream
        route = stream.route
        status = read_status(head)
        if (
            status > 0
            and route.retry_enabled
            and route.retry.grpc_status(status)
            and stream.can_resend()
            and self._again(head)
        ):
            stream.attempt = None
            attempt.discard(head.status, end)
            return True
        self.status = status
        return False

    def on_trailers(self, trailers: Head | None) -> None:
        """The response has ended."""
        if trailers is not None:
            self.status = read_status(trailers)

    def on_reset(self) -> None:
        """The client does not wait any more."""
        self.status = _CANCELLED

    def on_timer(self, timer: Timer) -> None:
        """The client's time is over."""
        self.stream.give_up(_DEADLINE_EXCEEDED)

    def reply(self, sender: StreamSender, head: ResponseHead, body: bytes) -> None:
        """Answer with nothing but a head that has the status ("Trailers-Only")."""
        head.remove(b"content-length")
        status = read_status(head)
        if status < 0:
            status = self._own_status(head.status)
            head.add(b"grpc-status", b"%d" % status)
            if body:
                head.set(b"grpc-message", escape_message(body))
        self.status = status
        head.set(b"Content-Type", b"application/grpc")
        head.content_length = -1
        head.status = 200
        head.reason = reason_phrase(200)
        self.stream.status = 200

    def trailers(self, failure: Failure) -> Head | None:
        """Return what ends a response that has begun as its upstream would have ended it; None
        when that is not possible."""
        self.status = self._own_status(failure.status)
        response: ResponseHead = self.stream.response  # type: ignore[assignment]  # it has begun
        if not self.is_response or response.content_length >= 0:
            return None
        trailers = Head()
        trailers.add(b"grpc-status", b"%d" % self.status)
        trailers.add(b"grpc-message", escape_message(failure.name.encode()))
        return trailers

    def end(self) -> None:
        """The exchange is over."""
        if self._timer is not None:
            self.stream.reactor.cancel(self._timer)
        self.stream = None  # type: ignore[assignment]  # as declared

    def _again(self, head: ResponseHead) -> bool:
        """Try again, when the upstream wants it if it says so ("grpc-retry-pushback-ms" of gRFC
        A6): what is no number of milliseconds, as -1, asks for no other try."""
        pause = -1.0
        value = head.get(_N_PUSHBACK)
        if value is not None:
            if not 1 <= len(value) <= 9 or not value.isdigit():
                return False
            pause = int(value) / 1000.0
            if pause > _LONGEST_SILENCE:
                return False
        return self.stream.retry_state().after_pause(pause)

    def _tell(self, request: RequestHead, seconds: float) -> None:
        """Say how long the caller waits, in the way in which it said so."""
        if self._triple:
            request.set(_N_TRI_TIMEOUT, b"%d" % max(1, int(seconds * 1000)))
        else:
            request.set(_N_GRPC_TIMEOUT, write_timeout(seconds))

    def _own_status(self, status: int) -> int:
        """Return the gRPC status for an end of our own making that HTTP calls ``status``."""
        if self.deadline and status == 504 and self.stream.flags & _UPSTREAM_REQUEST_TIMEOUT:
            return _GRPC_DEADLINE_EXCEEDED
        return status_of_http(status)
