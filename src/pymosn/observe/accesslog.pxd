from pymosn.stream.stream cimport Stream
cdef class AccessLog:
    cpdef void log(self, Stream stream)
