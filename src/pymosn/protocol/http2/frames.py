"""HTTP/2 frames (RFC 9113 §4, §6): bytes to frames, and frames to bytes.

    +-----------------------------------------------+
    |                 Length (24)                   |
    +---------------+---------------+---------------+
    |   Type (8)    |   Flags (8)   |
    +-+-------------+---------------+-------------------------------+
    |R|                 Stream Identifier (31)                      |
    +=+=============================================================+
    |                   Frame Payload (0...)                      ...
    +---------------------------------------------------------------+

Knows the layout only; what a frame means is ``connection``'s.  Reading makes no object for a frame:
the reader's attributes are it.  Written frames gather in one buffer, so that whatever a turn of the
event loop produces leaves as one ``bytes``; only large payloads travel by themselves.
"""

from typing import Final

DATA_FRAME: Final = 0x0
HEADERS_FRAME: Final = 0x1
PRIORITY_FRAME: Final = 0x2
RST_STREAM_FRAME: Final = 0x3
SETTINGS_FRAME: Final = 0x4
PUSH_PROMISE_FRAME: Final = 0x5
PING_FRAME: Final = 0x6
GOAWAY_FRAME: Final = 0x7
WINDOW_UPDATE_FRAME: Final = 0x8
CONTINUATION_FRAME: Final = 0x9

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITIZED: Final = 0x20

SETTINGS_HEADER_TABLE_SIZE: Final = 0x1
SETTINGS_ENABLE_PUSH: Final = 0x2
SETTINGS_MAX_CONCURRENT_STREAMS: Final = 0x3
SETTINGS_INITIAL_WINDOW_SIZE: Final = 0x4
SETTINGS_MAX_FRAME_SIZE: Final = 0x5
SETTINGS_MAX_HEADER_LIST_SIZE: Final = 0x6
SETTINGS_ENABLE_CONNECT_PROTOCOL: Final = 0x8
SETTINGS_NO_RFC7540_PRIORITIES: Final = 0x9

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client sends first (RFC 9113 §3.4)."""

HEADER_BYTES: Final = 9
MIN_MAX_FRAME_SIZE: Final = 1 << 14
MAX_MAX_FRAME_SIZE: Final = (1 << 24) - 1
MAX_WINDOW: Final = (1 << 31) - 1
MAX_STREAM_ID: Final = (1 << 31) - 1
DEFAULT_WINDOW: Final = 65535

INCOMPLETE: Final = 0
FRAME: Final = 1
TOO_LONG: Final = 2

OWN_PIECE: Final = 4096
"""A payload of this size or more is passed on by itself; copying less is cheaper than another piece
of a gathered write."""

_INCOMPLETE = INCOMPLETE
_FRAME = FRAME
_TOO_LONG = TOO_LONG
_DATA = DATA_FRAME
_PADDED = PADDED
_OWN_PIECE = OWN_PIECE


class FrameReader:
    """Splits what one peer sends into frames.

    ``feed`` bytes, then call ``next`` until it answers ``INCOMPLETE``.  After ``FRAME`` the header
    is in ``kind``, ``flags``, ``stream_id`` and ``length``, and the payload is
    ``buffer[start:start + length]``; of DATA only the pad length is sure to have arrived, the
    rest is fetched with ``take`` as it comes.  No more than ``max_frame_size`` + 9 bytes are kept.
    """

    max_frame_size: int
    buffer: bytes
    kind: int
    flags: int
    stream_id: int
    length: int
    start: int
    left: int
    _position: int
    _size: int
    _pieces: list[bytes] | None
    _missing: int

    def __init__(self, max_frame_size: int) -> None:
        self.max_frame_size = max_frame_size
        self.buffer = b""
        self.kind = 0
        self.flags = 0
        self.stream_id = 0
        self.length = 0
        self.start = 0
        self.left = 0
        self._position = 0
        self._size = 0
        self._pieces = None
        self._missing = 0

    def feed(self, data: bytes) -> None:
        """Take bytes that arrived."""
        pieces = self._pieces
        if pieces is not None:
            # Joined once the frame is complete: a frame that comes byte by byte is copied once.
            pieces.append(data)
            self._missing -= len(data)
            if self._missing > 0:
                return
            data = b"".join(pieces)
            self._pieces = None
        elif self._position < self._size:
            data = self.part(self._position, self._size) + data
        self.buffer = data
        self._position = 0
        self._size = len(data)

    def next(self) -> int:
        """Go to the next frame: ``FRAME``, ``INCOMPLETE`` or ``TOO_LONG``.

        The payload of a DATA frame must have been taken (``left`` is 0).
        """
        if self._pieces is not None:
            return _INCOMPLETE
        at = self._position
        available = self._size - at
        if available < 9:
            return self._wait(9, available)
        raw = self.buffer
        self.length = raw[at] << 16 | raw[at + 1] << 8 | raw[at + 2]
        self.kind = raw[at + 3]
        self.flags = raw[at + 4]
        self.stream_id = (
            (raw[at + 5] & 0x7F) << 24 | raw[at + 6] << 16 | raw[at + 7] << 8 | raw[at + 8]
        )
        if self.length > self.max_frame_size:
            return _TOO_LONG
        if self.kind == _DATA:
            if not self.flags & _PADDED or self.length == 0:
                self.start = at + 9
                self._position = at + 9
                self.left = self.length
                return _FRAME
            if available < 10:
                return self._wait(10, available)
            self.start = at + 9
            self._position = at + 10
            self.left = self.length - 1
            return _FRAME
        if available < 9 + self.length:
            return self._wait(9 + self.length, available)
        self.start = at + 9
        self._position = at + 9 + self.length
        return _FRAME

    def arrived(self) -> int:
        """Return how much of the payload of a DATA frame can be taken now."""
        count = self._size - self._position
        if count == 0:
            self._release()
        return self.left if count > self.left else count

    def take(self, count: int) -> bytes:
        """Return the next ``count`` bytes of a DATA frame's payload, which have ``arrived``."""
        start = self._position
        self._position = start + count
        self.left -= count
        if start == 0 and count == self._size:
            return self.buffer
        raw = self.buffer
        return raw[start : start + count]

    def skip(self, count: int) -> None:
        """Pass over the next ``count`` bytes of a DATA frame's payload, which have ``arrived``."""
        self._position += count
        self.left -= count

    def word(self, at: int) -> int:
        """Return the 32 bits at ``at`` in ``buffer``, which must be there."""
        raw = self.buffer
        return raw[at] << 24 | raw[at + 1] << 16 | raw[at + 2] << 8 | raw[at + 3]

    def byte(self, at: int) -> int:
        """Return the byte at ``at`` in ``buffer``, which must be there."""
        raw = self.buffer
        return raw[at]

    def part(self, start: int, end: int) -> bytes:
        """Return ``buffer[start:end]``, which must be there."""
        raw = self.buffer
        return raw[start:end]

    def _wait(self, size: int, available: int) -> int:
        """Keep the beginning of a frame until ``size`` bytes of it are there."""
        if available > 0:
            self._pieces = [self.part(self._position, self._size)]
            self._missing = size - available
        self._release()
        return _INCOMPLETE

    def _release(self) -> None:
        """An idle connection holds no buffer."""
        self.buffer = b""
        self._position = 0
        self._size = 0


class FrameWriter:
    """Gathers frames until somebody takes them."""

    size: int
    _gathered: bytearray
    _header: bytearray
    _number: bytearray
    _parts: list[bytes]

    def __init__(self) -> None:
        self.size = 0
        self._gathered = bytearray()
        self._header = bytearray(9)
        self._number = bytearray(4)
        self._parts = []

    def take(self) -> list[bytes]:
        """Return what was written since the last call; the list is the caller's."""
        parts = self._parts
        if self._gathered:
            parts.append(bytes(self._gathered))
            self._gathered = bytearray()
        if parts:
            self._parts = []
        self.size = 0
        return parts

    def raw(self, data: bytes) -> None:
        """Write bytes that are no frame: the preface."""
        gathered = self._gathered
        gathered += data
        self.size += len(data)

    def frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        """Write one frame; ``payload`` fits into it."""
        self._begin(len(payload), kind, flags, stream_id)
        self._append(payload)

    def data(self, flags: int, stream_id: int, source: bytes, start: int, count: int) -> None:
        """Write ``source[start:start + count]`` as a DATA frame."""
        self._begin(count, _DATA, flags, stream_id)
        if count == len(source):
            self._append(source)
        else:
            raw = source
            self._append(raw[start : start + count])

    def headers(self, flags: int, stream_id: int, block: bytes, limit: int) -> None:
        """Write a field block as HEADERS and, beyond ``limit``, CONTINUATION (RFC 9113 §4.3)."""
        size = len(block)
        if size <= limit:
            self.frame(HEADERS_FRAME, flags | END_HEADERS, stream_id, block)
            return
        self.frame(HEADERS_FRAME, flags, stream_id, block[:limit])
        at = limit
        while size - at > limit:
            self.frame(CONTINUATION_FRAME, 0, stream_id, block[at : at + limit])
            at += limit
        self.frame(CONTINUATION_FRAME, END_HEADERS, stream_id, block[at:])

    def rst_stream(self, stream_id: int, code: int) -> None:
        """Write RST_STREAM (§6.4)."""
        self._begin(4, RST_STREAM_FRAME, 0, stream_id)
        self._word(code)

    def window_update(self, stream_id: int, increment: int) -> None:
        """Write WINDOW_UPDATE (§6.9); stream 0 is the connection."""
        self._begin(4, WINDOW_UPDATE_FRAME, 0, stream_id)
        self._word(increment)

    def goaway(self, last_stream_id: int, code: int, text: bytes) -> None:
        """Write GOAWAY (§6.8); ``text`` is for the people who read the peer's log."""
        self._begin(8 + len(text), GOAWAY_FRAME, 0, 0)
        self._word(last_stream_id)
        self._word(code)
        self._append(text)

    def settings(self, values: list[tuple[int, int]]) -> None:
        """Write SETTINGS (§6.5)."""
        self._begin(6 * len(values), SETTINGS_FRAME, 0, 0)
        for identifier, value in values:
            self._append(bytes((0, identifier)))
            self._word(value)

    def _begin(self, length: int, kind: int, flags: int, stream_id: int) -> None:
        raw = self._header
        raw[0] = length >> 16
        raw[1] = length >> 8 & 255
        raw[2] = length & 255
        raw[3] = kind
        raw[4] = flags
        raw[5] = stream_id >> 24
        raw[6] = stream_id >> 16 & 255
        raw[7] = stream_id >> 8 & 255
        raw[8] = stream_id & 255
        gathered = self._gathered
        gathered += self._header
        self.size += 9

    def _append(self, payload: bytes) -> None:
        size = len(payload)
        self.size += size
        if size < _OWN_PIECE:
            gathered = self._gathered
            gathered += payload
            return
        self._parts.append(bytes(self._gathered))
        self._gathered = bytearray()
        self._parts.append(payload)

    def _word(self, value: int) -> None:
        raw = self._number
        raw[0] = value >> 24
        raw[1] = value >> 16 & 255
        raw[2] = value >> 8 & 255
        raw[3] = value & 255
        gathered = self._gathered
        gathered += self._number
        self.size += 4
