cimport cython

from pymosn.message cimport Head, RequestHead, ResponseHead
from pymosn.protocol.http2.fields cimport Field
from pymosn.protocol.http2.hpack cimport HpackEncoder

cdef int _REGULAR, _NO_TRAILER, _X_MOSN, _EXPECT, _COOKIE, _HOST, _CONTENT_LENGTH, _TE
cdef int _METHOD, _SCHEME, _AUTHORITY, _PATH, _STATUS, _PROTOCOL, _BAD
cdef Py_ssize_t _EMPTY_COOKIE
cdef bytes _CRLF, _NO_HOST, _N_HOST, _N_PATH, _N_AUTHORITY, _N_CONTENT_LENGTH, _STAR, _HTTP, _CONNECT, _OPTIONS


@cython.locals(
    head=RequestHead, method=bytes, scheme=bytes, path=bytes, authority=Field, host=Field,
    crumbs=list, parts=list, field=Field, kind=int)
cpdef RequestHead read_request(list fields, bint end)
cdef bint _settle_host(RequestHead head, Field authority, Field host, list parts) except -1
@cython.locals(target=bytes, name=bytes, separator=bytes, port=bytes)
cdef bint _settle_connect(RequestHead head, Field authority) except -1
@cython.locals(crumb=Field, values=list)
cdef bytes _cookie(list crumbs)
@cython.locals(head=ResponseHead, parts=list, field=Field, kind=int)
cpdef ResponseHead read_response(list fields)
@cython.locals(head=Head, parts=list, field=Field, kind=int)
cpdef Head read_trailers(list fields)
@cython.locals(raw='const unsigned char *', length=long, index=Py_ssize_t)
cdef long _length(Field field) noexcept
@cython.locals(raw=bytes)
cdef int _finish(Head head, list parts) except -1

@cython.locals(parts=list, method=bytes, authority=bytes)
cpdef bytes write_request(HpackEncoder encoder, RequestHead head, bytes scheme=*)
@cython.locals(parts=list)
cpdef bytes write_response(HpackEncoder encoder, ResponseHead head)
@cython.locals(parts=list)
cpdef bytes write_trailers(HpackEncoder encoder, Head head)

cdef void _write_authority(HpackEncoder encoder, Head head, bytes authority, list parts)
cdef void _write_lines(HpackEncoder encoder, Head head, list parts)
