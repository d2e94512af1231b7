cimport cython

from pymosn.message cimport RequestHead, ResponseHead
from pymosn.protocol.uri cimport raw_path
from pymosn.stream.stream cimport ConnectionInfo, Stream
from pymosn.stream.texts cimport as_bytes, decimal, go_duration

cdef bytes _TRUE, _FALSE
cdef tuple _FLAG_NAMES


cpdef bytes request_received_duration(Stream stream)
cpdef bytes response_received_duration(Stream stream)
cpdef bytes duration(Stream stream)
cpdef bytes process_time_duration(Stream stream)
cpdef bytes duration_ms(Stream stream)
cpdef bytes duration_us(Stream stream)
cpdef bytes upstream_duration_ms(Stream stream)
cpdef bytes bytes_received(Stream stream)
cpdef bytes bytes_sent(Stream stream)
cpdef bytes protocol(Stream stream)
cpdef bytes response_code(Stream stream)
cpdef bytes response_flag(Stream stream)
cpdef bytes response_flags_text(Stream stream)
cpdef bytes failure_reason(Stream stream)
cpdef bytes response_code_details(Stream stream)
cpdef bytes upstream_address(Stream stream)
cpdef bytes upstream_host(Stream stream)
cpdef bytes upstream_cluster(Stream stream)
cpdef bytes upstream_connection_id(Stream stream)
cpdef bytes upstream_attempts(Stream stream)
cpdef bytes route_name(Stream stream)
cpdef bytes connection_id(Stream stream)
@cython.locals(connection=ConnectionInfo)
cpdef bytes downstream_local_address(Stream stream)
@cython.locals(connection=ConnectionInfo)
cpdef bytes downstream_remote_address(Stream stream)
@cython.locals(connection=ConnectionInfo)
cpdef bytes downstream_remote_ip(Stream stream)
cpdef bytes listener_name(Stream stream)
cpdef bytes listener_type(Stream stream)
cpdef bytes listener_port(Stream stream)
cpdef bytes request_method(Stream stream)
cpdef bytes request_scheme(Stream stream)
cpdef bytes request_host(Stream stream)
cpdef bytes request_uri(Stream stream)
cpdef bytes request_raw_path(Stream stream)
cpdef bytes request_path(Stream stream)
cpdef bytes request_query(Stream stream)
cpdef bytes request_length(Stream stream)
cpdef bytes request_id(Stream stream)
cpdef bytes rpc_service(Stream stream)
cpdef bytes rpc_method(Stream stream)
@cython.locals(request=RequestHead)
cpdef bytes rpc_request_id(Stream stream)
@cython.locals(response=ResponseHead)
cpdef bytes rpc_status(Stream stream)
cpdef long process_time(Stream stream)
cdef long _since(long start, long end)
