cimport cython

from pymosn.protocol.uri cimport lowered
from pymosn.router.action cimport RouteEntry
from pymosn.router.match cimport RouteMatcher
from pymosn.stream.stream cimport Stream


@cython.final
cdef class RouteIndex:
    cdef readonly long steps
    cdef dict _paths
    cdef PrefixNode _prefixes
    cdef list _others

    @cython.locals(best=RouteEntry, same=list)
    cpdef RouteEntry match(self, Stream stream)
    @cython.locals(
        raw='const unsigned char *', path=bytes, size=Py_ssize_t, best=RouteEntry, at=Py_ssize_t,
        node=PrefixNode, label='const unsigned char *', length=Py_ssize_t, index=Py_ssize_t)
    cdef RouteEntry _match_prefixes(self, Stream stream)
    @cython.locals(entry=RouteEntry, matcher=RouteMatcher)
    cdef RouteEntry _first(self, list entries, Stream stream, RouteEntry best, bint path_fits)


@cython.final
cdef class PrefixNode:
    cdef readonly bytes label
    cdef readonly list entries
    cdef bytes _firsts
    cdef list _children

    @cython.locals(firsts='const unsigned char *', size=Py_ssize_t, index=Py_ssize_t)
    cpdef PrefixNode child(self, int first)
    @cython.locals(node=PrefixNode)
    cpdef void insert(self, bytes prefix, RouteEntry entry)
    @cython.locals(child=PrefixNode, lower=PrefixNode, common=Py_ssize_t, limit=Py_ssize_t)
    cdef tuple _descend(self, bytes prefix)
