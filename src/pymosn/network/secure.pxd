from pymosn.buffer cimport OutputQueue


cdef class TlsLayer:
    cdef public bint shaking, more
    cdef public double timeout
    cdef public bytes alpn
    cdef public str error

    cdef int handshake(self, int fd) except? -1
    cdef bytes receive(self, int fd, bint bulk)
    cdef Py_ssize_t send(self, int fd, OutputQueue queue, bint final) except? -1
    cdef int push(self, int fd) except? -1
    cdef void end(self, int fd)
    cdef void report(self, bytes peer)
    cpdef bytes fact(self, str name)


cdef class TlsFactory:
    cdef readonly str name
    cdef readonly bint fall_back

    cdef TlsLayer layer(self)
