cimport cython

from pymosn.message cimport is_idempotent
from pymosn.network.timers cimport Reactive, Timer
from pymosn.proxy.downstream cimport ProxyStream
from pymosn.router.action cimport RouteEntry
from pymosn.stream.pool cimport Limits
from pymosn.upstream.cluster cimport UpstreamCluster

cdef int _UPSTREAM, _CONNECT_FAILED, _CONNECT_TIMEOUT, _UPSTREAM_CLOSED, _UPSTREAM_REFUSED


cdef class Retries(Reactive):
    cdef ProxyStream stream
    cdef bint free_used
    cdef int _by_policy
    cdef bint _counted, _due
    cdef Timer _timer

    cdef int begin(self, ProxyStream stream) except -1
    @cython.locals(stream=ProxyStream)
    cdef bint after(self, int reason) except -1
    @cython.locals(stream=ProxyStream, route=RouteEntry, cluster=UpstreamCluster, limits=Limits, wait=double)
    cdef bint after_pause(self, double pause) except -1
    cdef bint by_policy(self) except -1
    cdef int cancel(self) except -1
    @cython.locals(stream=ProxyStream)
    cdef int end(self) except -1
    @cython.locals(stream=ProxyStream)
    cdef void on_deferred(self)
    cdef void on_timer(self, Timer timer)
    @cython.locals(stream=ProxyStream)
    cdef bint _schedule(self, double wait) except -1
