cimport cython

from pymosn.network.reactor cimport Reactor
from pymosn.network.timers cimport Reactive, Timer
from pymosn.stream.format cimport Format
from pymosn.stream.stream cimport Stream
from pymosn.stream.variables cimport Variable

cdef Py_ssize_t _BUFFER_BYTES
cdef int _STDOUT, _STDERR


cdef class AccessLog(Reactive):
    cdef readonly str path
    cdef readonly double flush_interval
    cdef readonly long dropped
    cdef readonly str error
    cdef Format _format
    cdef JsonLine _json
    cdef list _buffer
    cdef Py_ssize_t _size
    cdef long _lines
    cdef bint _torn
    cdef int _fd
    cdef object _syslog
    cdef Reactor _reactor
    cdef Timer _timer
    cdef bint _armed

    @cython.locals(line=bytes)
    cpdef void log(self, Stream stream)
    cdef void on_timer(self, Timer timer)
    @cython.locals(lines=long, data=bytes, written=Py_ssize_t)
    cpdef void flush(self)
    cpdef long take_dropped(self)
    cpdef void reopen(self)
    cpdef void close(self)
    @cython.locals(line=bytes)
    cdef int _send_lines(self, object syslog) except -1
    cdef int _release(self) except -1


@cython.final
cdef class JsonLine:
    cdef list _names, _formats

    @cython.locals(
        out=list, index=Py_ssize_t, field=Format, variable=Variable, value=bytes)
    cpdef bytes render(self, Stream stream)


cpdef bytes json_string(bytes value)
@cython.locals(raw='const unsigned char *', size=Py_ssize_t, at=Py_ssize_t)
cdef bint _is_plain(bytes value) except -1
