cimport cython

from pymosn.observe.slots cimport Slots
from pymosn.proxy.grpc_call cimport GrpcCall

cdef Py_ssize_t _MAX_METHODS, _MAX_NAME
cdef int _GRPC_TOTAL, _GRPC_TIME, _GRPC_STATUS, _RPC_TOTAL, _RPC_FAILED, _RPC_STATUS, _RPC_TIME
cdef bytes _OTHER, _NO_SERVICE


cdef class MethodTable:
    cdef Slots _values
    cdef dict _services
    cdef list _rows
    cdef Py_ssize_t _size
    cdef bytes _other

    @cython.locals(slot=long, index=long, run=list, taken=list)
    cpdef list take(self)
    @cython.locals(methods=dict, slot=long, fits=bint)
    cdef long _slot(self, bytes service, bytes method, bint served) except -1
    @cython.locals(slot=long)
    cdef long _new(self, bytes service, bytes method) except -1


@cython.final
cdef class GrpcMethods(MethodTable):
    @cython.locals(slot=long, values=Slots)
    cpdef int count(self, bytes name, GrpcCall call, long duration) except -1


@cython.final
cdef class RpcMethods(MethodTable):
    @cython.locals(slot=long, values=Slots)
    cpdef int count(
        self, bytes service, bytes method, int status, bint answered, long duration) except -1
