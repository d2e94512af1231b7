cimport cython

from pymosn.buffer cimport OutputQueue
from pymosn.network.reactor cimport Reactor, Source
from pymosn.network.secure cimport TlsLayer
from pymosn.network.timers cimport Reactive, Timer

cdef unsigned int _READ_EVENTS, _EDGE_EVENTS, _HANGUP, _BROKEN, _OUT, _ERROR
cdef Py_ssize_t _READ_SIZE, _READ_AHEAD, _HIGH_WATER, _LOW_WATER
cdef int _READS_IN_A_ROW, _EAGAIN, _ECONNRESET, _ETIMEDOUT, _WAITING, _DONE
cdef Handler _NOBODY


cdef class Handler(Reactive):
    cdef void on_connected(self)
    cdef void on_data(self, bytes data)
    cdef void on_eof(self)
    cdef void on_flush(self)
    cdef void on_drained(self)
    cdef void on_spliced(self, Py_ssize_t moved, bint done)
    cdef void on_closed(self, int error)


cdef class Transfer:
    cdef void source_ready(self)
    cdef void sink_ready(self)
    cdef Py_ssize_t held(self)
    cdef void cancel(self)


cdef class Connection(Source):
    cdef Reactor _reactor
    cdef public Handler handler
    cdef readonly bytes peer
    cdef readonly TlsLayer tls
    cdef Transfer outgoing
    cdef Transfer incoming
    cdef readonly long bytes_read
    cdef readonly long bytes_written
    cdef Timer _linger_timer
    cdef Py_ssize_t _linger_left
    cdef long _linger_progress
    cdef readonly bint connecting, closed, eof, write_ended
    cdef bint readable, hangup, paused, lingering, close_when_flushed
    cdef bint above_high_water, _write_shut, _bulk, _gathers, _watches_room

    cdef void enter(self, Reactor reactor, Handler handler, bytes peer)
    cdef void open(self, int fd, bint connecting)
    cdef void start_tls(self, TlsLayer layer)
    cdef int write(self, bytes data) except -1
    cdef bint write_late(self, bytes data) except -1
    cdef bint written(self) noexcept
    cdef void gather(self)
    cdef void end_write(self)
    cdef void pause_reading(self) noexcept
    cdef int resume_reading(self) except -1
    cdef int continue_reading(self) except -1
    cdef void await_room(self) noexcept
    @cython.locals(transfer=Transfer)
    cdef Py_ssize_t unsent(self)
    @cython.locals(transfer=Transfer)
    cdef bint holds_back(self) except -1
    cdef bint may_have_input(self) noexcept
    cdef bint has_input(self) except -1
    cdef bint nothing_sent_since(self, long written) noexcept
    cpdef void close(self)
    @cython.locals(transfer=Transfer)
    cdef void close_lingering(self)
    cpdef void abort(self)
    @cython.locals(tls=TlsLayer)
    cdef void abandon(self)
    cdef int fail(self, int error) except -1

    @cython.locals(transfer=Transfer)
    cdef void on_events(self, unsigned int events)
    cdef void on_deferred(self)
    cdef void on_timer(self, Timer timer)
    cdef bint flush(self) except -1
    cdef void flushed(self, Py_ssize_t count)
    cdef bint reads_ahead(self) noexcept
    @cython.locals(count=Py_ssize_t)
    cdef void _send(self)

    cdef int _stopped(self, Py_ssize_t result) except -1
    cdef bint _is_below_high_water(self) noexcept
    @cython.locals(handler=Handler)
    cdef int _sent(self, Py_ssize_t count) except -1
    @cython.locals(handler=Handler, transfer=Transfer)
    cdef void _settle(self)
    @cython.locals(
        reads=int, size=Py_ssize_t, room=Py_ssize_t, data=bytes, handler=Handler,
        transfer=Transfer)
    cdef void _read(self)
    @cython.locals(tls=TlsLayer, count=Py_ssize_t, handler=Handler)
    cdef void _flush_tls(self)
    @cython.locals(tls=TlsLayer, reads=int, size=Py_ssize_t, data=bytes, handler=Handler)
    cdef void _read_tls(self)
    @cython.locals(count=int)
    cdef int _push(self, TlsLayer tls) except -1
    cdef bint _is_shaking(self) noexcept
    @cython.locals(result=int, handler=Handler)
    cdef void _shake(self, TlsLayer tls)
    @cython.locals(handler=Handler)
    cdef void _read_nothing(self, int error)
    @cython.locals(error=int, handler=Handler)
    cdef void _finish_connecting(self, unsigned int events)
    @cython.locals(handler=Handler, transfer=Transfer)
    cdef void _shut(self, int error)
