"""Hessian 2.0: reading and writing the types that RPC metadata needs, and passing over all others.

A ``HessianReader`` walks over one buffer.  It never builds a value that nobody asked for: ``skip``
steps over any value, objects and class definitions included, without making one.  What is not
Hessian, ends too early or nests too deeply makes it fail: it says so in ``error`` and stays so.

Strings count UTF-16 code units, and Java writes characters beyond the basic plane as two
surrogates of three bytes each; both spellings are read, the latter is written.
"""

import struct
from collections.abc import Iterable
from typing import Any, Final

MAX_DEPTH: Final = 128
"""Values within values; deeper is an attack on our stack."""
MAX_DEFINITIONS: Final = 4096
"""Class definitions in one buffer."""

MAX_VALUES: Final = 1 << 20
"""Values that ``read`` builds of one buffer: a byte of it may become an object of a hundred."""

_MAX_DEPTH = MAX_DEPTH
_MAX_VALUES = MAX_VALUES
_MAX_DEFINITIONS = MAX_DEFINITIONS


class Date(int):
    """Milliseconds since 1970, UTC, that are Hessian's date."""


class Long(int):
    """A number that is written as a long, however small."""


class Typed(list[Any]):
    """A list that is written with the name of its type, as ``[string`` for Java's String[]."""

    type: str

    def __init__(self, type_name: str, values: Iterable[Any]) -> None:
        super().__init__(values)
        self.type = type_name


class HessianReader:
    """Reads ``data[at:end]``; ``at`` moves on."""

    data: bytes
    at: int
    end: int
    error: str
    _classes: list[int] | None
    """How many fields the objects of each class definition have."""
    _names: list[list[str]] | None
    """What they are called; only as long as values are built."""
    _objects: list[Any] | None
    _left: int
    """How many more values may be built."""

    def __init__(self, data: bytes, at: int = 0, end: int = -1) -> None:
        """``end`` -1: all of ``data``."""
        self.enter(data, at, len(data) if end < 0 else end)

    def enter(self, data: bytes, at: int, end: int) -> None:
        """Begin to read ``data[at:end]``."""
        self.data = data
        self.at = at
        self.end = end
        self.error = ""
        self._classes = None
        self._names = None
        self._objects = None

    def read_string(self) -> bytes | None:
        """Return a string as UTF-8; None for null, and after a failure."""
        parts = None
        raw = self.data
        while True:
            if self.at >= self.end:
                self._fail("it ends where a string should be")
                return None
            code = raw[self.at]
            self.at += 1
            last = True
            if code < 32:
                units = code
            elif 0x30 <= code <= 0x33:
                units = (code - 0x30) << 8 | self._byte()
            elif code == 0x53 or code == 0x52:
                units = self._number(2)
                last = code == 0x53
            elif code == 0x4E and parts is None:
                return None
            else:
                self._fail(f"a string begins with {code}")
                return None
            start = self.at
            self._pass_units(units)
            if self.error:
                return None
            piece = raw[start : self.at]
            if last and parts is None:
                return _joined_surrogates(piece)
            if parts is None:
                parts = []
            parts.append(piece)
            if last:
                return _joined_surrogates(b"".join(parts))

    def read(self) -> Any:
        """Return a value: None, bool, int, float, str, bytes, list or dict.

        Dates are ``Date``; an object is a dict with its class name under ``""``.
        """
        if self._objects is None:
            self._objects = []
            self._left = _MAX_VALUES
        return self._value(0)

    def skip(self) -> bool:
        """Step over a value; False after a failure."""
        self._skip(0)
        return not self.error

    def peek(self) -> int:
        """Return the code of the next value, -1 at the end."""
        if self.at >= self.end or self.error:
            return -1
        raw = self.data
        return raw[self.at]

    # -- walking over --------------------------------------------------------------------------

    def _skip(self, depth: int) -> None:
        if depth > _MAX_DEPTH:
            self._fail("it nests too deeply")
        if self.at >= self.end:
            self._fail("it ends where a value should be")
        if self.error:
            return
        raw = self.data
        code = raw[self.at]
        if code < 0x20 or 0x30 <= code <= 0x33 or code == 0x52 or code == 0x53:
            self._skip_string()
            return
        self.at += 1
        if code >= 0x80:
            # int and long in one to three bytes
            if code >= 0xF0 or 0xC0 <= code <= 0xCF:
                self._pass(1)
            elif 0xD0 <= code <= 0xD7:
                self._pass(2)
        elif code < 0x30:
            self._pass(code - 0x20)
        elif code < 0x38:
            self._pass((code - 0x34) << 8 | self._byte())
        elif code < 0x40:
            self._pass(2)
        elif code >= 0x78:
            self._skip_values(code - 0x78, depth)
        elif code >= 0x70:
            self._skip_type()
            self._skip_values(code - 0x70, depth)
        elif code >= 0x60:
            self._skip_object(code - 0x60, depth)
        else:
            self._skip_coded(code, depth)

    def _skip_coded(self, code: int, depth: int) -> None:
        """Step over what has a letter for a code."""
        if code in (0x4E, 0x54, 0x46, 0x5B, 0x5C):  # null, true, false, 0.0, 1.0
            return
        if code == 0x49 or code == 0x59 or code == 0x4B or code == 0x5F:
            self._pass(4)
        elif code == 0x4C or code == 0x44 or code == 0x4A:
            self._pass(8)
        elif code == 0x5D:
            self._pass(1)
        elif code == 0x5E:
            self._pass(2)
        elif code == 0x41 or code == 0x42:
            self._skip_binary(code)
        elif code == 0x51:
            self._integer()
        elif code == 0x43:
            self._define(False)
            self._skip(depth + 1)
        elif code == 0x4F:
            self._skip_object(self._integer(), depth)
        elif code == 0x4D or code == 0x55:
            self._skip_type()
            self._skip_to_end(depth)
        elif code == 0x48 or code == 0x57:
            self._skip_to_end(depth)
        elif code == 0x56:
            self._skip_type()
            self._skip_values(self._integer(), depth)
        elif code == 0x58:
            self._skip_values(self._integer(), depth)
        else:
            self._fail(f"a value begins with {code}")

    def _skip_values(self, count: int, depth: int) -> None:
        if count < 0 or count > self.end - self.at:
            self._fail("it has a wrong length")
        while count > 0 and not self.error:
            self._skip(depth + 1)
            count -= 1

    def _skip_to_end(self, depth: int) -> None:
        """Step over values up to the mark that ends a map or a list."""
        raw = self.data
        while not self.error:
            if self.at < self.end and raw[self.at] == 0x5A:
                self.at += 1
                return
            self._skip(depth + 1)

    def _skip_object(self, number: int, depth: int) -> None:
        classes = self._classes
        if classes is None or number < 0 or number >= len(classes):
            self._fail("an object has no class")
            return
        count = classes[number]
        self._skip_values(count, depth)

    def _skip_type(self) -> None:
        code = self.peek()
        if code < 0x20 or 0x30 <= code <= 0x33 or code == 0x52 or code == 0x53:
            self._skip_string()
        else:
            self._integer()

    def _skip_string(self) -> None:
        while not self.error:
            code = self._byte()
            if code < 0x20:
                self._pass_units(code)
                return
            if 0x30 <= code <= 0x33:
                self._pass_units((code - 0x30) << 8 | self._byte())
                return
            if code != 0x52 and code != 0x53:
                self._fail(f"a string goes on with {code}")
                return
            self._pass_units(self._number(2))
            if code == 0x53:
                return

    def _skip_binary(self, code: int) -> None:
        while not self.error:
            self._pass(self._number(2))
            if code != 0x41:
                return
            code = self._byte()
            if 0x20 <= code <= 0x2F:
                self._pass(code - 0x20)
                return
            if 0x34 <= code <= 0x37:
                self._pass((code - 0x34) << 8 | self._byte())
                return
            if code != 0x41 and code != 0x42:
                self._fail(f"binary data goes on with {code}")

    def _define(self, named: bool) -> None:
        """Take in a class definition; its fields' names only if they are wanted."""
        if self._classes is None or self._names is None:
            self._classes = []
            self._names = []
        if len(self._classes) >= _MAX_DEFINITIONS:
            self._fail("it defines too many classes")
            return
        names = []
        if named:
            names.append(self._name())
        else:
            self._skip_string()
        count = self._integer()
        if count < 0 or count > self.end - self.at:
            self._fail("a class has a wrong number of fields")
            return
        for _ in range(count):
            if self.error:
                return
            if named:
                names.append(self._name())
            else:
                self._skip_string()
        self._classes.append(count)
        self._names.append(names)

    def _name(self) -> str:
        """Read the name of a class or of a field, which is never null."""
        name = self.read_string()
        if name is None:
            self._fail("a name is null")
        return _text(name)

    # -- building values -----------------------------------------------------------------------

    def _value(self, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            self._fail("it nests too deeply")
        self._left -= 1
        if self._left < 0:
            self._fail("it has too many values")
        code = self.peek()
        if code < 0:
            self._fail("it ends where a value should be")
        if self.error:
            return None
        if code < 0x20 or 0x30 <= code <= 0x33 or code == 0x52 or code == 0x53:
            return _text(self.read_string())
        if 0x80 <= code <= 0xD7 or code == 0x49:
            return self._integer()
        self.at += 1
        if code >= 0xD8 or 0x38 <= code <= 0x3F:
            return self._long(code)
        if code < 0x38 or code == 0x41 or code == 0x42:
            return self._binary(code)
        if code >= 0x78:
            return self._list(code - 0x78, depth)
        if code >= 0x70:
            self._type()
            return self._list(code - 0x70, depth)
        if code >= 0x60:
            return self._object(code - 0x60, depth)
        return self._coded(code, depth)

    def _coded(self, code: int, depth: int) -> Any:
        if code == 0x4E:
            return None
        if code == 0x54 or code == 0x46:
            return code == 0x54
        if 0x5B <= code <= 0x5F or code == 0x44:
            return self._double(code)
        if code == 0x59 or code == 0x4C:
            return self._long(code)
        if code == 0x4A:
            return Date(self._signed(8))
        if code == 0x4B:
            return Date(self._signed(4) * 60000)
        if code == 0x51:
            number = self._integer()
            objects: list[Any] = self._objects  # type: ignore[assignment]  # ``read`` made it
            if 0 <= number < len(objects):
                return objects[number]
            self._fail("a reference leads nowhere")
            return None
        if code == 0x43:
            self._define(True)
            return self._value(depth + 1)
        if code == 0x4F:
            return self._object(self._integer(), depth)
        if code == 0x4D or code == 0x48:
            if code == 0x4D:
                self._type()
            return self._map(depth)
        if code == 0x55 or code == 0x57:
            if code == 0x55:
                self._type()
            return self._list(-1, depth)
        if code == 0x56 or code == 0x58:
            if code == 0x56:
                self._type()
            count = self._integer()
            if count < 0:
                self._fail("it has a wrong length")
            return self._list(count, depth)
        self._fail(f"a value begins with {code}")
        return None

    def _list(self, count: int, depth: int) -> list[Any]:
        """``count`` -1: up to the mark that ends it."""
        values: list[Any] = []
        self._objects.append(values)  # type: ignore[union-attr]  # ``read`` made it
        while not self.error and count != 0:
            if count < 0 and self.peek() == 0x5A:
                self.at += 1
                break
            values.append(self._value(depth + 1))
            count -= 1 if count > 0 else 0
        return values

    def _map(self, depth: int) -> dict[Any, Any]:
        values: dict[Any, Any] = {}
        self._objects.append(values)  # type: ignore[union-attr]  # ``read`` made it
        while not self.error:
            if self.peek() == 0x5A:
                self.at += 1
                break
            key = self._value(depth + 1)
            value = self._value(depth + 1)
            if isinstance(key, list | dict):
                self._fail("a key is a list or a map")
            else:
                values[key] = value
        return values

    def _object(self, number: int, depth: int) -> dict[str, Any] | None:
        known = self._names
        if known is None or number < 0 or number >= len(known):
            self._fail("an object has no class")
            return None
        names = known[number]
        values: dict[str, Any] = {"": names[0] if names else ""}
        self._objects.append(values)  # type: ignore[union-attr]  # ``read`` made it
        for name in names[1:]:
            if self.error:
                break
            values[name] = self._value(depth + 1)
        return values

    def _type(self) -> None:
        code = self.peek()
        if code < 0x20 or 0x30 <= code <= 0x33 or code == 0x52 or code == 0x53:
            self.read_string()
        else:
            self._integer()

    def _long(self, code: int) -> int:
        if code == 0x4C:
            return self._signed(8)
        if code == 0x59:
            return self._signed(4)
        if code >= 0xF0:
            return (code - 0xF8) * 256 + self._byte()
        if code >= 0xD8:
            return code - 0xE0
        return (code - 0x3C) * 65536 + self._number(2)

    def _double(self, code: int) -> float:
        if code == 0x5B:
            return 0.0
        if code == 0x5C:
            return 1.0
        if code == 0x5D:
            return float(self._signed(1))
        if code == 0x5E:
            return float(self._signed(2))
        if code == 0x5F:
            return 0.001 * self._signed(4)
        start = self.at
        self._pass(8)
        if self.error:
            return 0.0
        value: float = struct.unpack(">d", self.data[start : start + 8])[0]
        return value

    def _binary(self, code: int) -> bytes:
        parts: list[bytes] = []
        while not self.error:
            last = code != 0x41
            if 0x20 <= code <= 0x2F:
                size = code - 0x20
            elif 0x34 <= code <= 0x37:
                size = (code - 0x34) << 8 | self._byte()
            elif code == 0x41 or code == 0x42:
                size = self._number(2)
            else:
                self._fail(f"binary data goes on with {code}")
                break
            start = self.at
            self._pass(size)
            parts.append(self.data[start : self.at])
            if last:
                break
            code = self._byte()
        return b"".join(parts)

    # -- bytes -----------------------------------------------------------------------------------

    def _integer(self) -> int:
        """Return an int, -1 after a failure; lengths and references are written as ints."""
        code = self._byte()
        if 0x80 <= code <= 0xBF:
            return code - 0x90
        if 0xC0 <= code <= 0xCF:
            return (code - 0xC8) * 256 + self._byte()
        if 0xD0 <= code <= 0xD7:
            return (code - 0xD4) * 65536 + self._number(2)
        if code == 0x49:
            return self._signed(4)
        self._fail(f"an int begins with {code}")
        return -1

    def _byte(self) -> int:
        raw = self.data
        if self.at >= self.end:
            self._fail("it ends too early")
            return 0
        self.at += 1
        return raw[self.at - 1]

    def _number(self, width: int) -> int:
        """Return the unsigned big-endian number of the next ``width`` bytes."""
        start = self.at
        self._pass(width)
        if self.error:
            return 0
        return int.from_bytes(self.data[start : start + width], "big")

    def _signed(self, width: int) -> int:
        """Return the signed big-endian number of the next ``width`` bytes."""
        start = self.at
        self._pass(width)
        if self.error:
            return 0
        return int.from_bytes(self.data[start : start + width], "big", signed=True)

    def _pass(self, count: int) -> None:
        if count > self.end - self.at:
            self._fail("it ends too early")
        else:
            self.at += count

    def _pass_units(self, units: int) -> None:
        """Step over so many UTF-16 code units, written as UTF-8."""
        raw = self.data
        at = self.at
        end = self.end
        while units > 0 and at < end:
            byte = raw[at]
            if byte < 0x80:
                at += 1
            elif byte < 0xC0:
                break
            elif byte < 0xE0:
                at += 2
            elif byte < 0xF0:
                at += 3
            else:
                at += 4
                units -= 1
            units -= 1
        if units != 0 or at > end:
            self._fail("a string is cut short, or no UTF-8")
        else:
            self.at = at

    def _fail(self, why: str) -> None:
        if not self.error:
            self.error = why
            self.at = self.end


def encode(value: object) -> bytes:
    """Return ``value`` in Hessian: None, bool, int, float, str, bytes, list or dict, ``Date``,
    ``Long`` or ``Typed``.

    bytes are binary data; an int that does not fit into 32 bits is a long.  Raises ``ValueError``
    for anything else.
    """
    parts: list[bytes] = []
    _write(value, parts, 0)
    return b"".join(parts)


def encode_string(text: bytes) -> bytes:
    """Return a string in Hessian; what is not UTF-8 is taken for ISO 8859-1."""
    try:
        value = text.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        value = text.decode("latin-1")
    units = _units(value)
    parts: list[bytes] = []
    while units > 32768:
        cut = 32768
        piece = value[:cut]
        while _units(piece) > 32768:
            cut -= 1
            piece = value[:cut]
        count = _units(piece)
        parts.append(b"\x52" + count.to_bytes(2, "big") + _as_surrogates(piece))
        value = value[cut:]
        units -= count
    if units < 32:
        parts.append(bytes((units,)))
    elif units < 1024:
        parts.append(bytes((0x30 + (units >> 8), units & 255)))
    else:
        parts.append(b"\x53" + units.to_bytes(2, "big"))
    parts.append(_as_surrogates(value))
    return b"".join(parts)


def _write(value: object, parts: list[bytes], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError("the value nests too deeply")
    if value is None:
        parts.append(b"N")
    elif isinstance(value, bool):
        parts.append(b"T" if value else b"F")
    elif isinstance(value, int):
        if isinstance(value, Date):
            parts.append(b"J" + _eight_bytes(value))
        elif isinstance(value, Long):
            parts.append(_long_form(value))
        else:
            parts.append(_integer_form(value))
    elif isinstance(value, float):
        parts.append(b"D" + struct.pack(">d", value))
    elif isinstance(value, str):
        parts.append(encode_string(value.encode("utf-8", "surrogatepass")))
    elif isinstance(value, bytes):
        _write_binary(value, parts)
    elif isinstance(value, list | tuple):
        if isinstance(value, Typed):
            parts.append(b"V" + encode_string(value.type.encode()) + _integer_form(len(value)))
        else:
            parts.append(b"\x58" + _integer_form(len(value)))
        for item in value:
            _write(item, parts, depth + 1)
    elif isinstance(value, dict):
        parts.append(b"H")
        for key, item in value.items():
            _write(key, parts, depth + 1)
            _write(item, parts, depth + 1)
        parts.append(b"Z")
    else:
        raise ValueError(f"Hessian cannot say {type(value).__name__}")


def _integer_form(value: int) -> bytes:
    if -16 <= value <= 47:
        return bytes((value + 0x90,))
    if -2048 <= value <= 2047:
        return bytes((0xC8 + (value >> 8), value & 255))
    if -262144 <= value <= 262143:
        return bytes((0xD4 + (value >> 16), value >> 8 & 255, value & 255))
    if -(1 << 31) <= value < 1 << 31:
        return b"I" + (value & 0xFFFFFFFF).to_bytes(4, "big")
    return b"L" + _eight_bytes(value)


def _long_form(value: int) -> bytes:
    if -8 <= value <= 15:
        return bytes((value + 0xE0,))
    if -2048 <= value <= 2047:
        return bytes((0xF8 + (value >> 8), value & 255))
    if -262144 <= value <= 262143:
        return bytes((0x3C + (value >> 16), value >> 8 & 255, value & 255))
    if -(1 << 31) <= value < 1 << 31:
        return b"Y" + (value & 0xFFFFFFFF).to_bytes(4, "big")
    return b"L" + _eight_bytes(value)


def _eight_bytes(value: int) -> bytes:
    if -(1 << 63) <= value < 1 << 63:
        return (value & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "big")
    raise ValueError("a number does not fit into 64 bits")


def _write_binary(value: bytes, parts: list[bytes]) -> None:
    while len(value) > 32768:
        parts.append(b"A\x80\x00" + value[:32768])
        value = value[32768:]
    size = len(value)
    if size < 16:
        parts.append(bytes((0x20 + size,)))
    elif size < 1024:
        parts.append(bytes((0x34 + (size >> 8), size & 255)))
    else:
        parts.append(b"B" + size.to_bytes(2, "big"))
    parts.append(value)


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode("utf-8", "replace")


def _units(value: str) -> int:
    return len(value) if value.isascii() else len(value.encode("utf-16-be", "surrogatepass")) // 2


def _as_surrogates(value: str) -> bytes:
    """Return UTF-8 in which characters beyond the basic plane are two surrogates."""
    if value.isascii():
        return value.encode()
    wide = value.encode("utf-16-be", "surrogatepass")
    units = [chr(int.from_bytes(wide[at : at + 2], "big")) for at in range(0, len(wide), 2)]
    return "".join(units).encode("utf-8", "surrogatepass")


def _joined_surrogates(data: bytes) -> bytes:
    """Return proper UTF-8 for what may have surrogates in it."""
    if b"\xed" not in data:
        return data
    try:
        text = data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data
    return text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace").encode()
