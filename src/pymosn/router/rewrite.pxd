cimport cython

from pymosn.message cimport RequestHead
from pymosn.protocol.uri cimport escape, raw_offset, raw_path, unescape
from pymosn.stream.stream cimport Stream


@cython.final
cdef class PathRewrite:
    cdef Py_ssize_t _matched
    cdef bytes _prefix
    cdef object _pattern
    cdef bytes _substitution
    cdef readonly bint empty

    @cython.locals(
        request=RequestHead, target=bytes, old=bytes, new=bytes, text=bytes, changed=bytes)
    cpdef void apply(self, Stream stream)
    @cython.locals(rest=bytes, prefix=bytes)
    cdef bytes _replace_prefix(self, bytes old)


@cython.final
cdef class HostRewrite:
    cdef bytes _host, _header
    cdef readonly bint per_attempt, empty

    cpdef bytes host(self, Stream stream)


@cython.locals(request=RequestHead)
cpdef void set_host(Stream stream, bytes host)
