cimport cython


@cython.final
cdef class TokenBucket:
    cdef readonly str name
    cdef readonly double burst, rate, level
    cdef long _filled

    cpdef bint take(self, long now) noexcept
    cpdef void give(self, int count) noexcept


@cython.final
cdef class Http2Options:
    cdef readonly bint server, enable_connect_protocol
    cdef readonly long max_concurrent_streams, initial_window, connection_window
    cdef readonly Py_ssize_t max_frame_size, max_header_bytes, high_water, low_water
    cdef readonly long header_table_size, encoder_table_size
    cdef readonly int max_fields, max_continuations, max_unread_replies
    cdef readonly tuple flood_limits
    cdef readonly bytes scheme
