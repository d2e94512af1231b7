cimport cython

cdef int _ON_5XX, _ON_GATEWAY_ERROR, _ON_CONNECT_FAILURE, _ON_RESET, _ON_4XX, _ON_STATUS_CODES
cdef int _ON_TIMEOUT, _GRPC_STATUSES
cdef int _CONNECT_FAILED, _CONNECT_TIMEOUT, _TRY_TIMEOUT, _UPSTREAM_CLOSED, _UPSTREAM_PROTOCOL
cdef int _UPSTREAM_RESET, _UPSTREAM_REFUSED, _UPSTREAM_TERMINATED


@cython.final
cdef class RetryRules:
    cdef readonly long conditions
    cdef readonly frozenset codes
    cdef readonly bint on_status, non_idempotent

    @cython.locals(conditions=long)
    cpdef bint status(self, int status) except -1
    cpdef bint grpc_status(self, int status) except -1
    cpdef bint failure(self, int reason) except -1
