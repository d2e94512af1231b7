"""What is used of OpenSSL 3, and its errors as ours."""

from libc.time cimport tm

cdef extern from "<openssl/bio.h>":
    ctypedef struct BIO:
        pass
    ctypedef struct BIO_METHOD:
        pass
    BIO_METHOD *BIO_meth_new(int kind, const char *name)
    int BIO_meth_set_read(BIO_METHOD *method, int (*read)(BIO *, char *, int) noexcept)
    int BIO_meth_set_write(BIO_METHOD *method, int (*write)(BIO *, const char *, int) noexcept)
    int BIO_meth_set_ctrl(BIO_METHOD *method, long (*ctrl)(BIO *, int, long, void *) noexcept)
    int BIO_get_new_index()
    BIO *BIO_new(const BIO_METHOD *method)
    BIO *BIO_new_mem_buf(const void *data, int size)
    BIO *BIO_new_memory "BIO_new"(const BIO_METHOD *method)
    const BIO_METHOD *BIO_s_mem()
    long BIO_get_mem_data(BIO *bio, char **data)
    void BIO_set_data(BIO *bio, void *data)
    void *BIO_get_data(BIO *bio)
    void BIO_set_init(BIO *bio, int init)
    void BIO_clear_retry_flags(BIO *bio)
    void BIO_set_retry_read(BIO *bio)
    int BIO_up_ref(BIO *bio)
    int BIO_free(BIO *bio)
    int BIO_TYPE_SOURCE_SINK, BIO_CTRL_FLUSH

cdef extern from "<openssl/err.h>":
    unsigned long ERR_peek_error()
    unsigned long ERR_peek_last_error()
    unsigned long ERR_get_error()
    void ERR_clear_error()
    const char *ERR_reason_error_string(unsigned long error)
    int ERR_GET_REASON(unsigned long error)
    int ERR_GET_LIB(unsigned long error)
    int ERR_LIB_PEM, ERR_LIB_SSL

cdef extern from "<openssl/x509.h>":
    ctypedef struct X509:
        pass
    ctypedef struct X509_NAME:
        pass
    ctypedef struct X509_STORE:
        pass
    ctypedef struct X509_STORE_CTX:
        pass
    ctypedef struct EVP_PKEY:
        pass
    ctypedef struct EVP_MD:
        pass
    ctypedef struct ASN1_TIME:
        pass
    ctypedef struct ASN1_STRING:
        pass
    ctypedef struct ASN1_INTEGER:
        pass
    ctypedef struct BIGNUM:
        pass
    void X509_free(X509 *certificate)
    X509_NAME *X509_get_subject_name(const X509 *certificate)
    X509_NAME *X509_get_issuer_name(const X509 *certificate)
    int X509_NAME_print_ex(BIO *out, const X509_NAME *name, int indent, unsigned long flags)
    int X509_NAME_get_index_by_NID(const X509_NAME *name, int nid, int last)
    void *X509_NAME_get_entry(const X509_NAME *name, int position)
    ASN1_STRING *X509_NAME_ENTRY_get_data(const void *entry)
    EVP_PKEY *X509_get0_pubkey(const X509 *certificate)
    int X509_check_private_key(const X509 *certificate, const EVP_PKEY *key)
    ASN1_INTEGER *X509_get_serialNumber(X509 *certificate)
    const ASN1_TIME *X509_get0_notAfter(const X509 *certificate)
    const ASN1_TIME *X509_get0_notBefore(const X509 *certificate)
    int ASN1_TIME_to_tm(const ASN1_TIME *moment, tm *when)
    BIGNUM *ASN1_INTEGER_to_BN(const ASN1_INTEGER *number, BIGNUM *result)
    char *BN_bn2hex(const BIGNUM *number)
    void BN_free(BIGNUM *number)
    void OPENSSL_free(void *memory)
    void *OPENSSL_memdup(const void *data, size_t size)
    const unsigned char *ASN1_STRING_get0_data(const ASN1_STRING *string)
    int ASN1_STRING_length(const ASN1_STRING *string)
    int X509_digest(const X509 *certificate, const EVP_MD *kind, unsigned char *out,
                    unsigned int *size)
    const EVP_MD *EVP_sha256()
    int EVP_PKEY_get_base_id(const EVP_PKEY *key)
    int EVP_PKEY_get_group_name(const EVP_PKEY *key, char *name, size_t size, size_t *length)
    void EVP_PKEY_free(EVP_PKEY *key)
    int EVP_PKEY_RSA, EVP_PKEY_EC, EVP_PKEY_ED25519, EVP_PKEY_RSA_PSS
    int X509_STORE_add_cert(X509_STORE *store, X509 *certificate)
    X509 *X509_STORE_CTX_get0_cert(const X509_STORE_CTX *ctx)
    void *X509_STORE_CTX_get_ex_data(const X509_STORE_CTX *ctx, int index)
    int X509_STORE_CTX_get_error_depth(const X509_STORE_CTX *ctx)
    void X509_STORE_CTX_set_error(X509_STORE_CTX *ctx, int error)
    const char *X509_verify_cert_error_string(long error)
    int X509_V_OK, X509_V_ERR_APPLICATION_VERIFICATION, NID_commonName, NID_subject_alt_name
    unsigned long XN_FLAG_RFC2253

cdef extern from "<openssl/x509v3.h>":
    ctypedef struct GENERAL_NAME:
        int type
    ctypedef struct GENERAL_NAMES:
        pass
    int GEN_DNS, GEN_URI
    void *X509_get_ext_d2i(const X509 *certificate, int nid, int *critical, int *index)
    int sk_GENERAL_NAME_num(const GENERAL_NAMES *names)
    GENERAL_NAME *sk_GENERAL_NAME_value(const GENERAL_NAMES *names, int index)
    void GENERAL_NAMES_free(GENERAL_NAMES *names)
    void *GENERAL_NAME_get0_value(const GENERAL_NAME *name, int *kind)
    ctypedef struct X509_VERIFY_PARAM:
        pass
    int X509_VERIFY_PARAM_set1_host(X509_VERIFY_PARAM *param, const char *name, size_t size)
    int X509_VERIFY_PARAM_set1_ip_asc(X509_VERIFY_PARAM *param, const char *address)
    void X509_VERIFY_PARAM_set_hostflags(X509_VERIFY_PARAM *param, unsigned int flags)
    int X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS

cdef extern from "<openssl/pem.h>":
    ctypedef int (*Password)(char *, int, int, void *) noexcept
    X509 *PEM_read_bio_X509_AUX(BIO *bio, X509 **x, Password password, void *arg)
    X509 *PEM_read_bio_X509(BIO *bio, X509 **x, Password password, void *arg)
    EVP_PKEY *PEM_read_bio_PrivateKey(BIO *bio, EVP_PKEY **x, Password password, void *arg)
    int PEM_write_bio_X509(BIO *bio, X509 *certificate)
    int PEM_R_NO_START_LINE

cdef extern from "<openssl/evp.h>":
    ctypedef struct EVP_CIPHER:
        pass
    ctypedef struct EVP_CIPHER_CTX:
        pass
    ctypedef struct EVP_MAC_CTX:
        pass
    ctypedef struct OSSL_PARAM:
        pass
    EVP_CIPHER *EVP_CIPHER_fetch(void *library, const char *name, const char *properties)
    int EVP_EncryptInit_ex(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *kind, void *engine,
                           const unsigned char *key, const unsigned char *iv)
    int EVP_DecryptInit_ex(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *kind, void *engine,
                           const unsigned char *key, const unsigned char *iv)
    int EVP_MAC_CTX_set_params(EVP_MAC_CTX *ctx, const OSSL_PARAM *params)
    OSSL_PARAM OSSL_PARAM_construct_octet_string(const char *key, void *data, size_t size)
    OSSL_PARAM OSSL_PARAM_construct_utf8_string(const char *key, char *data, size_t size)
    OSSL_PARAM OSSL_PARAM_construct_end()

cdef extern from "<openssl/rand.h>":
    int RAND_bytes(unsigned char *out, int size)

cdef extern from "<openssl/ssl.h>":
    ctypedef struct SSL:
        pass
    ctypedef struct SSL_CTX:
        pass
    ctypedef struct SSL_SESSION:
        pass
    ctypedef struct SSL_METHOD:
        pass
    ctypedef struct SSL_CIPHER:
        pass
    const SSL_METHOD *TLS_server_method()
    const SSL_METHOD *TLS_client_method()
    SSL_CTX *SSL_CTX_new(const SSL_METHOD *method)
    void SSL_CTX_free(SSL_CTX *ctx)
    unsigned long SSL_CTX_set_options(SSL_CTX *ctx, unsigned long options)
    unsigned long SSL_CTX_get_options(const SSL_CTX *ctx)
    unsigned long SSL_set_options(SSL *ssl, unsigned long options)
    unsigned long SSL_get_options(const SSL *ssl)
    unsigned long SSL_clear_options(SSL *ssl, unsigned long options)
    long SSL_CTX_set_mode(SSL_CTX *ctx, long mode)
    long SSL_CTX_set_session_cache_mode(SSL_CTX *ctx, long mode)
    long SSL_CTX_set_timeout(SSL_CTX *ctx, long seconds)
    int SSL_CTX_set_num_tickets(SSL_CTX *ctx, size_t count)
    int SSL_CTX_set_min_proto_version(SSL_CTX *ctx, int version)
    int SSL_CTX_set_max_proto_version(SSL_CTX *ctx, int version)
    int SSL_CTX_get_min_proto_version(SSL_CTX *ctx)
    int SSL_CTX_get_max_proto_version(SSL_CTX *ctx)
    int SSL_set_min_proto_version(SSL *ssl, int version)
    int SSL_set_max_proto_version(SSL *ssl, int version)
    void SSL_CTX_set_security_level(SSL_CTX *ctx, int level)
    int SSL_CTX_get_security_level(const SSL_CTX *ctx)
    void SSL_set_security_level(SSL *ssl, int level)
    int SSL_CTX_set_cipher_list(SSL_CTX *ctx, const char *names)
    int SSL_CTX_set_ciphersuites(SSL_CTX *ctx, const char *names)
    int SSL_CTX_set1_groups_list(SSL_CTX *ctx, const char *names)
    int SSL_set1_groups_list(SSL *ssl, const char *names)
    int SSL_CTX_use_certificate(SSL_CTX *ctx, X509 *certificate)
    int SSL_CTX_use_PrivateKey(SSL_CTX *ctx, EVP_PKEY *key)
    int SSL_CTX_add0_chain_cert(SSL_CTX *ctx, X509 *certificate)
    int SSL_CTX_clear_chain_certs(SSL_CTX *ctx)
    X509_STORE *SSL_CTX_get_cert_store(const SSL_CTX *ctx)
    int SSL_CTX_set_default_verify_paths(SSL_CTX *ctx)
    int SSL_CTX_add_client_CA(SSL_CTX *ctx, X509 *certificate)
    ctypedef int (*Verify)(int, X509_STORE_CTX *) noexcept
    void SSL_CTX_set_verify(SSL_CTX *ctx, int mode, Verify verify)
    int SSL_CTX_get_verify_mode(const SSL_CTX *ctx)
    Verify SSL_CTX_get_verify_callback(const SSL_CTX *ctx)
    void SSL_set_verify(SSL *ssl, int mode, Verify verify)
    int SSL_CTX_set_session_id_context(SSL_CTX *ctx, const unsigned char *id, unsigned int size)
    ctypedef int (*SelectAlpn)(SSL *, const unsigned char **, unsigned char *,
                               const unsigned char *, unsigned int, void *) noexcept
    void SSL_CTX_set_alpn_select_cb(SSL_CTX *ctx, SelectAlpn select, void *arg)
    int SSL_set_alpn_protos(SSL *ssl, const unsigned char *protocols, unsigned int size)
    int SSL_select_next_proto(unsigned char **out, unsigned char *size,
                              const unsigned char *ours, unsigned int our_size,
                              const unsigned char *theirs, unsigned int their_size)
    void SSL_get0_alpn_selected(const SSL *ssl, const unsigned char **data, unsigned int *size)
    ctypedef int (*ClientHello)(SSL *, int *, void *) noexcept
    void SSL_CTX_set_client_hello_cb(SSL_CTX *ctx, ClientHello callback, void *arg)
    int SSL_client_hello_get0_ext(SSL *ssl, unsigned int kind, const unsigned char **data,
                                  size_t *size)
    ctypedef int (*ServerName)(SSL *, int *, void *) noexcept
    long SSL_CTX_set_tlsext_servername_callback(SSL_CTX *ctx, ServerName callback)
    ctypedef int (*Ticket)(SSL *, unsigned char *, unsigned char *, EVP_CIPHER_CTX *,
                           EVP_MAC_CTX *, int) noexcept
    int SSL_CTX_set_tlsext_ticket_key_evp_cb(SSL_CTX *ctx, Ticket callback)
    ctypedef int (*Status)(SSL *, void *) noexcept
    int SSL_CTX_set_tlsext_status_cb(SSL_CTX *ctx, Status callback)
    int SSL_CTX_set_tlsext_status_arg(SSL_CTX *ctx, void *arg)
    int SSL_set_tlsext_status_ocsp_resp(SSL *ssl, void *response, size_t size)
    ctypedef int (*NewSession)(SSL *, SSL_SESSION *) noexcept
    void SSL_CTX_sess_set_new_cb(SSL_CTX *ctx, NewSession callback)
    SSL *SSL_new(SSL_CTX *ctx)
    void SSL_free(SSL *ssl)
    BIO *SSL_get_rbio(const SSL *ssl)
    int SSL_get_ex_data_X509_STORE_CTX_idx()
    int SSL_CTX_set_app_data(SSL_CTX *ctx, void *data)
    void *SSL_CTX_get_app_data(const SSL_CTX *ctx)
    SSL_CTX *SSL_get_SSL_CTX(const SSL *ssl)
    void SSL_set_bio(SSL *ssl, BIO *input, BIO *output)
    void SSL_set_accept_state(SSL *ssl)
    void SSL_set_connect_state(SSL *ssl)
    SSL_CTX *SSL_set_SSL_CTX(SSL *ssl, SSL_CTX *ctx)
    int SSL_set_tlsext_host_name(SSL *ssl, const char *name)
    X509_VERIFY_PARAM *SSL_get0_param(SSL *ssl)
    int SSL_do_handshake(SSL *ssl)
    int SSL_read(SSL *ssl, void *data, int size)
    int SSL_write(SSL *ssl, const void *data, int size)
    int SSL_pending(const SSL *ssl)
    int SSL_shutdown(SSL *ssl)
    int SSL_get_shutdown(const SSL *ssl)
    void SSL_set_shutdown(SSL *ssl, int mode)
    int SSL_get_error(const SSL *ssl, int result)
    int SSL_session_reused(const SSL *ssl)
    long SSL_get_verify_result(const SSL *ssl)
    const char *SSL_get_version(const SSL *ssl)
    int SSL_version(const SSL *ssl)
    const SSL_CIPHER *SSL_get_current_cipher(const SSL *ssl)
    const char *SSL_CIPHER_get_name(const SSL_CIPHER *cipher)
    const char *SSL_get_servername(const SSL *ssl, int kind)
    X509 *SSL_get0_peer_certificate(const SSL *ssl)
    X509 *SSL_get_certificate(const SSL *ssl)
    int SSL_set_session(SSL *ssl, SSL_SESSION *session)
    void SSL_SESSION_free(SSL_SESSION *session)
    int SSL_SESSION_is_resumable(const SSL_SESSION *session)
    int SSL_SESSION_get_protocol_version(const SSL_SESSION *session)
    long SSL_SESSION_get_time(const SSL_SESSION *session)
    long SSL_SESSION_get_timeout(const SSL_SESSION *session)
    unsigned long SSL_OP_NO_COMPRESSION, SSL_OP_NO_RENEGOTIATION
    unsigned long SSL_OP_CIPHER_SERVER_PREFERENCE, SSL_OP_PRIORITIZE_CHACHA
    long SSL_MODE_RELEASE_BUFFERS, SSL_MODE_NO_AUTO_CHAIN
    long SSL_SESS_CACHE_OFF, SSL_SESS_CACHE_CLIENT, SSL_SESS_CACHE_NO_INTERNAL
    int SSL_VERIFY_NONE, SSL_VERIFY_PEER, SSL_VERIFY_FAIL_IF_NO_PEER_CERT
    int SSL_ERROR_WANT_READ, SSL_ERROR_ZERO_RETURN
    int SSL_SENT_SHUTDOWN, SSL_RECEIVED_SHUTDOWN
    int SSL_CLIENT_HELLO_SUCCESS, SSL_TLSEXT_ERR_OK, SSL_TLSEXT_ERR_NOACK
    int SSL_TLSEXT_ERR_ALERT_FATAL, OPENSSL_NPN_NEGOTIATED, TLSEXT_NAMETYPE_host_name
    int TLSEXT_TYPE_server_name, TLSEXT_TYPE_application_layer_protocol_negotiation
    int TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION
    int SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST, SSL_R_WRONG_VERSION_NUMBER
    int SSL_R_CERTIFICATE_VERIFY_FAILED


cdef int check(int result) except -1
cdef str last_reason()
