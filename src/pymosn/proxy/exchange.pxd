from pymosn.message cimport Head, ResponseHead
from pymosn.stream.stream cimport Stream


cdef class Headers:
    cdef Head _head


cdef class Request:
    cdef readonly Stream stream
    cdef Headers _headers
    cdef dict _state


cdef class Response:
    cdef public ResponseHead head
    cdef public bytes content
