cimport cython

from pymosn.message cimport Head, RequestHead, ResponseHead
from pymosn.network.connection cimport Connection, Handler
from pymosn.network.reactor cimport Reactor
from pymosn.network.timers cimport Timer
from pymosn.protocol.grpc cimport is_grpc
from pymosn.protocol.http2.connection cimport Http2Connection
from pymosn.protocol.http2.stream cimport Http2Stream
from pymosn.stream.http2 cimport Http2Sender, Http2Wire
from pymosn.stream.options cimport ServerOptions
from pymosn.stream.stream cimport ConnectionInfo, StreamFactory, StreamReceiver

cdef bytes _METHOD_CONNECT
cdef int _NEED_DATA, _HEADERS, _DATA, _TRAILERS, _RESET, _DRAINED, _ERROR
cdef bytes _POST
cdef int _NO_ERROR, _CANCEL, _INTERNAL_ERROR, _DOWNSTREAM_CLOSED, _DOWNSTREAM_PROTOCOL


cdef class Http2ServerConnection(Handler):
    cdef readonly Reactor reactor
    cdef public StreamFactory factory
    cdef public ServerOptions options
    cdef readonly ConnectionInfo info
    cdef readonly Connection connection
    cdef readonly Http2Connection engine
    cdef Http2Wire wire
    cdef readonly long requests
    cdef Timer _timer
    cdef long _idle_since, _written, _written_at
    cdef bint _draining, _ended

    cpdef void begin(self, bytes data)
    @cython.locals(stream=Http2Stream)
    cpdef int upgrade(self, bytes settings, RequestHead request, bytes data) except -1
    cpdef void drain(self)
    cpdef void abort(self)

    cdef void on_data(self, bytes data)
    cdef void on_flush(self)
    cdef void on_drained(self)
    cdef void on_eof(self)
    cdef void on_closed(self, int error)
    @cython.locals(now=long, limit=long)
    cdef void on_timer(self, Timer timer)

    cdef void stream_over(self)
    cdef int _greet(self) except -1
    @cython.locals(engine=Http2Connection, event=int, owner=Http2ServerStream)
    cdef void _advance(self)
    @cython.locals(engine=Http2Connection, receiver=StreamReceiver, data=bytes, stream=Http2Stream)
    cdef void _pass_on(self, int event, Http2ServerStream sender)
    @cython.locals(sender=Http2ServerStream, receiver=StreamReceiver)
    cdef void _begin_exchange(self, Http2Stream stream, RequestHead request, bint end)
    @cython.locals(receiver=StreamReceiver)
    cdef void refuse(self, Http2ServerStream sender, int status, str why)
    @cython.locals(engine=Http2Connection)
    cdef void _fail(self)
    @cython.locals(stream=Http2Stream, sender=Http2ServerStream)
    cdef void _lose_streams(self, int reason)
    cdef int _say_goodbye(self) except -1
    cdef int _close_if_done(self) except -1
    @cython.locals(stream=Http2Stream, sender=Http2ServerStream)
    cdef int _check_streams(self, long now, long limit) except -1
    @cython.locals(written=long)
    cdef bint _stuck(self, long now, long limit) except -1
    @cython.locals(pause=double, timeout=double)
    cdef int _arm(self) except -1


cdef class Http2ServerStream(Http2Sender):
    cdef Http2ServerConnection server
    cdef Reactor reactor
    cdef bint received, expects_continue, tunnels, unhurried
    cdef list early
    cdef long heard_at, body_size
    cdef long _taken, _taken_at
    cdef bint _extended_connect

    cdef void enter(self, Http2ServerConnection server, Http2Stream stream)
    cdef void await_tunnel(self, RequestHead request)
    @cython.locals(response=ResponseHead, stream=Http2Stream)
    cdef void send_headers(self, Head head, bint end)
    @cython.locals(early=list, data=bytes, receiver=StreamReceiver)
    cdef void on_deferred(self)
    cdef void on_sent(self)
    cdef void send_continue(self)
    cdef void reset(self)
    @cython.locals(stream=Http2Stream, body=bytes, head=ResponseHead)
    cdef int answer(self, int status, str why) except -1
    cdef void forget(self)
    @cython.locals(receiver=StreamReceiver)
    cdef void drop(self, int reason)
    @cython.locals(stream=Http2Stream)
    cdef void check(self, long now, long limit)
    @cython.locals(stream=Http2Stream)
    cdef void _lose(self)
    @cython.locals(stream=Http2Stream)
    cdef void _cancel(self, int code)
