"""What the codecs of RPC protocols share: the heads that frames become, and cutting frames out of
what arrives.

Sans-IO.  An ``RpcProtocol`` says what is known of a protocol and makes a ``Codec`` for each
connection: ``feed`` it what arrived, then call ``next`` until it answers ``NEED_DATA``.  Unlike
HTTP's, its messages are whole: a head, and all of the content.  The bytes of a frame's header are
kept as they came, and go out so with another id; its fields are looked up in these bytes only
when somebody asks.

Counterpart: ``pymosn.stream.xprotocol_server`` and ``xprotocol_client`` connect it to sockets.
"""

from typing import Final

from pymosn.message import Head, RequestHead, ResponseHead

NEED_DATA: Final = 0
REQUEST: Final = 1
"""``codec.request`` and ``codec.content`` are new."""
RESPONSE: Final = 2
"""``codec.response``, its ``codec.id`` and ``codec.content`` are new."""
HEARTBEAT: Final = 3
"""The peer asks whether we live; ``heartbeat_reply`` has the answer."""
HEARTBEAT_REPLY: Final = 4
"""The peer answers the heartbeat with ``codec.id``."""
GOAWAY: Final = 5
"""The peer wants no more requests on this connection."""
BAD_REQUEST: Final = 6
"""A request that cannot be read, with ``codec.error``; ``fault`` has the answer, if there is one.
The frames behind it are fine."""
ERROR: Final = -1
"""``codec.error`` says why the connection cannot go on."""

MULTIPLEX: Final = 0
"""Many exchanges at a time on one upstream connection."""
PING_PONG: Final = 1
"""One exchange at a time."""
BINDING: Final = 2
"""Each downstream connection has its own upstream connection."""

# Statuses that a frame's failure is mapped from, beside those of HTTP (spec §4.2).
CODEC_FAILED: Final = 0
DESERIALIZE_FAILED: Final = 3

_NEED_DATA = NEED_DATA
_ERROR = ERROR
_COMPILED = not __file__.endswith(".py")


class FrameLimits:
    """Limits of what a peer may send: bytes of a frame, bytes of its header, fields in it."""

    max_frame: int
    max_header: int
    max_headers: int

    def __init__(
        self, max_frame: int = 16777216, max_header: int = 65536, max_headers: int = 1000
    ) -> None:
        self.max_frame = max_frame
        self.max_header = max_header
        self.max_headers = max_headers


class RpcRequest(RequestHead):
    """The head of a request frame.

    ``raw`` is the frame up to its content; ``content_size`` the content's size as it came.  ``id``
    is the client's.
    """

    protocol: str
    id: int
    oneway: bool
    content_size: int

    def enter(self, protocol: str, raw: bytes, fields: int, number: int, content_size: int) -> None:
        """Begin the head of a frame whose header map is ``raw[fields:]``."""
        self.raw = raw
        self.start = 0
        self.fields = fields
        self.end = len(raw)
        self.cut_start = 0
        self.cut_end = 0
        self.cuts = None
        self.never = None
        self.added = None
        self.content_length = -1
        self.minor = 1
        self.upgrade = None
        self.method = b""
        self.target = b""
        self.authority = b""
        self.scheme = b""
        self.te_trailers = False
        self.timeouts = False
        self.time_limit = 0
        self.protocol = protocol
        self.id = number
        self.oneway = False
        self.content_size = content_size

    def frame_id(self) -> int:
        return self.id

    def repeatable(self) -> bool:
        # MOSN repeats calls whenever the route's policy says so: nothing in them tells more.
        return True

    def is_rpc(self) -> bool:
        return True


class RpcResponse(ResponseHead):
    """The head of a response frame.

    ``status`` is what the frame's own status means in HTTP's terms, for metrics and retries;
    ``rpc_status`` what the frame says.
    """

    protocol: str
    id: int
    rpc_status: int
    content_size: int

    def enter(self, protocol: str, raw: bytes, fields: int, number: int, content_size: int) -> None:
        """Begin the head of a frame whose header map is ``raw[fields:]``."""
        self.raw = raw
        self.start = 0
        self.fields = fields
        self.end = len(raw)
        self.cut_start = 0
        self.cut_end = 0
        self.cuts = None
        self.never = None
        self.added = None
        self.content_length = -1
        self.minor = 1
        self.upgrade = None
        self.status = 0
        self.reason = b""
        self.protocol = protocol
        self.id = number
        self.rpc_status = 0
        self.content_size = content_size

    def frame_status(self) -> int:
        return self.rpc_status

    def is_rpc(self) -> bool:
        return True


class FieldRequest(RpcRequest):
    """A request whose fields are decoded into a list when somebody asks for one of them.

    ``body`` is the content as it came, where many protocols have them.
    """

    body: bytes
    _pairs: list[tuple[bytes, bytes]] | None
    _changed: bool

    def enter_body(self, body: bytes) -> None:
        """``body`` has what ``load`` reads; for ``enter`` to have been called."""
        self.body = body
        self._pairs = None
        self._changed = False

    def load(self) -> list[tuple[bytes, bytes]]:
        """Return the fields that came."""
        raise NotImplementedError

    def fields_now(self) -> list[tuple[bytes, bytes]]:
        """Return the fields as they are now."""
        if self._pairs is None:
            self._pairs = self.load()
        if self.added:
            # Routes append lines directly.
            self._pairs.extend(added_fields(self))
            self.added = None
            self._changed = True
        return self._pairs

    def edited(self) -> bool:
        return self._changed or bool(self.added)

    def get(self, name: bytes) -> bytes | None:
        return field_of(self.fields_now(), name)

    def get_all(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.fields_now() if key.lower() == name]

    def items(self) -> list[tuple[bytes, bytes]]:
        """Return every (name, value) in order."""
        return list(self.fields_now())

    def remove(self, name: bytes) -> bool:
        pairs = self.fields_now()
        kept = [pair for pair in pairs if pair[0].lower() != name]
        self._pairs = kept
        if len(kept) != len(pairs):
            self._changed = True
            return True
        return False

    def add(self, name: bytes, value: bytes) -> None:
        self.fields_now().append((name, value))
        self._changed = True

    def set(self, name: bytes, value: bytes) -> None:
        key = name.lower()
        for old, _ in self.fields_now():
            if old.lower() == key:
                # In the spelling that the other side knows.
                name = old
                break
        self.remove(key)
        self.add(name, value)


class FieldResponse(RpcResponse):
    """A response whose fields are decoded into a list when somebody asks for one of them."""

    body: bytes
    _pairs: list[tuple[bytes, bytes]] | None
    _changed: bool

    def enter_body(self, body: bytes) -> None:
        """``body`` has what ``load`` reads; for ``enter`` to have been called."""
        self.body = body
        self._pairs = None
        self._changed = False

    def load(self) -> list[tuple[bytes, bytes]]:
        """Return the fields that came."""
        return []

    def fields_now(self) -> list[tuple[bytes, bytes]]:
        """Return the fields as they are now."""
        if self._pairs is None:
            self._pairs = self.load()
        if self.added:
            self._pairs.extend(added_fields(self))
            self.added = None
            self._changed = True
        return self._pairs

    def edited(self) -> bool:
        return self._changed or bool(self.added)

    def get(self, name: bytes) -> bytes | None:
        return field_of(self.fields_now(), name)

    def get_all(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.fields_now() if key.lower() == name]

    def items(self) -> list[tuple[bytes, bytes]]:
        """Return every (name, value) in order."""
        return list(self.fields_now())

    def remove(self, name: bytes) -> bool:
        pairs = self.fields_now()
        kept = [pair for pair in pairs if pair[0].lower() != name]
        self._pairs = kept
        if len(kept) != len(pairs):
            self._changed = True
            return True
        return False

    def add(self, name: bytes, value: bytes) -> None:
        self.fields_now().append((name, value))
        self._changed = True

    def set(self, name: bytes, value: bytes) -> None:
        self.remove(name.lower())
        self.add(name, value)


class RpcProtocol:
    """What there is to know of a protocol; one object serves all connections."""

    name: str
    pool_mode: int
    id_bits: int
    """Ids of requests are unsigned numbers of so many bits."""

    def match(self, data: bytes) -> int:
        """Say whether a connection that begins with ``data`` speaks the protocol: ``MATCH``,
        ``AGAIN`` or ``FAIL`` of ``pymosn.protocol.detect``."""
        raise NotImplementedError

    def takes(self, request: RpcRequest) -> bool:
        """Say whether ``request`` can be sent to a host that speaks the protocol."""
        return request.protocol == self.name

    def codec(self, limits: FrameLimits) -> "Codec":
        """Return a codec for a connection, of either side."""
        raise NotImplementedError


class Codec:
    """The frames of one connection, in both directions."""

    limits: "FrameLimits"
    request: "RpcRequest"  # of the last REQUEST
    response: "RpcResponse"  # of the last RESPONSE
    content: bytes
    id: int
    error: str
    _data: bytes
    _at: int
    _held: bytearray | None
    _need: int
    _failed: bool

    def __init__(self, limits: FrameLimits) -> None:
        self.limits = limits
        self.request = None  # type: ignore[assignment]  # as declared
        self.response = None  # type: ignore[assignment]  # as declared
        self.content = b""
        self.id = 0
        self.error = ""
        self._data = b""
        self._at = 0
        self._held = None
        self._need = 0
        self._failed = False

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        if self._held is not None:
            self._held += data
        elif self._at < len(self._data):
            self._data = self._data[self._at :] + data
            self._at = 0
        else:
            self._data = data
            self._at = 0

    def next(self) -> int:
        """Return the next event; after ``ERROR`` nothing but that."""
        if self._failed:
            return _ERROR
        if self._held is not None:
            if len(self._held) < self._need:
                return _NEED_DATA
            self._data = bytes(self._held)
            self._held = None
            self._at = 0
        at = self._at
        available = len(self._data) - at
        if available == 0:
            self._data = b""
            self._at = 0
            return _NEED_DATA
        need = self.measure(self._data, at, available)
        if need < 0:
            return self.fail(self.error)
        if need > self.limits.max_frame:
            return self.fail(f"a frame of {need} bytes is too large")
        if need > available:
            self._held = bytearray(self._data[at:])
            self._need = need
            self._data = b""
            self._at = 0
            return _NEED_DATA
        self._at = at + need
        return self.read(self._data, at, need)

    def forget(self) -> None:
        """Let go of the last frame: whoever needs it has it, and an idle connection does not."""
        self.request = None  # type: ignore[assignment]  # as declared
        self.response = None  # type: ignore[assignment]  # as declared
        self.content = b""

    def partial(self) -> bool:
        """Say whether a part of a frame has arrived, and not its end."""
        return self._held is not None

    def unread(self) -> int:
        """Return how many bytes wait for ``next``."""
        return len(self._data) - self._at

    def fail(self, why: str) -> int:
        """Go no further; returns ``ERROR``."""
        self.error = why
        self._failed = True
        self._data = b""
        self._held = None
        return _ERROR

    # -- for each protocol ---------------------------------------------------------------------

    def measure(self, data: bytes, at: int, available: int) -> int:
        """Return how many bytes the frame at ``data[at]`` takes; when more than ``available`` are
        needed to tell, how many; -1, with ``error`` set, when it is none."""
        raise NotImplementedError

    def read(self, data: bytes, at: int, size: int) -> int:
        """Take in the frame ``data[at:at+size]`` and return the event."""
        raise NotImplementedError

    def encode_request(self, head: RequestHead, content: bytes, number: int) -> list[bytes] | None:
        """Return a request frame with the id ``number``; None when ``head`` cannot be sent."""
        raise NotImplementedError

    def encode_response(
        self, head: ResponseHead, content: bytes, request: RpcRequest
    ) -> list[bytes] | None:
        """Return the frame that answers ``request``; None when the protocol cannot say it.

        A head of another protocol, or of our own, becomes the protocol's status.
        """
        raise NotImplementedError

    def heartbeat(self, number: int) -> bytes | None:
        """Return a heartbeat, None where the protocol has none."""
        return None

    def heartbeat_reply(self) -> bytes | None:
        """Return the answer to the ``HEARTBEAT`` just returned by ``next``."""
        return None

    def fault(self) -> bytes | None:
        """Return the answer to the ``BAD_REQUEST`` just returned by ``next``."""
        return None

    def goaway(self, number: int) -> bytes | None:
        """Return what tells a client to send no more requests here, None where nothing does."""
        return None


def u16(raw: bytes, at: int) -> int:
    """Return the big-endian number of two bytes at ``at``, which must be within ``raw``."""
    return raw[at] << 8 | raw[at + 1]


def u32(raw: bytes, at: int) -> int:
    """Return the big-endian number of four bytes at ``at``, which must be within ``raw``."""
    number = raw[at]
    return number << 24 | raw[at + 1] << 16 | raw[at + 2] << 8 | raw[at + 3]


def i32(raw: bytes, at: int) -> int:
    """Return the signed big-endian number of four bytes at ``at``."""
    number = u32(raw, at)
    return number - 4294967296 if number > 2147483647 else number


def i64(raw: bytes, at: int) -> int:
    """Return the signed big-endian number of eight bytes at ``at``."""
    number = raw[at]
    if number > 127:
        number -= 256
    end = at + 8
    at += 1
    while at < end:
        number = number << 8 | raw[at]
        at += 1
    return number


def patched(data: bytes, at: int, width: int, number: int) -> bytes:
    """Return ``data`` with the big-endian ``number`` in the ``width`` bytes at ``at``, which must
    be within it."""
    raw = data
    size = len(data)
    if not _COMPILED:
        masked = number & ((1 << 8 * width) - 1)
        return raw[:at] + masked.to_bytes(width, "big") + raw[at + width : size]
    # A copy that nobody else has seen may be written to.
    copy = raw[0:size]
    target = copy
    while width > 0:
        width -= 1
        target[at + width] = number & 255  # type: ignore[index]  # a C pointer
        number >>= 8
    return copy


def field_of(pairs: list[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """Return the value of a field; one that differs in case counts when there is no better."""
    other = None
    for key, value in pairs:
        if key == name:
            return value
        if other is None and len(key) == len(name) and key.lower() == name:
            other = value
    return other


def added_fields(head: Head) -> list[tuple[bytes, bytes]]:
    """Return the fields that were added to ``head``, in order."""
    fields = []
    if head.added is not None:
        for line in head.added:
            name, _, value = line.partition(b": ")
            fields.append((name, value[:-2]))
    return fields
