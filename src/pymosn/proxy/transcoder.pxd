from pymosn.proxy.exchange cimport Headers


cdef class BodyTranscoder:
    cpdef bytes request_data(self, bytes data, bint end)
    cpdef bint response_headers(self, Headers headers, bint end) except -1
    cpdef bytes response_data(self, bytes data)
    cpdef bytes response_end(self, Headers trailers)
