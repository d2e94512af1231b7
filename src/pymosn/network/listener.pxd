cimport cython

from pymosn.network.reactor cimport Reactor, Source
from pymosn.network.timers cimport Reactive, Timer

cdef int _ACCEPTS_IN_A_ROW, _EAGAIN, _EMFILE, _ENFILE
cdef unsigned int _EVENTS


cdef class Acceptor(Reactive):
    cdef public bytes local

    cdef void on_accept(self, int fd, bytes peer)


cdef class Listener(Source):
    cdef Reactor _reactor
    cdef public Acceptor acceptor
    cdef readonly str name
    cdef readonly bint closed
    cdef Timer _timer
    cdef list _peer
    cdef long _last_turn
    cdef bint _watched

    cpdef void open(self, int fd)
    cpdef void close(self)
    @cython.locals(alone=bint, count=int, fd=int)
    cdef void on_events(self, unsigned int events)
    cdef void on_timer(self, Timer timer)
