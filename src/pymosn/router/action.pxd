from pymosn.message cimport ResponseHead
from pymosn.stream.stream cimport Stream
cdef class RouteEntry:
    cdef public int kind
    cdef public str _cluster
    cdef public double timeout, per_try_timeout, idle_timeout, upgrade_idle_timeout, backoff_base, backoff_max
    cdef public bint retry_enabled, edits_request, edits_response
    cdef public int retry_attempts, retry_conditions
    cdef public object retry_codes
    cdef public int status
    cdef public bytes body
    cpdef str cluster(self, Stream stream)
