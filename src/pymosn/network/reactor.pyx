"""The worker's loop: epoll, and the system calls on sockets; timers are in timers.pyx.

C is spoken here because every request passes through four system calls and nothing may be added
to them.  A ``Source`` is one descriptor; ``Connection`` (connection.py) and ``Listener``
(listener.py) are its kinds.  Registration is edge-triggered, once a descriptor.  The clock is read
once a turn.  ``select()`` makes the reactor the selector of an asyncio loop (loop.py): it returns
to asyncio only when asyncio has something to do.

Every read hands out an owned ``bytes``: nothing downstream can outlive a buffer.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.object cimport PyObject
from libc.errno cimport EAGAIN, EINPROGRESS, EINTR, ENOMEM, errno
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from pymosn.buffer cimport OutputQueue, Part
from pymosn.network.ring cimport NOT_DONE, SLOT, SLOTS, Ring
from pymosn.network.timers cimport Reactive, TimerWheel

import os
import sys
import traceback


cdef extern from "Python.h":
    int PyList_SetSlice(list items, Py_ssize_t low, Py_ssize_t high, PyObject *put) except -1

cdef extern from "<sys/epoll.h>" nogil:
    ctypedef union epoll_data_t:
        unsigned long long u64
    struct epoll_event:
        unsigned int events
        epoll_data_t data
    int epoll_create1(int flags)
    int epoll_ctl(int epfd, int op, int fd, epoll_event *event)
    int epoll_wait(int epfd, epoll_event *events, int maxevents, int timeout)
    int EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, EPOLL_CLOEXEC
    unsigned int READABLE "EPOLLIN", WRITABLE "EPOLLOUT"

cdef extern from "<sys/socket.h>" nogil:
    struct sockaddr:
        unsigned short sa_family
    ctypedef unsigned int socklen_t
    struct iovec:
        void *iov_base
        size_t iov_len
    struct msghdr:
        iovec *msg_iov
        size_t msg_iovlen
    struct linger:
        int l_onoff
        int l_linger
    ssize_t recv(int fd, void *buf, size_t len, int flags)
    ssize_t c_send "send"(int fd, const void *buf, size_t len, int flags)
    ssize_t sendmsg(int fd, const msghdr *msg, int flags)
    int c_accept4 "accept4"(int fd, sockaddr *addr, socklen_t *len, int flags)
    int c_connect "connect"(int fd, const sockaddr *addr, socklen_t len)
    int c_socket "socket"(int domain, int type, int protocol)
    int c_shutdown "shutdown"(int fd, int how)
    int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
    int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
    int getsockname(int fd, sockaddr *addr, socklen_t *len)
    int AF_UNIX, AF_INET, AF_INET6, SOCK_STREAM, SOCK_NONBLOCK, SOCK_CLOEXEC
    int SOL_SOCKET, SO_ERROR, SO_KEEPALIVE, SO_LINGER, SO_MARK, SHUT_WR, MSG_NOSIGNAL, MSG_PEEK, MSG_DONTWAIT, MSG_MORE

cdef extern from "<netinet/in.h>" nogil:
    int IPPROTO_TCP

cdef extern from "<netinet/tcp.h>" nogil:
    int TCP_NODELAY, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_QUICKACK

cdef extern from "<unistd.h>" nogil:
    int c_close "close"(int fd)

cdef extern from "<fcntl.h>" nogil:
    int c_pipe2 "pipe2"(int *fds, int flags)
    int c_fcntl "fcntl"(int fd, int command, ...)
    ssize_t c_splice "splice"(
        int source, long *source_at, int sink, long *sink_at, size_t count, unsigned int flags)
    int F_SETPIPE_SZ, F_GETPIPE_SZ, O_NONBLOCK, O_CLOEXEC
    int SPLICE_F_MOVE, SPLICE_F_NONBLOCK

cdef extern from "<string.h>" nogil:
    void *memset(void *s, int c, size_t n)

cdef enum:
    BATCH = 512             # events taken from the kernel at once
    WORTH = 3               # so many reads or sends together are cheaper than one by one
    PATIENCE_NS = 100000    # what is ready to be sent waits no longer for others
    LONG_NS = 1000000       # a turn has at least so much for what takes long
    SCRATCH = 65536         # the one hot receive buffer
    GATHER = 16384          # up to here small chunks are copied together for one send()
    VECTORS = 64
    SOCKADDR = 128
    KEEPALIVE_SECONDS = 15  # of silence before a probe, and between probes: as Go does for MOSN

READ_AHEAD = SLOT
"""Bytes that are received ahead of an event, at most."""

EPOLLIN = 0x001
EPOLLOUT = 0x004
EPOLLERR = 0x008
EPOLLHUP = 0x010
EPOLLRDHUP = 0x2000
EPOLLET = 0x80000000


cdef class Source(Reactive):
    """One registered descriptor.

    ``last``: nothing will be added to ``output``, and behind it comes the end of the stream.
    """

    cdef bint reads_ahead(self) noexcept:
        """Say whether the reactor may receive into ``early`` before it tells of the event."""
        return False

    cdef void on_events(self, unsigned int events):
        pass

    cdef bint flush(self) except -1:
        """Send what there is; or answer True to have ``output`` sent together with others'."""
        return False

    cdef void flushed(self, Py_ssize_t count):
        """So many bytes of ``output`` were sent (0: try later), or it failed: minus an errno."""


cdef class Pipe:
    """A pipe for ``splice``; closed with its last reference."""

    def __cinit__(self):
        self.read_end = -1

    def __dealloc__(self):
        if self.read_end >= 0:
            c_close(self.read_end)
            c_close(self.write_end)


cdef class PythonSource(Source):
    """A descriptor that asyncio watches (level-triggered)."""

    cdef object key
    cdef unsigned int seen

    cdef void on_events(self, unsigned int events):
        self.seen = events
        self.reactor._python_ready.append(self)


cdef class Reactor(TimerWheel):
    """One epoll set with its timers.  One thread; a worker has exactly one."""

    def __cinit__(self):
        self._epoll = -1
        self._events = malloc(BATCH * sizeof(epoll_event))
        self._scratch = <unsigned char *>malloc(SCRATCH)
        if self._events == NULL or self._scratch == NULL:
            raise MemoryError()

    def __init__(self, bint use_io_uring=True):
        """Raises ``OSError`` when the kernel grants no epoll descriptor."""
        self._ring = Ring() if use_io_uring else None
        self._sending = []
        self._epoll = epoll_create1(EPOLL_CLOEXEC)
        if self._epoll < 0:
            raise OSError(errno, os.strerror(errno))
        self._sources = [None] * 64
        TimerWheel.__init__(self)
        self._deferred = []
        self._long = []
        self._python_ready = []
        self.spare_pipes = []

    def __dealloc__(self):
        free(self._events)
        free(self._scratch)
        if self._epoll >= 0:
            c_close(self._epoll)

    def fileno(self):
        """Return the epoll descriptor: readable when a turn would do something."""
        return self._epoll

    def close(self):
        """Forget every source and timer; sources keep their descriptors."""
        if self._epoll >= 0:
            c_close(self._epoll)
            self._epoll = -1
        self._sources = []
        self.forget_timers()
        self._deferred = []
        self._long = []
        self._sending = []
        self._ring = None
        while self._first_flush is not None:
            self._next_flush()
        self._python_ready = []
        self.spare_pipes = []

    # -- sources ---------------------------------------------------------------------------

    cdef void add(self, Source source, int fd, unsigned int events):
        """Watch ``fd`` for ``source``; the source stays alive until it is removed."""
        cdef epoll_event event
        while fd >= len(self._sources):
            self._sources.extend([None] * len(self._sources))
        self._generation += 1
        source.fd = fd
        source.reactor = self
        source.generation = self._generation
        event.events = events
        # The generation tells a descriptor number that was closed and reused within one batch
        # of events from the one that the event was meant for.
        event.data.u64 = (<unsigned long long>self._generation << 32) | <unsigned int>fd
        if epoll_ctl(self._epoll, EPOLL_CTL_ADD, fd, &event) < 0:
            raise OSError(errno, os.strerror(errno))
        self._sources[fd] = source
        self.open_sources += 1

    cdef void remove(self, Source source):
        """Stop watching; the caller closes the descriptor."""
        cdef int fd = source.fd
        if 0 <= fd < len(self._sources) and self._sources[fd] is source:
            epoll_ctl(self._epoll, EPOLL_CTL_DEL, fd, NULL)
            self._sources[fd] = None
            self.open_sources -= 1

    cdef void change(self, Source source, unsigned int events) noexcept:
        """Watch for other events; what holds already is told in the next turn."""
        cdef epoll_event event
        event.events = events
        event.data.u64 = (<unsigned long long>source.generation << 32) | <unsigned int>source.fd
        epoll_ctl(self._epoll, EPOLL_CTL_MOD, source.fd, &event)

    cdef void close_source(self, Source source):
        """Stop watching, and close the descriptor: one system call does both."""
        cdef int fd = source.fd
        if 0 <= fd < len(self._sources) and self._sources[fd] is source:
            self._sources[fd] = None
            self.open_sources -= 1
        self.close_fd(fd)

    cdef void let_go(self):
        """Have what is ready sent now: something follows that takes long.  Handlers are called."""
        cdef Source acting = self._acting
        self._run_flushes()
        self._acting = acting

    cdef int defer(self, Reactive target) except -1:
        """Call ``target.on_deferred()`` at the end of this turn."""
        self._deferred.append(target)

    cdef int defer_long(self, Reactive target) except -1:
        """Call ``target.on_deferred()``, which takes long, when what is quick has been done.

        First come, first served; what does not fit into a turn is done in the next ones.
        """
        self._long.append(target)

    cdef bint has_event_for(self, Source source) noexcept:
        """Say whether this turn has brought an event of ``source`` that is still to be handled, and
        is not only about writing."""
        cdef epoll_event *events = <epoll_event *>self._events
        cdef unsigned long long tag
        cdef int index
        tag = (<unsigned long long>source.generation << 32) | <unsigned int>source.fd
        # At most ``BATCH`` of them, usually a handful: cheaper than a mark on every source.
        for index in range(self._next_event, self._event_count):
            if events[index].data.u64 == tag:
                return events[index].events & ~WRITABLE != 0
        return False

    cdef void flush_soon(self, Source source) noexcept:
        """Call ``source.flush()`` once the events under way have been handled."""
        if not source.flush_pending and not source.sending:
            source.flush_pending = True
            if self._first_flush is None:
                self._first_flush = source
            else:
                self._last_flush.next_flush = source
            self._last_flush = source

    cdef void flush_late(self, Source source) noexcept:
        """Call ``source.flush()`` at the end of this turn: many events make one output."""
        if not source.flush_pending:
            source.flush_pending = True
            if self._first_late is None:
                self._first_late = source
            else:
                self._last_late.next_flush = source
            self._last_late = source

    cdef int _wait_ms(self, double timeout):
        """Return how long epoll may wait: the nearest timer, at most ``timeout`` seconds."""
        cdef long wait
        if PyList_GET_SIZE(self._deferred) or PyList_GET_SIZE(self._long) \
                or self._first_flush is not None or self._first_late is not None:
            return 0
        wait = self.until_next()
        if timeout >= 0 and (wait < 0 or timeout * 1000 < wait):
            wait = <long>(timeout * 1000 + 0.999)
        return <int>min(wait, 3600000)

    # -- the turn --------------------------------------------------------------------------

    cdef int turn(self, int timeout_ms) except -1:
        """Wait for events, dispatch them, run timers and deferred work."""
        cdef epoll_event *events = <epoll_event *>self._events
        cdef int count
        if timeout_ms == 0:
            count = epoll_wait(self._epoll, events, BATCH, 0)
        else:
            with nogil:
                count = epoll_wait(self._epoll, events, BATCH, timeout_ms)
        self.now = self.clock()
        self.turns += 1
        if count < 0:
            if errno != EINTR:
                raise OSError(errno, os.strerror(errno))
            PyErr_CheckSignals()
            count = 0
        self._event_count = count
        self._next_event = 0
        while self._next_event < count:
            # Entering the guard costs as much as dispatching: once for all that go well.
            try:
                self._dispatch()
            except Exception:  # the edge: the others go on
                self.report(self._acting)
                self._run_flushes()
        if self.has_due():
            self._fire_timers()
        if PyList_GET_SIZE(self._deferred):
            self._run_deferred()
        self._flush_everything()
        if PyList_GET_SIZE(self._long):
            self._run_long()
            self._flush_everything()
        self._acting = None
        return count

    cdef int _dispatch(self) except -1:
        """Handle the next few events, and together send what comes of it."""
        cdef epoll_event *events = <epoll_event *>self._events
        cdef int stop = min(self._event_count, self._next_event + SLOTS), index
        cdef long until = (self.clock() if self._next_event else self.now) + PATIENCE_NS
        cdef Source source
        if stop - self._next_event >= WORTH and self._ring is not None:
            self._read_ahead(stop)
        while self._next_event < stop:
            index = self._next_event
            self._next_event += 1
            source = self._source_of(events[index].data.u64)
            if source is not None:
                self._acting = source
                source.on_events(events[index].events)
                if self._first_flush is not None and self._next_event < stop and self.clock() > until:
                    self._flush_pending()
                    until = self.clock() + PATIENCE_NS
        return self._flush_pending()

    cdef int _read_ahead(self, int stop) except -1:
        """Receive for all events before ``stop`` that tell of data and nothing else."""
        cdef epoll_event *events = <epoll_event *>self._events
        cdef Ring ring = self._ring
        cdef PyObject *sources[SLOTS]
        cdef Source source
        cdef int index, result, count = 0
        for index in range(self._next_event, stop):
            if events[index].events & ~WRITABLE == READABLE:
                source = self._source_of(events[index].data.u64)
                if source is not None and source.reads_ahead():
                    # Borrowed: nobody is called before all have what is theirs.
                    sources[count] = <PyObject *>source
                    count += 1
        if count < WORTH or not ring.open():
            return 0
        for index in range(count):
            ring.add_receive((<Source>sources[index]).fd)
        ring.run()
        for index in range(count):
            result = ring.results[index]
            if result > 0 or (result < 0 and result != NOT_DONE and result != -EAGAIN):
                source = <Source>sources[index]
                # For bytes there may be no memory: they are then lost, and their connection.
                source.early = b""
                source.early_error = -result if result < 0 else ENOMEM
        for index in range(count):
            if ring.results[index] > 0:
                source = <Source>sources[index]
                self._acting = source
                source.early = PyBytes_FromStringAndSize(
                    <char *>ring.slot(index), ring.results[index])
        return 0

    cdef Source _source_of(self, unsigned long long tag):
        """Return the source that an event is meant for, None when it is gone."""
        cdef unsigned int fd = <unsigned int>tag
        cdef PyObject *found
        if fd >= <unsigned int>PyList_GET_SIZE(self._sources):
            return None
        found = PyList_GET_ITEM(self._sources, fd)
        if found == <PyObject *>None or (<Source>found).generation != <unsigned int>(tag >> 32):
            return None
        return <Source>found

    cdef Source _next_flush(self):
        cdef Source source = self._first_flush
        self._first_flush = source.next_flush
        if self._first_flush is None:
            self._last_flush = None
        source.next_flush = None
        source.flush_pending = False
        return source

    cdef int _flush_pending(self) except -1:
        """Flush who asked for it; the source whose flush raises is ``_acting``."""
        cdef Source source
        while True:
            # A flush that fails may close other connections, which may have output of their own.
            self._conclude()
            while self._first_flush is not None and PyList_GET_SIZE(self._sending) < SLOTS:
                source = self._next_flush()
                if source.sending:
                    continue
                self._acting = source
                if source.flush():
                    source.sending = True
                    self._results[PyList_GET_SIZE(self._sending)] = NOT_DONE
                    self._sending.append(source)
            if PyList_GET_SIZE(self._sending) == 0:
                return 0
            self._send_together()

    cdef void _send_together(self) noexcept:
        """Send the output of those in ``_sending``, as far as one system call can."""
        cdef Ring ring = self._ring
        cdef int operations[SLOTS]
        cdef int index, count = <int>PyList_GET_SIZE(self._sending), added = 0
        cdef OutputQueue output
        cdef Source source
        if count < WORTH or ring is None or not ring.open():
            return
        for index in range(count):
            source = <Source>PyList_GET_ITEM(self._sending, index)
            output = source.output
            # Another's flush may have closed it; what is long and in pieces goes by itself.
            if output.size > 0 and (output.count == 1 or output.size <= SLOT):
                operations[added] = index
                if output.count == 1:
                    ring.add_send(source.fd, output.parts().start, output.size, source.last)
                else:
                    _gather(output, ring.slot(added))
                    ring.add_send(source.fd, ring.slot(added), output.size, source.last)
                added += 1
        ring.run()
        for index in range(added):
            self._results[operations[index]] = ring.results[index]

    cdef int _conclude(self) except -1:
        """Tell those in ``_sending`` what was sent; send for those that were left out."""
        cdef Source source
        cdef Py_ssize_t sent
        while self._concluded < PyList_GET_SIZE(self._sending):
            source = <Source>PyList_GET_ITEM(self._sending, self._concluded)
            sent = self._results[self._concluded]
            self._concluded += 1
            self._acting = source
            source.sending = False
            # Nothing is left of a connection that was closed meanwhile.
            if source.output.size > 0:
                if sent == NOT_DONE:
                    sent = self.send(source.fd, source.output, source.last)
                elif sent == -EAGAIN:
                    sent = 0
                source.flushed(sent)
        if self._concluded > 0:
            self._concluded = 0
            PyList_SetSlice(self._sending, 0, PyList_GET_SIZE(self._sending), NULL)
        return 0

    cdef void _run_flushes(self):
        while self._first_flush is not None or PyList_GET_SIZE(self._sending) > 0:
            try:
                self._flush_pending()
            except Exception:  # the edge: the others go on
                self.report(self._acting)

    cdef void _flush_everything(self):
        while self._first_flush is not None or self._first_late is not None:
            if self._first_flush is None:
                self._first_flush = self._first_late
                self._last_flush = self._last_late
                self._first_late = None
                self._last_late = None
            self._run_flushes()

    cdef void _fire_timers(self):
        while True:
            try:
                self.run_timers()
                return
            except Exception:  # the edge: the others go on
                self.report(self.firing)

    cdef void _run_deferred(self):
        cdef list work = self._deferred
        cdef Reactive target
        cdef int unflushed = 0
        self._deferred = []
        for item in work:
            target = <Reactive>item
            try:
                target.on_deferred()
            except Exception:  # the edge: the others go on
                self.report(target)
            unflushed += 1
            if unflushed == SLOTS:
                unflushed = 0
                self._run_flushes()

    cdef void _run_long(self):
        """Do what takes long: for as much time as all else took in this turn, once at least."""
        cdef long begun = self.clock()
        cdef long until = begun + max(begun - self.now, <long>LONG_NS)
        cdef Py_ssize_t done = 0
        cdef Reactive target
        while done < PyList_GET_SIZE(self._long):
            target = <Reactive>PyList_GET_ITEM(self._long, done)
            done += 1
            try:
                target.on_deferred()
            except Exception:  # the edge: the others go on
                self.report(target)
            if self.clock() >= until:
                break
        PyList_SetSlice(self._long, 0, done, NULL)

    cpdef void report(self, object where):
        """Tell of the exception that is being handled; a connection ``where`` it was is closed."""
        if self.on_error is not None:
            self.on_error(where, sys.exc_info()[1])
        else:
            traceback.print_exc()
        if isinstance(where, Source):
            close = getattr(where, "abort", None)
            if close is not None:
                close()

    def run_once(self, double timeout=-1.0):
        """One turn on its own, for embedding: wait at most ``timeout`` seconds (-1: for ever)."""
        self.turn(self._wait_ms(timeout))

    def next_timeout(self):
        """Return the seconds until the next timer, or None."""
        cdef int wait = self._wait_ms(-1)
        return None if wait < 0 else wait / 1000

    # -- asyncio's selector ----------------------------------------------------------------

    def python_register(self, int fd, unsigned int events, object key):
        """Watch ``fd`` level-triggered on behalf of asyncio."""
        cdef PythonSource source = PythonSource()
        source.key = key
        self.add(source, fd, events)

    def python_modify(self, int fd, unsigned int events, object key):
        """Change what asyncio wants to know of ``fd``."""
        cdef PythonSource source = <PythonSource?>self._sources[fd]
        cdef epoll_event event
        source.key = key
        event.events = events
        event.data.u64 = (<unsigned long long>source.generation << 32) | <unsigned int>fd
        if epoll_ctl(self._epoll, EPOLL_CTL_MOD, fd, &event) < 0:
            raise OSError(errno, os.strerror(errno))

    def python_unregister(self, int fd):
        """Stop watching ``fd``; the descriptor may be closed already."""
        self.remove(<PythonSource?>self._sources[fd])

    def select(self, timeout):
        """Serve native sources until asyncio has something to do.

        Returns ``[(key, epoll events), …]`` for asyncio's own descriptors; empty after
        ``timeout`` seconds (None: no limit) or when ``wakeup`` was set by a callback.
        """
        cdef double seconds = -1.0
        cdef long deadline = 0
        cdef list ready
        if timeout is not None:
            seconds = max(0.0, timeout)
            deadline = self.now + <long>(seconds * 1e9)
        self.wakeup = False
        while True:
            self.turn(self._wait_ms(seconds))
            if self._python_ready:
                ready = [((<PythonSource>s).key, (<PythonSource>s).seen)
                         for s in self._python_ready]
                self._python_ready = []
                return ready
            if self.wakeup:
                return []
            if timeout is not None:
                if self.now >= deadline:
                    return []
                seconds = (deadline - self.now) / 1e9

    # -- system calls ----------------------------------------------------------------------

    cdef bytes receive(self, int fd, Py_ssize_t limit, bint bulk):
        """Read up to ``limit`` (at most 65536) bytes.

        Returns None with ``io_error`` 0 at the end of the stream, EAGAIN when there is nothing
        now, else an errno.  ``bulk`` receives into its own memory, which saves the copy of
        large reads.
        """
        cdef ssize_t count
        cdef bytes result
        if limit > SCRATCH:
            limit = SCRATCH
        if bulk:
            result = PyBytes_FromStringAndSize(NULL, limit)
            while True:
                count = recv(fd, PyBytes_AS_STRING(result), limit, 0)
                if count >= 0 or errno != EINTR:
                    break
            if count > 0:
                if count == limit:
                    return result
                return PyBytes_FromStringAndSize(PyBytes_AS_STRING(result), count)
        else:
            while True:
                count = recv(fd, self._scratch, limit, 0)
                if count >= 0 or errno != EINTR:
                    break
            if count > 0:
                return PyBytes_FromStringAndSize(<char *>self._scratch, count)
        self.io_error = 0 if count == 0 else errno
        return None

    cdef bytes take_early(self, Source source):
        """Return what was received ahead of the event; same result convention as ``receive``."""
        cdef bytes data = source.early
        source.early = None
        if PyBytes_GET_SIZE(data) > 0:
            return data
        self.io_error = source.early_error
        return None

    cdef Py_ssize_t fill_scratch(self, int fd) noexcept:
        """Read up to 64 KB into the scratch buffer: how many, 0 at the end of the stream, or
        minus an errno.  The next read or gathered send overwrites them."""
        cdef ssize_t count
        while True:
            count = recv(fd, self._scratch, SCRATCH, 0)
            if count >= 0:
                return count
            if errno != EINTR:
                return -errno

    cdef int peek_byte(self, int fd) noexcept:
        """Return the first byte that waits to be read, -1 when none does yet, -2 when none will."""
        cdef unsigned char first
        cdef ssize_t count = recv(fd, &first, 1, MSG_PEEK | MSG_DONTWAIT)
        if count == 1:
            return first
        return -1 if count < 0 and errno == EAGAIN else -2

    cdef bytes discard(self, int fd):
        """Read and drop up to 64 KB; same result convention as ``receive``."""
        cdef ssize_t count = recv(fd, self._scratch, SCRATCH, 0)
        if count > 0:
            return b"x"
        self.io_error = 0 if count == 0 else errno
        return None

    cdef Py_ssize_t send_memory(
            self, int fd, const unsigned char *data, Py_ssize_t size, bint last) noexcept:
        """Send bytes that are nobody's object: those taken (0: try later) or minus an errno."""
        cdef ssize_t count
        while True:
            count = c_send(fd, data, size, MSG_NOSIGNAL | MSG_MORE if last else MSG_NOSIGNAL)
            if count >= 0:
                return count
            if errno == EAGAIN:
                return 0
            if errno != EINTR:
                return -errno

    cdef Py_ssize_t send(self, int fd, OutputQueue queue, bint last) noexcept:
        """Send what is queued with one system call; the bytes taken (0: try later) or minus an
        errno.  The queue is left as it is.

        ``last``: the caller ends the stream when all is taken, and that end then travels in the
        packet of the last byte.
        """
        cdef iovec vectors[VECTORS]
        cdef msghdr message
        cdef int count = <int>min(queue.count, <Py_ssize_t>VECTORS), index
        cdef int flags = MSG_NOSIGNAL | MSG_MORE if last and count == queue.count else MSG_NOSIGNAL
        cdef ssize_t sent
        cdef const Part *parts = queue.parts()
        for index in range(count):
            vectors[index].iov_base = <void *>parts[index].start
            vectors[index].iov_len = parts[index].size
        if count > 1 and queue.size <= GATHER:
            _gather(queue, self._scratch)
            vectors[0].iov_base = self._scratch
            vectors[0].iov_len = queue.size
            count = 1
        while True:
            if count == 1:
                sent = c_send(fd, vectors[0].iov_base, vectors[0].iov_len, flags)
            else:
                memset(&message, 0, sizeof(message))
                message.msg_iov = vectors
                message.msg_iovlen = count
                sent = sendmsg(fd, &message, flags)
            if sent >= 0:
                return sent
            if errno == EAGAIN:
                return 0
            if errno != EINTR:
                return -errno

    cdef Pipe open_pipe(self, int wanted):
        """Return a pipe of ``wanted`` bytes, or fewer where the kernel grants no more; None when
        there are no descriptors."""
        cdef int ends[2]
        cdef Pipe pipe
        if c_pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0:
            return None
        pipe = Pipe.__new__(Pipe)
        pipe.read_end = ends[0]
        pipe.write_end = ends[1]
        pipe.size = c_fcntl(ends[1], F_SETPIPE_SZ, wanted)
        if pipe.size < 0:
            pipe.size = c_fcntl(ends[1], F_GETPIPE_SZ)
        return pipe

    cdef Py_ssize_t splice(self, int source, int sink, Py_ssize_t count) noexcept:
        """Move bytes between a socket and a pipe: how many, 0 at the end of the stream, or
        minus an errno (EAGAIN: the source is empty or the sink full)."""
        cdef ssize_t moved
        while True:
            moved = c_splice(source, NULL, sink, NULL, count, SPLICE_F_MOVE | SPLICE_F_NONBLOCK)
            if moved >= 0:
                return moved
            if errno != EINTR:
                return -errno

    cdef int open_stream_socket(self, int family) except -2:
        """Return a non-blocking stream socket with TCP_NODELAY and keepalive, or -1 with
        ``errno``."""
        cdef int fd = c_socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
        if fd >= 0 and family != AF_UNIX:
            self.set_nodelay(fd)
            self.set_keepalive(fd)
        return fd

    cdef int start_connect(self, int fd, bytes address) noexcept:
        """Connect to a packed sockaddr: 0 when connected, EINPROGRESS, or another errno."""
        if c_connect(fd, <sockaddr *>PyBytes_AS_STRING(address),
                     <socklen_t>PyBytes_GET_SIZE(address)) == 0:
            return 0
        return errno

    cdef int socket_error(self, int fd) noexcept:
        """Return and clear the pending error of a socket."""
        cdef int error = 0
        cdef socklen_t size = sizeof(error)
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size)
        return error

    cdef int accept_one(self, int listening, list peer) except -2:
        """Accept a connection: its descriptor, or minus an errno.

        ``peer[0]`` becomes the packed sockaddr of the other end.
        """
        cdef char address[SOCKADDR]
        cdef socklen_t size = SOCKADDR
        cdef int fd = c_accept4(listening, <sockaddr *>address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC)
        if fd < 0:
            return -errno
        peer[0] = PyBytes_FromStringAndSize(address, min(size, <socklen_t>SOCKADDR))
        return fd

    cdef void set_nodelay(self, int fd) noexcept:
        cdef int on = 1
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on))

    cdef void set_keepalive(self, int fd) noexcept:
        """Have the kernel find out when the peer has vanished.  Accepted sockets inherit it."""
        cdef int on = 1, seconds = KEEPALIVE_SECONDS
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on))
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof(seconds))
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof(seconds))

    cdef void acknowledge_at_once(self, int fd) noexcept:
        """Have the kernel acknowledge the next bytes without waiting for what we answer."""
        cdef int on = 1
        setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on))

    cdef int set_mark(self, int fd, int mark) noexcept:
        """Set SO_MARK; 0, or an errno (it needs CAP_NET_ADMIN)."""
        if setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0:
            return errno
        return 0

    cdef void close_fd(self, int fd) noexcept:
        c_close(fd)

    cdef void shutdown_write(self, int fd) noexcept:
        c_shutdown(fd, SHUT_WR)

    cdef void reset_on_close(self, int fd) noexcept:
        """Make close() send RST: the peer must not take what it got for complete."""
        cdef linger off
        off.l_onoff = 1
        off.l_linger = 0
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off))

    cdef bint has_pending_input(self, int fd) noexcept:
        """Say whether a read would return at once: data, end of stream or an error."""
        cdef char probe
        cdef ssize_t count = recv(fd, &probe, 1, MSG_PEEK | MSG_DONTWAIT)
        return count >= 0 or (errno != EAGAIN)

    cdef bytes local_address(self, int fd):
        """Return the packed sockaddr of this end."""
        cdef char address[SOCKADDR]
        cdef socklen_t size = SOCKADDR
        if getsockname(fd, <sockaddr *>address, &size) < 0:
            return b""
        return PyBytes_FromStringAndSize(address, min(size, <socklen_t>SOCKADDR))

    cdef bytes bound_address(self, int fd):
        """Return the packed sockaddr that a listening socket shares with what it accepts, or
        nothing if it listens on several."""
        cdef bytes address = self.local_address(fd)
        cdef int family = (<sockaddr *>PyBytes_AS_STRING(address)).sa_family if address else 0
        if family == AF_INET and address[4:8] == bytes(4):
            return b""
        if family == AF_INET6 and address[8:24] == bytes(16):
            return b""
        return address


cdef void _gather(OutputQueue queue, unsigned char *into) noexcept:
    """Copy all that is queued, one part behind the other."""
    cdef const Part *parts = queue.parts()
    cdef Py_ssize_t index
    for index in range(queue.count):
        memcpy(into, parts[index].start, parts[index].size)
        into += parts[index].size
