cimport cython

from pymosn.network.listener cimport Acceptor
from pymosn.network.reactor cimport Reactor
from pymosn.observe.metrics cimport DownstreamStats
from pymosn.proxy.http cimport HttpProxy
from pymosn.stream.http1_server cimport Http1ServerConnection, ServerOptions
from pymosn.stream.stream cimport ConnectionInfo


cdef class ConnectionIds:
    cdef public long next


cdef class HttpAcceptor(Acceptor):
    cdef readonly Reactor reactor
    cdef readonly HttpProxy proxy
    cdef readonly ConnectionIds ids
    cdef public object listener
    cdef ServerOptions options
    cdef DownstreamStats stats
    cdef long max_connections
    cdef bint is_unix

    @cython.locals(reactor=Reactor, proxy=HttpProxy, info=ConnectionInfo, connection=Http1ServerConnection)
    cdef void on_accept(self, int fd, bytes peer)
