cimport cython

from pymosn.observe.metrics cimport ClusterStats
from pymosn.stream.pool cimport Limits
from pymosn.stream.stream cimport Stream
from pymosn.upstream.balancer cimport Balancer
from pymosn.upstream.hosts cimport UpstreamHost


@cython.final
cdef class UpstreamCluster:
    cdef readonly str name
    cdef readonly Balancer balancer
    cdef readonly Limits limits
    cdef readonly ClusterStats stats
    cdef readonly list hosts
    cdef readonly bint negotiates

    cpdef void set_hosts(self, list hosts)
    cpdef UpstreamHost choose(self, Stream stream, UpstreamHost tried)
