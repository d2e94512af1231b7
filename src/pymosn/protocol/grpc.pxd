cimport cython

from pymosn.message cimport Head

cdef int _UNKNOWN
cdef double _LONGEST_TIMEOUT
cdef bytes _N_CONTENT_TYPE, _N_GRPC_STATUS, _APPLICATION_GRPC


@cython.locals(value=bytes, raw='const unsigned char *')
cpdef bint is_grpc(Head head) except -1
cpdef int status_of_http(int status)
@cython.locals(value=bytes, code=int)
cpdef int read_status(Head head) except -2
@cython.locals(raw='const unsigned char *', size=Py_ssize_t, index=Py_ssize_t, digit=int, count=long, seconds=double)
cpdef double read_timeout(bytes value) except -2.0
cpdef bytes write_timeout(double seconds)
cpdef bytes escape_message(bytes text)
