cimport cython

from pymosn.proxy.downstream cimport ProxyStream
from pymosn.proxy.exchange cimport Request, Response
from pymosn.proxy.filters cimport FilterChain, Hook

cdef int _MAX_RESTARTS, _AFTER_ROUTE, _AFTER_HOST, _BEFORE_SEND, _DONE, _FILTER_FAILED


@cython.final
cdef class FilterRun:
    cdef ProxyStream stream
    cdef FilterChain chain
    cdef int _phase
    cdef Py_ssize_t _next
    cdef int _restarts
    cdef object _task
    cdef Request _request
    cdef Response _response

    cdef int begin(self, ProxyStream stream, FilterChain chain) except -1
    @cython.locals(stream=ProxyStream, phase=int, hook=Hook)
    cdef bint run(self, list hooks) except -1
    @cython.locals(stream=ProxyStream, hook=Hook)
    cdef bytes change_data(self, list hooks, bytes data)
    @cython.locals(stream=ProxyStream)
    cpdef void resume(self, Hook hook, object task)
    cdef int cancel(self) except -1
    @cython.locals(stream=ProxyStream, hook=Hook)
    cdef int end(self) except -1
    cdef int _park(self, ProxyStream stream, Hook hook, object coroutine) except -1
    @cython.locals(answer=Response)
    cdef bint _obey(self, ProxyStream stream, object result, Py_ssize_t count) except -1
    cdef bint _restart(self, ProxyStream stream, int status) except -1
    cdef void _failed(self, ProxyStream stream, Hook hook, object error)


@cython.locals(response=Response)
cdef Response _response_of(ProxyStream stream)
