"""The sending half of an HTTP/2 connection: its streams, their windows, and what waits for them.

Heads and control frames are written at once.  Data goes out as far as the peer's windows and the
socket allow; the rest waits stream by stream, and leaves round robin, a frame at a time.

Counterpart: ``connection`` adds what the peer says, and is what others use.
"""

from typing import Final

from pymosn.message import Head, RequestHead, ResponseHead
from pymosn.protocol.http2.frames import (
    DEFAULT_WINDOW,
    END_STREAM,
    MAX_STREAM_ID,
    MAX_WINDOW,
    MIN_MAX_FRAME_SIZE,
    PING_FRAME,
    PREFACE,
    SETTINGS_ENABLE_CONNECT_PROTOCOL,
    SETTINGS_ENABLE_PUSH,
    SETTINGS_HEADER_TABLE_SIZE,
    SETTINGS_INITIAL_WINDOW_SIZE,
    SETTINGS_MAX_CONCURRENT_STREAMS,
    SETTINGS_MAX_FRAME_SIZE,
    SETTINGS_MAX_HEADER_LIST_SIZE,
    SETTINGS_NO_RFC7540_PRIORITIES,
    FrameWriter,
)
from pymosn.protocol.http2.heads import write_request, write_response, write_trailers
from pymosn.protocol.http2.hpack import DEFAULT_TABLE_SIZE, HpackEncoder
from pymosn.protocol.http2.options import FLOODS, Http2Options, TokenBucket
from pymosn.protocol.http2.settings import PeerSettings
from pymosn.protocol.http2.stream import Http2Stream

FRAME_BYTES: Final = 16384
"""DATA frames are not made larger, whatever the peer allows: streams take turns by frames."""
OUTPUT_BYTES: Final = 262144
"""Data handed out at once.  Not less than ``Connection.HIGH_WATER``: who got so much finds the
socket full, and will call ``congested(False)`` for the rest."""
REMEMBERED: Final = 256
"""Streams that we reset lately and whose frames may still come, beside as many as were ever open
at once."""

_FRAME_BYTES = FRAME_BYTES
_OUTPUT_BYTES = OUTPUT_BYTES
_REMEMBERED = REMEMBERED
_METHOD_HEAD = b"HEAD"
_METHOD_CONNECT = b"CONNECT"


class Http2Output:
    """What ``Http2Connection`` says to its peer; its base, and nobody else's."""

    options: Http2Options
    peer: PeerSettings
    streams: dict[int, Http2Stream]
    send_window: int
    receive_window: int
    acknowledged: bool
    peer_goaway: bool
    draining: bool
    _server: bool
    _writer: FrameWriter
    _encoder: HpackEncoder
    _failed: bool
    _congested: bool
    _pending: bool
    _peer_window: int
    _highest: int
    _next_id: int
    _most: int
    _goaway_sent: bool
    _last_announced: int
    _credit: int
    _room: int
    _unread_replies: int
    _ready: dict[int, Http2Stream]
    _drained: list[Http2Stream] | None
    _forgotten: dict[int, None]
    _resets: TokenBucket
    _settings: TokenBucket
    _pings: TokenBucket
    _empty: TokenBucket
    _priority: TokenBucket
    _window_updates: TokenBucket
    _tiny: TokenBucket

    def __init__(self, options: Http2Options) -> None:
        self.options = options
        self._server = options.server
        self._writer = FrameWriter()
        self._encoder = HpackEncoder(options.encoder_table_size)
        self.peer = PeerSettings(not options.server, self._encoder)
        self.streams = {}
        self.send_window = DEFAULT_WINDOW
        self.receive_window = DEFAULT_WINDOW
        self.acknowledged = False
        self.peer_goaway = False
        self.draining = False
        self._failed = False
        self._congested = False
        # Something is to be reported that no frame says: streams that drained or were lost.
        self._pending = False
        self._peer_window = DEFAULT_WINDOW
        # The highest stream that the peer opened, and the next of ours.
        self._highest = 0
        self._next_id = 1
        self._most = 0
        self._goaway_sent = False
        self._last_announced = MAX_STREAM_ID
        # Bytes of the connection's window that were consumed, and not given back yet.
        self._credit = 0
        self._room = OUTPUT_BYTES
        self._unread_replies = 0
        # Streams with queued data that their own windows allow, in the order of their turns.
        self._ready = {}
        self._drained = None
        self._forgotten = {}
        (
            self._resets,
            self._settings,
            self._pings,
            self._empty,
            self._priority,
            self._window_updates,
            self._tiny,
        ) = [
            TokenBucket(name, burst, rate)
            for name, (burst, rate) in zip(FLOODS, options.flood_limits, strict=True)
        ]

    # -- the connection ---------------------------------------------------------------------------

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
        if options.header_table_size != DEFAULT_TABLE_SIZE:
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
            and len(self.streams) < self.peer.max_streams
            and self._next_id <= MAX_STREAM_ID
        )

    # -- streams ----------------------------------------------------------------------------------

    def open_stream(self, owner: object, head: RequestHead, end: bool) -> Http2Stream | None:
        """Client: send a request; None when ``can_open`` forbids it, or an extended CONNECT
        (RFC 8441) that the server does not take."""
        if not self.can_open():
            return None
        if head.upgrade is not None and not self.peer.connect_protocol:
            return None
        stream = self._new_stream(self._next_id)
        self._next_id += 2
        stream.owner = owner
        stream.bodiless = head.method == _METHOD_HEAD
        stream.connect = head.method == _METHOD_CONNECT or head.upgrade is not None
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

    # -- states -----------------------------------------------------------------------------------

    def _new_stream(self, identifier: int) -> Http2Stream:
        window = self.options.initial_window
        if window < DEFAULT_WINDOW and not self.acknowledged:
            # The peer may not know our settings yet.
            window = DEFAULT_WINDOW
        stream = Http2Stream.__new__(Http2Stream)
        stream.enter(identifier, self._peer_window, window)
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
            # Nothing more is to be told: no cycle stays for the collector.
            stream.owner = None
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

    def _remember(self, identifier: int) -> None:
        """We reset the stream: what is still on its way is ignored."""
        self._forgotten[identifier] = None
        if len(self._forgotten) > _REMEMBERED + self._most:
            for oldest in self._forgotten:
                del self._forgotten[oldest]
                break

    def _announce_end(self, code: int, text: bytes) -> None:
        # What we say here never grows (§6.8), though refused streams go on counting.
        if self._highest < self._last_announced:
            self._last_announced = self._highest
        self._writer.goaway(self._last_announced, code, text)

    # -- windows ----------------------------------------------------------------------------------

    def _resize_windows(self) -> bool:
        """The peer's initial window may have changed (§6.9.2): move the windows of all streams.

        False when one becomes too large.  Once for a SETTINGS frame, however often that says it.
        """
        change = self.peer.initial_window - self._peer_window
        if change == 0:
            return True
        self._peer_window += change
        for stream in self.streams.values():
            if stream.send_window + change > MAX_WINDOW:
                return False
            stream.send_window += change
            if stream.queued > 0:
                if stream.send_window > 0:
                    self._ready[stream.id] = stream
                else:
                    self._ready.pop(stream.id, None)
        return True

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

    # -- writing ----------------------------------------------------------------------------------

    def _write_block(self, stream: Http2Stream, block: bytes, end: bool) -> None:
        self._writer.headers(END_STREAM if end else 0, stream.id, block, self.peer.max_frame_size)

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
        self._tiny.give(1)

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
