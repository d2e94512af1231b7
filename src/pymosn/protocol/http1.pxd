cimport cython

from pymosn.message cimport Head, RequestHead, ResponseHead

cdef bint _COMPILED
cdef int _NEED_DATA, _HEAD, _DATA, _END, _ERROR
cdef int _NO_BODY, _SIZED, _CHUNK_SIZE, _CHUNK_DATA, _CHUNK_END, _TRAILERS, _UNTIL_CLOSE
cdef int _HEADS, _FAILED
cdef bytes _TOKEN, _VALUE, _TARGET, _HOST, _SPECIAL, _HEX
cdef bytes _GET, _HTTP, _OK, _HEAD_METHOD
cdef bytes _KEEP_ALIVE_OPTION, _CLOSE_OPTION
cdef tuple _SPECIAL_NAMES
cdef int _CONNECTION, _TRANSFER_ENCODING, _TE, _UPGRADE, _CONTENT_LENGTH, _HOST_NAME, _EXPECT
cdef Py_ssize_t _MAX_CHUNK_LINE, _MAX_TRAILER_BYTES, _MAX_CONNECTION_OPTIONS


@cython.final
cdef class MessageReader:
    cdef readonly bint is_request
    cdef public Py_ssize_t max_head
    cdef public int max_headers
    cdef public long max_body
    cdef bytes buffer
    cdef Py_ssize_t position
    cdef readonly RequestHead request
    cdef readonly ResponseHead response
    cdef readonly bytes data
    cdef readonly Head trailers
    cdef readonly bint complete, tunnel, keep_alive, upgrade, expect_continue
    cdef readonly bytes upgrade_to, h2c_settings
    cdef readonly str error
    cdef readonly int error_status
    cdef int _state
    cdef Py_ssize_t _retry_at
    cdef bint _in_trailers, _no_body, _connect, _chunked, _close, _keep, _te_trailers
    cdef long _length, _left, _body_read
    cdef int _encodings, _hosts, _blank
    cdef list _named

    cdef void enter(self, bint is_request, Py_ssize_t max_head, int max_headers, long max_body)
    cpdef int feed(self, bytes data) except -1
    cpdef Py_ssize_t pending(self)
    cpdef long unread(self)
    cpdef void skip(self, long count)
    cpdef void forget(self)
    cpdef bytes take_rest(self)
    cpdef int expect_response(self, bytes method) except -1
    cpdef int next(self) except -2
    cpdef int finish(self) except -2

    @cython.locals(data=bytes, size=Py_ssize_t, at=Py_ssize_t, head=Head)
    cdef int _read_head(self) except -2
    @cython.locals(raw='const unsigned char *', size=Py_ssize_t)
    cdef bint _skip_blank_lines(self) except -1
    @cython.locals(size=Py_ssize_t, line_end=Py_ssize_t)
    cdef int _incomplete_head(self) except -2
    @cython.locals(
        scannable=bytes, raw='const unsigned char *', data=bytes, token='const unsigned char *',
        allowed='const unsigned char *', start=Py_ssize_t, method_end=Py_ssize_t,
        target=Py_ssize_t, target_end=Py_ssize_t, head=RequestHead)
    cdef Py_ssize_t _request_line(self, Py_ssize_t at) except -2
    @cython.locals(line=bytes)
    cdef int _version_error(self, bytes text) except -2
    @cython.locals(
        scannable=bytes, raw='const unsigned char *', data=bytes, value='const unsigned char *',
        start=Py_ssize_t, reason=Py_ssize_t, head=ResponseHead)
    cdef Py_ssize_t _status_line(self, Py_ssize_t at) except -2
    @cython.locals(
        scannable=bytes, raw='const unsigned char *', token='const unsigned char *',
        allowed='const unsigned char *', special='const unsigned char *', size=Py_ssize_t,
        count=int, kind=int, start=Py_ssize_t, name_size=Py_ssize_t, value=Py_ssize_t)
    cdef Py_ssize_t _fields(self, Head head, Py_ssize_t at, Py_ssize_t limit) except -2
    @cython.locals(raw='const unsigned char *', end=Py_ssize_t, name=bytes)
    cdef int _special(
        self, Head head, int kind, Py_ssize_t start, Py_ssize_t size, Py_ssize_t value,
        Py_ssize_t following) except -2
    @cython.locals(raw='const unsigned char *', request=RequestHead)
    cdef int _special_request(
        self, Head head, int kind, Py_ssize_t value, Py_ssize_t end) except -2
    @cython.locals(raw='const unsigned char *', allowed='const unsigned char *', at=Py_ssize_t)
    cdef int _host(self, RequestHead request, Py_ssize_t value, Py_ssize_t end) except -2
    @cython.locals(raw='const unsigned char *', length=long, digit=int)
    cdef int _content_length(self, Py_ssize_t value, Py_ssize_t end) except -2
    cdef int _transfer_encoding(self, bytes value) except -2
    cdef int _connection(self, bytes value) except -2
    cdef int _upgrade(self, bytes value) except -1
    cdef int _offer_h2c(self, Head head) except -1
    cdef int _te(self, bytes value) except -1
    cdef int _expect(self, bytes value) except -2

    @cython.locals(head=RequestHead)
    cdef int _request_framing(self, Py_ssize_t body) except -2
    @cython.locals(head=ResponseHead, status=int)
    cdef int _response_framing(self, Py_ssize_t body) except -2
    cdef int _begin_body(self, Head head, Py_ssize_t body, bint has_body) except -2
    cdef int _settle_connection(self, Head head) except -2
    @cython.locals(request=RequestHead, target=bytes, first=int)
    cdef int _check_target(self, Head head) except -2
    cdef int _authority_form(self, RequestHead request, bytes target) except -2
    cdef int _absolute_form(self, RequestHead request, bytes target) except -2

    @cython.locals(available=Py_ssize_t)
    cdef int _read_sized(self) except -2
    @cython.locals(available=Py_ssize_t)
    cdef int _read_rest(self) except -2
    @cython.locals(start=Py_ssize_t, raw='const unsigned char *', data=bytes)
    cdef bytes _take(self, Py_ssize_t count)
    @cython.locals(pieces=list, first=bytes, piece=bytes, found=int, available=Py_ssize_t)
    cdef int _read_chunked(self) except -2
    @cython.locals(
        scannable=bytes, raw='const unsigned char *', allowed='const unsigned char *',
        hexadecimal='const unsigned char *', size=Py_ssize_t, at=Py_ssize_t, length=long,
        digits=int, digit=int)
    cdef int _chunk_size(self) except -2
    @cython.locals(scannable=bytes, raw='const unsigned char *', available=Py_ssize_t)
    cdef int _chunk_end(self) except -2
    @cython.locals(trailers=Head, at=Py_ssize_t, keep_alive=bint)
    cdef int _read_trailers(self) except -2

    cdef int _stopped_at(self, Py_ssize_t at, str reason) except -2
    cdef int _bad(self)
    cdef int _fail(self, int status, str reason) except -2


@cython.locals(index=Py_ssize_t)
cdef bint _name_is(
    const unsigned char *raw, Py_ssize_t at, const unsigned char *name, Py_ssize_t size) noexcept
cdef bytes _scannable(bytes data)
