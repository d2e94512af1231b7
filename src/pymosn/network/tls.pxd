from pymosn.network.openssl cimport SSL, SSL_SESSION
from pymosn.network.secure cimport TlsFactory
from pymosn.network.tls_context cimport TlsContext
from pymosn.network.tls_session cimport TlsBuffers
from pymosn.observe.metrics cimport TlsStats

cdef enum:
    SESSIONS = 8


cdef class TicketKeys:
    cdef unsigned char *_keys
    cdef int _count

    cpdef void replace(self, list keys)


cdef class TlsServer(TlsFactory):
    cdef TlsBuffers _buffers
    cdef TicketKeys _tickets
    cdef TlsStats _stats
    cdef readonly list contexts
    cdef dict _by_name
    cdef bint _inspector
    cdef double _timeout

    cdef TlsContext choose(self, bytes name, list protocols)


cdef class TlsClient(TlsFactory):
    cdef TlsBuffers _buffers
    cdef TlsStats _stats
    cdef TlsContext _context
    cdef bytes _alpn_wire
    cdef bytes _server_name
    cdef bint _is_ip, _send_name, _verify_name
    cdef SSL_SESSION *_sessions[SESSIONS]
    cdef int _count

    cdef void _keep(self, SSL_SESSION *session) noexcept
    cdef void _resume(self, SSL *ssl) noexcept
