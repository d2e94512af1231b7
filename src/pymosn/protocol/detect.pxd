cimport cython

from pymosn.protocol.xprotocol.frame cimport RpcProtocol


cpdef int match_http1(bytes data) except -2
cpdef int match_http2(bytes data) except -2
@cython.locals(verdict=int, answer=str, name=str, protocol=RpcProtocol)
cpdef str detect(bytes data, tuple protocols, dict rpc)
