from pymosn.network.connection cimport Connection
from pymosn.network.reactor cimport Reactor
from pymosn.stream.options cimport ServerOptions
from pymosn.stream.stream cimport ConnectionInfo, StreamFactory


cdef class ServerCodec:
    cdef void serve(
        self, Reactor reactor, StreamFactory factory, ServerOptions options, ConnectionInfo info,
        Connection connection, bytes data)


cdef class MadeCodec(ServerCodec):
    cdef object make

    cdef void serve(
        self, Reactor reactor, StreamFactory factory, ServerOptions options, ConnectionInfo info,
        Connection connection, bytes data)
