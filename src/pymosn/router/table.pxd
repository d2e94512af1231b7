cimport cython

from pymosn.message cimport RequestHead
from pymosn.router.action cimport RouteEntry
from pymosn.router.index cimport RouteIndex
from pymosn.stream.stream cimport Stream


@cython.final
cdef class RouteTable:
    cdef readonly str name
    cdef readonly list hosts
    cdef RouteIndex _default
    cdef dict _exact, _any_port
    cdef SuffixTable _suffixes
    cdef bint _only_default

    @cython.locals(index=RouteIndex)
    cpdef RouteEntry match(self, Stream stream)
    @cython.locals(index=RouteIndex, host=bytes, port=bytes)
    cpdef RouteIndex find(self, bytes authority)


@cython.final
cdef class SuffixTable:
    cdef readonly list lengths
    cdef list _by_length

    cpdef bint add(self, bytes suffix, bytes port, RouteIndex index) except -1
    @cython.locals(
        tail=bytes, size=Py_ssize_t, place=Py_ssize_t, length=Py_ssize_t, index=RouteIndex)
    cpdef RouteIndex find(self, bytes host, bytes port)


@cython.locals(colon=Py_ssize_t, end=Py_ssize_t)
cpdef tuple split_authority(bytes authority)
