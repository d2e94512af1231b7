cimport cython

from pymosn.observe.slots cimport Slots

cdef Py_ssize_t _D_CONNECTION_TOTAL, _D_CONNECTION_DESTROY, _D_CONNECTION_ACTIVE
cdef Py_ssize_t _D_CONNECTION_OVERFLOW, _D_BYTES_READ, _D_BYTES_WRITE
cdef Py_ssize_t _D_REQUEST_TOTAL, _D_REQUEST_ACTIVE, _D_REQUEST_RESET, _D_REQUEST_FAILED
cdef Py_ssize_t _D_PROTOCOL_ERROR, _D_REQUEST_TIME, _D_REQUEST_TIME_TOTAL
cdef Py_ssize_t _D_PROCESS_TIME, _D_PROCESS_TIME_TOTAL, _D_FIRST_STATUS, _D_OTHER_STATUS
cdef Py_ssize_t _U_CONNECTION_TOTAL, _U_CONNECTION_CLOSE, _U_CONNECTION_ACTIVE, _U_CONNECT_FAIL
cdef Py_ssize_t _U_LOCAL_CLOSE, _U_REMOTE_CLOSE, _U_LOCAL_CLOSE_ACTIVE, _U_REMOTE_CLOSE_ACTIVE
cdef Py_ssize_t _U_REQUEST_TOTAL, _U_REQUEST_ACTIVE, _U_LOCAL_RESET, _U_REMOTE_RESET, _U_TIMEOUT
cdef Py_ssize_t _U_FAILURE_EJECT, _U_PENDING_OVERFLOW, _U_DURATION, _U_DURATION_TOTAL
cdef Py_ssize_t _U_SUCCESS, _U_FAILED, _U_LATE, _U_HEARTBEAT_FAILED
cdef Py_ssize_t _C_CONNECTION_RETRY, _C_REQUEST_RETRY, _C_RETRY_OVERFLOW
cdef Py_ssize_t _C_BYTES_READ, _C_BYTES_WRITE
cdef Py_ssize_t _T_TOTAL, _T_RESUMED, _T_ERROR
cdef bytes _STATUS_OFFSETS


@cython.final
cdef class DownstreamStats:
    cdef Slots slots
    cdef Py_ssize_t base

    cdef void add(self, Py_ssize_t offset, long amount) noexcept
    cpdef void connection_opened(self) noexcept
    cpdef void connection_closed(self, long read, long written) noexcept
    cpdef void connection_overflowed(self) noexcept
    cpdef void bytes_moved(self, long read, long written) noexcept
    cpdef void request_started(self) noexcept
    @cython.locals(slots=Slots, offset=Py_ssize_t, offsets="const unsigned char *")
    cpdef void request_finished(self, int status, long duration, long process, bint failed) noexcept
    cpdef void request_reset(self) noexcept
    cpdef void protocol_error(self) noexcept
    cpdef void flooded(self, str flood)


@cython.final
cdef class UpstreamStats:
    cdef Slots slots
    cdef Py_ssize_t host
    cdef Py_ssize_t cluster

    cdef void add(self, Py_ssize_t offset, long amount) noexcept
    cpdef void connection_opened(self) noexcept
    cpdef void connection_failed(self) noexcept
    cpdef void connection_closed(self, bint remote, bint active, long read, long written) noexcept
    cpdef void request_started(self) noexcept
    cpdef void request_finished(self, int status, long duration) noexcept
    cpdef void request_reset(self, bint remote) noexcept
    cpdef void request_timed_out(self) noexcept
    cpdef void response_retried(self) noexcept
    cpdef void response_late(self) noexcept
    cpdef void heartbeat_failed(self) noexcept


@cython.final
cdef class ClusterStats:
    cdef Slots slots
    cdef Py_ssize_t cluster

    cpdef void retried(self) noexcept
    cpdef void connection_retried(self) noexcept
    cpdef void retry_overflowed(self) noexcept
    cpdef void pending_overflowed(self) noexcept


@cython.final
cdef class TlsStats:
    cdef Slots slots
    cdef Py_ssize_t base

    cpdef void handshake_done(self, bint resumed) noexcept
    cpdef void handshake_failed(self) noexcept


@cython.final
cdef class WorkerStats:
    cdef Slots slots
    cdef Py_ssize_t base

    cpdef void add(self, Py_ssize_t offset, long amount) noexcept
