cimport cython

from pymosn.observe.metrics cimport UpstreamStats
from pymosn.stream.pool cimport ConnectionPool


@cython.final
cdef class UpstreamHost:
    cdef readonly str address
    cdef readonly ConnectionPool pool
    cdef readonly UpstreamStats stats
    cdef readonly str hostname
    cdef readonly int weight
    cdef readonly object metadata
    cdef public bint healthy
    cdef public long active
    cdef public double current_weight
