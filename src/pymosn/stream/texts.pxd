cimport cython

cdef tuple _SMALL, _MICROSECONDS, _MILLISECONDS, _POINT_DIGITS
cdef bytes _BYTES, _ZERO


cpdef bytes decimal(long number)
@cython.locals(whole=long, part=long, minutes=long, seconds=str)
cpdef bytes go_duration(long nanoseconds)
cpdef bytes as_bytes(object value)
@cython.locals(byte=int)
cpdef bytes log_safe(bytes value)
@cython.locals(byte=int)
cpdef bytes header_safe(bytes value)
@cython.locals(raw='const unsigned char *', size=Py_ssize_t, at=Py_ssize_t)
cdef Py_ssize_t _first_unsafe(bytes value)
