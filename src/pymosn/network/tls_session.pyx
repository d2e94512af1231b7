"""The TLS of one connection, by OpenSSL on our own buffers.

One ``recv`` of up to 64 KB feeds as many records as it holds, and one ``send`` takes all that a
flush encrypts: OpenSSL reads from and writes to memory that all connections of a reactor share
(``TlsBuffers``).  A connection has memory of its own only while its socket takes no more, or while
OpenSSL waits for the rest of a record.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.errno cimport EAGAIN, ECONNRESET, EPROTO
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

import logging
import os

from pymosn.buffer cimport OutputQueue, Part
from pymosn.network.certificates cimport certificate_fact
from pymosn.network.openssl cimport *

from pymosn.network.address import text as address_text


cdef extern from "Python.h":
    ctypedef struct PyObject:
        pass
    int _PyBytes_Resize(PyObject **string, Py_ssize_t size) except -1
    PyObject *new_bytes "PyBytes_FromStringAndSize"(char *data, Py_ssize_t size)
    void Py_DECREF(object something)

cdef enum:
    RECORD = 16384              # the most plaintext that a record carries (RFC 8446 §5.1)
    SCRATCH = 65536             # what one read of the socket brings
    PLAIN_BYTES = SCRATCH + RECORD  # and the most it can decrypt to: a record begun before ends
    DIRECT = 8192               # pieces from here on are encrypted where they are
    FLUSH_BYTES = 65536         # plaintext that is encrypted for one send
    OUTPUT_BYTES = 81920
    MOST_HELD = 16384           # of tickets, that wait for the first reply
    MOST_PENDING = 1 << 20      # a peer that makes us answer and does not read gets no more
    HANDSHAKE_RECORD = 0x16

cdef enum:
    _WAITING = 0
    _DONE = 1
    _PLAIN = 2

log = logging.getLogger("pymosn.tls")


# -- memory that the connections of a reactor share ----------------------------------------------


cdef class TlsBuffers:
    """What the connections of one reactor share: where they decrypt to and encrypt to, one at a
    time, and the BIO through which OpenSSL does.

    A BIO of its own, and a way from an SSL to its ``TlsSession``, would cost each connection
    300 bytes.
    """

    def __cinit__(self, Reactor reactor):
        self.reactor = reactor
        self.plain = <unsigned char *>malloc(PLAIN_BYTES)
        self.wire.output = <unsigned char *>malloc(OUTPUT_BYTES)
        self.wire.capacity = OUTPUT_BYTES
        self.bio = BIO_new(_WIRE)
        if self.plain == NULL or self.wire.output == NULL or self.bio == NULL:
            raise MemoryError()
        BIO_set_data(self.bio, &self.wire)
        BIO_set_init(self.bio, 1)

    def __dealloc__(self):
        # The last: connections hold this object.
        BIO_free(self.bio)
        free(self.plain)
        free(self.wire.output)


cdef int _wire_read(BIO *bio, char *data, int size) noexcept:
    cdef Wire *wire = <Wire *>BIO_get_data(bio)
    BIO_clear_retry_flags(bio)
    if wire.left == 0:
        BIO_set_retry_read(bio)
        return -1
    if size > wire.left:
        size = <int>wire.left
    memcpy(data, wire.input, size)
    wire.input += size
    wire.left -= size
    return size


cdef int _wire_write(BIO *bio, const char *data, int size) noexcept:
    cdef Wire *wire = <Wire *>BIO_get_data(bio)
    cdef unsigned char *larger
    cdef size_t capacity
    BIO_clear_retry_flags(bio)
    if size <= 0:
        return 0
    if wire.used + <size_t>size > wire.capacity:
        capacity = 2 * (wire.used + <size_t>size)
        larger = <unsigned char *>realloc(wire.output, capacity)
        if larger == NULL:
            return -1
        wire.output = larger
        wire.capacity = capacity
    memcpy(wire.output + wire.used, data, size)
    wire.used += <size_t>size
    return size


cdef long _wire_control(BIO *bio, int command, long number, void *pointer) noexcept:
    return command == BIO_CTRL_FLUSH


cdef TlsSession session_of(const SSL *ssl):
    """Return whose SSL this is, inside of a callback."""
    return <TlsSession>(<Wire *>BIO_get_data(SSL_get_rbio(ssl))).session


cdef BIO_METHOD *_new_wire_method():
    cdef BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire")
    BIO_meth_set_read(method, _wire_read)
    BIO_meth_set_write(method, _wire_write)
    BIO_meth_set_ctrl(method, _wire_control)
    return method


cdef BIO_METHOD *_WIRE = _new_wire_method()


# -- connections ----------------------------------------------------------------------------------


cdef class TlsSession(TlsLayer):
    """The TLS of one connection."""

    def __cinit__(self):
        self.shaking = True
        self.alpn = b""
        self.error = ""

    def __dealloc__(self):
        if self.ssl != NULL:
            # Without this a connection that was not ended politely could not be resumed.
            SSL_set_shutdown(self.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
            SSL_free(self.ssl)
        free(self._pending)

    cdef void attach(self, TlsBuffers buffers, TlsFactory factory, TlsContext context):
        """Begin a connection of ``factory`` that speaks TLS as ``context`` says."""
        self._buffers = buffers
        self.factory = factory
        self.context = context
        self.ssl = SSL_new(context.ctx)
        if self.ssl == NULL:
            raise MemoryError()
        BIO_up_ref(buffers.bio)
        SSL_set_bio(self.ssl, buffers.bio, buffers.bio)

    cdef void _enter(self, Py_ssize_t left) noexcept:
        """OpenSSL is about to work on this connection, with ``left`` bytes in the scratch buffer."""
        cdef Wire *wire = &self._buffers.wire
        wire.session = <void *>self
        wire.input = self._buffers.reactor._scratch
        wire.left = left
        wire.used = 0
        if ERR_peek_error():
            ERR_clear_error()  # somebody else's

    # -- the handshake ---------------------------------------------------------------------------

    cdef int handshake(self, int fd) except? -1:
        cdef int first
        cdef Py_ssize_t count
        self.more = False
        if self.inspect:
            first = self._buffers.reactor.peek_byte(fd)
            if first == -1:
                return _WAITING
            if first != HANDSHAKE_RECORD:
                self.shaking = False
                return _PLAIN
            self.inspect = False
        count = 0
        if self.server or self._started:
            count = self._buffers.reactor.fill_scratch(fd)
            if count <= 0:
                if count == -EAGAIN:
                    return _WAITING
                self.error = (os.strerror(-count) if count else
                              "the peer closed the connection during the handshake")
                return <int>count if count else -ECONNRESET
            self.more = count == SCRATCH
        self._enter(count)
        return self._begin(fd)

    cdef int _begin(self, int fd) except? -1:
        cdef int result, error, sent
        self._started = True
        result = SSL_do_handshake(self.ssl)
        if result == 1:
            return self._established(fd)
        error = SSL_get_error(self.ssl, result)
        if error == SSL_ERROR_WANT_READ:
            sent = self._transmit(fd)
            if self.server and SSL_version(self.ssl) == TLS1_3_VERSION:
                # A client with Nagle's algorithm sends its request when the end of the handshake
                # is acknowledged; only then can our answer to both be one.
                self._buffers.reactor.acknowledge_at_once(fd)
            return sent if sent < 0 else _WAITING
        self._note_error()
        self._transmit(fd)
        return -EPROTO

    cdef int _established(self, int fd) except? -1:
        cdef const unsigned char *protocol
        cdef unsigned int size
        cdef int sent
        self.shaking = False
        SSL_get0_alpn_selected(self.ssl, &protocol, &size)
        if size:
            self.alpn = PyBytes_FromStringAndSize(<const char *>protocol, size)
            for ours in self.context.alpn:
                if ours == self.alpn:
                    self.alpn = ours  # thousands of connections share it
        self.stats.handshake_done(SSL_session_reused(self.ssl))
        if not self._hold_ticket(fd):
            sent = self._transmit(fd)
            if sent < 0:
                return sent
        if self._buffers.wire.left:
            self._early = self._decrypt(fd, False)
        if self._holds and self._early is None:
            self._holds = False
            sent = self.push(fd)
            if sent < 0:
                return sent
        return _DONE

    cdef bint _hold_ticket(self, int fd) noexcept:
        """Keep the session ticket for the first reply, if the request is there already; else it
        leaves now, since a client whose kernel waits for an acknowledgement sends nothing before.

        Only of TLS 1.3: in earlier versions what we have to say ends the handshake.
        """
        cdef Wire *wire = &self._buffers.wire
        cdef Py_ssize_t count
        if not self.server or not 0 < wire.used <= MOST_HELD or self._pending_size:
            return False
        if SSL_version(self.ssl) != TLS1_3_VERSION:
            return False
        if wire.left == 0:
            count = self._buffers.reactor.fill_scratch(fd)
            if count <= 0:
                return False
            self.more = count == SCRATCH
            wire.input = self._buffers.reactor._scratch
            wire.left = count
        if self._save(wire.output, wire.used) < 0:
            return False
        wire.used = 0
        self._holds = True
        return True

    cdef void report(self, bytes peer):
        self.stats.handshake_failed()
        level = logging.INFO if self.server else logging.WARNING
        reason = self.error or "it took too long"
        log.log(
            level, "%s: the TLS handshake with %s failed: %s",
            self.factory.name, address_text(peer), reason)

    # -- bytes -----------------------------------------------------------------------------------

    cdef bytes receive(self, int fd, bint bulk):
        cdef Reactor reactor = self._buffers.reactor
        cdef Py_ssize_t count
        cdef bytes data
        if self._early is not None:
            data = self._early
            self._early = None
            return data
        while True:
            if self._failure:
                reactor.io_error = self._failure
                return None
            if self._peer_ended:
                reactor.io_error = 0
                return None
            count = reactor.fill_scratch(fd)
            if count <= 0:
                self.more = False
                if count == 0:
                    self.error = "the peer closed the connection without a close_notify"
                    count = -ECONNRESET
                reactor.io_error = <int>-count
                return None
            self.more = count == SCRATCH
            self._enter(count)
            data = self._decrypt(fd, bulk)
            if data is not None:
                return data
            if not self.more:
                # A part of a record, or something between OpenSSL and the peer.
                reactor.io_error = EAGAIN
                return None

    cdef bytes _decrypt(self, int fd, bint bulk):
        """Return what the ciphertext at hand holds, None when that is nothing.

        ``more`` is set when the next ``receive`` has an end or an error to tell.
        """
        cdef PyObject *owned = NULL
        cdef unsigned char *target = self._buffers.plain
        cdef int total = 0, count, error
        cdef bytes data
        if bulk:
            owned = new_bytes(NULL, PLAIN_BYTES)
            if owned == NULL:
                raise MemoryError()
            target = <unsigned char *>PyBytes_AS_STRING(<object>owned)
        while True:
            count = SSL_read(self.ssl, target + total, PLAIN_BYTES - total)
            if count <= 0:
                error = SSL_get_error(self.ssl, count)
                if error == SSL_ERROR_ZERO_RETURN:
                    self._peer_ended = True
                    self.more = True
                elif error != SSL_ERROR_WANT_READ:
                    self._note_error()
                    self._failure = EPROTO
                    self.more = True
                break
            total += count
            if self._buffers.wire.left == 0 and SSL_pending(self.ssl) == 0:
                break
            if total == PLAIN_BYTES:
                break
        self._buffers.wire.left = 0
        if self._buffers.wire.used and self._transmit(fd) < 0 and not self._failure:
            self._failure = EPROTO
            self.more = True
        if owned == NULL:
            return PyBytes_FromStringAndSize(<char *>target, total) if total else None
        if total == 0:
            data = <bytes>owned
            _drop(owned)
            return None
        _PyBytes_Resize(&owned, total)
        data = <bytes>owned
        _drop(owned)
        return data

    cdef Py_ssize_t send(self, int fd, OutputQueue queue, bint final) except? -1:
        cdef Py_ssize_t taken
        cdef int sent
        if self._pending_size and not self._holds:
            sent = self.push(fd)
            if sent <= 0:
                return sent
        if self._unreported:
            # The last of it may have left without us: with a push after a read.
            taken = self._unreported
            self._unreported = 0
            return taken
        self._enter(0)
        if self._holds:
            self._release()
        taken = self._encrypt(queue)
        if taken < 0:
            return taken
        if final and taken == queue.size:
            SSL_shutdown(self.ssl)
        sent = self._transmit(fd, final and taken == queue.size)
        if sent == 0:
            # Reported when its last byte has left: what is reported is in the kernel's hands.
            self._unreported = taken
            return 0
        return sent if sent < 0 else taken

    cdef Py_ssize_t _encrypt(self, OutputQueue queue) except? -1:
        """Encrypt up to ``FLUSH_BYTES``; small pieces share a record."""
        cdef unsigned char *staging = self._buffers.plain
        cdef Py_ssize_t staged = 0, taken = 0, size, part
        cdef Py_ssize_t index = 0, count = queue.count
        cdef const Part *parts = queue.parts()
        cdef const unsigned char *start
        while index < count and taken < FLUSH_BYTES:
            start = <const unsigned char *>parts[index].start
            size = parts[index].size
            index += 1
            if size > FLUSH_BYTES - taken:
                size = FLUSH_BYTES - taken
            taken += size
            while size:
                if staged == 0 and (size >= RECORD or (size >= DIRECT and index == count)):
                    part = size if index == count else size - size % RECORD
                    if SSL_write(self.ssl, start, <int>part) <= 0:
                        return self._write_failed()
                else:
                    part = min(size, RECORD - staged)
                    memcpy(staging + staged, start, part)
                    staged += part
                    if staged == RECORD:
                        if SSL_write(self.ssl, staging, RECORD) <= 0:
                            return self._write_failed()
                        staged = 0
                start += part
                size -= part
        if staged and SSL_write(self.ssl, staging, <int>staged) <= 0:
            return self._write_failed()
        return taken

    def _write_failed(self):
        self._note_error()
        return -EPROTO

    cdef void _release(self) noexcept:
        """Put the ticket in front of what OpenSSL is about to write."""
        memcpy(self._buffers.wire.output, self._pending, self._pending_size)
        self._buffers.wire.used = self._pending_size
        self._holds = False
        self._forget_pending()

    cdef void _forget_pending(self) noexcept:
        free(self._pending)
        self._pending = NULL
        self._pending_size = 0
        self._pending_sent = 0

    cdef int push(self, int fd) except? -1:
        cdef Py_ssize_t count
        if self._pending_size == 0 or self._holds:
            return 1
        count = self._buffers.reactor.send_memory(
            fd, self._pending + self._pending_sent, self._pending_size - self._pending_sent, False)
        if count < 0:
            return <int>count
        self._pending_sent += <size_t>count
        if self._pending_sent < self._pending_size:
            return 0
        self._forget_pending()
        return 1

    cdef int _transmit(self, int fd, bint last=False) except? -1:
        """Send what OpenSSL has written: 1 when all has left, 0 when the rest is kept for
        ``push``, or minus an errno.  ``last`` is that of ``Reactor.send``."""
        cdef Wire *wire = &self._buffers.wire
        cdef size_t used
        cdef Py_ssize_t count
        used = wire.used
        wire.used = 0
        if self._pending_size:
            self._holds = False
            return self._save(wire.output, used) if used else 0
        if used == 0:
            return 1
        count = self._buffers.reactor.send_memory(fd, wire.output, used, last)
        if count < 0:
            return <int>count
        if <size_t>count == used:
            return 1
        return self._save(wire.output + count, used - <size_t>count)

    cdef int _save(self, const unsigned char *data, size_t size) noexcept:
        cdef unsigned char *larger
        if self._pending_size + size > MOST_PENDING:
            return -EPROTO
        larger = <unsigned char *>realloc(self._pending, self._pending_size + size)
        if larger == NULL:
            return -EPROTO
        memcpy(larger + self._pending_size, data, size)
        self._pending = larger
        self._pending_size += size
        return 0

    cdef void end(self, int fd):
        if not self.shaking and not self._failure and not SSL_get_shutdown(self.ssl) & SSL_SENT_SHUTDOWN:
            self._enter(0)
            if self._holds:
                self._release()
            SSL_shutdown(self.ssl)
            self._transmit(fd, True)

    cdef void _note_error(self):
        """Put OpenSSL's reason into ``error``."""
        cdef unsigned long error = ERR_peek_error()
        cdef int reason = ERR_GET_REASON(error) if ERR_GET_LIB(error) == ERR_LIB_SSL else 0
        if reason == SSL_R_HTTP_REQUEST or reason == SSL_R_HTTPS_PROXY_REQUEST:
            self.error = "the client speaks plain HTTP on a TLS port"
            ERR_clear_error()
        elif reason == SSL_R_WRONG_VERSION_NUMBER and not self._started_well():
            self.error = "the peer does not speak TLS"
            ERR_clear_error()
        elif reason == SSL_R_CERTIFICATE_VERIFY_FAILED:
            self.error = f"the peer's certificate is refused: {self._verify_error()}"
            ERR_clear_error()
        else:
            self.error = last_reason()

    def _started_well(self):
        return not self.shaking

    cdef str _verify_error(self):
        cdef long result = SSL_get_verify_result(self.ssl)
        if result == X509_V_ERR_APPLICATION_VERIFICATION:
            return "none of its names is allowed"
        return X509_verify_cert_error_string(result).decode("ascii", "replace")

    # -- facts -----------------------------------------------------------------------------------

    cpdef bytes fact(self, str name):
        cdef const char *text = NULL
        cdef X509 *peer
        if self.shaking:
            return None
        if name == "version":
            return SSL_get_version(self.ssl)
        if name == "cipher":
            return SSL_CIPHER_get_name(SSL_get_current_cipher(self.ssl))
        if name == "alpn":
            return self.alpn or None
        if name == "server_name":
            text = SSL_get_servername(self.ssl, TLSEXT_NAMETYPE_host_name)
            return None if text == NULL else <bytes>text
        if name == "resumed":
            return b"true" if SSL_session_reused(self.ssl) else b"false"
        peer = SSL_get0_peer_certificate(self.ssl)
        if peer == NULL:
            return None
        if name == "peer_verified":
            return b"true" if SSL_get_verify_result(self.ssl) == X509_V_OK else b"false"
        return certificate_fact(peer, name)

    # -- for tests, which have no reactor's event to wait for ---------------------------------------

    def step(self, int fd):
        """``handshake`` for Python."""
        return self.handshake(fd)

    def read(self, int fd):
        """``receive`` for Python: bytes, or the errno."""
        data = self.receive(fd, False)
        return self._buffers.reactor.io_error if data is None else data

    def write(self, int fd, list pieces, bint final=False):
        """``send`` for Python."""
        cdef OutputQueue queue = OutputQueue()
        for piece in pieces:
            queue.add(piece)
        return self.send(fd, queue, final)

    def push_on(self, int fd):
        """``push`` for Python."""
        return self.push(fd)

    def close(self, int fd):
        """``end`` for Python."""
        self.end(fd)


cdef void _drop(PyObject *owned):
    """Give back the reference that ``new_bytes`` returned."""
    Py_DECREF(<object>owned)
