cimport cython

from pymosn.message cimport RequestHead
from pymosn.network.connection cimport Connection, Handler
from pymosn.network.reactor cimport Reactor
from pymosn.network.secure cimport TlsFactory, TlsLayer
from pymosn.network.timers cimport Reactive, Timer
from pymosn.observe.metrics cimport UpstreamStats
from pymosn.protocol.http2.options cimport Http2Options
from pymosn.stream.options cimport RpcClientOptions
from pymosn.stream.stream cimport ConnectionInfo, StreamReceiver, StreamSender

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
    cdef ConnectionInfo downstream(self)


cdef class PooledConnection(UpstreamSender):
    cdef readonly Connection connection
    cdef long idle_since

    cdef Connection host_connection(self)
    cdef void begin(self)
    cdef UpstreamSender lend(self)
    cdef int room(self) noexcept
    cdef bint busy(self) noexcept
    cdef void close_idle(self)
    cdef bint dead(self) except -1


cdef class Dial(Handler):
    cdef ConnectionPool pool
    cdef Connection connection
    cdef Timer _timer
    cdef bint _timed_out

    cdef bint begin(self) except -1
    @cython.locals(pool=ConnectionPool, reactor=Reactor, fd=int)
    cdef bint _begin(self, TlsFactory tls) except -1
    cdef void on_connected(self)
    cdef void on_timer(self, Timer timer)
    @cython.locals(pool=ConnectionPool)
    cdef void on_closed(self, int error)


@cython.final
cdef class PoolOptions:
    cdef readonly double connect_timeout, idle_timeout
    cdef readonly long max_requests
    cdef readonly int mark
    cdef readonly Py_ssize_t max_head
    cdef readonly Http2Options http2, http2_over_tls
    cdef readonly RpcClientOptions rpc


cdef class ConnectionPool(Reactive):
    cdef readonly TlsFactory tls
    cdef Reactor reactor
    cdef readonly int family
    cdef readonly bytes address
    cdef public PoolOptions options
    cdef public Limits limits
    cdef public UpstreamStats stats
    cdef list _idle
    cdef list _shared
    cdef list _pending
    cdef Timer _timer
    cdef bint _timer_armed
    cdef readonly bint draining
    cdef readonly long connecting
    cdef public long streams_expected
    cdef double idle_timeout

    cdef PooledConnection codec(self, Connection connection)
    cdef bint takes(self, RequestHead request) except -1
    @cython.locals(reactor=Reactor, fd=int)
    cdef int dial(self) except -2
    @cython.locals(layer=TlsLayer)
    cdef bint falls_back(self, Connection connection, bint timed_out) except? 0
    @cython.locals(idle=list, shared=list, candidate=PooledConnection, limits=Limits)
    cdef int acquire(self, PoolWaiter waiter, bint careful) except -2
    cdef void cancel(self, PoolWaiter waiter)
    cdef int release(self, PooledConnection connection) except -1
    cdef void share(self, PooledConnection connection)
    cdef int withdraw(self, PooledConnection connection) except -1
    cpdef void drain(self)
    @cython.locals(oldest=PooledConnection, connection=PooledConnection)
    cpdef bint evict_idle(self) except -1
    @cython.locals(count=long, connection=PooledConnection)
    cpdef long idle_count(self)

    cdef int connected(self, Connection connection) except -1
    @cython.locals(waiter=PoolWaiter, index=long)
    cdef void connect_failed(self, bint timed_out)
    @cython.locals(inner=Connection)
    cdef int closed(self, PooledConnection connection, bint remote, bint active) except -1
    @cython.locals(limit=long, left=long, oldest=PooledConnection, connection=PooledConnection)
    cdef void on_timer(self, Timer timer)
    cdef int _grow_old(self, PooledConnection connection) except -1
    cdef int _watch_idle(self, double seconds) except -1
    cdef bint _connecting_suffices(self, long more=*) except -1
    cdef bint _open_one(self) except -1
    @cython.locals(waiter=PoolWaiter)
    cdef int _serve_next(self, PooledConnection connection) except -1
