from pymosn.router.action cimport RouteEntry
from pymosn.stream.stream cimport Stream
cdef class RouteTable:
    cdef RouteEntry e
    cpdef RouteEntry match(self, Stream stream)
