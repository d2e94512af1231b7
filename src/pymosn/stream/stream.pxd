cimport cython

from pymosn.message cimport Head, RequestHead, ResponseHead
from pymosn.network.connection cimport Connection, Handler
from pymosn.network.secure cimport TlsLayer
from pymosn.network.timers cimport Reactive


cdef class StreamReceiver(Reactive):
    cdef void on_headers(self, Head head, bint end)
    cdef void on_data(self, bytes data, bint end)
    cdef void on_trailers(self, Head trailers)
    cdef Connection splice_target(self)
    cdef void on_body_moved(self, Py_ssize_t count)
    cdef void on_reset(self, int reason)
    cdef void on_drained(self)


cdef class StreamSender(Handler):
    cdef void send_headers(self, Head head, bint end)
    cdef bint send_data(self, bytes data, bint end) except -1
    cdef void send_trailers(self, Head trailers)
    cdef void send_continue(self)
    cdef Connection splice_target(self)
    cdef void reset(self)
    cdef void pause_input(self)
    cdef void resume_input(self)


@cython.final
cdef class ConnectionInfo:
    cdef readonly long id
    cdef readonly bytes peer
    cdef public bytes local
    cdef public str protocol
    cdef readonly object listener
    cdef Connection connection
    cdef list bound
    cdef list held
    cdef public TlsLayer tls
    cdef public bytes peer_ip
    cdef public bytes peer_text, local_text

    cdef void enter(self, long identity, bytes peer, bytes local, str protocol, object listener)


cdef class Stream(StreamReceiver):
    cdef readonly ConnectionInfo connection
    cdef public RequestHead request
    cdef public RequestHead outgoing
    cdef public ResponseHead response
    cdef readonly long started, request_received, response_received, upstream_sent, finished
    cdef public int status
    cdef public int flags
    cdef readonly long bytes_received, bytes_sent
    cdef public bytes path
    cdef public bytes query
    cdef public str cluster_name
    cdef public str route_name
    cdef public str details
    cdef readonly object upstream_host
    cdef readonly long upstream_connection_id
    cdef public double draw
    cdef public dict variables
    cdef readonly int attempts

    cpdef void begin(self, ConnectionInfo connection, long now) noexcept
    cpdef object variable(self, str name)
    cpdef void set_variable(self, str name, object value)


cdef class StreamFactory(Reactive):
    cdef StreamReceiver new_stream(self, StreamSender sender, ConnectionInfo connection)
    cdef void protocol_error(self, ConnectionInfo connection, int status, str reason)
    cdef void flooded(self, ConnectionInfo connection, str flood)
    cdef void connection_opened(self, object owner)
    cdef void connection_replaced(self, object owner, object successor)
    cdef void connection_closed(self, object owner, long read, long written)
