"""Conversations recorded from fourteen encoders (tests/golden/hpack)."""

import json
from pathlib import Path

import hpack
import pytest

from tests.support.builds import HeaderCodec
from tests.support.hpack import pairs

STORIES = sorted((Path(__file__).parents[3] / "golden" / "hpack").glob("story_*.json"))
LEFT_OUT = (b"host", b"connection", b"keep-alive", b"transfer-encoding", b"upgrade")
CASES = [
    pytest.param(path, encoder, id=f"{path.stem}-{encoder}")
    for path in STORIES
    for encoder in json.loads(path.read_text(encoding="utf-8"))["wires"]
]


def fields_of(path: Path) -> list[list[tuple[bytes, bytes]]]:
    heads = json.loads(path.read_text(encoding="utf-8"))["headers"]
    return [[(name.encode(), value.encode()) for name, value in head] for head in heads]


def test_there_are_stories() -> None:
    assert len(STORIES) == 4
    assert len(CASES) > 50


@pytest.mark.parametrize(("path", "encoder"), CASES)
def test_decoded(headers: HeaderCodec, path: Path, encoder: str) -> None:
    wires = json.loads(path.read_text(encoding="utf-8"))["wires"][encoder]
    decoder = headers.hpack.HpackDecoder(16384)  # what nghttp2-16384-4096 uses
    for wire, fields in zip(wires, fields_of(path), strict=True):
        assert decoder.decode(bytes.fromhex(wire)) == headers.hpack.OK
        assert pairs(decoder) == fields


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_encoded(headers: HeaderCodec, path: Path) -> None:
    """Ours and another decoder read what we write; three times, so that lines come again."""
    encoder = headers.hpack.HpackEncoder()
    decoder = headers.hpack.HpackDecoder()
    peer = hpack.Decoder()
    sizes = []
    for fields in fields_of(path) * 3:
        parts = encoder.begin()
        for name, value in fields:
            encoder.encode_line(b"%b: %b\r\n" % (name, value), parts)
        block = b"".join(parts)
        sizes.append(len(block))
        expected = [pair for pair in fields if pair[0] not in LEFT_OUT]
        assert decoder.decode(block) == headers.hpack.OK
        assert pairs(decoder) == expected
        assert [tuple(pair) for pair in peer.decode(block, raw=True)] == expected
        assert decoder.table_size() == encoder.table_size() <= 4096
    count = len(sizes) // 3
    assert sum(sizes[-count:]) < 0.8 * sum(sizes[:count]), "what comes again is not indexed"
