cimport cython

from pymosn.network.connection cimport Connection
from pymosn.network.reactor cimport Reactive, Reactor, Timer
from pymosn.observe.metrics cimport UpstreamStats
from pymosn.stream.stream cimport StreamReceiver, StreamSender

cdef int _READY, _WAITING, _OVERFLOW, _CONNECT_FAILED, _CONNECT_TIMEOUT, _EINPROGRESS


@cython.final
cdef class Limits:
    cdef public list pools
    cdef public long max_connections, max_pending, max_requests, max_retries
    cdef public long connections, pending, requests, retries

    cpdef void configure(self, long connections, long pending, long requests, long retries)
    cdef bint connection_allowed(self) except -1


cdef class UpstreamSender(StreamSender):
    cdef StreamReceiver receiver
    cdef readonly bint response_begun

    cdef void attach(self, StreamReceiver receiver)
    cdef bint reused(self) except -1
    cdef Connection host_connection(self)


cdef class PoolWaiter(StreamReceiver):
    cdef UpstreamSender sender

    cdef void on_pool_ready(self, UpstreamSender sender)
    cdef void on_pool_failed(self, int reason)


cdef class PooledConnection(UpstreamSender):
    cdef readonly Connection connection
    cdef long idle_since

    cdef Connection host_connection(self)
    cdef void open(self)
    cdef void close_idle(self)
    cdef bint dead(self) except -1


@cython.final
cdef class PoolOptions:
    cdef readonly double connect_timeout, idle_timeout
    cdef readonly long max_requests
    cdef readonly int mark
    cdef readonly Py_ssize_t max_head


cdef class ConnectionPool(Reactive):
    cdef Reactor reactor
    cdef readonly int family
    cdef readonly bytes address
    cdef public PoolOptions options
    cdef public Limits limits
    cdef public UpstreamStats stats
    cdef list _idle
    cdef list _pending
    cdef Timer _timer
    cdef bint _timer_armed
    cdef readonly bint draining
    cdef readonly long connecting

    cdef PooledConnection connect(self)
    @cython.locals(reactor=Reactor, fd=int)
    cdef int dial(self) except -2
    @cython.locals(idle=list, candidate=PooledConnection, limits=Limits)
    cdef int acquire(self, PoolWaiter waiter, bint careful) except -2
    cdef void cancel(self, PoolWaiter waiter)
    cdef int release(self, PooledConnection connection) except -1
    cpdef void drain(self)
    @cython.locals(oldest=PooledConnection)
    cpdef bint evict_idle(self) except -1
    cpdef long idle_count(self)

    cdef int connected(self, PooledConnection connection) except -1
    @cython.locals(waiter=PoolWaiter)
    cdef int connect_failed(self, bint timed_out) except -1
    @cython.locals(inner=Connection)
    cdef int closed(self, PooledConnection connection, bint remote, bint active) except -1
    @cython.locals(limit=long, left=long, oldest=PooledConnection)
    cdef void on_timer(self, Timer timer)
    cdef bint _open_one(self) except -1
    @cython.locals(waiter=PoolWaiter)
    cdef int _serve_next(self, PooledConnection connection) except -1
