cimport cython

from pymosn.message cimport Head, RequestHead, ResponseHead
from pymosn.network.connection cimport Connection, Handler
from pymosn.network.reactor cimport Reactor
from pymosn.network.splice cimport Splice
from pymosn.network.timers cimport Reactive, Timer
from pymosn.protocol.http1 cimport MessageReader
from pymosn.protocol.http1_writer cimport write_data, write_end, write_response
from pymosn.stream.options cimport ServerOptions
from pymosn.stream.server cimport ServerCodec
from pymosn.stream.stream cimport ConnectionInfo, StreamFactory, StreamReceiver, StreamSender

cdef Py_ssize_t _READ_SIZE
cdef long _WORTH_BYTES
cdef int _NEED_DATA, _HEAD, _DATA, _END
cdef int _IDLE, _READING_HEAD, _READING_BODY, _WRITING, _WAITING
cdef int _DOWNSTREAM_CLOSED, _DOWNSTREAM_PROTOCOL
cdef Py_ssize_t _PIPELINE_BYTES
cdef long _NEVER
cdef bytes _CLOSE, _HTTPS, _METHOD_HEAD, _METHOD_CONNECT


cdef class Http1ServerConnection(StreamSender):
    cdef Reactor reactor
    cdef public StreamFactory factory
    cdef public ServerOptions options
    cdef readonly ConnectionInfo info
    cdef MessageReader reader
    cdef readonly Connection connection
    cdef StreamReceiver _receiver
    cdef Timer _timer
    cdef readonly long requests
    cdef bint _expects_continue
    cdef long _deadline, _idle_ns, _progress
    cdef int _phase, _paused
    cdef bint _timer_armed, _draining, _ended, _tunnel
    cdef bint _request_complete, _response_begun, _keep_alive, _is_head, _connect, _chunked
    cdef bint _until_close

    cdef void enter(
        self, Reactor reactor, StreamFactory factory, ServerOptions options, ConnectionInfo info,
        Connection connection)
    cpdef void begin(self, bytes data)
    cpdef void drain(self)
    cpdef void abort(self)

    @cython.locals(receiver=StreamReceiver)
    cdef void on_data(self, bytes data)
    @cython.locals(receiver=StreamReceiver)
    cdef void on_spliced(self, Py_ssize_t moved, bint done)
    cdef void on_eof(self)
    @cython.locals(receiver=StreamReceiver)
    cdef void on_drained(self)
    cdef void on_closed(self, int error)
    cdef void on_deferred(self)
    @cython.locals(now=long, phase=int, written=long)
    cdef void on_timer(self, Timer timer)

    @cython.locals(response=ResponseHead, status=int, minor=int, tail=bytes)
    cdef void send_headers(self, Head head, bint end)
    @cython.locals(go_on=bint)
    cdef bint send_data(self, bytes data, bint end) except -1
    cdef void send_trailers(self, Head trailers)
    cdef Connection splice_target(self)
    cdef void send_continue(self)
    cdef void reset(self)
    cdef void pause_input(self)
    cdef void resume_input(self)

    cdef int _write_head(self, ResponseHead head, bytes tail) except -1
    @cython.locals(event=int, receiver=StreamReceiver)
    cdef void _advance(self)
    @cython.locals(reader=MessageReader, request=RequestHead, method=bytes, receiver=StreamReceiver)
    cdef void _begin_exchange(self)
    @cython.locals(reader=MessageReader, settings=bytes)
    cdef bint _upgrade_to_http2(self) except -1
    @cython.locals(receiver=StreamReceiver, target=Connection)
    cdef void _splice_body(self)
    cdef int _wait_for_more(self) except -1
    cdef int _finish_exchange(self) except -1
    cdef int _close_flushed(self) except -1
    @cython.locals(timeout=double)
    cdef int _expect_request(self) except -1
    cdef void _watch(self, int phase, double timeout)
    cdef int _arm(self, double seconds) except -1
    cdef long _nanoseconds(self, double seconds)
    cdef void _refuse(self, int status, str why)
    @cython.locals(receiver=StreamReceiver)
    cdef int _drop_receiver(self, int why) except -1
    cdef void _lose(self, int why)
    @cython.locals(receiver=StreamReceiver)
    cdef void _begin_tunnel(self)
    cdef int _tunnel_ended(self) except -1
    cdef int _pause(self, int why) except -1
    cdef int _resume(self, int why) except -1


cdef class Http1Codec(ServerCodec):
    @cython.locals(server=Http1ServerConnection)
    cdef void serve(
        self, Reactor reactor, StreamFactory factory, ServerOptions options, ConnectionInfo info,
        Connection connection, bytes data)
