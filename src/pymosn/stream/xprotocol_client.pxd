cimport cython

from pymosn.message cimport Head, RequestHead, ResponseHead
from pymosn.network.connection cimport Connection
from pymosn.network.reactor cimport Reactor
from pymosn.network.timers cimport Timer
from pymosn.observe.metrics cimport UpstreamStats
from pymosn.protocol.xprotocol.frame cimport (
    Codec,
    FrameLimits,
    RpcProtocol,
    RpcRequest,
    RpcResponse,
)
from pymosn.stream.pool cimport (
    ConnectionPool,
    Limits,
    PooledConnection,
    PoolOptions,
    PoolWaiter,
    UpstreamSender,
)
from pymosn.stream.stream cimport ConnectionInfo, StreamReceiver

cdef int _NEED_DATA, _RESPONSE, _HEARTBEAT, _HEARTBEAT_REPLY, _GOAWAY, _ERROR
cdef int _READY, _WAITING, _OVERFLOW, _CONNECT_FAILED, _UPSTREAM_TERMINATED, _UPSTREAM_PROTOCOL
cdef int _MULTIPLEX, _BINDING
cdef long _MAX_ABANDONED, _MAX_LENT


cdef class XprotocolClientConnection(PooledConnection):
    cdef XprotocolPool pool
    cdef Codec codec
    cdef readonly long lent, requests
    cdef dict _streams
    cdef list _waiting
    cdef long _abandoned, _most, _last_id, _max_id, _heard_at, _heartbeat_id, _heartbeats, _failures
    cdef long _written
    cdef Timer _timer, _write_timer
    cdef ConnectionInfo owner, _held_for
    cdef bint _leaving, _remote_close, _active_at_close, _told_to_go

    cdef void begin(self)
    @cython.locals(sender=XprotocolClientStream, limit=long)
    cdef UpstreamSender lend(self)
    cdef int room(self) noexcept
    cdef bint busy(self) noexcept
    cdef void close_idle(self)
    cdef bint dead(self) except -1

    @cython.locals(number=long, parts=list)
    cdef long send(self, XprotocolClientStream sender, RequestHead head, bytes content) except? -1
    cdef int wait(self, XprotocolClientStream sender) except -1
    cdef int abandon(self, long number) except -1
    @cython.locals(full=bint)
    cdef void stream_over(self)
    @cython.locals(codec=Codec, event=int, reply=bytes)
    cdef void on_data(self, bytes data)
    @cython.locals(
        waiting=list, behind=list, done=Py_ssize_t, count=Py_ssize_t, sender=XprotocolClientStream)
    cdef void on_drained(self)
    cdef void resume_input(self)
    cdef void on_eof(self)
    @cython.locals(active=bint, owner=ConnectionInfo)
    cdef void on_closed(self, int error)
    @cython.locals(reactor=Reactor, wait=double, silent=double, number=long, heartbeat=bytes)
    cdef void on_timer(self, Timer timer)

    @cython.locals(interval=double)
    cdef double _heartbeat_wait(self) except -1
    cdef int _watch_writes(self) except -1
    cdef int _stop_watching(self) except -1
    @cython.locals(sender=XprotocolClientStream)
    cdef void _hold_for(self, ConnectionInfo owner)
    @cython.locals(number=long)
    cdef long _next_id(self) except -1
    @cython.locals(
        sender=XprotocolClientStream, codec=Codec, response=ResponseHead, content=bytes,
        receiver=StreamReceiver, owner=ConnectionInfo)
    cdef void _pass_on(self, long number)
    cdef void _on_heartbeat_reply(self, long number)
    cdef int _leave(self) except -1
    @cython.locals(streams=dict, waiting=list, sender=XprotocolClientStream)
    cdef void _lose_streams(self, int reason)


cdef class XprotocolClientStream(UpstreamSender):
    cdef XprotocolClientConnection client
    cdef long number
    cdef ConnectionInfo owner
    cdef bint oneway, foreign, _over, _refused, _waits
    cdef RequestHead _head
    cdef bytes _content
    cdef list _parts
    cdef Py_ssize_t _size

    @cython.locals(waiter=PoolWaiter)
    cdef void attach(self, StreamReceiver receiver)
    cdef bint reused(self) except -1
    cdef Connection host_connection(self)
    @cython.locals(request=RequestHead, rpc=RpcRequest)
    cdef void send_headers(self, Head head, bint end)
    cdef bint send_data(self, bytes data, bint end) except -1
    cdef void send_trailers(self, Head trailers)
    cdef void reset(self)
    @cython.locals(receiver=StreamReceiver)
    cdef void on_deferred(self)
    @cython.locals(receiver=StreamReceiver)
    cdef void go_on(self)
    cdef int finish(self) except -1
    @cython.locals(receiver=StreamReceiver)
    cdef void drop(self, int reason)
    @cython.locals(client=XprotocolClientConnection)
    cdef bint _send(self, RequestHead head, bytes content) except -1
    cdef int _refuse(self) except -1


cdef class XprotocolPool(ConnectionPool):
    cdef readonly RpcProtocol protocol
    cdef FrameLimits frames
    cdef long _turn, _redials
    cdef Timer _redial

    cdef PooledConnection codec(self, Connection connection)
    cdef bint takes(self, RequestHead request) except -1
    @cython.locals(
        mode=int, owner=ConnectionInfo, shared=list, count=Py_ssize_t, wanted=long,
        candidate=PooledConnection, limits=Limits)
    cdef int acquire(self, PoolWaiter waiter, bint careful) except -2
    cpdef void drain(self)
    cdef int connected(self, Connection connection) except -1
    @cython.locals(client=XprotocolClientConnection, waiter=PoolWaiter, owner=ConnectionInfo)
    cdef void share(self, PooledConnection connection)
    cdef void connect_failed(self, bint timed_out)
    @cython.locals(client=XprotocolClientConnection)
    cdef int closed(self, PooledConnection connection, bint remote, bint active) except -1
    cdef void on_timer(self, Timer timer)
    @cython.locals(client=XprotocolClientConnection, limits=Limits)
    cdef int _acquire_bound(self, PoolWaiter waiter, ConnectionInfo owner) except -2
    @cython.locals(waiter=PoolWaiter)
    cdef bint _is_awaited(self, ConnectionInfo owner) except -1
    @cython.locals(waiter=PoolWaiter)
    cdef void _bind(self, XprotocolClientConnection client, ConnectionInfo owner)
    cdef void _dial_later(self)


cpdef ResponseHead http_response(RpcResponse response)
