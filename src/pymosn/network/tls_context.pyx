"""How TLS is spoken: certificates, versions, ciphers, and whom to believe, as OpenSSL keeps them."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from msgspec import structs

from pymosn.network.certificates cimport (
    Certificate, PrivateKey, alternative_names, certificate_names, check_pair, read_chain, read_key)
from pymosn.network.openssl cimport *

from pymosn.network.openssl import TlsError

_CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    b"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    b"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
_SUITES = b"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
_GROUPS = b"X25519:P-256:P-384:P-521"
_TICKET_SECONDS = 7200
"""How long a session can be resumed, and so how old a verified client certificate may be."""


def check_context(settings):
    """Raise ``TlsError`` when no ``TlsContext`` can be made of a ``snapshot.TlsContext``.

    The system's roots are not read for that.
    """
    if not settings.ca:
        settings = structs.replace(settings, verify="none")
    TlsContext(settings, False)


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
        self.ctx = SSL_CTX_new(TLS_server_method() if server else TLS_client_method())
        if self.ctx == NULL:
            raise TlsError(last_reason())
        # For the callbacks: everything that lives as long as the SSL_CTX holds this object.
        SSL_CTX_set_app_data(self.ctx, <void *>self)
        self._configure(settings)

    def __dealloc__(self):
        cdef size_t certificate
        for certificate, _ in self._staples or ():
            X509_free(<X509 *>certificate)
        SSL_CTX_free(self.ctx)

    cdef void _configure(self, object settings):
        cdef SSL_CTX *ctx = self.ctx
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
        self._alpn_wire = alpn_wire(self.alpn)
        if self.server:
            self._configure_server(settings)
        else:
            SSL_CTX_set_session_cache_mode(
                ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL)

    def _configure_server(self, settings):
        cdef SSL_CTX *ctx = self.ctx
        cdef bytes identity
        if not settings.certificates:
            raise TlsError("there is no certificate")
        names = [name.lower().encode() for name in settings.server_names]
        self.names = tuple(dict.fromkeys([*names, *self.names]))
        SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA)
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF)
        SSL_CTX_set_num_tickets(ctx, 1)
        SSL_CTX_set_timeout(ctx, _TICKET_SECONDS)
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

    cdef void _add_certificate(self, object certificate):
        cdef list chain = read_chain(certificate.chain.encode(), "the certificate")
        cdef Certificate leaf = chain[0]
        cdef Certificate issuer
        cdef PrivateKey key = read_key(certificate.key.encode())
        check_pair(leaf, key)
        check(SSL_CTX_use_certificate(self.ctx, leaf.x509))
        check(SSL_CTX_use_PrivateKey(self.ctx, key.pkey))
        SSL_CTX_clear_chain_certs(self.ctx)
        for issuer in chain[1:]:
            check(SSL_CTX_add0_chain_cert(self.ctx, issuer.x509))
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
            SSL_CTX_set_verify(self.ctx, mode, _accept_any)
            return
        if settings.ca:
            for authority in read_chain(settings.ca.encode(), "the CA certificate"):
                check(X509_STORE_add_cert(SSL_CTX_get_cert_store(self.ctx), authority.x509))
                if self.server:
                    check(SSL_CTX_add_client_CA(self.ctx, authority.x509))
        elif mode != SSL_VERIFY_NONE:
            check(SSL_CTX_set_default_verify_paths(self.ctx))
        SSL_CTX_set_verify(self.ctx, mode, _check_names)

    cdef void take_over(self, SSL *ssl):
        """Make a connection that began with another context of the listener use this one."""
        cdef SSL_CTX *ctx = self.ctx
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
        context = <TlsContext>SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl))
        if context._peer_names:
            for name in (alternative_names(X509_STORE_CTX_get0_cert(store), GEN_URI)
                         + alternative_names(X509_STORE_CTX_get0_cert(store), GEN_DNS)):
                if name.lower() in context._peer_names:
                    return 1
            X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION)
            return 0
    return verified


def _version(text):
    versions = {"1.0": TLS1_VERSION, "1.1": TLS1_1_VERSION, "1.2": TLS1_2_VERSION,
                "1.3": TLS1_3_VERSION}
    if text not in versions:
        raise TlsError(f"{text!r} is not a version of TLS")
    return versions[text]


cdef bytes alpn_wire(names):
    """Return protocols as the extension writes them (RFC 7301 §3.1)."""
    return b"".join([bytes([len(name)]) + name for name in names])


def _digest(bytes data):
    import hashlib
    return hashlib.sha256(data).digest()
