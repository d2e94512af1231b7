cimport cython

from pymosn.stream.stream cimport Stream
from pymosn.upstream.hosts cimport UpstreamHost

cdef unsigned long _MASK


cdef class Random:
    cdef unsigned long _state

    @cython.locals(state='unsigned long')
    cpdef double draw(self)
    cpdef long below(self, long limit)


cdef class Balancer:
    cdef readonly Random random
    cdef readonly object config
    cdef public list hosts

    cpdef void update(self, list hosts)
    cpdef UpstreamHost choose(self, Stream stream)


cdef class RandomBalancer(Balancer):
    cpdef UpstreamHost choose(self, Stream stream)
    @cython.locals(hosts=list, count=Py_ssize_t, step=Py_ssize_t, host=UpstreamHost)
    cdef UpstreamHost healthy_from(self, Py_ssize_t start)


cdef class RoundRobin(RandomBalancer):
    cdef Py_ssize_t next

    cpdef void update(self, list hosts)
    @cython.locals(count=Py_ssize_t, index=Py_ssize_t)
    cpdef UpstreamHost choose(self, Stream stream)


cdef class WeightedRoundRobin(RoundRobin):
    cdef bint weighted

    cpdef void update(self, list hosts)
    @cython.locals(best=UpstreamHost, host=UpstreamHost, total=double)
    cpdef UpstreamHost choose(self, Stream stream)


cdef class LeastRequest(RandomBalancer):
    cdef int choice_count
    cdef double bias

    @cython.locals(
        best=UpstreamHost, host=UpstreamHost, best_score=double, score=double, count=Py_ssize_t)
    cpdef UpstreamHost choose(self, Stream stream)
