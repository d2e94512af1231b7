"""The Huffman code, against the tables of another implementation."""

import os

import pytest
from hpack.exceptions import HPACKDecodingError
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.huffman_table import decode_huffman
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.builds import HeaderCodec, headers_installed, headers_interpreted

BUILDS = (headers_installed(), headers_interpreted())
PEER = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)
EXAMPLES = int(os.environ.get("PYMOSN_EXAMPLES", "500"))
MANY = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck)
)


def decoded(headers: HeaderCodec, data: bytes) -> bytes | None:
    out = bytearray(headers.huffman.decoded_bound(len(data)) + 1)
    out[-1] = 77
    end = headers.huffman.decode(data, 0, len(data), out, 0)
    assert out[-1] == 77, "it wrote behind the bound"
    return None if end < 0 else bytes(out[:end])


def peer_decoded(data: bytes) -> bytes | None:
    try:
        return decode_huffman(data)
    except HPACKDecodingError:
        return None


def test_every_symbol(headers: HeaderCodec) -> None:
    for symbol in range(256):
        for text in (bytes([symbol]), bytes([symbol, 97]), bytes([97, 98, symbol, symbol])):
            coded = headers.huffman.encode(text)
            assert coded == PEER.encode(text)
            assert len(coded) == headers.huffman.encoded_size(text)
            assert decoded(headers, coded) == text


@MANY
@given(st.binary(max_size=60))
def test_encoded(text: bytes) -> None:
    for headers in BUILDS:
        assert headers.huffman.encode(text) == PEER.encode(text)
        assert decoded(headers, PEER.encode(text)) == text


@MANY
@given(
    st.lists(st.one_of(st.sampled_from([255, 254, 127, 248]), st.integers(0, 255)), max_size=12)
)
def test_any_bytes(octets: list[int]) -> None:
    data = bytes(octets)
    for headers in BUILDS:
        assert decoded(headers, data) == peer_decoded(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",  # 8 bits of padding
        b"\x1f\xff",  # "a" and 11 bits of padding
        b"\x18",  # "a" and zeros
        b"\x1b",  # "a" and not only ones
        b"\xff\xff\xff\xff",  # EOS
        b"\xff\xff\xff\xfc",
        b"\x1f\xff\xff\xff\xff",
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xfe",  # half of a code
        b"\xff\xfe",
        b"\xff\xff\xf6",
    ],
)
def test_malformed(headers: HeaderCodec, data: bytes) -> None:
    assert peer_decoded(data) is None
    assert decoded(headers, data) is None


def test_in_the_middle_of_buffers(headers: HeaderCodec) -> None:
    coded = headers.huffman.encode(b"www.example.com")
    out = bytearray(b"." * 40)
    end = headers.huffman.decode(b"\xff\xff" + coded + b"\x00", 2, 2 + len(coded), out, 5)
    assert bytes(out[:5]) == b"....."
    assert bytes(out[5:end]) == b"www.example.com"
