"""Bytes on their way out, queued without being copied.

An ``OutputQueue`` is a row of parts, each a span of some ``bytes``: what is forwarded as it came
is queued where it lies.  Codecs write into the queue that a connection sends from.

C is spoken here because a part is three words in an array, where an object for each would have to
be made, linked and freed several times a message.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE, PyBytes_FromStringAndSize
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memmove


cdef class OutputQueue:
    """Parts in the order in which they leave; ``size`` is the sum of their bytes."""

    def __cinit__(self):
        self._parts = self._inline
        self._room = INLINE

    def __dealloc__(self):
        self.clear()
        if self._parts != self._inline:
            free(self._parts)

    cpdef int add(self, bytes data) except -1:
        """Queue all of ``data``; nothing once the queue is closed."""
        return self.add_part(data, 0, PyBytes_GET_SIZE(data))

    cpdef int add_part(self, bytes data, Py_ssize_t start, Py_ssize_t end) except -1:
        """Queue ``data[start:end]``; nothing once the queue is closed."""
        cdef Part *part
        if start >= end or self.closed:
            return 0
        if start < 0 or end > PyBytes_GET_SIZE(data):
            raise IndexError("a part is outside of its bytes")
        if self._first + self.count == self._room:
            self._make_room()
        part = &self._parts[self._first + self.count]
        Py_INCREF(data)
        part.data = <PyObject *>data
        part.start = PyBytes_AS_STRING(data) + start
        part.size = end - start
        self.count += 1
        self.size += end - start
        return 0

    cdef int _make_room(self) except -1:
        """Grow, unless enough of the front is free to move everything there."""
        cdef Part *parts = self._parts
        cdef Py_ssize_t room = self._room
        if self._first < room // 2:
            room *= 2
            parts = <Part *>malloc(room * sizeof(Part))
            if parts == NULL:
                raise MemoryError()
        memmove(parts, self._parts + self._first, self.count * sizeof(Part))
        if parts != self._parts:
            if self._parts != self._inline:
                free(self._parts)
            self._parts = parts
            self._room = room
        self._first = 0
        return 0

    cdef const Part *parts(self) noexcept:
        """Return the first of the ``count`` parts; for use before the queue changes."""
        return self._parts + self._first

    cpdef int drop(self, Py_ssize_t count) except -1:
        """Forget the first ``count`` bytes, at most ``size``: they have left."""
        cdef Part *part
        if count < 0 or count > self.size:
            raise IndexError("fewer bytes are queued")
        self.size -= count
        while count > 0:
            part = &self._parts[self._first]
            if count < part.size:
                part.start += count
                part.size -= count
                return 0
            count -= part.size
            self._first += 1
            self.count -= 1
            Py_DECREF(<bytes>part.data)
        if self.count == 0:
            self._first = 0
            if self._room > SPARE:
                free(self._parts)
                self._parts = self._inline
                self._room = INLINE
        return 0

    cpdef int clear(self) except -1:
        """Forget everything that is queued."""
        return self.drop(self.size)

    cpdef close(self):
        """Take nothing more; what is queued stays."""
        self.closed = True

    def joined(self):
        """Return what is queued as one ``bytes``."""
        cdef bytes whole = PyBytes_FromStringAndSize(NULL, self.size)
        cdef char *at = PyBytes_AS_STRING(whole)
        cdef Py_ssize_t index
        for index in range(self._first, self._first + self.count):
            memcpy(at, self._parts[index].start, self._parts[index].size)
            at += self._parts[index].size
        return whole

    def sources(self):
        """Return the ``bytes`` that the parts are spans of."""
        return [<bytes>self._parts[self._first + index].data for index in range(self.count)]
