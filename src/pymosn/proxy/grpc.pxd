cimport cython

from pymosn.observe.slots cimport Slots
from pymosn.proxy.grpc_call cimport GrpcCall

cdef int _MAX_METHODS, _MAX_NAME, _SIZE, _REQUEST_TOTAL, _REQUEST_TIME
cdef int _FIRST_STATUS
cdef bytes _OTHER


@cython.final
cdef class GrpcMethods:
    cdef Slots _values
    cdef dict _slots
    cdef long _size
    cdef set _changed

    @cython.locals(slot=long, known=bint, values=Slots)
    cpdef void count(self, bytes name, GrpcCall call, long duration)
    @cython.locals(slot=long, index=long, values=Slots, run=list, taken=list)
    cpdef list take(self)
    @cython.locals(slot=long)
    cdef long _new(self, bytes name) except -1
