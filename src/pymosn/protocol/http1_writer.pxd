from pymosn.buffer cimport OutputQueue
from pymosn.message cimport Head, RequestHead, ResponseHead

cdef bytes _CRLF


cpdef int write_request(RequestHead head, bytes tail, OutputQueue output) except -1
cpdef int write_response(ResponseHead head, bytes tail, OutputQueue output) except -1
cpdef int write_data(bytes data, bint chunked, OutputQueue output) except -1
cpdef int write_end(Head trailers, bint chunked, OutputQueue output) except -1
cdef int _write_head(Head head, bytes tail, OutputQueue output, Py_ssize_t start) except -1
