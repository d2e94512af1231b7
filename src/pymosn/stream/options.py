"""Limits and manners that the downstream codecs of a listener share."""

from collections.abc import Callable
from typing import Any

from pymosn.protocol.http2.options import Http2Options
from pymosn.protocol.xprotocol.frame import FrameLimits


class RpcOptions:
    """Limits and manners of connections that speak an RPC protocol."""

    frames: "FrameLimits"
    max_in_flight: int
    goaway: bool

    def __init__(
        self, frames: FrameLimits | None = None, max_in_flight: int = 1024, goaway: bool = False
    ) -> None:
        """``max_in_flight``: requests of one connection under way, beyond which it is not read;
        ``goaway``: tell clients before closing."""
        self.frames = frames or FrameLimits()
        self.max_in_flight = max_in_flight
        self.goaway = goaway


class RpcClientOptions:
    """Limits and manners of connections to hosts that speak an RPC protocol."""

    frames: "FrameLimits"
    heartbeat_interval: float
    heartbeat_timeout: float
    idle_timeout: float

    def __init__(
        self,
        frames: FrameLimits | None = None,
        heartbeat_interval: float = 0.0,
        heartbeat_timeout: float = 1.0,
        idle_timeout: float = 0.0,
    ) -> None:
        """Seconds; ``heartbeat_interval`` 0: rarer and rarer; ``idle_timeout``: without a call,
        0: none."""
        self.frames = frames or FrameLimits()
        self.heartbeat_interval = heartbeat_interval
        self.heartbeat_timeout = heartbeat_timeout
        self.idle_timeout = idle_timeout


class ServerOptions:
    """Limits and manners of the connections of one listener."""

    max_head: int
    max_headers: int
    max_body: int
    idle_timeout: float
    header_timeout: float
    body_timeout: float
    max_requests: int
    http2: "Http2Options"
    h2c: Any
    rpc: "RpcOptions"

    def __init__(
        self,
        max_head: int = 8192,
        max_headers: int = 100,
        max_body: int = 0,
        idle_timeout: float = 90.0,
        header_timeout: float = 60.0,
        body_timeout: float = 60.0,
        max_requests: int = 0,
        http2: Http2Options | None = None,
        h2c: "Callable[..., Any] | None" = None,
        rpc: RpcOptions | None = None,
    ) -> None:
        """Sizes in bytes, timeouts in seconds (0: none).  ``h2c`` makes the connection
        that HTTP/1.1 may be upgraded to."""
        self.max_head = max_head
        self.max_headers = max_headers
        self.max_body = max_body
        self.idle_timeout = idle_timeout
        self.header_timeout = header_timeout
        self.body_timeout = body_timeout
        self.max_requests = max_requests
        self.http2 = http2 or Http2Options(True)
        self.h2c = h2c
        self.rpc = rpc or RpcOptions()
