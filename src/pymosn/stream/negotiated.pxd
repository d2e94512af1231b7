cimport cython

from pymosn.network.connection cimport Connection
from pymosn.network.secure cimport TlsLayer
from pymosn.stream.pool cimport ConnectionPool, PooledConnection

cdef int _ASSUMED_STREAMS


cdef class NegotiatedPool(ConnectionPool):
    @cython.locals(tls=TlsLayer)
    cdef PooledConnection codec(self, Connection connection)
