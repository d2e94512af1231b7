cimport cython


cdef class Reactive:
    cdef void on_timer(self, Timer timer)
    cdef void on_deferred(self)


@cython.final
cdef class Timer:
    cdef Timer before
    cdef Timer after
    cdef Reactive target
    cdef long deadline


cdef class TimerWheel:
    cdef public long now
    cdef readonly int armed_timers
    cdef long _tick
    cdef long _next_tick
    cdef long _last_cascade
    cdef list _slots
    cdef Timer _overflow
    cdef Reactive firing

    cdef long clock(self) noexcept
    cdef void arm(self, Timer timer, Reactive target, double seconds) noexcept
    cdef void cancel(self, Timer timer) noexcept
    cdef long until_next(self) noexcept
    cdef bint has_due(self) noexcept
    cdef int run_timers(self) except -1
    cdef void forget_timers(self)
    cdef int _fire(self, Timer head) except -1
    cdef void _cascade(self)
    cdef void _rescan(self)
