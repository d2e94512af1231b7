from pymosn.network.openssl cimport SSL, SSL_CTX


cdef class TlsContext:
    cdef SSL_CTX *ctx
    cdef readonly tuple names
    cdef readonly tuple alpn
    cdef bytes _alpn_wire
    cdef bytes _groups
    cdef frozenset _peer_names
    cdef list _staples
    cdef readonly bint server

    cdef void _configure(self, object settings)
    cdef void _add_certificate(self, object certificate)
    cdef void _trust(self, object settings)
    cdef void take_over(self, SSL *ssl)


cdef bytes alpn_wire(names)
