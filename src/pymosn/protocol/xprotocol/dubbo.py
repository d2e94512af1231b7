"""Dubbo 2 (spec §3.7).

    0       2       3        4      12       16
    +-------+-------+--------+------+--------+------+
    | da bb | flags | status | id   | length | body |
    +-------+-------+--------+------+--------+------+

Flags: 0x80 a request, 0x40 with a reply, 0x20 an event (a heartbeat, or "R": send no more); the
low five bits number the serialization of the body.  The body of a request in Hessian (2):

    Dubbo's version, path, version, method, types of the arguments   strings
    arguments                                                        not looked into
    attachments                                                      a map of strings

The strings are the fields ``dubbo``, ``service``, ``version``, ``method``; attachments are fields
by their own names.  The arguments are stepped over only when an attachment is asked for.  With any
other serialization a request has no fields, and is routed all the same.
"""

from types import MappingProxyType
from typing import Final

from pymosn.message import RequestHead, ResponseHead
from pymosn.protocol.xprotocol.frame import (
    GOAWAY,
    HEARTBEAT,
    HEARTBEAT_REPLY,
    MULTIPLEX,
    REQUEST,
    RESPONSE,
    Codec,
    FieldRequest,
    FieldResponse,
    FrameLimits,
    RpcProtocol,
    RpcRequest,
    i64,
    patched,
    u16,
    u32,
)
from pymosn.protocol.xprotocol.hessian import HessianReader, encode_string

MAGIC: Final = 0xDABB
HEADER_SIZE: Final = 16
FLAG_REQUEST: Final = 0x80
FLAG_TWO_WAY: Final = 0x40
FLAG_EVENT: Final = 0x20
SERIALIZATION: Final = 0x1F
HESSIAN2: Final = 2

OK: Final = 20
CLIENT_TIMEOUT: Final = 30
SERVER_TIMEOUT: Final = 31
BAD_REQUEST_STATUS: Final = 40
BAD_RESPONSE: Final = 50
SERVICE_NOT_FOUND: Final = 60
SERVICE_ERROR: Final = 70
SERVER_ERROR: Final = 80
CLIENT_ERROR: Final = 90
EXHAUSTED: Final = 100

_REQUEST = REQUEST
_RESPONSE = RESPONSE
_HEARTBEAT = HEARTBEAT
_HEARTBEAT_REPLY = HEARTBEAT_REPLY
_GOAWAY = GOAWAY
_MAGIC = MAGIC
_MATCH = 1
_AGAIN = 0
_FAIL = -1

_METADATA: Final = (b"dubbo", b"service", b"version", b"method")


class DubboRequest(FieldRequest):
    """A request, with its metadata and its attachments as fields."""

    _service: bytes | None
    _method: bytes | None
    _version: bytes | None
    _dubbo: bytes | None
    _arguments: int
    """Where the types of the arguments are in the body; 0 when there are no fields."""
    _attachments: int
    """Where the attachments are in the body; 0 when nobody has looked, -1 when not found."""
    _most: int

    def enter_dubbo(self, body: bytes, most: int) -> None:
        """Begin without fields; ``most`` attachments are looked at."""
        self.enter_body(body)
        self._service = None
        self._method = None
        self._version = None
        self._dubbo = None
        self._arguments = 0
        self._attachments = 0
        self._most = most

    def load(self) -> list[tuple[bytes, bytes]]:
        if self._arguments == 0:
            return []
        pairs = []
        for name, value in zip(
            _METADATA, (self._dubbo, self._service, self._version, self._method), strict=True
        ):
            if value is not None:
                pairs.append((name, value))
        for name, value in self.attachments():
            if name not in _METADATA:
                pairs.append((name, value))
        return pairs

    def get(self, name: bytes) -> bytes | None:
        if self._pairs is None and not self.added:
            # What routes ask for costs no look at the attachments.
            if name == _SERVICE:
                return self._service
            if name == _METHOD:
                return self._method
        return FieldRequest.get(self, name)

    def rpc_service(self) -> bytes | None:
        return self._service

    def rpc_method(self) -> bytes | None:
        return self._method

    def rpc_version(self) -> bytes | None:
        """Return the version of Dubbo that the client says it speaks."""
        return self._dubbo

    def attachments(self) -> list[tuple[bytes, bytes]]:
        """Return the attachments whose values are strings, as they came."""
        at = self.find_attachments()
        return [] if at < 0 else _string_pairs(self.body, at, self._most)

    def find_attachments(self) -> int:
        """Return where the map of attachments is in the body, -1 when there is none."""
        if self._attachments == 0:
            self._attachments = self._look_for_attachments()
        return self._attachments

    def _look_for_attachments(self) -> int:
        if self._arguments == 0:
            return -1
        reader = HessianReader(self.body, self._arguments)
        types = reader.read_string()
        count = -1 if types is None else count_types(types)
        while count > 0 and reader.skip():
            count -= 1
        if count != 0 or reader.peek() not in (0x48, 0x4D):
            return -1
        at = reader.at
        if not reader.skip() or reader.at != len(self.body):
            return -1
        return at


class DubboResponse(FieldResponse):
    """A response, with its attachments as fields.

    Its body in Hessian is a number, 3 to 5 when there are attachments, a value or an exception,
    and the map of attachments.  It is looked into only when somebody asks for a field.
    """

    _most: int
    """Attachments that are looked at; 0 when the body is not such a one."""

    def load(self) -> list[tuple[bytes, bytes]]:
        at = self._find_attachments()
        if at < 0:
            return []
        return _string_pairs(self.body, at, self._most)

    def body_now(self, may_have: bool) -> bytes | None:
        """Return the body with the attachments as they are now; None when they cannot be said.

        ``may_have``: the client understands attachments where there were none.
        """
        body = self.body
        if not self._most or not body or not 0x90 <= body[0] <= 0x95:
            return None
        fields = self.fields_now()
        at = self._find_attachments()
        if at < 0:
            if body[0] > 0x92 or not may_have:
                return None
            parts = [bytes((body[0] + 3,)), body[1:], b"H"]
            parts.extend([encode_string(text) for pair in fields for text in pair])
            parts.append(b"Z")
            return b"".join(parts)
        return body[:at] + _attachments(body, at, fields, None)

    def _find_attachments(self) -> int:
        """Return where the map of attachments is in the body, -1 when there is none."""
        body = self.body
        if not self._most or not body or not 0x93 <= body[0] <= 0x95:
            return -1
        reader = HessianReader(body, 1)
        if body[0] != 0x95:
            reader.skip()
        if reader.peek() not in (0x48, 0x4D):
            return -1
        at = reader.at
        return at if reader.skip() and reader.at == len(body) else -1


class Dubbo(RpcProtocol):
    """Dubbo 2, recognised by its magic number."""

    def __init__(self) -> None:
        self.name = "dubbo"
        self.pool_mode = MULTIPLEX
        self.id_bits = 62

    def match(self, data: bytes) -> int:
        if not (data.startswith(_MAGIC_BYTES) or _MAGIC_BYTES.startswith(data)):
            return _FAIL
        return _MATCH if len(data) >= HEADER_SIZE else _AGAIN

    def codec(self, limits: FrameLimits) -> Codec:
        return DubboCodec(limits)


class DubboCodec(Codec):
    """A connection that speaks Dubbo 2."""

    _asked_two_way: bool
    _asked_serialization: int
    _asked_body: bytes

    def __init__(self, limits: FrameLimits) -> None:
        Codec.__init__(self, limits)
        self._asked_two_way = False
        self._asked_serialization = HESSIAN2
        self._asked_body = b""

    def measure(self, data: bytes, at: int, available: int) -> int:
        raw = data
        if available < 2:
            return 2
        if u16(raw, at) != _MAGIC:
            self.error = "a Dubbo frame begins otherwise"
            return -1
        if available < 16:
            return 16
        return 16 + u32(raw, at + 12)

    def read(self, data: bytes, at: int, size: int) -> int:
        raw = data
        flags = raw[at + 2]
        self.id = i64(raw, at + 4)
        if flags & 0x20:
            return self._event(data, at, size, flags)
        self.content = raw[at + 16 : at + size]
        if not flags & 0x80:
            response = DubboResponse.__new__(DubboResponse)
            response.enter(_NAME, raw[at : at + 16], 16, self.id, size - 16)
            response.rpc_status = raw[at + 3]
            response.status = http_status(response.rpc_status)
            response.enter_body(self.content)
            response._most = 0
            if flags & 0x1F == HESSIAN2 and response.rpc_status == OK:
                response._most = self.limits.max_headers
            self.response = response
            return _RESPONSE
        request = DubboRequest.__new__(DubboRequest)
        request.enter(_NAME, raw[at : at + 16], 16, self.id, size - 16)
        request.enter_dubbo(self.content, self.limits.max_headers)
        request.oneway = flags & 0x40 == 0
        if flags & 0x1F == HESSIAN2:
            reader = HessianReader.__new__(HessianReader)
            reader.enter(self.content, 0, size - 16)
            request._dubbo = reader.read_string()
            request._service = reader.read_string()
            request._version = reader.read_string()
            request._method = reader.read_string()
            if reader.error or reader.at > self.limits.max_header:
                return self.fail(f"a request's metadata cannot be read: {reader.error or 'long'}")
            request._arguments = reader.at
        self.request = request
        return _REQUEST

    def _event(self, data: bytes, at: int, size: int, flags: int) -> int:
        if not flags & 0x80:
            return _HEARTBEAT_REPLY
        body = data[at + 16 : at + size]
        if body == _READ_ONLY:
            return _GOAWAY
        self._asked_two_way = flags & 0x40 != 0
        self._asked_serialization = flags & 0x1F
        self._asked_body = body[:_MAX_NOTHING]
        return _HEARTBEAT

    def encode_request(self, head: RequestHead, content: bytes, number: int) -> list[bytes] | None:
        if not isinstance(head, DubboRequest):
            return None
        request = head
        start = patched(request.raw, 4, 8, number)
        if request.edited():
            changed = _with_fields(request, content)
            if changed is None:
                return None
            content = changed
        if len(content) != request.content_size:
            start = patched(start, 12, 4, len(content))
        return [start, content] if content else [start]

    def encode_response(
        self, head: ResponseHead, content: bytes, request: RpcRequest
    ) -> list[bytes] | None:
        if isinstance(head, DubboResponse):
            response = head
            if response.edited() and content == response.body:
                # Without a place for attachments it goes as it came.
                asked = request.rpc_version() if isinstance(request, DubboRequest) else None
                content = response.body_now(takes_attachments(asked)) or content
            start = patched(response.raw, 4, 8, request.id)
            if response.start < 0:
                start = patched(start, 3, 1, dubbo_status(response.status))
            if len(content) != response.content_size:
                start = patched(start, 12, 4, len(content))
            return [start, content] if content else [start]
        status = dubbo_status(head.status)
        if status == OK:
            # The value of a response without attachments: 1, then the value.
            text = b"\x91" + encode_string(content)
        else:
            what = content.strip() or head.reason
            text = encode_string(b"%d|%b" % (head.status, what[:1000]))
        return [_start(0x02, status, request.id, len(text)), text]

    def heartbeat(self, number: int) -> bytes | None:
        return _start(FLAG_REQUEST | FLAG_TWO_WAY | FLAG_EVENT | HESSIAN2, 0, number, 1) + b"N"

    def heartbeat_reply(self) -> bytes | None:
        if not self._asked_two_way:
            return None
        # What came is "nothing" in a serialization that need not be known here, and so is the
        # answer of Dubbo's own servers.
        body = self._asked_body
        return _start(FLAG_EVENT | self._asked_serialization, OK, self.id, len(body)) + body

    def goaway(self, number: int) -> bytes | None:
        # What a Dubbo server sends before it stops.
        return _start(FLAG_REQUEST | FLAG_EVENT | HESSIAN2, 0, number, 2) + _READ_ONLY


def new_request(body: bytes) -> DubboRequest:
    """Return the head of a request of ours whose body is ``body``, in Hessian 2."""
    codec = DubboCodec(FrameLimits(max_frame=len(body) + 16, max_header=len(body)))
    start = _start(FLAG_REQUEST | FLAG_TWO_WAY | HESSIAN2, 0, 0, len(body))
    if codec.read(start + body, 0, 16 + len(body)) != _REQUEST:
        raise ValueError(codec.error)
    request: DubboRequest = codec.request  # type: ignore[assignment]  # of this codec
    return request


def new_response(status: int, body: bytes) -> DubboResponse:
    """Return the head of a response of ours, with what ``status`` of HTTP means to Dubbo.

    Where that is OK, ``body`` is a result in Hessian 2, else it is an encoded string.
    """
    codec = DubboCodec(FrameLimits())
    code = OK if 200 <= status < 300 else dubbo_status(status)
    codec.read(_start(HESSIAN2, code, 0, len(body)) + body, 0, 16 + len(body))
    response: DubboResponse = codec.response  # type: ignore[assignment]  # of this codec
    response.status = status
    return response


def http_status(status: int) -> int:
    """Return what a Dubbo status means in HTTP's terms; MOSN knows no answer."""
    return 200 if status == 20 else _HTTP_STATUSES.get(status, 500)


def dubbo_status(status: int) -> int:
    """Return the Dubbo status for one of HTTP (spec §3.7)."""
    return _DUBBO_STATUSES.get(status, SERVICE_ERROR)


def takes_attachments(version: bytes | None) -> bool:
    """Say whether a client of this version of Dubbo understands results with attachments: 2.0.2
    does, as the version of the protocol, and what is as old as 2.6.3."""
    numbers = [int(part) for part in (version or b"").split(b".")[:3] if part.isdigit()]
    if len(numbers) != 3:
        return False
    return [2, 0, 2] <= numbers < [2, 0, 10] or numbers >= [2, 6, 3]


def count_types(types: bytes) -> int:
    """Return how many types a JVM descriptor such as ``I[JLjava/lang/String;`` has; -1 for what is
    none."""
    raw = types
    size = len(types)
    at = 0
    count = 0
    while at < size:
        byte = raw[at]
        at += 1
        if byte == 91:  # [
            if at == size:
                return -1
            continue
        if byte == 76:  # L
            while at < size and raw[at] != 59:
                at += 1
            if at == size:
                return -1
            at += 1
        elif byte not in b"ZBCSIJFDV":
            return -1
        count += 1
    return count


def _with_fields(request: DubboRequest, content: bytes) -> bytes | None:
    """Return the body with the request's fields as they are now; None when that cannot be said."""
    if request._arguments == 0:
        return None
    fields = request.fields_now()
    came = request.body
    if content != came:
        # A filter has replaced the content: its arguments count.
        again = DubboRequest.__new__(DubboRequest)
        reader = HessianReader(content)
        for _ in _METADATA:
            reader.read_string()
        if reader.error:
            return None
        again.enter_dubbo(content, request._most)
        again._arguments = reader.at
        return _rewritten(again, fields)
    return _rewritten(request, fields)


def _rewritten(request: DubboRequest, fields: list[tuple[bytes, bytes]]) -> bytes | None:
    body = request.body
    at = request.find_attachments()
    wanted: dict[bytes, bytes] = {}
    extra: list[tuple[bytes, bytes]] = []
    for name, value in fields:
        if name in _METADATA and name not in wanted:
            wanted[name] = value
        else:
            extra.append((name, value))
    had = {name for name, _ in request.attachments()}
    if at < 0:
        if had or extra:
            return None
        at = len(body)
        tail = b""
    else:
        tail = _attachments(body, at, extra, wanted)
    parts = [
        encode_string(wanted[name]) if name in wanted else b"N" for name in _METADATA
    ]
    parts.append(body[request._arguments : at])
    parts.append(tail)
    return b"".join(parts)


def _string_pairs(body: bytes, at: int, most: int) -> list[tuple[bytes, bytes]]:
    """Return those entries of the map at ``at`` whose values are strings, ``most`` at most."""
    pairs: list[tuple[bytes, bytes]] = []
    reader = HessianReader(body, at)
    _enter_map(reader)
    while reader.peek() != 0x5A and not reader.error:
        key = reader.read_string()
        if key is None or len(pairs) >= most:
            break
        if _is_string(reader.peek()):
            value = reader.read_string()
            if value is not None:
                pairs.append((key, value))
        else:
            reader.skip()
    return pairs


def _attachments(
    body: bytes,
    at: int,
    fields: list[tuple[bytes, bytes]],
    metadata: dict[bytes, bytes] | None,
) -> bytes:
    """Return the map of attachments with ``fields`` for those that are strings.

    Others are kept as they came; so is an attachment with the name of a piece of ``metadata``,
    with the value that this now has.  All stay where they were, what is new comes last.
    """
    reader = HessianReader(body, at)
    _enter_map(reader)
    parts = [body[at : reader.at]]
    written = 0
    while reader.peek() != 0x5A and not reader.error:
        start = reader.at
        key = reader.read_string()
        text = _is_string(reader.peek())
        reader.skip()
        if key is not None and not text:
            parts.append(body[start : reader.at])
        elif key is not None and metadata is not None and key in _METADATA:
            parts.append(encode_string(key))
            parts.append(encode_string(metadata.get(key, b"")))
        elif written < len(fields) and fields[written][0] == key:
            parts.append(encode_string(key))
            parts.append(encode_string(fields[written][1]))
            written += 1
    for key, value in fields[written:]:
        parts.append(encode_string(key))
        parts.append(encode_string(value))
    parts.append(b"Z")
    return b"".join(parts)


def _enter_map(reader: HessianReader) -> None:
    """Step over what begins a map, up to the first key."""
    if reader.peek() == 0x4D:
        reader.at += 1
        reader.skip()  # its type: a string or an int
    else:
        reader.at += 1


def _is_string(code: int) -> bool:
    return 0 <= code < 0x20 or 0x30 <= code <= 0x33 or code == 0x52 or code == 0x53


def _start(flags: int, status: int, number: int, size: int) -> bytes:
    return b"".join(
        (
            _MAGIC_BYTES, bytes((flags, status)), (number & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "big"),
            size.to_bytes(4, "big"),
        )
    )  # fmt: skip


_NAME = "dubbo"
_MAGIC_BYTES = b"\xda\xbb"
_READ_ONLY = b"\x01R"
_MAX_NOTHING = 64  # bytes of a heartbeat's body that go back
_SERVICE = b"service"
_METHOD = b"method"
_HTTP_STATUSES: Final = MappingProxyType(
    {
        OK: 200,
        CLIENT_TIMEOUT: 504,
        SERVER_TIMEOUT: 504,
        BAD_REQUEST_STATUS: 400,
        BAD_RESPONSE: 502,
        SERVICE_NOT_FOUND: 404,
        SERVICE_ERROR: 500,
        SERVER_ERROR: 500,
        CLIENT_ERROR: 400,
        EXHAUSTED: 503,
    }
)
_DUBBO_STATUSES: Final = MappingProxyType(
    {
        200: OK,
        404: SERVICE_NOT_FOUND,
        502: SERVICE_NOT_FOUND,
        503: BAD_REQUEST_STATUS,
        509: BAD_REQUEST_STATUS,
        504: CLIENT_TIMEOUT,
        403: SERVER_ERROR,
    }
)
