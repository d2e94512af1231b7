cimport cython

from pymosn.message cimport Head, RequestHead, ResponseHead

cdef int _NEED_DATA, _ERROR
cdef bint _COMPILED


cdef class FrameLimits:
    cdef readonly Py_ssize_t max_frame, max_header, max_headers


cdef class RpcRequest(RequestHead):
    cdef public str protocol
    cdef public long id
    cdef public bint oneway
    cdef public Py_ssize_t content_size

    cdef int enter(
        self, str protocol, bytes raw, Py_ssize_t fields, long number,
        Py_ssize_t content_size) except -1
    cpdef long frame_id(self) noexcept
    cpdef bint repeatable(self) except -1
    cpdef bint is_rpc(self) noexcept


cdef class RpcResponse(ResponseHead):
    cdef public str protocol
    cdef public long id
    cdef public int rpc_status
    cdef public Py_ssize_t content_size

    cdef int enter(
        self, str protocol, bytes raw, Py_ssize_t fields, long number,
        Py_ssize_t content_size) except -1
    cpdef int frame_status(self) noexcept
    cpdef bint is_rpc(self) noexcept


cdef class FieldRequest(RpcRequest):
    cdef public bytes body
    cdef list _pairs
    cdef bint _changed

    cdef int enter_body(self, bytes body) except -1
    cpdef list load(self)
    cpdef list fields_now(self)
    cpdef bint edited(self) except -1
    cpdef bytes get(self, bytes name)
    cpdef list get_all(self, bytes name)
    @cython.locals(pairs=list, kept=list)
    cpdef bint remove(self, bytes name) except -1
    cpdef void add(self, bytes name, bytes value)
    cpdef void set(self, bytes name, bytes value)


cdef class FieldResponse(RpcResponse):
    cdef public bytes body
    cdef list _pairs
    cdef bint _changed

    cdef int enter_body(self, bytes body) except -1
    cpdef list load(self)
    cpdef list fields_now(self)
    cpdef bint edited(self) except -1
    cpdef bytes get(self, bytes name)
    cpdef list get_all(self, bytes name)
    @cython.locals(pairs=list, kept=list)
    cpdef bint remove(self, bytes name) except -1
    cpdef void add(self, bytes name, bytes value)
    cpdef void set(self, bytes name, bytes value)


cdef class RpcProtocol:
    cdef public str name
    cdef public int pool_mode, id_bits

    cpdef int match(self, bytes data) except -2
    cpdef bint takes(self, RpcRequest request) except -1
    cpdef Codec codec(self, FrameLimits limits)


cdef class Codec:
    cdef readonly FrameLimits limits
    cdef readonly RpcRequest request
    cdef readonly RpcResponse response
    cdef readonly bytes content
    cdef readonly long id
    cdef readonly str error
    cdef bytes _data
    cdef Py_ssize_t _at, _need
    cdef bytearray _held
    cdef bint _failed

    cpdef int feed(self, bytes data) except -1
    @cython.locals(at=Py_ssize_t, available=Py_ssize_t, need=Py_ssize_t)
    cpdef int next(self) except -2
    cdef int forget(self) except -1
    cpdef bint partial(self) noexcept
    cpdef Py_ssize_t unread(self)
    cpdef int fail(self, str why) except -2
    cpdef Py_ssize_t measure(self, bytes data, Py_ssize_t at, Py_ssize_t available) except -2
    cpdef int read(self, bytes data, Py_ssize_t at, Py_ssize_t size) except -2
    cpdef list encode_request(self, RequestHead head, bytes content, long number)
    cpdef list encode_response(self, ResponseHead head, bytes content, RpcRequest request)
    cpdef bytes heartbeat(self, long number)
    cpdef bytes heartbeat_reply(self)
    cpdef bytes fault(self)
    cpdef bytes goaway(self, long number)


cpdef long u16(const unsigned char *raw, Py_ssize_t at) noexcept
@cython.locals(number=long)
cpdef long u32(const unsigned char *raw, Py_ssize_t at) noexcept
@cython.locals(number=long)
cpdef long i32(const unsigned char *raw, Py_ssize_t at) noexcept
@cython.locals(number=long, end=Py_ssize_t)
cpdef long i64(const unsigned char *raw, Py_ssize_t at) noexcept
@cython.locals(
    raw='const unsigned char *', size=Py_ssize_t, copy=bytes, target='unsigned char *')
cpdef bytes patched(bytes data, Py_ssize_t at, int width, long number)
@cython.locals(pair=tuple, other=bytes, key=bytes, value=bytes)
cpdef bytes field_of(list pairs, bytes name)
cpdef list added_fields(Head head)
