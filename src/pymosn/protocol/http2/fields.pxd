cimport cython

cdef int _REGULAR, _X_MOSN, _COOKIE, _HOST, _CONTENT_LENGTH, _TE
cdef int _METHOD, _SCHEME, _AUTHORITY, _PATH, _STATUS, _PROTOCOL, _BAD
cdef bytes _NAME, _TOKEN, _VALUE, _TARGET, _HOST_BYTES, _DIGITS
cdef bytes _HTTP, _HTTPS, _TRAILERS, _TRI_TIMEOUT
cdef KnownNames _NAMES


cdef class TableEntry:
    cdef readonly Py_ssize_t size


@cython.final
cdef class Field(TableEntry):
    cdef readonly bytes name
    cdef readonly bytes line
    cdef readonly int kind
    cdef int name_kind
    cdef bytes stored

    @cython.locals(raw='const unsigned char *')
    cpdef bytes content(self)


@cython.final
cdef class KnownName:
    cdef readonly int kind, policy
    cdef readonly Py_ssize_t index
    cdef readonly tuple values
    cdef readonly bytes literal, never_literal


@cython.final
cdef class KnownNames:
    cdef dict _names

    cpdef KnownName find(self, bytes name)


@cython.locals(
    raw='const unsigned char *', allowed='const unsigned char *', index=Py_ssize_t,
    known=KnownName)
cpdef int kind_of_name(bytes name) except -1
@cython.locals(allowed='const unsigned char *', size=Py_ssize_t, index=Py_ssize_t)
cpdef int kind_of_value(
    int kind, const unsigned char *raw, Py_ssize_t start, Py_ssize_t end) noexcept
@cython.locals(fine=bint)
cdef int _kind_of_word(
    int kind, const unsigned char *raw, Py_ssize_t at, Py_ssize_t size) noexcept
@cython.locals(index=Py_ssize_t)
cdef bint _is(
    const unsigned char *raw, Py_ssize_t at, const unsigned char *word, Py_ssize_t size) noexcept
