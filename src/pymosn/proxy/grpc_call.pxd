cimport cython

from pymosn.message cimport Head, RequestHead, ResponseHead
from pymosn.network.timers cimport Reactive, Timer
from pymosn.protocol.grpc cimport (
    escape_message, is_grpc, read_milliseconds, read_status, read_timeout, status_of_http,
    write_timeout)
from pymosn.proxy.attempt cimport Attempt
from pymosn.proxy.downstream cimport ProxyStream
from pymosn.proxy.retries cimport Retries
from pymosn.router.action cimport RouteEntry
from pymosn.stream.stream cimport StreamSender

cdef double _LONGEST_SILENCE
cdef int _CANCELLED, _GRPC_DEADLINE_EXCEEDED, _DEADLINE_EXCEEDED, _UPSTREAM_REQUEST_TIMEOUT
cdef bytes _N_GRPC_TIMEOUT, _N_TRI_TIMEOUT, _N_PUSHBACK


cdef class GrpcCall(Reactive):
    cdef ProxyStream stream
    cdef readonly long deadline
    cdef readonly int status
    cdef readonly bint answered, is_response
    cdef Timer _timer
    cdef bint _triple

    @cython.locals(value=bytes, seconds=double, left=double)
    cdef int begin(self, ProxyStream stream, RequestHead request) except -1
    @cython.locals(stream=ProxyStream)
    cdef int limit_silence(self) except -1
    @cython.locals(stream=ProxyStream, now=long, left=double)
    cdef int before_send(self) except -1
    @cython.locals(stream=ProxyStream, route=RouteEntry, status=int)
    cdef bint on_response(self, Attempt attempt, ResponseHead head, bint end) except -1
    cdef int on_trailers(self, Head trailers) except -1
    cdef int on_reset(self) except -1
    cdef void on_timer(self, Timer timer)
    @cython.locals(status=int)
    cdef int reply(self, StreamSender sender, ResponseHead head, bytes body) except -1
    @cython.locals(response=ResponseHead, trailers=Head)
    cdef Head trailers(self, object failure)
    cdef int end(self) except -1
    @cython.locals(pause=double, value=bytes)
    cdef bint _again(self, ResponseHead head) except -1
    cdef int _tell(self, RequestHead request, double seconds) except -1
    cdef int _own_status(self, int status) except -1
