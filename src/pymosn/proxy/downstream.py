"""One request from the client's first byte to the last byte of its reply.

``ProxyStream`` walks the phases (phases.py; spec §4.1): filters → route → filters → host → filters
→ upstream → filters → reply.  A phase either completes, so that the next one runs, or the exchange
waits: for an asynchronous filter, or for the upstream.  Whatever ends an exchange early goes
through ``_fail``: there errors become retries, replies or resets.

Most exchanges need no more than this and an ``Attempt`` (attempt.py), one try at the upstream.
What others need is made for them: ``RequestBody``, ``FilterRun``, ``Retries``, ``GrpcCall``.
``HttpProxy`` (http.py) holds what the exchanges of a listener share.
"""

import asyncio
from typing import TYPE_CHECKING, Any, Final

from pymosn.message import Head, RequestHead, ResponseHead, is_idempotent
from pymosn.network.connection import Connection
from pymosn.network.reactor import Reactor
from pymosn.network.timers import Timer
from pymosn.protocol.grpc import is_grpc
from pymosn.protocol.http1_writer import reason as reason_phrase
from pymosn.proxy.attempt import Attempt
from pymosn.proxy.conversion import Conversion
from pymosn.proxy.exchange import Headers, Request
from pymosn.proxy.filter_run import FilterRun
from pymosn.proxy.grpc_call import GrpcCall
from pymosn.proxy.mirror import Copies
from pymosn.proxy.phases import (
    AFTER_HOST,
    AFTER_ROUTE,
    BEFORE_ROUTE,
    BEFORE_SEND,
    CHOOSE_HOST,
    DONE,
    MATCH_ROUTE,
    RESPOND,
    SEND,
    TUNNEL,
    UPSTREAM,
)
from pymosn.proxy.request_body import RequestBody
from pymosn.proxy.retries import Retries
from pymosn.proxy.transcoder import BodyTranscoder
from pymosn.router.action import DIRECT, REDIRECT, RouteEntry
from pymosn.router.path import read_target
from pymosn.stream.pool import NEGOTIATED, READY, WAITING, ConnectionPool
from pymosn.stream.stream import (
    DOWNSTREAM_PROTOCOL,
    FAILURES,
    FILTER_FAILED,
    GLOBAL_TIMEOUT,
    NO_HOST,
    NO_ROUTE,
    OVERFLOW,
    TERMINATED,
    UPSTREAM_PROTOCOL,
    ConnectionInfo,
    Stream,
    StreamSender,
)
from pymosn.upstream.cluster import UpstreamCluster
from pymosn.upstream.hosts import UpstreamHost

if TYPE_CHECKING:
    from pymosn.proxy.http import HttpProxy

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

_HELD_BYTES = HELD_BYTES
_READY = READY
_WAITING = WAITING
_NO_HOST = NO_HOST
_NO_ROUTE = NO_ROUTE
_OVERFLOW = OVERFLOW
_GLOBAL_TIMEOUT = GLOBAL_TIMEOUT
_DOWNSTREAM_PROTOCOL = DOWNSTREAM_PROTOCOL
_UPSTREAM_PROTOCOL = UPSTREAM_PROTOCOL
_FILTER_FAILED = FILTER_FAILED
_TERMINATED = TERMINATED
_REDIRECT = REDIRECT
_DIRECT = DIRECT
_NEGOTIATED = NEGOTIATED
_HTTP2 = "Http2"
_POST = b"POST"


class ProxyStream(Stream):
    """One exchange.  It owns its request, its route and its current attempt."""

    proxy: "HttpProxy"
    reactor: "Reactor"
    sender: "StreamSender"  # None once the exchange is over, as is ``body``
    route: "RouteEntry"  # None when none matches
    cluster: "UpstreamCluster"
    host: "UpstreamHost"
    attempt: "Attempt | None"
    filters: "FilterRun | None"
    retries: "Retries | None"
    call: "GrpcCall | None"
    copies: "Copies | None"  # of the request, for other hosts
    phase: int
    request_ended: bool
    response_begun: bool
    response_ended: bool
    request_paused: bool
    timed: bool
    was_reused: bool
    body: "RequestBody | None"  # None also when no piece of it has come
    request_trailers: "Head | None"
    response_trailers: "Head | None"
    held: list[Any] | None
    reply_body: bytes | None
    timeout: float
    try_timeout: float
    silence: float
    activity: int
    timer: "Timer | None"
    transcoder: "BodyTranscoder | None"
    transcodes_response: bool
    conversion: "Conversion | None"

    def enter(self, proxy: "HttpProxy", sender: StreamSender, info: ConnectionInfo) -> None:
        """Begin an exchange that ``sender`` will answer."""
        self.proxy = proxy
        self.reactor = proxy.reactor
        self.sender = sender
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
        if request.te_trailers and request.method == _POST and is_grpc(request):
            self._begin_call(request)
        if request.timeouts:
            self._read_timeout_headers(request)
        if proxy.filters is not None:
            self.filters = FilterRun.__new__(FilterRun)
            self.filters.begin(self, proxy.filters)
        read_target(self)
        self.run()

    def on_data(self, data: bytes, end: bool) -> None:
        self.bytes_received += len(data)
        if self.phase == _DONE:
            return
        self.activity = self.reactor.now
        if self.phase == _TUNNEL:
            self._tunnel_up(data, end)
            return
        if self.transcoder is not None:
            data = self.transcoder.request_data(data, end)  # type: ignore[assignment]  # or None
            if data is None:
                self._break_off(_DOWNSTREAM_PROTOCOL)
                return
            if not data and not end:
                return
        filters = self.filters
        if filters is not None and filters.chain.on_request_data:
            data = filters.change_data(filters.chain.on_request_data, data)  # type: ignore[assignment]  # or None
            if data is None:
                return
        if end:
            self._request_complete()
        if self.copies is not None:
            self.copies.send(data, end)
        body = self.kept_body()
        attempt = self.attempt
        if attempt is not None and attempt.started:
            body.keep_within(data, self.proxy.retry_buffer)
            self._forward_body(attempt, data, end)
            return
        body.keep(data)
        if self.conversion is not None and self.conversion.waits:
            self._convert()
        elif body.waiter is not None:
            self._wake_reader(body)
        elif body.size > _HELD_BYTES:
            self._pause_request()

    def on_trailers(self, trailers: Head | None) -> None:
        if self.phase == _DONE:
            return
        if self.transcoder is not None and self.transcoder.request_data(b"", True) is None:
            self._break_off(_DOWNSTREAM_PROTOCOL)
            return
        self.request_trailers = trailers
        self._request_complete()
        if self.copies is not None:
            self.copies.finish(trailers)
        attempt = self.attempt
        if attempt is not None and attempt.started:
            attempt.sender.send_trailers(trailers)
            self._request_sent(attempt)
        elif self.conversion is not None and self.conversion.waits:
            self._convert()
        elif self.body is not None:
            self._wake_reader(self.body)

    def splice_target(self) -> Connection | None:
        """The rest of the request's body may pass by, once nobody could need it again."""
        attempt = self.attempt
        if attempt is None or attempt.sender is None or not attempt.started:
            return None
        if self.can_resend() or self.phase not in (_UPSTREAM, _RESPOND):
            return None
        if self.transcoder is not None or self.copies is not None:
            return None
        if self.filters is not None and self.filters.chain.on_request_data:
            return None
        target = attempt.sender.splice_target()
        if target is not None and self.silence > 0 and not self.timed:
            # An upstream that takes nothing must not go unnoticed.
            self.arm(self.silence)
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
            self.call.on_reset()
        self._finish()

    def on_drained(self) -> None:
        """The client takes more of the response."""
        if self.attempt is not None and self.attempt.sender is not None:
            self.attempt.sender.resume_input()

    def _begin_call(self, request: RequestHead) -> None:
        """The request is a gRPC call."""
        self.call = GrpcCall.__new__(GrpcCall)
        self.call.begin(self, request)

    # -- the phases ----------------------------------------------------------------------------

    def run(self) -> None:
        """Run phases until one parks the stream or the exchange has its answer."""
        filters = self.filters
        while True:
            phase = self.phase
            if phase == _BEFORE_ROUTE:
                if filters is not None and not filters.run(filters.chain.on_request):
                    return
                self.phase = _MATCH_ROUTE
            elif phase == _MATCH_ROUTE:
                self.match_route()
                self.phase = _AFTER_ROUTE
            elif phase == _AFTER_ROUTE:
                if filters is not None and not filters.run(filters.chain.on_route):
                    return
                self.phase = _CHOOSE_HOST
            elif phase == _CHOOSE_HOST:
                if not self.choose_host():
                    return
                self.phase = _AFTER_HOST
            elif phase == _AFTER_HOST:
                if filters is not None and not filters.run(filters.chain.on_host):
                    return
                self.phase = _SEND
            elif phase == _SEND:
                self.phase = _UPSTREAM
                self._prepare_request()
                if self.conversion is None:
                    self._start_attempt()
                else:
                    self._convert()
                return
            elif phase == _BEFORE_SEND:
                if filters is not None and not filters.run(filters.chain.on_response):
                    return
                self.phase = _RESPOND
                self._send_response_head()
                return
            else:
                return

    def match_route(self) -> None:
        """Find the rule for the request, if there is one."""
        routes = self.proxy.routes
        route = None if routes is None else routes.match(self)
        self.route = route  # type: ignore[assignment]  # as declared
        if route is not None:
            self.route_name = route.name

    def choose_host(self) -> bool:
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
            self.reply_with(head, b"")
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
        if self.request.time_limit:
            milliseconds = self.request.time_limit
            self.timeout = 0.001 * milliseconds if milliseconds > 0 else 0.0
        if self.variables is not None:
            self._read_timeout_variables()
        if self.try_timeout >= self.timeout > 0:
            self.try_timeout = 0.0
        if self.silence <= 0:
            self.silence = self.timeout
        if self.call is not None:
            self.call.limit_silence()
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
        pool = host.pool(self.upstream_protocol(self.cluster))
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
            self.arm(self.silence)

    def upstream_protocol(self, cluster: UpstreamCluster) -> str:
        """What to speak with ``cluster``: what a filter chose, the route's word, the listener's,
        else what the client speaks, or what the host chooses in its TLS handshake."""
        if self.conversion is not None and self.conversion.protocol:
            return self.conversion.protocol
        protocol = self.route.upstream_protocol or self.proxy.upstream_protocol
        if protocol:
            return protocol
        if cluster.negotiates and self.request.upgrade is None and not self.request.is_rpc():
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
            self.call.before_send()
        body = self.body
        end = self.request_ended
        head = self.request if self.outgoing is None else self.outgoing
        if body is None or body.size == 0:
            whole = end and self.request_trailers is None
            sender.send_headers(head, whole)
            if end and not whole:
                sender.send_trailers(self.request_trailers)
            if end:
                self._request_sent(attempt)
            else:
                self.resume_request()
            return
        sender.send_headers(head, False)
        go_on = True
        pieces = body.pieces
        last = len(pieces) - 1
        for index, piece in enumerate(pieces):
            final = end and index == last and self.request_trailers is None
            go_on = sender.send_data(piece, final)
        if end and self.request_trailers is not None:
            sender.send_trailers(self.request_trailers)
        if body.size > self.proxy.retry_buffer:
            body.drop()
        if end:
            self._request_sent(attempt)
            self._pace_followers(go_on)
        elif go_on:
            self.resume_request()
        else:
            self._request_stalled()

    def upstream_drained(self) -> None:
        """The upstream takes more of the request."""
        if not self.request_ended:
            self.resume_request()
        elif self.phase == _TUNNEL:
            self.sender.resume_input()
        elif self.request.is_rpc():
            self.resume_request()

    def attempt_failed(self, attempt: Attempt, reason: int) -> None:
        """``attempt`` ended without a complete response."""
        if attempt is not self.attempt or self.phase == _DONE:
            return
        attempt.finish_failed(reason)
        self.attempt = None
        if self.phase == _TUNNEL or self.response_begun:
            self.cut_response(reason)
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
        if self.sender is None or self.phase != _UPSTREAM or not self.can_resend():
            return False
        return self.retry_state().after(reason)

    def retry_state(self) -> Retries:
        """Return what is known of this exchange's retries."""
        if self.retries is None:
            self.retries = Retries.__new__(Retries)
            self.retries.begin(self)
        return self.retries

    def try_again(self) -> None:
        """A retry is due."""
        host = self.cluster.choose(self, self.host)
        if host is None:
            self._fail(_NO_HOST)
            return
        self.host = host
        self.upstream_host = host
        self._start_attempt()

    def can_resend(self) -> bool:
        """Whether all of the request that was sent is still here."""
        return self.body is None or not self.body.dropped

    def may_repeat(self) -> bool:
        """Whether it does no harm when an upstream gets the request twice."""
        return self.route.retry.non_idempotent or self.request.repeatable()

    def _must_be_careful(self) -> bool:
        """Say whether the request could not be sent again if its connection proves dead."""
        return (
            not is_idempotent(self.request.method)
            or (self.body is not None and self.body.dropped)
            or (self.retries is not None and self.retries.free_used)
        )

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
        if route.retry_enabled and route.retry.status(status) and self.can_resend():
            if self.may_repeat() and self.retry_state().by_policy():
                self.attempt = None
                attempt.discard(status, end)
                return
        if self.call is not None and self.call.on_response(attempt, head, end):
            return
        self.status = status
        self.response = head
        self.response_begun = True
        self.response_received = self.reactor.now
        self.activity = self.response_received
        if self.body is not None or not self.request_ended:
            self.kept_body().drop()
        if end:
            self.response_ended = True
            attempt.finish_complete(status)
            self.attempt = None
        self.phase = _BEFORE_SEND
        if self.conversion is None or not self.conversion.turns:
            self.run()
        elif end:
            self._response_whole(self.conversion)
        else:
            self._watch_response()

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
        filters = self.filters
        if filters is not None and filters.chain.on_response_data:
            data = filters.change_data(filters.chain.on_response_data, data)  # type: ignore[assignment]  # or None
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
        if self.filters is not None and self.filters.chain.on_response_data:
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
        if self.call is not None:
            self.call.on_trailers(trailers)
        if self.phase == _BEFORE_SEND:
            self.response_trailers = trailers
            if self.conversion is not None and self.conversion.turns:
                self._response_whole(self.conversion)
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
        filters = self.filters
        for piece in held:
            if filters is not None and filters.chain.on_response_data:
                piece = filters.change_data(filters.chain.on_response_data, piece)  # noqa: PLW2901  step by step
                if piece is None:
                    return
            if self.transcodes_response:
                piece = self.transcoder.response_data(piece)  # type: ignore[union-attr]  # noqa: PLW2901  as above
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
        self.reply_with(head, body)

    def reply_with(self, head: ResponseHead, body: bytes) -> None:
        """Answer the request here, in place of an upstream that may have begun to answer."""
        if self.phase == _DONE or self.sender is None:
            return
        self._abandon_attempt()
        if self.retries is not None:
            self.retries.cancel()
        self.status = head.status
        self.reply_body = body
        self.response_ended = True
        self.held = None
        if self.phase < _BEFORE_SEND:
            self.response = head
            self.response_begun = True
            self.phase = _BEFORE_SEND
            self.run()
        elif self.phase == _BEFORE_SEND:
            # A response filter answered in place of the upstream.
            self.response = head
            self.phase = _RESPOND
            self._send_response_head()

    def _send_reply(self, sender: StreamSender, head: ResponseHead, body: bytes) -> None:
        if self.call is not None:
            self.call.reply(sender, head, body)
            if self.transcoder is not None:
                self._transcode_head(head, True)
            sender.send_headers(head, True)
            self._finish()
            return
        no_body = head.status in (204, 304)
        if no_body:
            body = b""
        if not head.is_rpc():
            head.remove(b"content-length")
        if not no_body and not head.is_rpc():
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

    def cut_response(self, reason: int) -> None:
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
        if self.call is not None and sender is not None:
            trailers = self.call.trailers(failure)
            if trailers is not None:
                self._send_trailers(sender, trailers)
                self._finish()
                return
        self._finish()
        if sender is not None:
            sender.reset()

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
        body = self.body
        if body is not None:
            pieces = body.take()
            last = len(pieces) - 1
            for index, piece in enumerate(pieces):
                end = self.request_ended and index == last
                changed = transcoder.request_data(piece, end)
                if changed is None:
                    raise ValueError("the body is malformed")
                body.keep(changed)

    def _transcode_head(self, head: ResponseHead, end: bool) -> None:
        transcoder: BodyTranscoder = self.transcoder  # type: ignore[assignment]  # the caller asked
        self.transcodes_response = transcoder.response_headers(Headers(head), end)
        if self.transcodes_response and not end:
            head.remove(b"content-length")
            head.content_length = -1

    def _send_trailers(self, sender: StreamSender, trailers: Head | None) -> None:
        if not self.transcodes_response:
            sender.send_trailers(trailers)
            return
        transcoder: BodyTranscoder = self.transcoder  # type: ignore[assignment]  # it is in use
        data = transcoder.response_end(None if trailers is None else Headers(trailers))
        self.bytes_sent += len(data)
        sender.send_data(data, True)

    def mirror(self, copies: int, everywhere: bool) -> int:
        """Send copies of the request to where the route says (``Request.mirror``)."""
        if self.phase != _AFTER_ROUTE or self.copies is not None:
            raise RuntimeError("requests are copied once, in on_route")
        route = self.route
        if route is None or self.proxy.random.draw() * 100.0 >= route.mirror_percent:
            return 0
        self.copies = Copies.__new__(Copies)
        return self.copies.make(self, route.mirror_cluster, copies, everywhere)

    # -- another protocol ------------------------------------------------------------------------

    def convert(self, transcoder: object, protocol: str, facade: Request) -> None:
        """Speak ``protocol`` with the host, and where ``transcoder`` is not None turn the messages
        with it (``Request.convert``)."""
        if self.conversion is not None or self.phase >= _SEND:
            raise RuntimeError("it is too late for this, or somebody else does it already")
        if transcoder is not None and (self.call is not None or self.request.upgrade is not None):
            raise RuntimeError("a gRPC call, or one that asks for a tunnel, has no whole message")
        self.conversion = Conversion.__new__(Conversion)
        self.conversion.begin(self, transcoder, protocol, facade)

    def _convert(self) -> None:
        """Send the request in the host's protocol, as soon as that can be done."""
        conversion: Conversion = self.conversion  # type: ignore[assignment]  # the caller asked
        if not conversion.turns or conversion.request():
            self._start_attempt()

    def _response_whole(self, conversion: Conversion) -> None:
        """All of the response is here that is to be made the client's."""
        if conversion.response():
            self.run()

    # -- what filters did ----------------------------------------------------------------------

    def hook_failed(self) -> None:
        """A hook of this phase failed."""
        failure = FAILURES[_FILTER_FAILED]
        self.details = failure.name
        if self.phase == _BEFORE_SEND:
            self.phase = _RESPOND
            self._abandon_attempt()
            self.status = failure.status
            self.response = ResponseHead(failure.status)
            self.response.start = -1
            self.reply_body = failure.name.encode() + b"\n"
            self.held = None
            self._send_response_head()
            return
        self.reply(failure.status, failure.name.encode() + b"\n", failure.flag)

    def data_hook_failed(self) -> None:
        """A hook failed on a piece of a body."""
        self._break_off(_FILTER_FAILED)

    def pause_response(self) -> None:
        """The upstream is to wait with its response."""
        if self.attempt is not None and self.attempt.sender is not None:
            self.attempt.sender.pause_input()

    def terminate(self) -> None:
        """Drop the exchange: nothing is sent to the client."""
        self.flags |= FAILURES[_TERMINATED].flag
        self._cut_off()

    # -- the request body ----------------------------------------------------------------------

    def _request_complete(self) -> None:
        self.request_ended = True
        self.request_received = self.reactor.now

    def kept_body(self) -> RequestBody:
        if self.body is None:
            self.body = RequestBody()
        return self.body

    def _forward_body(self, attempt: Attempt, data: bytes, end: bool) -> None:
        go_on = attempt.sender.send_data(data, end)
        if end:
            self._request_sent(attempt)
            self._pace_followers(go_on)
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
            self.arm(self.silence)

    def _pace_followers(self, go_on: bool) -> None:
        """This request is whole: calls that its client may send behind it have to wait while the
        upstream takes no more."""
        if self.request.is_rpc():
            if go_on:
                self.resume_request()
            else:
                self._pause_request()

    def _pause_request(self) -> None:
        if not self.request_paused and self.sender is not None:
            self.request_paused = True
            self.sender.pause_input()

    def resume_request(self) -> None:
        if self.request_paused and self.sender is not None:
            self.request_paused = False
            self.sender.resume_input()

    def read_body(self, limit: int) -> asyncio.Future[bytes]:
        """Return a future of the whole request body (``Request.body``)."""
        future: asyncio.Future[bytes] = self.proxy.loop.create_future()
        body = self.kept_body()
        body.read(future, limit)
        if body.waiter is not None:
            self.sender.send_continue()
            self._wake_reader(body)
        return future

    def _wake_reader(self, body: RequestBody) -> None:
        if body.wake(self.request_ended):
            self.resume_request()

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
        if self.response_begun or not self.request_ended:
            # From here on the timeout is about silence, not about the whole exchange.
            idle = (self.reactor.now - self.activity) * 1e-9
            if idle < self.silence:
                self.reactor.arm(timer, self, self.silence - idle)
                return
        self.give_up(_GLOBAL_TIMEOUT)

    def give_up(self, reason: int) -> None:
        """The time for the whole exchange is over."""
        attempt = self.attempt
        if attempt is not None:
            self.attempt = None
            attempt.time_out()
        if self.filters is not None:
            self.filters.cancel()
        if self.phase == _TUNNEL:
            self._cut_off()
        elif self.response_begun:
            self.cut_response(reason)
        else:
            failure = FAILURES[reason]
            self.details = failure.name
            self.reply(failure.status, failure.name.encode() + b"\n", failure.flag)

    def _begin_timeout(self) -> None:
        """The whole request is in hand: the timeout runs, once for all attempts (spec §4.4)."""
        if self.timeout > 0 and not self.timed:
            self.timed = True
            self.arm(self.timeout)

    def arm(self, seconds: float) -> None:
        """Let the exchange's timer fire in so many seconds."""
        if self.timer is None:
            self.timer = Timer.__new__(Timer)
        self.activity = self.reactor.now
        self.reactor.arm(self.timer, self, seconds)

    def _watch_response(self) -> None:
        """A body follows: guard against an upstream that falls silent."""
        if self.silence > 0:
            self.activity = self.reactor.now
            if not self.timed or self.silence < self.timeout:
                self.arm(self.silence)
        elif self.timer is not None:
            self.reactor.cancel(self.timer)

    def _read_timeout_headers(self, request: RequestHead) -> None:
        """``x-mosn-try-timeout`` and ``x-mosn-global-timeout``: integer milliseconds (§4.4).  So
        is Triple's ``tri-service-timeout``, where it is no gRPC call's deadline."""
        if self.call is None:
            value = request.get(b"tri-service-timeout")
            if value is not None and value.isdigit() and len(value) < 10:
                self.set_variable("proxy_global_timeout", value)
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

    def _hold_response(self, data: bytes, end: bool) -> None:
        if self.held is None:
            self.held = []
        if data:
            self.held.append(data)
        if self.conversion is not None and self.conversion.turns:
            if end:
                self._response_whole(self.conversion)
            else:
                self.conversion.on_response_data(len(data))

    def _abandon_attempt(self) -> None:
        attempt = self.attempt
        if attempt is not None:
            self.attempt = None
            attempt.cancel()

    def _break_off(self, reason: int) -> None:
        """What the client or a filter did makes it impossible to go on."""
        if self.response_begun:
            self._abandon_attempt()
            self.cut_response(reason)
        else:
            self._fail(reason)

    def _cut_off(self) -> None:
        """End the exchange without a word."""
        sender = self.sender
        self.sender = None  # type: ignore[assignment]  # as declared
        self._finish()
        if sender is not None:
            sender.reset()

    def _finish(self) -> None:
        """Count and log the exchange, and let go of everything."""
        if self.phase == _DONE:
            return
        self.phase = _DONE
        reactor = self.reactor
        self._abandon_attempt()
        if self.timer is not None:
            reactor.cancel(self.timer)
        if self.retries is not None:
            self.retries.end()
        if self.copies is not None:
            self.copies.leave()
            self.copies = None
        self.finished = reactor.now
        self.proxy.stream_finished(self)
        if self.call is not None:
            self.call.end()
        filters = self.filters
        if filters is not None:
            filters.end()
        self.sender = None  # type: ignore[assignment]  # as declared
        self.body = None
        self.held = None
