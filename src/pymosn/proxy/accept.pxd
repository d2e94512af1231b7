cimport cython

from pymosn.network.connection cimport Connection, Handler
from pymosn.network.listener cimport Acceptor
from pymosn.network.reactor cimport Reactor
from pymosn.network.secure cimport TlsFactory, TlsLayer
from pymosn.network.timers cimport Timer
from pymosn.observe.metrics cimport DownstreamStats
from pymosn.proxy.detection cimport Detection
from pymosn.proxy.http cimport HttpProxy
from pymosn.stream.options cimport ServerOptions
from pymosn.stream.server cimport ServerCodec
from pymosn.stream.stream cimport ConnectionInfo

cdef Handler _NOBODY


cdef class ConnectionIds:
    cdef public long next


cdef class ServingAcceptor(Acceptor):
    cdef readonly Reactor reactor
    cdef readonly ConnectionIds ids
    cdef public object listener
    cdef DownstreamStats stats
    cdef TlsFactory tls
    cdef readonly set shaking
    cdef Timer _timer
    cdef bint _watching
    cdef double _interval
    cdef long max_connections

    cpdef void limit(self, DownstreamStats stats, long max_connections)
    cpdef void secure(self, TlsFactory tls)
    cpdef long active(self)
    cpdef long exchanges(self)
    cpdef long take_filter_errors(self)
    cpdef void drain(self)
    cpdef void close(self)
    cdef void serve(self, Connection connection, ConnectionInfo info, bytes data)
    @cython.locals(reactor=Reactor, info=ConnectionInfo, connection=Connection, handshake=Handshake)
    cdef void on_accept(self, int fd, bytes peer)
    cdef void watch(self, double interval)
    @cython.locals(handshake=Handshake)
    cdef void on_timer(self, Timer timer)


cdef class Handshake(Handler):
    cdef ServingAcceptor acceptor
    cdef Connection connection
    cdef ConnectionInfo info
    cdef long _deadline

    cdef void enter(self, ServingAcceptor acceptor, Connection connection, ConnectionInfo info)
    @cython.locals(layer=TlsLayer)
    cdef void begin(self, TlsFactory tls)
    cdef bint is_late(self, long now) noexcept
    cpdef void abort(self)
    cdef void on_connected(self)
    @cython.locals(acceptor=ServingAcceptor)
    cdef void on_closed(self, int error)


cdef class HttpAcceptor(ServingAcceptor):
    cdef readonly HttpProxy proxy
    cdef ServerOptions options
    cdef readonly tuple protocols
    cdef readonly dict codecs, rpc
    cdef ServerCodec _only
    cdef readonly ServingAcceptor fallback

    @cython.locals(count=long)
    cpdef long active(self)
    @cython.locals(detection=Detection)
    cdef void serve(self, Connection connection, ConnectionInfo info, bytes data)
    @cython.locals(codec=ServerCodec)
    cdef void speak(self, str protocol, Connection connection, ConnectionInfo info, bytes data)
