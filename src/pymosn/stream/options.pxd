cimport cython

from pymosn.protocol.http2.options cimport Http2Options
from pymosn.protocol.xprotocol.frame cimport FrameLimits


cdef class RpcOptions:
    cdef readonly FrameLimits frames
    cdef readonly long max_in_flight
    cdef readonly bint goaway


cdef class ServerOptions:
    cdef readonly Py_ssize_t max_head
    cdef readonly int max_headers
    cdef readonly long max_body
    cdef readonly double idle_timeout, header_timeout, body_timeout
    cdef readonly long max_requests
    cdef readonly Http2Options http2
    cdef readonly object h2c
    cdef readonly RpcOptions rpc


@cython.final
cdef class RpcClientOptions:
    cdef readonly FrameLimits frames
    cdef readonly double heartbeat_interval, heartbeat_timeout, idle_timeout
