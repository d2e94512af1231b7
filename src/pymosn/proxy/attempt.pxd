from pymosn.message cimport Head, ResponseHead
from pymosn.network.connection cimport Connection
from pymosn.network.timers cimport Timer
from pymosn.proxy.downstream cimport ProxyStream
from pymosn.stream.pool cimport ConnectionPool, PoolWaiter, UpstreamSender
from pymosn.stream.stream cimport ConnectionInfo
from pymosn.upstream.hosts cimport UpstreamHost

cdef int _TRY_TIMEOUT, _UPSTREAM_CLOSED, _UPSTREAM_RESET, _UPSTREAM_TERMINATED


cdef class Attempt(PoolWaiter):
    cdef ProxyStream stream
    cdef UpstreamHost host
    cdef ConnectionPool pool
    cdef long begun
    cdef Timer timer
    cdef bint started, closed

    cdef void enter(self, ProxyStream stream, UpstreamHost host, ConnectionPool pool) noexcept
    cdef void on_pool_ready(self, UpstreamSender sender)
    cdef void on_pool_failed(self, int reason)
    cdef ConnectionInfo downstream(self)
    cdef void on_headers(self, Head head, bint end)
    cdef void on_data(self, bytes data, bint end)
    cdef void on_trailers(self, Head trailers)
    cdef Connection splice_target(self)
    cdef void on_body_moved(self, Py_ssize_t count)
    cdef void on_reset(self, int reason)
    cdef void on_drained(self)
    cdef void on_timer(self, Timer timer)

    cdef int arm(self, double seconds) except -1
    cdef int finish_complete(self, int status) except -1
    cdef int finish_failed(self, int reason) except -1
    cdef void discard(self, int status, bint ended)
    cdef int time_out(self) except -1
    cdef void cancel(self)
    cdef int _let_go(self) except -1
    cdef bint _close(self) except -1
