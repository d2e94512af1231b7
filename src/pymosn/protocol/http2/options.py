"""What one end of HTTP/2 connections announces and tolerates: every number is a limit.

A flood is a peer that makes us work without asking for anything: each kind of frame that costs us
more than it costs the sender has a ``TokenBucket``.  Work that a well-behaved peer causes gives
tokens back, so that a busy connection is not taken for an attack and a quiet one stays cheap.
"""

from typing import Final

from pymosn.protocol.http2.frames import MAX_MAX_FRAME_SIZE, MAX_WINDOW, MIN_MAX_FRAME_SIZE

FLOODS: Final = ("resets", "settings", "pings", "empty", "priority", "window_updates", "tiny")
"""What has a bucket, by the names that ``Http2Connection.flood`` and metrics have.  Limits without
one: ``continuations``, ``header_block`` and ``replies``."""

DEFAULT_FLOOD_LIMITS: Final = (
    (200, 33),  # CVE-2023-44487 and CVE-2025-8671; a stream that ends well gives one back
    (100, 10),  # CVE-2019-9515
    (1000, 100),  # CVE-2019-9512; every DATA frame gives one back: gRPC measures with pings
    (200, 20),  # CVE-2019-9518
    (1000, 100),  # CVE-2019-9513, and unknown types; a new stream gives four back
    (1000, 100),  # a DATA frame that we send, and a new stream, give sixteen back
    # DATA frames of clients with less than ``TINY_BYTES``; a DATA frame that we send gives one back
    (2000, 1000),
)
"""Burst, and tokens a second, in the order of ``FLOODS``."""

TINY_BYTES: Final = 5
"""A message of gRPC and a frame of a WebSocket client are no smaller."""

PATIENCE_NS: Final = 100_000_000
"""A client that has waited so long for a stream may give it up, as callers do whose deadlines pass,
without that counting as a reset.  It cannot do so often: only ``max_concurrent_streams`` wait."""


class TokenBucket:
    """How often something may happen: ``burst`` times at once, ``rate`` a second in the long run.

    ``name`` is the flood that it is about.  Times are nanoseconds of a clock that never goes back.
    """

    name: str
    burst: float
    rate: float
    level: float
    _filled: int

    def __init__(self, name: str, burst: int, rate: int) -> None:
        self.name = name
        self.burst = burst
        self.rate = rate
        self.level = burst
        self._filled = 0

    def take(self, now: int) -> bool:
        """Take a token; False when there is none."""
        self.level += (now - self._filled) * 1e-9 * self.rate
        self._filled = now
        if self.level > self.burst:
            self.level = self.burst
        if self.level < 1.0:
            return False
        self.level -= 1.0
        return True

    def give(self, count: int) -> None:
        """Put tokens back."""
        self.level += count
        if self.level > self.burst:
            self.level = self.burst


class Http2Options:
    """The limits of the connections of one listener or one cluster."""

    server: bool
    max_concurrent_streams: int
    initial_window: int
    connection_window: int
    max_frame_size: int
    header_table_size: int
    encoder_table_size: int
    max_header_bytes: int
    max_fields: int
    max_continuations: int
    max_unread_replies: int
    high_water: int
    low_water: int
    enable_connect_protocol: bool
    flood_limits: tuple[tuple[int, int], ...]
    scheme: bytes

    def __init__(
        self,
        server: bool,
        max_concurrent_streams: int = 128,
        initial_window: int = 262144,
        connection_window: int = 1 << 20,
        max_frame_size: int = 16384,
        header_table_size: int = 4096,
        encoder_table_size: int = 4096,
        max_header_bytes: int = 65536,
        max_fields: int = 100,
        max_continuations: int = 16,
        max_unread_replies: int = 1000,
        high_water: int = 65536,
        low_water: int = 16384,
        enable_connect_protocol: bool = False,
        flood_limits: tuple[tuple[int, int], ...] = DEFAULT_FLOOD_LIMITS,
        scheme: bytes = b"",
    ) -> None:
        """``max_header_bytes`` holds for a decoded field list (431 beyond) and, a frame later,
        for a block as it comes (the connection ends).  ``high_water`` is what a stream queues for
        its peer's windows before it asks its writer to pause, until ``low_water``.  ``scheme`` is
        what a client puts in the place of each request's own, unless empty."""
        if not 1 <= initial_window <= MAX_WINDOW or not 1 <= connection_window <= MAX_WINDOW:
            raise ValueError("a window has 1 to 2^31 - 1 bytes")
        if not MIN_MAX_FRAME_SIZE <= max_frame_size <= MAX_MAX_FRAME_SIZE:
            raise ValueError("a frame has 2^14 to 2^24 - 1 bytes at most")
        self.server = server
        self.max_concurrent_streams = max_concurrent_streams
        self.initial_window = initial_window
        self.connection_window = connection_window
        self.max_frame_size = max_frame_size
        self.header_table_size = header_table_size
        self.encoder_table_size = encoder_table_size
        self.max_header_bytes = max_header_bytes
        self.max_fields = max_fields
        self.max_continuations = max_continuations
        self.max_unread_replies = max_unread_replies
        self.high_water = high_water
        self.low_water = low_water
        self.enable_connect_protocol = enable_connect_protocol
        self.flood_limits = flood_limits
        self.scheme = scheme
