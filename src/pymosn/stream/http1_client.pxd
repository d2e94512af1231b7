cimport cython

from pymosn.message cimport Head, RequestHead, ResponseHead
from pymosn.network.connection cimport Connection, Handler
from pymosn.network.reactor cimport Reactor
from pymosn.network.splice cimport Splice
from pymosn.protocol.http1 cimport MessageReader
from pymosn.protocol.http1_writer cimport write_data, write_end, write_request
from pymosn.stream.pool cimport ConnectionPool, PooledConnection
from pymosn.stream.stream cimport StreamReceiver, StreamSender

cdef Py_ssize_t _READ_SIZE
cdef long _WORTH_BYTES
cdef int _NEED_DATA, _HEAD, _DATA, _END
cdef int _UPSTREAM_CLOSED, _UPSTREAM_PROTOCOL


cdef class Http1ClientConnection(PooledConnection):
    cdef ConnectionPool pool
    cdef MessageReader reader
    cdef readonly long requests
    cdef long _written_before
    cdef bint _remote_close, _active_at_close
    cdef bint _request_sent, _chunked, _tunnel

    cdef void begin(self)
    cdef void attach(self, StreamReceiver receiver)
    cdef bint reused(self) except -1
    cdef void close_idle(self)
    cdef bint dead(self) except -1

    @cython.locals(request=RequestHead, tail=bytes)
    cdef void send_headers(self, Head head, bint end)
    @cython.locals(go_on=bint)
    cdef bint send_data(self, bytes data, bint end) except -1
    cdef void send_trailers(self, Head trailers)
    cdef Connection splice_target(self)
    cdef void reset(self)
    cdef void pause_input(self)
    cdef void resume_input(self)

    @cython.locals(receiver=StreamReceiver, event=int, trailers=Head, piece=bytes, complete=bint)
    cdef void on_data(self, bytes data)
    @cython.locals(receiver=StreamReceiver)
    cdef void on_spliced(self, Py_ssize_t moved, bint done)
    @cython.locals(receiver=StreamReceiver)
    cdef void on_eof(self)
    @cython.locals(receiver=StreamReceiver)
    cdef void on_drained(self)
    @cython.locals(receiver=StreamReceiver)
    cdef void on_closed(self, int error)

    @cython.locals(reader=MessageReader, response=ResponseHead, rest=bytes, complete=bint)
    cdef void _on_head(self, StreamReceiver receiver)
    cdef void _finish(self, StreamReceiver receiver)
    @cython.locals(target=Connection)
    cdef void _splice_body(self, StreamReceiver receiver)
    cdef void _lose(self, int reason)
    cdef void _end_tunnel(self)


cdef class Http1Pool(ConnectionPool):
    cdef PooledConnection codec(self, Connection connection)
