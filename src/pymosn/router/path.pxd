cimport cython

from pymosn.message cimport RequestHead
from pymosn.protocol.uri cimport unescape
from pymosn.stream.stream cimport Stream

cdef tuple _DOTS


@cython.locals(
    request=RequestHead, target=bytes, raw='const unsigned char *', size=Py_ssize_t, at=Py_ssize_t)
cpdef int read_target(Stream stream) except -1
@cython.locals(at=Py_ssize_t, raw=bytes, mark=bytes, query=bytes, decoded=bytes)
cpdef tuple normalise(bytes target)
@cython.locals(
    raw='const unsigned char *', size=Py_ssize_t, at=Py_ssize_t, byte='unsigned char', slash=bint)
cdef Py_ssize_t _scan(bytes target)
cdef bint _is_normal(bytes path) except -1
@cython.locals(
    kept=list, separator=bytes, segment=bytes, encoded=bytes, outer=bytes, inner=list,
    index=Py_ssize_t, following=bytes, name=bytes)
cdef bytes _without_dots(bytes raw)
