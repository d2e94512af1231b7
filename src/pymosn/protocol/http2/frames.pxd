cimport cython

cdef int _INCOMPLETE, _FRAME, _TOO_LONG, _DATA, _PADDED
cdef Py_ssize_t _OWN_PIECE


@cython.final
cdef class FrameReader:
    cdef public Py_ssize_t max_frame_size
    cdef readonly bytes buffer
    cdef readonly int kind, flags
    cdef readonly unsigned int stream_id
    cdef readonly Py_ssize_t length, start, left
    cdef Py_ssize_t _position, _size, _missing
    cdef list _pieces

    @cython.locals(pieces=list)
    cpdef void feed(self, bytes data)
    @cython.locals(raw='const unsigned char *', at=Py_ssize_t, available=Py_ssize_t)
    cpdef int next(self) except -1
    @cython.locals(count=Py_ssize_t)
    cpdef Py_ssize_t arrived(self) except -1
    @cython.locals(raw='const unsigned char *', start=Py_ssize_t)
    cpdef bytes take(self, Py_ssize_t count)
    cpdef void skip(self, Py_ssize_t count) noexcept
    @cython.locals(raw='const unsigned char *')
    cdef unsigned int word(self, Py_ssize_t at) noexcept
    @cython.locals(raw='const unsigned char *')
    cdef int byte(self, Py_ssize_t at) noexcept
    @cython.locals(raw='const unsigned char *')
    cdef bytes part(self, Py_ssize_t start, Py_ssize_t end)
    cdef int _wait(self, Py_ssize_t size, Py_ssize_t available) except -1
    cdef void _release(self) noexcept


@cython.final
cdef class FrameWriter:
    cdef readonly Py_ssize_t size
    cdef bytearray _gathered, _header, _number
    cdef list _parts

    @cython.locals(parts=list)
    cpdef list take(self)
    @cython.locals(gathered=bytearray)
    cpdef void raw(self, bytes data)
    cpdef void frame(self, int kind, int flags, unsigned int stream_id, bytes payload)
    @cython.locals(raw='const unsigned char *')
    cpdef void data(
        self, int flags, unsigned int stream_id, bytes source, Py_ssize_t start,
        Py_ssize_t count)
    @cython.locals(size=Py_ssize_t, at=Py_ssize_t)
    cpdef void headers(
        self, int flags, unsigned int stream_id, bytes block, Py_ssize_t limit)
    cpdef void rst_stream(self, unsigned int stream_id, unsigned int code)
    cpdef void window_update(self, unsigned int stream_id, unsigned int increment)
    cpdef void goaway(self, unsigned int last_stream_id, unsigned int code, bytes text)
    cpdef void settings(self, list values)
    @cython.locals(raw='unsigned char *', gathered=bytearray)
    cdef void _begin(
        self, Py_ssize_t length, int kind, int flags, unsigned int stream_id)
    @cython.locals(size=Py_ssize_t, gathered=bytearray)
    cdef void _append(self, bytes payload)
    @cython.locals(raw='unsigned char *', gathered=bytearray)
    cdef void _word(self, unsigned int value)
