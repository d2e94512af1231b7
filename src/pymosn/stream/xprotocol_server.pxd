cimport cython

from pymosn.message cimport Head, ResponseHead
from pymosn.network.connection cimport Connection, Handler
from pymosn.network.reactor cimport Reactor
from pymosn.network.timers cimport Timer
from pymosn.protocol.xprotocol.frame cimport Codec, RpcProtocol, RpcRequest
from pymosn.stream.options cimport ServerOptions
from pymosn.stream.pool cimport PooledConnection
from pymosn.stream.stream cimport ConnectionInfo, StreamFactory, StreamReceiver, StreamSender

cdef int _NEED_DATA, _REQUEST, _HEARTBEAT, _BAD_REQUEST, _ERROR
cdef int _DOWNSTREAM_CLOSED, _DOWNSTREAM_PROTOCOL
cdef long _MAX_HEARTBEATS
cdef Py_ssize_t _MAX_UNSENT


cdef class XprotocolServerConnection(Handler):
    cdef Reactor reactor
    cdef StreamFactory factory
    cdef readonly ServerOptions options
    cdef readonly ConnectionInfo info
    cdef readonly Connection connection
    cdef Codec codec
    cdef readonly set streams
    cdef readonly long requests
    cdef long _most, _held
    cdef Timer _timer
    cdef long _heard_at, _written, _written_at, _heartbeats, _heartbeats_since, _leave_at
    cdef bint _stalled, _due, _draining

    cpdef void begin(self, bytes data)
    @cython.locals(notice=bytes)
    cpdef void drain(self)
    cpdef void abort(self)
    cdef void on_data(self, bytes data)
    cdef void on_deferred(self)
    cdef void on_drained(self)
    cdef void on_eof(self)
    cdef void on_closed(self, int error)
    @cython.locals(now=long)
    cdef void on_timer(self, Timer timer)
    cdef int stream_over(self, XprotocolServerStream stream) except -1
    cdef int hold(self) except -1
    cdef int let_go(self) except -1
    @cython.locals(codec=Codec, event=int)
    cdef void _advance(self)
    cdef bint _has_room(self) noexcept
    cdef int _go_on(self) except -1
    @cython.locals(
        codec=Codec, request=RpcRequest, content=bytes, sender=XprotocolServerStream,
        receiver=StreamReceiver)
    cdef int _begin_exchange(self) except -1
    @cython.locals(now=long, reply=bytes)
    cdef void _answer_heartbeat(self)
    @cython.locals(reply=bytes)
    cdef void _refuse(self)
    cdef void _fail(self, int status, str why)
    @cython.locals(streams=set, stream=XprotocolServerStream)
    cdef void _lose_streams(self, int reason)
    @cython.locals(bound=list, client=PooledConnection)
    cdef void _unbind(self)
    @cython.locals(held=list, client=PooledConnection)
    cdef void _release_hosts(self)
    cdef void _close_if_done(self)
    @cython.locals(written=long, limit=long)
    cdef bint _stuck(self, long now) except -1
    @cython.locals(pause=double, timeout=double)
    cdef int _arm(self) except -1


cdef class XprotocolServerStream(StreamSender):
    cdef XprotocolServerConnection server
    cdef readonly RpcRequest request
    cdef StreamReceiver receiver
    cdef ResponseHead _head
    cdef bint holds
    cdef list _parts
    cdef Py_ssize_t _size

    cdef void send_headers(self, Head head, bint end)
    @cython.locals(receiver=StreamReceiver)
    cdef bint send_data(self, bytes data, bint end) except -1
    cdef void send_trailers(self, Head trailers)
    cdef void reset(self)
    cdef void pause_input(self)
    cdef void resume_input(self)
    @cython.locals(receiver=StreamReceiver)
    cdef void drop(self, int reason)
    @cython.locals(server=XprotocolServerConnection, parts=list)
    cdef void _answer(self, ResponseHead head, bytes content)
