"""Random conversations with another implementation of HPACK, in both directions.

``PYMOSN_EXAMPLES`` sets how many.
"""

import os

import hpack
from hpack.exceptions import HPACKError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.builds import headers_installed, headers_interpreted
from tests.support.hpack import pairs

BUILDS = (headers_installed(), headers_interpreted())
EXAMPLES = int(os.environ.get("PYMOSN_EXAMPLES", "300"))
MANY = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))

# Few of them, so that they come again; the last ones are large, so that they evict.
NAMES = st.sampled_from(
    [b"accept", b"server", b"x-a", b"x-b", b"set-cookie", b"cookie", b"authorization", b"etag"]
)
VALUES = st.one_of(
    st.sampled_from([b"", b"a", b"text/html", b"v" * 100, b"w" * 900, b"\xe4\xf6 \xfc"]),
    st.binary(max_size=8).map(lambda value: value.translate(None, bytes(range(33)) + b"\x7f")),
)
PAIRS = st.lists(st.tuples(NAMES, VALUES), max_size=12)
SIZES = st.sampled_from([0, 33, 64, 200, 1000, 4096])
TURNS = st.lists(
    st.one_of(PAIRS, st.lists(SIZES, min_size=1, max_size=3)), min_size=1, max_size=20
)


@MANY
@given(TURNS, st.booleans())
def test_they_encode(turns, coded) -> None:
    for headers in BUILDS:
        decoder = headers.hpack.HpackDecoder()
        peer = hpack.Encoder()
        changes: list[int] = []
        for turn in turns:
            if turn and isinstance(turn[0], int):
                # They tell each change: too many, or first one that is not allowed any more.
                size = turn[-1]
                if not changes or (len(changes) == 1 and size > changes[0]):
                    changes.append(size)
                    peer.header_table_size = size
                    decoder.set_max_table_size(size)
                continue
            changes = []
            block = peer.encode(turn, huffman=coded)
            assert decoder.decode(block) == headers.hpack.OK
            assert pairs(decoder) == turn
            assert decoder.table_size() == peer.header_table._current_size


@MANY
@given(TURNS, st.sampled_from([0, 50, 4096, 8192]))
def test_they_decode(turns, most) -> None:
    for headers in BUILDS:
        encoder = headers.hpack.HpackEncoder(most)
        decoder = headers.hpack.HpackDecoder()
        peer = hpack.Decoder()
        for turn in turns:
            if turn and isinstance(turn[0], int):
                for size in turn:
                    encoder.peer_table_size(size)
                    decoder.set_max_table_size(size)
                    peer.max_allowed_table_size = size
                continue
            parts = encoder.begin()
            lines = b"".join([b"%b: %b\r\n" % pair for pair in turn])
            encoder.encode_lines(lines, parts)
            block = b"".join(parts)
            assert [tuple(pair) for pair in peer.decode(block, raw=True)] == turn
            assert decoder.decode(block) == headers.hpack.OK
            assert pairs(decoder) == turn
            assert encoder.table_size() == decoder.table_size() <= most
            assert peer.header_table._current_size == encoder.table_size()


@MANY
@given(
    st.lists(PAIRS, min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0), st.integers(1, 255)), max_size=3),
)
def test_damaged(heads, damage) -> None:
    """Nothing raises, and both builds say the same; where the peer reads it, so do we."""
    encoder = hpack.Encoder()
    blocks = [bytearray(encoder.encode(fields)) for fields in heads]
    for at, bits in damage:
        for block in blocks:
            if block:
                block[at % len(block)] ^= bits
    results = []
    for headers in BUILDS:
        decoder = headers.hpack.HpackDecoder()
        found = []
        for block in blocks:
            result = decoder.decode(bytes(block))
            found.append((result, pairs(decoder) if result == headers.hpack.OK else None))
            if result == headers.hpack.COMPRESSION_ERROR:
                break
        results.append(found)
    assert results[0] == results[1]
    peer = hpack.Decoder()
    for (result, fields), block in zip(results[0], blocks, strict=False):
        try:
            theirs = [tuple(pair) for pair in peer.decode(bytes(block), raw=True)]
        except HPACKError:
            return
        if result == BUILDS[0].hpack.OK:
            assert fields == theirs
        else:
            return
