cimport cython

from pymosn.message cimport RequestHead
from pymosn.protocol.uri cimport lowered
from pymosn.router.action cimport RouteEntry
from pymosn.router.index cimport RouteIndex
from pymosn.stream.stream cimport Stream

cdef bytes _ANY_PORT


@cython.final
cdef class RouteTable:
    cdef readonly str name
    cdef readonly list hosts
    cdef RouteIndex _default
    cdef dict _exact, _any_port
    cdef readonly SuffixTable suffixes
    cdef bint _only_default

    @cython.locals(index=RouteIndex)
    cpdef RouteEntry match(self, Stream stream)
    @cython.locals(index=RouteIndex, host=bytes, port=bytes)
    cpdef RouteIndex find(self, bytes authority)


@cython.final
cdef class SuffixTable:
    cdef readonly list lengths
    cdef readonly long steps
    cdef list _by_length, _dotted

    cpdef bint add(self, bytes suffix, bytes port, RouteIndex index) except -1
    @cython.locals(
        raw='const unsigned char *', size=Py_ssize_t, place=Py_ssize_t, length=Py_ssize_t,
        suffixes=dict, ports=dict, index=RouteIndex, any_port=RouteIndex)
    cpdef RouteIndex find(self, bytes host, bytes port)


@cython.locals(raw='const unsigned char *', colon=Py_ssize_t)
cpdef tuple split_authority(bytes authority)
@cython.locals(raw='const unsigned char *', colon=Py_ssize_t, at=Py_ssize_t)
cdef Py_ssize_t _port_colon(bytes authority)
