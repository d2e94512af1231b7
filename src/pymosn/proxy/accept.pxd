cimport cython

from pymosn.network.connection cimport Connection, Handler
from pymosn.network.listener cimport Acceptor
from pymosn.network.reactor cimport Reactor
from pymosn.observe.metrics cimport DownstreamStats
from pymosn.protocol.xprotocol.frame cimport RpcProtocol
from pymosn.proxy.detection cimport Detection
from pymosn.proxy.http cimport HttpProxy
from pymosn.stream.http1_server cimport Http1ServerConnection
from pymosn.stream.http2_server cimport Http2ServerConnection
from pymosn.stream.options cimport ServerOptions
from pymosn.stream.stream cimport ConnectionInfo
from pymosn.stream.xprotocol_server cimport XprotocolServerConnection

cdef Handler _NOBODY


cdef class ConnectionIds:
    cdef public long next


cdef class ServingAcceptor(Acceptor):
    cdef readonly Reactor reactor
    cdef readonly ConnectionIds ids
    cdef public object listener
    cdef DownstreamStats stats
    cdef long max_connections
    cdef bint is_unix

    cpdef void limit(self, DownstreamStats stats, long max_connections, bint is_unix)
    cpdef long active(self)
    cpdef long exchanges(self)
    cpdef long take_filter_errors(self)
    cpdef void drain(self)
    cpdef void close(self)
    cdef void serve(self, Connection connection, ConnectionInfo info, bytes data)
    @cython.locals(reactor=Reactor, info=ConnectionInfo, connection=Connection)
    cdef void on_accept(self, int fd, bytes peer)


cdef class HttpAcceptor(ServingAcceptor):
    cdef readonly HttpProxy proxy
    cdef ServerOptions options
    cdef readonly tuple protocols
    cdef readonly dict rpc
    cdef readonly ServingAcceptor fallback

    @cython.locals(count=long)
    cpdef long active(self)
    @cython.locals(detection=Detection)
    cdef void serve(self, Connection connection, ConnectionInfo info, bytes data)
    @cython.locals(
        server=Http1ServerConnection, http2=Http2ServerConnection, rpc=RpcProtocol,
        xprotocol=XprotocolServerConnection)
    cdef void speak(self, str protocol, Connection connection, ConnectionInfo info, bytes data)
