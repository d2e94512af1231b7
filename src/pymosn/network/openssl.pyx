"""OpenSSL's errors; what is used of OpenSSL is declared in openssl.pxd."""


class TlsError(ValueError):
    """A certificate, a key or a setting that OpenSSL cannot use; the text says why."""


cdef int check(int result) except -1:
    """Raise ``TlsError`` with OpenSSL's reason when ``result`` is not a success."""
    if result <= 0:
        raise TlsError(last_reason())
    return result


cdef str last_reason():
    """Return OpenSSL's reason for the last failure, and forget it."""
    cdef unsigned long error = ERR_get_error()
    cdef const char *text = ERR_reason_error_string(error) if error else NULL
    ERR_clear_error()
    return "the reason is not known" if text == NULL else text.decode("ascii", "replace")
