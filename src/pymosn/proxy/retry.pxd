cimport cython

from pymosn.router.action cimport RouteEntry

cdef int _5XX, _GATEWAY_ERROR, _CONNECT_FAILURE, _RESET, _RETRIABLE_4XX, _STATUS_CODES
cdef int _TIMEOUT, _NON_IDEMPOTENT
cdef int _CONNECT_FAILED, _CONNECT_TIMEOUT, _TRY_TIMEOUT, _UPSTREAM_CLOSED, _UPSTREAM_RESET
cdef bytes _GET
cdef object _IDEMPOTENT

cpdef bint may_repeat(bytes method)
@cython.locals(conditions=int)
cpdef bint retry_on_reset(RouteEntry route, int reason, bytes method)
@cython.locals(conditions=int)
cpdef bint retry_on_status(RouteEntry route, int status, bytes method)
