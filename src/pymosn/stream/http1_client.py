"""The upstream side of HTTP/1.1: one connection, one exchange at a time, reused by its pool."""

from pymosn.message import Head, RequestHead
from pymosn.network.connection import READ_SIZE, Connection
from pymosn.network.splice import WORTH_BYTES, Splice
from pymosn.protocol.http1 import DATA, END, HEAD, NEED_DATA, MessageReader
from pymosn.protocol.http1_writer import write_data, write_end, write_request
from pymosn.stream.pool import ConnectionPool, PooledConnection
from pymosn.stream.stream import UPSTREAM_CLOSED, UPSTREAM_PROTOCOL, StreamReceiver

_READ_SIZE = READ_SIZE
_WORTH_BYTES = WORTH_BYTES
_NEED_DATA = NEED_DATA
_HEAD = HEAD
_DATA = DATA
_END = END
_UPSTREAM_CLOSED = UPSTREAM_CLOSED
_UPSTREAM_PROTOCOL = UPSTREAM_PROTOCOL


class Http1ClientConnection(PooledConnection):
    """One upstream connection; the sender of its current exchange's request."""

    pool: "ConnectionPool"
    reader: "MessageReader"
    requests: int
    _written_before: int
    _remote_close: bool
    _active_at_close: bool
    _request_sent: bool
    _chunked: bool
    _tunnel: bool

    def __init__(self, pool: ConnectionPool, connection: Connection) -> None:
        """Speak HTTP/1.1 on an established connection of ``pool``."""
        self.pool = pool
        self.reader = MessageReader(False, self.pool.options.max_head, 1000, 0)
        self.connection = connection
        self.connection.handler = self

    def begin(self) -> None:
        self.pool.release(self)

    def attach(self, receiver: StreamReceiver) -> None:
        """Begin an exchange: ``receiver`` hears the response."""
        self.receiver = receiver

    def reused(self) -> bool:
        return self.requests > 1

    def close_idle(self) -> None:
        self.connection.close()

    def dead(self) -> bool:
        return self.connection.eof or self.connection.has_input()

    # -- from the stream's owner (StreamSender) -----------------------------------------------

    def send_headers(self, head: Head, end: bool) -> None:
        request: RequestHead = head  # type: ignore[assignment]  # a client sends requests
        tail = b""
        self.requests += 1
        self.response_begun = False
        self._request_sent = end
        self._chunked = False
        self._written_before = self.connection.bytes_written
        if request.upgrade is not None:
            tail = b"Connection: Upgrade\r\nUpgrade: %b\r\n" % request.upgrade
        elif request.te_trailers:
            tail = b"TE: trailers\r\nConnection: TE\r\n"
        if not end and request.content_length < 0:
            self._chunked = True
            tail += b"Transfer-Encoding: chunked\r\n"
        self.reader.expect_response(request.method)
        write_request(request, tail, self.connection.output)
        self.connection.written()

    def send_data(self, data: bytes, end: bool) -> bool:
        write_data(data, self._chunked, self.connection.output)
        go_on = self.connection.written()
        if end:
            if self._tunnel:
                self.connection.end_write()
                if self.connection.eof:
                    self._end_tunnel()
            self.send_trailers(None)
        return go_on

    def send_trailers(self, trailers: Head | None) -> None:
        write_end(trailers, self._chunked, self.connection.output)
        self.connection.written()
        self._request_sent = True

    def splice_target(self) -> Connection | None:
        if self._chunked or self._tunnel or self.connection.tls is not None:
            return None
        return self.connection

    def reset(self) -> None:
        self._active_at_close = self.receiver is not None
        self.receiver = None  # type: ignore[assignment]  # as declared
        self.connection.abort()

    def pause_input(self) -> None:
        self.connection.pause_reading()

    def resume_input(self) -> None:
        self.connection.resume_reading()

    # -- from the connection ------------------------------------------------------------------

    def on_data(self, data: bytes) -> None:
        receiver = self.receiver
        if receiver is None:
            # Nobody asked for this: the connection cannot be trusted with a next request.
            self.connection.abort()
            return
        if self._tunnel:
            receiver.on_data(data, False)
            return
        if self.requests > 1 and self.connection.nothing_sent_since(self._written_before):
            # The request has not left yet, so this answers nothing that was asked.
            self._remote_close = True
            self._lose(_UPSTREAM_CLOSED)
            return
        self.reader.feed(data)
        while self.receiver is receiver:
            event = self.reader.next()
            if event == _HEAD:
                self._on_head(receiver)
            elif event == _DATA:
                piece = self.reader.data
                complete = self.reader.complete
                if complete:
                    self._finish(receiver)
                receiver.on_data(piece, complete)
            elif event == _END:
                trailers = self.reader.trailers
                self._finish(receiver)
                receiver.on_trailers(trailers)
            elif event == _NEED_DATA:
                if (
                    len(data) >= _READ_SIZE
                    and self.connection.tls is None
                    and self.reader.unread() >= _WORTH_BYTES
                ):
                    self._splice_body(receiver)
                return
            else:
                self._lose(_UPSTREAM_PROTOCOL)
                return

    def on_spliced(self, moved: int, done: bool) -> None:
        receiver = self.receiver
        if receiver is None:
            return
        self.reader.skip(moved)
        receiver.on_body_moved(moved)
        if self.reader.complete and self.receiver is receiver:
            self._finish(receiver)
            receiver.on_data(b"", True)

    def on_eof(self) -> None:
        receiver = self.receiver
        if receiver is None:
            self._remote_close = True
            self.connection.close()
        elif self._tunnel:
            receiver.on_data(b"", True)
            if self.connection.write_ended:
                self._end_tunnel()
        elif self.response_begun and self.reader.finish() == _END:
            self.receiver = None  # type: ignore[assignment]  # as declared
            self._remote_close = True
            self.connection.close()
            receiver.on_trailers(None)
        else:
            self._remote_close = True
            self._lose(_UPSTREAM_CLOSED)

    def on_drained(self) -> None:
        receiver = self.receiver
        if receiver is not None:
            receiver.on_drained()

    def on_closed(self, error: int) -> None:
        receiver = self.receiver
        self.receiver = None  # type: ignore[assignment]  # as declared
        self.pool.closed(
            self, self._remote_close or error != 0, receiver is not None or self._active_at_close
        )
        if receiver is not None:
            receiver.on_reset(_UPSTREAM_CLOSED)

    # -- private ------------------------------------------------------------------------------

    def _on_head(self, receiver: StreamReceiver) -> None:
        reader = self.reader
        response = reader.response
        if reader.tunnel:
            self._tunnel = True
            self.response_begun = True
            rest = reader.take_rest()
            receiver.on_headers(response, False)
            if rest and self.receiver is receiver:
                receiver.on_data(rest, False)
            return
        complete = reader.complete
        if response.status >= 200:
            self.response_begun = True
            if complete:
                self._finish(receiver)
        receiver.on_headers(response, complete)

    def _finish(self, receiver: StreamReceiver) -> None:
        """The response is complete.  The pool gets the connection back before the receiver
        hears the end, so that what it does next can have it."""
        self.receiver = None  # type: ignore[assignment]  # as declared
        options = self.pool.options
        if not self._request_sent or self.connection.output.size:
            # An origin that answers early may never read the rest.
            self.connection.abort()
            return
        if (
            not self.reader.keep_alive
            or self.reader.pending()
            or self.connection.eof
            or (options.max_requests and self.requests >= options.max_requests)
        ):
            self.connection.close()
            return
        self.connection.resume_reading()
        self.reader.forget()
        self.pool.release(self)

    def _splice_body(self, receiver: StreamReceiver) -> None:
        target = receiver.splice_target()
        if target is not None:
            Splice(self.pool.reactor, self.connection, target, self.reader.unread()).begin()

    def _lose(self, reason: int) -> None:
        receiver = self.receiver
        self.receiver = None  # type: ignore[assignment]  # as declared
        self._active_at_close = True
        self.connection.abort()
        if receiver is not None:
            receiver.on_reset(reason)

    def _end_tunnel(self) -> None:
        self.receiver = None  # type: ignore[assignment]  # as declared
        self.connection.close()


class Http1Pool(ConnectionPool):
    """The HTTP/1.1 connections to one host (spec §7.1)."""

    def codec(self, connection: Connection) -> PooledConnection:
        return Http1ClientConnection(self, connection)

