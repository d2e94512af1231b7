cimport cython

from pymosn.observe.metrics cimport UpstreamStats
from pymosn.stream.pool cimport ConnectionPool


@cython.final
cdef class UpstreamHost:
    cdef readonly str address
    cdef object _make_pool
    cdef dict _pools
    cdef str _protocol
    cdef ConnectionPool _pool
    cdef readonly UpstreamStats stats
    cdef readonly str hostname
    cdef readonly int weight
    cdef readonly object metadata
    cdef public bint healthy
    cdef readonly str tls_name
    cdef public long active
    cdef public double current_weight

    cdef ConnectionPool pool(self, str protocol)
    cpdef list pools(self)
    cpdef void drain(self)
