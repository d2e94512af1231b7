cimport cython

from pymosn.message cimport Head
from pymosn.stream.format cimport HeaderTemplate
from pymosn.stream.stream cimport Stream

cdef bytes _SET_COOKIE


@cython.final
cdef class Addition:
    cdef readonly bytes name, key
    cdef bint append
    cdef readonly HeaderTemplate template
    cdef bytes line

    @cython.locals(line=bytes, value=bytes, there=list)
    cpdef void apply(self, Head head, Stream stream)


@cython.final
cdef class Edits:
    cdef list _steps
    cdef HeaderTemplate _host
    cdef readonly bint empty

    @cython.locals(addition=Addition)
    cpdef void apply(self, Head head, Stream stream)
    cpdef bytes host(self, Stream stream)
