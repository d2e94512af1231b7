cimport cython

from pymosn.message cimport Head, RequestHead, ResponseHead
from pymosn.protocol.http2.frames cimport FrameReader, FrameWriter
from pymosn.protocol.http2.heads cimport (
    read_request, read_response, read_trailers, write_request, write_response, write_trailers)
from pymosn.protocol.http2.hpack cimport HpackDecoder, HpackEncoder
from pymosn.protocol.http2.options cimport Http2Options, TokenBucket
from pymosn.protocol.http2.stream cimport Http2Stream

cdef int COMPRESSION_ERROR, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, NO_ERROR
cdef int PROTOCOL_ERROR, REFUSED_STREAM, STREAM_CLOSED
cdef int ACK, END_HEADERS, END_STREAM, PADDED, PRIORITIZED, INCOMPLETE, TOO_LONG
cdef int CONTINUATION_FRAME, DATA_FRAME, GOAWAY_FRAME, HEADERS_FRAME, PING_FRAME, PRIORITY_FRAME
cdef int PUSH_PROMISE_FRAME, RST_STREAM_FRAME, SETTINGS_FRAME, WINDOW_UPDATE_FRAME
cdef int SETTINGS_ENABLE_CONNECT_PROTOCOL, SETTINGS_ENABLE_PUSH, SETTINGS_HEADER_TABLE_SIZE
cdef int SETTINGS_INITIAL_WINDOW_SIZE, SETTINGS_MAX_CONCURRENT_STREAMS, SETTINGS_MAX_FRAME_SIZE
cdef int SETTINGS_MAX_HEADER_LIST_SIZE, SETTINGS_NO_RFC7540_PRIORITIES
cdef long DEFAULT_WINDOW, MAX_MAX_FRAME_SIZE, MAX_STREAM_ID, MAX_WINDOW, MIN_MAX_FRAME_SIZE
cdef int MALFORMED_BLOCK, OK

cdef int _NEED_DATA, _HEADERS, _DATA, _TRAILERS, _RESET, _DRAINED, _GOAWAY, _SETTLED, _PONG, _ERROR
cdef int _NOTHING
cdef long _FRAME_BYTES, _OUTPUT_BYTES
cdef Py_ssize_t _REMEMBERED
cdef int _MAX_INFORMATIONAL
cdef bytes _METHOD_HEAD, _METHOD_CONNECT


@cython.final
cdef class Http2Connection:
    cdef readonly Http2Options options
    cdef readonly dict streams
    cdef readonly long send_window, receive_window
    cdef readonly Http2Stream stream
    cdef readonly Head head
    cdef readonly bytes data
    cdef readonly bint end, too_large, unprocessed
    cdef readonly long error_code
    cdef readonly str error, flood
    cdef readonly long last_stream_id
    cdef readonly bint settled, acknowledged, connect_protocol, peer_goaway, draining
    cdef readonly long peer_max_streams, peer_max_header_bytes
    cdef bint _server, _failed, _congested, _pending, _goaway_sent, _goaway_due, _streams_limited
    cdef FrameReader _reader
    cdef FrameWriter _writer
    cdef HpackDecoder _decoder
    cdef HpackEncoder _encoder
    cdef long _now
    cdef Py_ssize_t _preface_left
    cdef long _peer_window, _peer_frame
    cdef long _last_announced
    cdef long _highest, _gap_start, _gap_end, _next_id
    cdef Py_ssize_t _most
    cdef long _goaway_code
    cdef long _block_id
    cdef int _block_flags, _block_code, _block_frames
    cdef Py_ssize_t _block_size
    cdef list _block
    cdef Http2Stream _body
    cdef bint _body_end
    cdef Py_ssize_t _padding
    cdef long _credit, _room
    cdef int _unread_replies
    cdef dict _ready, _forgotten
    cdef list _drained, _lost
    cdef TokenBucket _resets, _settings, _pings, _empty, _priority, _window_updates

    @cython.locals(options=Http2Options, values=list)
    cpdef void begin(self)
    @cython.locals(stream=Http2Stream)
    cpdef Http2Stream upgrade(self, bytes settings)
    cpdef void set_time(self, long now_ns) noexcept
    cpdef void feed(self, bytes data)
    @cython.locals(reader=FrameReader, event=int)
    cpdef int next(self) except -2
    cpdef list take_output(self)
    cpdef void congested(self, bint value)
    cpdef Py_ssize_t active(self)
    cpdef bint can_open(self) noexcept
    cpdef void goaway(self, unsigned int code, bint final)
    cpdef void ping(self, bytes payload)

    @cython.locals(stream=Http2Stream)
    cpdef Http2Stream open_stream(self, object owner, RequestHead head, bint end)
    cpdef void send_headers(self, Http2Stream stream, ResponseHead head, bint end)
    @cython.locals(size=Py_ssize_t, at=Py_ssize_t, count=Py_ssize_t, last=bint)
    cpdef bint send_data(self, Http2Stream stream, bytes data, bint end) except? 0
    cpdef void send_trailers(self, Http2Stream stream, Head head)
    cpdef void reset_stream(self, Http2Stream stream, unsigned int code)
    cpdef void consumed(self, Http2Stream stream, long count)

    cdef bytes _read_preface(self, bytes data)
    cdef int _next_pending(self) except -2
    @cython.locals(reader=FrameReader, found=int, kind=int)
    cdef int _read_frame(self) except -2
    @cython.locals(
        reader=FrameReader, at=Py_ssize_t, end=Py_ssize_t, flags=int, identifier=long, code=int,
        padding=Py_ssize_t)
    cdef int _read_headers(self) except -2
    @cython.locals(reader=FrameReader, pieces=list, block=bytes, identifier=long)
    cdef int _read_continuation(self) except -2
    @cython.locals(decoder=HpackDecoder, decoded=int, stream=Http2Stream)
    cdef int _on_block(
        self, long identifier, bytes block, Py_ssize_t start, Py_ssize_t stop, int end,
        int code) except -2
    cdef int _on_late_block(self, long identifier) except -2
    @cython.locals(expected=long, head=RequestHead, stream=Http2Stream)
    cdef int _on_request(self, long identifier, bint too_large, bint end, int code) except -2
    cdef bint _extended_connect(self, RequestHead head) except -1
    @cython.locals(head=ResponseHead)
    cdef int _on_response(self, Http2Stream stream, bint too_large, bint end) except -2
    @cython.locals(head=Head)
    cdef int _on_trailers(self, Http2Stream stream, bint too_large, bint end) except -2
    @cython.locals(
        reader=FrameReader, length=Py_ssize_t, payload=Py_ssize_t, identifier=long, ends=bint,
        padding=Py_ssize_t, stream=Http2Stream, code=int)
    cdef int _read_data(self) except -2
    @cython.locals(
        reader=FrameReader, count=Py_ssize_t, payload=Py_ssize_t, stream=Http2Stream)
    cdef int _read_body(self) except -2
    @cython.locals(
        reader=FrameReader, identifier=long, increment=long, stream=Http2Stream)
    cdef int _read_window_update(self) except -2
    @cython.locals(reader=FrameReader, identifier=long, stream=Http2Stream)
    cdef int _read_rst_stream(self) except -2
    @cython.locals(reader=FrameReader, event=int)
    cdef int _read_settings(self) except -2
    @cython.locals(
        raw='const unsigned char *', window=long, identifier=int, value=long)
    cdef int _apply_settings(self, bytes data, Py_ssize_t at, Py_ssize_t end) except -2
    @cython.locals(change=long, stream=Http2Stream)
    cdef int _resize_windows(self, long window) except -2
    @cython.locals(reader=FrameReader, payload=bytes, event=int)
    cdef int _read_ping(self) except -2
    @cython.locals(reader=FrameReader, last=long, event=int, stream=Http2Stream)
    cdef int _read_goaway(self) except -2
    @cython.locals(reader=FrameReader, identifier=long, code=int, stream=Http2Stream)
    cdef int _read_priority(self) except -2

    cdef bint _is_idle(self, long identifier) noexcept
    @cython.locals(window=long, stream=Http2Stream)
    cdef Http2Stream _new_stream(self, long identifier)
    cdef void _end_remote(self, Http2Stream stream)
    cdef void _end_local(self, Http2Stream stream)
    cdef void _drop(self, Http2Stream stream)
    cdef void _remember(self, long identifier)
    @cython.locals(event=int)
    cdef int _break_stream(self, Http2Stream stream, int code) except -2
    cdef int _replied(self, TokenBucket bucket) except -2
    cdef int _spend(self, TokenBucket bucket) except -2
    cdef int _flooded(self, str name) except -2
    cdef int _fail(self, int code, str text, str flood=*) except -2

    cdef void _announce_end(self, int code, bytes text)

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
