"""HTTP/2 (RFC 9113): one connection, either end of it: frames to events, and calls to frames.

Sans-IO.  The owner of the socket does, when bytes arrived or the socket drained:

    engine.set_time(now); engine.feed(data)      or      engine.congested(False)
    while True:
        while (event := engine.next()) != NEED_DATA: …     # calls send_…, consumed, reset_stream
        parts = engine.take_output()
        if not parts: break
        for part in parts:
            if not connection.write(part): engine.congested(True)

After calls outside of events, ``take_output`` is enough.  Breaking the protocol is an event, never
an exception: ``RESET`` for one stream, ``ERROR`` for the connection.  Priorities (RFC 7540 §5.3)
are checked and ignored (RFC 9113 §5.3.2).

Counterparts: ``frames`` has the layout, ``heads`` the fields, ``output`` what we say; the sockets
are in ``pymosn.stream``.  Long, because each frame's rules are few but there are ten of them.
"""

from typing import Final

from pymosn.message import Head, RequestHead
from pymosn.protocol.http2.errors import (
    COMPRESSION_ERROR,
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    NO_ERROR,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    STREAM_CLOSED,
)
from pymosn.protocol.http2.frames import (
    ACK,
    CONTINUATION_FRAME,
    DATA_FRAME,
    END_HEADERS,
    END_STREAM,
    GOAWAY_FRAME,
    HEADERS_FRAME,
    INCOMPLETE,
    MAX_STREAM_ID,
    MAX_WINDOW,
    PADDED,
    PING_FRAME,
    PREFACE,
    PRIORITIZED,
    PRIORITY_FRAME,
    PUSH_PROMISE_FRAME,
    RST_STREAM_FRAME,
    SETTINGS_FRAME,
    TOO_LONG,
    WINDOW_UPDATE_FRAME,
    FrameReader,
)
from pymosn.protocol.http2.heads import read_request, read_response, read_trailers
from pymosn.protocol.http2.hpack import COMPRESSION_ERROR as MALFORMED_BLOCK
from pymosn.protocol.http2.hpack import DEFAULT_TABLE_SIZE, OK, HpackDecoder
from pymosn.protocol.http2.options import PATIENCE_NS, TINY_BYTES, Http2Options, TokenBucket
from pymosn.protocol.http2.output import Http2Output
from pymosn.protocol.http2.stream import Http2Stream

NEED_DATA: Final = 0
HEADERS: Final = 1
"""``stream`` has a head: a request with which it begins, or a response (several for 1xx); ``end``:
no body follows.  ``too_large``: it passed a limit, and ``head`` is None."""
DATA: Final = 2
"""``data`` is a piece of the body of ``stream``; ``end``: the last."""
TRAILERS: Final = 3
"""The body of ``stream`` ended with ``head``."""
RESET: Final = 4
"""``stream`` is gone: the peer reset it, or made us do so, with ``error_code``.  ``unprocessed``:
the peer did nothing with it, so that it may be sent again."""
DRAINED: Final = 5
"""``stream`` takes data again after ``send_data`` had answered False."""
GOAWAY: Final = 6
"""The peer takes no new streams: ``error_code``; what it did not process came as ``RESET``."""
SETTLED: Final = 7
"""The peer's SETTINGS arrived: ``can_open`` may answer differently now."""
PONG: Final = 8
"""``data`` is the payload of the ``ping`` that the peer answered."""
ERROR: Final = -1
"""The connection failed: ``error_code``, ``error`` and, when a limit ended it, ``flood``.  GOAWAY
is in the output; write it and close.  What is in ``streams`` has heard nothing yet."""

MAX_INFORMATIONAL: Final = 16
"""1xx responses to one request."""

_NEED_DATA = NEED_DATA
_HEADERS = HEADERS
_DATA = DATA
_TRAILERS = TRAILERS
_RESET = RESET
_DRAINED = DRAINED
_GOAWAY = GOAWAY
_SETTLED = SETTLED
_PONG = PONG
_ERROR = ERROR
_NOTHING = -3
_PATIENCE_NS = PATIENCE_NS
_TINY_BYTES = TINY_BYTES
"""The frame was no event."""

_MAX_INFORMATIONAL = MAX_INFORMATIONAL
_METHOD_CONNECT = b"CONNECT"


class Http2Connection(Http2Output):
    """One end of a connection; ``options.server`` says which."""

    stream: Http2Stream  # what the last event is about, None when it is the connection
    head: Head | None
    data: bytes
    end: bool
    too_large: bool
    unprocessed: bool
    error_code: int
    error: str
    flood: str
    last_stream_id: int
    settled: bool
    _reader: FrameReader
    _decoder: HpackDecoder
    _now: int
    _preface_left: int
    _gap_start: int
    _gap_end: int
    _block_id: int
    _block_end: int
    _block_code: int
    _block_frames: int
    _block_size: int
    _block: list[bytes] | None
    _body: Http2Stream | None
    _body_end: bool
    _padding: int
    _lost: list[Http2Stream] | None
    _goaway_due: bool
    _goaway_code: int

    def __init__(self, options: Http2Options) -> None:
        Http2Output.__init__(self, options)
        self.stream = None  # type: ignore[assignment]  # as declared
        self.head = None
        self.data = b""
        self.end = False
        self.too_large = False
        self.unprocessed = False
        self.error_code = NO_ERROR
        self.error = ""
        self.flood = ""
        self.last_stream_id = MAX_STREAM_ID
        self.settled = False
        self._reader = FrameReader(options.max_frame_size)
        # A peer may not know yet that we want a smaller table.
        self._decoder = HpackDecoder(
            max(DEFAULT_TABLE_SIZE, options.header_table_size),
            options.max_header_bytes,
            options.max_fields,
        )
        self._now = 0
        self._preface_left = len(PREFACE) if options.server else 0
        # The streams that the peer skipped last.
        self._gap_start = 0
        self._gap_end = 0
        # A field block that is not complete: its stream (0: there is none), and so on.
        self._block_id = 0
        self._block_end = 0
        self._block_code = NO_ERROR
        self._block_frames = 0
        self._block_size = 0
        self._block = None
        # A DATA frame that is not complete: None when nobody wants it.
        self._body = None
        self._body_end = False
        self._padding = 0
        self._lost = None
        self._goaway_due = False
        self._goaway_code = NO_ERROR

    # -- the connection -----------------------------------------------------------------------

    def upgrade(self, settings: bytes) -> Http2Stream | None:
        """Begin with the request that asked for h2c in HTTP/1.1 (RFC 7540 §3.2).

        ``settings`` is the decoded ``HTTP2-Settings`` field.  Returns stream 1, whose request has
        been read elsewhere, or None when the settings are malformed.  Comes before ``begin``.
        """
        if self.peer.read(settings, 0, len(settings)) != NO_ERROR or not self._resize_windows():
            return None
        self._highest = 1
        stream = self._new_stream(1)
        stream.born = self._now
        stream.head_received = True
        stream.remote_ended = True
        return stream

    def set_time(self, now_ns: int) -> None:
        """Tell the time, for the limits of what may happen how often."""
        self._now = now_ns

    def feed(self, data: bytes) -> None:
        """Take bytes that arrived."""
        if self._failed:
            return
        if self._preface_left > 0:
            data = self._read_preface(data)
        self._reader.feed(data)

    def next(self) -> int:
        """Return the next event; the attributes it names are valid until the next call."""
        if self._failed:
            return _ERROR
        reader = self._reader
        while True:
            if self._pending:
                event = self._next_pending()
                if event != _NOTHING:
                    return event
            event = self._read_body() if reader.left > 0 else self._read_frame()
            if event == _NEED_DATA:
                if self._ready:
                    self._pump()
                    if self._pending:
                        continue
                return _NEED_DATA
            if event != _NOTHING:
                return event

    # -- reading: frames ----------------------------------------------------------------------

    def _read_preface(self, data: bytes) -> bytes:
        """Compare with the client's preface; returns what follows it."""
        start = len(PREFACE) - self._preface_left
        expected = PREFACE[start : start + len(data)]
        if not data.startswith(expected):
            self._fail(PROTOCOL_ERROR, "not the connection preface of HTTP/2")
            return b""
        self._preface_left -= len(expected)
        return data[len(expected) :]

    def _next_pending(self) -> int:
        """Report what is no frame of its own."""
        if self._lost:
            self.stream = self._lost.pop()
            self.error_code = REFUSED_STREAM
            self.unprocessed = True
            return _RESET
        if self._goaway_due:
            self._goaway_due = False
            self.stream = None  # type: ignore[assignment]  # as declared
            self.error_code = self._goaway_code
            return _GOAWAY
        while self._drained:
            self.stream = self._drained.pop()
            if not self.stream.closed:
                return _DRAINED
        self._pending = False
        return _NOTHING

    def _read_frame(self) -> int:
        reader = self._reader
        found = reader.next()
        if found == INCOMPLETE:
            return _NEED_DATA
        if found == TOO_LONG:
            return self._fail(FRAME_SIZE_ERROR, "a frame is longer than announced")
        kind = reader.kind
        if self._block_id != 0:
            return self._read_continuation()
        if not self.settled:
            if kind != SETTINGS_FRAME or reader.flags & ACK:
                return self._fail(PROTOCOL_ERROR, "the first frame is not SETTINGS")
        if kind == HEADERS_FRAME:
            return self._read_headers()
        if kind == DATA_FRAME:
            return self._read_data()
        if kind == WINDOW_UPDATE_FRAME:
            return self._read_window_update()
        if kind == RST_STREAM_FRAME:
            return self._read_rst_stream()
        if kind == SETTINGS_FRAME:
            return self._read_settings()
        if kind == PING_FRAME:
            return self._read_ping()
        if kind == GOAWAY_FRAME:
            return self._read_goaway()
        if kind == PRIORITY_FRAME:
            return self._read_priority()
        if kind == CONTINUATION_FRAME:
            return self._fail(PROTOCOL_ERROR, "CONTINUATION without HEADERS")
        if kind == PUSH_PROMISE_FRAME:
            return self._fail(PROTOCOL_ERROR, "PUSH_PROMISE, which nobody allowed")
        # Frames of unknown types are ignored (§5.5), but not without end.
        return self._spend(self._priority)

    # -- reading: field blocks ----------------------------------------------------------------

    def _read_headers(self) -> int:
        reader = self._reader
        at = reader.start
        end = at + reader.length
        flags = reader.flags
        identifier = reader.stream_id
        if identifier & 1 == 0:
            return self._fail(PROTOCOL_ERROR, "HEADERS on a stream that clients do not open")
        if not self._server and identifier >= self._next_id:
            return self._fail(PROTOCOL_ERROR, "HEADERS on an idle stream")
        code = NO_ERROR
        padding = 0
        if flags & PADDED:
            if at == end:
                return self._fail(FRAME_SIZE_ERROR, "HEADERS without its pad length")
            padding = reader.byte(at)
            at += 1
        if flags & PRIORITIZED:
            if end - at < 5:
                return self._fail(FRAME_SIZE_ERROR, "HEADERS without its priority")
            if reader.word(at) & MAX_STREAM_ID == identifier:
                # The stream fails, when the block has been decoded (§4.3).
                code = PROTOCOL_ERROR
            at += 5
        if padding > end - at:
            return self._fail(PROTOCOL_ERROR, "HEADERS is all padding")
        end -= padding
        if flags & END_HEADERS:
            return self._on_block(identifier, reader.buffer, at, end, flags & END_STREAM, code)
        self._block_id = identifier
        self._block_end = flags & END_STREAM
        self._block_code = code
        self._block_frames = 0
        self._block_size = end - at
        self._block = [reader.part(at, end)]
        return _NOTHING

    def _read_continuation(self) -> int:
        """A field block is not interrupted by anything (§6.10)."""
        reader = self._reader
        if reader.kind != CONTINUATION_FRAME or reader.stream_id != self._block_id:
            return self._fail(PROTOCOL_ERROR, "a field block was interrupted")
        self._block_frames += 1
        self._block_size += reader.length
        # CVE-2024-27316 and its kin: a block without end.
        if self._block_frames > self.options.max_continuations:
            return self._fail(ENHANCE_YOUR_CALM, "too many CONTINUATION frames", "continuations")
        if self._block_size > self.options.max_header_bytes + self.options.max_frame_size:
            return self._fail(ENHANCE_YOUR_CALM, "a field block is too large", "header_block")
        pieces: list[bytes] = self._block  # type: ignore[assignment]  # HEADERS began it
        pieces.append(reader.part(reader.start, reader.start + reader.length))
        if not reader.flags & END_HEADERS:
            return _NOTHING
        block = b"".join(pieces)
        identifier = self._block_id
        self._block_id = 0
        self._block = None
        return self._on_block(
            identifier, block, 0, len(block), self._block_end, self._block_code
        )

    def _on_block(
        self, identifier: int, block: bytes, start: int, stop: int, end: int, code: int
    ) -> int:
        """A field block is complete.  It is decoded whatever becomes of its stream, because the
        table is the connection's (§4.3)."""
        decoder = self._decoder
        decoded = decoder.decode_part(block, start, stop)
        if decoded == MALFORMED_BLOCK:
            return self._fail(COMPRESSION_ERROR, "a field block cannot be decoded")
        found = self.streams.get(identifier)
        if found is None:
            if self._server and identifier > self._highest:
                return self._on_request(identifier, decoded != OK, end != 0, code)
            return self._on_late_block(identifier)
        stream = found
        if stream.remote_ended:
            return self._break_stream(stream, STREAM_CLOSED)
        if code != NO_ERROR:
            return self._break_stream(stream, code)
        if not stream.head_received:
            return self._on_response(stream, decoded != OK, end != 0)
        return self._on_trailers(stream, decoded != OK, end != 0)

    def _on_late_block(self, identifier: int) -> int:
        """HEADERS of a stream that is gone (§5.1)."""
        if identifier in self._forgotten:
            return _NOTHING
        if self._gap_start <= identifier < self._gap_end:
            return self._fail(PROTOCOL_ERROR, "a stream below one that was opened before")
        return self._fail(STREAM_CLOSED, "HEADERS on a closed stream")

    def _on_request(self, identifier: int, too_large: bool, end: bool, code: int) -> int:
        expected = self._highest + 2 if self._highest > 0 else 1
        if identifier > expected:
            self._gap_start = expected
            self._gap_end = identifier
        self._highest = identifier
        if self.draining or len(self.streams) >= self.options.max_concurrent_streams:
            code = REFUSED_STREAM
        head = None
        if code == NO_ERROR and not too_large:
            head = read_request(self._decoder.fields, end)
            if head is None or (head.upgrade is not None and not self._extended_connect(head)):
                code = PROTOCOL_ERROR
        if code != NO_ERROR:
            self._writer.rst_stream(identifier, code)
            if not end:
                self._remember(identifier)
            return self._replied(self._resets)
        stream = self._new_stream(identifier)
        stream.born = self._now
        stream.head_received = True
        stream.remote_ended = end
        if head is not None:
            head.never = self._decoder.never
            stream.body_left = head.content_length
            stream.connect = head.method == _METHOD_CONNECT
        self.stream = stream
        self.head = head
        self.too_large = too_large
        self.end = end
        return _HEADERS

    def _extended_connect(self, head: RequestHead) -> bool:
        return self.options.enable_connect_protocol and head.method == _METHOD_CONNECT

    def _on_response(self, stream: Http2Stream, too_large: bool, end: bool) -> int:
        head = None
        if not too_large:
            head = read_response(self._decoder.fields)
            if head is None:
                return self._break_stream(stream, PROTOCOL_ERROR)
            head.never = self._decoder.never
            if head.status < 200:
                stream.informational += 1
                if end:
                    return self._break_stream(stream, PROTOCOL_ERROR)
                if stream.informational > _MAX_INFORMATIONAL:
                    return self._break_stream(stream, ENHANCE_YOUR_CALM)
            else:
                stream.head_received = True
                if stream.bodiless or head.status == 204 or head.status == 304:
                    # A content-length there is about another response (RFC 9110 §8.6).
                    stream.body_left = 0
                elif not stream.connect or head.status >= 300:
                    stream.connect = False
                    stream.body_left = head.content_length
                    if end and head.content_length > 0:
                        return self._break_stream(stream, PROTOCOL_ERROR)
        else:
            stream.head_received = True
        self.stream = stream
        self.head = head
        self.too_large = too_large
        self.end = end
        if end:
            self._end_remote(stream)
        return _HEADERS

    def _on_trailers(self, stream: Http2Stream, too_large: bool, end: bool) -> int:
        # A tunnel has nothing but data (RFC 9113 §8.5).
        if not end or stream.body_left > 0 or stream.connect:
            return self._break_stream(stream, PROTOCOL_ERROR)
        if too_large:
            return self._break_stream(stream, ENHANCE_YOUR_CALM)
        head = read_trailers(self._decoder.fields)
        if head is None:
            return self._break_stream(stream, PROTOCOL_ERROR)
        head.never = self._decoder.never
        self.stream = stream
        self.head = head
        self._end_remote(stream)
        return _TRAILERS

    # -- reading: data ------------------------------------------------------------------------

    def _read_data(self) -> int:
        """Judge a DATA frame by its header; ``_read_body`` delivers it as it comes."""
        reader = self._reader
        length = reader.length
        identifier = reader.stream_id
        ends = reader.flags & END_STREAM != 0
        padding = 0
        if reader.flags & PADDED:
            if length == 0:
                return self._fail(FRAME_SIZE_ERROR, "DATA without its pad length")
            padding = reader.byte(reader.start)
            if padding >= length:
                return self._fail(PROTOCOL_ERROR, "DATA is all padding")
        payload = reader.left - padding
        if self._is_idle(identifier):
            return self._fail(PROTOCOL_ERROR, "DATA on an idle stream")
        # Padding, the pad length, and frames of dead streams count for the windows (§6.9.1).
        if length > self.receive_window:
            return self._fail(FLOW_CONTROL_ERROR, "DATA beyond the window of the connection")
        self.receive_window -= length
        self._body = None
        self._padding = padding
        found = self.streams.get(identifier)
        if found is None:
            if identifier not in self._forgotten:
                return self._fail(STREAM_CLOSED, "DATA on a closed stream")
            self._give_back_connection(length)
            return _NOTHING
        stream = found
        code = NO_ERROR
        if stream.remote_ended:
            code = STREAM_CLOSED
        elif not stream.head_received:
            code = PROTOCOL_ERROR
        elif length > stream.receive_window:
            code = FLOW_CONTROL_ERROR
        elif stream.body_left >= 0 and (
            payload > stream.body_left or (ends and payload < stream.body_left)
        ):
            code = PROTOCOL_ERROR
        if code != NO_ERROR:
            self._give_back_connection(length)
            return self._break_stream(stream, code)
        if stream.body_left >= 0:
            stream.body_left -= payload
        stream.receive_window -= length
        if payload < length:
            self._give_back_connection(length - payload)
            self._give_back(stream, length - payload)
        self._pings.give(1)
        if payload > 0:
            if payload < _TINY_BYTES and not ends and self._server:
                event = self._spend(self._tiny)
                if event != _NOTHING:
                    return event
            stream.unconsumed += payload
            self._body = stream
            self._body_end = ends
            return _NOTHING
        if not ends:
            return self._spend(self._empty)
        self.stream = stream
        self.data = b""
        self.end = True
        self._end_remote(stream)
        return _DATA

    def _read_body(self) -> int:
        """Deliver what has arrived of a DATA frame: memory holds no more of it than one read."""
        reader = self._reader
        count = reader.arrived()
        if count == 0:
            return _NEED_DATA
        stream = self._body
        if stream is None or stream.closed or reader.left <= self._padding:
            reader.skip(count)
            return _NOTHING
        payload = reader.left - self._padding
        count = min(count, payload)
        self.stream = stream
        self.data = reader.take(count)
        self.end = self._body_end and count == payload
        if count == payload:
            self._body = None
            if self.end:
                self._end_remote(stream)
        return _DATA

    # -- reading: the other frames ------------------------------------------------------------

    def _read_window_update(self) -> int:
        reader = self._reader
        identifier = reader.stream_id
        if reader.length != 4:
            return self._fail(FRAME_SIZE_ERROR, "WINDOW_UPDATE has not 4 bytes")
        increment = reader.word(reader.start) & MAX_WINDOW
        if identifier == 0:
            if increment == 0:
                return self._fail(PROTOCOL_ERROR, "WINDOW_UPDATE of 0")
            if self.send_window + increment > MAX_WINDOW:
                return self._fail(FLOW_CONTROL_ERROR, "the connection's window is too large")
            self.send_window += increment
            return self._spend(self._window_updates)
        if self._is_idle(identifier):
            return self._fail(PROTOCOL_ERROR, "WINDOW_UPDATE on an idle stream")
        stream = self.streams.get(identifier)
        if stream is not None:
            if increment == 0:
                return self._break_stream(stream, PROTOCOL_ERROR)
            if stream.send_window + increment > MAX_WINDOW:
                return self._break_stream(stream, FLOW_CONTROL_ERROR)
            stream.send_window += increment
            if stream.queued > 0 and stream.send_window > 0:
                self._ready[identifier] = stream
        return self._spend(self._window_updates)

    def _read_rst_stream(self) -> int:
        reader = self._reader
        identifier = reader.stream_id
        if reader.length != 4:
            return self._fail(FRAME_SIZE_ERROR, "RST_STREAM has not 4 bytes")
        if self._is_idle(identifier):
            return self._fail(PROTOCOL_ERROR, "RST_STREAM on an idle stream")
        stream = self.streams.get(identifier)
        if self._server and (stream is None or self._now - stream.born < _PATIENCE_NS):
            if not self._resets.take(self._now):
                return self._flooded(self._resets.name)
        if stream is None:
            return _NOTHING
        self._drop(stream)
        self.stream = stream
        self.error_code = reader.word(reader.start)
        self.unprocessed = self.error_code == REFUSED_STREAM
        return _RESET

    def _read_settings(self) -> int:
        reader = self._reader
        if reader.stream_id != 0:
            return self._fail(PROTOCOL_ERROR, "SETTINGS on a stream")
        if reader.flags & ACK:
            if reader.length != 0:
                return self._fail(FRAME_SIZE_ERROR, "an acknowledgement with settings")
            if not self.acknowledged:
                self.acknowledged = True
                self._decoder.set_max_table_size(self.options.header_table_size)
            return self._spend(self._settings)
        code = self.peer.read(reader.buffer, reader.start, reader.start + reader.length)
        if code != NO_ERROR:
            return self._fail(code, "SETTINGS are malformed")
        if not self._resize_windows():
            return self._fail(FLOW_CONTROL_ERROR, "a stream's window is too large")
        self.settled = True
        self._writer.frame(SETTINGS_FRAME, ACK, 0, b"")
        self.stream = None  # type: ignore[assignment]  # as declared
        event = self._replied(self._settings)
        return _SETTLED if event == _NOTHING else event

    def _read_ping(self) -> int:
        reader = self._reader
        if reader.stream_id != 0:
            return self._fail(PROTOCOL_ERROR, "PING on a stream")
        if reader.length != 8:
            return self._fail(FRAME_SIZE_ERROR, "PING has not 8 bytes")
        payload = reader.part(reader.start, reader.start + 8)
        if reader.flags & ACK:
            self.data = payload
            self.stream = None  # type: ignore[assignment]  # as declared
            event = self._spend(self._pings)
            return _PONG if event == _NOTHING else event
        self._writer.frame(PING_FRAME, ACK, 0, payload)
        return self._replied(self._pings)

    def _read_goaway(self) -> int:
        reader = self._reader
        if reader.stream_id != 0:
            return self._fail(PROTOCOL_ERROR, "GOAWAY on a stream")
        if reader.length < 8:
            return self._fail(FRAME_SIZE_ERROR, "GOAWAY has not 8 bytes")
        event = self._spend(self._settings)
        if event != _NOTHING:
            return event
        last = reader.word(reader.start) & MAX_STREAM_ID
        self._goaway_code = reader.word(reader.start + 4)
        self.peer_goaway = True
        self._goaway_due = True
        self._pending = True
        if last < self.last_stream_id:
            self.last_stream_id = last
        if not self._server:
            lost = [stream for stream in self.streams.values() if stream.id > last]
            for stream in lost:
                self._drop(stream)
            self._lost = lost
        return _NOTHING

    def _read_priority(self) -> int:
        reader = self._reader
        identifier = reader.stream_id
        if identifier == 0:
            return self._fail(PROTOCOL_ERROR, "PRIORITY without a stream")
        code = NO_ERROR
        if reader.length != 5:
            code = FRAME_SIZE_ERROR
        elif reader.word(reader.start) & MAX_STREAM_ID == identifier:
            code = PROTOCOL_ERROR
        if code != NO_ERROR:
            stream = self.streams.get(identifier)
            if stream is None:
                # No stream that could be reset.
                return self._fail(code, "PRIORITY is malformed")
            return self._break_stream(stream, code)
        return self._spend(self._priority)

    # -- states and limits --------------------------------------------------------------------

    def _is_idle(self, identifier: int) -> bool:
        """Say whether nobody has opened the stream yet; stream 0 is one in this respect."""
        if identifier & 1 == 0:
            return True
        return identifier > self._highest if self._server else identifier >= self._next_id

    def _break_stream(self, stream: Http2Stream, code: int) -> int:
        """The peer broke the rules on one stream (§5.4.2)."""
        # Being made to reset streams is no better than their being reset (CVE-2025-8671).
        event = self._replied(self._resets)
        if event != _NOTHING:
            return event
        self.reset_stream(stream, code)
        self.stream = stream
        self.error_code = code
        self.unprocessed = False
        return _RESET

    def _replied(self, bucket: TokenBucket) -> int:
        """The peer made us write a frame that no stream accounts for."""
        if self._congested:
            self._unread_replies += 1
            if self._unread_replies > self.options.max_unread_replies:
                return self._flooded("replies")
        return self._spend(bucket)

    def _spend(self, bucket: TokenBucket) -> int:
        if bucket.take(self._now):
            return _NOTHING
        return self._flooded(bucket.name)

    def _flooded(self, name: str) -> int:
        return self._fail(ENHANCE_YOUR_CALM, "too many: " + name, name)

    def _fail(self, code: int, text: str, flood: str = "") -> int:
        """The connection is over (§5.4.1)."""
        self._failed = True
        self.error_code = code
        self.error = text
        self.flood = flood
        self._announce_end(code, text.encode())
        return _ERROR
