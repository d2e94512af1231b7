cimport cython

from pymosn.message cimport Head, RequestHead, ResponseHead
from pymosn.network.reactor cimport Reactor
from pymosn.network.timers cimport Timer
from pymosn.proxy.downstream cimport ProxyStream
from pymosn.proxy.request_body cimport RequestBody
from pymosn.stream.pool cimport ConnectionPool, Limits, PoolWaiter, UpstreamSender
from pymosn.upstream.cluster cimport UpstreamCluster
from pymosn.upstream.hosts cimport UpstreamHost

cdef Py_ssize_t _HELD_BYTES
cdef double _LONGEST
cdef int _READY, _WAITING
cdef bytes _CONNECT


cdef class MirrorCopy(PoolWaiter):
    cdef Reactor reactor
    cdef UpstreamCluster cluster
    cdef UpstreamHost host
    cdef RequestHead head
    cdef long begun
    cdef int status
    cdef bint started, ended, stalled, closed
    cdef Head trailers
    cdef ConnectionPool _pool
    cdef Timer _timer
    cdef list _pieces
    cdef Py_ssize_t _size

    cdef int begin(
        self, Reactor reactor, UpstreamCluster cluster, UpstreamHost host, ConnectionPool pool,
        RequestHead head) except -1
    @cython.locals(result=int)
    cdef int start(self, double seconds) except -1
    cdef void send(self, bytes data, bint end)
    cdef void finish(self, Head trailers)
    @cython.locals(sender=UpstreamSender)
    cdef void abandon(self)
    cdef void on_pool_ready(self, UpstreamSender sender)
    cdef void on_pool_failed(self, int reason)
    @cython.locals(response=ResponseHead)
    cdef void on_headers(self, Head head, bint end)
    cdef void on_data(self, bytes data, bint end)
    cdef void on_trailers(self, Head trailers)
    cdef void on_reset(self, int reason)
    cdef void on_drained(self)
    cdef void on_timer(self, Timer timer)
    @cython.locals(sender=UpstreamSender, pieces=list, piece=bytes, last=Py_ssize_t, index=Py_ssize_t, bare=bint)
    cdef int _send_what_is_there(self) except -1
    cdef void _close(self, int status)


@cython.final
cdef class Copies:
    cdef list _copies

    @cython.locals(request=RequestHead, cluster=UpstreamCluster, host=UpstreamHost, chosen=UpstreamHost)
    cdef long make(self, ProxyStream stream, str name, long wanted, bint everywhere) except -1
    @cython.locals(copy=MirrorCopy)
    cdef int send(self, bytes data, bint end) except -1
    @cython.locals(copy=MirrorCopy)
    cdef int finish(self, Head trailers) except -1
    @cython.locals(copy=MirrorCopy)
    cdef int leave(self) except -1
    @cython.locals(
        limits=Limits, pool=ConnectionPool, head=RequestHead, copy=MirrorCopy, body=RequestBody,
        pieces=list, piece=bytes, index=Py_ssize_t, whole=bint, trailers=Head)
    cdef void _copy_to(self, ProxyStream stream, UpstreamCluster cluster, UpstreamHost host)


@cython.locals(made=RequestHead)
cpdef RequestHead copy_of(RequestHead request)
