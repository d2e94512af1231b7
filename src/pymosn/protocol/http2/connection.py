"""HTTP/2 (RFC 9113): one connection, either end of it: frames to events, and calls to frames.

Sans-IO.  The owner of the socket does, when bytes arrived or the socket drained:

    engine.set_time(now); engine.feed(data)      or      engine.congested(False)
    while True:
        while (event := engine.next()) != NEED_DATA: …     # calls send_…, consumed, reset_stream
        parts = engine.take_output()
        if not parts: break
        if not connection.write_all(parts): engine.congested(True)

After calls outside of events, ``take_output`` is enough.  Control frames and heads are written at
once; data waits, stream by stream, for the peer's windows and for the socket, and goes out round
robin.  Breaking the protocol is an event, never an exception: ``RESET`` for one stream, ``ERROR``
for the connection.  Priorities (RFC 7540 §5.3) are checked and ignored (RFC 9113 §5.3.2).

Counterparts: ``frames`` has the layout, ``heads`` the fields; ``pymosn.stream`` has the sockets.
It is long because the rules of streams, windows and limits refer to each other.
"""

from typing import Final

from pymosn.message import Head, RequestHead, ResponseHead
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
    DEFAULT_WINDOW,
    END_HEADERS,
    END_STREAM,
    GOAWAY_FRAME,
    HEADERS_FRAME,
    INCOMPLETE,
    MAX_MAX_FRAME_SIZE,
    MAX_STREAM_ID,
    MAX_WINDOW,
    MIN_MAX_FRAME_SIZE,
    PADDED,
    PING_FRAME,
    PREFACE,
    PRIORITIZED,
    PRIORITY_FRAME,
    PUSH_PROMISE_FRAME,
    RST_STREAM_FRAME,
    SETTINGS_ENABLE_CONNECT_PROTOCOL,
    SETTINGS_ENABLE_PUSH,
    SETTINGS_FRAME,
    SETTINGS_HEADER_TABLE_SIZE,
    SETTINGS_INITIAL_WINDOW_SIZE,
    SETTINGS_MAX_CONCURRENT_STREAMS,
    SETTINGS_MAX_FRAME_SIZE,
    SETTINGS_MAX_HEADER_LIST_SIZE,
    SETTINGS_NO_RFC7540_PRIORITIES,
    TOO_LONG,
    WINDOW_UPDATE_FRAME,
    FrameReader,
    FrameWriter,
)
from pymosn.protocol.http2.heads import (
    read_request,
    read_response,
    read_trailers,
    write_request,
    write_response,
    write_trailers,
)
from pymosn.protocol.http2.hpack import COMPRESSION_ERROR as MALFORMED_BLOCK
from pymosn.protocol.http2.hpack import OK, HpackDecoder, HpackEncoder
from pymosn.protocol.http2.options import FLOODS, Http2Options, TokenBucket
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
"""The connection failed: ``error_code``, ``error`` and, when a limit ended it, ``flood``.  GOAWAY is
in the output; write it and close.  What is in ``streams`` has heard nothing yet."""

FRAME_BYTES: Final = 16384
"""DATA frames are not made larger, whatever the peer allows: streams take turns by frames."""
OUTPUT_BYTES: Final = 262144
"""Data handed out at once.  Not less than ``Connection.HIGH_WATER``: who got so much finds the
socket full, and will call ``congested(False)`` for the rest."""
ASSUMED_STREAMS: Final = 100
"""How many streams a client opens before the server's SETTINGS arrive."""
REMEMBERED: Final = 256
"""Streams that we reset lately and whose frames may still come, beside as many as were ever open
at once."""
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
"""The frame was no event."""

_FRAME_BYTES = FRAME_BYTES
_OUTPUT_BYTES = OUTPUT_BYTES
_REMEMBERED = REMEMBERED
_MAX_INFORMATIONAL = MAX_INFORMATIONAL
_METHOD_HEAD = b"HEAD"
_METHOD_CONNECT = b"CONNECT"


class Http2Connection:
    """One end of a connection; ``options.server`` says which."""

    options: Http2Options
    streams: dict[int, Http2Stream]
    send_window: int
    receive_window: int
    stream: Http2Stream  # what the last event is about
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
    acknowledged: bool
    connect_protocol: bool
    peer_max_streams: int
    peer_max_header_bytes: int
    peer_goaway: bool
    draining: bool
    _server: bool
    _reader: FrameReader
    _writer: FrameWriter
    _decoder: HpackDecoder
    _encoder: HpackEncoder
    _now: int
    _preface_left: int
    _failed: bool
    _congested: bool
    _pending: bool
    _peer_window: int
    _peer_frame: int
    _highest: int
    _gap_start: int
    _gap_end: int
    _next_id: int
    _most: int
    _goaway_sent: bool
    _last_announced: int
    _block_id: int
    _block_flags: int
    _block_code: int
    _block_frames: int
    _block_size: int
    _block: list[bytes] | None
    _body: Http2Stream | None
    _body_end: bool
    _padding: int
    _credit: int
    _room: int
    _unread_replies: int
    _ready: dict[int, Http2Stream]
    _drained: list[Http2Stream] | None
    _lost: list[Http2Stream] | None
    _goaway_due: bool
    _goaway_code: int
    _streams_limited: bool
    _forgotten: dict[int, None]
    _resets: TokenBucket
    _settings: TokenBucket
    _pings: TokenBucket
    _empty: TokenBucket
    _priority: TokenBucket
    _window_updates: TokenBucket

    def __init__(self, options: Http2Options) -> None:
        self.options = options
        self.streams = {}
        self.send_window = DEFAULT_WINDOW
        self.receive_window = DEFAULT_WINDOW
        self.stream = None  # type: ignore[assignment]  # until an event names one
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
        self.acknowledged = False
        self.connect_protocol = False
        self.peer_max_streams = ASSUMED_STREAMS
        self.peer_max_header_bytes = 0
        self.peer_goaway = False
        self.draining = False
        self._server = options.server
        self._reader = FrameReader(options.max_frame_size)
        self._writer = FrameWriter()
        # A peer may not know yet that we want a smaller table.
        self._decoder = HpackDecoder(
            max(4096, options.header_table_size), options.max_header_bytes, options.max_fields
        )
        self._encoder = HpackEncoder(options.encoder_table_size)
        self._now = 0
        self._preface_left = len(PREFACE) if options.server else 0
        self._failed = False
        self._congested = False
        self._pending = False
        self._peer_window = DEFAULT_WINDOW
        self._peer_frame = FRAME_BYTES
        # The highest stream that the peer opened, and the streams that it skipped last.
        self._highest = 0
        self._gap_start = 0
        self._gap_end = 0
        self._next_id = 1
        self._most = 0
        self._goaway_sent = False
        self._last_announced = MAX_STREAM_ID
        self._block_id = 0
        self._block_flags = 0
        self._block_code = NO_ERROR
        self._block_frames = 0
        self._block_size = 0
        self._block = None
        self._body = None
        self._body_end = False
        self._padding = 0
        self._credit = 0
        self._room = OUTPUT_BYTES
        self._unread_replies = 0
        self._ready = {}
        self._drained = None
        self._lost = None
        self._goaway_due = False
        self._goaway_code = NO_ERROR
        self._streams_limited = False
        self._forgotten = {}
        buckets = [
            TokenBucket(name, limit[0], limit[1])
            for name, limit in zip(FLOODS, options.flood_limits, strict=True)
        ]
        (
            self._resets,
            self._settings,
            self._pings,
            self._empty,
            self._priority,
            self._window_updates,
        ) = buckets

    # -- the connection -----------------------------------------------------------------------

    def begin(self) -> None:
        """Write the connection preface (RFC 9113 §3.4)."""
        options = self.options
        if not self._server:
            self._writer.raw(PREFACE)
        values = [(SETTINGS_NO_RFC7540_PRIORITIES, 1)]
        if self._server:
            values.append((SETTINGS_MAX_CONCURRENT_STREAMS, options.max_concurrent_streams))
            if options.enable_connect_protocol:
                values.append((SETTINGS_ENABLE_CONNECT_PROTOCOL, 1))
        else:
            values.append((SETTINGS_ENABLE_PUSH, 0))
        if options.header_table_size != 4096:
            values.append((SETTINGS_HEADER_TABLE_SIZE, options.header_table_size))
        if options.initial_window != DEFAULT_WINDOW:
            values.append((SETTINGS_INITIAL_WINDOW_SIZE, options.initial_window))
        if options.max_frame_size != MIN_MAX_FRAME_SIZE:
            values.append((SETTINGS_MAX_FRAME_SIZE, options.max_frame_size))
        values.append((SETTINGS_MAX_HEADER_LIST_SIZE, options.max_header_bytes))
        self._writer.settings(values)
        if options.connection_window > DEFAULT_WINDOW:
            self._writer.window_update(0, options.connection_window - DEFAULT_WINDOW)
            self.receive_window = options.connection_window

    def upgrade(self, settings: bytes) -> Http2Stream | None:
        """Begin with the request that asked for h2c in HTTP/1.1 (RFC 7540 §3.2).

        ``settings`` is the decoded ``HTTP2-Settings`` field.  Returns stream 1, whose request has
        been read elsewhere, or None when the settings are malformed.  Comes before ``begin``.
        """
        if self._apply_settings(settings, 0, len(settings)) != _NOTHING:
            return None
        self._highest = 1
        stream = self._new_stream(1)
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

    def take_output(self) -> list[bytes]:
        """Return what is to be written, empty when nothing; the list is the caller's."""
        self._room = _OUTPUT_BYTES
        return self._writer.take()

    def congested(self, value: bool) -> None:
        """Say whether the socket is full; while it is, data waits here."""
        self._congested = value
        if not value:
            self._unread_replies = 0
            self._pump()

    def active(self) -> int:
        """Return how many streams are open."""
        return len(self.streams)

    def can_open(self) -> bool:
        """Client: say whether the peer takes another stream now."""
        return (
            not self._failed
            and not self.peer_goaway
            and not self._goaway_sent
            and len(self.streams) < self.peer_max_streams
            and self._next_id < MAX_STREAM_ID
        )

    def goaway(self, code: int, final: bool) -> None:
        """Announce that no more streams are taken (§6.8).

        A server that wants to lose no request does it in two steps: not ``final`` it only asks for
        no more; a round trip later, ``final``, later streams are refused.  A client is final.
        """
        if self._failed:
            return
        self._goaway_sent = True
        if final or not self._server:
            self.draining = True
            self._announce_end(code, b"")
        else:
            self._writer.goaway(MAX_STREAM_ID, code, b"")

    def ping(self, payload: bytes) -> None:
        """Send PING with 8 bytes; ``PONG`` is the answer."""
        if not self._failed:
            self._writer.frame(PING_FRAME, 0, 0, payload)

    # -- streams ------------------------------------------------------------------------------

    def open_stream(self, owner: object, head: RequestHead, end: bool) -> Http2Stream | None:
        """Client: send a request; None when ``can_open`` forbids it, or an extended CONNECT
        (RFC 8441) that the server does not take."""
        if not self.can_open():
            return None
        if head.upgrade is not None and head.method == _METHOD_CONNECT:
            if not self.connect_protocol:
                return None
        stream = self._new_stream(self._next_id)
        self._next_id += 2
        stream.owner = owner
        stream.bodiless = head.method == _METHOD_HEAD
        stream.connect = head.method == _METHOD_CONNECT
        stream.local_ended = end
        self._write_block(stream, write_request(self._encoder, head, self.options.scheme), end)
        return stream

    def send_headers(self, stream: Http2Stream, head: ResponseHead, end: bool) -> None:
        """Server: send a response's head; several for 1xx."""
        if stream.closed or stream.local_ended or self._failed:
            return
        self._write_block(stream, write_response(self._encoder, head), end)
        if end:
            self._end_local(stream)

    def send_data(self, stream: Http2Stream, data: bytes, end: bool) -> bool:
        """Send a piece of the body, or queue it; False asks to pause until ``DRAINED``."""
        if stream.closed or stream.local_ended or stream.end_queued or self._failed:
            return True
        size = len(data)
        at = 0
        if stream.queued == 0:
            if size == 0:
                if end:
                    self._writer.data(END_STREAM, stream.id, data, 0, 0)
                    self._end_local(stream)
                return True
            if not self._ready:
                # Nobody is before us.
                while at < size:
                    count = self._allowance(stream, size - at)
                    if count == 0:
                        break
                    at += count
                    last = end and at == size
                    self._write_data(stream, data, at - count, count, last)
                if at == size:
                    if end:
                        self._end_local(stream)
                    return True
        if at < size:
            stream.push(data if at == 0 else data[at:])
        stream.end_queued = end
        if stream.send_window > 0 and stream.queued > 0:
            self._ready[stream.id] = stream
            self._pump()
        if stream.queued > self.options.high_water:
            stream.waiting = True
            return False
        return True

    def send_trailers(self, stream: Http2Stream, head: Head | None) -> None:
        """End the body, with trailers or None; they follow what is queued."""
        if stream.closed or stream.local_ended or stream.end_queued or self._failed:
            return
        if stream.queued > 0:
            stream.trailers = head
            stream.end_queued = True
            return
        self._write_end(stream, head)

    def reset_stream(self, stream: Http2Stream, code: int) -> None:
        """End the stream early with RST_STREAM; no ``RESET`` is reported."""
        if not stream.closed and not self._failed:
            self._writer.rst_stream(stream.id, code)
            if not stream.remote_ended:
                self._remember(stream.id)
            self._drop(stream)

    def consumed(self, stream: Http2Stream, count: int) -> None:
        """The receiver has taken so many bytes of what ``DATA`` delivered: the peer may send more.

        Not while ``paused``: whoever clears that calls again, with 0 if nothing else.
        What was not consumed when a stream ends is given back to the connection by itself.
        """
        if stream.closed or self._failed:
            return
        if count > stream.unconsumed - stream.withheld:
            count = stream.unconsumed - stream.withheld
        if stream.paused:
            stream.withheld += count
            return
        count += stream.withheld
        stream.withheld = 0
        stream.unconsumed -= count
        self._give_back(stream, count)
        self._give_back_connection(count)

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
        self._block_flags = flags
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
            identifier, block, 0, len(block), self._block_flags & END_STREAM, self._block_code
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
        stream.head_received = True
        stream.remote_ended = end
        if head is not None:
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
        if self._body is None or reader.left <= self._padding:
            reader.skip(count)
            return _NOTHING
        stream: Http2Stream = self._body
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
        if self._server and not self._resets.take(self._now):
            return self._flooded(self._resets.name)
        stream = self.streams.get(identifier)
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
        event = self._apply_settings(reader.buffer, reader.start, reader.start + reader.length)
        if event != _NOTHING:
            return event
        self.settled = True
        self._writer.frame(SETTINGS_FRAME, ACK, 0, b"")
        event = self._replied(self._settings)
        return _SETTLED if event == _NOTHING else event

    def _apply_settings(self, data: bytes, at: int, end: int) -> int:
        """Take over the peer's settings (§6.5.2); ``_NOTHING`` when they are sound."""
        raw = data
        if (end - at) % 6 != 0:
            return self._fail(FRAME_SIZE_ERROR, "a setting has not 6 bytes")
        window = self._peer_window
        while at < end:
            identifier = raw[at] << 8 | raw[at + 1]
            value = raw[at + 2] << 24 | raw[at + 3] << 16 | raw[at + 4] << 8 | raw[at + 5]
            value &= 0xFFFFFFFF
            at += 6
            if identifier == SETTINGS_INITIAL_WINDOW_SIZE:
                if value > MAX_WINDOW:
                    return self._fail(FLOW_CONTROL_ERROR, "the initial window is too large")
                window = value
            elif identifier == SETTINGS_MAX_FRAME_SIZE:
                if value < MIN_MAX_FRAME_SIZE or value > MAX_MAX_FRAME_SIZE:
                    return self._fail(PROTOCOL_ERROR, "no such frame size")
                self._peer_frame = value
            elif identifier == SETTINGS_HEADER_TABLE_SIZE:
                self._encoder.peer_table_size(value)
            elif identifier == SETTINGS_MAX_CONCURRENT_STREAMS:
                self.peer_max_streams = value
                self._streams_limited = True
            elif identifier == SETTINGS_MAX_HEADER_LIST_SIZE:
                self.peer_max_header_bytes = value
            elif identifier == SETTINGS_ENABLE_PUSH:
                if value > 1 or (value == 1 and not self._server):
                    return self._fail(PROTOCOL_ERROR, "no such setting of ENABLE_PUSH")
            elif identifier == SETTINGS_ENABLE_CONNECT_PROTOCOL:
                if value > 1 or (value == 0 and self.connect_protocol):
                    return self._fail(PROTOCOL_ERROR, "no such setting of ENABLE_CONNECT_PROTOCOL")
                self.connect_protocol = value == 1
            elif identifier == SETTINGS_NO_RFC7540_PRIORITIES:
                if value > 1:
                    return self._fail(PROTOCOL_ERROR, "no such setting of priorities")
        if not self._streams_limited:
            self.peer_max_streams = MAX_STREAM_ID
        return self._resize_windows(window)

    def _resize_windows(self, window: int) -> int:
        """Move the windows of all streams (§6.9.2), once for each SETTINGS frame."""
        change = window - self._peer_window
        if change == 0:
            return _NOTHING
        self._peer_window = window
        for stream in self.streams.values():
            if stream.send_window + change > MAX_WINDOW:
                return self._fail(FLOW_CONTROL_ERROR, "a stream's window is too large")
            stream.send_window += change
            if stream.queued > 0:
                if stream.send_window > 0:
                    self._ready[stream.id] = stream
                else:
                    self._ready.pop(stream.id, None)
        return _NOTHING

    def _read_ping(self) -> int:
        reader = self._reader
        if reader.stream_id != 0:
            return self._fail(PROTOCOL_ERROR, "PING on a stream")
        if reader.length != 8:
            return self._fail(FRAME_SIZE_ERROR, "PING has not 8 bytes")
        payload = reader.part(reader.start, reader.start + 8)
        if reader.flags & ACK:
            self.data = payload
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

    def _new_stream(self, identifier: int) -> Http2Stream:
        window = self.options.initial_window
        if window < DEFAULT_WINDOW and not self.acknowledged:
            # The peer may not know our settings yet.
            window = DEFAULT_WINDOW
        stream = Http2Stream(identifier, self._peer_window, window)
        self.streams[identifier] = stream
        self._priority.give(4)
        self._window_updates.give(16)
        if len(self.streams) > self._most:
            self._most = len(self.streams)
        return stream

    def _end_remote(self, stream: Http2Stream) -> None:
        stream.remote_ended = True
        if stream.local_ended:
            self._drop(stream)
            self._resets.give(1)

    def _end_local(self, stream: Http2Stream) -> None:
        stream.local_ended = True
        if stream.remote_ended:
            self._drop(stream)
            self._resets.give(1)

    def _drop(self, stream: Http2Stream) -> None:
        """The stream is closed (§5.1)."""
        del self.streams[stream.id]
        stream.closed = True
        if stream.queued > 0:
            self._ready.pop(stream.id, None)
            stream.clear()
        if stream.unconsumed > 0:
            # Includes what of a frame has not even arrived: it will be passed over.
            self._give_back_connection(stream.unconsumed)
            stream.unconsumed = 0
        if self._body is stream:
            self._body = None

    def _remember(self, identifier: int) -> None:
        """We reset the stream: what is still on its way is ignored."""
        self._forgotten[identifier] = None
        if len(self._forgotten) > _REMEMBERED + self._most:
            for oldest in self._forgotten:
                del self._forgotten[oldest]
                break

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

    def _announce_end(self, code: int, text: bytes) -> None:
        # What we say here never grows (§6.8), though refused streams go on counting.
        if self._highest < self._last_announced:
            self._last_announced = self._highest
        self._writer.goaway(self._last_announced, code, text)

    # -- windows ------------------------------------------------------------------------------

    def _give_back(self, stream: Http2Stream, count: int) -> None:
        """Let the peer send more on a stream, when half of its window is due."""
        stream.credit += count
        if stream.credit > self.options.initial_window >> 1 and not stream.remote_ended:
            self._writer.window_update(stream.id, stream.credit)
            stream.receive_window += stream.credit
            stream.credit = 0

    def _give_back_connection(self, count: int) -> None:
        self._credit += count
        if self._credit > self.options.connection_window >> 1:
            self._writer.window_update(0, self._credit)
            self.receive_window += self._credit
            self._credit = 0

    # -- writing ------------------------------------------------------------------------------

    def _write_block(self, stream: Http2Stream, block: bytes, end: bool) -> None:
        self._writer.headers(END_STREAM if end else 0, stream.id, block, self._peer_frame)

    def _write_end(self, stream: Http2Stream, head: Head | None) -> None:
        """Write what ends a stream when nothing is queued."""
        block = b"" if head is None else write_trailers(self._encoder, head)
        if block:
            self._write_block(stream, block, True)
        else:
            self._writer.data(END_STREAM, stream.id, b"", 0, 0)
        self._end_local(stream)

    def _allowance(self, stream: Http2Stream, size: int) -> int:
        """Return how much of ``size`` bytes may go out in a frame now."""
        if self._congested or self._room <= 0:
            return 0
        size = min(size, _FRAME_BYTES, self.send_window, stream.send_window)
        return max(size, 0)

    def _write_data(
        self, stream: Http2Stream, data: bytes, start: int, count: int, last: bool
    ) -> None:
        self.send_window -= count
        stream.send_window -= count
        self._room -= count
        self._writer.data(END_STREAM if last else 0, stream.id, data, start, count)
        self._pings.give(1)
        self._window_updates.give(16)

    def _pump(self) -> None:
        """Send what is queued, a frame for each stream in turn, as far as it is allowed."""
        while self._ready and self._is_open():
            for stream in list(self._ready.values()):
                if not self._is_open():
                    return
                self._send_queued(stream)

    def _is_open(self) -> bool:
        """Say whether anything but a stream's own window holds data back."""
        return not self._congested and self._room > 0 and self.send_window > 0

    def _send_queued(self, stream: Http2Stream) -> None:
        piece = stream.first()
        start = stream.offset()
        count = self._allowance(stream, len(piece) - start)
        last = stream.end_queued and count == stream.queued and stream.trailers is None
        self._write_data(stream, piece, start, count, last)
        stream.sent(count)
        # Whoever had a turn goes to the end of the line.
        del self._ready[stream.id]
        if stream.queued > 0:
            if stream.send_window > 0:
                self._ready[stream.id] = stream
        elif last:
            self._end_local(stream)
        elif stream.end_queued:
            self._write_end(stream, stream.trailers)
        if stream.waiting and stream.queued <= self.options.low_water:
            stream.waiting = False
            if not stream.end_queued:
                if self._drained is None:
                    self._drained = []
                self._drained.append(stream)
                self._pending = True
