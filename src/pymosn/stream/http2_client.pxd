cimport cython

from pymosn.message cimport Head, RequestHead, ResponseHead
from pymosn.network.connection cimport Connection
from pymosn.protocol.http2.connection cimport Http2Connection
from pymosn.protocol.http2.settings cimport PeerSettings
from pymosn.protocol.http2.stream cimport Http2Stream
from pymosn.stream.http2 cimport Http2Sender, Http2Wire
from pymosn.stream.pool cimport ConnectionPool, PooledConnection, UpstreamSender
from pymosn.stream.stream cimport StreamReceiver

cdef int _NEED_DATA, _HEADERS, _DATA, _TRAILERS, _RESET, _DRAINED, _GOAWAY, _SETTLED, _ERROR
cdef int _NO_ERROR, _CANCEL, _REFUSED_STREAM
cdef int _UPSTREAM_CLOSED, _UPSTREAM_PROTOCOL, _UPSTREAM_REFUSED, _UPSTREAM_RESET
cdef bytes _WEBSOCKET_GUID, _METHOD_CONNECT


cdef class Http2ClientConnection(PooledConnection):
    cdef ConnectionPool pool
    cdef readonly Http2Connection engine
    cdef Http2Wire wire
    cdef readonly long lent, requests
    cdef list upgrades
    cdef bint _leaving, _remote_close

    cdef void begin(self)
    @cython.locals(sender=Http2ClientStream, limit=long)
    cdef UpstreamSender lend(self)
    @cython.locals(limit=long)
    cdef int room(self) noexcept
    cdef bint busy(self) noexcept
    cdef void close_idle(self)
    cdef bint dead(self) except -1

    cdef void stream_over(self)
    cdef void on_data(self, bytes data)
    cdef void on_flush(self)
    cdef void on_drained(self)
    cdef void on_eof(self)
    @cython.locals(active=bint)
    cdef void on_closed(self, int error)

    @cython.locals(engine=Http2Connection, event=int, owner=Http2ClientStream)
    cdef void _advance(self)
    @cython.locals(
        engine=Http2Connection, receiver=StreamReceiver, data=bytes, stream=Http2Stream,
        trailers=Head, refused=bint)
    cdef void _pass_on(self, int event, Http2ClientStream sender)
    @cython.locals(sender=Http2ClientStream, waiting=list)
    cdef void _send_upgrades(self)
    cdef void _leave(self)
    @cython.locals(stream=Http2Stream, sender=Http2ClientStream)
    cdef void _lose_streams(self, int reason)


cdef class Http2ClientStream(Http2Sender):
    cdef Http2ClientConnection client
    cdef bytes _websocket_key, _upgrade
    cdef int _refused
    cdef RequestHead _waiting

    cdef void enter(self, Http2ClientConnection client)
    cdef void attach(self, StreamReceiver receiver)
    cdef bint reused(self) except -1
    @cython.locals(request=RequestHead, engine=Http2Connection)
    cdef void send_headers(self, Head head, bint end)
    cdef void send_upgrade(self)
    cdef void on_deferred(self)
    cdef void reset(self)
    @cython.locals(receiver=StreamReceiver)
    cdef int on_response(self, ResponseHead head, bint end) except -1
    cdef int finish(self) except -1
    @cython.locals(receiver=StreamReceiver)
    cdef void drop(self, int reason)
    cdef void _refuse(self, int reason)
    @cython.locals(key=bytes)
    cdef int _accept_upgrade(self, ResponseHead head) except -1
    @cython.locals(stream=Http2Stream)
    cdef void _cancel(self, int code)


cdef class Http2Pool(ConnectionPool):
    cdef PooledConnection codec(self, Connection connection)
