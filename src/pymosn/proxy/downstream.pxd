cimport cython

from pymosn.message cimport Head, RequestHead, ResponseHead, is_idempotent
from pymosn.network.connection cimport Connection
from pymosn.network.reactor cimport Reactor, Timer
from pymosn.protocol.grpc cimport (
    escape_message, is_grpc, read_status, read_timeout, status_of_http, write_timeout)
from pymosn.proxy.attempt cimport Attempt
from pymosn.proxy.exchange cimport Headers, Request, Response
from pymosn.proxy.filters cimport FilterChain, Hook
from pymosn.proxy.grpc cimport GrpcCall
from pymosn.proxy.http cimport HttpProxy
from pymosn.proxy.transcoder cimport BodyTranscoder
from pymosn.router.path cimport read_target
from pymosn.router.action cimport RouteEntry
from pymosn.router.table cimport RouteTable
from pymosn.stream.pool cimport ConnectionPool, Limits, UpstreamSender
from pymosn.stream.stream cimport ConnectionInfo, Stream, StreamSender
from pymosn.upstream.cluster cimport UpstreamCluster
from pymosn.upstream.hosts cimport UpstreamHost

cdef int _BEFORE_ROUTE, _MATCH_ROUTE, _AFTER_ROUTE, _CHOOSE_HOST, _AFTER_HOST, _SEND, _UPSTREAM
cdef int _BEFORE_SEND, _RESPOND, _TUNNEL, _DONE
cdef Py_ssize_t _HELD_BYTES
cdef int _MAX_RESTARTS, _READY, _WAITING, _NO_HOST, _NO_ROUTE, _OVERFLOW, _GLOBAL_TIMEOUT
cdef int _DOWNSTREAM_CLOSED, _UPSTREAM_CLOSED, _UPSTREAM_PROTOCOL, _CONNECT_FAILED, _CONNECT_TIMEOUT
cdef int _UPSTREAM_REFUSED, _FILTER_FAILED, _TERMINATED, _FAILED_FLAGS, _REDIRECT, _DIRECT
cdef int _DEADLINE_EXCEEDED, _DOWNSTREAM_PROTOCOL, _UPSTREAM_REQUEST_TIMEOUT
cdef int _CANCELLED, _UNKNOWN, _GRPC_DEADLINE_EXCEEDED
cdef double _LONGEST_SILENCE
cdef str _NEGOTIATED, _HTTP2
cdef bytes _POST, _N_GRPC_TIMEOUT


cdef class ProxyStream(Stream):
    cdef HttpProxy proxy
    cdef readonly Reactor reactor
    cdef StreamSender sender
    cdef readonly RouteEntry route
    cdef readonly UpstreamCluster cluster
    cdef UpstreamHost host
    cdef Attempt attempt
    cdef FilterChain filters
    cdef readonly int phase
    cdef int hook_index, restarts, retries
    cdef bint request_ended, response_begun, response_ended, request_paused, body_dropped
    cdef bint timed, parked, awaiting_retry, counts_retry, was_reused, free_retry_used
    cdef list body
    cdef Py_ssize_t body_size, body_limit
    cdef object body_waiter
    cdef Head request_trailers, response_trailers
    cdef list held
    cdef bytes reply_body
    cdef double timeout, try_timeout, silence
    cdef long activity
    cdef Timer timer, retry_timer
    cdef object task
    cdef readonly GrpcCall call
    cdef BodyTranscoder transcoder
    cdef bint transcodes_response, awaits_body
    cdef object conversion
    cdef str chosen_protocol
    cdef Py_ssize_t held_size
    cdef Request facade
    cdef Response response_facade

    cdef void enter(self, HttpProxy proxy, StreamSender sender, ConnectionInfo info) noexcept
    @cython.locals(request=RequestHead, proxy=HttpProxy)
    cdef void on_headers(self, Head head, bint end)
    @cython.locals(attempt=Attempt)
    cdef void on_data(self, bytes data, bint end)
    @cython.locals(attempt=Attempt)
    cdef void on_trailers(self, Head trailers)
    @cython.locals(attempt=Attempt, target=Connection)
    cdef Connection splice_target(self)
    cdef void on_body_moved(self, Py_ssize_t count)
    cdef void on_reset(self, int reason)
    cdef void on_drained(self)

    @cython.locals(phase=int, filters=FilterChain)
    cdef void _run(self)
    @cython.locals(routes=RouteTable, route=RouteEntry)
    cdef int _match_route(self) except -1
    @cython.locals(route=RouteEntry, head=ResponseHead, cluster=UpstreamCluster, limits=Limits, host=UpstreamHost)
    cdef bint _choose_host(self) except -1
    @cython.locals(route=RouteEntry)
    cdef int _prepare_request(self) except -1

    @cython.locals(host=UpstreamHost, pool=ConnectionPool)
    cdef int _start_attempt(self) except -1
    @cython.locals(attempt=Attempt, result=int)
    cdef int _try_host(self, UpstreamHost host, ConnectionPool pool) except -1
    @cython.locals(protocol=str)
    cdef str _upstream_protocol(self)
    @cython.locals(sender=UpstreamSender, pieces=list, end=bint, whole=bint, go_on=bint, last=Py_ssize_t, index=Py_ssize_t, piece=bytes, final=bint, head=RequestHead)
    cdef void upstream_ready(self, Attempt attempt)
    cdef int upstream_drained(self) except -1
    cdef void attempt_failed(self, Attempt attempt, int reason)
    cdef void _fail(self, int reason)
    @cython.locals(route=RouteEntry)
    cdef bint _retry_after(self, int reason) except -1
    @cython.locals(route=RouteEntry, limits=Limits, wait=double, allowed=int)
    cdef bint _retry_by_policy(self) except -1
    cdef bint _retry(self, double wait) except -1
    @cython.locals(host=UpstreamHost)
    cdef void on_deferred(self)

    @cython.locals(status=int, route=RouteEntry)
    cdef void upstream_headers(self, Attempt attempt, ResponseHead head, bint end)
    @cython.locals(go_on=bint)
    cdef void upstream_data(self, Attempt attempt, bytes data, bint end)
    cdef Connection response_target(self, Attempt attempt)
    cdef int response_moved(self, Py_ssize_t count) except -1
    cdef void upstream_trailers(self, Attempt attempt, Head trailers)
    @cython.locals(route=RouteEntry, head=ResponseHead, sender=StreamSender, body=bytes, held=list, piece=bytes, ended=bint)
    cdef void _send_response_head(self)

    cpdef void reply(self, int status, bytes body, int flag)
    cdef void _reply_with(self, ResponseHead head, bytes body)
    @cython.locals(no_body=bint)
    cdef int _send_reply(self, StreamSender sender, ResponseHead head, bytes body) except -1
    @cython.locals(sender=StreamSender, call=GrpcCall)
    cdef void _cut_response(self, int reason)

    @cython.locals(call=GrpcCall, value=bytes, seconds=double, left=double)
    cdef void _begin_call(self, RequestHead request)
    cdef void _settle_call(self, GrpcCall call)
    @cython.locals(now=long, left=double, limited=bint)
    cdef void _send_call(self, GrpcCall call)
    @cython.locals(status=int, route=RouteEntry)
    cdef bint _retry_call(self, GrpcCall call, Attempt attempt, ResponseHead head, bint end) except -1
    @cython.locals(attempt=Attempt)
    cdef int _deadline_passed(self) except -1
    cdef int _own_status(self, GrpcCall call, int status) except -1
    @cython.locals(status=int)
    cdef int _send_grpc_reply(self, GrpcCall call, StreamSender sender, ResponseHead head, bytes body) except -1
    @cython.locals(response=ResponseHead, trailers=Head)
    cdef bint _end_call(self, GrpcCall call, object failure, StreamSender sender) except -1

    @cython.locals(request=RequestHead, pieces=list, piece=bytes, changed=bytes, last=Py_ssize_t, index=Py_ssize_t)
    cpdef void transcode(self, BodyTranscoder transcoder) except *
    cdef int _refuse_body(self) except -1
    @cython.locals(transcoder=BodyTranscoder)
    cdef int _transcode_head(self, ResponseHead head, bint end) except -1
    cpdef void convert(self, object transcoder, str protocol) except *
    @cython.locals(content=bytes)
    cdef bint _convert_request(self) except -1
    cdef void _convert_whole(self)
    @cython.locals(content=bytes)
    cdef bint _convert_response(self) except -1
    @cython.locals(head=ResponseHead)
    cdef void _conversion_failed(self, object error, int status)
    @cython.locals(transcoder=BodyTranscoder, data=bytes)
    cdef void _send_trailers(self, StreamSender sender, Head trailers)

    @cython.locals(hook=Hook)
    cdef bint _run_hooks(self, list hooks) except -1
    cdef int _park(self, Hook hook, object coroutine) except -1
    cpdef void resume(self, Hook hook, object task)
    @cython.locals(answer=Response)
    cdef bint _obey(self, object result, Py_ssize_t count) except -1
    cdef bint _restart(self, int status) except -1
    cdef void _filter_failed(self, Hook hook, object error)
    @cython.locals(sender=StreamSender)
    cdef int _terminate(self) except -1
    @cython.locals(hook=Hook)
    cdef bytes _filter_data(self, list hooks, bytes data)

    cdef int _request_complete(self) except -1
    @cython.locals(attempt=Attempt, streaming=bint)
    cdef void _take_body(self, bytes data)
    cdef int _release_body(self) except -1
    cdef int _drop_body(self) except -1
    @cython.locals(go_on=bint)
    cdef int _forward_body(self, Attempt attempt, bytes data, bint end) except -1
    cdef int _request_sent(self, Attempt attempt) except -1
    cdef int _request_stalled(self) except -1
    cdef int _pause_request(self) except -1
    cdef int _resume_request(self) except -1
    cpdef object read_body(self, Py_ssize_t limit)
    cdef void _wake_body_waiter(self)

    cdef void _begin_tunnel(self)
    @cython.locals(attempt=Attempt)
    cdef void _end_tunnel(self)
    @cython.locals(attempt=Attempt, go_on=bint)
    cdef void _tunnel_up(self, bytes data, bint end)

    @cython.locals(attempt=Attempt, sender=StreamSender, idle=double)
    cdef void on_timer(self, Timer timer)
    cdef int _begin_timeout(self) except -1
    cdef int _arm(self, double seconds) except -1
    cdef int _watch_response(self) except -1
    cdef int _read_timeout_headers(self, RequestHead request) except -1
    cdef int _read_timeout_variables(self) except -1

    cdef bint _must_be_careful(self) except -1
    cdef bint _may_repeat(self, RouteEntry route) except -1
    cdef int _hold_response(self, bytes data, bint end) except -1
    @cython.locals(attempt=Attempt)
    cdef int _abandon_attempt(self) except -1
    @cython.locals(reactor=Reactor)
    cdef void _finish(self)
    @cython.locals(hook=Hook)
    cdef int _complete_hooks(self) except -1


@cython.locals(response=Response)
cdef Response _response_of(ProxyStream stream)
