cimport cython

from pymosn.message cimport RequestHead
from pymosn.stream.stream cimport Stream

cdef tuple _DOTS
cdef bytes _BYTES, _HEX, _PATH


@cython.locals(request=RequestHead, target=bytes, at=Py_ssize_t)
cpdef void read_target(Stream stream)
@cython.locals(at=Py_ssize_t, raw=bytes, mark=bytes, query=bytes, decoded=bytes)
cpdef tuple normalise(bytes target)
cpdef bytes raw_path(bytes target)
@cython.locals(pieces=list, out=list, piece=bytes, index=Py_ssize_t, value=int)
cpdef bytes unescape(bytes raw, bint keep)
@cython.locals(out=list, byte=bytes, index=Py_ssize_t, fine=bint, changed=bint)
cpdef bytes escape(bytes path, bytes allowed=*)
@cython.locals(at=Py_ssize_t)
cpdef Py_ssize_t raw_offset(bytes raw, Py_ssize_t count)
@cython.locals(pair=bytes, key=bytes, value=bytes)
cpdef bytes parameter(bytes query, bytes name)
cdef bytes _form_value(bytes text)
@cython.locals(
    raw='const unsigned char *', size=Py_ssize_t, at=Py_ssize_t, byte='unsigned char', slash=bint)
cdef Py_ssize_t _scan(bytes target)
cdef bint _is_normal(bytes path)
@cython.locals(
    kept=list, separator=bytes, segment=bytes, encoded=bytes, outer=bytes, inner=list,
    index=Py_ssize_t, following=bytes, name=bytes)
cdef bytes _without_dots(bytes raw)
@cython.locals(high=int, low=int)
cdef int _hex_value(bytes text)
