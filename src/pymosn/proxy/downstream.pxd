cimport cython

from pymosn.message cimport Head, RequestHead, ResponseHead, is_idempotent
from pymosn.network.connection cimport Connection
from pymosn.network.reactor cimport Reactor
from pymosn.network.timers cimport Timer
from pymosn.protocol.grpc cimport is_grpc
from pymosn.proxy.attempt cimport Attempt
from pymosn.proxy.conversion cimport Conversion
from pymosn.proxy.exchange cimport Headers, Request
from pymosn.proxy.filter_run cimport FilterRun
from pymosn.proxy.grpc_call cimport GrpcCall
from pymosn.proxy.http cimport HttpProxy
from pymosn.proxy.mirror cimport Copies
from pymosn.proxy.request_body cimport RequestBody
from pymosn.proxy.retries cimport Retries
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
cdef int _READY, _WAITING, _NO_HOST, _NO_ROUTE, _OVERFLOW, _GLOBAL_TIMEOUT, _REDIRECT, _DIRECT
cdef int _DOWNSTREAM_PROTOCOL, _UPSTREAM_PROTOCOL, _FILTER_FAILED, _TERMINATED
cdef str _NEGOTIATED, _HTTP2
cdef bytes _POST


cdef class ProxyStream(Stream):
    cdef HttpProxy proxy
    cdef readonly Reactor reactor
    cdef StreamSender sender
    cdef readonly RouteEntry route
    cdef readonly UpstreamCluster cluster
    cdef UpstreamHost host
    cdef Attempt attempt
    cdef FilterRun filters
    cdef Retries retries
    cdef readonly GrpcCall call
    cdef Copies copies
    cdef readonly int phase
    cdef bint request_ended, response_begun, response_ended, request_paused, timed, was_reused
    cdef RequestBody body
    cdef Head request_trailers, response_trailers
    cdef list held
    cdef bytes reply_body
    cdef double timeout, try_timeout, silence
    cdef long activity
    cdef Timer timer
    cdef BodyTranscoder transcoder
    cdef bint transcodes_response
    cdef Conversion conversion

    cdef void enter(self, HttpProxy proxy, StreamSender sender, ConnectionInfo info) noexcept
    @cython.locals(request=RequestHead, proxy=HttpProxy)
    cdef void on_headers(self, Head head, bint end)
    @cython.locals(attempt=Attempt, filters=FilterRun, body=RequestBody)
    cdef void on_data(self, bytes data, bint end)
    @cython.locals(attempt=Attempt)
    cdef void on_trailers(self, Head trailers)
    @cython.locals(attempt=Attempt, target=Connection)
    cdef Connection splice_target(self)
    cdef void on_body_moved(self, Py_ssize_t count)
    cdef void on_reset(self, int reason)
    cdef void on_drained(self)
    cdef int _begin_call(self, RequestHead request) except -1

    @cython.locals(phase=int, filters=FilterRun)
    cdef void run(self)
    @cython.locals(routes=RouteTable, route=RouteEntry)
    cdef int match_route(self) except -1
    @cython.locals(route=RouteEntry, head=ResponseHead, cluster=UpstreamCluster, limits=Limits, host=UpstreamHost)
    cdef bint choose_host(self) except -1
    @cython.locals(route=RouteEntry)
    @cython.locals(milliseconds=long)
    cdef int _prepare_request(self) except -1

    @cython.locals(host=UpstreamHost, pool=ConnectionPool)
    cdef int _start_attempt(self) except -1
    @cython.locals(attempt=Attempt, result=int)
    cdef int _try_host(self, UpstreamHost host, ConnectionPool pool) except -1
    @cython.locals(protocol=str)
    cdef str upstream_protocol(self, UpstreamCluster cluster)
    @cython.locals(sender=UpstreamSender, body=RequestBody, pieces=list, end=bint, whole=bint, go_on=bint, last=Py_ssize_t, index=Py_ssize_t, piece=bytes, final=bint, head=RequestHead)
    cdef void upstream_ready(self, Attempt attempt)
    cdef int upstream_drained(self) except -1
    cdef void attempt_failed(self, Attempt attempt, int reason)
    cdef void _fail(self, int reason)
    cdef bint _retry_after(self, int reason) except -1
    cdef Retries retry_state(self)
    @cython.locals(host=UpstreamHost)
    cdef void try_again(self)
    cdef bint can_resend(self) noexcept
    cdef bint may_repeat(self) except -1
    cdef bint _must_be_careful(self) except -1

    @cython.locals(status=int, route=RouteEntry)
    cdef void upstream_headers(self, Attempt attempt, ResponseHead head, bint end)
    @cython.locals(go_on=bint, filters=FilterRun)
    cdef void upstream_data(self, Attempt attempt, bytes data, bint end)
    cdef Connection response_target(self, Attempt attempt)
    cdef int response_moved(self, Py_ssize_t count) except -1
    cdef void upstream_trailers(self, Attempt attempt, Head trailers)
    @cython.locals(route=RouteEntry, head=ResponseHead, sender=StreamSender, body=bytes, held=list, piece=bytes, ended=bint, filters=FilterRun)
    cdef void _send_response_head(self)

    cpdef void reply(self, int status, bytes body, int flag)
    cdef void reply_with(self, ResponseHead head, bytes body)
    @cython.locals(no_body=bint)
    cdef void _send_reply(self, StreamSender sender, ResponseHead head, bytes body)
    @cython.locals(sender=StreamSender, trailers=Head)
    cdef void cut_response(self, int reason)

    @cython.locals(request=RequestHead, body=RequestBody, pieces=list, piece=bytes, changed=bytes, last=Py_ssize_t, index=Py_ssize_t)
    cpdef void transcode(self, BodyTranscoder transcoder) except *
    @cython.locals(transcoder=BodyTranscoder)
    cdef int _transcode_head(self, ResponseHead head, bint end) except -1
    @cython.locals(transcoder=BodyTranscoder, data=bytes)
    cdef void _send_trailers(self, StreamSender sender, Head trailers)

    @cython.locals(route=RouteEntry)
    cpdef long mirror(self, long copies, bint everywhere) except -1
    cpdef void convert(self, object transcoder, str protocol, Request facade) except *
    @cython.locals(conversion=Conversion)
    cdef int _convert(self) except -1
    cdef int _response_whole(self, Conversion conversion) except -1

    cdef void hook_failed(self)
    cdef int data_hook_failed(self) except -1
    cdef int pause_response(self) except -1
    cdef int terminate(self) except -1

    cdef int _request_complete(self) except -1
    cdef RequestBody kept_body(self)
    @cython.locals(go_on=bint)
    cdef int _forward_body(self, Attempt attempt, bytes data, bint end) except -1
    cdef int _request_sent(self, Attempt attempt) except -1
    cdef int _request_stalled(self) except -1
    cdef int _pace_followers(self, bint go_on) except -1
    cdef int _pause_request(self) except -1
    cdef int resume_request(self) except -1
    @cython.locals(body=RequestBody)
    cpdef object read_body(self, Py_ssize_t limit)
    cdef int _wake_reader(self, RequestBody body) except -1

    cdef void _begin_tunnel(self)
    @cython.locals(attempt=Attempt)
    cdef void _end_tunnel(self)
    @cython.locals(attempt=Attempt, go_on=bint)
    cdef void _tunnel_up(self, bytes data, bint end)

    @cython.locals(idle=double)
    cdef void on_timer(self, Timer timer)
    @cython.locals(attempt=Attempt)
    cdef int give_up(self, int reason) except -1
    cdef int _begin_timeout(self) except -1
    cdef int arm(self, double seconds) except -1
    cdef int _watch_response(self) except -1
    cdef int _read_timeout_headers(self, RequestHead request) except -1
    cdef int _read_timeout_variables(self) except -1

    cdef int _hold_response(self, bytes data, bint end) except -1
    @cython.locals(attempt=Attempt)
    cdef int _abandon_attempt(self) except -1
    cdef int _break_off(self, int reason) except -1
    @cython.locals(sender=StreamSender)
    cdef int _cut_off(self) except -1
    @cython.locals(reactor=Reactor, filters=FilterRun)
    cdef void _finish(self)
