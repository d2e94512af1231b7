"""HPACK, the header compression of HTTP/2 (RFC 7541): header blocks to fields, lines to blocks.

The decoder hands out shared fields: an indexed one costs a few nanoseconds.  The encoder is made
for lines: it remembers how a line went out last time, so one that comes again costs a dictionary
lookup, and it looks for a name only when a line is new.

Limits: everything in a block is bounded by its size, which is the caller's; a list of fields has
``max_list_size`` and ``max_fields``.  Counterparts: ``pymosn.protocol.http2.fields`` and ``heads``.
"""

from typing import Final

from pymosn.protocol.http2.fields import (
    AUTHORITY,
    BAD,
    COOKIE,
    INDEX,
    KNOWN_NAMES,
    LEAVE_OUT,
    METHOD,
    NEVER_INDEX,
    STATIC_FIELDS,
    Field,
    TableEntry,
    kind_of_name,
    kind_of_value,
)
from pymosn.protocol.http2.huffman import decode as decode_huffman
from pymosn.protocol.http2.huffman import decoded_bound, encode, encoded_size
from pymosn.protocol.uri import lowered

OK: Final = 0
TOO_LARGE: Final = 1
"""The list of fields passed a limit; the table is right, and the connection can go on."""
COMPRESSION_ERROR: Final = 2
"""The block is malformed, or its table is not ours: the connection must end."""

DEFAULT_TABLE_SIZE: Final = 4096
"""The size of a table before SETTINGS say otherwise (RFC 9113 §6.5.2)."""
MAX_INTEGER_OCTETS: Final = 4
"""Octets behind the prefix of an integer: values stay below 2^28 + 255 (RFC 7541 §5.1)."""
MAX_SIZE_UPDATES: Final = 2
"""At the start of a block: the smallest size and the last one (RFC 7541 §4.2)."""
MAX_SCRATCH: Final = 512
"""A decoder keeps this much to assemble literals; what a longer one took is freed."""
MAX_REMEMBERED: Final = 64
"""Lines that an encoder remembers beside those in its table."""
MAX_REMEMBERED_BYTES: Final = 4096
MAX_LINE: Final = 1024
"""A longer line is neither remembered nor indexed."""
SHORT_COOKIE: Final = 20
"""Bytes; a shorter cookie could be guessed one by one (RFC 7541 §7.1.3)."""

_OK = OK
_TOO_LARGE = TOO_LARGE
_COMPRESSION_ERROR = COMPRESSION_ERROR
_COOKIE = COOKIE
_METHOD = METHOD
_AUTHORITY = AUTHORITY
_BAD = BAD
_INDEX = INDEX
_NEVER_INDEX = NEVER_INDEX
_LEAVE_OUT = LEAVE_OUT
_MAX_INTEGER_OCTETS = MAX_INTEGER_OCTETS
_MAX_SIZE_UPDATES = MAX_SIZE_UPDATES
_MAX_SCRATCH = MAX_SCRATCH
_MAX_REMEMBERED = MAX_REMEMBERED
_MAX_REMEMBERED_BYTES = MAX_REMEMBERED_BYTES
_MAX_LINE = MAX_LINE
_SHORT_COOKIE = SHORT_COOKIE

_COMPILED = not __file__.endswith(".py")

_STATIC = STATIC_FIELDS
_NAMES = KNOWN_NAMES
_OCTETS = tuple(bytes((octet,)) for octet in range(256))
_INDEXED = tuple(bytes((128 | index,)) for index in range(127))
_LITERAL_NAME = b"\x00"
_NEVER_NAME = b"\x10"
_LITERAL_PATH = b"\x04"
_GET = b"GET"
_POST = b"POST"
_SLASH = b"/"
_HTTPS = b"https"
_TE_LINE = b"te: trailers\r\n"
_TE_LITERAL = b"\x00\x02te\x08trailers"



class DynamicTable:
    """The entries that a connection has seen, newest last (RFC 7541 §2.3.2).

    Those evicted leave a gap at the front of the list, which is closed when it is half of it: so
    an index is a position, and eviction costs the same for each entry.
    """

    entries: "list[TableEntry | None]"
    first: int
    size: int
    limit: int
    inserted: int

    def __init__(self, limit: int) -> None:
        self.entries = []
        self.first = 0
        self.size = 0
        self.limit = limit
        self.inserted = 0

    def insert(self, entry: TableEntry) -> bool:
        """Insert, evicting what is in the way; False when it does not fit into an empty table."""
        self.evict(self.limit - entry.size)
        if entry.size > self.limit:
            return False
        self.entries.append(entry)
        self.size += entry.size
        self.inserted += 1
        return True

    def resize(self, limit: int) -> None:
        """Change the limit, evicting what is beyond it."""
        self.limit = limit
        self.evict(limit)

    def evict(self, limit: int) -> None:
        """Evict the oldest entries until ``limit`` is kept; none stay when it is negative."""
        entries = self.entries
        first = self.first
        while self.size > limit and first < len(entries):
            entry: TableEntry = entries[first]  # type: ignore[assignment]  # None are before first
            self.size -= entry.size
            entries[first] = None
            first += 1
        if first > 16 and first * 2 > len(entries):
            del entries[:first]
            first = 0
        self.first = first


class HpackDecoder:
    """Reads the header blocks of one direction of one connection.

    ``never`` has the names of those among ``fields`` that nobody may index (RFC 7541 §6.2.3).
    """

    fields: "list[Field]"
    never: list[bytes] | None
    max_list_size: int
    max_fields: int
    _table: DynamicTable
    _allowed: int
    _required: int
    _at: int
    _scratch: bytearray

    def __init__(
        self,
        max_table_size: int = DEFAULT_TABLE_SIZE,
        max_list_size: int = 65536,
        max_fields: int = 100,
    ) -> None:
        """``max_table_size`` is what our SETTINGS say; ``max_list_size`` counts as RFC 7541 §4.1.

        A peer may use a table of the default size until it has acknowledged less: a smaller size
        takes effect with ``set_max_table_size``.
        """
        self.fields = []
        self.never = None
        self.max_list_size = max_list_size
        self.max_fields = max_fields
        self._table = DynamicTable(DEFAULT_TABLE_SIZE)
        self._allowed = max(max_table_size, DEFAULT_TABLE_SIZE)
        self._required = -1
        self._at = 0
        self._scratch = bytearray()

    def set_max_table_size(self, size: int) -> None:
        """Our SETTINGS allow ``size``, and the peer has acknowledged that.

        When that is less than it may be using, its next block must begin with a size update.
        """
        self._allowed = size
        if size < self._table.limit and (self._required < 0 or size < self._required):
            self._required = size

    def table_size(self) -> int:
        """Return how much the dynamic table holds (RFC 7541 §4.1)."""
        return self._table.size

    def decode(self, block: bytes) -> int:
        """Decode a whole block to ``fields``: OK, TOO_LARGE or COMPRESSION_ERROR.

        After TOO_LARGE ``fields`` ends where the limit was passed.  After COMPRESSION_ERROR the
        decoder must not be used any more.
        """
        return self.decode_part(block, 0, len(block))

    def decode_part(self, data: bytes, start: int, end: int) -> int:
        """Decode the block ``data[start:end]``; see ``decode``."""
        raw = data
        table = self._table
        entries = table.entries
        static = _STATIC
        fields: list[Field] = []
        self.fields = fields
        self.never = None
        budget = self.max_list_size
        count = self.max_fields
        at = start
        if at < end and (self._required >= 0 or raw[at] & 224 == 32):
            at = self._size_updates(raw, at, end)
            if at < 0:
                return _COMPRESSION_ERROR
        while at < end:
            index = raw[at]
            at += 1
            if index >= 128:
                index &= 127
                if index == 127:
                    self._at = at
                    index = self._integer(raw, end, 127)
                    at = self._at
                if index < 62:
                    if index <= 0:
                        return _COMPRESSION_ERROR
                    field = static[index]
                else:
                    position = len(entries) - index + 61
                    if position < table.first:
                        return _COMPRESSION_ERROR
                    field = entries[position]  # type: ignore[assignment]  # evicted are before first
            else:
                self._at = at - 1
                field = self._literal(raw, end, index)  # type: ignore[assignment]  # told apart below
                if field is None:
                    return _COMPRESSION_ERROR
                at = self._at
            budget -= field.size
            count -= 1
            if budget >= 0 and count >= 0:
                fields.append(field)
        if len(self._scratch) > _MAX_SCRATCH:
            self._scratch = bytearray()
        return _OK if budget >= 0 and count >= 0 else _TOO_LARGE

    def _size_updates(self, raw: bytes, at: int, end: int) -> int:
        """Read the updates that begin a block (RFC 7541 §4.2): where they end, -1 for an error."""
        updates = 0
        while at < end and raw[at] & 224 == 32:
            size = raw[at] & 31
            self._at = at + 1
            if size == 31:
                size = self._integer(raw, end, 31)
            at = self._at
            updates += 1
            if size < 0 or size > self._allowed or updates > _MAX_SIZE_UPDATES:
                return -1
            if size <= self._required:
                self._required = -1
            self._table.resize(size)
        return -1 if self._required >= 0 else at

    def _integer(self, raw: bytes, end: int, value: int) -> int:
        """Read what follows a full prefix, whose value is given; -1 when it is malformed."""
        at = self._at
        last = at + _MAX_INTEGER_OCTETS
        shift = 0
        while at < end and at < last:
            octet = raw[at]
            at += 1
            value += (octet & 127) << shift
            if octet < 128:
                self._at = at
                return value
            shift += 7
        return -1

    def _literal(self, raw: bytes, end: int, first: int) -> "Field | None":
        """Read a literal (RFC 7541 §6.2) whose first octet is given and at ``_at``."""
        if first >= 64:
            mask = 63
        elif first < 32:
            mask = 15
        else:
            return None  # a size update that does not begin the block
        index = first & mask
        self._at += 1
        if index == mask:
            index = self._integer(raw, end, mask)
        if index > 0:
            named = self._named(index)
            if named is None:
                return None
            field = self._with_name(raw, end, named)
        elif index == 0:
            field = self._with_new_name(raw, end)
        else:
            return None
        if field is not None:
            if first >= 64:
                self._table.insert(field)
            elif first >= 16:
                self._guard(field)
        return field

    def _guard(self, field: "Field") -> None:
        """Remember that nobody may index ``field``."""
        if self.never is None:
            self.never = []
        if len(self.never) < self.max_fields:
            self.never.append(field.name)

    def _named(self, index: int) -> "Field | None":
        if index < 62:
            return _STATIC[index]
        table = self._table
        position = len(table.entries) - index + 61
        if position < table.first:
            return None
        found: Field = table.entries[position]  # type: ignore[assignment]  # evicted are before first
        return found

    def _with_name(self, raw: bytes, end: int, named: "Field") -> "Field | None":
        """Read a value; the line is assembled around it."""
        name = named.name
        kind = named.name_kind
        size = len(name)
        if kind < _METHOD or kind == _BAD:
            self._reserve(size + 4)
            out = self._scratch
            text = name
            for index in range(size):
                out[index] = text[index]
            return self._complete(raw, end, name, kind, size)
        start = 6 if kind == _AUTHORITY else 0
        stop = self._string(raw, end, start)
        if stop < 0:
            return None
        out = self._scratch
        field = Field.__new__(Field)
        field.name = name
        field.name_kind = kind
        field.kind = kind_of_value(kind, out, start, stop)
        field.size = size + stop - start + 32
        field.stored = _piece(out, start, stop)
        field.line = b"Host: %b\r\n" % field.stored if kind == _AUTHORITY else b""
        return field

    def _with_new_name(self, raw: bytes, end: int) -> "Field | None":
        size = self._string(raw, end, 0)
        if size < 0:
            return None
        out = self._scratch
        name = _piece(out, 0, size)
        kind = kind_of_name(name)
        if kind >= _METHOD and kind != _BAD:
            # A pseudo-header: rare, as all of them but :protocol are in the static table.
            stop = self._string(raw, end, 0)
            if stop < 0:
                return None
            out = self._scratch
            return Field(name, _piece(out, 0, stop))
        return self._complete(raw, end, name, kind, size)

    def _complete(self, raw: bytes, end: int, name: bytes, kind: int, size: int) -> "Field | None":
        """Read the value of a field whose name is at the start of the scratch."""
        start = size + 2
        stop = self._string(raw, end, start)
        if stop < 0:
            return None
        out = self._scratch
        out[size] = 58
        out[size + 1] = 32
        out[stop] = 13
        out[stop + 1] = 10
        field = Field.__new__(Field)
        field.name = name
        field.name_kind = kind
        field.kind = kind
        if kind != _BAD:
            field.kind = kind_of_value(kind, out, start, stop)
        field.size = stop - 2 + 32
        field.line = _piece(out, 0, stop + 2)
        field.stored = None
        return field

    def _string(self, raw: bytes, end: int, to: int) -> int:
        """Read a string literal to ``_scratch[to:]`` (RFC 7541 §5.2): where it ends there, or -1.

        Two bytes more are free behind it.
        """
        at = self._at
        if at >= end:
            return -1
        first = raw[at]
        size = first & 127
        self._at = at + 1
        if size == 127:
            size = self._integer(raw, end, 127)
        at = self._at
        if size < 0 or size > end - at:
            return -1
        self._at = at + size
        if first >= 128:
            self._reserve(to + decoded_bound(size) + 2)
            out = self._scratch
            return decode_huffman(raw, at, at + size, out, to)
        self._reserve(to + size + 2)
        out = self._scratch
        for index in range(size):
            out[to + index] = raw[at + index]
        return to + size

    def _reserve(self, size: int) -> None:
        """Make the scratch long enough; what is in it stays."""
        missing = size - len(self._scratch)
        if missing > 0:
            self._scratch.extend(bytes(missing + 64))


class Line(TableEntry):
    """How an encoder sends a line that it remembers.

    ``literal`` is for when it is not in the table.  ``number`` says when it was inserted, 0 when
    it is not there; it is so compared with the number of the oldest entry.
    """

    line: bytes
    literal: bytes
    indexable: bool
    number: int


class HpackEncoder:
    """Writes the header blocks of one direction of one connection.

    What it does not index: the path, lengths, cookies that are set.  Never-indexed literals:
    credentials and short cookies (RFC 7541 §7.1.3).  Everything else is indexed when it comes for
    the second time: what differs in every message (ids of requests and traces) would only drive
    out what repeats.  Only insertions are Huffman-coded, which happen once; for the rest the code
    would save a fifth of the bytes and cost both sides more than all else that is done here.
    """

    max_table_size: int
    _table: DynamicTable
    _lines: "dict[bytes, Line]"
    _learned: int
    _learned_bytes: int
    _lowest: int
    _authority: bytes
    _authority_line: "Line | None"
    _te: "Line"  # None until it is needed
    _run: bytes | None
    _run_block: bytes | None

    def __init__(self, max_table_size: int = DEFAULT_TABLE_SIZE) -> None:
        """``max_table_size`` bounds our table whatever the peer allows."""
        self.max_table_size = max_table_size
        self._table = DynamicTable(DEFAULT_TABLE_SIZE)
        self._lines = {}
        self._learned = 0
        self._learned_bytes = 0
        self._lowest = -1
        self._authority = b""
        self._authority_line = None
        self._te = None  # type: ignore[assignment]  # as declared
        self._run = None
        self._run_block = None
        if max_table_size < DEFAULT_TABLE_SIZE:
            self.peer_table_size(DEFAULT_TABLE_SIZE)

    def peer_table_size(self, size: int) -> None:
        """The peer's SETTINGS_HEADER_TABLE_SIZE is ``size``; the next block tells what we use.

        When that changes several times before, it tells the smallest and the last (RFC 7541 §4.2).
        """
        size = min(size, self.max_table_size)
        if size == self._table.limit:
            return
        if self._lowest < 0 or size < self._lowest:
            self._lowest = size
        self._table.resize(size)
        self._run = None

    def table_size(self) -> int:
        """Return how much the dynamic table holds (RFC 7541 §4.1)."""
        return self._table.size

    def begin(self) -> list[bytes]:
        """Return the pieces of a new block; it must be sent before another is begun."""
        parts: list[bytes] = []
        if self._lowest >= 0:
            limit = self._table.limit
            if self._lowest < limit:
                parts.append(_number(self._lowest, 31, 32))
            parts.append(_number(limit, 31, 32))
            self._lowest = -1
        return parts

    def encode_method(self, method: bytes, parts: list[bytes]) -> None:
        """Append ``:method``."""
        if method == _GET:
            parts.append(_INDEXED[2])
        elif method == _POST:
            parts.append(_INDEXED[3])
        else:
            self.encode_line(b":method: %b\r\n" % method, parts)

    def encode_scheme(self, scheme: bytes, parts: list[bytes]) -> None:
        """Append ``:scheme``."""
        parts.append(_INDEXED[7] if scheme == _HTTPS else _INDEXED[6])

    def encode_authority(self, authority: bytes, parts: list[bytes]) -> None:
        """Append ``:authority``."""
        if authority == self._authority and self._authority_line is not None:
            self._append(self._authority_line, parts)
            return
        self._authority = authority
        self._authority_line = self.encode_line(b":authority: %b\r\n" % authority, parts)

    def encode_path(self, path: bytes, parts: list[bytes]) -> None:
        """Append ``:path``."""
        size = len(path)
        if size == 1 and path == _SLASH:
            parts.append(_INDEXED[4])
            return
        parts.append(_LITERAL_PATH)
        parts.append(_OCTETS[size] if size < 127 else _number(size, 127, 0))
        parts.append(path)

    def encode_status(self, status: int, parts: list[bytes]) -> None:
        """Append ``:status``."""
        if status == 200:
            parts.append(_INDEXED[8])
        else:
            self.encode_line(b":status: %d\r\n" % status, parts)

    def encode_te(self, parts: list[bytes]) -> None:
        """Append ``te: trailers``."""
        if self._te is None:
            # Not among the lines: there it would be one that is left out.
            self._te = _line(_TE_LINE, _TE_LITERAL)
            self._te.size = 42
            self._te.indexable = True
            parts.append(_TE_LITERAL)
        else:
            self._append(self._te, parts)

    def encode_lines(self, lines: bytes, parts: list[bytes]) -> None:
        """Append header lines, ``name: value CRLF`` each, without those of HTTP/1's connections.

        Lines that followed each other the last time go out as one piece.
        """
        table = self._table
        known = self._lines
        size = len(lines)
        mark = len(parts)
        again = self._run is not None and lines == self._run
        if again and self._run_block is not None:
            parts.append(self._run_block)
            return
        inserted = table.inserted
        raw = lines
        at = 0
        while at < size:
            start = at
            while raw[at] != 10:
                at += 1
            at += 1
            line = raw[start:at]
            entry = known.get(line)
            if entry is not None:
                self._append(entry, parts)
            elif raw[start] != 58:
                # No line of a head is a pseudo-header.
                self._learn(line, parts)
        if table.inserted != inserted:
            return
        if again:
            self._run_block = b"".join(parts[mark:])
        else:
            self._run = lines
            self._run_block = None

    def encode_guarded(self, lines: bytes, never: list[bytes], parts: list[bytes]) -> None:
        """Append header lines as ``encode_lines`` does; nobody may index those called ``never``."""
        guarded = frozenset(never)
        for line in lines.splitlines(True):
            name, value = _split(line)
            if name in guarded:
                known = _NAMES.find(name)
                if known is None or known.policy != _LEAVE_OUT:
                    self.encode_never(name, value, parts)
            elif line[:1] != b":":
                self.encode_line(line, parts)

    def encode_never(self, name: bytes, value: bytes, parts: list[bytes]) -> None:
        """Append a field that nobody on the way may index (RFC 7541 §6.2.3)."""
        known = _NAMES.find(name)
        if known is None:
            parts.append(_NEVER_NAME + _number(len(name), 127, 0) + name)
        else:
            parts.append(known.never_literal)
        parts.append(_number(len(value), 127, 0))
        parts.append(value)

    def encode_line(self, line: bytes, parts: list[bytes]) -> "Line | None":
        """Append one field, given as a line; pseudo-headers too."""
        entry = self._lines.get(line)
        if entry is None:
            return self._learn(line, parts)
        self._append(entry, parts)
        return entry

    def _append(self, entry: "Line", parts: list[bytes]) -> None:
        table = self._table
        age = table.inserted - entry.number
        if entry.number > 0:
            if age < len(table.entries) - table.first:
                parts.append(_INDEXED[age + 62] if age < 65 else _number(age + 62, 127, 128))
                return
            # It was driven out: it has to come twice again.
            entry.number = 0
        elif entry.indexable and entry.size <= table.limit:
            self._insert(entry, parts)
            return
        parts.append(entry.literal)

    def _insert(self, entry: "Line", parts: list[bytes]) -> None:
        """Append a literal with incremental indexing (RFC 7541 §6.2.1)."""
        name, value = _split(entry.line)
        known = _NAMES.find(name)
        index = 0 if known is None else known.index
        parts.append(_number(index, 63, 64))
        if index == 0:
            parts.append(_coded(name))
        parts.append(_coded(value))
        self._table.insert(entry)
        entry.number = self._table.inserted
        self._run = None

    def _learn(self, line: bytes, parts: list[bytes]) -> "Line | None":
        """Append a line that is not remembered; returns what is remembered of it now."""
        name, value = _split(line)
        policy = _INDEX
        known = _NAMES.find(name)
        if known is None:
            beginning = _LITERAL_NAME + _number(len(name), 127, 0) + name
        else:
            for position in range(len(known.values)):
                static = known.values[position]
                if static == value:
                    return self._remember(line, _INDEXED[known.index + position], parts)
            policy = known.policy
            if policy == _LEAVE_OUT:
                return self._remember(line, b"", parts)
            beginning = known.literal
            if known.kind == _COOKIE and len(value) < _SHORT_COOKIE:
                policy = _NEVER_INDEX
            if policy == _NEVER_INDEX:
                beginning = known.never_literal
        size = _number(len(value), 127, 0)
        if policy != _INDEX or len(line) > _MAX_LINE:
            parts.append(beginning)
            parts.append(size)
            parts.append(value)
            return None
        entry = self._remember(line, b"".join((beginning, size, value)), parts)
        entry.indexable = True
        entry.size = len(name) + len(value) + 32
        return entry

    def _remember(self, line: bytes, literal: bytes, parts: list[bytes]) -> "Line":
        entry = _line(line, literal)
        parts.append(literal)
        if len(line) <= _MAX_LINE:
            self._learned += 1
            self._learned_bytes += len(line)
            if self._learned > _MAX_REMEMBERED or self._learned_bytes > _MAX_REMEMBERED_BYTES:
                self._forget()
            self._lines[line] = entry
        return entry

    def _forget(self) -> None:
        """Forget the lines that are not in the table."""
        table = self._table
        self._learned = 0
        self._learned_bytes = 0
        self._lines = {}
        for index in range(table.first, len(table.entries)):
            entry: Line = table.entries[index]  # type: ignore[assignment]  # evicted are before first
            if entry is not self._te:
                self._lines[entry.line] = entry


def _piece(raw: "bytes | bytearray", start: int, end: int) -> bytes:
    """Return ``raw[start:end]``; sliced through a pointer that is a ``bytes`` already."""
    if _COMPILED:
        return raw[start:end]  # type: ignore[return-value]  # as said
    return bytes(raw[start:end])


def _number(value: int, mask: int, flags: int) -> bytes:
    """Return an integer (RFC 7541 §5.1) behind the bits of ``flags``."""
    if value < mask:
        return _OCTETS[flags | value]
    octets = [flags | mask]
    value -= mask
    while value >= 128:
        octets.append(value & 127 | 128)
        value >>= 7
    octets.append(value)
    return bytes(octets)


def _coded(text: bytes) -> bytes:
    """Return a string literal (RFC 7541 §5.2), Huffman-coded when that is shorter."""
    size = encoded_size(text)
    if size < len(text):
        return _number(size, 127, 128) + encode(text)
    return _number(len(text), 127, 0) + text


def _line(line: bytes, literal: bytes) -> Line:
    entry = Line.__new__(Line)
    entry.line = line
    entry.literal = literal
    entry.size = 0
    entry.indexable = False
    entry.number = 0
    return entry


def _split(line: bytes) -> tuple[bytes, bytes]:
    """Return the name in lower case, and the value."""
    raw = line
    end = len(line) - 2
    colon = 1
    while colon < end and raw[colon] != 58:
        colon += 1
    start = colon + 1
    while start < end and (raw[start] == 32 or raw[start] == 9):
        start += 1
    while start < end and (raw[end - 1] == 32 or raw[end - 1] == 9):
        end -= 1
    return lowered(raw[:colon]), raw[start:end]
