"""TLS by OpenSSL 3 on our own buffers: contexts, sessions, resumption.

C is spoken here because Python's ``ssl`` reaches neither session tickets that all workers share
nor the choice of a certificate by the ClientHello, and copies every record twice more.

One ``recv`` of up to 64 KB feeds as many records as it holds, and one ``send`` takes all that a
flush encrypts: OpenSSL reads from and writes to memory that all connections of a reactor share
(``TlsBuffers``).  A connection has memory of its own only while its socket takes no more, or while
OpenSSL waits for the rest of a record.

A server's context is chosen by the ClientHello: the first whose names have the SNI exactly, then
with ever shorter wildcards, then the first that shares a protocol, then the first (spec §1.8).

Handshakes run to their end in the worker: nothing here waits for anybody else.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EAGAIN, ECONNRESET, EPROTO
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcmp, memcpy, memmove, memset

import ipaddress
import logging
import os
import time

from msgspec import structs

from pymosn.buffer cimport OutputQueue, Part
from pymosn.network.certificates cimport (
    Certificate, PrivateKey, alternative_names, certificate_fact, certificate_names, check_pair,
    read_chain, read_key)
from pymosn.network.openssl cimport *

from pymosn.network.address import text as address_text
from pymosn.network.openssl import TlsError


cdef extern from "Python.h":
    ctypedef struct PyObject:
        pass
    int _PyBytes_Resize(PyObject **string, Py_ssize_t size) except -1
    PyObject *new_bytes "PyBytes_FromStringAndSize"(char *data, Py_ssize_t size)

cdef enum:
    RECORD = 16384              # the most plaintext that a record carries (RFC 8446 §5.1)
    SCRATCH = 65536             # what one read of the socket brings
    PLAIN_BYTES = SCRATCH + RECORD  # and the most it can decrypt to: a record begun before ends
    DIRECT = 8192               # pieces from here on are encrypted where they are
    FLUSH_BYTES = 65536         # plaintext that is encrypted for one send
    OUTPUT_BYTES = 81920
    MOST_HELD = 16384           # of tickets, that wait for the first reply
    MOST_PENDING = 1 << 20      # a peer that makes us answer and does not read gets no more
    TICKET_KEY = 80             # name 16, AES 32, HMAC 32
    TICKET_KEYS = 4
    HANDSHAKE_RECORD = 0x16

cdef enum:
    _WAITING = 0
    _DONE = 1
    _PLAIN = 2

_CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    b"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    b"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
_SUITES = b"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
_GROUPS = b"X25519:P-256:P-384:P-521"
_TICKET_SECONDS = 7200
"""How long a session can be resumed, and so how old a verified client certificate may be."""

log = logging.getLogger("pymosn.tls")


def check_context(settings):
    """Raise ``TlsError`` when no ``TlsContext`` can be made of a ``snapshot.TlsContext``.

    The system's roots are not read for that.
    """
    if not settings.ca:
        settings = structs.replace(settings, verify="none")
    TlsContext(settings, False)


def new_ticket_key():
    """Return a random key for ``TicketKeys``."""
    return os.urandom(TICKET_KEY)


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


cdef TlsSession _session_of(const SSL *ssl):
    """Return whose SSL this is, inside of a callback."""
    return <TlsSession>(<Wire *>BIO_get_data(SSL_get_rbio(ssl))).session


cdef BIO_METHOD *_new_wire_method():
    cdef BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire")
    BIO_meth_set_read(method, _wire_read)
    BIO_meth_set_write(method, _wire_write)
    BIO_meth_set_ctrl(method, _wire_control)
    return method


# Constants, made once: looking an algorithm up takes longer than using it.
cdef BIO_METHOD *_WIRE = _new_wire_method()
cdef EVP_CIPHER *_TICKET_CIPHER = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL)


# -- session tickets ------------------------------------------------------------------------------


cdef class TicketKeys:
    """The keys of session tickets: the first encrypts, all decrypt (RFC 5077 §4)."""

    def __cinit__(self):
        self._keys = <unsigned char *>malloc(TICKET_KEY * TICKET_KEYS)
        if self._keys == NULL:
            raise MemoryError()

    def __init__(self, keys=()):
        """Without ``keys`` there is a random one."""
        self.replace(list(keys) or [new_ticket_key()])

    def __dealloc__(self):
        free(self._keys)

    cpdef void replace(self, list keys):
        """Use these from now on, the newest first; the fifth and later are forgotten."""
        cdef bytes key
        for key in keys:
            if len(key) != TICKET_KEY:
                raise ValueError("a ticket key has 80 bytes")
        self._count = 0
        for key in keys[:TICKET_KEYS]:
            memcpy(self._keys + self._count * TICKET_KEY, PyBytes_AS_STRING(key), TICKET_KEY)
            self._count += 1


cdef int _on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                    EVP_MAC_CTX *mac, int encrypt) noexcept:
    cdef TlsSession session = _session_of(ssl)
    cdef TicketKeys keys = (<TlsServer>session._factory)._tickets
    cdef unsigned char *key = keys._keys
    cdef int index = 0
    if encrypt:
        if RAND_bytes(iv, 16) != 1:
            return -1
        memcpy(name, key, 16)
    else:
        while memcmp(name, key, 16) != 0:
            index += 1
            if index == keys._count:
                return 0
            key += TICKET_KEY
    if not _set_mac_key(mac, key + 48):
        return -1
    if encrypt:
        return 1 if EVP_EncryptInit_ex(cipher, _TICKET_CIPHER, NULL, key + 16, iv) == 1 else -1
    if EVP_DecryptInit_ex(cipher, _TICKET_CIPHER, NULL, key + 16, iv) != 1:
        return -1
    # 2: send a fresh one.  A ticket of TLS 1.3 should be used once (RFC 8446 §C.4).
    return 2 if index or SSL_version(ssl) == TLS1_3_VERSION else 1


cdef bint _set_mac_key(EVP_MAC_CTX *mac, unsigned char *key) noexcept:
    cdef OSSL_PARAM params[3]
    params[0] = OSSL_PARAM_construct_octet_string("key", key, 32)
    params[1] = OSSL_PARAM_construct_utf8_string("digest", "SHA256", 0)
    params[2] = OSSL_PARAM_construct_end()
    return EVP_MAC_CTX_set_params(mac, params) == 1


# -- contexts -------------------------------------------------------------------------------------


cdef class TlsContext:
    """One SSL_CTX: certificates, and how TLS is spoken with them.

    ``names`` are those that select it, lower case.
    """

    def __cinit__(self):
        self._staples = []

    def __init__(self, settings, bint server):
        """``settings`` is a ``snapshot.TlsContext``; raises ``TlsError``."""
        self.server = server
        self._peer_names = frozenset([name.lower().encode() for name in settings.peer_names])
        self._ctx = SSL_CTX_new(TLS_server_method() if server else TLS_client_method())
        if self._ctx == NULL:
            raise TlsError(last_reason())
        self._configure(settings)

    def __dealloc__(self):
        cdef size_t certificate
        for certificate, _ in self._staples or ():
            X509_free(<X509 *>certificate)
        SSL_CTX_free(self._ctx)

    cdef void _configure(self, object settings):
        cdef SSL_CTX *ctx = self._ctx
        SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN)
        SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION)
        if settings.min_version in ("1.0", "1.1"):
            # OpenSSL forbids their hash functions above this level.
            SSL_CTX_set_security_level(ctx, 0)
        check(SSL_CTX_set_min_proto_version(ctx, _version(settings.min_version)))
        check(SSL_CTX_set_max_proto_version(ctx, _version(settings.max_version)))
        self._groups = settings.groups.encode() or _GROUPS
        check(SSL_CTX_set_cipher_list(ctx, <bytes>(settings.ciphers.encode() or _CIPHERS)))
        check(SSL_CTX_set_ciphersuites(ctx, <bytes>(settings.suites.encode() or _SUITES)))
        check(SSL_CTX_set1_groups_list(ctx, self._groups))
        for certificate in settings.certificates:
            self._add_certificate(certificate)
        self._trust(settings)
        self.alpn = tuple([name.encode() for name in settings.alpn])
        self._alpn_wire = _alpn_wire(self.alpn)
        if self.server:
            self._configure_server(settings)
        else:
            self._configure_client()

    def _configure_server(self, settings):
        cdef SSL_CTX *ctx = self._ctx
        cdef bytes identity
        if not settings.certificates:
            raise TlsError("there is no certificate")
        names = [name.lower().encode() for name in settings.server_names]
        self.names = tuple(dict.fromkeys([*names, *self.names]))
        SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA)
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF)
        SSL_CTX_set_num_tickets(ctx, 1)
        SSL_CTX_set_timeout(ctx, _TICKET_SECONDS)
        SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, _on_ticket)
        # A session is resumed only where its client was verified by the same rules.
        identity = _digest(
            "\0".join([settings.verify, settings.ca, *settings.peer_names]).encode()
        )
        check(SSL_CTX_set_session_id_context(
            ctx, <const unsigned char *>PyBytes_AS_STRING(identity), 32))
        if self._alpn_wire:
            SSL_CTX_set_alpn_select_cb(ctx, _on_alpn, <void *>self)
        if self._staples:
            SSL_CTX_set_tlsext_status_cb(ctx, _on_status)
            SSL_CTX_set_tlsext_status_arg(ctx, <void *>self)

    def _configure_client(self):
        SSL_CTX_set_session_cache_mode(
            self._ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL)
        SSL_CTX_sess_set_new_cb(self._ctx, _on_new_session)

    cdef void _add_certificate(self, object certificate):
        cdef list chain = read_chain(certificate.chain.encode(), "the certificate")
        cdef Certificate leaf = chain[0]
        cdef Certificate issuer
        cdef PrivateKey key = read_key(certificate.key.encode())
        check_pair(leaf, key)
        check(SSL_CTX_use_certificate(self._ctx, leaf.x509))
        check(SSL_CTX_use_PrivateKey(self._ctx, key.pkey))
        SSL_CTX_clear_chain_certs(self._ctx)
        for issuer in chain[1:]:
            check(SSL_CTX_add0_chain_cert(self._ctx, issuer.x509))
            issuer.x509 = NULL
        names = certificate_names(leaf.x509)
        self.names = tuple([*(self.names or ()), *names])
        if certificate.ocsp:
            self._staples.append((<size_t>leaf.x509, certificate.ocsp))
            leaf.x509 = NULL

    cdef void _trust(self, object settings):
        """Whom to verify, and by which authorities."""
        cdef int mode = SSL_VERIFY_NONE
        cdef Certificate authority
        verify = settings.verify
        if verify == "none":
            if self.server:
                return
        elif verify in ("require", "full", "chain"):
            mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
        elif verify in ("request", "optional"):
            mode = SSL_VERIFY_PEER
        else:
            raise TlsError(f"{verify!r} is no way to verify")
        if verify == "request":
            SSL_CTX_set_verify(self._ctx, mode, _accept_any)
            return
        if settings.ca:
            for authority in read_chain(settings.ca.encode(), "the CA certificate"):
                check(X509_STORE_add_cert(SSL_CTX_get_cert_store(self._ctx), authority.x509))
                if self.server:
                    check(SSL_CTX_add_client_CA(self._ctx, authority.x509))
        elif mode != SSL_VERIFY_NONE:
            check(SSL_CTX_set_default_verify_paths(self._ctx))
        SSL_CTX_set_verify(self._ctx, mode, _check_names)

    cdef void _take_over(self, SSL *ssl):
        """Make a connection that began with another context of the listener use this one."""
        cdef SSL_CTX *ctx = self._ctx
        # Takes the certificates; everything else was copied when the connection began.
        SSL_set_SSL_CTX(ssl, ctx)
        SSL_set_verify(ssl, SSL_CTX_get_verify_mode(ctx), SSL_CTX_get_verify_callback(ctx))
        SSL_clear_options(ssl, SSL_get_options(ssl) & ~SSL_CTX_get_options(ctx))
        SSL_set_options(ssl, SSL_CTX_get_options(ctx))
        SSL_set_security_level(ssl, SSL_CTX_get_security_level(ctx))
        SSL_set_min_proto_version(ssl, SSL_CTX_get_min_proto_version(ctx))
        SSL_set_max_proto_version(ssl, SSL_CTX_get_max_proto_version(ctx))
        SSL_set1_groups_list(ssl, self._groups)


cdef int _on_alpn(SSL *ssl, const unsigned char **out, unsigned char *size,
                  const unsigned char *offered, unsigned int offered_size, void *arg) noexcept:
    cdef bytes ours = (<TlsContext>arg)._alpn_wire
    if SSL_select_next_proto(
            <unsigned char **>out, size, <const unsigned char *>PyBytes_AS_STRING(ours),
            <unsigned int>PyBytes_GET_SIZE(ours), offered, offered_size) == OPENSSL_NPN_NEGOTIATED:
        return SSL_TLSEXT_ERR_OK
    # RFC 7301 §3.2: a client that speaks none of ours must not guess.
    return SSL_TLSEXT_ERR_ALERT_FATAL


cdef int _on_status(SSL *ssl, void *arg) noexcept:
    cdef size_t used = <size_t>SSL_get_certificate(ssl)
    cdef bytes response
    cdef void *copied
    for certificate, response in (<TlsContext>arg)._staples:
        if <size_t>certificate == used:
            copied = OPENSSL_memdup(PyBytes_AS_STRING(response), PyBytes_GET_SIZE(response))
            SSL_set_tlsext_status_ocsp_resp(ssl, copied, PyBytes_GET_SIZE(response))
            return SSL_TLSEXT_ERR_OK
    return SSL_TLSEXT_ERR_NOACK


cdef int _accept_any(int verified, X509_STORE_CTX *store) noexcept:
    return 1


cdef int _check_names(int verified, X509_STORE_CTX *store) noexcept:
    """Beside the chain, and the name if OpenSSL was told one: our own list of names."""
    cdef SSL *ssl
    cdef TlsContext context
    if verified and X509_STORE_CTX_get_error_depth(store) == 0:
        ssl = <SSL *>X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx())
        context = _session_of(ssl)._context
        if context._peer_names:
            for name in (alternative_names(X509_STORE_CTX_get0_cert(store), GEN_URI)
                         + alternative_names(X509_STORE_CTX_get0_cert(store), GEN_DNS)):
                if name.lower() in context._peer_names:
                    return 1
            X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION)
            return 0
    return verified


# -- servers --------------------------------------------------------------------------------------


cdef class TlsServer(TlsFactory):
    """TLS of one listener."""

    def __init__(self, TlsBuffers buffers, settings, TicketKeys tickets, TlsStats stats, str name):
        """``settings`` is a ``snapshot.TlsServer``; raises ``TlsError``."""
        cdef TlsContext context
        self._buffers = buffers
        self._tickets = tickets
        self._stats = stats
        self.name = name
        self._inspector = settings.inspector
        self._timeout = settings.handshake_timeout
        self.contexts = [self._context(item) for item in settings.contexts]
        if not self.contexts:
            raise TlsError("there is no TLS context")
        self._by_name = {}
        for context in self.contexts:
            for server_name in context.names:
                self._by_name.setdefault(server_name, context)
        context = self.contexts[0]
        SSL_CTX_set_tlsext_servername_callback(context._ctx, _on_server_name)
        if len(self.contexts) > 1:
            SSL_CTX_set_client_hello_cb(context._ctx, _on_client_hello, <void *>self)

    def _context(self, settings):
        try:
            return TlsContext(settings, True)
        except TlsError as error:
            raise TlsError(f"{self.name}: {error}") from None

    cdef TlsLayer layer(self):
        cdef TlsSession session = TlsSession.__new__(TlsSession)
        session._attach(self._buffers, self, <TlsContext>self.contexts[0])
        session._stats = self._stats
        session._server = True
        session._inspect = self._inspector
        session.timeout = self._timeout
        SSL_set_accept_state(session._ssl)
        return session

    def session(self):
        """Return a layer, for tests."""
        return self.layer()

    cdef TlsContext choose(self, bytes name, list protocols):
        """Return the context for a ClientHello."""
        cdef TlsContext context
        cdef bytes rest
        if name:
            context = self._by_name.get(name)
            rest = name
            while context is None and b"." in rest:
                rest = rest.partition(b".")[2]
                context = self._by_name.get(b"*." + rest)
            if context is not None:
                return context
        for context in self.contexts:
            for protocol in context.alpn:
                if protocol in protocols:
                    return context
        return self.contexts[0]


cdef int _on_server_name(SSL *ssl, int *alert, void *arg) noexcept:
    """Leave everything as ``_on_client_hello`` decided it.

    OpenSSL looks in each handshake for a key that TLS 1.3 can sign with, even if it resumes and
    nothing is signed; but not where this may bring one.  All ours are such (``check_pair``).
    """
    return SSL_TLSEXT_ERR_NOACK


cdef int _on_client_hello(SSL *ssl, int *alert, void *arg) noexcept:
    cdef TlsSession session = _session_of(ssl)
    cdef TlsContext context = (<TlsServer>arg).choose(_hello_name(ssl), _hello_protocols(ssl))
    if context is not session._context:
        session._context = context
        context._take_over(ssl)
    return SSL_CLIENT_HELLO_SUCCESS


cdef bytes _hello_name(SSL *ssl):
    """Return the SNI in lower case; empty when there is none that makes sense (RFC 6066 §3)."""
    cdef const unsigned char *data
    cdef size_t size
    cdef size_t length
    if not SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &size):
        return b""
    # list length (2) | type (1) = host_name | name length (2) | name
    if size < 5 or data[2] != TLSEXT_NAMETYPE_host_name:
        return b""
    length = (data[3] << 8) | data[4]
    if length > size - 5 or length > 255:
        return b""
    return PyBytes_FromStringAndSize(<const char *>data + 5, length).lower()


cdef list _hello_protocols(SSL *ssl):
    """Return the protocols that the client offers (RFC 7301 §3.1)."""
    cdef const unsigned char *data
    cdef size_t size
    cdef size_t at = 2
    cdef list found = []
    if SSL_client_hello_get0_ext(
            ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &data, &size):
        while at < size and at + 1 + data[at] <= size:
            found.append(PyBytes_FromStringAndSize(<const char *>data + at + 1, data[at]))
            at += 1 + data[at]
    return found


# -- clients --------------------------------------------------------------------------------------


cdef class TlsClient(TlsFactory):
    """TLS towards one upstream host; keeps sessions to resume."""

    def __init__(self, TlsBuffers buffers, TlsContext context, settings, str server_name,
                 TlsStats stats, str name, alpn=None):
        """``settings`` is the ``snapshot.TlsClient`` that ``context`` is made of.

        ``server_name`` is sent as SNI and verified; an IP address is only verified.  ``alpn`` are
        the protocols to offer if not those of the context.
        """
        self._alpn_wire = context._alpn_wire if alpn is None else _alpn_wire(alpn)
        self._buffers = buffers
        self._context = context
        self._stats = stats
        self.name = name
        self.fall_back = settings.fall_back
        self._server_name = server_name.encode("idna" if not server_name.isascii() else "ascii")
        self._is_ip = _is_ip(server_name)
        self._send_name = bool(server_name) and not self._is_ip
        self._verify_name = settings.context.verify == "full"

    def __dealloc__(self):
        while self._count:
            self._count -= 1
            SSL_SESSION_free(self._sessions[self._count])

    cdef TlsLayer layer(self):
        cdef TlsSession session = TlsSession.__new__(TlsSession)
        cdef X509_VERIFY_PARAM *param
        session._attach(self._buffers, self, self._context)
        session._stats = self._stats
        if self._send_name:
            SSL_set_tlsext_host_name(session._ssl, PyBytes_AS_STRING(self._server_name))
        if self._verify_name:
            param = SSL_get0_param(session._ssl)
            X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS)
            if self._is_ip:
                check(X509_VERIFY_PARAM_set1_ip_asc(param, self._server_name))
            else:
                check(X509_VERIFY_PARAM_set1_host(param, self._server_name, 0))
        if self._alpn_wire:
            SSL_set_alpn_protos(
                session._ssl, <const unsigned char *>PyBytes_AS_STRING(self._alpn_wire),
                <unsigned int>PyBytes_GET_SIZE(self._alpn_wire))
        self._resume(session._ssl)
        SSL_set_connect_state(session._ssl)
        return session

    def session(self):
        """Return a layer, for tests."""
        return self.layer()

    cdef void _keep(self, SSL_SESSION *session) noexcept:
        """Own ``session``; the oldest makes room."""
        if self._count == SESSIONS:
            SSL_SESSION_free(self._sessions[0])
            self._count -= 1
            memmove(self._sessions, &self._sessions[1], self._count * sizeof(SSL_SESSION *))
        self._sessions[self._count] = session
        self._count += 1

    cdef void _resume(self, SSL *ssl) noexcept:
        """Offer the newest session that is still good."""
        cdef SSL_SESSION *session
        cdef long now
        if self._count == 0:
            return
        now = <long>time.time()
        while self._count:
            session = self._sessions[self._count - 1]
            if (SSL_SESSION_is_resumable(session)
                    and SSL_SESSION_get_time(session) + SSL_SESSION_get_timeout(session) > now):
                SSL_set_session(ssl, session)
                if SSL_SESSION_get_protocol_version(session) != TLS1_3_VERSION:
                    return
                # RFC 8446 §C.4: a ticket is used once.
                self._count -= 1
                SSL_SESSION_free(session)
                return
            self._count -= 1
            SSL_SESSION_free(session)


cdef int _on_new_session(SSL *ssl, SSL_SESSION *session) noexcept:
    (<TlsClient>_session_of(ssl)._factory)._keep(session)
    return 1


# -- connections ----------------------------------------------------------------------------------


cdef class TlsSession(TlsLayer):
    """The TLS of one connection."""

    def __cinit__(self):
        self.shaking = True
        self.alpn = b""
        self.error = ""

    def __dealloc__(self):
        if self._ssl != NULL:
            # Without this a connection that was not ended politely could not be resumed.
            SSL_set_shutdown(self._ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
            SSL_free(self._ssl)
        free(self._pending)

    cdef void _attach(self, TlsBuffers buffers, TlsFactory factory, TlsContext context):
        self._buffers = buffers
        self._factory = factory
        self._context = context
        self._ssl = SSL_new(context._ctx)
        if self._ssl == NULL:
            raise MemoryError()
        BIO_up_ref(buffers.bio)
        SSL_set_bio(self._ssl, buffers.bio, buffers.bio)

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
        if self._inspect:
            first = self._buffers.reactor.peek_byte(fd)
            if first == -1:
                return _WAITING
            if first != HANDSHAKE_RECORD:
                self.shaking = False
                return _PLAIN
            self._inspect = False
        count = 0
        if self._server or self._started:
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
        result = SSL_do_handshake(self._ssl)
        if result == 1:
            return self._established(fd)
        error = SSL_get_error(self._ssl, result)
        if error == SSL_ERROR_WANT_READ:
            sent = self._transmit(fd)
            if self._server and SSL_version(self._ssl) == TLS1_3_VERSION:
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
        SSL_get0_alpn_selected(self._ssl, &protocol, &size)
        if size:
            self.alpn = PyBytes_FromStringAndSize(<const char *>protocol, size)
            for ours in self._context.alpn:
                if ours == self.alpn:
                    self.alpn = ours  # thousands of connections share it
        self._stats.handshake_done(SSL_session_reused(self._ssl))
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
        if not self._server or not 0 < wire.used <= MOST_HELD or self._pending_size:
            return False
        if SSL_version(self._ssl) != TLS1_3_VERSION:
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
        self._stats.handshake_failed()
        level = logging.INFO if self._server else logging.WARNING
        name = (<TlsServer>self._factory).name if self._server else (<TlsClient>self._factory).name
        reason = self.error or "it took too long"
        log.log(level, "%s: the TLS handshake with %s failed: %s", name, address_text(peer), reason)

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
            count = SSL_read(self._ssl, target + total, PLAIN_BYTES - total)
            if count <= 0:
                error = SSL_get_error(self._ssl, count)
                if error == SSL_ERROR_ZERO_RETURN:
                    self._peer_ended = True
                    self.more = True
                elif error != SSL_ERROR_WANT_READ:
                    self._note_error()
                    self._failure = EPROTO
                    self.more = True
                break
            total += count
            if self._buffers.wire.left == 0 and SSL_pending(self._ssl) == 0:
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
            SSL_shutdown(self._ssl)
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
                    if SSL_write(self._ssl, start, <int>part) <= 0:
                        return self._write_failed()
                else:
                    part = min(size, RECORD - staged)
                    memcpy(staging + staged, start, part)
                    staged += part
                    if staged == RECORD:
                        if SSL_write(self._ssl, staging, RECORD) <= 0:
                            return self._write_failed()
                        staged = 0
                start += part
                size -= part
        if staged and SSL_write(self._ssl, staging, <int>staged) <= 0:
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
        if not self.shaking and not self._failure and not SSL_get_shutdown(self._ssl) & SSL_SENT_SHUTDOWN:
            self._enter(0)
            if self._holds:
                self._release()
            SSL_shutdown(self._ssl)
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
        cdef long result = SSL_get_verify_result(self._ssl)
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
            return SSL_get_version(self._ssl)
        if name == "cipher":
            return SSL_CIPHER_get_name(SSL_get_current_cipher(self._ssl))
        if name == "alpn":
            return self.alpn or None
        if name == "server_name":
            text = SSL_get_servername(self._ssl, TLSEXT_NAMETYPE_host_name)
            return None if text == NULL else <bytes>text
        if name == "resumed":
            return b"true" if SSL_session_reused(self._ssl) else b"false"
        peer = SSL_get0_peer_certificate(self._ssl)
        if peer == NULL:
            return None
        if name == "peer_verified":
            return b"true" if SSL_get_verify_result(self._ssl) == X509_V_OK else b"false"
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


# -- small things ---------------------------------------------------------------------------------


cdef void _drop(PyObject *owned):
    """Give back the reference that ``new_bytes`` returned."""
    Py_DECREF(<object>owned)


cdef extern from "Python.h":
    void Py_DECREF(object something)


def _version(text):
    versions = {"1.0": TLS1_VERSION, "1.1": TLS1_1_VERSION, "1.2": TLS1_2_VERSION,
                "1.3": TLS1_3_VERSION}
    if text not in versions:
        raise TlsError(f"{text!r} is not a version of TLS")
    return versions[text]


cdef bytes _alpn_wire(names):
    """Return protocols as the extension writes them (RFC 7301 §3.1)."""
    return b"".join([bytes([len(name)]) + name for name in names])


def _is_ip(text):
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _digest(bytes data):
    import hashlib
    return hashlib.sha256(data).digest()
