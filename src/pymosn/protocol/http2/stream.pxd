cimport cython

from pymosn.message cimport Head

cdef Py_ssize_t _COALESCED


@cython.final
cdef class Http2Stream:
    cdef readonly unsigned int id
    cdef public object owner
    cdef readonly long send_window, receive_window
    cdef readonly bint local_ended, remote_ended, closed
    cdef public bint paused
    cdef readonly Py_ssize_t queued, taken
    cdef bint waiting, bodiless, connect, end_queued
    cdef readonly bint head_received
    cdef readonly long body_left
    cdef int informational
    cdef long born
    cdef readonly long unconsumed
    cdef long credit, withheld
    cdef Head trailers
    cdef list _queue
    cdef Py_ssize_t _offset

    cdef void enter(self, unsigned int identifier, long send_window, long receive_window)
    @cython.locals(queue=list, last=bytes)
    cdef void push(self, bytes data)
    @cython.locals(queue=list)
    cdef bytes first(self)
    cdef Py_ssize_t offset(self) noexcept
    @cython.locals(queue=list)
    cdef void sent(self, Py_ssize_t count)
    cdef void clear(self) noexcept
