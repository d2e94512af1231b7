cimport cython

from pymosn.message cimport RequestHead, ResponseHead
from pymosn.protocol.xprotocol.frame cimport (
    Codec,
    FieldRequest,
    FrameLimits,
    RpcProtocol,
    RpcRequest,
    RpcResponse,
    u32,
)

cdef int _REQUEST, _RESPONSE, _MAX_DEPTH, _MATCH, _AGAIN, _FAIL
cdef str _NAME
cdef bytes _SERVICE, _METHOD


cdef class TarsRequest(FieldRequest):
    cdef readonly bytes service, name, tail
    cdef readonly int version
    cdef Py_ssize_t id_at, id_end, service_at, content_at, context_at, context_end, _most

    @cython.locals(reader=TarsReader, pairs=list)
    cpdef list load(self)
    cpdef bytes get(self, bytes name)
    cpdef bytes rpc_service(self)
    cpdef bytes rpc_method(self)


cdef class TarsResponse(RpcResponse):
    cdef readonly bytes tail
    cdef Py_ssize_t id_at, id_end, content_at


cdef class Tars(RpcProtocol):
    @cython.locals(size=Py_ssize_t)
    cpdef int match(self, bytes data) except -2
    cpdef Codec codec(self, FrameLimits limits)


cdef class TarsReader:
    cdef readonly bytes data
    cdef readonly Py_ssize_t at, end
    cdef readonly int tag, kind
    cdef readonly bint failed

    @cython.locals(raw='const unsigned char *', byte=int)
    cpdef bint head(self)
    @cython.locals(start=Py_ssize_t, width=Py_ssize_t)
    cpdef long number(self)
    @cython.locals(raw='const unsigned char *', start=Py_ssize_t, size=Py_ssize_t)
    cpdef bytes string(self)
    @cython.locals(size=Py_ssize_t)
    cpdef Py_ssize_t count(self)
    cpdef Py_ssize_t bytes_size(self)
    @cython.locals(pairs=list, key=bytes, value=bytes)
    cpdef list read_map(self, Py_ssize_t most)
    @cython.locals(kind=int)
    cpdef void skip(self, int depth=*)
    cdef void _skip_elements(self, Py_ssize_t count, int depth)
    cpdef void step(self, Py_ssize_t count)


cdef class TarsCodec(Codec):
    @cython.locals(raw='const unsigned char *', size=Py_ssize_t)
    cpdef Py_ssize_t measure(self, bytes data, Py_ssize_t at, Py_ssize_t available) except -2
    @cython.locals(
        reader=TarsReader, version=int, oneway=long, third=long, fourth=long,
        third_at=Py_ssize_t, third_end=Py_ssize_t, fourth_at=Py_ssize_t, fourth_end=Py_ssize_t,
        before=Py_ssize_t, tag=int)
    cpdef int read(self, bytes data, Py_ssize_t at, Py_ssize_t size) except -2
    @cython.locals(
        data=bytes, service=bytes, name=bytes, content=Py_ssize_t, start=Py_ssize_t,
        content_at=Py_ssize_t, tail=Py_ssize_t, timeout=long, context_at=Py_ssize_t, context_end=Py_ssize_t,
        before=Py_ssize_t, context=bint, request=TarsRequest)
    cdef int _read_request(
        self, TarsReader reader, Py_ssize_t at, Py_ssize_t size, int version, long oneway,
        Py_ssize_t id_at, Py_ssize_t id_end, Py_ssize_t service_at) except -2
    @cython.locals(
        data=bytes, status=int, content=Py_ssize_t, content_at=Py_ssize_t, start=Py_ssize_t,
        response=TarsResponse)
    cdef int _read_response(
        self, TarsReader reader, Py_ssize_t at, Py_ssize_t size, Py_ssize_t id_at,
        Py_ssize_t id_end) except -2
    @cython.locals(
        request=TarsRequest, raw=bytes, tail=bytes, middle=bytes, service=bytes, method=bytes,
        start=bytes)
    cpdef list encode_request(self, RequestHead head, bytes content, long number)
    @cython.locals(
        response=TarsResponse, raw=bytes, middle=bytes, start=bytes, version=int,
        asked=TarsRequest, what=bytes, status=int)
    cpdef list encode_response(self, ResponseHead head, bytes content, RpcRequest request)


cpdef int http_status(int status)
cpdef int tars_status(int status)
cdef list _framed(bytes start, bytes content, bytes tail)
cdef bytes _number(int tag, long number)
cdef bytes _string(int tag, bytes text)
cdef bytes _bytes_start(int tag, Py_ssize_t size)
@cython.locals(parts=list, pairs=list, context=bytes, tail=bytes)
cdef bytes _with_context(TarsRequest request)
