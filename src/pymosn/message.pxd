cimport cython

from pymosn.buffer cimport OutputQueue


cdef class Head:
    cdef public bytes raw
    cdef public Py_ssize_t start
    cdef public Py_ssize_t fields
    cdef public Py_ssize_t end
    cdef public Py_ssize_t cut_start, cut_end
    cdef public list cuts
    cdef public list added
    cdef public list never
    cdef public long content_length
    cdef public int minor
    cdef public bytes upgrade

    @cython.locals(at=Py_ssize_t, line=bytes)
    cpdef bytes get(self, bytes name)
    cpdef list get_all(self, bytes name)
    cpdef bint remove(self, bytes name) except -1
    cpdef void add(self, bytes name, bytes value)
    cpdef void set(self, bytes name, bytes value)
    cpdef bint edited(self) except -1
    cpdef bint is_rpc(self) noexcept
    cpdef int cut(self, Py_ssize_t start, Py_ssize_t end) except -1
    @cython.locals(cuts=list, position=Py_ssize_t)
    cdef int _cut_more(self, Py_ssize_t start, Py_ssize_t end) except -1
    @cython.locals(raw='const unsigned char *', output=OutputQueue)
    cpdef bytes lines(self)
    @cython.locals(raw=bytes, position=Py_ssize_t, index=Py_ssize_t)
    cpdef int write_lines(self, OutputQueue output, Py_ssize_t start, Py_ssize_t end) except -1
    @cython.locals(raw='const unsigned char *', size=Py_ssize_t, at=Py_ssize_t)
    cdef Py_ssize_t _find(self, bytes name, Py_ssize_t start)
    @cython.locals(index=Py_ssize_t, cuts=list)
    cdef bint _is_cut(self, Py_ssize_t at) except -1
    @cython.locals(raw='const unsigned char *')
    cdef Py_ssize_t _next_line(self, Py_ssize_t at)
    @cython.locals(end=Py_ssize_t)
    cdef bytes _value(self, Py_ssize_t at, Py_ssize_t size)


cdef class RequestHead(Head):
    cdef public bytes method
    cdef public bytes target
    cdef public bytes authority
    cdef public bytes scheme
    cdef public bint te_trailers
    cdef public bint timeouts
    cdef public bint expects
    cdef public long time_limit

    cpdef bint repeatable(self) except -1
    cpdef bytes rpc_service(self)
    cpdef bytes rpc_method(self)
    cpdef long frame_id(self) noexcept


cdef class ResponseHead(Head):
    cdef public int status
    cdef public bytes reason

    cpdef int frame_status(self) noexcept


@cython.locals(index=Py_ssize_t, byte=int)
cdef bint _same(const unsigned char *raw, Py_ssize_t at, const unsigned char *name, Py_ssize_t size) noexcept
@cython.locals(raw='const unsigned char *')
cdef bytes _trimmed(bytes data, Py_ssize_t start, Py_ssize_t end)
cdef bint _line_is(bytes line, bytes name) except -1
cpdef bint is_idempotent(bytes method) except -1
