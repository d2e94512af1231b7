"""What the other end of an HTTP/2 connection announced (RFC 9113 §6.5.2, RFC 8441, RFC 9218)."""

from typing import Final

from pymosn.protocol.http2.errors import (
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    NO_ERROR,
    PROTOCOL_ERROR,
)
from pymosn.protocol.http2.frames import (
    DEFAULT_WINDOW,
    MAX_MAX_FRAME_SIZE,
    MAX_STREAM_ID,
    MAX_WINDOW,
    MIN_MAX_FRAME_SIZE,
    SETTINGS_ENABLE_CONNECT_PROTOCOL,
    SETTINGS_ENABLE_PUSH,
    SETTINGS_HEADER_TABLE_SIZE,
    SETTINGS_INITIAL_WINDOW_SIZE,
    SETTINGS_MAX_CONCURRENT_STREAMS,
    SETTINGS_MAX_FRAME_SIZE,
    SETTINGS_MAX_HEADER_LIST_SIZE,
    SETTINGS_NO_RFC7540_PRIORITIES,
)
from pymosn.protocol.http2.hpack import HpackEncoder

ASSUMED_STREAMS: Final = 100
"""How many streams a client opens before the server's SETTINGS arrive."""


class PeerSettings:
    """The settings of the peer, defaults until it sends its own.

    ``max_streams`` is how many we may open, ``max_header_bytes`` advice (0: none), and
    ``connect_protocol`` says whether it takes extended CONNECT.
    """

    initial_window: int
    max_frame_size: int
    max_streams: int
    max_header_bytes: int
    connect_protocol: bool
    _from_server: bool
    _limited: bool
    _encoder: HpackEncoder

    def __init__(self, from_server: bool, encoder: HpackEncoder) -> None:
        """``encoder`` is what compresses for the peer."""
        self.initial_window = DEFAULT_WINDOW
        self.max_frame_size = MIN_MAX_FRAME_SIZE
        self.max_streams = ASSUMED_STREAMS
        self.max_header_bytes = 0
        self.connect_protocol = False
        self._from_server = from_server
        self._limited = False
        self._encoder = encoder

    def read(self, data: bytes, at: int, end: int) -> int:
        """Take over the payload ``data[at:end]``; returns an error code."""
        raw = data
        if (end - at) % 6 != 0:
            return FRAME_SIZE_ERROR
        while at < end:
            value = raw[at + 2] << 24 | raw[at + 3] << 16 | raw[at + 4] << 8 | raw[at + 5]
            code = self._set(raw[at] << 8 | raw[at + 1], value & 0xFFFFFFFF)
            if code != NO_ERROR:
                return code
            at += 6
        if not self._limited:
            self.max_streams = MAX_STREAM_ID
        return NO_ERROR

    def _set(self, identifier: int, value: int) -> int:
        """Take over one setting; unknown ones are ignored (§6.5.2)."""
        if identifier == SETTINGS_INITIAL_WINDOW_SIZE:
            if value > MAX_WINDOW:
                return FLOW_CONTROL_ERROR
            self.initial_window = value
        elif identifier == SETTINGS_MAX_FRAME_SIZE:
            if value < MIN_MAX_FRAME_SIZE or value > MAX_MAX_FRAME_SIZE:
                return PROTOCOL_ERROR
            self.max_frame_size = value
        elif identifier == SETTINGS_HEADER_TABLE_SIZE:
            self._encoder.peer_table_size(value)
        elif identifier == SETTINGS_MAX_CONCURRENT_STREAMS:
            self.max_streams = value
            self._limited = True
        elif identifier == SETTINGS_MAX_HEADER_LIST_SIZE:
            self.max_header_bytes = value
        elif identifier == SETTINGS_ENABLE_PUSH:
            if value > 1 or (value == 1 and self._from_server):
                return PROTOCOL_ERROR
        elif identifier == SETTINGS_ENABLE_CONNECT_PROTOCOL:
            if value > 1 or (value == 0 and self.connect_protocol):
                return PROTOCOL_ERROR
            self.connect_protocol = value == 1
        elif identifier == SETTINGS_NO_RFC7540_PRIORITIES:
            if value > 1:
                return PROTOCOL_ERROR
        return NO_ERROR
