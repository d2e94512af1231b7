cimport cython

from pymosn.message cimport RequestHead, ResponseHead
from pymosn.proxy.downstream cimport ProxyStream
from pymosn.proxy.exchange cimport Request, Response
from pymosn.proxy.request_body cimport RequestBody

cdef int _UPSTREAM_PROTOCOL, _TERMINATED


@cython.final
cdef class Conversion:
    cdef ProxyStream stream
    cdef str protocol
    cdef bint turns, waits
    cdef object _transcoder
    cdef Request _facade
    cdef Py_ssize_t _held

    cdef int begin(self, ProxyStream stream, object transcoder, str protocol, Request facade) except -1
    @cython.locals(stream=ProxyStream, body=RequestBody, content=bytes, head=RequestHead)
    cdef bint request(self) except -1
    cdef int on_response_data(self, Py_ssize_t size) except -1
    @cython.locals(stream=ProxyStream, answer=Response, content=bytes, head=ResponseHead)
    cdef bint response(self) except -1
    @cython.locals(stream=ProxyStream, head=ResponseHead)
    cdef void _failed(self, object error, int status)
