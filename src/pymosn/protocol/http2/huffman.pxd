cimport cython

cdef bytes _FIRST_SYMBOL, _FIRST_LENGTH, _SECOND_SYMBOL, _SECOND_LENGTH, _LONG, _SYMBOLS
cdef bytes _CODES, _LENGTHS, _ONES
cdef Py_ssize_t _SHORT_CODES


cpdef Py_ssize_t decoded_bound(Py_ssize_t size)
@cython.locals(
    first_symbol='const unsigned char *', first_length='const unsigned char *',
    second_symbol='const unsigned char *', second_length='const unsigned char *',
    bits='unsigned long', word='unsigned long', window='unsigned long', count=int, length=int,
    found=int)
cpdef Py_ssize_t decode(
    const unsigned char *raw, Py_ssize_t start, Py_ssize_t end, unsigned char *out, Py_ssize_t at)
@cython.locals(
    window=long, limit=long, table='const unsigned char *', at=Py_ssize_t, length=int, index=long,
    symbols='const unsigned char *')
cdef int _long_code(unsigned long bits, int count) noexcept
@cython.locals(
    raw='const unsigned char *', lengths='const unsigned char *', total=Py_ssize_t,
    index=Py_ssize_t)
cpdef Py_ssize_t encoded_size(bytes data)
@cython.locals(
    raw='const unsigned char *', lengths='const unsigned char *', codes='const unsigned char *',
    coded=bytearray, out='unsigned char *', bits='unsigned long', code='unsigned long', count=int,
    at=Py_ssize_t, index=Py_ssize_t, symbol=Py_ssize_t)
cpdef bytes encode(bytes data)
