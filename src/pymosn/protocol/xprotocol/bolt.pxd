cimport cython

from pymosn.message cimport Head, RequestHead, ResponseHead
from pymosn.protocol.xprotocol.frame cimport (
    Codec,
    FrameLimits,
    RpcProtocol,
    RpcRequest,
    RpcResponse,
    added_fields,
    i32,
    patched,
    u16,
    u32,
)

cdef int _REQUEST, _RESPONSE, _HEARTBEAT, _HEARTBEAT_REPLY, _GOAWAY, _BAD_REQUEST, _MATCH
cdef int _ONEWAY, _HEARTBEAT_COMMAND, _GOAWAY_COMMAND
cdef long _NULL
cdef str _NAME
cdef bytes _SOFA_SERVICE, _SERVICE, _SOFA_METHOD, _METHOD, _SOFA_REQUEST, _SOFA_RESPONSE


cdef class BoltRequest(RpcRequest):
    cdef readonly int version
    cdef readonly bint crc

    cdef Py_ssize_t _find(self, bytes name, Py_ssize_t start)
    cdef Py_ssize_t _next_line(self, Py_ssize_t at)
    cdef bytes _value(self, Py_ssize_t at, Py_ssize_t size)
    cpdef bytes rpc_service(self)
    cpdef bytes rpc_method(self)


cdef class BoltResponse(RpcResponse):
    cdef readonly int version
    cdef readonly bint crc

    cdef Py_ssize_t _find(self, bytes name, Py_ssize_t start)
    cdef Py_ssize_t _next_line(self, Py_ssize_t at)
    cdef bytes _value(self, Py_ssize_t at, Py_ssize_t size)


cdef class Bolt(RpcProtocol):
    cdef readonly int version

    cpdef int match(self, bytes data) except -2
    cpdef bint takes(self, RpcRequest request) except -1
    cpdef Codec codec(self, FrameLimits limits)


cdef class BoltV2(Bolt):
    pass


cdef class BoltCodec(Codec):
    cdef int version, _asked_version

    @cython.locals(
        raw='const unsigned char *', version=int, shift=int, kind=int, lengths=Py_ssize_t,
        header=Py_ssize_t, size=Py_ssize_t)
    cpdef Py_ssize_t measure(self, bytes data, Py_ssize_t at, Py_ssize_t available) except -2
    @cython.locals(
        raw='const unsigned char *', shift=int, kind=int, command=int, lengths=Py_ssize_t,
        fields=Py_ssize_t, end=Py_ssize_t, finish=Py_ssize_t, crc=bint, request=BoltRequest)
    cpdef int read(self, bytes data, Py_ssize_t at, Py_ssize_t size) except -2
    @cython.locals(raw='const unsigned char *', response=BoltResponse)
    cdef BoltResponse _response(
        self, bytes data, Py_ssize_t at, Py_ssize_t lengths, Py_ssize_t fields, Py_ssize_t end,
        Py_ssize_t finish, bint crc)
    @cython.locals(request=BoltRequest, shift=int, start=bytes, changed=bytes)
    cpdef list encode_request(self, RequestHead head, bytes content, long number)
    @cython.locals(response=BoltResponse, shift=int, start=bytes, changed=bytes)
    cpdef list encode_response(self, ResponseHead head, bytes content, RpcRequest request)
    cpdef bytes heartbeat(self, long number)
    cpdef bytes heartbeat_reply(self)
    cpdef bytes fault(self)
    cpdef bytes goaway(self, long number)
    @cython.locals(block=bytes, raw=bytes)
    cdef bytes _changed(
        self, Head head, bytes start, Py_ssize_t fields, Py_ssize_t lengths, bytes content)
    @cython.locals(parts=list)
    cdef list _finished(self, bytes start, bytes content, bint crc)
    cdef list _foreign_request(self, RequestHead head, bytes content, long number)
    @cython.locals(asked=BoltRequest, version=int, status=int, start=bytes)
    cdef list _hijack(self, ResponseHead head, bytes content, RpcRequest request)


@cython.locals(request=BoltRequest, block=bytes, start=bytes, size=Py_ssize_t)
cpdef BoltRequest new_request(list fields, Py_ssize_t content_size, long timeout, bytes class_name)
@cython.locals(
    response=BoltResponse, block=bytes, sizes=bytes, start=bytes, at=Py_ssize_t, code=int)
cpdef BoltResponse new_response(int status, list fields, Py_ssize_t content_size, int version)
cpdef int http_status(int status) noexcept
cpdef int bolt_status(int status, int version)

@cython.locals(raw='const unsigned char *', count=Py_ssize_t, size=long, index=int)
cdef bint _is_sound(bytes data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t most) noexcept
@cython.locals(size=long, value=Py_ssize_t)
cdef Py_ssize_t _pair_from(const unsigned char *raw, Py_ssize_t at, Py_ssize_t end) noexcept
cdef Py_ssize_t _behind_pair(const unsigned char *raw, Py_ssize_t at) noexcept
@cython.locals(raw='const unsigned char *')
cdef bytes _value_at(bytes data, Py_ssize_t at)
@cython.locals(
    raw='const unsigned char *', size=Py_ssize_t, end=Py_ssize_t, other=Py_ssize_t, at=Py_ssize_t,
    same=int)
cdef Py_ssize_t _find_pair(Head head, bytes name, Py_ssize_t start)
cdef bint _was_cut(Head head, Py_ssize_t at) except -1
@cython.locals(same=int, index=Py_ssize_t, byte=int)
cdef int _compare(
    const unsigned char *raw, Py_ssize_t at, const unsigned char *name, Py_ssize_t size) noexcept
@cython.locals(raw=bytes, end=Py_ssize_t, at=Py_ssize_t, value=Py_ssize_t, pairs=list)
cdef list _pairs(Head head)
cdef bytes _block(Head head)
cdef bytes _pair(bytes key, bytes value)
