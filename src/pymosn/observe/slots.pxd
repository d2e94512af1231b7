cimport cython
from cpython.buffer cimport Py_buffer

cdef enum:
    BOUNDS = 16
    STEPS = 21  # slots of a histogram


@cython.final
cdef class Slots:
    cdef readonly object values
    cdef Py_buffer _buffer
    cdef long *_slots
    cdef Py_ssize_t _size
    cdef long _bounds[BOUNDS]

    cdef void add(self, Py_ssize_t slot, long amount) noexcept
    cdef void observe(self, Py_ssize_t slot, long duration) noexcept
