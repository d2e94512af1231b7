cimport cython

from pymosn.network.connection cimport Connection, Handler, Transfer
from pymosn.network.reactor cimport Pipe, Reactor

cdef Py_ssize_t _TURN_BYTES, _SMALL_BYTES
cdef int _PIPE_BYTES, _SPARE_PIPES, _SMALL_IN_A_ROW, _EAGAIN


cdef class Splice(Transfer):
    cdef Reactor _reactor
    cdef readonly Connection source
    cdef readonly Connection sink
    cdef Pipe _pipe
    cdef Py_ssize_t _held
    cdef long _left
    cdef int _small
    cdef bint _pumping, _finished

    cdef void begin(self)
    cdef void source_ready(self)
    cdef void sink_ready(self)
    cdef Py_ssize_t held(self)
    @cython.locals(source=Connection)
    cdef void cancel(self)

    @cython.locals(source=Connection, sink=Connection)
    cdef int _detach(self) except -1

    @cython.locals(source=Connection, moved=Py_ssize_t, done=bint, handler=Handler)
    cdef void _pump(self)
    @cython.locals(source=Connection, moved=Py_ssize_t)
    cdef Py_ssize_t _move(self) except -1
    @cython.locals(source=Connection, pipe=Pipe, wanted=Py_ssize_t, count=Py_ssize_t)
    cdef void _fill(self)
    @cython.locals(sink=Connection, total=Py_ssize_t, count=Py_ssize_t)
    cdef Py_ssize_t _empty(self) except -1
    cdef void _weigh(self, Py_ssize_t count)
    @cython.locals(spare=list)
    cdef Pipe _take_pipe(self)
    @cython.locals(spare=list, pipe=Pipe)
    cdef void _release_pipe(self)
