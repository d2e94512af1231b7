cimport cython

cdef bytes _BYTES, _HEX, _PATH


@cython.locals(raw='const unsigned char *', size=Py_ssize_t, at=Py_ssize_t)
cpdef bytes raw_path(bytes target)
@cython.locals(raw='const unsigned char *', size=Py_ssize_t, at=Py_ssize_t)
cpdef bytes lowered(bytes text)
@cython.locals(pieces=list, out=list, piece=bytes, index=Py_ssize_t, value=int)
cpdef bytes unescape(bytes raw, bint keep)
@cython.locals(out=list, byte=bytes, index=Py_ssize_t, fine=bint, changed=bint)
cpdef bytes escape(bytes path, bytes allowed=*)
@cython.locals(at=Py_ssize_t)
cpdef Py_ssize_t raw_offset(bytes raw, Py_ssize_t count)
@cython.locals(pair=bytes, key=bytes, value=bytes)
cpdef bytes parameter(bytes query, bytes name)
cdef bytes _form_value(bytes text)
@cython.locals(high=int, low=int)
cdef int _hex_value(bytes text)
