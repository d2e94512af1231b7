cimport cython
from cpython.object cimport PyObject

cdef enum:
    INLINE = 4      # parts that need no memory of their own: a head, its end, a body
    SPARE = 64      # room that an empty queue may keep


cdef struct Part:
    PyObject *data
    const char *start
    Py_ssize_t size


@cython.final
cdef class OutputQueue:
    cdef readonly Py_ssize_t size, count
    cdef readonly bint closed
    cdef Part *_parts
    cdef Part _inline[INLINE]
    cdef Py_ssize_t _first, _room

    cpdef int add(self, bytes data) except -1
    cpdef int add_part(self, bytes data, Py_ssize_t start, Py_ssize_t end) except -1
    cdef const Part *parts(self) noexcept
    cpdef int drop(self, Py_ssize_t count) except -1
    cpdef int clear(self) except -1
    cpdef close(self)
    cdef int _make_room(self) except -1
