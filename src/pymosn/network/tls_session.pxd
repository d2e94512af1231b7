from pymosn.buffer cimport OutputQueue
from pymosn.network.openssl cimport BIO, SSL
from pymosn.network.reactor cimport Reactor
from pymosn.network.secure cimport TlsFactory, TlsLayer
from pymosn.network.tls_context cimport TlsContext
from pymosn.observe.metrics cimport TlsStats

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


cdef class TlsSession(TlsLayer):
    cdef SSL *ssl
    cdef TlsBuffers _buffers
    cdef TlsFactory factory
    cdef TlsContext context
    cdef TlsStats stats
    cdef unsigned char *_pending
    cdef size_t _pending_size, _pending_sent
    cdef Py_ssize_t _unreported
    cdef bytes _early
    cdef int _failure
    cdef bint server, inspect
    cdef bint _started, _peer_ended, _holds

    cdef void attach(self, TlsBuffers buffers, TlsFactory factory, TlsContext context)
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


cdef TlsSession session_of(const SSL *ssl)
