cimport cython

cdef enum:
    SLOTS = 16              # operations at once
    SLOT = 16384            # bytes each may receive, or gather to send
    NOT_DONE = -0x7fffffff


@cython.final
cdef class Ring:
    cdef readonly bint usable
    cdef int count
    cdef int results[SLOTS]
    cdef int _fd
    cdef unsigned char *_slots
    cdef char *_rings
    cdef char *_entries
    cdef char *_completions
    cdef size_t _rings_size, _entries_size
    cdef unsigned int _tail, _mask, _completion_mask
    cdef unsigned int *_submission_head
    cdef unsigned int *_submission_tail
    cdef unsigned int *_completion_head
    cdef unsigned int *_completion_tail

    cdef unsigned char *slot(self, int index) noexcept
    cdef bint open(self) noexcept
    cdef void add_receive(self, int fd) noexcept
    cdef void add_send(self, int fd, const void *data, Py_ssize_t size, bint last) noexcept
    cdef void run(self) noexcept

    cdef void _add(
        self, int opcode, int fd, const void *data, Py_ssize_t size, unsigned int flags) noexcept
    cdef int _enter(self, unsigned int submit, unsigned int wait) noexcept
    cdef unsigned int _collect(self) noexcept
    cdef bint _open(self) noexcept
    cdef char *_map(self, long offset, size_t size) noexcept
    cdef void _close(self) noexcept
