cimport cython

from pymosn.message cimport RequestHead, ResponseHead
from pymosn.protocol.xprotocol.frame cimport (
    Codec,
    FieldRequest,
    FrameLimits,
    RpcProtocol,
    RpcRequest,
    RpcResponse,
    i64,
    patched,
    u16,
    u32,
)

cdef int _REQUEST, _RESPONSE, _CALL, _ONEWAY, _EXCEPTION, _MATCH, _AGAIN, _FAIL
cdef long _MAGIC
cdef str _NAME
cdef bytes _SERVICE, _METHOD


cdef class DubboThriftRequest(FieldRequest):
    cdef readonly bytes service, name
    cdef readonly long sequence
    cdef readonly int kind

    cpdef list load(self)
    cpdef bytes get(self, bytes name)
    cpdef bytes rpc_service(self)
    cpdef bytes rpc_method(self)


cdef class DubboThriftResponse(RpcResponse):
    cdef Py_ssize_t id_at


cdef class DubboThrift(RpcProtocol):
    cpdef int match(self, bytes data) except -2
    cpdef Codec codec(self, FrameLimits limits)


cdef class DubboThriftCodec(Codec):
    @cython.locals(raw='const unsigned char *', size=Py_ssize_t, header=Py_ssize_t)
    cpdef Py_ssize_t measure(self, bytes data, Py_ssize_t at, Py_ssize_t available) except -2
    @cython.locals(
        raw='const unsigned char *', finish=Py_ssize_t, message=Py_ssize_t, service=Py_ssize_t,
        id_at=Py_ssize_t, kind=int, name=bytes, behind=Py_ssize_t, response=DubboThriftResponse,
        request=DubboThriftRequest)
    cpdef int read(self, bytes data, Py_ssize_t at, Py_ssize_t size) except -2
    @cython.locals(
        raw='const unsigned char *', first=long, kind=int, size=Py_ssize_t, name=Py_ssize_t)
    cdef tuple _message(self, bytes data, Py_ssize_t at, Py_ssize_t end)
    @cython.locals(request=DubboThriftRequest, start=bytes, service=bytes, method=bytes)
    cpdef list encode_request(self, RequestHead head, bytes content, long number)
    @cython.locals(
        response=DubboThriftResponse, start=bytes, asked=DubboThriftRequest, why=bytes,
        exception=bytes, message=bytes)
    cpdef list encode_response(self, ResponseHead head, bytes content, RpcRequest request)


cdef int _exception_kind(int status) noexcept
cdef bytes _exception(int kind, bytes why)
cdef bytes _message_start(bytes name, int kind, long sequence)
@cython.locals(behind=Py_ssize_t, rest=bytes)
cdef bytes _renamed(DubboThriftRequest request, bytes content, bytes method)
cdef bytes _start(bytes service, long number)
cdef bytes _sized(bytes start, Py_ssize_t content_size)
