cimport cython

from pymosn.message cimport RequestHead
from pymosn.network.reactor cimport Reactor
from pymosn.network.secure cimport TlsLayer
from pymosn.observe.accesslog cimport AccessLog
from pymosn.observe.metrics cimport DownstreamStats
from pymosn.protocol.grpc cimport status_of_http
from pymosn.proxy.downstream cimport ProxyStream
from pymosn.proxy.filters cimport FilterChain, Hook
from pymosn.proxy.methods cimport GrpcMethods, RpcMethods
from pymosn.proxy.grpc_call cimport GrpcCall
from pymosn.router.table cimport RouteTable
from pymosn.stream.stream cimport ConnectionInfo, StreamFactory, StreamReceiver, StreamSender
from pymosn.upstream.balancer cimport Random

cdef int _FAILED_FLAGS


cpdef bytes client_cert_element(TlsLayer tls)


cdef class ProxyOptions:
    cdef readonly str client_cert
    cdef readonly Py_ssize_t retry_buffer
    cdef readonly bint forwarded_headers, request_id, sanitizes
    cdef readonly bytes via, server_name
    cdef readonly str upstream_protocol


cdef class HttpProxy(StreamFactory):
    cdef readonly Reactor reactor
    cdef readonly str name
    cdef readonly Random random
    cdef readonly object loop
    cdef readonly set connections
    cdef readonly dict clusters
    cdef readonly RouteTable routes
    cdef readonly FilterChain filters
    cdef readonly DownstreamStats stats
    cdef readonly ProxyOptions options
    cdef readonly list access_logs
    cdef readonly Py_ssize_t retry_buffer
    cdef readonly str upstream_protocol
    cdef readonly bytes server_name
    cdef readonly bint adds_headers
    cdef readonly long active
    cdef public long filter_errors
    cdef readonly GrpcMethods methods
    cdef readonly RpcMethods services
    cdef set _seen_errors

    @cython.locals(stream=ProxyStream)
    cdef StreamReceiver new_stream(self, StreamSender sender, ConnectionInfo connection)
    cdef void protocol_error(self, ConnectionInfo connection, int status, str reason)
    cdef void flooded(self, ConnectionInfo connection, str flood)
    cdef void connection_opened(self, object owner)
    cdef void connection_replaced(self, object owner, object successor)
    cdef void connection_closed(self, object owner, long read, long written)

    @cython.locals(request=RequestHead, options=ProxyOptions)
    cdef int add_request_headers(self, ProxyStream stream) except -1
    @cython.locals(duration=long, process=long, access_log=AccessLog, call=GrpcCall, request=RequestHead)
    cdef int stream_finished(self, ProxyStream stream) except -1
    cdef void filter_failed(self, Hook hook, object error)
    cdef void extension_failed(self, str kind, object owner, object error)
    @cython.locals(service=bytes, method=bytes, answered=bint)
    cdef int _count_rpc(self, ProxyStream stream, RequestHead request, long duration) except -1
    cdef int _add_forwarded(self, RequestHead request, ConnectionInfo connection) except -1
    @cython.locals(tls=TlsLayer)
    cdef int _forward_client_cert(self, RequestHead request, ConnectionInfo connection) except -1
    cdef bytes _request_id(self)
