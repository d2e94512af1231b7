"""One request from the client's first byte to the last byte of its reply.

``ProxyStream`` walks the phases (spec §4.1): filters → route → filters → host → filters →
upstream → filters → reply.  ``_PHASES`` in phases.py names them.  ``Attempt`` (attempt.py) is one
try at the upstream; ``HttpProxy`` (http.py) holds what the exchanges of a listener share.

A phase either completes, so that the next one runs, or *parks* the stream: an asynchronous filter
is running, or the upstream has to answer.  Whatever ends an exchange early goes through
``_fail``: there errors become retries, replies or resets.
"""

import asyncio
import sys
from typing import TYPE_CHECKING, Any, Final

from pymosn.message import Head, RequestHead, ResponseHead, is_idempotent
from pymosn.network.connection import Connection
from pymosn.network.reactor import Reactor, Timer
from pymosn.protocol.grpc import (
    CANCELLED,
    UNKNOWN,
    escape_message,
    is_grpc,
    read_status,
    read_timeout,
    status_of_http,
    write_timeout,
)
from pymosn.protocol.grpc import DEADLINE_EXCEEDED as GRPC_DEADLINE_EXCEEDED
from pymosn.protocol.http1_writer import reason as reason_phrase
from pymosn.proxy.attempt import Attempt
from pymosn.proxy.exchange import BodyTooLarge, Headers, Request, Response, TranscodingError
from pymosn.proxy.filters import FilterChain, FilterStatus, Hook
from pymosn.proxy.grpc import LONGEST_SILENCE, GrpcCall
from pymosn.proxy.transcoder import BodyTranscoder
from pymosn.router.action import DIRECT, REDIRECT, RouteEntry
from pymosn.router.path import read_target
from pymosn.stream.pool import NEGOTIATED, READY, WAITING, ConnectionPool
from pymosn.stream.stream import (
    CONNECT_FAILED,
    CONNECT_TIMEOUT,
    DEADLINE_EXCEEDED,
    DOWNSTREAM_CLOSED,
    DOWNSTREAM_PROTOCOL,
    FAILED_FLAGS,
    FAILURES,
    FILTER_FAILED,
    GLOBAL_TIMEOUT,
    NO_HOST,
    NO_ROUTE,
    OVERFLOW,
    REQUEST_TOO_LARGE,
    TERMINATED,
    UPSTREAM_CLOSED,
    UPSTREAM_OVERFLOW,
    UPSTREAM_PROTOCOL,
    UPSTREAM_REFUSED,
    UPSTREAM_REQUEST_TIMEOUT,
    ConnectionInfo,
    Failure,
    Stream,
    StreamSender,
)
from pymosn.upstream.cluster import UpstreamCluster
from pymosn.upstream.hosts import UpstreamHost

if TYPE_CHECKING:
    from pymosn.proxy.http import HttpProxy

# The phases of an exchange, in order.
BEFORE_ROUTE: Final = 0
MATCH_ROUTE: Final = 1
AFTER_ROUTE: Final = 2
CHOOSE_HOST: Final = 3
AFTER_HOST: Final = 4
SEND: Final = 5
UPSTREAM: Final = 6
"""Waiting for the upstream: a connection, the end of the request, the response."""
BEFORE_SEND: Final = 7
RESPOND: Final = 8
TUNNEL: Final = 9
DONE: Final = 10

_BEFORE_ROUTE = BEFORE_ROUTE
_MATCH_ROUTE = MATCH_ROUTE
_AFTER_ROUTE = AFTER_ROUTE
_CHOOSE_HOST = CHOOSE_HOST
_AFTER_HOST = AFTER_HOST
_SEND = SEND
_UPSTREAM = UPSTREAM
_BEFORE_SEND = BEFORE_SEND
_RESPOND = RESPOND
_TUNNEL = TUNNEL
_DONE = DONE

HELD_BYTES: Final = 65536
"""Request body that may wait for a parked phase before the client is made to wait."""
MAX_RESTARTS: Final = 10
"""Times that filters may send an exchange back to an earlier phase (spec §2.3)."""

_HELD_BYTES = HELD_BYTES
_MAX_RESTARTS = MAX_RESTARTS
_READY = READY
_WAITING = WAITING
_NO_HOST = NO_HOST
_NO_ROUTE = NO_ROUTE
_OVERFLOW = OVERFLOW
_GLOBAL_TIMEOUT = GLOBAL_TIMEOUT
_DOWNSTREAM_CLOSED = DOWNSTREAM_CLOSED
_UPSTREAM_CLOSED = UPSTREAM_CLOSED
_UPSTREAM_PROTOCOL = UPSTREAM_PROTOCOL
_UPSTREAM_REFUSED = UPSTREAM_REFUSED
_CONNECT_FAILED = CONNECT_FAILED
_CONNECT_TIMEOUT = CONNECT_TIMEOUT
_FILTER_FAILED = FILTER_FAILED
_TERMINATED = TERMINATED
_FAILED_FLAGS = FAILED_FLAGS
_REDIRECT = REDIRECT
_NEGOTIATED = NEGOTIATED
_DIRECT = DIRECT
_DEADLINE_EXCEEDED = DEADLINE_EXCEEDED
_DOWNSTREAM_PROTOCOL = DOWNSTREAM_PROTOCOL
_UPSTREAM_REQUEST_TIMEOUT = UPSTREAM_REQUEST_TIMEOUT
_LONGEST_SILENCE = LONGEST_SILENCE
_CANCELLED = CANCELLED
_UNKNOWN = UNKNOWN
_GRPC_DEADLINE_EXCEEDED = GRPC_DEADLINE_EXCEEDED


class ProxyStream(Stream):
    """One exchange.  It owns its request, its route and its current attempt."""

    proxy: "HttpProxy"
    reactor: "Reactor"
    sender: "StreamSender"  # None once the exchange is over, as is ``body``
    route: "RouteEntry"  # None when none matches
    cluster: "UpstreamCluster"
    host: "UpstreamHost"
    attempt: "Attempt | None"
    filters: "FilterChain | None"
    phase: int
    hook_index: int
    restarts: int
    retries: int
    request_ended: bool
    response_begun: bool
    response_ended: bool
    request_paused: bool
    body_dropped: bool
    timed: bool
    parked: bool
    awaiting_retry: bool
    counts_retry: bool
    was_reused: bool
    free_retry_used: bool
    body: list[Any] | None
    body_size: int
    body_limit: int
    body_waiter: Any
    request_trailers: "Head | None"
    response_trailers: "Head | None"
    held: list[Any] | None
    reply_body: bytes | None
    timeout: float
    try_timeout: float
    silence: float
    activity: int
    timer: "Timer | None"
    retry_timer: "Timer | None"
    task: Any
    call: "GrpcCall | None"
    transcoder: "BodyTranscoder | None"
    transcodes_response: bool
    conversion: Any
    """The ``pymosn.proxy.conversion.Transcoder`` whose protocol the host is spoken to in."""
    chosen_protocol: str | None
    """What to speak with the host, whatever the route says."""
    awaits_body: bool
    held_size: int
    facade: "Request | None"
    response_facade: "Response | None"

    def enter(self, proxy: "HttpProxy", sender: StreamSender, info: ConnectionInfo) -> None:
        """Begin an exchange that ``sender`` will answer."""
        self.proxy = proxy
        self.reactor = proxy.reactor
        self.sender = sender
        self.filters = proxy.filters
        self.begin(info, self.reactor.now)

    # -- the request arrives (StreamReceiver of the downstream codec) ----------------------------

    def on_headers(self, head: Head, end: bool) -> None:
        request: RequestHead = head  # type: ignore[assignment]  # a client sends requests
        self.request = request
        self.request_ended = end
        proxy = self.proxy
        proxy.stats.request_started()
        proxy.active += 1
        if end:
            self.request_received = self.started
        self.draw = proxy.random.draw()
        if request.time_limit:
            self.set_variable("proxy_global_timeout", request.time_limit)
        if request.timeouts:
            self._read_timeout_headers(request)
        if request.te_trailers and request.method == _POST and is_grpc(request):
            self._begin_call(request)
        read_target(self)
        self._run()

    def on_data(self, data: bytes, end: bool) -> None:
        self.bytes_received += len(data)
        if self.phase == _DONE:
            return
        self.activity = self.reactor.now
        if self.phase == _TUNNEL:
            self._tunnel_up(data, end)
            return
        if self.transcoder is not None:
            data = self.transcoder.request_data(data, end)  # type: ignore[assignment]
            if data is None:
                self._refuse_body()
                return
            if not data and not end:
                return
        if self.filters is not None and self.filters.on_request_data:
            data = self._filter_data(self.filters.on_request_data, data)  # type: ignore[assignment]
            if data is None:
                return
        if end:
            self._request_complete()
        self._take_body(data)
        attempt = self.attempt
        if attempt is not None and attempt.started:
            self._forward_body(attempt, data, end)
        elif self.awaits_body:
            self._convert_whole()
        elif self.body_waiter is not None:
            self._wake_body_waiter()
        elif self.body_size > _HELD_BYTES:
            self._pause_request()

    def on_trailers(self, trailers: Head | None) -> None:
        if self.phase == _DONE:
            return
        if self.transcoder is not None and self.transcoder.request_data(b"", True) is None:
            self._refuse_body()
            return
        self.request_trailers = trailers
        self._request_complete()
        attempt = self.attempt
        if attempt is not None and attempt.started:
            attempt.sender.send_trailers(trailers)
            self._request_sent(attempt)
        elif self.awaits_body:
            self._convert_whole()
        elif self.body_waiter is not None:
            self._wake_body_waiter()

    def splice_target(self) -> Connection | None:
        """The rest of the request's body may pass by, once nobody could need it again."""
        attempt = self.attempt
        if attempt is None or attempt.sender is None or not attempt.started:
            return None
        if not self.body_dropped or self.phase not in (_UPSTREAM, _RESPOND):
            return None
        if self.transcoder is not None:
            return None
        if self.filters is not None and self.filters.on_request_data:
            return None
        target = attempt.sender.splice_target()
        if target is not None and self.silence > 0 and not self.timed:
            # An upstream that takes nothing must not go unnoticed.
            self._arm(self.silence)
        return target

    def on_body_moved(self, count: int) -> None:
        self.bytes_received += count
        self.activity = self.reactor.now

    def on_reset(self, reason: int) -> None:
        """The client is gone, or broke its protocol."""
        if self.phase == _DONE:
            return
        self.sender = None  # type: ignore[assignment]  # as declared
        self.proxy.stats.request_reset()
        failure = FAILURES[reason]
        if self.status == 0:
            self.status = failure.status
        self.details = failure.name
        if self.call is not None:
            self.call.status = _CANCELLED
        self._finish()

    def on_drained(self) -> None:
        """The client takes more of the response."""
        if self.attempt is not None and self.attempt.sender is not None:
            self.attempt.sender.resume_input()

    # -- the phases ----------------------------------------------------------------------------

    def _run(self) -> None:
        """Run phases until one parks the stream or the exchange has its answer."""
        filters = self.filters
        while True:
            phase = self.phase
            if phase == _BEFORE_ROUTE:
                if filters is not None and not self._run_hooks(filters.on_request):
                    return
                self.phase = _MATCH_ROUTE
            elif phase == _MATCH_ROUTE:
                self._match_route()
                self.phase = _AFTER_ROUTE
            elif phase == _AFTER_ROUTE:
                if filters is not None and not self._run_hooks(filters.on_route):
                    return
                self.phase = _CHOOSE_HOST
            elif phase == _CHOOSE_HOST:
                if not self._choose_host():
                    return
                self.phase = _AFTER_HOST
            elif phase == _AFTER_HOST:
                if filters is not None and not self._run_hooks(filters.on_host):
                    return
                self.phase = _SEND
            elif phase == _SEND:
                self.phase = _UPSTREAM
                self._prepare_request()
                if self.conversion is None or self._convert_request():
                    self._start_attempt()
                return
            elif phase == _BEFORE_SEND:
                if filters is not None and not self._run_hooks(filters.on_response):
                    return
                self.phase = _RESPOND
                self._send_response_head()
                return
            else:
                return

    def _match_route(self) -> None:
        routes = self.proxy.routes
        route = None if routes is None else routes.match(self)
        self.route = route  # type: ignore[assignment]  # as declared
        if route is not None:
            self.route_name = route.name

    def _choose_host(self) -> bool:
        """Find where the request goes; False when it was answered here (spec §4.2)."""
        route = self.route
        if route is None:
            self._fail(_NO_ROUTE)
            return False
        if route.kind == _DIRECT:
            self.reply(route.status, route.body, 0)
            return False
        if route.kind == _REDIRECT:
            head = ResponseHead(route.status)
            head.start = -1
            head.add(b"Location", route.location(self))
            self._reply_with(head, b"")
            return False
        self.cluster_name = route.cluster(self)
        cluster = self.proxy.clusters.get(self.cluster_name)
        if cluster is None:
            self._fail(_NO_ROUTE)
            return False
        self.cluster = cluster
        limits = cluster.limits
        if limits.max_requests and limits.requests >= limits.max_requests:
            cluster.stats.pending_overflowed()
            self._fail(_OVERFLOW)
            return False
        host = cluster.choose(self, self.host)
        if host is None:
            self._fail(_NO_HOST)
            return False
        self.host = host
        self.upstream_host = host
        return True

    def _prepare_request(self) -> None:
        """Apply what the route and the listener change about the request, once."""
        route = self.route
        self.timeout = route.timeout
        if self.call is not None and self.call.deadline:
            self.timeout = 0.0  # the client has said how long it waits
        self.try_timeout = route.per_try_timeout
        self.silence = route.idle_timeout
        if self.variables is not None:
            self._read_timeout_variables()
        if self.try_timeout >= self.timeout > 0:
            self.try_timeout = 0.0
        if self.silence <= 0:
            self.silence = self.timeout
        if self.call is not None:
            self._settle_call(self.call)
        if self.proxy.adds_headers and not self.request.is_rpc():
            self.proxy.add_request_headers(self)
        if self.request.minor == 0 and self.request.get(b"host") is None:
            # HTTP/1.1, which we speak with the upstream, requires one (RFC 9112 §3.2).
            self.request.add(b"Host", self.host.authority())
        if route.edits_request:
            route.finish_request(self)

    # -- attempts ------------------------------------------------------------------------------

    def _start_attempt(self) -> None:
        host = self.host
        if self.route.host_per_attempt:
            self.route.rewrite_host(self)
        pool = host.pool(self._upstream_protocol())
        if pool.takes(self.request if self.outgoing is None else self.outgoing):
            self._try_host(host, pool)
        else:
            self._fail(_UPSTREAM_PROTOCOL)

    def _try_host(self, host: UpstreamHost, pool: ConnectionPool) -> None:
        attempt = Attempt.__new__(Attempt)
        attempt.enter(self, host, pool)
        self.attempt = attempt
        self.attempts += 1
        self.cluster.limits.requests += 1
        host.active += 1
        host.stats.request_started()
        result = attempt.pool.acquire(attempt, self._must_be_careful())
        if result == _READY:
            self.upstream_ready(attempt)
        elif result != _WAITING:
            self.attempt_failed(attempt, result)
        elif self.request_ended:
            self._begin_timeout()
        elif self.silence > 0:
            self._arm(self.silence)

    def _upstream_protocol(self) -> str:
        """What to speak with the upstream: what a filter chose, the route's word, the listener's,
        else what the client speaks, or what the host chooses in its TLS handshake."""
        if self.chosen_protocol is not None:
            return self.chosen_protocol
        protocol = self.route.upstream_protocol or self.proxy.upstream_protocol
        if protocol:
            return protocol
        if self.cluster.negotiates and self.request.upgrade is None and not self.request.is_rpc():
            return _NEGOTIATED
        if self.call is not None:
            return _HTTP2  # gRPC knows nothing else
        return self.connection.protocol

    def upstream_ready(self, attempt: Attempt) -> None:
        """``attempt`` has a connection: send what there is of the request."""
        attempt.started = True
        sender = attempt.sender
        sender.attach(attempt)
        self.upstream_connection_id = sender.host_connection().fd
        if self.call is not None:
            self._send_call(self.call)
        pieces = self.body
        end = self.request_ended
        head = self.request if self.outgoing is None else self.outgoing
        if pieces is None:
            whole = end and self.request_trailers is None
            sender.send_headers(head, whole)
            if end and not whole:
                sender.send_trailers(self.request_trailers)
            if end:
                self._request_sent(attempt)
            else:
                self._resume_request()
            return
        sender.send_headers(head, False)
        go_on = True
        last = len(pieces) - 1
        for index, piece in enumerate(pieces):
            final = end and index == last and self.request_trailers is None
            go_on = sender.send_data(piece, final)
        if end and self.request_trailers is not None:
            sender.send_trailers(self.request_trailers)
        self._release_body()
        if end:
            self._request_sent(attempt)
        elif go_on:
            self._resume_request()
        else:
            self._request_stalled()

    def upstream_drained(self) -> None:
        """The upstream takes more of the request."""
        if not self.request_ended:
            self._resume_request()
        elif self.phase == _TUNNEL:
            self.sender.resume_input()

    def attempt_failed(self, attempt: Attempt, reason: int) -> None:
        """``attempt`` ended without a complete response."""
        if attempt is not self.attempt or self.phase == _DONE:
            return
        attempt.finish_failed(reason)
        self.attempt = None
        if self.phase == _TUNNEL or self.response_begun:
            self._cut_response(reason)
            return
        self._fail(reason)

    def _fail(self, reason: int) -> None:
        """The one place that turns a reason into a retry or a reply."""
        if self.attempts and self._retry_after(reason):
            return
        failure = FAILURES[reason]
        self.details = failure.name
        self.reply(failure.status, failure.name.encode() + b"\n", failure.flag)

    def _retry_after(self, reason: int) -> bool:
        """Try again after a failed attempt, if that is allowed."""
        route = self.route
        if self.sender is None or self.body_dropped or self.phase != _UPSTREAM:
            return False
        if reason == _UPSTREAM_CLOSED and self.was_reused and not self.free_retry_used:
            # The origin closed a connection that it had kept: nobody's policy, no fault.
            if is_idempotent(self.request.method):
                self.free_retry_used = True
                return self._retry(0.0)
            return False
        if reason == _UPSTREAM_REFUSED and not self.free_retry_used:
            self.free_retry_used = True
            return self._retry(0.0)
        if not route.retry.failure(reason):
            return False
        if reason not in (_CONNECT_FAILED, _CONNECT_TIMEOUT) and not self._may_repeat(route):
            return False
        return self._retry_by_policy()

    def _retry_by_policy(self) -> bool:
        route = self.route
        allowed = route.retry_attempts
        limits = self.cluster.limits
        if self.retries >= allowed:
            return False
        if limits.max_retries and limits.retries >= limits.max_retries and not self.counts_retry:
            self.cluster.stats.retry_overflowed()
            self.flags |= UPSTREAM_OVERFLOW
            return False
        self.retries += 1
        if not self.counts_retry:
            self.counts_retry = True
            limits.retries += 1
        wait = route.backoff_base * (1 << min(self.retries - 1, 16))
        if wait > route.backoff_max:
            wait = route.backoff_max
        return self._retry(wait * (0.5 + 0.5 * self.proxy.random.draw()))

    def _retry(self, wait: float) -> bool:
        self.cluster.stats.retried()
        self.awaiting_retry = True
        if wait <= 0.0:
            self.reactor.defer(self)
            return True
        if self.retry_timer is None:
            self.retry_timer = Timer()
        self.reactor.arm(self.retry_timer, self, wait)
        return True

    def on_deferred(self) -> None:
        """A retry without delay is due."""
        if not self.awaiting_retry or self.phase != _UPSTREAM:
            return
        self.awaiting_retry = False
        host = self.cluster.choose(self, self.host)
        if host is None:
            self._fail(_NO_HOST)
            return
        self.host = host
        self.upstream_host = host
        self._start_attempt()

    # -- the response arrives (from the attempt) -----------------------------------------------

    def upstream_headers(self, attempt: Attempt, head: ResponseHead, end: bool) -> None:
        """The attempt's response head; several for 1xx."""
        if attempt is not self.attempt:
            return
        status = head.status
        if status < 200 and status != 101:
            if self.sender is not None and self.phase == _UPSTREAM:
                self.sender.send_headers(head, False)
            return
        if status == 101 and self.request.upgrade is None:
            # A switch that nobody asked for would turn the next request into tunnel data.
            self.attempt_failed(attempt, _UPSTREAM_PROTOCOL)
            return
        route = self.route
        if route.retry_enabled and route.retry.status(status) and not self.body_dropped:
            if self._may_repeat(route) and self._retry_by_policy():
                self.attempt = None
                attempt.discard(status, end)
                return
        if self.call is not None and self._retry_call(self.call, attempt, head, end):
            return
        self.status = status
        self.response = head
        self.response_begun = True
        self.response_received = self.reactor.now
        self.activity = self.response_received
        self._drop_body()
        if end:
            self.response_ended = True
            attempt.finish_complete(status)
            self.attempt = None
        self.phase = _BEFORE_SEND
        self.hook_index = 0
        if self.conversion is None or self._convert_response():
            self._run()

    def upstream_data(self, attempt: Attempt, data: bytes, end: bool) -> None:
        """A piece of the response body."""
        if attempt is not self.attempt or self.phase == _DONE:
            return
        self.activity = self.reactor.now
        if end and self.phase != _TUNNEL:
            self.response_ended = True
            attempt.finish_complete(self.status)
            self.attempt = None
        if self.phase == _BEFORE_SEND:
            self._hold_response(data, end)
            return
        if self.filters is not None and self.filters.on_response_data:
            data = self._filter_data(self.filters.on_response_data, data)  # type: ignore[assignment]
            if data is None:
                return
        if self.transcodes_response:
            data = self.transcoder.response_data(data)  # type: ignore[union-attr]  # there is one
            if end:
                data += self.transcoder.response_end(None)  # type: ignore[union-attr]  # the same
        self.bytes_sent += len(data)
        go_on = self.sender.send_data(data, end)
        if end:
            if self.phase == _TUNNEL:
                self.response_ended = True
                if self.request_ended:
                    self._end_tunnel()
            else:
                self._finish()
        elif not go_on and self.attempt is not None:
            attempt.sender.pause_input()

    def response_target(self, attempt: Attempt) -> Connection | None:
        """Where the rest of the response's body may go, when nobody here looks at it."""
        if attempt is not self.attempt or self.phase != _RESPOND or self.sender is None:
            return None
        if self.filters is not None and self.filters.on_response_data:
            return None
        if self.transcodes_response:
            return None
        return self.sender.splice_target()

    def response_moved(self, count: int) -> None:
        """So much of the body went to the client directly."""
        self.bytes_sent += count
        self.activity = self.reactor.now

    def upstream_trailers(self, attempt: Attempt, trailers: Head | None) -> None:
        """The response body ended."""
        if attempt is not self.attempt or self.phase == _DONE:
            return
        self.response_ended = True
        attempt.finish_complete(self.status)
        self.attempt = None
        if self.call is not None and trailers is not None:
            self.call.status = read_status(trailers)
        if self.phase == _BEFORE_SEND:
            self.response_trailers = trailers
            if self.conversion is not None and self._convert_response():
                self._run()
            return
        self._send_trailers(self.sender, trailers)
        self._finish()

    def _send_response_head(self) -> None:
        """The response filters are through: the head leaves, and what was held behind it."""
        route = self.route
        head: ResponseHead = self.response  # type: ignore[assignment]  # what this phase sends
        if route is not None and route.edits_response:
            route.finish_response(self, head)
        if self.proxy.server_name is not None and not head.is_rpc():
            head.set(b"Server", self.proxy.server_name)
        sender = self.sender
        body = self.reply_body
        held = self.held
        if body is not None:
            if self.call is not None:
                self._send_grpc_reply(self.call, sender, head, body)
            else:
                self._send_reply(sender, head, body)
            return
        if head.status == 101 or (self.request.method == b"CONNECT" and head.status < 300):
            self._begin_tunnel()
        elif self.transcoder is not None:
            ended = self.response_ended and held is None and self.response_trailers is None
            self._transcode_head(head, ended)
        if held is None:
            if self.response_trailers is not None:
                sender.send_headers(head, False)
                self._send_trailers(sender, self.response_trailers)
                self._finish()
            elif self.response_ended:
                sender.send_headers(head, True)
                self._finish()
            else:
                sender.send_headers(head, False)
                self._watch_response()
            return
        self.held = None
        sender.send_headers(head, False)
        for piece in held:
            if self.transcodes_response:
                piece = self.transcoder.response_data(piece)  # type: ignore[union-attr]  # noqa: PLW2901
            self.bytes_sent += len(piece)
            sender.send_data(piece, False)
        if self.response_ended:
            if self.response_trailers is not None or self.transcodes_response:
                self._send_trailers(sender, self.response_trailers)
            else:
                sender.send_data(b"", True)
            self._finish()
        elif self.attempt is not None:
            self.attempt.sender.resume_input()
            self._watch_response()

    # -- replies of our own --------------------------------------------------------------------

    def reply(self, status: int, body: bytes, flag: int) -> None:
        """Answer the request here."""
        head = ResponseHead(status)
        head.start = -1
        if body:
            head.add(b"Content-Type", b"text/plain")
        self.flags |= flag
        self._reply_with(head, body)

    def _reply_with(self, head: ResponseHead, body: bytes) -> None:
        if self.phase == _DONE or self.sender is None:
            return
        self._abandon_attempt()
        self.awaiting_retry = False
        self.status = head.status
        self.reply_body = body
        self.response_ended = True
        self.held = None
        if self.phase < _BEFORE_SEND:
            self.response = head
            self.response_begun = True
            self.phase = _BEFORE_SEND
            self.hook_index = 0
            self._run()
        elif self.phase == _BEFORE_SEND:
            # A response filter answered in place of the upstream.
            self.response = head
            self.phase = _RESPOND
            self._send_response_head()

    def _send_reply(self, sender: StreamSender, head: ResponseHead, body: bytes) -> None:
        no_body = head.status in (204, 304)
        if not head.is_rpc():
            head.remove(b"content-length")
        if no_body:
            body = b""
        elif not head.is_rpc():
            head.add(b"Content-Length", b"%d" % len(body))
            head.content_length = len(body)
        if not head.reason:
            head.reason = reason_phrase(head.status)
        if self.request.method == b"HEAD":
            body = b""
        if body:
            self.bytes_sent += len(body)
            sender.send_headers(head, False)
            sender.send_data(body, True)
        else:
            sender.send_headers(head, True)
        self._finish()

    def _cut_response(self, reason: int) -> None:
        """The upstream failed after the response had begun: the client must notice."""
        failure = FAILURES[reason]
        self.flags |= failure.flag
        self.details = failure.name
        sender = self.sender
        self.sender = None  # type: ignore[assignment]  # as declared
        if self.phase == _BEFORE_SEND and sender is not None:
            # Nothing has left yet, so a proper reply is still possible.
            self.sender = sender
            self.response_begun = False
            self.reply(failure.status, failure.name.encode() + b"\n", failure.flag)
            return
        call = self.call
        if call is not None and sender is not None and self._end_call(call, failure, sender):
            return
        self._finish()
        if sender is not None:
            sender.reset()

    # -- gRPC ----------------------------------------------------------------------------------

    def _begin_call(self, request: RequestHead) -> None:
        """The request is a gRPC call; its deadline runs from now on."""
        call = GrpcCall.__new__(GrpcCall)
        call.begin()
        self.call = call
        value = request.get(_N_GRPC_TIMEOUT)
        if value is None:
            return
        seconds = read_timeout(value)
        if seconds < 0.0:
            return
        # The exchange may have waited for a filter before it was known to be a call.
        call.deadline = self.started + int(seconds * 1e9)
        call.timer = Timer()
        left = (call.deadline - self.reactor.now) * 1e-9
        self.reactor.arm(call.timer, self, left if left > 0.0 else 0.0)

    def _settle_call(self, call: GrpcCall) -> None:
        """A stream of messages may be silent for as long as its client says, or for long."""
        if self.route.idle_timeout > 0:
            return
        if call.deadline:
            self.silence = 0.0
        elif self.silence > 0.0 and self.silence < _LONGEST_SILENCE:
            self.silence = _LONGEST_SILENCE

    def _send_call(self, call: GrpcCall) -> None:
        """A request head is about to leave: tell the upstream what is left of the time, and watch
        a request that may never end."""
        if not self.request_ended and self.silence > 0 and not self.timed:
            self._arm(self.silence)
        if not call.deadline:
            return
        now = self.reactor.now
        left = (call.deadline - now) * 1e-9
        limited = 0.0 < self.try_timeout < left
        if limited or now - self.started >= 1000000:
            self.request.set(_N_GRPC_TIMEOUT, write_timeout(self.try_timeout if limited else left))

    def _retry_call(
        self, call: GrpcCall, attempt: Attempt, head: ResponseHead, end: bool
    ) -> bool:
        """Note how the upstream answers a call; True: it is tried again."""
        call.is_response = is_grpc(head)
        if not end:
            call.answered = call.is_response
            return False
        status = read_status(head)
        route = self.route
        if (
            status > 0
            and route.retry_enabled
            and route.retry.grpc_status(status)
            and not self.body_dropped
            and self._retry_by_policy()
        ):
            self.attempt = None
            attempt.discard(head.status, end)
            return True
        call.status = status
        return False

    def _deadline_passed(self) -> None:
        """The client's time is over."""
        attempt = self.attempt
        if attempt is not None:
            self.attempt = None
            attempt.time_out()
        if self.task is not None:
            task, self.task = self.task, None
            self.parked = False
            task.cancel()
        self.awaiting_retry = False
        if self.response_begun:
            self._cut_response(_DEADLINE_EXCEEDED)
        else:
            failure = FAILURES[_DEADLINE_EXCEEDED]
            self.details = failure.name
            self.reply(failure.status, failure.name.encode() + b"\n", failure.flag)

    def _own_status(self, call: GrpcCall, status: int) -> int:
        """Return the gRPC status for an end of our own making that HTTP calls ``status``."""
        if call.deadline and status == 504 and self.flags & _UPSTREAM_REQUEST_TIMEOUT:
            return _GRPC_DEADLINE_EXCEEDED
        return status_of_http(status)

    def _send_grpc_reply(
        self, call: GrpcCall, sender: StreamSender, head: ResponseHead, body: bytes
    ) -> None:
        """Answer a call with nothing but a head that has the status ("Trailers-Only")."""
        head.remove(b"content-length")
        status = read_status(head)
        if status < 0:
            status = self._own_status(call, head.status)
            head.add(b"grpc-status", b"%d" % status)
            if body:
                head.set(b"grpc-message", escape_message(body))
        call.status = status
        head.set(b"Content-Type", b"application/grpc")
        head.content_length = -1
        head.status = 200
        head.reason = reason_phrase(200)
        self.status = 200
        if self.transcoder is not None:
            self._transcode_head(head, True)
        sender.send_headers(head, True)
        self._finish()

    def _end_call(self, call: GrpcCall, failure: Failure, sender: StreamSender) -> bool:
        """End a response that has begun with a status, as an upstream would; False when that is
        not possible."""
        call.status = self._own_status(call, failure.status)
        response: ResponseHead = self.response  # type: ignore[assignment]  # it has begun
        if not call.is_response or response.content_length >= 0:
            return False
        trailers = Head()
        trailers.add(b"grpc-status", b"%d" % call.status)
        trailers.add(b"grpc-message", escape_message(failure.name.encode()))
        self._send_trailers(sender, trailers)
        self._finish()
        return True

    # -- another form of the body ----------------------------------------------------------------

    def transcode(self, transcoder: BodyTranscoder) -> None:
        """Pass the bodies through ``transcoder`` from now on (``Request.transcode``)."""
        if self.transcoder is not None or self.phase >= _SEND:
            raise RuntimeError("it is too late for this, or somebody else does it already")
        self.transcoder = transcoder
        request = self.request
        request.remove(b"content-length")
        request.content_length = -1
        if self.call is None and request.method == _POST and is_grpc(request):
            request.te_trailers = True
            self._begin_call(request)
        pieces = self.body
        if pieces is not None:
            self.body = None
            self.body_size = 0
            last = len(pieces) - 1
            for index, piece in enumerate(pieces):
                end = self.request_ended and index == last
                changed = transcoder.request_data(piece, end)
                if changed is None:
                    raise ValueError("the body is malformed")
                self._take_body(changed)

    def _refuse_body(self) -> None:
        """The request's body is malformed."""
        if self.response_begun:
            self._abandon_attempt()
            self._cut_response(_DOWNSTREAM_PROTOCOL)
        else:
            self._fail(_DOWNSTREAM_PROTOCOL)

    def _transcode_head(self, head: ResponseHead, end: bool) -> None:
        transcoder: BodyTranscoder = self.transcoder  # type: ignore[assignment]  # the caller asked
        self.transcodes_response = transcoder.response_headers(Headers(head), end)
        if self.transcodes_response and not end:
            head.remove(b"content-length")
            head.content_length = -1

    # -- another protocol ------------------------------------------------------------------------

    def convert(self, transcoder: object, protocol: str) -> None:
        """Speak ``protocol`` with the host, and where ``transcoder`` is not None turn the messages
        with it (``Request.convert``)."""
        if self.conversion is not None or self.phase >= _SEND:
            raise RuntimeError("it is too late for this, or somebody else does it already")
        if transcoder is not None and (self.call is not None or self.request.upgrade is not None):
            raise RuntimeError("a gRPC call, or one that asks for a tunnel, has no whole message")
        self.conversion = transcoder
        self.chosen_protocol = protocol or None

    def _convert_request(self) -> bool:
        """Turn the request into one of another protocol; False: it is not complete yet, or it was
        answered here."""
        transcoder = self.conversion
        if self.body_size > transcoder.max_request:
            self.awaits_body = False
            self.reply(413, b"the body is too large\n", REQUEST_TOO_LARGE)
            return False
        if not self.request_ended:
            if not self.awaits_body:
                self.awaits_body = True
                self.sender.send_continue()
            self._resume_request()
            return False
        self.awaits_body = False
        if self.facade is None:
            self.facade = Request(self)
        try:
            made = transcoder.transcode_request(self.facade, b"".join(self.body or ()))
            content: bytes = made.content
            self.outgoing = made.head
        except Exception:
            self._conversion_failed(sys.exc_info()[1], 400)
            return False
        if not self.outgoing.is_rpc() and self.outgoing.get(b"host") is None:
            self.outgoing.authority = self.host.authority()
            self.outgoing.add(b"Host", self.outgoing.authority)
        self.body = [content] if content else None
        self.body_size = len(content)
        self.request_trailers = None
        return True

    def _convert_whole(self) -> None:
        """More of the body that the transcoder waits for has come."""
        if self._convert_request():
            self._start_attempt()

    def _convert_response(self) -> bool:
        """Make the host's response the client's; False: it is not complete yet, or something else
        was answered."""
        transcoder = self.conversion
        if not self.response_ended:
            if self.held_size > transcoder.max_response:
                self._cut_response(_UPSTREAM_PROTOCOL)
            else:
                self._watch_response()
            return False
        self.reply_body = b"".join(self.held or ())
        self.held = None
        self.response_trailers = None
        if self.facade is None:
            self.facade = Request(self)
        try:
            made = transcoder.transcode_response(self.facade, _response_of(self))
            content: bytes = made.content
            self.response = made.head
        except Exception:
            self._conversion_failed(sys.exc_info()[1], 502)
            return False
        self.reply_body = content
        self.status = self.response.status
        return True

    def _conversion_failed(self, error: BaseException | None, status: int) -> None:
        """Answer what cannot be turned into another protocol's message."""
        if isinstance(error, TranscodingError):
            head = ResponseHead(error.status or status)
            head.start = -1
            head.add(b"Content-Type", b"text/plain; charset=utf-8")
            self.details = "a message that cannot be transcoded"
            self.flags |= FAILURES[_TERMINATED].flag
            self._reply_with(head, str(error).encode("utf-8", "replace") + b"\n")
            return
        self.proxy.extension_failed("transcoder", self.conversion, error)
        self.details = "transcoder failed"
        self.reply(500, b"transcoder failed\n", FAILURES[_TERMINATED].flag)

    def _send_trailers(self, sender: StreamSender, trailers: Head | None) -> None:
        if not self.transcodes_response:
            sender.send_trailers(trailers)
            return
        transcoder: BodyTranscoder = self.transcoder  # type: ignore[assignment]  # it is in use
        data = transcoder.response_end(None if trailers is None else Headers(trailers))
        self.bytes_sent += len(data)
        sender.send_data(data, True)

    # -- filters -------------------------------------------------------------------------------

    def _run_hooks(self, hooks: list[Hook]) -> bool:
        """Run the hooks of a phase; False when the stream is parked or was answered."""
        while self.hook_index < len(hooks):
            hook = hooks[self.hook_index]
            self.hook_index += 1
            try:
                if self.facade is None:
                    self.facade = Request(self)
                if self.phase == _BEFORE_SEND:
                    if self.response_facade is None:
                        self.response_facade = _response_of(self)
                    result = hook.call(self.facade, self.response_facade)
                else:
                    result = hook.call(self.facade)
                if hook.is_async:
                    self._park(hook, result)
                    return False
            except Exception:
                self._filter_failed(hook, sys.exc_info()[1])
                return False
            if result is not None and not self._obey(result, len(hooks)):
                return False
        self.hook_index = 0
        return True

    def _park(self, hook: Hook, coroutine: object) -> None:
        """Run an asynchronous hook as a task; the stream goes on when it is done."""
        self.parked = True
        if self.attempt is not None and self.attempt.sender is not None:
            self.attempt.sender.pause_input()
        task = self.proxy.loop.create_task(coroutine)
        self.task = task
        task.add_done_callback(Resumption(self, hook).resume)

    def resume(self, hook: Hook, task: asyncio.Task[Any]) -> None:
        """The asynchronous hook has ended."""
        if task is not self.task or self.phase == _DONE:
            return
        self.task = None
        self.parked = False
        if task.cancelled():
            self._filter_failed(hook, asyncio.CancelledError())
            return
        error = task.exception()
        if error is not None:
            self._filter_failed(hook, error)
            return
        result = task.result()
        if result is not None and not self._obey(result, 1 << 30):
            return
        self._run()

    def _obey(self, result: object, count: int) -> bool:
        """Act on what a hook answered; False when the phases do not simply go on."""
        if isinstance(result, Response):
            answer = result
            self._reply_with(answer.head, answer.content)
            return False
        if not isinstance(result, int):
            raise TypeError(f"a hook returned {result!r}; expected None, Response or FilterStatus")
        if result == FilterStatus.STOP:
            self.hook_index = count
        elif result == FilterStatus.TERMINATE:
            self._terminate()
            return False
        elif result in (FilterStatus.RETRY_ROUTE, FilterStatus.RETRY_HOST):
            return self._restart(result)
        return True

    def _restart(self, status: int) -> bool:
        """Go back to an earlier phase; the same filter is asked again afterwards."""
        wanted = _AFTER_ROUTE if status == FilterStatus.RETRY_ROUTE else _AFTER_HOST
        self.restarts += 1
        if self.phase != wanted or self.restarts > _MAX_RESTARTS:
            raise RuntimeError("a filter may not ask for this here, or asked for it too often")
        self.hook_index -= 1
        if wanted == _AFTER_ROUTE:
            self._match_route()
            return True
        return self._choose_host()

    def _filter_failed(self, hook: Hook, error: BaseException | None) -> None:
        self.parked = False
        if isinstance(error, BodyTooLarge) and self.phase < _BEFORE_SEND:
            self.reply(413, b"the body is too large\n", REQUEST_TOO_LARGE)
            return
        self.proxy.filter_failed(hook, error)
        failure = FAILURES[_FILTER_FAILED]
        self.details = failure.name
        if self.phase == _BEFORE_SEND:
            self.response_facade = None
            self.phase = _RESPOND
            self._abandon_attempt()
            self.status = 500
            self.response = ResponseHead(500)
            self.response.start = -1
            self.reply_body = b"filter failed\n"
            self.held = None
            self._send_response_head()
            return
        self.reply(failure.status, failure.name.encode() + b"\n", failure.flag)

    def _terminate(self) -> None:
        self.flags |= FAILURES[_TERMINATED].flag
        sender = self.sender
        self.sender = None  # type: ignore[assignment]  # as declared
        self._finish()
        if sender is not None:
            sender.reset()

    def _filter_data(self, hooks: list[Hook], data: bytes) -> bytes | None:
        """Let the data hooks change a piece of a body; None when one of them failed."""
        for hook in hooks:
            try:
                if self.facade is None:
                    self.facade = Request(self)
                changed = hook.call(self.facade, data)
                if changed is not None:
                    data = changed
            except Exception:
                self.proxy.filter_failed(hook, sys.exc_info()[1])
                if self.response_begun:
                    self._abandon_attempt()
                    self._cut_response(_FILTER_FAILED)
                else:
                    self.reply(500, b"filter failed\n", 0)
                return None
        return data

    # -- the request body ----------------------------------------------------------------------

    def _request_complete(self) -> None:
        self.request_ended = True
        self.request_received = self.reactor.now

    def _take_body(self, data: bytes) -> None:
        """Keep a piece for a later attempt, as long as all of it fits."""
        if not data or self.body_dropped:
            return
        attempt = self.attempt
        streaming = attempt is not None and attempt.started
        if streaming and self.body_size + len(data) > self.proxy.retry_buffer:
            self.body = None
            self.body_dropped = True
            return
        if self.body is None:
            self.body = []
        self.body.append(data)
        self.body_size += len(data)

    def _release_body(self) -> None:
        """What was sent is kept only while it could be needed for another attempt."""
        if self.body_size > self.proxy.retry_buffer:
            self.body = None
            self.body_dropped = True

    def _drop_body(self) -> None:
        self.body = None
        self.body_dropped = True

    def _forward_body(self, attempt: Attempt, data: bytes, end: bool) -> None:
        go_on = attempt.sender.send_data(data, end)
        if end:
            self._request_sent(attempt)
        elif not go_on:
            self._request_stalled()

    def _request_sent(self, attempt: Attempt) -> None:
        """The request is out: from now on the upstream has to answer in time."""
        self.upstream_sent = self.reactor.now
        self._begin_timeout()
        if self.try_timeout > 0:
            attempt.arm(self.try_timeout)

    def _request_stalled(self) -> None:
        self._pause_request()
        if self.silence > 0 and not self.timed:
            self._arm(self.silence)

    def _pause_request(self) -> None:
        if not self.request_paused and self.sender is not None:
            self.request_paused = True
            self.sender.pause_input()

    def _resume_request(self) -> None:
        if self.request_paused and self.sender is not None:
            self.request_paused = False
            self.sender.resume_input()

    def read_body(self, limit: int) -> asyncio.Future[bytes]:
        """Return a future of the whole request body (``Request.body``)."""
        future: asyncio.Future[bytes] = self.proxy.loop.create_future()
        if self.body_dropped and self.body is None:
            future.set_exception(RuntimeError("the body was forwarded already"))
            return future
        self.body_waiter = future
        self.body_limit = limit
        self.sender.send_continue()
        self._wake_body_waiter()
        return future

    def _wake_body_waiter(self) -> None:
        future = self.body_waiter
        if future.done():
            self.body_waiter = None
            return
        if self.body_size > self.body_limit:
            self.body_waiter = None
            future.set_exception(BodyTooLarge(f"the body exceeds {self.body_limit} bytes"))
        elif self.request_ended:
            self.body_waiter = None
            future.set_result(b"".join(self.body or ()))
        else:
            self._resume_request()

    # -- tunnels -------------------------------------------------------------------------------

    def _begin_tunnel(self) -> None:
        """The connection becomes a pipe; the exchange lasts until both sides have ended."""
        self.phase = _TUNNEL
        self.request_ended = False
        self.silence = self.route.upgrade_idle_timeout
        self._watch_response()

    def _tunnel_up(self, data: bytes, end: bool) -> None:
        if end:
            self.request_ended = True
        attempt = self.attempt
        if attempt is None:
            return
        go_on = attempt.sender.send_data(data, end)
        if not go_on:
            self._pause_request()
        if end and self.response_ended:
            self._end_tunnel()

    def _end_tunnel(self) -> None:
        """Both sides have ended: the codecs close behind what is still leaving."""
        attempt = self.attempt
        if attempt is not None:
            self.attempt = None
            attempt.finish_complete(self.status)
        self._finish()

    # -- time ----------------------------------------------------------------------------------

    def on_timer(self, timer: Timer) -> None:
        if timer is self.retry_timer:
            self.on_deferred()
            return
        if self.call is not None and timer is self.call.timer:
            self._deadline_passed()
            return
        if self.response_begun or not self.request_ended:
            # From here on the timeout is about silence, not about the whole exchange.
            idle = (self.reactor.now - self.activity) * 1e-9
            if idle < self.silence:
                self.reactor.arm(timer, self, self.silence - idle)
                return
        attempt = self.attempt
        if attempt is not None:
            self.attempt = None
            attempt.time_out()
        if self.phase == _TUNNEL:
            sender = self.sender
            self.sender = None  # type: ignore[assignment]  # as declared
            self._finish()
            if sender is not None:
                sender.reset()
        elif self.response_begun:
            self._cut_response(_GLOBAL_TIMEOUT)
        else:
            self.awaiting_retry = False
            failure = FAILURES[_GLOBAL_TIMEOUT]
            self.details = failure.name
            self.reply(failure.status, failure.name.encode() + b"\n", failure.flag)

    def _begin_timeout(self) -> None:
        """The whole request is in hand: the timeout runs, once for all attempts (spec §4.4)."""
        if self.timeout > 0 and not self.timed:
            self.timed = True
            self._arm(self.timeout)

    def _arm(self, seconds: float) -> None:
        if self.timer is None:
            self.timer = Timer.__new__(Timer)
        self.activity = self.reactor.now
        self.reactor.arm(self.timer, self, seconds)

    def _watch_response(self) -> None:
        """A body follows: guard against an upstream that falls silent."""
        if self.silence > 0:
            self.activity = self.reactor.now
            if not self.timed or self.silence < self.timeout:
                self._arm(self.silence)
        elif self.timer is not None:
            self.reactor.cancel(self.timer)

    def _read_timeout_headers(self, request: RequestHead) -> None:
        """``x-mosn-try-timeout`` and ``x-mosn-global-timeout``: integer milliseconds (§4.4)."""
        for name, variable in (
            (b"x-mosn-try-timeout", "proxy_try_timeout"),
            (b"x-mosn-global-timeout", "proxy_global_timeout"),
        ):
            value = request.get(name)
            if value is not None and value.isdigit() and len(value) < 10:
                self.set_variable(variable, value)

    def _read_timeout_variables(self) -> None:
        variables: dict[str, Any] = self.variables  # type: ignore[assignment]  # the caller tested
        value = variables.get("proxy_try_timeout")
        if value is not None:
            self.try_timeout = int(value) / 1000
        value = variables.get("proxy_global_timeout")
        if value is not None:
            # Zero means the default, negative none.
            milliseconds = int(value)
            if milliseconds:
                self.timeout = max(0.0, milliseconds / 1000)

    # -- the end -------------------------------------------------------------------------------

    def _must_be_careful(self) -> bool:
        """Say whether the request could not be sent again if its connection proves dead."""
        return (
            self.body_dropped
            or self.free_retry_used
            or not is_idempotent(self.request.method)
        )

    def _may_repeat(self, route: RouteEntry) -> bool:
        return route.retry.non_idempotent or self.request.repeatable()

    def _hold_response(self, data: bytes, end: bool) -> None:
        if self.held is None:
            self.held = []
        if data:
            self.held.append(data)
            self.held_size += len(data)
        if self.conversion is not None and (end or self.held_size > self.conversion.max_response):
            if self._convert_response():
                self._run()

    def _abandon_attempt(self) -> None:
        attempt = self.attempt
        if attempt is not None:
            self.attempt = None
            attempt.cancel()

    def _finish(self) -> None:
        """Count and log the exchange, and let go of everything."""
        if self.phase == _DONE:
            return
        self.phase = _DONE
        reactor = self.reactor
        self._abandon_attempt()
        if self.timer is not None:
            reactor.cancel(self.timer)
        if self.retry_timer is not None:
            reactor.cancel(self.retry_timer)
        if self.call is not None and self.call.timer is not None:
            reactor.cancel(self.call.timer)
        if self.counts_retry:
            self.cluster.limits.retries -= 1
        if self.task is not None:
            self.task.cancel()
        self.finished = reactor.now
        self.proxy.stream_finished(self)
        if self.filters is not None:
            self._complete_hooks()
        self.sender = None  # type: ignore[assignment]  # as declared
        self.facade = None
        self.response_facade = None
        self.body = None
        self.held = None

    def _complete_hooks(self) -> None:
        filters: FilterChain = self.filters  # type: ignore[assignment]  # the caller tested
        for hook in filters.on_complete:
            try:
                if self.facade is None:
                    self.facade = Request(self)
                hook.call(self.facade)
            except Exception:
                self.proxy.filter_failed(hook, sys.exc_info()[1])


class Resumption:
    """The callback of a parked stream's task (closures do not compile)."""

    def __init__(self, stream: ProxyStream, hook: Hook) -> None:
        self.stream = stream
        self.hook = hook

    def resume(self, task: asyncio.Task[Any]) -> None:
        self.stream.resume(self.hook, task)


def _response_of(stream: ProxyStream) -> Response:
    response = Response.__new__(Response)
    response.head = stream.response  # type: ignore[assignment]  # hooks hear of one
    response.content = b"" if stream.reply_body is None else stream.reply_body
    return response


_POST = b"POST"
_HTTP2 = "Http2"
_N_GRPC_TIMEOUT = b"grpc-timeout"
