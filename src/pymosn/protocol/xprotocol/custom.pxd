cimport cython

from pymosn.message cimport RequestHead, ResponseHead
from pymosn.protocol.xprotocol.frame cimport (
    Codec,
    FieldRequest,
    FieldResponse,
    FrameLimits,
    RpcProtocol,
    RpcRequest,
)

cdef int _REQUEST, _RESPONSE, _HEARTBEAT, _HEARTBEAT_REPLY, _GOAWAY


cdef class CustomRequest(FieldRequest):
    cdef readonly object frame

    cpdef list load(self)
    cpdef bytes rpc_service(self)
    cpdef bytes rpc_method(self)


cdef class CustomResponse(FieldResponse):
    cdef readonly object frame

    cpdef list load(self)


cdef class CustomProtocol(RpcProtocol):
    cdef readonly object protocol
    cdef object _report

    cpdef int match(self, bytes data) except -2
    cpdef Codec codec(self, FrameLimits limits)


cdef class CustomCodec(Codec):
    cdef str name
    cdef object protocol
    cdef object _frame
    cdef object _report

    cpdef Py_ssize_t measure(self, bytes data, Py_ssize_t at, Py_ssize_t available) except -2
    cpdef int read(self, bytes data, Py_ssize_t at, Py_ssize_t size) except -2
    @cython.locals(request=CustomRequest, response=CustomResponse)
    cdef int _take(self, object frame) except -2
    @cython.locals(request=CustomRequest)
    cpdef list encode_request(self, RequestHead head, bytes content, long number)
    @cython.locals(response=CustomResponse, asked=CustomRequest)
    cpdef list encode_response(self, ResponseHead head, bytes content, RpcRequest request)
    cpdef bytes heartbeat(self, long number)
    cpdef bytes heartbeat_reply(self)
    cpdef bytes goaway(self, long number)
    cdef bytes _simple(self, object make, tuple arguments, long number)
    cdef list _encoded(self, object frame, long number, bytes content, object headers)
    cdef Py_ssize_t _checked_size(self, Py_ssize_t size)
    cdef Py_ssize_t _raised(self, object error) except -2
    cdef Py_ssize_t _bad(self, str what)


cdef list _as_bytes(object headers)
