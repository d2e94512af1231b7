"""Fields of HTTP/2: what is known of names, and what a name and its value are for.

A ``Field`` is made once for each literal that a peer sends and shared by all blocks that refer to
it.  So whatever is asked of a field at every use is decided when it is made: is it valid
(RFC 9113 §8.2, §8.3), what is it for, how does it look in ``Head.raw``.

Counterparts: ``pymosn.protocol.http2.hpack`` makes them, ``heads`` reads them.
"""

from types import MappingProxyType
from typing import Final

REGULAR: Final = 0
NO_TRAILER: Final = 1
"""Regular, but it means nothing in trailers (RFC 9110 §6.5.1)."""
X_MOSN: Final = 2
"""The name begins with ``x-mosn-``, or is that of Triple's timeout."""
EXPECT: Final = 3
"""Means nothing in trailers either."""
COOKIE: Final = 4
HOST: Final = 5
CONTENT_LENGTH: Final = 6
TE: Final = 7
"""``te: trailers``; every other value is ``BAD``."""
METHOD: Final = 8
SCHEME: Final = 9
AUTHORITY: Final = 10
PATH: Final = 11
STATUS: Final = 12
PROTOCOL: Final = 13
BAD: Final = 14
"""No field of a well-formed message."""

INDEX: Final = 0
"""The encoder indexes a line when it comes for the second time."""
NO_INDEX: Final = 1
NEVER_INDEX: Final = 2
"""Nobody on the way may index it (RFC 7541 §7.1.3)."""
LEAVE_OUT: Final = 3
"""The encoder drops the line: HTTP/2 says it otherwise, or has no use for it."""

_REGULAR = REGULAR
_X_MOSN = X_MOSN
_COOKIE = COOKIE
_HOST = HOST
_CONTENT_LENGTH = CONTENT_LENGTH
_TE = TE
_METHOD = METHOD
_SCHEME = SCHEME
_AUTHORITY = AUTHORITY
_PATH = PATH
_STATUS = STATUS
_PROTOCOL = PROTOCOL
_BAD = BAD


class TableEntry:
    """What is in a dynamic table: ``size`` is that of RFC 7541 §4.1."""

    size: int


class Field(TableEntry):
    """One field of a block, shared by all who refer to it, so never changed.

    ``line`` is how it looks in ``Head.raw``: ``name: value CRLF``, ``Host: value CRLF`` for
    ``:authority``, empty for the other pseudo-headers.  ``kind`` is what it is for.
    """

    name: bytes
    line: bytes
    kind: int
    name_kind: int
    stored: bytes | None

    def __init__(self, name: bytes, value: bytes) -> None:
        self.name = name
        self.size = len(name) + len(value) + 32
        self.name_kind = kind_of_name(name)
        self.kind = kind_of_value(self.name_kind, value, 0, len(value))
        self.stored = value
        if self.name_kind == _AUTHORITY:
            self.line = b"Host: %b\r\n" % value
        elif name[:1] == b":":
            self.line = b""
        else:
            self.line = b"%b: %b\r\n" % (name, value)

    @property
    def value(self) -> bytes:
        """The value as it was received."""
        return self.content()

    def content(self) -> bytes:
        """Return the value; for those who do not pay for a property."""
        if self.stored is None:
            # Most values are only ever needed as part of their line.
            raw = self.line
            return raw[len(self.name) + 2 : len(self.line) - 2]
        return self.stored

    def __repr__(self) -> str:
        return f"Field({self.name!r}, {self.value!r})"


class KnownName:
    """What is known of a name from the start.

    ``index`` is the first of the name in the static table, 0 when it is not there; ``values`` are
    those that the table has from ``index`` on.  ``literal`` is how a literal that is not indexed
    begins, up to its value, ``never_literal`` how one does that nobody may index.
    """

    kind: int
    policy: int
    index: int
    values: tuple[bytes, ...]
    literal: bytes
    never_literal: bytes

    def __init__(
        self, name: bytes, kind: int, policy: int, index: int, values: tuple[bytes, ...]
    ) -> None:
        self.kind = kind
        self.policy = policy
        self.index = index
        self.values = values
        # RFC 7541 §6.2.2 and §6.2.3: the index has a prefix of four bits.
        beginning = bytes([index]) if index < 15 else bytes([15, index - 15])
        if index == 0:
            beginning = bytes([0, len(name)]) + name
        self.literal = beginning
        self.never_literal = bytes([beginning[0] | 16]) + beginning[1:]


class KnownNames:
    """All of them; never changed."""

    _names: "dict[bytes, KnownName]"

    def __init__(self) -> None:
        self._names = {}
        static: dict[bytes, list[tuple[int, bytes]]] = {}
        for index, (name, value) in enumerate(STATIC_PAIRS):
            if index:
                static.setdefault(name, []).append((index, value))
        for name in {*static, *_KINDS, *_POLICIES}:
            found = static.get(name, [])
            self._names[name] = KnownName(
                name,
                _KINDS.get(name, REGULAR),
                _POLICIES.get(name, INDEX),
                found[0][0] if found else 0,
                tuple([value for _, value in found if value]),
            )

    def find(self, name: bytes) -> "KnownName | None":
        """Return what is known of ``name`` (lower case), None when that is nothing."""
        return self._names.get(name)


def kind_of_name(name: bytes) -> int:
    """Return what a field with this name is for, BAD when it is none."""
    known = _NAMES.find(name)
    if known is not None:
        return known.kind
    raw = name
    allowed = _NAME
    if len(name) == 0:
        return _BAD
    for index in range(len(name)):
        if not allowed[raw[index]]:
            return _BAD
    if name.startswith(b"x-mosn-") or name == _TRI_TIMEOUT:
        return _X_MOSN
    return _REGULAR


def kind_of_value(kind: int, raw: "bytes | bytearray", start: int, end: int) -> int:
    """Return ``kind``, or BAD when ``raw[start:end]`` is no value for it (RFC 9113 §8.2.1)."""
    allowed = _VALUE
    size = end - start
    if size > 0 and (raw[start] <= 32 or raw[end - 1] == 32 or raw[end - 1] == 9):
        return _BAD
    if kind >= _COOKIE:
        if kind == _CONTENT_LENGTH:
            # 18 digits fit into what the body is counted with.
            allowed = _DIGITS
            if size == 0 or size > 18:
                return _BAD
        elif kind == _HOST:
            allowed = _HOST_BYTES
        elif kind == _AUTHORITY:
            allowed = _HOST_BYTES
            if size == 0:
                return _BAD
        elif kind == _PATH:
            allowed = _TARGET
            if size == 0 or (raw[start] != 47 and (raw[start] != 42 or size > 1)):
                return _BAD
        elif kind == _METHOD or kind == _PROTOCOL:
            allowed = _TOKEN
            if size == 0:
                return _BAD
        elif kind != _COOKIE:
            return _kind_of_word(kind, raw, start, size)
    for index in range(start, end):
        if not allowed[raw[index]]:
            return _BAD
    return kind


def _kind_of_word(kind: int, raw: "bytes | bytearray", at: int, size: int) -> int:
    """The values that are one of a few: ``:scheme``, ``:status`` and ``te``."""
    fine = False
    if kind == _STATUS:
        fine = (
            size == 3
            and 49 <= raw[at] <= 53
            and 48 <= raw[at + 1] <= 57
            and 48 <= raw[at + 2] <= 57
        )
    elif kind == _SCHEME:
        fine = (size == 4 and _is(raw, at, _HTTP, 4)) or (size == 5 and _is(raw, at, _HTTPS, 5))
    elif kind == _TE:
        fine = size == 8 and _is(raw, at, _TRAILERS, 8)
    return kind if fine else _BAD


def _is(raw: "bytes | bytearray", at: int, word: bytes, size: int) -> bool:
    for index in range(size):  # noqa: SIM110 -- a generator would not compile to a loop
        if raw[at + index] != word[index]:
            return False
    return True


# -- tables -------------------------------------------------------------------------------------


def _table(accepted: bytes) -> bytes:
    return bytes(1 if byte in accepted else 0 for byte in range(256))


_TOKEN_BYTES = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
_NAME = _table(_TOKEN_BYTES)
"""Field names are tokens without upper case (RFC 9113 §8.2.1)."""
_TOKEN = _table(_TOKEN_BYTES + b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
# As in ``pymosn.protocol.http1``: what one version refuses must not pass through the other.
_VALUE = _table(bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100)) + b"\t")
_TARGET = _table(bytes(range(0x21, 0x7F)) + bytes(range(0x80, 0x100)))
_HOST_BYTES = _table(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:[]%"
)
_DIGITS = _table(b"0123456789")
_TRI_TIMEOUT = b"tri-service-timeout"
_KINDS = MappingProxyType({
    b":method": METHOD, b":scheme": SCHEME, b":authority": AUTHORITY, b":path": PATH,
    b":status": STATUS, b":protocol": PROTOCOL,
    b"cookie": COOKIE, b"host": HOST, b"content-length": CONTENT_LENGTH, b"te": TE,
    b"connection": BAD, b"keep-alive": BAD, b"proxy-connection": BAD, b"transfer-encoding": BAD,
    b"upgrade": BAD,
    b"trailer": NO_TRAILER, b"expect": EXPECT, b"content-encoding": NO_TRAILER,
    b"content-type": NO_TRAILER, b"content-range": NO_TRAILER, b"authorization": NO_TRAILER,
    b"set-cookie": NO_TRAILER, b"cache-control": NO_TRAILER,
})  # fmt: skip
_POLICIES = MappingProxyType({
    b"authorization": NEVER_INDEX, b"proxy-authorization": NEVER_INDEX,
    # These seldom come twice, or not for long.
    b":path": NO_INDEX, b"content-length": NO_INDEX, b"content-range": NO_INDEX,
    b"set-cookie": NO_INDEX, b"etag": NO_INDEX, b"if-none-match": NO_INDEX,
    b"last-modified": NO_INDEX, b"if-modified-since": NO_INDEX, b"age": NO_INDEX,
    b"location": NO_INDEX, b"x-request-id": NO_INDEX, b"traceparent": NO_INDEX,
    b"grpc-timeout": NO_INDEX,
    # RFC 9113 §8.2.2, and Host, which is :authority.
    b"host": LEAVE_OUT, b"connection": LEAVE_OUT, b"keep-alive": LEAVE_OUT,
    b"proxy-connection": LEAVE_OUT, b"transfer-encoding": LEAVE_OUT, b"upgrade": LEAVE_OUT,
    b"te": LEAVE_OUT, b"http2-settings": LEAVE_OUT,
})  # fmt: skip

_STATIC_TABLE = (
    b":authority", b":method: GET", b":method: POST", b":path: /", b":path: /index.html",
    b":scheme: http", b":scheme: https", b":status: 200", b":status: 204", b":status: 206",
    b":status: 304", b":status: 400", b":status: 404", b":status: 500", b"accept-charset",
    b"accept-encoding: gzip, deflate", b"accept-language", b"accept-ranges", b"accept",
    b"access-control-allow-origin", b"age", b"allow", b"authorization", b"cache-control",
    b"content-disposition", b"content-encoding", b"content-language", b"content-length",
    b"content-location", b"content-range", b"content-type", b"cookie", b"date", b"etag", b"expect",
    b"expires", b"from", b"host", b"if-match", b"if-modified-since", b"if-none-match", b"if-range",
    b"if-unmodified-since", b"last-modified", b"link", b"location", b"max-forwards",
    b"proxy-authenticate", b"proxy-authorization", b"range", b"referer", b"refresh",
    b"retry-after", b"server", b"set-cookie", b"strict-transport-security", b"transfer-encoding",
    b"user-agent", b"vary", b"via", b"www-authenticate",
)  # fmt: skip
"""RFC 7541 Appendix A, from index 1."""


def _pairs() -> tuple[tuple[bytes, bytes], ...]:
    pairs = [(b"", b"")]
    for text in _STATIC_TABLE:
        name, _, value = text.partition(b": ")
        pairs.append((name, value))
    return tuple(pairs)


_HTTP = b"http"
_HTTPS = b"https"
_TRAILERS = b"trailers"

STATIC_PAIRS: Final = _pairs()
"""Name and value by index; index 0 is nothing."""
_NAMES = KnownNames()
KNOWN_NAMES: Final = _NAMES
STATIC_FIELDS: Final = tuple(Field(name, value) for name, value in STATIC_PAIRS)
