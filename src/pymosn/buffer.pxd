cimport cython


@cython.final
@cython.no_gc
@cython.freelist(256)
cdef class Piece:
    cdef readonly bytes data
    cdef readonly Py_ssize_t start, end
    cdef readonly Piece next


@cython.final
@cython.no_gc
cdef class OutputQueue:
    cdef readonly Piece first
    cdef Piece last
    cdef readonly Py_ssize_t size
    cdef readonly bint closed

    cpdef int add(self, bytes data) except -1
    @cython.locals(piece=Piece)
    cpdef int add_part(self, bytes data, Py_ssize_t start, Py_ssize_t end) except -1
    @cython.locals(piece=Piece, length=Py_ssize_t)
    cdef void drop(self, Py_ssize_t count) noexcept
    cdef void clear(self) noexcept
    cdef void close(self) noexcept
    @cython.locals(parts=list, piece=Piece)
    cpdef bytes joined(self)
