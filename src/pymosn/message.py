"""Heads of requests and responses, in one form for every protocol.

Header lines stay the bytes they came in: ``raw[fields:end]`` is a run of complete
``name: value CRLF`` lines.  What changes is an edit list on top of it: cuts are spans of lines
that are not forwarded, ``added`` are complete new lines.  So a head that nobody touches is
forwarded without looking at it again, and HTTP/2 decodes straight into such lines.

Names are compared without case; lookups take lower-case names.
"""

from pymosn.buffer import OutputQueue


class Head:
    """Header lines with edits.  Base of ``RequestHead``, ``ResponseHead`` and of trailers.

    ``content_length`` is -1 when unknown, else a Content-Length line is among the lines.
    ``upgrade`` is the protocol that a message asks for or switches to, or None.  ``start`` is
    where an unchanged start line begins in ``raw``, -1 when it must be written anew.  The first
    cut is ``raw[cut_start:cut_end]``, ``cut_end`` being 0 when there is none; most heads have
    no other, and ``cuts`` is None then, else it holds the bounds of the others in order.
    ``never`` has the names of what HTTP/2's header compression must not index, None: of nothing.
    """

    raw: bytes
    start: int
    fields: int
    end: int
    cut_start: int
    cut_end: int
    cuts: list[int] | None
    added: list[bytes] | None
    never: list[bytes] | None
    content_length: int
    minor: int
    upgrade: bytes | None

    def __init__(self, raw: bytes = b"", fields: int = 0, end: int = 0) -> None:
        """``raw[fields:end]`` must be complete, checked header lines."""
        self.raw = raw
        self.start = fields
        self.fields = fields
        self.end = end
        self.content_length = -1
        self.minor = 1
        self.cut_start = 0
        self.cut_end = 0
        self.cuts = None
        self.added = None
        self.never = None
        self.upgrade = None

    def get(self, name: bytes) -> bytes | None:
        """Return the value of the first line called ``name`` (lower case), or None."""
        at = self._find(name, self.fields)
        if at >= 0:
            return self._value(at, len(name))
        if self.added is not None:
            for line in self.added:
                if _line_is(line, name):
                    return _trimmed(line, len(name) + 1, len(line) - 2)
        return None

    def get_all(self, name: bytes) -> list[bytes]:
        """Return the values of all lines called ``name`` (lower case), in order."""
        values = []
        at = self._find(name, self.fields)
        while at >= 0:
            values.append(self._value(at, len(name)))
            at = self._find(name, self._next_line(at))
        if self.added is not None:
            for line in self.added:
                if _line_is(line, name):
                    values.append(_trimmed(line, len(name) + 1, len(line) - 2))  # noqa: PERF401 -- a generator would not compile to a loop
        return values

    def items(self) -> list[tuple[bytes, bytes]]:
        """Return every (name, value) in order, names spelled as they came."""
        pairs = []
        for line in self.lines().split(b"\r\n"):
            if line:
                name, _, value = line.partition(b":")
                pairs.append((name, value.strip(b" \t")))
        return pairs

    def remove(self, name: bytes) -> bool:
        """Remove every line called ``name`` (lower case); returns whether there was one."""
        found = False
        at = self._find(name, self.fields)
        while at >= 0:
            following = self._next_line(at)
            self.cut(at, following)
            found = True
            at = self._find(name, following)
        if self.added is not None:
            kept = [line for line in self.added if not _line_is(line, name)]
            found = found or len(kept) != len(self.added)
            self.added = kept
        return found

    def add(self, name: bytes, value: bytes) -> None:
        """Append a line.  ``name`` and ``value`` must be valid (see ``check_field``)."""
        if self.added is None:
            self.added = []
        self.added.append(b"%b: %b\r\n" % (name, value))

    def set(self, name: bytes, value: bytes) -> None:
        """Replace every line called ``name`` by one; ``name`` in any case."""
        self.remove(name.lower())
        self.add(name, value)

    def cut(self, start: int, end: int) -> None:
        """Do not forward ``raw[start:end]``, a whole line."""
        if self.cut_end == 0:
            self.cut_start = start
            self.cut_end = end
        elif start == self.cut_end and self.cuts is None:
            self.cut_end = end
        else:
            self._cut_more(start, end)

    def _cut_more(self, start: int, end: int) -> None:
        if self.cuts is None:
            self.cuts = []
        if start < self.cut_start:
            start, self.cut_start = self.cut_start, start
            end, self.cut_end = self.cut_end, end
        cuts = self.cuts
        position = len(cuts)
        while position > 0 and cuts[position - 2] > start:
            position -= 2
        cuts.insert(position, start)
        cuts.insert(position + 1, end)

    def edited(self) -> bool:
        """Say whether fields were removed or added."""
        return self.cut_end != 0 or bool(self.added)

    def is_rpc(self) -> bool:
        """Say whether this is a frame's head, whose fields are not header lines."""
        return False

    def lines(self) -> bytes:
        """Return the header lines as they are to be forwarded, edits applied."""
        raw = self.raw
        if self.cut_end == 0 and not self.added:
            return raw[self.fields : self.end]
        output = OutputQueue()
        self.write_lines(output, self.fields, self.end)
        return output.joined()

    def write_lines(self, output: OutputQueue, start: int, end: int) -> None:
        """Queue ``raw[start:end]``, edits applied; ``end`` is ``self.end``, or 2 more to take the
        blank line along."""
        position = start
        raw = self.raw
        if self.cut_end:
            output.add_part(raw, position, self.cut_start)
            position = self.cut_end
            if self.cuts is not None:
                index = 0
                while index < len(self.cuts):
                    output.add_part(raw, position, self.cuts[index])
                    position = self.cuts[index + 1]
                    index += 2
        output.add_part(raw, position, end)
        if self.added:
            for line in self.added:
                output.add(line)

    def _find(self, name: bytes, start: int) -> int:
        """Return where the next uncut line called ``name`` begins, at or behind ``start``."""
        raw = self.raw
        size = len(name)
        at = start
        while at < self.end:
            if (
                at + size < self.end
                and raw[at + size] == 58
                and _same(raw, at, name, size)
                and (self.cut_end == 0 or not self._is_cut(at))
            ):
                return at
            at = self._next_line(at)
        return -1

    def _is_cut(self, at: int) -> bool:
        if self.cut_start <= at < self.cut_end:
            return True
        cuts = self.cuts
        if cuts is None:
            return False
        index = 0
        while index < len(cuts):
            if cuts[index] == at:
                return True
            index += 2
        return False

    def _next_line(self, at: int) -> int:
        raw = self.raw
        while raw[at] != 10:
            at += 1
        return at + 1

    def _value(self, at: int, size: int) -> bytes:
        return _trimmed(self.raw, at + size + 1, self._next_line(at) - 2)


class RequestHead(Head):
    """The head of a request.

    ``target`` is what followed the method: path and query for ordinary requests.  ``authority``
    is the host the client asked for (``Host`` or ``:authority``), empty when there was none.
    ``time_limit`` is how many milliseconds the request itself allows; 0 when it says nothing,
    negative for no limit.
    """

    method: bytes
    target: bytes
    authority: bytes
    scheme: bytes
    te_trailers: bool
    timeouts: bool
    expects: bool
    time_limit: int

    def __init__(self, raw: bytes = b"", fields: int = 0, end: int = 0) -> None:
        Head.__init__(self, raw, fields, end)
        self.method = b"GET"
        self.target = b"/"
        self.authority = b""
        self.scheme = b"http"
        self.te_trailers = False
        self.timeouts = False
        self.expects = False
        self.time_limit = 0

    def repeatable(self) -> bool:
        """Say whether a retry policy may send the request again (RFC 9110 §9.2.2)."""
        return is_idempotent(self.method)

    def rpc_service(self) -> bytes | None:
        """Return the service that is called, None where there is no such thing."""
        return None

    def rpc_method(self) -> bytes | None:
        """Return the method of the service."""
        return None

    def frame_id(self) -> int:
        """Return the id of the frame, 0 where there is none."""
        return 0


class ResponseHead(Head):
    """The head of a response."""

    status: int
    reason: bytes

    def __init__(self, status: int = 200, raw: bytes = b"", fields: int = 0, end: int = 0) -> None:
        Head.__init__(self, raw, fields, end)
        self.status = status
        self.reason = b""

    def frame_status(self) -> int:
        """Return the frame's own status, 0 where there is none."""
        return 0


def is_idempotent(method: bytes) -> bool:
    """Say whether a request with ``method`` may be sent twice (RFC 9110 §9.2.2)."""
    return method == b"GET" or method in _IDEMPOTENT


def check_field(name: bytes, value: bytes) -> None:
    """Raise ``ValueError`` unless the pair may be sent as a header line (RFC 9110 §5)."""
    if not name or not set(name) <= _TOKEN_BYTES:
        raise ValueError(f"{name!r} is not a header name")
    if set(value) & _FORBIDDEN_IN_VALUE:
        raise ValueError(f"the value of {name!r} contains a control character")


def _same(raw: bytes, at: int, name: bytes, size: int) -> bool:
    """Compare ``raw[at:at+size]`` with a lower-case name, ignoring case."""
    index = 0
    while index < size:
        byte = raw[at + index]
        if 65 <= byte <= 90:
            byte += 32
        if byte != name[index]:
            return False
        index += 1
    return True


def _trimmed(data: bytes, start: int, end: int) -> bytes:
    """Return ``data[start:end]`` without surrounding spaces and tabs."""
    raw = data
    while start < end and (raw[start] == 32 or raw[start] == 9):
        start += 1
    while start < end and (raw[end - 1] == 32 or raw[end - 1] == 9):
        end -= 1
    return raw[start:end]


def _line_is(line: bytes, name: bytes) -> bool:
    size = len(name)
    return len(line) > size and line[size] == 58 and _same(line, 0, name, size)


CONNECTION_FIELDS = frozenset(
    (
        b"connection", b"content-length", b"expect", b"host", b"http2-settings", b"keep-alive",
        b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade",
    )
)  # fmt: skip
"""Fields of HTTP that belong to one connection or to one message's framing: what another protocol
calls so must not become one of them."""
_IDEMPOTENT = frozenset((b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"TRACE"))
_TOKEN_BYTES = frozenset(
    b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)
_FORBIDDEN_IN_VALUE = frozenset(range(32)) - {9} | {127}
