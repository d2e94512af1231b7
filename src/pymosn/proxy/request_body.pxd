cimport cython


@cython.final
cdef class RequestBody:
    cdef list pieces
    cdef Py_ssize_t size
    cdef bint dropped
    cdef object waiter
    cdef Py_ssize_t _limit

    cdef int keep(self, bytes data) except -1
    cdef int keep_within(self, bytes data, Py_ssize_t most) except -1
    cdef int drop(self) except -1
    @cython.locals(pieces=list)
    cdef list take(self)
    cdef int read(self, object future, Py_ssize_t limit) except -1
    cdef bint wake(self, bint complete) except -1
    cdef int _refuse(self, object error) except -1
