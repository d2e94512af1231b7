cimport cython


@cython.no_gc
cdef class Head:
    cdef public bytes raw
    cdef public Py_ssize_t start
    cdef public Py_ssize_t fields
    cdef public Py_ssize_t end
    cdef public list cuts
    cdef public list added
    cdef public long content_length
    cdef public int minor
    cdef public bytes upgrade

    @cython.locals(at=Py_ssize_t, line=bytes)
    cpdef bytes get(self, bytes name)
    cpdef list get_all(self, bytes name)
    cpdef bint remove(self, bytes name)
    cpdef void add(self, bytes name, bytes value)
    cpdef void set(self, bytes name, bytes value)
    cpdef void cut(self, Py_ssize_t start, Py_ssize_t end)
    cpdef bint edited(self)
    cpdef bint is_rpc(self)
    @cython.locals(raw='const unsigned char *', parts=list)
    cpdef bytes lines(self)
    @cython.locals(
        raw='const unsigned char *', position=Py_ssize_t, index=Py_ssize_t, cut=Py_ssize_t,
        cuts=list)
    cpdef void append_lines(self, list parts, Py_ssize_t start, Py_ssize_t end)
    @cython.locals(raw='const unsigned char *', size=Py_ssize_t, at=Py_ssize_t)
    cdef Py_ssize_t _find(self, bytes name, Py_ssize_t start)
    @cython.locals(index=Py_ssize_t, cuts=list)
    cdef bint _is_cut(self, Py_ssize_t at)
    @cython.locals(raw='const unsigned char *')
    cdef Py_ssize_t _next_line(self, Py_ssize_t at)
    @cython.locals(end=Py_ssize_t)
    cdef bytes _value(self, Py_ssize_t at, Py_ssize_t size)


@cython.no_gc
cdef class RequestHead(Head):
    cdef public bytes method
    cdef public bytes target
    cdef public bytes authority
    cdef public bytes scheme
    cdef public bint te_trailers
    cdef public bint timeouts
    cdef public long time_limit

    cpdef bint repeatable(self)
    cpdef bytes rpc_service(self)
    cpdef bytes rpc_method(self)
    cpdef long frame_id(self)


@cython.no_gc
cdef class ResponseHead(Head):
    cdef public int status
    cdef public bytes reason

    cpdef int frame_status(self)


@cython.locals(index=Py_ssize_t, byte=int)
cdef bint _same(const unsigned char *raw, Py_ssize_t at, const unsigned char *name, Py_ssize_t size)
@cython.locals(raw='const unsigned char *')
cdef bytes _trimmed(bytes data, Py_ssize_t start, Py_ssize_t end)
cdef bint _line_is(bytes line, bytes name)
cpdef bint is_idempotent(bytes method)
