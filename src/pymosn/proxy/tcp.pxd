cimport cython

from pymosn.network.connection cimport Connection, Handler
from pymosn.network.reactor cimport Reactor
from pymosn.network.secure cimport TlsFactory
from pymosn.network.splice cimport Splice
from pymosn.network.timers cimport Reactive, Timer
from pymosn.proxy.accept cimport ServingAcceptor
from pymosn.stream.pool cimport ConnectionPool, Limits, PoolOptions
from pymosn.stream.stream cimport ConnectionInfo, Stream
from pymosn.upstream.cluster cimport UpstreamCluster
from pymosn.upstream.hosts cimport UpstreamHost

cdef Py_ssize_t _READ_SIZE
cdef int _CONNECTING, _OPEN, _ENDING
cdef int _CONNECT_FAILED, _CONNECT_TIMEOUT, _DOWNSTREAM_CLOSED, _IDLE_TIMEOUT
cdef int _NO_HOST, _NO_ROUTE, _OVERFLOW, _UPSTREAM_RESET, _NO_HEALTHY_UPSTREAM


cdef class TcpAcceptor(ServingAcceptor):
    cdef readonly set sessions
    cdef object routes
    cdef str cluster_name
    cdef double idle_timeout
    cdef int max_attempts
    cdef dict clusters
    cdef list access_logs

    @cython.locals(session=TcpSession)
    cdef void serve(self, Connection connection, ConnectionInfo info, bytes data)
    @cython.locals(session=TcpSession)
    cpdef void close(self)
    cpdef long active(self)
    @cython.locals(stream=Stream)
    cdef int finished(self, TcpSession session) except -1


cdef class TcpSide(Handler):
    cdef TcpSession session
    cdef Reactor reactor
    cdef Connection mine
    cdef Connection other

    cdef void on_connected(self)
    cdef void on_data(self, bytes data)
    cdef void on_spliced(self, Py_ssize_t moved, bint done)
    cdef void on_drained(self)
    cdef void on_eof(self)
    cdef void on_closed(self, int error)


cdef class TcpSession(Reactive):
    cdef TcpAcceptor acceptor
    cdef Reactor reactor
    cdef readonly Stream stream
    cdef readonly Connection down
    cdef readonly Connection up
    cdef UpstreamCluster cluster
    cdef UpstreamHost host
    cdef Timer _timer
    cdef bytes _first
    cdef long activity, _moved
    cdef double _idle_timeout
    cdef int _state, _attempts_left
    cdef bint _counted, _connected, _timed_out, _broken, _remote, _done

    @cython.locals(stream=Stream, side=TcpSide)
    cdef void enter(self, TcpAcceptor acceptor, ConnectionInfo info, Connection down, bytes data)
    @cython.locals(cluster=UpstreamCluster)
    cdef void begin(self, str cluster_name)
    @cython.locals(up=Connection)
    cpdef void abort(self)

    cdef int on_upstream(self) except -1
    cdef int end(self) except -1
    @cython.locals(state=int, other=Connection)
    cdef void on_side_closed(self, TcpSide side, int error)
    @cython.locals(left=double)
    cdef void on_timer(self, Timer timer)

    @cython.locals(host=UpstreamHost)
    cdef void _connect_next(self, int reason)
    @cython.locals(
        reactor=Reactor, pool=ConnectionPool, options=PoolOptions, fd=int,
        down=Connection, up=Connection, side=TcpSide, down_side=TcpSide)
    cdef bint _connect(self, UpstreamHost host, TlsFactory tls) except -1
    @cython.locals(host=UpstreamHost, falls_back=bint)
    cdef int _connect_failed(self) except -1
    cdef void _refuse(self, int reason)
    cdef int _blame(self, TcpSide side) except -1
    @cython.locals(stream=Stream, up=Connection, host=UpstreamHost)
    cdef void _finish(self)
