"""Certificates and private keys: read from PEM, and what is in them.

C is spoken here because Python's ``ssl`` tells of a certificate only in part, and only of a
connected peer's.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.time cimport tm

from pymosn.network.openssl cimport *

import urllib.parse

from pymosn.network.openssl import TlsError


cdef extern from "<time.h>" nogil:
    long timegm(tm *when)

_SIGNING_CURVES = (b"prime256v1", b"secp384r1", b"secp521r1")  # RFC 8446 §4.2.3


class CertificateFacts:
    """What an operator wants to know of a certificate."""

    __slots__ = ("key_type", "names", "not_after", "not_before", "subject")

    def __init__(self, subject, names, key_type, not_before, not_after):
        self.subject = subject
        self.names = names
        self.key_type = key_type
        self.not_before = not_before
        self.not_after = not_after


def read_certificate(chain, key):
    """Check PEM texts and return the ``CertificateFacts`` of the leaf.

    Raises ``TlsError`` when one cannot be read or they do not belong together.  An empty ``key``
    is not looked at.
    """
    cdef list certificates = read_chain(chain.encode(), "the certificate")
    cdef Certificate leaf = certificates[0]
    if key:
        check_pair(leaf, read_key(key.encode()))
    return CertificateFacts(
        _name_text(X509_get_subject_name(leaf.x509)).decode("utf-8", "replace"),
        [name.decode("ascii", "replace") for name in certificate_names(leaf.x509)],
        _key_type(leaf.x509),
        _seconds(X509_get0_notBefore(leaf.x509)),
        _seconds(X509_get0_notAfter(leaf.x509)),
    )


def read_authorities(text):
    """Check the PEM text of CA certificates and return how many there are, or raise
    ``TlsError``."""
    return len(read_chain(text.encode(), "the CA certificate"))


cdef class Certificate:
    """Owns an X509."""

    def __dealloc__(self):
        X509_free(self.x509)


cdef class PrivateKey:
    """Owns an EVP_PKEY."""

    def __dealloc__(self):
        EVP_PKEY_free(self.pkey)


cdef int _no_password(char *data, int size, int writing, void *arg) noexcept:
    """Never ask at a terminal."""
    return -1


cdef list read_chain(bytes text, str what):
    """Return the certificates of a PEM text; raises ``TlsError`` when there is none."""
    cdef BIO *bio = BIO_new_mem_buf(PyBytes_AS_STRING(text), <int>PyBytes_GET_SIZE(text))
    cdef list found = []
    cdef Certificate certificate
    cdef X509 *x509
    cdef unsigned long error
    if bio == NULL:
        raise MemoryError()
    ERR_clear_error()
    try:
        while True:
            x509 = PEM_read_bio_X509_AUX(bio, NULL, _no_password, NULL)
            if x509 == NULL:
                break
            certificate = Certificate.__new__(Certificate)
            certificate.x509 = x509
            found.append(certificate)
        error = ERR_peek_last_error()
        if not found:
            raise TlsError(f"{what} is not PEM: {last_reason()}")
        if ERR_GET_LIB(error) != ERR_LIB_PEM or ERR_GET_REASON(error) != PEM_R_NO_START_LINE:
            raise TlsError(f"{what} number {len(found) + 1} cannot be read: {last_reason()}")
    finally:
        ERR_clear_error()
        BIO_free(bio)
    return found


cdef PrivateKey read_key(bytes text):
    cdef BIO *bio = BIO_new_mem_buf(PyBytes_AS_STRING(text), <int>PyBytes_GET_SIZE(text))
    cdef PrivateKey key = PrivateKey.__new__(PrivateKey)
    if bio == NULL:
        raise MemoryError()
    ERR_clear_error()
    key.pkey = PEM_read_bio_PrivateKey(bio, NULL, _no_password, NULL)
    BIO_free(bio)
    if key.pkey == NULL:
        ERR_clear_error()
        why = "encrypted" if b"ENCRYPTED" in text else "not PEM"
        raise TlsError(f"the private key cannot be read: it is {why}")
    return key


cdef int check_pair(Certificate leaf, PrivateKey key) except -1:
    """Raise ``TlsError`` unless handshakes can succeed with these."""
    cdef char curve[64]
    cdef bytes name = b"unnamed"
    if X509_check_private_key(leaf.x509, key.pkey) != 1:
        ERR_clear_error()
        raise TlsError("the private key does not belong to the certificate")
    if EVP_PKEY_get_base_id(key.pkey) == EVP_PKEY_EC:
        if EVP_PKEY_get_group_name(key.pkey, curve, sizeof(curve), NULL) == 1:
            name = curve
        ERR_clear_error()
        if name not in _SIGNING_CURVES:
            raise TlsError(f"the private key is of the curve {name.decode()}, with which no "
                           "handshake can succeed; expected P-256, P-384 or P-521")
    return 0


cdef list certificate_names(X509 *certificate):
    """Return the DNS names of a certificate, or its common name when it has none."""
    cdef list names = alternative_names(certificate, GEN_DNS)
    cdef X509_NAME *subject
    cdef ASN1_STRING *text
    cdef int at
    if not names:
        subject = X509_get_subject_name(certificate)
        at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1)
        if at >= 0:
            text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))
            names = [_string(text)]
    return [name.lower() for name in names]


cdef list alternative_names(X509 *certificate, int wanted):
    """Return the SANs of one kind.  What is not printable ASCII is no name, and could forge
    headers and log lines."""
    cdef GENERAL_NAMES *names = <GENERAL_NAMES *>X509_get_ext_d2i(
        certificate, NID_subject_alt_name, NULL, NULL)
    cdef list found = []
    cdef int index, kind
    cdef void *value
    if names == NULL:
        return found
    for index in range(sk_GENERAL_NAME_num(names)):
        value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, index), &kind)
        if kind == wanted:
            name = _string(<ASN1_STRING *>value)
            if name.isascii() and name.decode().isprintable() and b" " not in name:
                found.append(name)
    GENERAL_NAMES_free(names)
    return found


cdef bytes _string(ASN1_STRING *text):
    return PyBytes_FromStringAndSize(
        <const char *>ASN1_STRING_get0_data(text), ASN1_STRING_length(text))


cdef bytes _name_text(X509_NAME *name):
    """Return a distinguished name as RFC 2253 writes it."""
    cdef BIO *bio = BIO_new_memory(BIO_s_mem())
    cdef bytes text
    if bio == NULL:
        raise MemoryError()
    X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253)
    text = _memory(bio)
    BIO_free(bio)
    return text


cdef bytes _memory(BIO *bio):
    cdef char *data
    cdef long size = BIO_get_mem_data(bio, &data)
    return PyBytes_FromStringAndSize(data, size)


cdef bytes certificate_fact(X509 *certificate, str name):
    if name == "peer_subject":
        return _name_text(X509_get_subject_name(certificate))
    if name == "peer_issuer":
        return _name_text(X509_get_issuer_name(certificate))
    if name == "peer_serial":
        return _serial(certificate)
    if name == "peer_fingerprint":
        return _fingerprint(certificate)
    if name == "peer_not_after":
        return b"%d" % _seconds(X509_get0_notAfter(certificate))
    if name == "peer_dns_san":
        return _listed(alternative_names(certificate, GEN_DNS))
    if name == "peer_uri_san":
        return _listed(alternative_names(certificate, GEN_URI))
    if name == "peer_certificate":
        return _encoded(certificate)
    return None


cdef bytes _listed(list names):
    """Join names by commas; one inside a name cannot make two of it."""
    return b",".join([name.replace(b",", b"%2C") for name in names]) or None


cdef bytes _serial(X509 *certificate):
    cdef BIGNUM *number = ASN1_INTEGER_to_BN(X509_get_serialNumber(certificate), NULL)
    cdef char *text = BN_bn2hex(number)
    cdef bytes result = <bytes>text
    OPENSSL_free(text)
    BN_free(number)
    return result.lower()


cdef bytes _fingerprint(X509 *certificate):
    """Return the SHA-256 of the certificate in hexadecimal."""
    cdef unsigned char digest[32]
    cdef unsigned int size = 32
    X509_digest(certificate, EVP_sha256(), digest, &size)
    return PyBytes_FromStringAndSize(<char *>digest, size).hex().encode()


cdef bytes _encoded(X509 *certificate):
    """Return the certificate as PEM, percent-encoded (Envoy's way)."""
    cdef BIO *bio = BIO_new_memory(BIO_s_mem())
    cdef bytes text
    if bio == NULL:
        raise MemoryError()
    PEM_write_bio_X509(bio, certificate)
    text = _memory(bio)
    BIO_free(bio)
    return urllib.parse.quote(text, safe="").encode()


cdef str _key_type(X509 *certificate):
    cdef int kind = EVP_PKEY_get_base_id(X509_get0_pubkey(certificate))
    if kind == EVP_PKEY_RSA or kind == EVP_PKEY_RSA_PSS:
        return "RSA"
    if kind == EVP_PKEY_EC:
        return "ECDSA"
    return "Ed25519" if kind == EVP_PKEY_ED25519 else "other"


cdef long _seconds(const ASN1_TIME *moment):
    """Return a time as seconds since 1970."""
    cdef tm when
    if moment == NULL or ASN1_TIME_to_tm(moment, &when) != 1:
        return 0
    return timegm(&when)
