cimport cython

from pymosn.protocol.http2.hpack cimport HpackEncoder

cdef int FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, NO_ERROR, PROTOCOL_ERROR
cdef long DEFAULT_WINDOW, MAX_MAX_FRAME_SIZE, MAX_STREAM_ID, MAX_WINDOW, MIN_MAX_FRAME_SIZE
cdef int SETTINGS_ENABLE_CONNECT_PROTOCOL, SETTINGS_ENABLE_PUSH, SETTINGS_HEADER_TABLE_SIZE
cdef int SETTINGS_INITIAL_WINDOW_SIZE, SETTINGS_MAX_CONCURRENT_STREAMS, SETTINGS_MAX_FRAME_SIZE
cdef int SETTINGS_MAX_HEADER_LIST_SIZE, SETTINGS_NO_RFC7540_PRIORITIES


@cython.final
cdef class PeerSettings:
    cdef readonly long initial_window, max_frame_size, max_streams, max_header_bytes
    cdef readonly bint connect_protocol
    cdef bint _from_server, _limited
    cdef HpackEncoder _encoder

    @cython.locals(raw='const unsigned char *', value=long, code=int)
    cpdef int read(self, bytes data, Py_ssize_t at, Py_ssize_t end) except -1
    cdef int _set(self, int identifier, long value) except -1
