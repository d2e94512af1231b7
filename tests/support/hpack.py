"""Header blocks by hand (RFC 7541 §5 and §6), so that they can be wrong where a test wants it."""

from collections.abc import Sequence
from typing import Any

Pairs = Sequence[tuple[bytes, bytes]]

INDEX = 0x40
PLAIN = 0x00
NEVER = 0x10
PREFIXES = {INDEX: 6, PLAIN: 4, NEVER: 4}


def integer(value: int, prefix: int, flags: int = 0, padding: int = 0) -> bytes:
    """Return an integer; ``padding`` octets more than it needs."""
    mask = (1 << prefix) - 1
    if value < mask and not padding:
        return bytes([flags | value])
    octets = [flags | mask]
    value -= mask
    while value >= 128:
        octets.append(value % 128 | 128)
        value //= 128
    if padding:
        return bytes([*octets, value | 128, *[128] * (padding - 1), 0])
    return bytes([*octets, value])


def string(text: bytes, coded: bool = False) -> bytes:
    """Return a string literal; ``coded``: ``text`` is Huffman code already."""
    return integer(len(text), 7, 128 if coded else 0) + text


def literal(name: bytes | int, value: bytes, form: int = PLAIN) -> bytes:
    """Return a literal field; ``name`` is one, or an index."""
    if isinstance(name, int):
        return integer(name, PREFIXES[form], form) + string(value)
    return integer(0, PREFIXES[form], form) + string(name) + string(value)


def indexed(index: int) -> bytes:
    """Return an indexed field."""
    return integer(index, 7, 128)


def size_update(size: int) -> bytes:
    """Return a dynamic table size update."""
    return integer(size, 5, 32)


def block(pairs: Pairs, form: int = PLAIN) -> bytes:
    """Return literals for all of ``pairs``."""
    return b"".join([literal(name, value, form) for name, value in pairs])


def pairs(decoder: Any) -> list[tuple[bytes, bytes]]:
    """Return what the decoder found."""
    return [(field.name, field.value) for field in decoder.fields]


REQUEST: Pairs = (
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":authority", b"example.com"),
    (b":path", b"/a?b=c"),
    (b"accept", b"*/*"),
)
RESPONSE: Pairs = ((b":status", b"200"), (b"content-type", b"text/plain"))


def without(fields: Pairs, name: bytes) -> Pairs:
    """Return ``fields`` without those called ``name``."""
    return [pair for pair in fields if pair[0] != name]


def instead(fields: Pairs, name: bytes, value: bytes) -> Pairs:
    """Return ``fields`` with another value for ``name``."""
    return [(key, value if key == name else old) for key, old in fields]
