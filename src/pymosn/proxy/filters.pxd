cdef class Hook:
    cdef readonly object owner
    cdef readonly object call
    cdef readonly bint is_async


cdef class FilterChain:
    cdef readonly list filters
    cdef readonly list on_request, on_route, on_host, on_response
    cdef readonly list on_request_data, on_response_data, on_complete
