cimport cython

from pymosn.message cimport Head, RequestHead, ResponseHead
from pymosn.protocol.http2.frames cimport FrameWriter
from pymosn.protocol.http2.heads cimport write_request, write_response, write_trailers
from pymosn.protocol.http2.hpack cimport HpackEncoder
from pymosn.protocol.http2.options cimport Http2Options, TokenBucket
from pymosn.protocol.http2.settings cimport PeerSettings
from pymosn.protocol.http2.stream cimport Http2Stream

cdef int END_STREAM, PING_FRAME
cdef int SETTINGS_ENABLE_CONNECT_PROTOCOL, SETTINGS_ENABLE_PUSH, SETTINGS_HEADER_TABLE_SIZE
cdef int SETTINGS_INITIAL_WINDOW_SIZE, SETTINGS_MAX_CONCURRENT_STREAMS, SETTINGS_MAX_FRAME_SIZE
cdef int SETTINGS_MAX_HEADER_LIST_SIZE, SETTINGS_NO_RFC7540_PRIORITIES
cdef long DEFAULT_WINDOW, MAX_STREAM_ID, MAX_WINDOW, MIN_MAX_FRAME_SIZE, DEFAULT_TABLE_SIZE

cdef long _FRAME_BYTES, _OUTPUT_BYTES
cdef Py_ssize_t _REMEMBERED
cdef bytes _METHOD_HEAD, _METHOD_CONNECT


cdef class Http2Output:
    cdef readonly Http2Options options
    cdef readonly PeerSettings peer
    cdef readonly dict streams
    cdef readonly long send_window, receive_window
    cdef readonly bint acknowledged, peer_goaway, draining
    cdef bint _server, _failed, _congested, _pending, _goaway_sent
    cdef FrameWriter _writer
    cdef HpackEncoder _encoder
    cdef long _peer_window, _last_announced, _highest, _next_id
    cdef Py_ssize_t _most
    cdef long _credit, _room
    cdef int _unread_replies
    cdef dict _ready, _forgotten
    cdef list _drained
    cdef TokenBucket _resets, _settings, _pings, _empty, _priority, _window_updates, _tiny

    @cython.locals(options=Http2Options, values=list)
    cpdef void begin(self)
    cpdef void goaway(self, unsigned int code, bint final)
    cpdef void ping(self, bytes payload)
    cpdef list take_output(self)
    cpdef void congested(self, bint value)
    cpdef Py_ssize_t active(self)
    cpdef bint can_open(self) noexcept

    @cython.locals(stream=Http2Stream)
    cpdef Http2Stream open_stream(self, object owner, RequestHead head, bint end)
    cpdef void send_headers(self, Http2Stream stream, ResponseHead head, bint end)
    @cython.locals(size=Py_ssize_t, at=Py_ssize_t, count=Py_ssize_t, last=bint)
    cpdef bint send_data(self, Http2Stream stream, bytes data, bint end) except? 0
    cpdef void send_trailers(self, Http2Stream stream, Head head)
    cpdef void reset_stream(self, Http2Stream stream, unsigned int code)
    cpdef void consumed(self, Http2Stream stream, long count)

    @cython.locals(window=long, stream=Http2Stream)
    cdef Http2Stream _new_stream(self, long identifier)
    cdef void _end_remote(self, Http2Stream stream)
    cdef void _end_local(self, Http2Stream stream)
    cdef void _drop(self, Http2Stream stream)
    cdef void _remember(self, long identifier)
    cdef void _announce_end(self, int code, bytes text)

    @cython.locals(change=long, stream=Http2Stream)
    cdef bint _resize_windows(self) except -1
    cdef void _give_back(self, Http2Stream stream, long count)
    cdef void _give_back_connection(self, long count)

    cdef void _write_block(self, Http2Stream stream, bytes block, bint end)
    @cython.locals(block=bytes)
    cdef void _write_end(self, Http2Stream stream, Head head)
    cdef Py_ssize_t _allowance(self, Http2Stream stream, Py_ssize_t size) noexcept
    cdef void _write_data(
        self, Http2Stream stream, bytes data, Py_ssize_t start, Py_ssize_t count,
        bint last)
    @cython.locals(stream=Http2Stream)
    cdef void _pump(self)
    cdef bint _is_open(self) noexcept
    @cython.locals(piece=bytes, start=Py_ssize_t, count=Py_ssize_t, last=bint)
    cdef void _send_queued(self, Http2Stream stream)
