"""64-bit numbers in shared memory, and histograms of them.

A histogram is ``count, sum, min, max`` and one slot a bucket.

C is spoken here for a pointer to the memory: a typed memoryview would do, but Cython then repeats
60 KB of code and four classes in every module that knows of a class with one.
"""

cimport cython
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer

BUCKETS = tuple([
    int(milliseconds * 1_000_000)
    for milliseconds in (
        0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000,
    )
])
HISTOGRAM_SLOTS = 4 + len(BUCKETS) + 1
assert len(BUCKETS) == BOUNDS and HISTOGRAM_SLOTS == STEPS


# The cycle collector would drop the buffer's owner without giving the buffer back.
@cython.no_gc_clear
cdef class Slots:
    """The slots of one worker's segment, or of anything else that can be written to.

    ``values`` is the same memory for Python code.  What lies outside of it is not counted.
    """

    def __cinit__(self, memoryview view):
        cdef Py_buffer window
        self.values = view.cast("B").cast("q")
        PyObject_GetBuffer(self.values, &window, PyBUF_WRITABLE)
        self._slots = <long *>window.buf
        self._size = window.len // <Py_ssize_t>sizeof(long)
        PyBuffer_Release(&window)
        # What keeps the memory where it is belongs to its owner, not to the view: that one the
        # cycle collector may take away first.
        PyObject_GetBuffer(view.obj, &self._buffer, PyBUF_WRITABLE)
        for index, bound in enumerate(BUCKETS):
            self._bounds[index] = bound

    def __dealloc__(self):
        PyBuffer_Release(&self._buffer)

    cdef void add(self, Py_ssize_t slot, long amount) noexcept:
        """Add to one slot."""
        if 0 <= slot < self._size:
            self._slots[slot] += amount

    cdef void observe(self, Py_ssize_t slot, long duration) noexcept:
        """Count ``duration``, in nanoseconds, in the histogram that begins at ``slot``."""
        cdef long *run
        cdef Py_ssize_t index = 0
        if slot < 0 or slot + STEPS > self._size:
            return
        run = self._slots + slot
        run[0] += 1
        run[1] += duration
        if run[0] == 1 or duration < run[2]:
            run[2] = duration
        if duration > run[3]:
            run[3] = duration
        while index < BOUNDS and duration > self._bounds[index]:
            index += 1
        run[4 + index] += 1
