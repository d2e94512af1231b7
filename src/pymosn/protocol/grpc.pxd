cimport cython

from pymosn.message cimport Head, RequestHead

cdef int _UNKNOWN
cdef double _LONGEST_TIMEOUT
cdef bytes _N_CONTENT_TYPE, _N_GRPC_STATUS, _APPLICATION_GRPC
cdef bytes _POST, _GROUP, _VERSION, _METHOD, _N_TRI_GROUP, _N_TRI_VERSION
cdef tuple _TRIPLE_HEADERS


@cython.locals(value=bytes, raw='const unsigned char *')
cpdef bint is_grpc(Head head) except -1
@cython.locals(name=bytes)
cpdef bint is_call(RequestHead request) except -1
@cython.locals(target=bytes, before=bytes, method=bytes, service=bytes)
cpdef bytes call_field(RequestHead request, bytes name)
cpdef int status_of_http(int status)
@cython.locals(value=bytes, code=int)
cpdef int read_status(Head head) except -2
@cython.locals(raw='const unsigned char *', size=Py_ssize_t, index=Py_ssize_t, digit=int, count=long, seconds=double)
cpdef double read_timeout(bytes value) except -2.0
@cython.locals(seconds=double)
cpdef double read_milliseconds(bytes value) except -2.0
cpdef bytes write_timeout(double seconds)
cpdef bytes escape_message(bytes text)
