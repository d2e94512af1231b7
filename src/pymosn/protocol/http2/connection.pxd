cimport cython

from pymosn.message cimport Head, RequestHead, ResponseHead
from pymosn.protocol.http2.frames cimport FrameReader
from pymosn.protocol.http2.heads cimport read_request, read_response, read_trailers
from pymosn.protocol.http2.hpack cimport HpackDecoder
from pymosn.protocol.http2.options cimport Http2Options, TokenBucket
from pymosn.protocol.http2.output cimport Http2Output
from pymosn.protocol.http2.stream cimport Http2Stream

cdef int COMPRESSION_ERROR, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, NO_ERROR
cdef int PROTOCOL_ERROR, REFUSED_STREAM, STREAM_CLOSED
cdef int ACK, END_HEADERS, END_STREAM, PADDED, PRIORITIZED, INCOMPLETE, TOO_LONG
cdef int CONTINUATION_FRAME, DATA_FRAME, GOAWAY_FRAME, HEADERS_FRAME, PING_FRAME, PRIORITY_FRAME
cdef int PUSH_PROMISE_FRAME, RST_STREAM_FRAME, SETTINGS_FRAME, WINDOW_UPDATE_FRAME
cdef long MAX_STREAM_ID, MAX_WINDOW, DEFAULT_TABLE_SIZE
cdef int MALFORMED_BLOCK, OK

cdef int _NEED_DATA, _HEADERS, _DATA, _TRAILERS, _RESET, _DRAINED, _GOAWAY, _SETTLED, _PONG, _ERROR
cdef long _PATIENCE_NS
cdef Py_ssize_t _TINY_BYTES
cdef int _NOTHING, _MAX_INFORMATIONAL
cdef bytes _METHOD_CONNECT


@cython.final
cdef class Http2Connection(Http2Output):
    cdef readonly Http2Stream stream
    cdef readonly Head head
    cdef readonly bytes data
    cdef readonly bint end, too_large, unprocessed
    cdef readonly long error_code
    cdef readonly str error, flood
    cdef readonly long last_stream_id
    cdef readonly bint settled
    cdef FrameReader _reader
    cdef HpackDecoder _decoder
    cdef long _now
    cdef Py_ssize_t _preface_left
    cdef long _gap_start, _gap_end
    cdef long _block_id
    cdef int _block_end, _block_code, _block_frames
    cdef Py_ssize_t _block_size
    cdef list _block
    cdef Http2Stream _body
    cdef bint _body_end
    cdef Py_ssize_t _padding
    cdef list _lost
    cdef bint _goaway_due
    cdef long _goaway_code

    @cython.locals(stream=Http2Stream)
    cpdef Http2Stream upgrade(self, bytes settings)
    cpdef void set_time(self, long now_ns) noexcept
    cpdef void feed(self, bytes data)
    @cython.locals(reader=FrameReader, event=int)
    cpdef int next(self) except -2
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
        padding=Py_ssize_t, stream=Http2Stream, code=int, event=int)
    cdef int _read_data(self) except -2
    @cython.locals(
        reader=FrameReader, count=Py_ssize_t, payload=Py_ssize_t, stream=Http2Stream)
    cdef int _read_body(self) except -2
    @cython.locals(
        reader=FrameReader, identifier=long, increment=long, stream=Http2Stream)
    cdef int _read_window_update(self) except -2
    @cython.locals(reader=FrameReader, identifier=long, stream=Http2Stream)
    cdef int _read_rst_stream(self) except -2
    @cython.locals(reader=FrameReader, event=int, code=int)
    cdef int _read_settings(self) except -2
    @cython.locals(reader=FrameReader, payload=bytes, event=int)
    cdef int _read_ping(self) except -2
    @cython.locals(reader=FrameReader, last=long, event=int, stream=Http2Stream)
    cdef int _read_goaway(self) except -2
    @cython.locals(reader=FrameReader, identifier=long, code=int, stream=Http2Stream)
    cdef int _read_priority(self) except -2

    cdef bint _is_idle(self, long identifier) noexcept
    @cython.locals(event=int)
    cdef int _break_stream(self, Http2Stream stream, int code) except -2
    cdef int _replied(self, TokenBucket bucket) except -2
    cdef int _spend(self, TokenBucket bucket) except -2
    cdef int _flooded(self, str name) except -2
    cdef int _fail(self, int code, str text, str flood=*) except -2

