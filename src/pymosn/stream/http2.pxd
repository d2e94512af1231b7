cimport cython

from pymosn.message cimport Head
from pymosn.network.connection cimport Connection
from pymosn.protocol.http2.connection cimport Http2Connection
from pymosn.protocol.http2.stream cimport Http2Stream
from pymosn.stream.pool cimport UpstreamSender


cdef class Http2Wire:
    cdef readonly Http2Connection engine
    cdef readonly Connection connection

    cdef void flush(self)
    @cython.locals(piece=bytes)
    cdef void write(self)
    cdef int drained(self) except -1


cdef class Http2Sender(UpstreamSender):
    cdef Http2Wire wire
    cdef Http2Stream stream
    cdef bint sent

    @cython.locals(go_on=bint)
    cdef bint send_data(self, bytes data, bint end) except -1
    cdef void send_trailers(self, Head trailers)
    cdef void on_sent(self)
    cdef void pause_input(self)
    @cython.locals(stream=Http2Stream)
    cdef void resume_input(self)
    cdef Connection host_connection(self)
