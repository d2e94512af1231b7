"""Bolt, SOFARPC's protocol, versions 1 and 2 (spec §3.5, §3.6).

Version 1, big endian; a response has its status (2) in the place of the timeout:

    0      1      2           4      5          9       10          14      16       18        22
    +------+------+-----------+------+----------+-------+-----------+-------+--------+---------+
    | 1    | type | command   | ver2 | id       | codec | timeout   | class | header | content |
    +------+------+-----------+------+----------+-------+-----------+-------+--------+---------+
    | class name, header map, content: so many bytes as the last three say                      |

Version 2 begins with 2 and its sub-version, and has a byte of switches behind the codec; with
sub-version 2 and the first switch a CRC-32 of everything before it ends the frame.  Both may
share a connection.  The header map is a run of keys and values, each with its length (4) before
it; a length of 0xFFFFFFFF is null, and drops the pair.
"""

import zlib
from typing import Final

from pymosn.message import Head, RequestHead, ResponseHead
from pymosn.protocol.xprotocol.frame import (
    BAD_REQUEST,
    GOAWAY,
    HEARTBEAT,
    HEARTBEAT_REPLY,
    MULTIPLEX,
    REQUEST,
    RESPONSE,
    Codec,
    FrameLimits,
    RpcProtocol,
    RpcRequest,
    RpcResponse,
    added_fields,
    i32,
    patched,
    u16,
    u32,
)

TYPE_RESPONSE: Final = 0
TYPE_REQUEST: Final = 1
TYPE_ONEWAY: Final = 2
COMMAND_HEARTBEAT: Final = 0
COMMAND_REQUEST: Final = 1
COMMAND_RESPONSE: Final = 2
COMMAND_GOAWAY: Final = 100
HESSIAN2: Final = 1

SUCCESS: Final = 0
SERVER_EXCEPTION: Final = 2
UNKNOWN: Final = 3
BUSY: Final = 4
NO_PROCESSOR: Final = 6
TIMEOUT: Final = 7
CLIENT_SEND_ERROR: Final = 8
CODEC_EXCEPTION: Final = 9
CONNECTION_CLOSED: Final = 16
SERVER_DESERIALIZE: Final = 18

_REQUEST = REQUEST
_RESPONSE = RESPONSE
_HEARTBEAT = HEARTBEAT
_HEARTBEAT_REPLY = HEARTBEAT_REPLY
_GOAWAY = GOAWAY
_BAD_REQUEST = BAD_REQUEST
_ONEWAY = TYPE_ONEWAY
_HEARTBEAT_COMMAND = COMMAND_HEARTBEAT
_GOAWAY_COMMAND = COMMAND_GOAWAY
_NULL = 0xFFFFFFFF
_MATCH = 1


class BoltRequest(RpcRequest):
    """A request of either version, with its header map."""

    version: int
    crc: bool

    def _find(self, name: bytes, start: int) -> int:
        return _find_pair(self, name, start)

    def _next_line(self, at: int) -> int:
        return _behind_pair(self.raw, at)

    def _value(self, at: int, size: int) -> bytes:
        return _value_at(self.raw, at + 4 + size)

    def items(self) -> list[tuple[bytes, bytes]]:
        """Return every (key, value) in order."""
        return _pairs(self)

    def rpc_service(self) -> bytes | None:
        service = self.get(_SOFA_SERVICE)
        return self.get(_SERVICE) if service is None else service

    def rpc_method(self) -> bytes | None:
        method = self.get(_SOFA_METHOD)
        return self.get(_METHOD) if method is None else method


class BoltResponse(RpcResponse):
    """A response of either version, with its header map."""

    version: int
    crc: bool

    def _find(self, name: bytes, start: int) -> int:
        return _find_pair(self, name, start)

    def _next_line(self, at: int) -> int:
        return _behind_pair(self.raw, at)

    def _value(self, at: int, size: int) -> bytes:
        return _value_at(self.raw, at + 4 + size)

    def items(self) -> list[tuple[bytes, bytes]]:
        """Return every (key, value) in order."""
        return _pairs(self)


class Bolt(RpcProtocol):
    """Bolt, recognised by its first byte; heartbeats and requests of our own are version 1."""

    version: int

    def __init__(self, name: str = "bolt", version: int = 1) -> None:
        self.name = name
        self.pool_mode = MULTIPLEX
        self.id_bits = 32
        self.version = version

    def match(self, data: bytes) -> int:
        # One byte says it, as in MOSN.
        return _MATCH if data[0] == self.version else -1

    def takes(self, request: RpcRequest) -> bool:
        # Both versions may share a connection.
        return request.protocol == _NAME

    def codec(self, limits: FrameLimits) -> Codec:
        return BoltCodec(limits, self.version)


class BoltV2(Bolt):
    """The same, where version 2 is expected; heartbeats and requests of our own are that."""

    def __init__(self) -> None:
        Bolt.__init__(self, "boltv2", 2)


class BoltCodec(Codec):
    """A connection that speaks either version."""

    version: int
    _asked_version: int

    def __init__(self, limits: FrameLimits, version: int) -> None:
        """``version`` is for the frames that answer nothing."""
        Codec.__init__(self, limits)
        self.version = version
        self._asked_version = version

    def measure(self, data: bytes, at: int, available: int) -> int:
        raw = data
        version = raw[at]
        if version != 1 and version != 2:
            self.error = f"a bolt frame begins with {version}"
            return -1
        shift = version - 1
        if available < 2 + shift:
            return 2 + shift
        kind = raw[at + 1 + shift]
        if kind > _ONEWAY:
            self.error = f"{kind} is not a type of bolt frame"
            return -1
        lengths = (12 if kind == 0 else 14) + 2 * shift
        if available < lengths + 8:
            return lengths + 8
        header = u16(raw, at + lengths + 2)
        if header > self.limits.max_header:
            self.error = f"a header of {header} bytes is too large"
            return -1
        size = lengths + 8 + u16(raw, at + lengths) + header + u32(raw, at + lengths + 4)
        if version == 2 and raw[at + 1] == 2 and raw[at + 11] & 1:
            size += 4
        return size

    def read(self, data: bytes, at: int, size: int) -> int:
        raw = data
        shift = raw[at] - 1
        kind = raw[at + 1 + shift]
        command = u16(raw, at + 2 + shift)
        lengths = at + (12 if kind == 0 else 14) + 2 * shift
        fields = lengths + 8 + u16(raw, lengths)
        end = fields + u16(raw, lengths + 2)
        finish = at + size
        crc = shift == 1 and raw[at + 1] == 2 and raw[at + 11] & 1 != 0
        if crc:
            finish -= 4
            if zlib.crc32(raw[at:finish]) != u32(raw, finish):
                return self.fail("a frame's CRC-32 is wrong")
        self.id = u32(raw, at + 5 + shift)
        if command == _HEARTBEAT_COMMAND:
            self._asked_version = shift + 1
            return _HEARTBEAT_REPLY if kind == 0 else _HEARTBEAT
        if command == _GOAWAY_COMMAND:
            return _GOAWAY
        if not _is_sound(data, fields, end, self.limits.max_headers):
            self.error = "a header map that cannot be read"
            if kind == 0:
                return self.fail(self.error)
            self._asked_version = shift + 1
            return _BAD_REQUEST
        self.content = raw[end:finish]
        if kind == 0:
            self.response = self._response(data, at, lengths, fields, end, finish, crc)
            return _RESPONSE
        request = BoltRequest.__new__(BoltRequest)
        request.enter(_NAME, raw[at:end], fields - at, self.id, finish - end)
        request.time_limit = i32(raw, at + 10 + 2 * shift)
        request.oneway = kind == _ONEWAY
        request.version = shift + 1
        request.crc = crc
        self.request = request
        return _REQUEST

    def _response(
        self, data: bytes, at: int, lengths: int, fields: int, end: int, finish: int, crc: bool
    ) -> BoltResponse:
        raw = data
        response = BoltResponse.__new__(BoltResponse)
        response.enter(_NAME, raw[at:end], fields - at, self.id, finish - end)
        response.rpc_status = u16(raw, lengths - 2)
        response.status = http_status(response.rpc_status)
        response.version = raw[at]
        response.crc = crc
        return response

    def encode_request(self, head: RequestHead, content: bytes, number: int) -> list[bytes] | None:
        if not isinstance(head, BoltRequest):
            return self._foreign_request(head, content, number)
        request = head
        shift = request.version - 1
        start = patched(request.raw, 5 + shift, 4, number)
        if request.edited() or len(content) != request.content_size:
            changed = self._changed(request, start, request.fields, 14 + 2 * shift, content)
            if changed is None:
                return None
            start = changed
        return self._finished(start, content, request.crc)

    def encode_response(
        self, head: ResponseHead, content: bytes, request: RpcRequest
    ) -> list[bytes] | None:
        if not isinstance(head, BoltResponse):
            return self._hijack(head, content, request)
        response = head
        shift = response.version - 1
        start = patched(response.raw, 5 + shift, 4, request.id)
        if response.start < 0:
            # A filter has set another status.
            start = patched(start, 10 + 2 * shift, 2, bolt_status(response.status, shift + 1))
        if response.edited() or len(content) != response.content_size:
            changed = self._changed(response, start, response.fields, 12 + 2 * shift, content)
            if changed is None:
                return None
            start = changed
        return self._finished(start, content, response.crc)

    def heartbeat(self, number: int) -> bytes | None:
        return _request_start(
            self.version, TYPE_REQUEST, COMMAND_HEARTBEAT, number, 0xFFFFFFFF, 0, 0, 0
        )

    def heartbeat_reply(self) -> bytes | None:
        return _response_start(self._asked_version, COMMAND_HEARTBEAT, self.id, SUCCESS, 0, 0)

    def fault(self) -> bytes | None:
        return _response_start(
            self._asked_version, COMMAND_RESPONSE, self.id, CODEC_EXCEPTION, 0, 0
        )

    def goaway(self, number: int) -> bytes | None:
        return _request_start(
            self.version, TYPE_REQUEST, COMMAND_GOAWAY, number, 0xFFFFFFFF, 0, 0, 0
        )

    # -- private ------------------------------------------------------------------------------

    def _changed(
        self, head: Head, start: bytes, fields: int, lengths: int, content: bytes
    ) -> bytes | None:
        """Return ``start`` with the header map as it now is, and the lengths to match."""
        block = _block(head)
        if len(block) > 65535 or len(content) > 0xFFFFFFFF:
            return None
        raw = start
        start = raw[:fields] + block
        start = patched(start, lengths + 2, 2, len(block))
        return patched(start, lengths + 4, 4, len(content))

    def _finished(self, start: bytes, content: bytes, crc: bool) -> list[bytes]:
        parts = [start]
        if content:
            parts.append(content)
        if crc:
            parts.append(zlib.crc32(content, zlib.crc32(start)).to_bytes(4, "big"))
        return parts

    def _foreign_request(
        self, head: RequestHead, content: bytes, number: int
    ) -> list[bytes] | None:
        """A request of HTTP: its fields become the header map (spec §3.10)."""
        if head.is_rpc():
            return None
        block = b"".join([_pair(name, value) for name, value in head.items()])
        if len(block) > 65535:
            return None
        start = _request_start(
            self.version, TYPE_REQUEST, COMMAND_REQUEST, number, head.time_limit & 0xFFFFFFFF,
            len(_SOFA_REQUEST), len(block), len(content),
        )  # fmt: skip
        return [start + _SOFA_REQUEST + block, content]

    def _hijack(
        self, head: ResponseHead, content: bytes, request: RpcRequest
    ) -> list[bytes] | None:
        """A reply that is not bolt's: the status, and the content of a success."""
        version = self.version
        if isinstance(request, BoltRequest):
            asked = request
            version = asked.version
        status = bolt_status(head.status, version)
        if status != SUCCESS:
            content = b""
        start = _response_start(version, COMMAND_RESPONSE, request.id, status, 0, len(content))
        return [start, content] if content else [start]


def new_request(
    fields: list[tuple[bytes, bytes]], content_size: int, timeout: int, class_name: bytes
) -> BoltRequest:
    """Return the head of a request of ours, version 1, with the header map ``fields``.

    ``timeout`` in milliseconds.  Raises ``ValueError`` when it does not fit into a frame.
    """
    block = b"".join([_pair(name, value) for name, value in fields])
    if len(block) > 65535 or len(class_name) > 65535 or content_size > 0xFFFFFFFF:
        raise ValueError("the header map, the class name or the content is too large")
    start = _request_start(
        1, TYPE_REQUEST, COMMAND_REQUEST, 0, timeout & 0xFFFFFFFF, len(class_name), len(block),
        content_size,
    )  # fmt: skip
    size = len(start) + len(class_name)
    request = BoltRequest.__new__(BoltRequest)
    request.enter(_NAME, start + class_name + block, size, 0, content_size)
    request.time_limit = timeout
    request.version = 1
    request.crc = False
    return request


def new_response(
    status: int, fields: list[tuple[bytes, bytes]], content_size: int, version: int
) -> BoltResponse:
    """Return the head of a response of ours, with what ``status`` of HTTP means to bolt.

    Raises ``ValueError`` when it does not fit into a frame.
    """
    block = b"".join([_pair(name, value) for name, value in fields])
    if len(block) > 65535 or content_size > 0xFFFFFFFF:
        raise ValueError("the header map or the content is too large")
    code = SUCCESS if 200 <= status < 300 else bolt_status(status, version)
    sizes = _response_start(version, COMMAND_RESPONSE, 0, code, len(block), content_size)
    # The class name's length is in front of the header map's.
    at = len(sizes) - 8
    start = sizes[:at] + len(_SOFA_RESPONSE).to_bytes(2, "big") + sizes[at + 2 :] + _SOFA_RESPONSE
    response = BoltResponse.__new__(BoltResponse)
    response.enter(_NAME, start + block, len(start), 0, content_size)
    response.rpc_status = code
    response.status = status
    response.version = version
    response.crc = False
    return response


def http_status(status: int) -> int:
    """Return what a bolt status means in HTTP's terms (spec §3.5)."""
    if status == 0:
        return 200
    if status == BUSY:
        return 503
    if status == TIMEOUT:
        return 504
    if status == CONNECTION_CLOSED:
        return 502
    return 500


def bolt_status(status: int, version: int) -> int:
    """Return the bolt status for one of HTTP, or for a failure of the codec (spec §3.5)."""
    if status == 200:
        return SUCCESS
    if status in (404, 502):
        return NO_PROCESSOR
    if status == 503:
        return BUSY
    if status == 504:
        return TIMEOUT
    if status == 0:
        return CODEC_EXCEPTION
    if status == 3:
        return SERVER_DESERIALIZE
    if status == 403 and version == 1:
        return SERVER_EXCEPTION
    return UNKNOWN


def _request_start(
    version: int, kind: int, command: int, number: int, timeout: int,
    class_size: int, header_size: int, content_size: int,
) -> bytes:  # fmt: skip
    first = b"\x01" if version == 1 else b"\x02\x01"
    switch = b"" if version == 1 else b"\0"
    return b"".join(
        (
            first, kind.to_bytes(1, "big"), command.to_bytes(2, "big"), b"\x01",
            number.to_bytes(4, "big"), b"\x01", switch, timeout.to_bytes(4, "big"),
            class_size.to_bytes(2, "big"), header_size.to_bytes(2, "big"),
            content_size.to_bytes(4, "big"),
        )
    )  # fmt: skip


def _response_start(
    version: int, command: int, number: int, status: int, header_size: int, content_size: int
) -> bytes:
    first = b"\x01" if version == 1 else b"\x02\x01"
    switch = b"" if version == 1 else b"\0"
    return b"".join(
        (
            first, b"\0", command.to_bytes(2, "big"), b"\x01",
            number.to_bytes(4, "big"), b"\x01", switch, status.to_bytes(2, "big"),
            b"\0\0", header_size.to_bytes(2, "big"), content_size.to_bytes(4, "big"),
        )
    )  # fmt: skip


# -- the header map ------------------------------------------------------------------------------


def _is_sound(data: bytes, at: int, end: int, most: int) -> bool:
    """Say whether ``data[at:end]`` is a header map of at most ``most`` pairs."""
    raw = data
    count = 0
    while at < end:
        for _ in range(2):
            if end - at < 4:
                return False
            size = u32(raw, at)
            at += 4
            if size == _NULL:
                break
            if size > end - at:
                return False
            at += size
        count += 1
        if count > most:
            return False
    return True


def _pair_from(raw: bytes, at: int, end: int) -> int:
    """Return where the first pair without a null at or behind ``at`` begins, ``end`` for none."""
    while at < end:
        size = u32(raw, at)
        if size == _NULL:
            at += 4
            continue
        value = at + 4 + size
        if u32(raw, value) == _NULL:
            at = value + 4
            continue
        return at
    return end


def _behind_pair(raw: bytes, at: int) -> int:
    at += 4 + u32(raw, at)
    return at + 4 + u32(raw, at)


def _value_at(data: bytes, at: int) -> bytes:
    raw = data
    return raw[at + 4 : at + 4 + u32(raw, at)]


def _find_pair(head: Head, name: bytes, start: int) -> int:
    """Return where the pair with the key ``name`` begins, -1 for none; keys that differ only in
    case count when there is no better one: what we are asked for is in lower case."""
    raw = head.raw
    size = len(name)
    end = head.end
    other = -1
    at = _pair_from(raw, start, end)
    while at < end:
        if u32(raw, at) == size:
            same = _compare(raw, at + 4, name, size)
            if same and not _was_cut(head, at):
                if same == 2:
                    return at
                if other < 0:
                    other = at
        at = _pair_from(raw, _behind_pair(raw, at), end)
    return other


def _was_cut(head: Head, at: int) -> bool:
    return head.cut_end != 0 and head._is_cut(at)


def _compare(raw: bytes, at: int, name: bytes, size: int) -> int:
    """Return 2 for the same bytes, 1 for the same without case, 0."""
    same = 2
    for index in range(size):
        byte = raw[at + index]
        if byte != name[index]:
            if 65 <= byte <= 90 and byte + 32 == name[index]:
                same = 1
            else:
                return 0
    return same


def _pairs(head: Head) -> list[tuple[bytes, bytes]]:
    pairs = []
    raw = head.raw
    end = head.end
    at = _pair_from(raw, head.fields, end)
    while at < end:
        value = at + 4 + u32(raw, at)
        if not _was_cut(head, at):
            pairs.append((_value_at(raw, at), _value_at(raw, value)))
        at = _pair_from(raw, _behind_pair(raw, at), end)
    pairs.extend(added_fields(head))
    return pairs


def _block(head: Head) -> bytes:
    """Return the header map as it is to be forwarded."""
    if not head.edited():
        return head.raw[head.fields : head.end]
    return b"".join([_pair(key, value) for key, value in _pairs(head)])


def _pair(key: bytes, value: bytes) -> bytes:
    return b"".join((len(key).to_bytes(4, "big"), key, len(value).to_bytes(4, "big"), value))


_NAME = "bolt"
_SOFA_SERVICE = b"sofa_head_target_service"
_SERVICE = b"service"
_SOFA_METHOD = b"sofa_head_method_name"
_METHOD = b"method"
_SOFA_REQUEST = b"com.alipay.sofa.rpc.core.request.SofaRequest"
_SOFA_RESPONSE = b"com.alipay.sofa.rpc.core.response.SofaResponse"
