"""Thrift as Dubbo carries it (spec §3.8).

    0        4       6        10       12        13        …    …+8
    +--------+-------+--------+--------+---------+---------+----+---------+
    | length | da bc | length | header | version | service | id | message |
    +--------+-------+--------+--------+---------+---------+----+---------+

Both lengths count from the magic number on, the header's up to the message.  The service is a
Thrift string (its length, 4, before it), the id has 8 bytes.  The message is Thrift's binary
protocol: version and type (4), the method's name, a sequence number (4), then what is not looked
into.  Fields: ``service``, ``method``, ``seqId``, ``messageType``.
"""

from typing import Final

from pymosn.message import RequestHead, ResponseHead
from pymosn.protocol.xprotocol.frame import (
    MULTIPLEX,
    REQUEST,
    RESPONSE,
    Codec,
    FieldRequest,
    FrameLimits,
    RpcProtocol,
    RpcRequest,
    RpcResponse,
    i64,
    patched,
    u16,
    u32,
)

MAGIC: Final = 0xDABC
CALL: Final = 1
REPLY: Final = 2
EXCEPTION: Final = 3
ONEWAY: Final = 4

# Kinds of a TApplicationException.
UNKNOWN_METHOD: Final = 1
INTERNAL_ERROR: Final = 6
PROTOCOL_ERROR: Final = 7
UNKNOWN_EXCEPTION: Final = 0

_REQUEST = REQUEST
_RESPONSE = RESPONSE
_MAGIC = MAGIC
_CALL = CALL
_ONEWAY = ONEWAY
_EXCEPTION = EXCEPTION
_MATCH = 1
_AGAIN = 0
_FAIL = -1


class DubboThriftRequest(FieldRequest):
    """A request."""

    service: bytes
    name: bytes
    sequence: int
    kind: int

    def load(self) -> list[tuple[bytes, bytes]]:
        return [
            (_SERVICE, self.service),
            (_METHOD, self.name),
            (b"seqId", b"%d" % self.sequence),
            (b"messageType", b"%d" % self.kind),
        ]

    def get(self, name: bytes) -> bytes | None:
        if self._pairs is None and not self.added:
            if name == _SERVICE:
                return self.service
            if name == _METHOD:
                return self.name
        return FieldRequest.get(self, name)

    def rpc_service(self) -> bytes | None:
        return self.service

    def rpc_method(self) -> bytes | None:
        return self.name


class DubboThriftResponse(RpcResponse):
    """A response.  Its message is not looked into beyond its type."""

    id_at: int


class DubboThrift(RpcProtocol):
    """Dubbo-Thrift, recognised by its magic number behind the length."""

    def __init__(self) -> None:
        self.name = "dubbo-thrift"
        self.pool_mode = MULTIPLEX
        self.id_bits = 62

    def match(self, data: bytes) -> int:
        if data[0] != 0:
            # Sixteen megabytes: nobody begins so.
            return _FAIL
        if len(data) < 5:
            return _AGAIN
        if len(data) == 5:
            return _AGAIN if data[4] == 0xDA else _FAIL
        return _MATCH if u16(data, 4) == _MAGIC else _FAIL

    def codec(self, limits: FrameLimits) -> Codec:
        return DubboThriftCodec(limits)


class DubboThriftCodec(Codec):
    """A connection that speaks Dubbo-Thrift."""

    def measure(self, data: bytes, at: int, available: int) -> int:
        raw = data
        if available < 6:
            return 6
        if u16(raw, at + 4) != _MAGIC:
            self.error = "a Dubbo-Thrift frame begins otherwise"
            return -1
        if available < 12:
            return 12
        size = 4 + u32(raw, at)
        header = u16(raw, at + 10)
        if header > self.limits.max_header:
            self.error = f"a header of {header} bytes is too large"
            return -1
        # The header holds what comes before the service, an empty service and the id, at least.
        if header < 21 or size < 4 + header + 12:
            self.error = "a frame has wrong lengths"
            return -1
        return size

    def read(self, data: bytes, at: int, size: int) -> int:
        raw = data
        finish = at + size
        message = at + 4 + u16(raw, at + 10)
        service = u32(raw, at + 13)
        id_at = at + 17 + service
        if id_at + 8 != message:
            return self.fail("a header has a wrong length")
        kind, name, behind = self._message(data, message, finish)
        if behind < 0:
            return self.fail("a message cannot be read")
        self.id = i64(raw, id_at)
        self.content = raw[message:finish]
        if kind != _CALL and kind != _ONEWAY:
            response = DubboThriftResponse.__new__(DubboThriftResponse)
            response.enter(_NAME, raw[at:message], message - at, self.id, finish - message)
            response.id_at = id_at - at
            response.rpc_status = kind
            response.status = 500 if kind == _EXCEPTION else 200
            self.response = response
            return _RESPONSE
        request = DubboThriftRequest.__new__(DubboThriftRequest)
        request.enter(_NAME, raw[at:message], message - at, self.id, finish - message)
        request.enter_body(self.content)
        request.oneway = kind == _ONEWAY
        request.service = raw[at + 17 : id_at]
        request.name = name
        request.kind = kind
        request.sequence = u32(raw, behind - 4)
        self.request = request
        return _REQUEST

    def _message(self, data: bytes, at: int, end: int) -> tuple[int, bytes, int]:
        """Return the type and the name of the message at ``at``, and where its content begins; -1
        for that when it is none."""
        raw = data
        first = u32(raw, at)
        if first & 0x80000000:
            # The strict form: version, type; then the name.
            kind = first & 0xFF
            size = u32(raw, at + 4)
            name = at + 8
            if first & 0xFFFF0000 != 0x80010000 or size > end - name - 4:
                return 0, b"", -1
            return kind, raw[name : name + size], name + size + 4
        # The old form: the name, then the type.
        name = at + 4
        if first > end - name - 5:
            return 0, b"", -1
        return raw[name + first], raw[name : name + first], name + first + 5

    def encode_request(self, head: RequestHead, content: bytes, number: int) -> list[bytes] | None:
        if not isinstance(head, DubboThriftRequest):
            return None
        request = head
        start = patched(request.raw, request.fields - 8, 8, number)
        if request.edited():
            service = request.get(_SERVICE)
            method = request.get(_METHOD)
            if service is None or method is None:
                return None
            content = _renamed(request, content, method)
            start = _start(service, number)
            return [_sized(start, len(content)), content]
        if len(content) != request.content_size:
            start = _sized(start, len(content))
        return [start, content]

    def encode_response(
        self, head: ResponseHead, content: bytes, request: RpcRequest
    ) -> list[bytes] | None:
        if isinstance(head, DubboThriftResponse):
            response = head
            start = patched(response.raw, response.id_at, 8, request.id)
            if len(content) != response.content_size:
                start = _sized(start, len(content))
            return [start, content]
        if not isinstance(request, DubboThriftRequest):
            return None
        asked = request
        why = content.strip() or head.reason
        exception = _exception(_exception_kind(head.status), why[:1000])
        message = _message_start(asked.name, EXCEPTION, asked.sequence) + exception
        return [_sized(_start(asked.service, request.id), len(message)), message]


def _exception_kind(status: int) -> int:
    if status == 404:
        return UNKNOWN_METHOD
    if status in (500, 504, 403):
        return INTERNAL_ERROR
    if status in (0, 3):
        return PROTOCOL_ERROR
    return UNKNOWN_EXCEPTION


def _exception(kind: int, why: bytes) -> bytes:
    """A TApplicationException: a struct of 1: string message, 2: i32 type."""
    return b"".join(
        (
            b"\x0b\0\1", len(why).to_bytes(4, "big"), why,
            b"\x08\0\2", kind.to_bytes(4, "big"), b"\0",
        )
    )  # fmt: skip


def _message_start(name: bytes, kind: int, sequence: int) -> bytes:
    return b"".join(
        (
            b"\x80\x01\0", bytes((kind,)), len(name).to_bytes(4, "big"), name,
            sequence.to_bytes(4, "big"),
        )
    )  # fmt: skip


def _renamed(request: DubboThriftRequest, content: bytes, method: bytes) -> bytes:
    """Return the message with another method's name."""
    if method == request.name or not content.startswith(b"\x80\x01"):
        return content
    behind = 8 + u32(content, 4)
    rest = content[behind + 4 :] if behind + 4 <= len(content) else b""
    return _message_start(method, request.kind, request.sequence) + rest


def _start(service: bytes, number: int) -> bytes:
    """Everything before a message, its lengths to be set by ``_sized``."""
    header = 21 + len(service)
    return b"".join(
        (
            b"\0\0\0\0\xda\xbc\0\0\0\0", header.to_bytes(2, "big"), b"\x01",
            len(service).to_bytes(4, "big"), service,
            (number & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "big"),
        )
    )  # fmt: skip


def _sized(start: bytes, content_size: int) -> bytes:
    size = len(start) - 4 + content_size
    return patched(patched(start, 0, 4, size), 6, 4, size)


_NAME = "dubbo-thrift"
_SERVICE = b"service"
_METHOD = b"method"
