"""Tars (spec §3.9): a length, itself included, and a struct of Tars' own encoding.

A field begins with a byte of its tag (high) and its type (low); tag 15 is in a byte of its own.

    request   1 version  2 packet type  3 message type  4 id  5 servant  6 function  7 content
              8 timeout  9 context  10 status
    response  1 version  2 packet type  3 id  4 message type  5 return  6 content
              7 status  8 description  9 context

Tag 5 tells them apart: a request's is a string, a response's a number.  Numbers take as few bytes
as they can, so another id may change a frame's length.  Fields of a request: ``service``,
``method``, and what its context says.
"""

from types import MappingProxyType
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
    u32,
)

INT1: Final = 0
INT2: Final = 1
INT4: Final = 2
INT8: Final = 3
FLOAT: Final = 4
DOUBLE: Final = 5
STRING1: Final = 6
STRING4: Final = 7
MAP: Final = 8
LIST: Final = 9
STRUCT: Final = 10
STRUCT_END: Final = 11
ZERO: Final = 12
BYTES: Final = 13

MAX_DEPTH: Final = 32
MIN_FRAME: Final = 7

# What a response returns.
SUCCESS: Final = 0
DECODE_ERROR: Final = -1
NO_FUNCTION: Final = -3
NO_SERVANT: Final = -4
TIMEOUT: Final = -7
CONNECT_ERROR: Final = -8
OVERLOAD: Final = -9
UNKNOWN_ERROR: Final = -99

_REQUEST = REQUEST
_RESPONSE = RESPONSE
_MAX_DEPTH = MAX_DEPTH
_MATCH = 1
_AGAIN = 0
_FAIL = -1


class TarsRequest(FieldRequest):
    """A request.  ``raw`` is the frame up to its content's bytes; ``tail`` what is behind them."""

    service: bytes
    name: bytes
    version: int
    tail: bytes
    id_at: int
    id_end: int
    service_at: int
    content_at: int
    context_at: int
    context_end: int
    """In ``tail``; 0 when there is no context."""
    _most: int

    def load(self) -> list[tuple[bytes, bytes]]:
        pairs = [(_SERVICE, self.service), (_METHOD, self.name)]
        if self.context_end:
            reader = TarsReader(self.tail, self.context_at, self.context_end)
            reader.head()
            pairs.extend(reader.read_map(self._most))
        return pairs

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


class TarsResponse(RpcResponse):
    """A response, in the same parts."""

    tail: bytes
    id_at: int
    id_end: int
    content_at: int
    """Where the content's field begins, in ``raw``."""


class Tars(RpcProtocol):
    """Tars, recognised by a first field of the kind that versions are."""

    def __init__(self) -> None:
        self.name = "tars"
        self.pool_mode = MULTIPLEX
        self.id_bits = 31

    def match(self, data: bytes) -> int:
        size = len(data)
        if size < 5:
            # The length of a request does not reach 16 MB.
            return _AGAIN if data[0] == 0 else _FAIL
        if data[0] != 0 or data[4] != 0x10:
            return _FAIL
        if size < 6:
            return _AGAIN
        return _MATCH if data[5] in (1, 3) and u32(data, 0) >= MIN_FRAME else _FAIL

    def codec(self, limits: FrameLimits) -> Codec:
        return TarsCodec(limits)


class TarsReader:
    """Walks over the fields in ``data[at:end]``; fails for good, and says so in ``failed``."""

    data: bytes
    at: int
    end: int
    tag: int
    kind: int
    failed: bool

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self.data = data
        self.at = at
        self.end = end
        self.tag = 0
        self.kind = 0
        self.failed = False

    def head(self) -> bool:
        """Take in the next field's tag and type; False at the end, and after a failure."""
        raw = self.data
        if self.failed or self.at >= self.end:
            return False
        byte = raw[self.at]
        self.at += 1
        self.tag = byte >> 4
        self.kind = byte & 15
        if self.tag == 15:
            if self.at >= self.end:
                self.failed = True
                return False
            self.tag = raw[self.at]
            self.at += 1
        return True

    def number(self) -> int:
        """Return the number that the field holds."""
        if self.kind == 12:
            return 0
        if self.kind > 3:
            self.failed = True
            return 0
        width = 1 << self.kind
        start = self.at
        self.step(width)
        if self.failed:
            return 0
        return int.from_bytes(self.data[start : start + width], "big", signed=True)

    def string(self) -> bytes:
        """Return the string that the field holds."""
        raw = self.data
        start = self.at
        if self.kind == 6:
            self.step(1)
            size = 0 if self.failed else raw[start]
        elif self.kind == 7:
            self.step(4)
            size = 0 if self.failed else u32(raw, start)
        else:
            self.failed = True
            return b""
        start = self.at
        self.step(size)
        return b"" if self.failed else raw[start : start + size]

    def count(self) -> int:
        """Return the length that a map, a list or bytes begin with."""
        if not self.head():
            self.failed = True
            return 0
        size = self.number()
        # An element takes a byte at least.
        if size < 0 or size > self.end - self.at:
            self.failed = True
            return 0
        return size

    def bytes_size(self) -> int:
        """Step over what comes before the bytes of a field; returns how many there are."""
        if self.kind != 13 or not self.head() or self.kind != 0:
            self.failed = True
            return 0
        return self.count()

    def read_map(self, most: int) -> list[tuple[bytes, bytes]]:
        """Return a map of strings, at most so many of its entries."""
        pairs: list[tuple[bytes, bytes]] = []
        if self.kind != 8:
            return pairs
        for _ in range(min(self.count(), most)):
            self.head()
            key = self.string()
            self.head()
            value = self.string()
            if self.failed:
                break
            pairs.append((key, value))
        return pairs

    def skip(self, depth: int = 0) -> None:
        """Step over what the field holds."""
        kind = self.kind
        if depth > _MAX_DEPTH:
            self.failed = True
        if self.failed:
            return
        if kind <= 3:
            self.step(1 << kind)
        elif kind == 4:
            self.step(4)
        elif kind == 5:
            self.step(8)
        elif kind == 6 or kind == 7:
            self.string()
        elif kind == 8 or kind == 9:
            self._skip_elements(self.count() * (2 if kind == 8 else 1), depth)
        elif kind == 10:
            while True:
                if not self.head():
                    self.failed = True
                if self.failed or self.kind == 11:
                    return
                self.skip(depth + 1)
        elif kind == 13:
            self.step(self.bytes_size())
        elif kind != 12:
            self.failed = True

    def _skip_elements(self, count: int, depth: int) -> None:
        while count > 0 and not self.failed:
            if not self.head():
                self.failed = True
            self.skip(depth + 1)
            count -= 1

    def step(self, count: int) -> None:
        """Step over ``count`` bytes."""
        if count > self.end - self.at:
            self.failed = True
        else:
            self.at += count


class TarsCodec(Codec):
    """A connection that speaks Tars."""

    def measure(self, data: bytes, at: int, available: int) -> int:
        raw = data
        if available < 4:
            return 4
        size = u32(raw, at)
        if size < MIN_FRAME:
            self.error = f"{size} is not the length of a Tars frame"
            return -1
        return size

    def read(self, data: bytes, at: int, size: int) -> int:
        reader = TarsReader(data, at + 4, at + size)
        version = oneway = third = fourth = 0
        third_at = third_end = fourth_at = fourth_end = 0
        while reader.head():
            before = reader.at - 1
            tag = reader.tag
            if tag == 1:
                version = reader.number()
            elif tag == 2:
                oneway = reader.number()
            elif tag == 3:
                third = reader.number()
                third_at, third_end = before, reader.at
            elif tag == 4:
                fourth = reader.number()
                fourth_at, fourth_end = before, reader.at
            elif tag == 5:
                if reader.kind == 6 or reader.kind == 7:
                    self.id = fourth
                    return self._read_request(
                        reader, at, size, version, oneway, fourth_at, fourth_end, before
                    )
                self.id = third
                return self._read_response(reader, at, size, third_at, third_end)
            else:
                reader.skip()
        return self.fail("a frame cannot be read")

    def _read_request(
        self, reader: TarsReader, at: int, size: int, version: int, oneway: int,
        id_at: int, id_end: int, service_at: int,
    ) -> int:  # fmt: skip
        data = reader.data
        service = reader.string()
        if not reader.head() or reader.tag != 6 or id_at == 0:
            return self.fail("a request cannot be read")
        name = reader.string()
        content_at = reader.at
        if not reader.head() or reader.tag != 7:
            return self.fail("a request has no content")
        content = reader.bytes_size()
        start = reader.at
        reader.step(content)
        tail = reader.at
        timeout = context_at = context_end = 0
        while reader.head():
            before = reader.at - 1
            if reader.tag == 8:
                timeout = reader.number()
            else:
                context = reader.tag == 9 and reader.kind == 8
                reader.skip()
                if context:
                    context_at, context_end = before - tail, reader.at - tail
        if reader.failed or context_end - context_at > self.limits.max_header:
            return self.fail("a request cannot be read")
        self.content = data[start:tail]
        request = TarsRequest.__new__(TarsRequest)
        request.enter(_NAME, data[at:start], start - at, self.id, content)
        request.enter_body(b"")
        request.oneway = oneway == 1
        request.time_limit = timeout
        request.service = service
        request.name = name
        request.version = version
        request.tail = data[tail : at + size]
        request.id_at = id_at - at
        request.id_end = id_end - at
        request.service_at = service_at - at
        request.content_at = content_at - at
        request.context_at = context_at
        request.context_end = context_end
        request._most = self.limits.max_headers
        self.request = request
        return _REQUEST

    def _read_response(
        self, reader: TarsReader, at: int, size: int, id_at: int, id_end: int
    ) -> int:
        data = reader.data
        status = reader.number()
        content_at = reader.at
        if not reader.head() or reader.tag != 6 or id_at == 0:
            return self.fail("a response cannot be read")
        content = reader.bytes_size()
        start = reader.at
        reader.step(content)
        if reader.failed:
            return self.fail("a response cannot be read")
        self.content = data[start : reader.at]
        response = TarsResponse.__new__(TarsResponse)
        response.enter(_NAME, data[at:start], start - at, self.id, content)
        response.rpc_status = status
        response.status = http_status(status)
        response.tail = data[reader.at : at + size]
        response.id_at = id_at - at
        response.id_end = id_end - at
        response.content_at = content_at - at
        self.response = response
        return _RESPONSE

    def encode_request(self, head: RequestHead, content: bytes, number: int) -> list[bytes] | None:
        if not isinstance(head, TarsRequest):
            return None
        request = head
        raw = request.raw
        tail = request.tail
        middle = raw[request.id_end :]
        if request.edited():
            service = request.get(_SERVICE)
            method = request.get(_METHOD)
            if service is None or method is None:
                return None
            middle = b"".join(
                (
                    raw[request.id_end : request.service_at], _string(5, service),
                    _string(6, method), _bytes_start(7, len(content)),
                )
            )  # fmt: skip
            tail = _with_context(request)
        elif len(content) != request.content_size:
            middle = raw[request.id_end : request.content_at] + _bytes_start(7, len(content))
        start = b"".join((raw[4 : request.id_at], _number(4, number), middle))
        return _framed(start, content, tail)

    def encode_response(
        self, head: ResponseHead, content: bytes, request: RpcRequest
    ) -> list[bytes] | None:
        if isinstance(head, TarsResponse):
            response = head
            raw = response.raw
            middle = raw[response.id_end :]
            if len(content) != response.content_size:
                middle = raw[response.id_end : response.content_at]
                middle += _bytes_start(6, len(content))
            start = b"".join((raw[4 : response.id_at], _number(3, request.id), middle))
            return _framed(start, content, response.tail)
        version = 1
        if isinstance(request, TarsRequest):
            asked = request
            version = asked.version
        what = content.strip()[:1000] or head.reason
        status = tars_status(head.status)
        start = b"".join(
            (
                _number(1, version), _number(2, 0), _number(3, request.id), _number(4, 0),
                _number(5, status), _bytes_start(6, 0),
            )
        )  # fmt: skip
        # An empty status, and what happened in words.
        return _framed(start, b"", b"\x78\x0c" + _string(8, what))


def http_status(status: int) -> int:
    """Return what a Tars return code means in HTTP's terms; MOSN knows no answer."""
    return _HTTP_STATUSES.get(status, 500)


def tars_status(status: int) -> int:
    """Return the Tars return code for a status of HTTP."""
    return _TARS_STATUSES.get(status, UNKNOWN_ERROR)


def _framed(start: bytes, content: bytes, tail: bytes) -> list[bytes]:
    size = 4 + len(start) + len(content) + len(tail)
    parts = [size.to_bytes(4, "big") + start]
    if content:
        parts.append(content)
    if tail:
        parts.append(tail)
    return parts


def _number(tag: int, number: int) -> bytes:
    """Return a field with a number, in as few bytes as it takes; ``tag`` is below 15."""
    if number == 0:
        return bytes((tag << 4 | 12,))
    if -128 <= number < 128:
        return bytes((tag << 4, number & 255))
    if -32768 <= number < 32768:
        return bytes((tag << 4 | 1,)) + (number & 0xFFFF).to_bytes(2, "big")
    return bytes((tag << 4 | 2,)) + (number & 0xFFFFFFFF).to_bytes(4, "big")


def _string(tag: int, text: bytes) -> bytes:
    size = len(text)
    if size < 256:
        return bytes((tag << 4 | 6, size)) + text
    return bytes((tag << 4 | 7,)) + size.to_bytes(4, "big") + text


def _bytes_start(tag: int, size: int) -> bytes:
    """Return what comes before the bytes of a field."""
    return bytes((tag << 4 | 13, 0)) + _number(0, size)


def _with_context(request: TarsRequest) -> bytes:
    """Return what is behind the content, with the context as it now is."""
    tail = request.tail
    pairs = [pair for pair in request.fields_now() if pair[0] not in (_SERVICE, _METHOD)]
    parts = [b"\x98", _number(0, len(pairs))]
    for key, value in pairs:
        parts.append(_string(0, key))
        parts.append(_string(1, value))
    context = b"".join(parts)
    if request.context_end:
        return tail[: request.context_at] + context + tail[request.context_end :]
    return tail + context


_NAME = "tars"
_SERVICE = b"service"
_METHOD = b"method"
_HTTP_STATUSES: Final = MappingProxyType(
    {
        SUCCESS: 200,
        NO_FUNCTION: 404,
        NO_SERVANT: 404,
        -6: 504,
        TIMEOUT: 504,
        CONNECT_ERROR: 502,
        OVERLOAD: 503,
    }
)
_TARS_STATUSES: Final = MappingProxyType(
    {
        200: SUCCESS,
        404: NO_SERVANT,
        502: CONNECT_ERROR,
        503: OVERLOAD,
        504: TIMEOUT,
        0: DECODE_ERROR,
        3: DECODE_ERROR,
    }
)
