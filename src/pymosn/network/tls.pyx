"""TLS of listeners and towards hosts, by OpenSSL 3.

C is spoken here because Python's ``ssl`` reaches neither session tickets that all workers share
nor the choice of a certificate by the ClientHello, and copies every record twice more.  How TLS is
spoken is in tls_context.pyx, the connections are in tls_session.pyx.

A server's context is chosen by the ClientHello: the first whose names have the SNI exactly, then
with ever shorter wildcards, then the first that shares a protocol, then the first (spec §1.8).

Handshakes run to their end in the worker: nothing here waits for anybody else.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memmove

import ipaddress
import os
import time

from pymosn.network.openssl cimport *
from pymosn.network.secure cimport TlsLayer
from pymosn.network.tls_context cimport TlsContext, alpn_wire
from pymosn.network.tls_session cimport TlsBuffers, TlsSession, session_of

from pymosn.network.openssl import TlsError

cdef enum:
    TICKET_KEY = 80             # name 16, AES 32, HMAC 32
    TICKET_KEYS = 4

# Made once: looking an algorithm up takes longer than using it.
cdef EVP_CIPHER *_TICKET_CIPHER = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL)


# -- session tickets ------------------------------------------------------------------------------


def new_ticket_key():
    """Return a random key for ``TicketKeys``."""
    return os.urandom(TICKET_KEY)


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
    cdef TlsSession session = session_of(ssl)
    cdef TicketKeys keys = (<TlsServer>session.factory)._tickets
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
            SSL_CTX_set_tlsext_ticket_key_evp_cb(context.ctx, _on_ticket)
            for server_name in context.names:
                self._by_name.setdefault(server_name, context)
        context = self.contexts[0]
        SSL_CTX_set_tlsext_servername_callback(context.ctx, _on_server_name)
        if len(self.contexts) > 1:
            SSL_CTX_set_client_hello_cb(context.ctx, _on_client_hello, <void *>self)

    def _context(self, settings):
        try:
            return TlsContext(settings, True)
        except TlsError as error:
            raise TlsError(f"{self.name}: {error}") from None

    cdef TlsLayer layer(self):
        cdef TlsSession session = TlsSession.__new__(TlsSession)
        session.attach(self._buffers, self, <TlsContext>self.contexts[0])
        session.stats = self._stats
        session.server = True
        session.inspect = self._inspector
        session.timeout = self._timeout
        SSL_set_accept_state(session.ssl)
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
    cdef TlsSession session = session_of(ssl)
    cdef TlsContext context = (<TlsServer>arg).choose(_hello_name(ssl), _hello_protocols(ssl))
    if context is not session.context:
        session.context = context
        context.take_over(ssl)
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
        self._alpn_wire = context._alpn_wire if alpn is None else alpn_wire(alpn)
        self._buffers = buffers
        self._context = context
        SSL_CTX_sess_set_new_cb(context.ctx, _on_new_session)
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
        session.attach(self._buffers, self, self._context)
        session.stats = self._stats
        if self._send_name:
            SSL_set_tlsext_host_name(session.ssl, PyBytes_AS_STRING(self._server_name))
        if self._verify_name:
            param = SSL_get0_param(session.ssl)
            X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS)
            if self._is_ip:
                check(X509_VERIFY_PARAM_set1_ip_asc(param, self._server_name))
            else:
                check(X509_VERIFY_PARAM_set1_host(param, self._server_name, 0))
        if self._alpn_wire:
            SSL_set_alpn_protos(
                session.ssl, <const unsigned char *>PyBytes_AS_STRING(self._alpn_wire),
                <unsigned int>PyBytes_GET_SIZE(self._alpn_wire))
        self._resume(session.ssl)
        SSL_set_connect_state(session.ssl)
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
    (<TlsClient>session_of(ssl).factory)._keep(session)
    return 1


def _is_ip(text):
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
