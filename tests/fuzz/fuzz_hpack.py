"""Any header blocks give fields or one error, never an exception or a read outside the buffer, the
same ones from both builds; what another decoder reads, ours reads alike, and so do both again
when our encoder has written it.

An input is a script: octets of control, blocks behind their lengths (see ``_steps``).
"""

import sys
from collections.abc import Iterator

import hpack
from hpack.exceptions import HPACKError

from tests.fuzz.loop import main
from tests.support.builds import HeaderCodec, headers_installed, headers_interpreted
from tests.support.hpack import (
    INDEX,
    NEVER,
    PLAIN,
    block,
    indexed,
    literal,
    pairs,
    size_update,
    string,
)

COMPILED = headers_installed()
INTERPRETED = headers_interpreted()
PAIRS = (
    (b":method", b"GET"), (b":path", b"/index.html"), (b"cookie", b"a=b"), (b"x-a", b"long" * 30),
    (b"content-length", b"5"), (b"te", b"trailers"), (b"accept", b""),
)  # fmt: skip
SIZES = (0, 1, 33, 64, 100, 500, 4096, 8192)
LIMITS = ((65536, 100), (200, 100), (65536, 3))


def script(*steps: bytes | int) -> bytes:
    """Put an input together: blocks, and indices of ``SIZES`` that SETTINGS change to."""
    out = b""
    for step in steps:
        if isinstance(step, int):
            out += bytes([0x80 | step])
        else:
            out += bytes([len(step) >> 8 & 0x7F, len(step) & 255]) + step
    return out


def _coded(name: bytes, value: bytes) -> bytes:
    texts = [COMPILED.huffman.encode(text) for text in (name, value)]
    return b"\x40" + b"".join([string(text, coded=True) for text in texts])


SEEDS = [
    script(block(PAIRS), block(PAIRS, INDEX), block(PAIRS, NEVER)),
    script(block(PAIRS, INDEX), b"".join([indexed(index) for index in range(1, 69)])),
    script(block(PAIRS, INDEX), 3, size_update(64) + literal(62, b"a", INDEX) + indexed(62)),
    script(block(PAIRS, INDEX), 0, 6, size_update(0) + size_update(4096) + block(PAIRS, INDEX)),
    script(b"".join([_coded(name, value) for name, value in PAIRS]), indexed(62) * 20),
    script(literal(b"\xff\x00\r\n", b"\x80", PLAIN), _coded(bytes(range(256)), b"\n\r\x16")),
    script(block([(b"a", b"b" * 4000)] * 3, INDEX), indexed(62) * 40, block(PAIRS, INDEX)),
]


def check(data: bytes) -> None:
    """Raise when the invariant does not hold for ``data``."""
    steps = list(_steps(data))
    for limits in LIMITS:
        whole = _read(COMPILED, steps, limits)
        again = _read(INTERPRETED, steps, limits)
        assert whole == again, (whole, again)
    _compare(steps)
    _write(steps)


def _steps(data: bytes) -> Iterator[bytes | int]:
    """Yield blocks and sizes: an octet with the highest bit is a size, else two are a length."""
    at = 0
    while at + 1 < len(data):
        if data[at] & 0x80:
            yield SIZES[data[at] % len(SIZES)]
            at += 1
        else:
            size = data[at] << 8 | data[at + 1]
            yield data[at + 2 : at + 2 + size]
            at += 2 + size


def _read(headers: HeaderCodec, steps: list[bytes | int], limits: tuple[int, int]) -> list[object]:
    decoder = headers.hpack.HpackDecoder(4096, *limits)
    found: list[object] = []
    for step in steps:
        if isinstance(step, int):
            decoder.set_max_table_size(step)
            continue
        result = decoder.decode(step)
        heads = headers.heads
        whole = (heads.read_request(decoder.fields, True), heads.read_response(decoder.fields))
        found.append(
            (result, pairs(decoder), [field.kind for field in decoder.fields],
             [field.line for field in decoder.fields], decoder.table_size(),
             [None if head is None else head.raw for head in whole])
        )  # fmt: skip
        assert sum(field.size for field in decoder.fields) <= limits[0]
        assert len(decoder.fields) <= limits[1]
        assert decoder.table_size() <= 8192
        if result == headers.hpack.COMPRESSION_ERROR:
            break
    return found


def _compare(steps: list[bytes | int]) -> None:
    """What the other decoder and ours both take for a block says the same."""
    decoder = COMPILED.hpack.HpackDecoder(4096, 1 << 16, 1 << 16)
    peer = hpack.Decoder()
    for step in steps:
        if isinstance(step, int):
            decoder.set_max_table_size(step)
            peer.max_allowed_table_size = step
            continue
        result = decoder.decode(step)
        try:
            theirs = [tuple(pair) for pair in peer.decode(step, raw=True)]
        except HPACKError:
            return
        if result != COMPILED.hpack.OK:
            return
        assert pairs(decoder) == theirs, (pairs(decoder), theirs)


def _write(steps: list[bytes | int]) -> None:
    """Fields that are fine are read again from what our encoder makes of them."""
    source = COMPILED.hpack.HpackDecoder()
    encoder = COMPILED.hpack.HpackEncoder(5000)
    decoder = COMPILED.hpack.HpackDecoder()
    peer = hpack.Decoder()
    for step in steps:
        if isinstance(step, int):
            encoder.peer_table_size(step)
            decoder.set_max_table_size(step)
            peer.max_allowed_table_size = step
            continue
        if source.decode(step) != COMPILED.hpack.OK:
            return
        fine = [field for field in source.fields if field.kind <= COMPILED.fields.COOKIE]
        lines = b"".join([field.line for field in fine])
        expected = [(field.name, field.value) for field in fine if field.name != b"http2-settings"]
        for _ in range(3):
            parts = encoder.begin()
            encoder.encode_lines(lines, parts)
            written = b"".join(parts)
            assert decoder.decode(written) == COMPILED.hpack.OK, written
            assert pairs(decoder) == expected, (pairs(decoder), expected)
            assert [tuple(pair) for pair in peer.decode(written, raw=True)] == expected
            assert encoder.table_size() == decoder.table_size()


if __name__ == "__main__":
    sys.exit(main(check, SEEDS))
