"""The timer wheel: coarse timeouts that cost a few pointer writes and no system call.

2048 slots of 16 ms, and an overflow list for what is further away.  C is spoken here because most
requests arm a timer that never fires.
"""

cimport cython
from cpython.list cimport PyList_GET_ITEM


cdef extern from "<time.h>" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    int clock_gettime(int clock, timespec *ts)
    int CLOCK_MONOTONIC

cdef enum:
    WHEEL = 2048            # slots
    TICK_NS = 16000000      # 16 ms: timeouts are coarse
    NEVER = 0x7fffffffffffffff


cdef class Reactive:
    """Anything that the reactor may call back: when a timer fires, or later in the same turn."""

    cdef void on_timer(self, Timer timer):
        pass

    cdef void on_deferred(self):
        pass


@cython.final
@cython.freelist(256)
cdef class Timer:
    """A node of the timer wheel.  It holds its target, and the wheel it, only while it is armed."""


cdef class Callback(Reactive):
    """A Python callable on a timer (``TimerWheel.call_later``)."""

    cdef TimerWheel _wheel
    cdef Timer _timer
    cdef object _call

    def cancel(self):
        """Do not call it any more."""
        self._wheel.cancel(self._timer)

    cdef void on_timer(self, Timer timer):
        self._call()


cdef class TimerWheel:
    """Timers of one thread, and the clock, which is read once a turn."""

    def __init__(self):
        self.now = self.clock()
        self._tick = self.now // TICK_NS
        self._next_tick = NEVER
        self._last_cascade = self._tick
        self._slots = [_sentinel() for _ in range(WHEEL)]
        self._overflow = _sentinel()

    cdef long clock(self) noexcept:
        """Return what ``now`` would be if it were read again: monotonic, in nanoseconds."""
        cdef timespec ts
        clock_gettime(CLOCK_MONOTONIC, &ts)
        return ts.tv_sec * 1000000000 + ts.tv_nsec

    cdef void arm(self, Timer timer, Reactive target, double seconds) noexcept:
        """(Re)start ``timer``: ``target.on_timer(timer)`` in ``seconds`` or up to 32 ms later."""
        cdef Timer head
        cdef long ticks
        if timer.target is not None:
            _unlink(timer)
        else:
            self.armed_timers += 1
        timer.target = target
        ticks = <long>(seconds * (1e9 / TICK_NS)) + 2
        # Not from _tick: while events are dispatched, that is still the turn before's.
        timer.deadline = self.now // TICK_NS + ticks
        if ticks < WHEEL:
            head = <Timer>PyList_GET_ITEM(self._slots, timer.deadline & (WHEEL - 1))
            if timer.deadline < self._next_tick:
                self._next_tick = timer.deadline
        else:
            head = self._overflow
        _link(timer, head)

    cdef void cancel(self, Timer timer) noexcept:
        """Stop ``timer``; does nothing when it is not armed."""
        if timer.target is not None:
            timer.target = None
            _unlink(timer)
            self.armed_timers -= 1

    def call_later(self, double seconds, call):
        """Call ``call()`` once in ``seconds`` (give or take 32 ms); returns a handle with
        ``cancel``."""
        cdef Callback callback = Callback()
        callback._wheel = self
        callback._timer = Timer()
        callback._call = call
        self.arm(callback._timer, callback, seconds)
        return callback

    cdef long until_next(self) noexcept:
        """Return the milliseconds until there may be something to do, at least 0; -1: never."""
        cdef long until = self._next_tick
        cdef long cascade = self._last_cascade + WHEEL // 2
        if self._overflow.after is not self._overflow and cascade < until:
            until = cascade
        if until == NEVER:
            return -1
        return max(0, (until * TICK_NS - self.now) // 1000000 + 1)

    cdef bint has_due(self) noexcept:
        """Say whether ``run_timers`` would do anything."""
        cdef long now = self.now // TICK_NS
        return now >= self._next_tick or now - self._last_cascade >= WHEEL // 2

    cdef int run_timers(self) except -1:
        """Fire what is due.  What a callback raises ends it; ``firing`` is whose callback that was,
        and the next call goes on."""
        cdef long now = self.now // TICK_NS
        cdef long tick
        if now - self._last_cascade >= WHEEL // 2:
            self._cascade()
            self._last_cascade = now
        if now >= self._next_tick:
            tick = self._next_tick
            if now - tick >= WHEEL:
                tick = now - WHEEL + 1
            while tick <= now:
                self._tick = tick
                self._fire(<Timer>PyList_GET_ITEM(self._slots, tick & (WHEEL - 1)))
                tick += 1
            self._tick = now
            self._rescan()
        return 0

    cdef void forget_timers(self):
        """Disarm all, for good."""
        for head in self._slots:
            _empty(<Timer>head)
        _empty(self._overflow)
        self._slots = []

    cdef int _fire(self, Timer head) except -1:
        cdef Timer timer = head.after
        cdef Timer following
        cdef Reactive target
        while timer is not head:
            following = timer.after
            if timer.deadline <= self._tick:
                target = timer.target
                self.cancel(timer)
                self.firing = target
                target.on_timer(timer)
                # The callback may have unlinked the next one: start over.
                following = head.after
            timer = following
        self.firing = None
        return 0

    cdef void _cascade(self):
        """Move timers that have come within a revolution from the overflow list to the wheel."""
        cdef long now = self.now // TICK_NS
        cdef Timer timer = self._overflow.after
        cdef Timer following, head
        while timer is not self._overflow:
            following = timer.after
            if timer.deadline - now < WHEEL:
                _unlink(timer)
                if timer.deadline <= now:
                    timer.deadline = now + 1
                head = <Timer>PyList_GET_ITEM(self._slots, timer.deadline & (WHEEL - 1))
                _link(timer, head)
                if timer.deadline < self._next_tick:
                    self._next_tick = timer.deadline
            timer = following

    cdef void _rescan(self):
        """Find the next slot that holds a timer."""
        cdef long tick = self._tick + 1
        cdef Timer head
        cdef int step
        self._next_tick = NEVER
        for step in range(WHEEL):
            head = <Timer>PyList_GET_ITEM(self._slots, (tick + step) & (WHEEL - 1))
            if head.after is not head:
                self._next_tick = tick + step
                return


cdef Timer _sentinel():
    cdef Timer timer = Timer()
    timer.before = timer
    timer.after = timer
    return timer


cdef void _link(Timer timer, Timer head) noexcept:
    timer.before = head.before
    timer.after = head
    head.before.after = timer
    head.before = timer


cdef void _unlink(Timer timer) noexcept:
    timer.before.after = timer.after
    timer.after.before = timer.before
    timer.before = None
    timer.after = None


cdef void _empty(Timer head):
    cdef Timer timer
    while head.after is not head:
        timer = head.after
        timer.target = None
        _unlink(timer)
    head.before = None
    head.after = None
