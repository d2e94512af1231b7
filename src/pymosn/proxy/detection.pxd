cimport cython

from pymosn.network.connection cimport Connection, Handler
from pymosn.network.timers cimport Timer
from pymosn.proxy.accept cimport HttpAcceptor, ServingAcceptor
from pymosn.stream.stream cimport ConnectionInfo


cdef class Detection(Handler):
    cdef HttpAcceptor acceptor
    cdef readonly Connection connection
    cdef ConnectionInfo info
    cdef Timer _timer
    cdef bytes _data

    cdef void begin(self, bytes data)
    cpdef void drain(self)
    cpdef void abort(self)
    @cython.locals(acceptor=HttpAcceptor)
    cdef void on_data(self, bytes data)
    cdef void on_timer(self, Timer timer)
    cdef void on_eof(self)
    cdef void on_closed(self, int error)
    cdef void _leave(self)
    @cython.locals(fallback=ServingAcceptor, acceptor=HttpAcceptor)
    cdef bint _fall_back(self) except -1
    @cython.locals(acceptor=HttpAcceptor)
    cdef int _give_up(self, str why) except -1
