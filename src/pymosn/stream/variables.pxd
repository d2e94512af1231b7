cimport cython

from pymosn.message cimport RequestHead, ResponseHead
from pymosn.protocol.uri cimport parameter
from pymosn.stream.stream cimport Stream
from pymosn.stream.texts cimport as_bytes

cdef int _MOSN_TIME, _ISO_TIME
cdef tuple _DIGITS


cdef class Variable:
    cdef readonly bint trusted, numeric

    cpdef bytes value(self, Stream stream)


cdef class Fact(Variable):
    cdef object function

    cpdef bytes value(self, Stream stream)


cdef class Setting(Variable):
    cdef readonly str name
    cdef object default

    cpdef bytes value(self, Stream stream)


cdef class StartTime(Variable):
    cdef int _form
    cdef long _second_begins
    cdef bytes _second

    @cython.locals(nanoseconds=long, milliseconds=bytes)
    cpdef bytes value(self, Stream stream)
    @cython.locals(offset=long, wall=long, second=long)
    cdef int _new_second(self, long started) except -1


cdef class RequestHeader(Variable):
    cdef readonly bytes name

    cpdef bytes value(self, Stream stream)


cdef class ResponseHeader(Variable):
    cdef readonly bytes name

    cpdef bytes value(self, Stream stream)


cdef class Argument(Variable):
    cdef readonly bytes name

    cpdef bytes value(self, Stream stream)


cdef class Cookie(Variable):
    cdef readonly bytes name

    cpdef bytes value(self, Stream stream)


cpdef Variable lookup(str name)
cpdef Variable lookup_or_setting(str name)
@cython.locals(header=bytes, pair=bytes, key=bytes, mark=bytes, value=bytes)
cpdef bytes cookie(Stream stream, bytes name)
