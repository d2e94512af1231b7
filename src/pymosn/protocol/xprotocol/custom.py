"""RPC protocols that users write in Python.

``Protocol`` and ``Frame`` are what they see (``pymosn.api`` has them); ``CustomProtocol`` makes of
a ``Protocol`` what the data plane works with.  Whatever goes wrong in a user's code is reported,
and costs the connection whose bytes it was given.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from pymosn.message import RequestHead, ResponseHead
from pymosn.protocol.xprotocol.frame import (
    BINDING,
    GOAWAY,
    HEARTBEAT,
    HEARTBEAT_REPLY,
    MULTIPLEX,
    PING_PONG,
    REQUEST,
    RESPONSE,
    Codec,
    FieldRequest,
    FieldResponse,
    FrameLimits,
    RpcProtocol,
    RpcRequest,
)

_REQUEST = REQUEST
_RESPONSE = RESPONSE
_HEARTBEAT = HEARTBEAT
_HEARTBEAT_REPLY = HEARTBEAT_REPLY
_GOAWAY = GOAWAY


@dataclass
class Frame:
    """One message of a protocol: what ``Protocol.decode`` returns and ``Protocol.encode`` takes."""

    size: int = 0
    """Bytes that ``decode`` found the frame to take; ``encode`` ignores it."""
    id: int = 0
    """Which request a response answers; the proxy sets another before it encodes a frame."""
    kind: str = "request"
    """``request``, ``oneway`` (a request without a response) or ``response``."""
    headers: list[tuple[str, str]] = field(default_factory=list)
    """What routes, filters and access logs can see and change."""
    content: bytes | memoryview = b""
    service: str = ""
    method: str = ""
    timeout: int = 0
    """Milliseconds that a request allows; 0: as the route says, negative: no limit."""
    status: int = 0
    """A response's own status; see ``Protocol.http_status``."""
    heartbeat: bool = False
    goaway: bool = False
    """The peer wants no more requests on this connection."""
    extra: Any = None
    """Whatever else ``encode`` needs of what ``decode`` found."""


class Protocol:
    """A protocol of requests and responses.  One object serves all connections of a worker, so
    it keeps nothing between calls.  Exceptions are logged with their traceback."""

    pool_mode: str = "multiplex"
    """``multiplex``: many requests at a time on a connection, told apart by their ids;
    ``ping-pong``: one after the other."""
    id_bits: int = 32
    """Ids of requests are unsigned numbers of so many bits."""

    def match(self, data: memoryview) -> bool | None:
        """Say whether a connection that begins with ``data`` speaks the protocol; None when more
        bytes are needed to tell.  Only asked where a listener speaks several."""
        return False

    def measure(self, data: memoryview) -> int:
        """Return how many bytes the frame at the start of ``data`` takes, 0 when that is not
        known yet.  Optional: saves ``decode`` from being called before a frame is complete."""
        return 0

    def decode(self, data: memoryview) -> Frame | None:
        """Return the frame that ``data`` begins with, None when it is not complete.

        ``data`` is never written to and may be kept.  Any exception closes the connection.
        """
        raise NotImplementedError

    def encode(self, frame: Frame) -> bytes:
        """Return the bytes of a frame."""
        raise NotImplementedError

    def heartbeat(self) -> Frame | None:
        """Return what asks an idle peer whether it lives, None where there is no such thing."""
        return None

    def heartbeat_reply(self, request: Frame) -> Frame | None:
        """Return the answer to a heartbeat."""
        return None

    def hijack(self, request: Frame, status: int, reason: str) -> Frame | None:
        """Return the response to a request that the proxy answers itself, with a status of HTTP
        (404: no route, 502: no host, 503: too many, 504: too late, ...); None: no response."""
        return None

    def goaway(self) -> Frame | None:
        """Return what asks a client to send no more requests on its connection."""
        return None

    def http_status(self, status: int) -> int:
        """Return what a status means in HTTP's terms, for retries and metrics."""
        return 200 if status == 0 else 500


class CustomRequest(FieldRequest):
    """The head of a request that a ``Protocol`` has decoded."""

    frame: Any

    def load(self) -> list[tuple[bytes, bytes]]:
        return _as_bytes(self.frame.headers)

    def rpc_service(self) -> bytes | None:
        return self.frame.service.encode() or None

    def rpc_method(self) -> bytes | None:
        return self.frame.method.encode() or None


class CustomResponse(FieldResponse):
    """The head of a response that a ``Protocol`` has decoded."""

    frame: Any

    def load(self) -> list[tuple[bytes, bytes]]:
        return _as_bytes(self.frame.headers)


class CustomProtocol(RpcProtocol):
    """A user's protocol under the name that the configuration gives it."""

    protocol: Any
    _report: Callable[[object], None]

    def __init__(
        self, name: str, protocol: Protocol, report: Callable[[object], None]
    ) -> None:
        """``report`` is told whose code threw, while the exception is being handled.

        Raises ``ValueError`` when the protocol cannot be used.
        """
        if protocol.pool_mode not in _POOL_MODES:
            raise ValueError(f"protocol {name}: {protocol.pool_mode!r} is not a pool mode")
        if not 8 <= protocol.id_bits <= 62:
            raise ValueError(f"protocol {name}: ids have 8 to 62 bits, not {protocol.id_bits}")
        self.name = name
        self.protocol = protocol
        self._report = report
        self.pool_mode = _POOL_MODES[protocol.pool_mode]
        self.id_bits = protocol.id_bits

    def match(self, data: bytes) -> int:
        try:
            answer = self.protocol.match(memoryview(data))
        except Exception:  # a user's code
            self._report(self.protocol)
            return -1
        if answer is None:
            return 0
        return 1 if answer else -1

    def codec(self, limits: FrameLimits) -> Codec:
        return CustomCodec(limits, self.name, self.protocol, self._report)


class CustomCodec(Codec):
    """A connection that speaks a user's protocol."""

    name: str
    protocol: Any
    _frame: Any
    _report: Callable[[object], None]

    def __init__(
        self, limits: FrameLimits, name: str, protocol: Protocol,
        report: Callable[[object], None],
    ) -> None:  # fmt: skip
        Codec.__init__(self, limits)
        self.name = name
        self.protocol = protocol
        self._frame = None
        self._report = report

    def measure(self, data: bytes, at: int, available: int) -> int:
        view = memoryview(data)[at:]
        try:
            size = self.protocol.measure(view)
            if size > available or size < 0:
                return self._checked_size(size)
            frame = self.protocol.decode(view)
            if frame is None:
                if size:
                    return self._bad(f"decode found no frame in the {size} bytes of one")
                return available + 1
            if not isinstance(frame, Frame):
                return self._bad(f"decode returned {frame!r}")
            if not 0 < frame.size <= available:
                return self._bad(f"decode found a frame of {frame.size} bytes")
            if frame.kind not in ("request", "oneway", "response"):
                return self._bad(f"{frame.kind!r} is not a kind of frame")
        except Exception as error:  # a user's code
            return self._raised(error)
        self._frame = frame
        return int(frame.size)

    def read(self, data: bytes, at: int, size: int) -> int:
        frame = self._frame
        try:
            return self._take(frame)
        except Exception as error:  # a user's code
            self._raised(error)
            return self.fail(self.error)

    def _take(self, frame: Any) -> int:
        self.id = frame.id
        if frame.goaway:
            return _GOAWAY
        if frame.heartbeat:
            return _HEARTBEAT_REPLY if frame.kind == "response" else _HEARTBEAT
        self.content = bytes(frame.content)
        if frame.kind == "response":
            response = CustomResponse.__new__(CustomResponse)
            response.enter(self.name, b"", 0, self.id, len(self.content))
            response.enter_body(b"")
            response.frame = frame
            response.rpc_status = frame.status
            response.status = self.protocol.http_status(frame.status)
            self.response = response
            return _RESPONSE
        request = CustomRequest.__new__(CustomRequest)
        request.enter(self.name, b"", 0, self.id, len(self.content))
        request.enter_body(b"")
        request.frame = frame
        request.oneway = frame.kind == "oneway"
        request.time_limit = frame.timeout
        self.request = request
        return _REQUEST

    def encode_request(self, head: RequestHead, content: bytes, number: int) -> list[bytes] | None:
        if not isinstance(head, CustomRequest):
            return None
        request = head
        return self._encoded(
            request.frame, number, content, request.items() if request.edited() else None
        )

    def encode_response(
        self, head: ResponseHead, content: bytes, request: RpcRequest
    ) -> list[bytes] | None:
        if isinstance(head, CustomResponse):
            response = head
            return self._encoded(
                response.frame, request.id, content,
                response.items() if response.edited() else None,
            )
        if not isinstance(request, CustomRequest):
            return None
        asked = request
        reason = (content.strip() or head.reason).decode("utf-8", "replace")
        try:
            frame = self.protocol.hijack(asked.frame, head.status, reason)
        except Exception:  # a user's code
            self._report(self.protocol)
            return None
        return None if frame is None else self._encoded(frame, request.id, None, None)

    def heartbeat(self, number: int) -> bytes | None:
        return self._simple(self.protocol.heartbeat, (), number)

    def heartbeat_reply(self) -> bytes | None:
        return self._simple(self.protocol.heartbeat_reply, (self._frame,), self.id)

    def goaway(self, number: int) -> bytes | None:
        return self._simple(self.protocol.goaway, (), number)

    # -- private ------------------------------------------------------------------------------

    def _simple(self, make: Any, arguments: tuple[Any, ...], number: int) -> bytes | None:
        try:
            frame = make(*arguments)
        except Exception:  # a user's code
            self._report(self.protocol)
            return None
        if frame is None:
            return None
        parts = self._encoded(frame, number, None, None)
        return None if parts is None else b"".join(parts)

    def _encoded(
        self, frame: Any, number: int, content: bytes | None,
        headers: Sequence[tuple[bytes, bytes]] | None,
    ) -> list[bytes] | None:  # fmt: skip
        """Return ``frame`` with another id, and what else is not None."""
        frame.id = number
        if content is not None:
            frame.content = content
        if headers is not None:
            frame.headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in headers]
        try:
            return [bytes(self.protocol.encode(frame))]
        except Exception:  # a user's code
            self._report(self.protocol)
            return None

    def _checked_size(self, size: int) -> int:
        return self._bad(f"measure returned {size}") if size < 0 else size

    def _raised(self, error: BaseException) -> int:
        self._report(self.protocol)
        return self._bad(f"{type(error).__name__}: {error}")

    def _bad(self, what: str) -> int:
        self.error = f"{self.name}: {what}"
        return -1


def _as_bytes(headers: Any) -> list[tuple[bytes, bytes]]:
    return [
        (str(key).encode("latin-1", "replace"), str(value).encode("latin-1", "replace"))
        for key, value in headers
    ]


_POOL_MODES: Final = MappingProxyType(
    {"multiplex": MULTIPLEX, "ping-pong": PING_PONG, "binding": BINDING}
)
