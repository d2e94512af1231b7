cimport cython

from pymosn.message cimport RequestHead, ResponseHead
from pymosn.protocol.xprotocol.frame cimport (
    Codec,
    FieldRequest,
    FieldResponse,
    FrameLimits,
    RpcProtocol,
    RpcRequest,
    i64,
    patched,
    u16,
    u32,
)
from pymosn.protocol.xprotocol.hessian cimport HessianReader, encode_string

cdef int _REQUEST, _RESPONSE, _HEARTBEAT, _HEARTBEAT_REPLY, _GOAWAY, _MATCH, _AGAIN, _FAIL
cdef long _MAGIC
cdef str _NAME
cdef bytes _MAGIC_BYTES, _READ_ONLY, _SERVICE, _METHOD


cdef class DubboRequest(FieldRequest):
    cdef bytes _service, _method, _version, _dubbo
    cdef Py_ssize_t _arguments, _attachments, _most

    cdef int enter_dubbo(self, bytes body, Py_ssize_t most) except -1
    cpdef list load(self)
    cpdef bytes get(self, bytes name)
    cpdef bytes rpc_service(self)
    cpdef bytes rpc_method(self)
    cpdef bytes rpc_version(self)
    @cython.locals(at=Py_ssize_t)
    cpdef list attachments(self)
    cpdef Py_ssize_t find_attachments(self)
    @cython.locals(reader=HessianReader, types=bytes, count=Py_ssize_t, at=Py_ssize_t)
    cdef Py_ssize_t _look_for_attachments(self)


cdef class DubboResponse(FieldResponse):
    cdef Py_ssize_t _most

    cpdef list load(self)
    @cython.locals(body=bytes, at=Py_ssize_t, parts=list, fields=list)
    cpdef bytes body_now(self, bint may_have)
    @cython.locals(reader=HessianReader, body=bytes, at=Py_ssize_t)
    cdef Py_ssize_t _find_attachments(self)


cdef class Dubbo(RpcProtocol):
    cpdef int match(self, bytes data) except -2
    cpdef Codec codec(self, FrameLimits limits)


cdef class DubboCodec(Codec):
    cdef bint _asked_two_way
    cdef int _asked_serialization
    cdef bytes _asked_body

    @cython.locals(raw='const unsigned char *')
    cpdef Py_ssize_t measure(self, bytes data, Py_ssize_t at, Py_ssize_t available) except -2
    @cython.locals(
        raw='const unsigned char *', flags=int, response=DubboResponse, request=DubboRequest,
        reader=HessianReader)
    cpdef int read(self, bytes data, Py_ssize_t at, Py_ssize_t size) except -2
    @cython.locals(body=bytes)
    cdef int _event(self, bytes data, Py_ssize_t at, Py_ssize_t size, int flags) except -2
    @cython.locals(request=DubboRequest, start=bytes, changed=bytes)
    cpdef list encode_request(self, RequestHead head, bytes content, long number)
    @cython.locals(
        response=DubboResponse, start=bytes, status=int, text=bytes, what=bytes)
    cpdef list encode_response(self, ResponseHead head, bytes content, RpcRequest request)
    cpdef bytes heartbeat(self, long number)
    @cython.locals(body=bytes)
    cpdef bytes heartbeat_reply(self)
    cpdef bytes goaway(self, long number)


@cython.locals(codec=DubboCodec, start=bytes)
cpdef DubboRequest new_request(bytes body)
@cython.locals(codec=DubboCodec, response=DubboResponse)
cpdef DubboResponse new_response(int status, bytes body)
cpdef int http_status(int status)
cpdef int dubbo_status(int status)
cpdef bint takes_attachments(bytes version)
@cython.locals(raw='const unsigned char *', size=Py_ssize_t, at=Py_ssize_t, byte=int)
cpdef Py_ssize_t count_types(bytes types)
@cython.locals(again=DubboRequest, reader=HessianReader, fields=list, came=bytes)
cdef bytes _with_fields(DubboRequest request, bytes content)
@cython.locals(at=Py_ssize_t, body=bytes, tail=bytes, parts=list, wanted=dict, extra=list)
cdef bytes _rewritten(DubboRequest request, list fields)
@cython.locals(
    reader=HessianReader, parts=list, start=Py_ssize_t, key=bytes, value=bytes, text=bint,
    written=Py_ssize_t)
cdef bytes _attachments(bytes body, Py_ssize_t at, list fields, dict metadata)
@cython.locals(reader=HessianReader, pairs=list, key=bytes, value=bytes)
cdef list _string_pairs(bytes body, Py_ssize_t at, Py_ssize_t most)
cdef void _enter_map(HessianReader reader)
cdef bint _is_string(int code) noexcept
cdef bytes _start(int flags, int status, long number, Py_ssize_t size)
