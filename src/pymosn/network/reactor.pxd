cimport cython

from pymosn.buffer cimport OutputQueue
from pymosn.network.ring cimport SLOTS, Ring
from pymosn.network.timers cimport Reactive, Timer, TimerWheel


cdef class Source(Reactive):
    cdef readonly int fd
    cdef unsigned int generation
    cdef Reactor reactor
    cdef bint flush_pending, sending, last
    cdef Source next_flush
    cdef readonly OutputQueue output
    cdef bytes early
    cdef int early_error

    cdef bint reads_ahead(self) noexcept
    cdef void on_events(self, unsigned int events)
    cdef bint flush(self) except -1
    cdef void flushed(self, Py_ssize_t count)


cdef class Pipe:
    cdef readonly int read_end, write_end, size


@cython.final
cdef class Reactor(TimerWheel):
    cdef int _epoll
    cdef void *_events
    cdef int _next_event, _event_count
    cdef unsigned char *_scratch
    cdef Ring _ring
    cdef list _sources
    cdef unsigned int _generation
    cdef readonly int open_sources
    cdef public object on_error

    # work for later in this turn
    cdef list _deferred
    cdef list _long
    cdef Source _first_flush
    cdef Source _last_flush
    cdef Source _first_late
    cdef Source _last_late
    cdef Source _acting
    cdef list _sending
    cdef int _concluded
    cdef int _results[SLOTS]

    # pipes for splice.py to use again
    cdef readonly list spare_pipes

    # asyncio's share
    cdef list _python_ready
    cdef public bint wakeup

    cdef readonly long turns
    cdef int io_error

    cdef void add(self, Source source, int fd, unsigned int events)
    cdef void remove(self, Source source)
    cdef void change(self, Source source, unsigned int events) noexcept
    cdef void close_source(self, Source source)
    cdef void let_go(self)
    cdef int defer(self, Reactive target) except -1
    cdef int defer_long(self, Reactive target) except -1
    cdef bint has_event_for(self, Source source) noexcept
    cdef void flush_soon(self, Source source) noexcept
    cdef void flush_late(self, Source source) noexcept

    cdef bytes receive(self, int fd, Py_ssize_t limit, bint bulk)
    cdef bytes take_early(self, Source source)
    cdef Py_ssize_t fill_scratch(self, int fd) noexcept
    cdef int peek_byte(self, int fd) noexcept
    cdef Py_ssize_t send_memory(
        self, int fd, const unsigned char *data, Py_ssize_t size, bint last) noexcept
    cdef Py_ssize_t send(self, int fd, OutputQueue queue, bint last) noexcept
    cdef bytes discard(self, int fd)

    cdef int turn(self, int timeout_ms) except -1
    cdef int _dispatch(self) except -1
    cdef int _read_ahead(self, int stop) except -1
    cdef Source _source_of(self, unsigned long long tag)
    cdef Source _next_flush(self)
    cdef int _flush_pending(self) except -1
    cdef void _send_together(self) noexcept
    cdef int _conclude(self) except -1
    cdef void _run_flushes(self)
    cdef void _flush_everything(self)
    cdef void _fire_timers(self)
    cdef void _run_deferred(self)
    cdef void _run_long(self)
    cdef int _wait_ms(self, double timeout)
    cpdef void report(self, object where)

    cdef Pipe open_pipe(self, int wanted)
    cdef Py_ssize_t splice(self, int source, int sink, Py_ssize_t count) noexcept
    cdef int open_stream_socket(self, int family) except -2
    cdef int start_connect(self, int fd, bytes address) noexcept
    cdef int socket_error(self, int fd) noexcept
    cdef int accept_one(self, int listening, list peer) except -2
    cdef void set_nodelay(self, int fd) noexcept
    cdef void set_keepalive(self, int fd) noexcept
    cdef void acknowledge_at_once(self, int fd) noexcept
    cdef int set_mark(self, int fd, int mark) noexcept
    cdef void close_fd(self, int fd) noexcept
    cdef void shutdown_write(self, int fd) noexcept
    cdef void reset_on_close(self, int fd) noexcept
    cdef bint has_pending_input(self, int fd) noexcept
    cdef bytes local_address(self, int fd)
    cdef bytes bound_address(self, int fd)
