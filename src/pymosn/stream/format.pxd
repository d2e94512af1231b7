cimport cython

from pymosn.stream.stream cimport Stream
from pymosn.stream.texts cimport header_safe, log_safe
from pymosn.stream.variables cimport Variable, lookup, lookup_or_setting

cdef bytes _MISSING


@cython.final
cdef class Format:
    cdef readonly str text
    cdef list _pieces, _variables, _places
    cdef readonly Variable single

    @cython.locals(
        pieces=list, index=Py_ssize_t, place=Py_ssize_t, variable=Variable, value=bytes)
    cpdef bytes render(self, Stream stream)
    @cython.locals(
        pieces=list, index=Py_ssize_t, place=Py_ssize_t, variable=Variable, value=bytes)
    cpdef bytes plain(self, Stream stream)


cdef class HeaderTemplate:
    cdef list _parts
    cdef readonly bytes constant

    @cython.locals(out=list, variable=Variable, value=bytes)
    cpdef bytes render(self, Stream stream)


cdef class _Unknown(Variable):
    cdef Variable _variable
    cdef bytes _literal

    @cython.locals(value=bytes)
    cpdef bytes value(self, Stream stream)
