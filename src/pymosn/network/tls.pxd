from pymosn.buffer cimport OutputQueue
from pymosn.network.openssl cimport BIO, SSL, SSL_CTX, SSL_SESSION
from pymosn.network.reactor cimport Reactor
from pymosn.network.secure cimport TlsFactory, TlsLayer
from pymosn.observe.metrics cimport TlsStats

cdef enum:
    SESSIONS = 8

cdef struct Wire:
    void *session               # whose call this is
    const unsigned char *input  # what of its ciphertext OpenSSL has not read yet
    Py_ssize_t left
    unsigned char *output       # what OpenSSL has written
    size_t used
    size_t capacity


cdef class TlsBuffers:
    cdef readonly Reactor reactor
    cdef unsigned char *plain
    cdef Wire wire
    cdef BIO *bio


cdef class TicketKeys:
    cdef unsigned char *_keys
    cdef int _count

    cpdef void replace(self, list keys)


cdef class TlsContext:
    cdef SSL_CTX *_ctx
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
    cdef void _take_over(self, SSL *ssl)


cdef class TlsServer(TlsFactory):
    cdef TlsBuffers _buffers
    cdef TicketKeys _tickets
    cdef TlsStats _stats
    cdef readonly str name
    cdef readonly list contexts
    cdef dict _by_name
    cdef bint _inspector
    cdef double _timeout

    cdef TlsContext choose(self, bytes name, list protocols)


cdef class TlsClient(TlsFactory):
    cdef TlsBuffers _buffers
    cdef TlsStats _stats
    cdef readonly str name
    cdef TlsContext _context
    cdef bytes _alpn_wire
    cdef bytes _server_name
    cdef bint _is_ip, _send_name, _verify_name
    cdef SSL_SESSION *_sessions[SESSIONS]
    cdef int _count

    cdef void _keep(self, SSL_SESSION *session) noexcept
    cdef void _resume(self, SSL *ssl) noexcept


cdef class TlsSession(TlsLayer):
    cdef SSL *_ssl
    cdef TlsBuffers _buffers
    cdef TlsFactory _factory
    cdef TlsContext _context
    cdef TlsStats _stats
    cdef unsigned char *_pending
    cdef size_t _pending_size, _pending_sent
    cdef Py_ssize_t _unreported
    cdef bytes _early
    cdef int _failure
    cdef bint _server, _started, _inspect, _peer_ended, _holds

    cdef void _attach(self, TlsBuffers buffers, TlsFactory factory, TlsContext context)
    cdef void _enter(self, Py_ssize_t left) noexcept
    cdef int _begin(self, int fd) except? -1
    cdef int _established(self, int fd) except? -1
    cdef bint _hold_ticket(self, int fd) noexcept
    cdef void _release(self) noexcept
    cdef void _forget_pending(self) noexcept
    cdef bytes _decrypt(self, int fd, bint bulk)
    cdef Py_ssize_t _encrypt(self, OutputQueue queue) except? -1
    cdef int _transmit(self, int fd, bint last=*) except? -1
    cdef int _save(self, const unsigned char *data, size_t size) noexcept
    cdef void _note_error(self)
    cdef str _verify_error(self)
