"""HTTP/1.x (RFC 9112): bytes to message events.

Sans-IO.  A ``MessageReader`` is one direction of one connection: ``feed`` it what arrived, then
call ``next`` until it answers ``NEED_DATA``.  It is strict where two parsers could disagree about
where a message ends (RFC 9112 §11.2): conflicting or malformed lengths, obs-fold, bare CR or LF,
white space before the colon and invalid characters are errors, never guesses.  After an error the
reader stays in it.

Counterparts: ``http1_writer`` is the other direction; ``pymosn.stream.http1_server`` and
``http1_client`` connect both to sockets.
"""

from typing import Final

from pymosn.message import Head, RequestHead, ResponseHead

NEED_DATA: Final = 0
HEAD: Final = 1
"""``reader.request`` (or ``response``) is new; ``reader.complete`` when it has no body."""
DATA: Final = 2
"""``reader.data`` is a piece of the body; ``reader.complete`` when it is the last."""
END: Final = 3
"""The body ended; ``reader.trailers`` is a ``Head`` or None."""
ERROR: Final = -1
"""``reader.error_status`` and ``reader.error`` say what to answer and why."""

MAX_CHUNK_LINE: Final = 256
"""A chunk's size and extensions; an endless extension would cost CPU for no data."""
MAX_CHUNK_DIGITS: Final = 15
MAX_TRAILER_BYTES: Final = 8192
MAX_REQUEST_LINE_SHARE: Final = 8192
"""A request line longer than this (or than the head limit) is 414, not 431."""
MAX_LEADING_BLANK: Final = 8
"""Bytes of empty lines tolerated before a request line (RFC 9112 §2.2)."""
MAX_CONNECTION_OPTIONS: Final = 32
"""Each field named in Connection costs a search of the head."""

_NEED_DATA = NEED_DATA
_HEAD = HEAD
_DATA = DATA
_END = END
_ERROR = ERROR

# Framing of the body that is being read.
_NO_BODY = 0
_SIZED = 1
_CHUNK_SIZE = 2
_CHUNK_DATA = 3
_CHUNK_END = 4
_TRAILERS = 5
_UNTIL_CLOSE = 6
_HEADS = 7
_FAILED = 8


_COMPILED = not __file__.endswith(".py")

def _scannable(data: bytes) -> bytes:
    """Scans stop at the NUL that C keeps behind every bytes object; interpreted, add one."""
    return data if _COMPILED else data + b"\0\0"


def _table(accepted: bytes) -> bytes:
    return bytes(1 if byte in accepted else 0 for byte in range(256))


_TOKEN = _table(
    b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)
"""RFC 9110 §5.6.2 tchar."""
_VALUE = _table(bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100)) + b"\t")
"""RFC 9110 §5.5 field-value bytes: HTAB, SP, VCHAR and obs-text."""
_TARGET = _table(bytes(range(0x21, 0x7F)) + bytes(range(0x80, 0x100)))
"""What a request target may hold; like nginx we let obs-text pass."""
_HOST = _table(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:[]%"
)
"""RFC 3986 §3.2.2 host with port; no userinfo."""

_MAX_CHUNK_LINE = MAX_CHUNK_LINE
_MAX_TRAILER_BYTES = MAX_TRAILER_BYTES
_MAX_CONNECTION_OPTIONS = MAX_CONNECTION_OPTIONS


class MessageReader:
    """Reads the messages that one peer sends on one connection."""

    is_request: bool
    max_head: int
    max_headers: int
    max_body: int
    buffer: bytes
    position: int
    request: "RequestHead"  # each is None until HEAD
    response: "ResponseHead"
    data: bytes
    trailers: "Head | None"
    complete: bool
    tunnel: bool
    keep_alive: bool
    upgrade: bool
    expect_continue: bool
    upgrade_to: bytes | None
    h2c_settings: bytes | None
    error: str
    error_status: int
    _state: int
    _retry_at: int
    _in_trailers: bool
    _no_body: bool
    _connect: bool
    _chunked: bool
    _close: bool
    _keep: bool
    _te_trailers: bool
    _length: int
    _left: int
    _body_read: int
    _encodings: int
    _hosts: int
    _blank: int
    _named: list[bytes] | None

    def __init__(
        self, is_request: bool, max_head: int = 8192, max_headers: int = 100, max_body: int = 0
    ) -> None:
        """Limits are bytes of a whole head, its number of lines, bytes of a body (0: any)."""
        self.enter(is_request, max_head, max_headers, max_body)

    def enter(self, is_request: bool, max_head: int, max_headers: int, max_body: int) -> None:
        """What ``__init__`` does, for those who do it for each client."""
        self.is_request = is_request
        self.max_head = max_head
        self.max_headers = max_headers
        self.max_body = max_body
        self.buffer = b""
        self.position = 0
        self.request = None  # type: ignore[assignment]  # as declared
        self.response = None  # type: ignore[assignment]  # as declared
        self.data = b""
        self.trailers = None
        self.complete = False
        self.tunnel = False
        self.keep_alive = True
        self.upgrade = False
        self.upgrade_to = None
        self.h2c_settings = None
        self.expect_continue = False
        self._te_trailers = False
        self.error = ""
        self.error_status = 0
        self._state = _HEADS
        self._retry_at = 0
        self._blank = 0
        self._in_trailers = False
        self._no_body = False
        self._connect = False
        self._left = 0
        self._body_read = 0

    def feed(self, data: bytes) -> None:
        """Take bytes that arrived."""
        if self.position >= len(self.buffer):
            self.buffer = data
            self.position = 0
        else:
            self.buffer = self.buffer[self.position :] + data
            self._retry_at -= self.position
            self.position = 0
        if self._retry_at < 0:
            self._retry_at = 0

    def pending(self) -> int:
        """Return how many bytes were fed and not yet consumed."""
        return len(self.buffer) - self.position

    def unread(self) -> int:
        """Return how much of a body of known size has not been fed yet; 0 when that is not so."""
        if self._state != _SIZED or self.position < len(self.buffer):
            return 0
        return self._left

    def skip(self, count: int) -> None:
        """Take ``count`` bytes of the ``unread`` for read: they went past this reader."""
        self._left -= count
        if self._left == 0:
            self.complete = True
            self._state = _HEADS

    def forget(self) -> None:
        """Hold nothing of the messages that are complete: an idle connection needs none."""
        if self.position >= len(self.buffer):
            self.buffer = b""
            self.position = 0
        self.request = None  # type: ignore[assignment]  # as declared
        self.response = None  # type: ignore[assignment]  # as declared
        self.data = b""
        self.trailers = None

    def take_rest(self) -> bytes:
        """Return what is left and stop parsing: the connection becomes a tunnel."""
        rest = self.buffer[self.position :]
        self.buffer = b""
        self.position = 0
        return rest

    def expect_response(self, method: bytes) -> None:
        """Responses only: the reply that comes next answers a request with ``method``."""
        self._no_body = method is _HEAD_METHOD or method == b"HEAD"
        self._connect = method == b"CONNECT"
        self.complete = False

    def next(self) -> int:
        """Return the next event; the attributes it names are valid until the next call."""
        state = self._state
        if state == _HEADS:
            return self._read_head()
        if state == _SIZED:
            return self._read_sized()
        if state == _UNTIL_CLOSE:
            return self._read_rest()
        if state == _FAILED:
            return _ERROR
        return self._read_chunked()

    def finish(self) -> int:
        """The peer will send no more: END when that ends the body, ERROR when it cuts it."""
        if self._state == _UNTIL_CLOSE:
            self._state = _HEADS
            self.complete = True
            self.trailers = None
            return _END
        if self._state == _FAILED:
            return _ERROR
        if self._state == _HEADS and self.position >= len(self.buffer):
            return _NEED_DATA
        return self._fail(400, "the message was cut short")

    # -- heads ------------------------------------------------------------------------------

    def _read_head(self) -> int:
        data = self.buffer
        size = len(data)
        if self.position >= size:
            return _NEED_DATA
        if self._retry_at > 0 and size - self.position < self.max_head:
            if data.find(b"\n", self._retry_at) < 0:
                self._retry_at = size
                return _NEED_DATA
        if self.is_request:
            if data[self.position] == 13 and self._skip_blank_lines():
                return _NEED_DATA
            at = self._request_line(self.position)
        else:
            at = self._status_line(self.position)
        if at > 0:
            head: Head = self.request if self.is_request else self.response
            at = self._fields(head, at, self.position + self.max_head)
        if at == 0:
            return self._incomplete_head()
        if at < 0:
            return _ERROR
        if self.is_request:
            return self._request_framing(at)
        return self._response_framing(at)

    def _skip_blank_lines(self) -> bool:
        """Skip a few empty lines; True when what follows has not arrived."""
        raw = self.buffer
        size = len(self.buffer)
        while self._blank < MAX_LEADING_BLANK and raw[self.position] == 13:
            if self.position + 1 >= size:
                return True
            if raw[self.position + 1] != 10:
                return False
            self.position += 2
            self._blank += 2
            if self.position >= size:
                return True
        return False

    def _incomplete_head(self) -> int:
        """Nothing can be said before more arrives, unless a limit is passed already."""
        size = len(self.buffer) - self.position
        if size >= self.max_head:
            line_end = self.buffer.find(b"\n", self.position)
            if self.is_request and line_end < 0:
                return self._fail(414, "the request line is too long")
            return self._fail(431, "the head is too large")
        # Parsing starts over at the next line end: a peer that sends byte by byte must not
        # make us read its head again for each byte.  (Errors of a line are so found at its end.)
        self._retry_at = len(self.buffer)
        if self.is_request:
            line_end = self.buffer.find(b"\n", self.position)
            if line_end < 0 and size > MAX_REQUEST_LINE_SHARE:
                return self._fail(414, "the request line is too long")
        return _NEED_DATA

    def _request_line(self, at: int) -> int:
        """Parse ``method SP target SP HTTP/1.x CRLF``: where the fields begin, 0 or -1."""
        scannable = _scannable(self.buffer)
        raw = scannable
        data = self.buffer
        token = _TOKEN
        allowed = _TARGET
        start = at
        while token[raw[at]]:
            at += 1
        method_end = at
        if raw[at] != 32 or at == start:
            if at == start and len(data) > at and raw[at] == 0x16:
                return self._fail(400, "a TLS handshake arrived on a port for plain text")
            return self._stopped_at(at, "the method is malformed")
        at += 1
        target = at
        while allowed[raw[at]]:
            at += 1
        target_end = at
        if raw[at] != 32 or at == target:
            return self._stopped_at(at, "the request target is malformed")
        at += 1
        if len(data) - at < 10:
            if data.find(b"\n", at) < 0:
                return 0
            return self._version_error(data[at:])
        if (
            raw[at] != 72
            or raw[at + 1] != 84
            or raw[at + 2] != 84
            or raw[at + 3] != 80
            or raw[at + 4] != 47
            or raw[at + 5] != 49
            or raw[at + 6] != 46
            or raw[at + 7] < 48
            or raw[at + 7] > 57
            or raw[at + 8] != 13
            or raw[at + 9] != 10
        ):
            return self._version_error(data[at : at + 10])
        if at + 10 - start > self.max_head:
            return self._fail(414, "the request line is too long")
        head = RequestHead.__new__(RequestHead)
        head.raw = data
        head.start = start
        head.fields = at + 10
        head.content_length = -1
        head.cut_end = 0
        head.cuts = None
        head.never = None
        head.added = None
        head.upgrade = None
        head.minor = 0 if raw[at + 7] == 48 else 1
        if raw[at + 7] > 49:
            head.start = -1
        if (
            method_end - start == 3
            and raw[start] == 71
            and raw[start + 1] == 69
            and raw[start + 2] == 84
        ):
            head.method = _GET
        else:
            head.method = raw[start:method_end]
        head.target = raw[target:target_end]
        head.authority = b""
        head.scheme = _HTTP
        head.te_trailers = False
        head.timeouts = False
        self.request = head
        return at + 10

    def _version_error(self, text: bytes) -> int:
        line = text.partition(b"\n")[0]
        if line[:5] == b"HTTP/" and len(line) > 6 and line[:7] not in (b"HTTP/1.", b"HTTP/1\r"):
            return self._fail(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")
        return self._fail(400, "the request line is malformed")

    def _status_line(self, at: int) -> int:
        """Parse ``HTTP/1.x SP 3DIGIT [SP reason] CRLF``: where the fields begin, 0 or -1."""
        scannable = _scannable(self.buffer)
        raw = scannable
        data = self.buffer
        value = _VALUE
        start = at
        if len(data) - at < 13:
            if data[at : at + 7] == b"HTTP/1."[: len(data) - at]:
                if data.find(b"\n", at) < 0:
                    return 0
            return self._fail(502, "the status line is malformed")
        if (
            raw[at] != 72
            or raw[at + 1] != 84
            or raw[at + 2] != 84
            or raw[at + 3] != 80
            or raw[at + 4] != 47
            or raw[at + 5] != 49
            or raw[at + 6] != 46
            or raw[at + 7] < 48
            or raw[at + 7] > 57
            or raw[at + 8] != 32
            or raw[at + 9] < 49
            or raw[at + 9] > 57
            or raw[at + 10] < 48
            or raw[at + 10] > 57
            or raw[at + 11] < 48
            or raw[at + 11] > 57
        ):
            return self._fail(502, "the status line is malformed")
        head = ResponseHead.__new__(ResponseHead)
        head.raw = data
        head.start = start
        head.content_length = -1
        head.cut_end = 0
        head.cuts = None
        head.never = None
        head.added = None
        head.upgrade = None
        head.minor = 0 if raw[at + 7] == 48 else 1
        if raw[at + 7] > 49 or raw[at + 12] != 32:
            # A later version, or no space behind the status: the line is written anew.
            head.start = -1
        head.status = (raw[at + 9] - 48) * 100 + (raw[at + 10] - 48) * 10 + raw[at + 11] - 48
        at += 12
        reason = at
        if raw[at] == 32:
            at += 1
            reason = at
            while value[raw[at]]:
                at += 1
        if at >= len(data) or (raw[at] == 13 and at + 1 >= len(data)):
            return 0
        if raw[at] != 13 or raw[at + 1] != 10:
            return self._fail(502, "the status line is malformed")
        if head.status == 200:
            head.reason = _OK
        else:
            head.reason = raw[reason:at]
        head.fields = at + 2
        self.response = head
        return at + 2

    def _fields(self, head: Head, at: int, limit: int) -> int:
        """Check the header lines and note what frames the message.

        Returns where the body begins, 0 when the head is incomplete, -1 after an error.
        """
        scannable = _scannable(self.buffer)
        raw = scannable
        size = len(self.buffer)
        token = _TOKEN
        allowed = _VALUE
        special = _SPECIAL
        count = 0
        self._length = -1
        self._chunked = False
        self.keep_alive = True
        self.upgrade = False
        self.upgrade_to = None
        self.expect_continue = False
        self._te_trailers = False
        self._close = False
        self._keep = False
        self._encodings = 0
        self._hosts = 0
        self._named = None
        while True:
            start = at
            while token[raw[at]]:
                at += 1
            name_size = at - start
            if raw[at] != 58 or name_size == 0:
                if name_size == 0 and raw[at] == 13:
                    break
                return self._stopped_at(at, "a header line is malformed")
            at += 1
            while raw[at] == 32 or raw[at] == 9:
                at += 1
            value = at
            # Most of a head is values: four bytes a round.
            while (
                allowed[raw[at]]
                and allowed[raw[at + 1]]
                and allowed[raw[at + 2]]
                and allowed[raw[at + 3]]
            ):
                at += 4
            while allowed[raw[at]]:
                at += 1
            if raw[at] != 13 or raw[at + 1] != 10:
                if raw[at] == 13 and at + 1 >= size:
                    return 0
                return self._stopped_at(at, "a header value is malformed")
            at += 2
            count += 1
            if at > limit or count > self.max_headers:
                return self._fail(431, "the head is too large")
            if name_size < 32:
                kind = special[name_size * 32 + (raw[start] & 31)]
                if kind and not self._in_trailers:
                    if self._special(head, kind, start, name_size, value, at) < 0:
                        return -1
        if at + 1 >= size:
            return 0
        if raw[at + 1] != 10:
            return self._fail(self._bad(), "a header line is malformed")
        if at + 2 > limit:
            return self._fail(431, "the head is too large")
        head.end = at
        return at + 2

    def _special(
        self, head: Head, kind: int, start: int, size: int, value: int, following: int
    ) -> int:
        """Note a line that frames the message or is meant for this hop only (RFC 9110 §7.6.1).

        ``kind`` is what its name is if the rest of it fits as well.
        """
        raw = self.buffer
        name = _SPECIAL_NAMES[kind]
        if not _name_is(raw, start, name, size):
            return 0
        end = following - 2
        while end > value and (raw[end - 1] == 32 or raw[end - 1] == 9):
            end -= 1
        if kind == _CONTENT_LENGTH:
            return self._content_length(value, end)
        if kind > _CONTENT_LENGTH:
            return self._special_request(head, kind, value, end)
        head.cut(start, following)
        if kind == _CONNECTION:
            if end - value == 10 and _name_is(raw, value, _KEEP_ALIVE_OPTION, 10):
                self._keep = True
                return 0
            if end - value == 5 and _name_is(raw, value, _CLOSE_OPTION, 5):
                self._close = True
                return 0
            return self._connection(raw[value:end])
        if kind == _TRANSFER_ENCODING:
            return self._transfer_encoding(raw[value:end])
        if kind == _TE:
            self._te(raw[value:end])
        elif kind == _UPGRADE:
            self._upgrade(raw[value:end])
        return 0

    def _special_request(self, head: Head, kind: int, value: int, end: int) -> int:
        """Note a line that matters in requests only."""
        if not self.is_request:
            return 0
        raw = self.buffer
        request: RequestHead = head  # type: ignore[assignment]  # it is one here
        if kind == _HOST_NAME:
            return self._host(request, value, end)
        if kind == _EXPECT:
            return self._expect(raw[value:end])
        # x-mosn-try-timeout and the others: looked up only when announced here.
        request.timeouts = True
        return 0

    def _host(self, request: RequestHead, value: int, end: int) -> int:
        raw = self.buffer
        allowed = _HOST
        self._hosts += 1
        if self._hosts > 1:
            return self._fail(400, "there is more than one Host")
        at = value
        while at < end:
            if not allowed[raw[at]]:
                return self._fail(400, "the Host is malformed")
            at += 1
        request.authority = raw[value:end]
        return 0

    def _content_length(self, value: int, end: int) -> int:
        raw = self.buffer
        length = 0
        if end == value or end - value > 18:
            return self._fail(self._bad(), "the Content-Length is malformed")
        if self._length >= 0:
            return self._fail(self._bad(), "there is more than one Content-Length")
        while value < end:
            digit = raw[value] - 48
            if digit < 0 or digit > 9:
                return self._fail(self._bad(), "the Content-Length is malformed")
            length = length * 10 + digit
            value += 1
        self._length = length
        return 0

    def _transfer_encoding(self, value: bytes) -> int:
        self._encodings += 1
        if self._encodings == 1 and value.lower() == b"chunked":
            self._chunked = True
            return 0
        codings = [coding.strip(b" \t").lower() for coding in value.split(b",")]
        if self.is_request and self._encodings == 1 and codings[-1] == b"chunked":
            if b"chunked" not in codings[:-1]:
                return self._fail(501, "the transfer coding is not supported")
        return self._fail(self._bad(), "the Transfer-Encoding is malformed")

    def _connection(self, value: bytes) -> int:
        for item in value.split(b","):
            option = item.strip(b" \t").lower()
            if option == b"close":
                self._close = True
            elif option == b"keep-alive":
                self._keep = True
            elif option == b"upgrade":
                self.upgrade = True
            elif option:
                if self._named is None:
                    self._named = []
                elif len(self._named) >= _MAX_CONNECTION_OPTIONS:
                    return self._fail(self._bad(), "there are too many connection options")
                self._named.append(option)
        return 0

    def _upgrade(self, value: bytes) -> None:
        if value:
            earlier = self.upgrade_to
            self.upgrade_to = value if earlier is None else earlier + b", " + value

    def _te(self, value: bytes) -> None:
        for item in value.lower().split(b","):
            if item.partition(b";")[0].strip(b" \t") == b"trailers":
                self._te_trailers = True

    def _expect(self, value: bytes) -> int:
        if value.lower() != b"100-continue":
            return self._fail(417, "only 100-continue can be expected")
        self.expect_continue = True
        return 0

    # -- framing (RFC 9112 §6) -----------------------------------------------------------------

    def _request_framing(self, body: int) -> int:
        head = self.request
        if self._settle_connection(head) < 0 or self._check_target(head) < 0:
            return _ERROR
        head.te_trailers = self._te_trailers
        if self._chunked:
            if self._length >= 0:
                return self._fail(400, "both Content-Length and Transfer-Encoding are given")
            if head.minor == 0:
                return self._fail(400, "HTTP/1.0 has no Transfer-Encoding")
        elif self.max_body and self._length > self.max_body:
            return self._fail(413, "the body is too large")
        if self._connect and (self._chunked or self._length > 0):
            # Some parsers take what follows the head of a CONNECT for the tunnel already.
            return self._fail(400, "CONNECT has no body")
        if head.minor == 0:
            self.expect_continue = False
        if head.upgrade is not None and (self._length > 0 or self._chunked):
            # The same goes for an upgrade, which may be ignored.
            head.upgrade = None
        return self._begin_body(head, body, self._length > 0 or self._chunked)

    def _response_framing(self, body: int) -> int:
        head = self.response
        status = head.status
        if self._settle_connection(head) < 0:
            return _ERROR
        if self._chunked:
            if self._length >= 0:
                return self._fail(502, "both Content-Length and Transfer-Encoding are given")
            if head.minor == 0:
                self.keep_alive = False
        elif self._length >= 0:
            if status < 200 or status == 204 or (self._connect and status < 300):
                # RFC 9110 §8.6 forbids it there, and some parsers believe it.
                head.remove(_SPECIAL_NAMES[_CONTENT_LENGTH])
                self._length = -1
        if status < 200 and status != 101:
            self.position = body
            self.complete = False
            self._retry_at = 0
            return _HEAD
        if status == 101 or (self._connect and 200 <= status < 300):
            # What follows belongs to another protocol.
            self.position = body
            self.complete = False
            self.tunnel = True
            self._retry_at = 0
            return _HEAD
        if self._no_body or status in (204, 304):
            if not self._chunked:
                head.content_length = self._length
            return self._begin_body(head, body, False)
        if self._chunked or self._length >= 0:
            return self._begin_body(head, body, self._length != 0)
        self.keep_alive = False
        self.position = body
        self.complete = False
        self._state = _UNTIL_CLOSE
        return _HEAD

    def _begin_body(self, head: Head, body: int, has_body: bool) -> int:
        self.position = body
        self._retry_at = 0
        self._blank = 0
        self._body_read = 0
        self.complete = not has_body
        if not has_body:
            if self.is_request or not self._no_body:
                head.content_length = self._length
            return _HEAD
        if self._chunked:
            self._state = _CHUNK_SIZE
        else:
            head.content_length = self._length
            self._left = self._length
            self._state = _SIZED
        return _HEAD

    def _settle_connection(self, head: Head) -> int:
        """Apply the Connection options: persistence, and the fields they name."""
        if self._close:  # noqa: SIM114 -- two rules, not one
            self.keep_alive = False
        elif head.minor == 0 and not self._keep:
            self.keep_alive = False
        if self.upgrade_to is not None and self.is_request:
            self._offer_h2c(head)
        if self._named is not None:
            for name in self._named:
                if name in _NEVER_HOP_BY_HOP:
                    # An attacker names end-to-end fields here to have them removed.
                    continue
                head.remove(name)
        if self.upgrade and self.upgrade_to is not None and head.minor:
            # Behind an upgrade to h2c, requests would pass that no route has seen.
            if not self.is_request or b"h2c" not in self.upgrade_to.lower():
                head.upgrade = self.upgrade_to
        return 0

    def _offer_h2c(self, head: Head) -> None:
        """Note an offer to go on with HTTP/2 (RFC 7540 §3.2): one ``HTTP2-Settings``, named in
        Connection."""
        named = self._named
        if head.minor and self.upgrade_to == b"h2c" and named is not None:
            if self.upgrade and b"http2-settings" in named:
                settings = head.get_all(b"http2-settings")
                if len(settings) == 1:
                    self.h2c_settings = settings[0]

    def _check_target(self, head: Head) -> int:
        request: RequestHead = head  # type: ignore[assignment]  # only requests have a target
        target = request.target
        if self._hosts == 0 and request.minor == 1:
            return self._fail(400, "there is no Host")
        first = target[0]
        self._connect = request.method == b"CONNECT"
        if self._connect:
            return self._authority_form(request, target)
        if first == 47:
            return 0
        if first == 42 and len(target) == 1 and request.method == b"OPTIONS":
            return 0
        return self._absolute_form(request, target)

    def _authority_form(self, request: RequestHead, target: bytes) -> int:
        host, separator, port = target.rpartition(b":")
        if not separator or not host or not port.isdigit() or not _all_in(target, _HOST):
            return self._fail(400, "CONNECT needs host:port")
        if request.authority != target:
            request.authority = target
            request.set(b"Host", target)
        return 0

    def _absolute_form(self, request: RequestHead, target: bytes) -> int:
        """``http://host/path``: the target's host replaces Host (RFC 9112 §3.2.2)."""
        scheme, separator, rest = target.partition(b"://")
        scheme = scheme.lower()
        if not separator or scheme not in (b"http", b"https"):
            return self._fail(400, "the request target is malformed")
        end = len(rest)
        for mark in (b"/", b"?"):
            at = rest.find(mark)
            if 0 <= at < end:
                end = at
        authority = rest[:end]
        if not authority or not _all_in(authority, _HOST):
            return self._fail(400, "the host in the request target is malformed")
        path = rest[end:]
        if path[:1] != b"/":
            path = b"/" + path
        if request.method == b"OPTIONS" and path == b"/" and end == len(rest):
            path = b"*"
        request.target = path
        request.authority = authority
        request.set(b"Host", authority)
        request.start = -1
        return 0

    # -- bodies -----------------------------------------------------------------------------

    def _read_sized(self) -> int:
        available = len(self.buffer) - self.position
        if available == 0:
            return _NEED_DATA
        if available > self._left:
            available = self._left
        self.data = self._take(available)
        self._left -= available
        if self._left == 0:
            self.complete = True
            self._state = _HEADS
        return _DATA

    def _read_rest(self) -> int:
        available = len(self.buffer) - self.position
        if available == 0:
            return _NEED_DATA
        self.data = self._take(available)
        return _DATA

    def _take(self, count: int) -> bytes:
        start = self.position
        self.position = start + count
        if start == 0 and count == len(self.buffer):
            data = self.buffer
        else:
            raw = self.buffer
            data = raw[start : start + count]
        if self.position >= len(self.buffer):
            self.buffer = b""
            self.position = 0
        return data

    def _read_chunked(self) -> int:
        """Take every chunk that has arrived; several become one DATA event."""
        pieces = None
        first = None
        while True:
            if self._state == _CHUNK_SIZE:
                found = self._chunk_size()
            elif self._state == _CHUNK_DATA:
                available = len(self.buffer) - self.position
                if available > self._left:
                    available = self._left
                if available > 0:
                    piece = self._take(available)
                    self._left -= available
                    if first is None:
                        first = piece
                    else:
                        if pieces is None:
                            pieces = [first]
                        pieces.append(piece)
                if self._left == 0:
                    self._state = _CHUNK_END
                    continue
                found = _NEED_DATA
            elif self._state == _CHUNK_END:
                found = self._chunk_end()
            elif first is not None:
                break
            else:
                return self._read_trailers()
            if found == _ERROR or found == _NEED_DATA:
                # What came before an error is delivered; the next call reports the error.
                break
        if first is None:
            return found
        self.data = first if pieces is None else b"".join(pieces)
        return _DATA

    def _chunk_size(self) -> int:
        """Parse ``1*HEXDIG [chunk-ext] CRLF``; 1 when the state moved on."""
        scannable = _scannable(self.buffer)
        raw = scannable
        size = len(self.buffer)
        at = self.position
        length = 0
        digits = 0
        allowed = _VALUE
        hexadecimal = _HEX
        while at < size:
            digit = hexadecimal[raw[at]]
            if digit == 255:
                break
            length = length * 16 + digit
            digits += 1
            at += 1
            if digits > MAX_CHUNK_DIGITS:
                return self._fail(self._bad(), "a chunk size is malformed")
        if at < size and digits == 0:
            return self._fail(self._bad(), "a chunk size is malformed")
        if at < size and raw[at] == 59:
            while allowed[raw[at]]:
                at += 1
        if at - self.position > _MAX_CHUNK_LINE:
            return self._fail(self._bad(), "a chunk extension is too long")
        if at >= size or (raw[at] == 13 and at + 1 >= size):
            return _NEED_DATA
        if raw[at] != 13 or raw[at + 1] != 10:
            return self._fail(self._bad(), "a chunk size is malformed")
        self._body_read += length
        if self.max_body and self._body_read > self.max_body:
            return self._fail(413, "the body is too large")
        self.position = at + 2
        self._left = length
        self._state = _CHUNK_DATA if length else _TRAILERS
        return 1

    def _chunk_end(self) -> int:
        raw = self.buffer
        available = len(self.buffer) - self.position
        if available > 0 and raw[self.position] != 13:
            return self._fail(self._bad(), "a chunk is longer than its size")
        if available < 2:
            return _NEED_DATA
        if raw[self.position + 1] != 10:
            return self._fail(self._bad(), "a chunk is longer than its size")
        self.position += 2
        self._state = _CHUNK_SIZE
        return 1

    def _read_trailers(self) -> int:
        if self.position >= len(self.buffer):
            return _NEED_DATA
        trailers = Head.__new__(Head)
        trailers.raw = self.buffer
        trailers.fields = self.position
        trailers.content_length = -1
        trailers.cut_end = 0
        trailers.cuts = None
        trailers.never = None
        trailers.added = None
        trailers.upgrade = None
        keep_alive = self.keep_alive
        self._in_trailers = True
        at = self._fields(trailers, self.position, self.position + _MAX_TRAILER_BYTES)
        self._in_trailers = False
        if at >= 0:
            self.keep_alive = keep_alive
        if at < 0:
            return _ERROR
        if at == 0:
            if len(self.buffer) - self.position > _MAX_TRAILER_BYTES:
                return self._fail(431, "the head is too large")
            return _NEED_DATA
        trailers.start = trailers.fields
        for name in _NOT_IN_TRAILERS:
            trailers.remove(name)
        self.trailers = trailers if trailers.end > trailers.fields else None
        self.position = at
        self.complete = True
        self._state = _HEADS
        self._retry_at = 0
        return _END

    # -- errors -----------------------------------------------------------------------------

    def _stopped_at(self, at: int, reason: str) -> int:
        """A scan ended where it should not: 0 at the end of what we have, else an error."""
        if at >= len(self.buffer):
            return 0
        return self._fail(self._bad(), reason)

    def _bad(self) -> int:
        """Errors of an origin are its own: the client sees 502."""
        return 400 if self.is_request else 502

    def _fail(self, status: int, reason: str) -> int:
        self._state = _FAILED
        self.error_status = status if self.is_request else 502
        self.error = reason
        self.keep_alive = False
        return _ERROR


def _all_in(text: bytes, table: bytes) -> bool:
    return all(table[byte] for byte in text)


def _name_is(raw: bytes, at: int, name: bytes, size: int) -> bool:
    """Compare a header name with a lower-case one (tokens only: setting bit 5 lowers)."""
    index = 0
    while index < size:
        if (raw[at + index] | 32) != name[index]:
            return False
        index += 1
    return True


_GET = b"GET"
_HTTP = b"http"
_OK = b"OK"
_HEAD_METHOD = b"HEAD"
_KEEP_ALIVE_OPTION = b"keep-alive"
_CLOSE_OPTION = b"close"
_SPECIAL_NAMES = (
    b"", b"connection", b"transfer-encoding", b"te", b"upgrade", b"keep-alive",
    b"proxy-connection", b"content-length", b"host", b"expect", b"x-mosn-try-timeout",
    b"x-mosn-global-timeout", b"tri-service-timeout",
)  # fmt: skip
"""The names that matter here; those before Content-Length are for one hop only."""
_CONNECTION = 1
_TRANSFER_ENCODING = 2
_TE = 3
_UPGRADE = 4
_CONTENT_LENGTH = 7
_HOST_NAME = 8
_EXPECT = 9


def _special_table() -> bytes:
    """Return the index in ``_SPECIAL_NAMES`` by length and first letter: no two share both."""
    table = bytearray(32 * 32)
    for kind, name in enumerate(_SPECIAL_NAMES):
        if name:
            table[len(name) * 32 + (name[0] & 31)] = kind
    return bytes(table)


_SPECIAL = _special_table()
_HEX = bytes(
    int(chr(byte), 16) if chr(byte) in "0123456789abcdefABCDEF" else 255 for byte in range(256)
)
_NEVER_HOP_BY_HOP = frozenset(
    (b"host", b"content-length", b"content-type", b"authorization", b"cookie", b"set-cookie",
     b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-request-id", b"via",
     b"date", b"location", b"te", b"keep-alive", b"transfer-encoding", b"upgrade", b"trailer",
     b"close")
)
"""Naming these in Connection removes nothing (or they are handled on their own)."""
_NOT_IN_TRAILERS = (b"transfer-encoding", b"connection", b"te", b"trailer", b"upgrade",
                    b"keep-alive", b"expect", b"host", b"content-length", b"content-encoding",
                    b"content-type",
                    b"content-range", b"authorization", b"set-cookie", b"cache-control")
"""Framing, routing and authentication do not belong in trailers (RFC 9110 §6.5.1)."""
