"""Header blocks that peers send, well-formed and not (RFC 7541)."""

from typing import Any

import pytest

from tests.support.builds import HeaderCodec
from tests.support.hpack import (
    INDEX,
    NEVER,
    PLAIN,
    block,
    indexed,
    integer,
    literal,
    pairs,
    size_update,
    string,
)

REQUEST_1 = [
    (b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"),
    (b":authority", b"www.example.com"),
]  # fmt: skip
REQUEST_2 = [*REQUEST_1, (b"cache-control", b"no-cache")]
REQUEST_3 = [
    (b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/index.html"),
    (b":authority", b"www.example.com"), (b"custom-key", b"custom-value"),
]  # fmt: skip
RESPONSE_1 = [
    (b":status", b"302"), (b"cache-control", b"private"),
    (b"date", b"Mon, 21 Oct 2013 20:13:21 GMT"), (b"location", b"https://www.example.com"),
]  # fmt: skip
RESPONSE_2 = [(b":status", b"307"), *RESPONSE_1[1:]]
RESPONSE_3 = [
    (b":status", b"200"), (b"cache-control", b"private"),
    (b"date", b"Mon, 21 Oct 2013 20:13:22 GMT"), (b"location", b"https://www.example.com"),
    (b"content-encoding", b"gzip"),
    (b"set-cookie", b"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
]  # fmt: skip

# RFC 7541 Appendix C: blocks in hexadecimal, what they say, and the size of the table behind them.
EXAMPLES: dict[str, list[tuple[str, list[tuple[bytes, bytes]], int]]] = {
    "C.2.1": [
        ("400a637573746f6d2d6b65790d637573746f6d2d686561646572",
         [(b"custom-key", b"custom-header")], 55),
    ],
    "C.2.2": [("040c2f73616d706c652f70617468", [(b":path", b"/sample/path")], 0)],
    "C.2.3": [("100870617373776f726406736563726574", [(b"password", b"secret")], 0)],
    "C.2.4": [("82", [(b":method", b"GET")], 0)],
    "C.3": [
        ("828684410f7777772e6578616d706c652e636f6d", REQUEST_1, 57),
        ("828684be58086e6f2d6361636865", REQUEST_2, 110),
        ("828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565", REQUEST_3, 164),
    ],
    "C.4": [
        ("828684418cf1e3c2e5f23a6ba0ab90f4ff", REQUEST_1, 57),
        ("828684be5886a8eb10649cbf", REQUEST_2, 110),
        ("828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf", REQUEST_3, 164),
    ],
    "C.5": [
        ("4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120"
         "474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d", RESPONSE_1, 222),
        ("4803333037c1c0bf", RESPONSE_2, 222),
        ("88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738"
         "666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d33"
         "3630303b2076657273696f6e3d31", RESPONSE_3, 215),
    ],
    "C.6": [
        ("488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad1718"
         "63c78f0b97c8e9ae82ae43d3", RESPONSE_1, 222),
        ("4883640effc1c0bf", RESPONSE_2, 222),
        ("88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7"
         "b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
         RESPONSE_3, 215),
    ],
}  # fmt: skip


@pytest.fixture
def decoder(headers: HeaderCodec) -> Any:
    return headers.hpack.HpackDecoder()


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_of_the_rfc(headers: HeaderCodec, name: str) -> None:
    decoder = headers.hpack.HpackDecoder()
    if name in ("C.5", "C.6"):
        assert decoder.decode(size_update(256)) == headers.hpack.OK
    for wire, fields, size in EXAMPLES[name]:
        assert decoder.decode(bytes.fromhex(wire)) == headers.hpack.OK
        assert pairs(decoder) == fields
        assert decoder.table_size() == size


def test_part_of_a_buffer(headers: HeaderCodec, decoder: Any) -> None:
    data = b"\x00\x82" + block(REQUEST_1) + b"\xff\xff"
    assert decoder.decode_part(data, 2, len(data) - 2) == headers.hpack.OK
    assert pairs(decoder) == REQUEST_1


def test_cut_anywhere_is_an_error_or_fewer_fields(headers: HeaderCodec) -> None:
    """Nothing is read behind the end, although there is more in the buffer."""
    data = bytes.fromhex(EXAMPLES["C.6"][0][0]) + bytes.fromhex("0f0d02313100036162630178")
    whole = headers.hpack.HpackDecoder()
    assert whole.decode(data) == headers.hpack.OK
    for end in range(len(data)):
        decoder = headers.hpack.HpackDecoder()
        if decoder.decode_part(data, 0, end) == headers.hpack.OK:
            found = pairs(decoder)
            assert found == pairs(whole)[: len(found)]
            assert len(found) < len(pairs(whole))


@pytest.mark.parametrize(
    "data",
    [
        b"\x80",  # index 0
        b"\xff\x00",  # no index 127
        indexed(62),
        indexed(1 << 27),
        b"\xff\x80\x80\x80\x80\x01",  # an integer of too many octets
        b"\xff\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00",
        b"\xff\xff\xff\xff\xff\x0f",
        b"\xff",
        b"\xff\x80",
        b"\x40",
        b"\x40\x01",
        b"\x40\x01a",
        b"\x40\x01a\x05b",
        b"\x04",
        b"\x04\x7f",
        b"\x04\x7f\xff\xff\xff\x7f",
        b"\x7f\x00\x01a",  # the name has index 63
        b"\x0f\x80\x80\x80\x80\x01\x01a",
        b"\x04\x81\xff",  # Huffman padding
        b"\x40\x81\xff\x01a",
        b"\x04\x84\xff\xff\xff\xff",
        b"\x82" + size_update(10),  # not at the beginning
        size_update(4097),
        size_update(0) + size_update(1) + size_update(2),
        b"\x3f\x80",
        b"\x3f\xff\xff\xff\xff\xff",
    ],
)
def test_malformed(headers: HeaderCodec, decoder: Any, data: bytes) -> None:
    assert decoder.decode(data) == headers.hpack.COMPRESSION_ERROR


def test_integers_of_more_octets_than_they_need(headers: HeaderCodec, decoder: Any) -> None:
    for padding in range(5):
        data = integer(127, 7, 0, padding) + b"a" * 127
        result = decoder.decode(b"\x04" + data)
        if padding < 4:
            assert result == headers.hpack.OK
            assert pairs(decoder) == [(b":path", b"a" * 127)]
        else:
            assert result == headers.hpack.COMPRESSION_ERROR


class TestTable:
    def test_newest_first(self, headers: HeaderCodec, decoder: Any) -> None:
        decoder.decode(block([(b"a", b"1"), (b"b", b"2"), (b"c", b"3")], INDEX))
        assert decoder.decode(indexed(62) + indexed(64) + indexed(63)) == headers.hpack.OK
        assert pairs(decoder) == [(b"c", b"3"), (b"a", b"1"), (b"b", b"2")]
        assert decoder.decode(indexed(65)) == headers.hpack.COMPRESSION_ERROR

    def test_only_one_form_inserts(self, headers: HeaderCodec, decoder: Any) -> None:
        decoder.decode(literal(b"a", b"1", PLAIN) + literal(b"b", b"2", NEVER))
        assert decoder.table_size() == 0
        assert decoder.decode(indexed(62)) == headers.hpack.COMPRESSION_ERROR

    def test_names_from_the_table(self, headers: HeaderCodec, decoder: Any) -> None:
        decoder.decode(literal(b"a", b"1", INDEX))
        assert decoder.decode(literal(62, b"2", INDEX) + literal(63, b"3")) == headers.hpack.OK
        assert pairs(decoder) == [(b"a", b"2"), (b"a", b"3")]

    def test_an_entry_may_evict_the_one_it_takes_its_name_from(
        self, headers: HeaderCodec, decoder: Any
    ) -> None:
        decoder.decode(size_update(40) + literal(b"a", b"1", INDEX))
        assert decoder.decode(literal(62, b"2", INDEX) + indexed(62)) == headers.hpack.OK
        assert pairs(decoder) == [(b"a", b"2"), (b"a", b"2")]
        assert decoder.table_size() == 34

    def test_an_entry_larger_than_the_table_empties_it(
        self, headers: HeaderCodec, decoder: Any
    ) -> None:
        decoder.decode(size_update(40) + literal(b"a", b"1", INDEX))
        assert decoder.decode(literal(b"name", b"value", INDEX)) == headers.hpack.OK
        assert decoder.table_size() == 0
        assert decoder.decode(indexed(62)) == headers.hpack.COMPRESSION_ERROR

    def test_evicts_the_oldest(self, headers: HeaderCodec, decoder: Any) -> None:
        decoder.decode(size_update(34 * 3))
        for value in range(200):
            data = literal(b"a", bytes([48 + value % 10]), INDEX)
            assert decoder.decode(data) == headers.hpack.OK
            assert decoder.table_size() <= 34 * 3
        decoder.decode(indexed(62) + indexed(63) + indexed(64))
        assert [value for _, value in pairs(decoder)] == [b"9", b"8", b"7"]
        assert decoder.decode(indexed(65)) == headers.hpack.COMPRESSION_ERROR

    def test_a_full_table(self, headers: HeaderCodec, decoder: Any) -> None:
        """As many entries as 4096 bytes hold: indices have more than one octet."""
        for _ in range(10):
            decoder.decode(block([(b"", b"")] * 128, INDEX))
        assert decoder.table_size() == 4096
        assert decoder.decode(indexed(62 + 127)) == headers.hpack.OK
        assert decoder.decode(indexed(62 + 128)) == headers.hpack.COMPRESSION_ERROR


class TestSizeUpdates:
    def test_smaller(self, headers: HeaderCodec, decoder: Any) -> None:
        decoder.decode(block([(b"a", b"1"), (b"b", b"2")], INDEX))
        assert decoder.decode(size_update(34) + indexed(62)) == headers.hpack.OK
        assert pairs(decoder) == [(b"b", b"2")]
        assert decoder.decode(indexed(63)) == headers.hpack.COMPRESSION_ERROR

    def test_emptied_and_large_again(self, headers: HeaderCodec, decoder: Any) -> None:
        decoder.decode(literal(b"a", b"1", INDEX))
        updates = size_update(0) + size_update(4096)
        assert decoder.decode(updates + literal(b"b", b"2", INDEX)) == headers.hpack.OK
        assert decoder.table_size() == 34

    def test_larger_when_allowed(self, headers: HeaderCodec, decoder: Any) -> None:
        decoder.set_max_table_size(8192)
        assert decoder.decode(size_update(8192) + b"\x82") == headers.hpack.OK
        assert decoder.decode(size_update(8193)) == headers.hpack.COMPRESSION_ERROR

    def test_required_after_less_is_allowed(self, headers: HeaderCodec, decoder: Any) -> None:
        decoder.set_max_table_size(100)
        assert decoder.decode(b"\x82") == headers.hpack.COMPRESSION_ERROR

    @pytest.mark.parametrize("size", [0, 99, 100])
    def test_required_and_there(self, headers: HeaderCodec, decoder: Any, size: int) -> None:
        decoder.set_max_table_size(100)
        assert decoder.decode(size_update(size) + b"\x82") == headers.hpack.OK
        assert decoder.decode(b"\x82") == headers.hpack.OK

    def test_required_and_too_large(self, headers: HeaderCodec, decoder: Any) -> None:
        decoder.set_max_table_size(100)
        assert decoder.decode(size_update(101) + b"\x82") == headers.hpack.COMPRESSION_ERROR

    def test_the_smallest_is_required(self, headers: HeaderCodec) -> None:
        for data, result in (
            (size_update(4096), headers.hpack.COMPRESSION_ERROR),
            (size_update(0), headers.hpack.OK),
            (size_update(0) + size_update(4096), headers.hpack.OK),
            (size_update(50) + size_update(0), headers.hpack.OK),
            (size_update(50) + size_update(4096), headers.hpack.COMPRESSION_ERROR),
        ):
            decoder = headers.hpack.HpackDecoder()
            decoder.set_max_table_size(0)
            decoder.set_max_table_size(4096)
            assert decoder.decode(data) == result

    def test_not_required_when_the_table_is_smaller_already(
        self, headers: HeaderCodec, decoder: Any
    ) -> None:
        decoder.decode(size_update(50))
        decoder.set_max_table_size(100)
        assert decoder.decode(b"\x82") == headers.hpack.OK

    def test_the_default_holds_until_less_is_acknowledged(self, headers: HeaderCodec) -> None:
        decoder = headers.hpack.HpackDecoder(0)
        assert decoder.decode(literal(b"a", b"1", INDEX) + indexed(62)) == headers.hpack.OK
        decoder.set_max_table_size(0)
        assert decoder.decode(size_update(0) + b"\x82") == headers.hpack.OK
        assert decoder.decode(literal(b"a", b"1", INDEX)) == headers.hpack.OK
        assert decoder.table_size() == 0


class TestLimits:
    def test_list_size(self, headers: HeaderCodec) -> None:
        decoder = headers.hpack.HpackDecoder(4096, 34 * 3)
        assert decoder.decode(block([(b"a", b"1")] * 3)) == headers.hpack.OK
        assert decoder.decode(block([(b"a", b"1")] * 4)) == headers.hpack.TOO_LARGE
        assert len(decoder.fields) == 3

    def test_number_of_fields(self, headers: HeaderCodec) -> None:
        decoder = headers.hpack.HpackDecoder(4096, 65536, 3)
        assert decoder.decode(b"\x82" * 3) == headers.hpack.OK
        assert decoder.decode(b"\x82" * 4) == headers.hpack.TOO_LARGE
        assert len(decoder.fields) == 3

    def test_the_table_is_right_afterwards(self, headers: HeaderCodec) -> None:
        decoder = headers.hpack.HpackDecoder(4096, 100)
        data = block([(b"a", b"x" * 90), (b"b", b"2")], INDEX)
        assert decoder.decode(data) == headers.hpack.TOO_LARGE
        assert decoder.fields == []
        assert decoder.decode(indexed(62)) == headers.hpack.OK
        assert pairs(decoder) == [(b"b", b"2")]
        assert decoder.decode(indexed(63)) == headers.hpack.TOO_LARGE

    def test_expansion(self, headers: HeaderCodec) -> None:
        """One large entry, and a block of references to it: not one is kept beyond the limit."""
        decoder = headers.hpack.HpackDecoder(4096, 65536, 1 << 20)
        decoder.decode(literal(b"a", b"x" * 4000, INDEX))
        assert decoder.decode(indexed(62) * 16000) == headers.hpack.TOO_LARGE
        assert len(decoder.fields) == 65536 // 4033

    def test_an_error_behind_the_limit_is_found(self, headers: HeaderCodec) -> None:
        decoder = headers.hpack.HpackDecoder(4096, 10)
        assert decoder.decode(b"\x82\x80") == headers.hpack.COMPRESSION_ERROR

    def test_long_literals(self, headers: HeaderCodec, decoder: Any) -> None:
        name, value = b"n" * 700, bytes(range(32, 127)) * 300
        coded = headers.huffman.encode(value)
        for _ in range(2):
            data = integer(0, 4) + string(name) + string(coded, coded=True)
            assert decoder.decode(data + b"\x82" + literal(b"a", b"1")) == headers.hpack.OK
            assert pairs(decoder) == [(name, value), (b":method", b"GET"), (b"a", b"1")]


KINDS = [
    (b"accept", b"*/*", "REGULAR"),
    (b"accept", b"", "REGULAR"),
    (b"accept", b"a\tb \xff", "REGULAR"),
    (b"x-mosn-try-timeout", b"5", "X_MOSN"),
    (b"content-type", b"a/b", "NO_TRAILER"),
    (b"cookie", b"a=b", "COOKIE"),
    (b"host", b"a:80", "HOST"),
    (b"host", b"", "HOST"),
    (b"content-length", b"0", "CONTENT_LENGTH"),
    (b"content-length", b"9" * 18, "CONTENT_LENGTH"),
    (b"te", b"trailers", "TE"),
    (b":method", b"M-SEARCH", "METHOD"),
    (b":scheme", b"http", "SCHEME"),
    (b":scheme", b"https", "SCHEME"),
    (b":authority", b"[::1]:80", "AUTHORITY"),
    (b":path", b"/", "PATH"),
    (b":path", b"*", "PATH"),
    (b":path", b"/\xc3\xa4?x=#", "PATH"),
    (b":status", b"100", "STATUS"),
    (b":status", b"599", "STATUS"),
    (b":protocol", b"websocket", "PROTOCOL"),
]
BAD = [
    (b"", b"a"), (b"Accept", b"a"), (b"a b", b"a"), (b"a:", b"a"), (b"a\0", b"a"), (b"\xe4", b"a"),
    (b":", b"a"), (b":foo", b"a"), (b":Path", b"/"), (b":method ", b"GET"),
    (b"a", b"\0"), (b"a", b"x\ry"), (b"a", b"x\ny"), (b"a", b"x\x7fy"), (b"a", b"x\x01y"),
    (b"a", b" x"), (b"a", b"x "), (b"a", b"\tx"), (b"a", b"x\t"), (b"a", b" "), (b"cookie", b"a "),
    (b"connection", b"close"), (b"connection", b""), (b"keep-alive", b"1"),
    (b"proxy-connection", b"x"), (b"transfer-encoding", b"chunked"), (b"upgrade", b"h2c"),
    (b"te", b"gzip"), (b"te", b"trailers, gzip"), (b"te", b""), (b"te", b"trailerx"),
    (b"content-length", b""), (b"content-length", b"+1"), (b"content-length", b"1,1"),
    (b"content-length", b"1 "), (b"content-length", b"-0"), (b"content-length", b"9" * 19),
    (b"host", b"a/b"), (b"host", b"a@b"), (b"host", b"a b"), (b"host", b"\xe4"),
    (b":authority", b""), (b":authority", b"user@a"), (b":authority", b"a/b"),
    (b":authority", b"a b"), (b":authority", b"a\\b"), (b":authority", b"\xe4"),
    (b":path", b""), (b":path", b"a"), (b":path", b"**"), (b":path", b"*/"), (b":path", b"/a b"),
    (b":path", b"/\t"), (b":path", b"/\x7f"), (b":path", b"/\r\n"), (b":path", b"http://a/"),
    (b":method", b""), (b":method", b"GE T"), (b":method", b"GET\r\n"), (b":method", b"G@"),
    (b":scheme", b""), (b":scheme", b"ftp"), (b":scheme", b"httpx"), (b":scheme", b"HTTP"),
    (b":scheme", b"http:"),
    (b":status", b""), (b":status", b"20"), (b":status", b"2000"), (b":status", b"099"),
    (b":status", b"600"), (b":status", b"2 0"), (b":status", b"20a"), (b":status", b"+20"),
    (b":protocol", b""), (b":protocol", b"a b"),
]  # fmt: skip


class TestKinds:
    """However a field arrives, it is judged alike."""

    @pytest.mark.parametrize(("name", "value", "kind"), KINDS)
    def test_good(self, headers: HeaderCodec, name: bytes, value: bytes, kind: str) -> None:
        for field in self._forms(headers, name, value):
            assert field.kind == getattr(headers.fields, kind)
            assert (field.name, field.value) == (name, value)
            assert field.size == len(name) + len(value) + 32
            if name == b":authority":
                assert field.line == b"Host: %b\r\n" % value
            elif name.startswith(b":"):
                assert field.line == b""
            else:
                assert field.line == b"%b: %b\r\n" % (name, value)

    @pytest.mark.parametrize(("name", "value"), BAD)
    def test_bad(self, headers: HeaderCodec, name: bytes, value: bytes) -> None:
        for field in self._forms(headers, name, value):
            assert field.kind == headers.fields.BAD
            assert (field.name, field.value) == (name, value)

    def test_every_octet(self, headers: HeaderCodec) -> None:
        """In names and values alike: what HTTP/1's reader refuses, and upper case in names."""
        token = set(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
        for octet in range(256):
            name = headers.fields.Field(b"a" + bytes([octet]), b"")
            assert (name.kind == headers.fields.REGULAR) == (octet in token)
            value = headers.fields.Field(b"a", b"b" + bytes([octet]) + b"c")
            fine = octet == 9 or (octet >= 32 and octet != 127)
            assert (value.kind == headers.fields.REGULAR) == fine

    @staticmethod
    def _forms(headers: HeaderCodec, name: bytes, value: bytes) -> list[Any]:
        """Made directly; decoded with its name, with an indexed name, and indexed; coded."""
        decoder = headers.hpack.HpackDecoder()
        fields = [headers.fields.Field(name, value)]
        coded = b"\x00" + b"".join(
            [string(headers.huffman.encode(text), coded=True) for text in (name, value)]
        )
        plain, kept = literal(name, value), literal(name, value, INDEX)
        for data in (plain, kept, literal(62, value), indexed(62), coded):
            assert decoder.decode(data) == headers.hpack.OK
            fields += decoder.fields
        for index in range(1, 62):
            decoder.decode(indexed(index))
            if decoder.fields[0].name == name:
                decoder.decode(literal(index, value))
                fields += decoder.fields
                break
        return fields
