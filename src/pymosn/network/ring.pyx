"""Several receives and sends with one system call: io_uring used as a row of calls.

Every operation is one that cannot wait (MSG_DONTWAIT), so all have ended when ``run`` returns:
nothing is ever under way, nothing needs to be cancelled, and no memory stays lent to the kernel.
Where the kernel or a seccomp filter refuses io_uring, ``usable`` is False and callers make their
system calls one by one.

The structures and numbers are the kernel's interface, spelled out here because the headers of old
systems lack them (io_uring_setup(2), io_uring_enter(2)).
"""

from libc.errno cimport EINTR, EINVAL, EOPNOTSUPP, errno
from libc.stdlib cimport free, malloc
from libc.string cimport memset


cdef extern from "<sys/mman.h>" nogil:
    void *mmap(void *address, size_t length, int protection, int flags, int fd, long offset)
    int munmap(void *address, size_t length)
    int PROT_READ, PROT_WRITE, MAP_SHARED, MAP_POPULATE
    void *MAP_FAILED

cdef extern from "<sys/socket.h>" nogil:
    int MSG_DONTWAIT, MSG_NOSIGNAL, MSG_MORE

cdef extern from "<unistd.h>" nogil:
    long syscall(long number, ...)
    int c_close "close"(int fd)

cdef enum:
    SYS_IO_URING_SETUP = 425
    SYS_IO_URING_ENTER = 426
    ENTER_GETEVENTS = 1
    OP_SEND = 26
    OP_RECV = 27
    OFFSET_RINGS = 0
    OFFSET_SUBMISSIONS = 0x10000000
    FEATURE_ONE_MAPPING = 1     # IORING_FEAT_SINGLE_MMAP, Linux 5.4; OP_SEND came with 5.6
    STRIDE = SLOT + 320         # slots must not all begin in the same sets of the cache


cdef struct SubmissionOffsets:
    unsigned int head, tail, ring_mask, ring_entries, flags, dropped, array, unused
    unsigned long long address

cdef struct CompletionOffsets:
    unsigned int head, tail, ring_mask, ring_entries, overflow, cqes, flags, unused
    unsigned long long address

cdef struct Parameters:
    unsigned int sq_entries, cq_entries, flags, sq_thread_cpu, sq_thread_idle, features, wq_fd
    unsigned int unused[3]
    SubmissionOffsets submissions
    CompletionOffsets completions

cdef struct Submission:
    unsigned char opcode, flags
    unsigned short priority
    int fd
    unsigned long long offset, address
    unsigned int length, message_flags
    unsigned long long user_data
    unsigned long long unused[3]

cdef struct Completion:
    unsigned long long user_data
    int result
    unsigned int flags


cdef class Ring:
    """Up to ``SLOTS`` receives or sends at once.  One thread at a time."""

    def __cinit__(self):
        self._fd = -1
        self.usable = True

    def __dealloc__(self):
        self._close()
        free(self._slots)

    cdef unsigned char *slot(self, int index) noexcept:
        """Return the memory of operation ``index``: what it received, or what it is to send.
        Valid once something was added, until ``close``; ``SLOT`` bytes."""
        return self._slots + index * STRIDE

    cdef bint open(self) noexcept:
        """Be ready for ``add_…``; False when there is no io_uring here."""
        if self._fd < 0 and self.usable:
            self.usable = self._open()
        return self.usable

    cdef void add_receive(self, int fd) noexcept:
        """Receive up to ``SLOT`` bytes into the slot of this operation."""
        self._add(OP_RECV, fd, self.slot(self.count), SLOT, 0)

    cdef void add_send(self, int fd, const void *data, Py_ssize_t size, bint last) noexcept:
        """Send ``data``, which stays as it is until ``run`` has returned.

        ``last``: the caller ends the stream when all is taken, and that end then travels in the
        packet of the last byte.
        """
        self._add(OP_SEND, fd, data, size, MSG_NOSIGNAL | MSG_MORE if last else MSG_NOSIGNAL)

    cdef void run(self) noexcept:
        """Do what was added.  ``results`` has for each operation the bytes moved, minus an errno, or
        ``NOT_DONE``."""
        cdef int count = self.count, index
        cdef unsigned int missing
        self.count = 0
        for index in range(count):
            self.results[index] = NOT_DONE
        self._submission_tail[0] = self._tail
        if self._enter(count, 0) < 0:
            self.usable = False
        # What the kernel did not take is not to be taken the next time.
        missing = self._submission_head[0] - (self._tail - count)
        self._tail = self._submission_head[0]
        self._submission_tail[0] = self._tail
        missing -= self._collect()
        while missing > 0 and self._enter(0, missing) >= 0:
            missing -= self._collect()

    # -- private -----------------------------------------------------------------------------

    cdef void _add(
            self, int opcode, int fd, const void *data, Py_ssize_t size, unsigned int flags) noexcept:
        cdef Submission *entry = <Submission *>self._entries + (self._tail & self._mask)
        memset(entry, 0, sizeof(Submission))
        entry.opcode = opcode
        entry.fd = fd
        entry.address = <unsigned long long><size_t>data
        entry.length = <unsigned int>min(size, <Py_ssize_t>0x7fffffff)
        entry.message_flags = MSG_DONTWAIT | flags
        entry.user_data = self.count
        self._tail += 1
        self.count += 1

    cdef int _enter(self, unsigned int submit, unsigned int wait) noexcept:
        cdef long taken
        while True:
            taken = syscall(SYS_IO_URING_ENTER, self._fd, submit, wait,
                            ENTER_GETEVENTS if wait else 0, NULL, 0)
            if taken >= 0 or errno != EINTR:
                return <int>taken

    cdef unsigned int _collect(self) noexcept:
        cdef unsigned int head = self._completion_head[0], tail = self._completion_tail[0]
        cdef unsigned int count = tail - head
        cdef Completion *entry
        while head != tail:
            entry = <Completion *>self._completions + (head & self._completion_mask)
            if entry.result == -EINVAL or entry.result == -EOPNOTSUPP:
                # A kernel that knows the ring but not the operation.
                self.usable = False
            elif entry.user_data < SLOTS and entry.result != -EINTR:
                self.results[entry.user_data] = entry.result
            head += 1
        self._completion_head[0] = head
        return count

    cdef bint _open(self) noexcept:
        cdef Parameters setup
        cdef unsigned int *identity
        cdef unsigned int index
        memset(&setup, 0, sizeof(setup))
        self._fd = <int>syscall(SYS_IO_URING_SETUP, <unsigned int>SLOTS, &setup)
        if self._fd < 0:
            return False
        self._slots = <unsigned char *>malloc(SLOTS * STRIDE)
        self._rings_size = max(
            setup.submissions.array + setup.sq_entries * sizeof(unsigned int),
            setup.completions.cqes + setup.cq_entries * sizeof(Completion))
        self._entries_size = setup.sq_entries * sizeof(Submission)
        self._rings = self._map(OFFSET_RINGS, self._rings_size)
        self._entries = self._map(OFFSET_SUBMISSIONS, self._entries_size)
        if self._slots == NULL or self._rings == NULL or self._entries == NULL \
                or not setup.features & FEATURE_ONE_MAPPING:
            self._close()
            return False
        self._mask = setup.sq_entries - 1
        self._submission_head = <unsigned int *>(self._rings + setup.submissions.head)
        self._submission_tail = <unsigned int *>(self._rings + setup.submissions.tail)
        self._completion_mask = setup.cq_entries - 1
        self._completion_head = <unsigned int *>(self._rings + setup.completions.head)
        self._completion_tail = <unsigned int *>(self._rings + setup.completions.tail)
        self._completions = self._rings + setup.completions.cqes
        identity = <unsigned int *>(self._rings + setup.submissions.array)
        for index in range(setup.sq_entries):
            identity[index] = index
        return True

    cdef char *_map(self, long offset, size_t size) noexcept:
        cdef void *memory = mmap(
            NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, self._fd, offset)
        return NULL if memory == MAP_FAILED else <char *>memory

    cdef void _close(self) noexcept:
        if self._rings != NULL:
            munmap(self._rings, self._rings_size)
            self._rings = NULL
        if self._entries != NULL:
            munmap(self._entries, self._entries_size)
            self._entries = NULL
        if self._fd >= 0:
            c_close(self._fd)
            self._fd = -1
