from pymosn.network.openssl cimport EVP_PKEY, X509


cdef class Certificate:
    cdef X509 *x509


cdef class PrivateKey:
    cdef EVP_PKEY *pkey


cdef list read_chain(bytes text, str what)
cdef PrivateKey read_key(bytes text)
cdef int check_pair(Certificate leaf, PrivateKey key) except -1
cdef list certificate_names(X509 *certificate)
cdef list alternative_names(X509 *certificate, int wanted)
cdef bytes certificate_fact(X509 *certificate, str name)
