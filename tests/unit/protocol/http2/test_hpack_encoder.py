"""The blocks that we send, read by our decoder and by another one."""

import hpack
import pytest

from tests.support.builds import HeaderCodec
from tests.support.hpack import pairs

LINES = b"Server: origin\r\nX-One: 1\r\ncontent-length: 5\r\n"
FIELDS = [(b"server", b"origin"), (b"x-one", b"1"), (b"content-length", b"5")]


class Link:
    """An encoder and two decoders of its blocks, which have to agree."""

    def __init__(self, headers: HeaderCodec, size: int = 4096) -> None:
        self.hpack = headers.hpack
        self.encoder = headers.hpack.HpackEncoder(size)
        self.decoder = headers.hpack.HpackDecoder()
        self.peer = hpack.Decoder()
        self.block = b""

    def lines(self, lines: bytes) -> list[tuple[bytes, bytes]]:
        parts = self.encoder.begin()
        self.encoder.encode_lines(lines, parts)
        return self.read(b"".join(parts))

    def read(self, block: bytes) -> list[tuple[bytes, bytes]]:
        self.block = block
        assert self.decoder.decode(block) == self.hpack.OK
        found = pairs(self.decoder)
        assert [tuple(pair) for pair in self.peer.decode(block, raw=True)] == found
        assert self.decoder.table_size() == self.encoder.table_size()
        return found

    def never_indexed(self) -> set[bytes]:
        return {
            pair[0]
            for pair in hpack.Decoder().decode(self.block, raw=True)
            if isinstance(pair, hpack.NeverIndexedHeaderTuple)
        }

    def allow(self, size: int) -> None:
        """The peer's SETTINGS: the decoders expect what follows from them."""
        self.encoder.peer_table_size(size)
        self.decoder.set_max_table_size(size)
        self.peer.max_allowed_table_size = size


@pytest.fixture
def link(headers: HeaderCodec) -> Link:
    return Link(headers)


def test_indexed_the_second_time(link: Link) -> None:
    sizes = []
    for _ in range(6):
        assert link.lines(LINES) == FIELDS
        sizes.append(len(link.block))
    assert sizes[0] > 20
    # One octet for each indexed line, four for the length, which is not.
    assert sizes[2:] == [6, 6, 6, 6]
    assert link.encoder.table_size() == 44 + 38


def test_however_the_run_is_put_together(link: Link) -> None:
    """A run that is remembered as a whole is right beside others, and when the table changes."""
    other = b"server: origin\r\nx-two: 2\r\n"
    for _ in range(3):
        for _ in range(4):
            assert link.lines(LINES) == FIELDS
        for number in range(3):
            assert link.lines(b"x-%d: y\r\n" % number) == [(b"x-%d" % number, b"y")]
            assert link.lines(other) == [(b"server", b"origin"), (b"x-two", b"2")]
            assert link.lines(LINES) == FIELDS


def test_case_does_not_matter(link: Link) -> None:
    for line in (b"X-Two: a\r\n", b"x-two: a\r\n", b"X-TWO:a\r\n", b"x-two:  a \t\r\n") * 3:
        assert link.lines(line) == [(b"x-two", b"a")]


def test_static_lines(link: Link) -> None:
    assert link.lines(b"Accept-Encoding: gzip, deflate\r\n") == [
        (b"accept-encoding", b"gzip, deflate")
    ]
    assert link.block == b"\x90"


def test_empty_values(link: Link) -> None:
    for _ in range(3):
        assert link.lines(b"Accept:\r\nX-Empty: \r\n") == [(b"accept", b""), (b"x-empty", b"")]


def test_lines_of_connections_are_left_out(link: Link) -> None:
    lines = (
        b"Host: a\r\nConnection: keep-alive\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\n"
        b"Transfer-Encoding: chunked\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\nTE: trailers\r\n"
    )
    for _ in range(4):
        assert link.lines(lines) == []
        assert link.lines(lines + b"A: b\r\n") == [(b"a", b"b")]


def test_no_line_is_a_pseudo_header(link: Link) -> None:
    parts = link.encoder.begin()
    for _ in range(2):
        link.encoder.encode_line(b":method: PUT\r\n", parts)
    assert link.read(b"".join(parts)) == [(b":method", b"PUT")] * 2
    assert link.lines(b":path: /x\r\na: b\r\n") == [(b"a", b"b")]


@pytest.mark.parametrize(
    "line",
    [
        b"content-length: 1\r\n", b"content-range: a\r\n", b"set-cookie: a=b\r\n", b"age: 1\r\n",
        b":path: /x\r\n", b"x-long: " + b"a" * 1100 + b"\r\n",
    ],
)  # fmt: skip
def test_not_indexed(link: Link, line: bytes) -> None:
    for _ in range(4):
        parts = link.encoder.begin()
        link.encoder.encode_line(line, parts)
        assert len(link.read(b"".join(parts))) == 1
        assert link.never_indexed() == set()
    assert link.encoder.table_size() == 0


@pytest.mark.parametrize(
    "line",
    [
        b"Authorization: Basic abcdefghijklmnopqrstuvwxyz\r\n",
        b"proxy-authorization: x\r\n",
        b"Cookie: a=b\r\n",
        b"cookie: 1234567890123456789\r\n",
    ],
)
def test_never_indexed(link: Link, line: bytes) -> None:
    for _ in range(4):
        assert len(link.lines(line)) == 1
        assert link.never_indexed() == {line.partition(b":")[0].lower()}
    assert link.encoder.table_size() == 0


def test_long_cookies_are_indexed(link: Link) -> None:
    for _ in range(3):
        link.lines(b"cookie: 12345678901234567890\r\n")
    assert link.block == b"\xbe"


def test_what_never_repeats_is_not_indexed(link: Link) -> None:
    for number in range(500):
        name = b"x-trace" if number % 2 else b"x-span"
        assert link.lines(b"%b: %d\r\n" % (name, number)) == [(name, b"%d" % number)]
    assert link.encoder.table_size() == 0


def test_what_repeats_stays_indexed_among_what_does_not(link: Link) -> None:
    for number in range(1000):
        line = b"x-trace: %d\r\n" % number
        assert link.lines(line + LINES) == [(b"x-trace", b"%d" % number), *FIELDS]
    assert link.encoder.table_size() == 44 + 38
    assert len(link.block) == 6 + len(b"\x00\x07x-trace\x03999")


def test_more_than_the_table_holds(link: Link) -> None:
    for _ in range(4):
        for number in range(150):
            value = b"%d" % number * 8
            for _ in range(2):
                assert link.lines(b"x-%d: %b\r\n" % (number, value)) == [(b"x-%d" % number, value)]
    assert 3900 < link.encoder.table_size() <= 4096


def test_indices_of_several_octets(link: Link) -> None:
    lines = b"".join([b"x-%d: a\r\n" % number for number in range(100)])
    fields = [(b"x-%d" % number, b"a") for number in range(100)]
    for number in range(100):
        for _ in range(2):
            link.lines(b"x-%d: a\r\n" % number)
    assert link.lines(lines) == fields
    assert len(link.block) == 65 + 2 * 35
    assert link.lines(lines) == fields
    assert link.lines(lines) == fields


class TestTableSize:
    def test_none(self, headers: HeaderCodec) -> None:
        link = Link(headers, 0)
        for _ in range(4):
            assert link.lines(LINES) == FIELDS
        assert link.encoder.table_size() == 0

    def test_ours_bounds_theirs(self, headers: HeaderCodec) -> None:
        link = Link(headers, 100)
        link.allow(1 << 20)
        for number in range(50):
            for _ in range(3):
                link.lines(b"x-%d: a\r\n" % number)
        assert 0 < link.encoder.table_size() <= 100

    def test_theirs_bounds_ours(self, headers: HeaderCodec) -> None:
        link = Link(headers, 1 << 20)
        link.lines(LINES)
        link.allow(60)
        for number in range(50):
            for _ in range(3):
                link.lines(b"x-%d: a\r\n" % number)
            assert link.encoder.table_size() <= 60
        assert link.encoder.table_size() > 0

    def test_emptied_and_large_again(self, link: Link) -> None:
        """Both sizes are told, and nothing that was indexed before is referred to."""
        for _ in range(4):
            link.lines(LINES)
        link.allow(0)
        link.allow(4096)
        assert link.lines(LINES) == FIELDS
        assert link.block.startswith(b"\x20\x3f\xe1\x1f")
        for _ in range(4):
            assert link.lines(LINES) == FIELDS
        assert link.encoder.table_size() == 44 + 38

    def test_larger(self, headers: HeaderCodec) -> None:
        link = Link(headers, 8192)
        link.allow(16384)
        for number in range(300):
            for _ in range(2):
                link.lines(b"x-%d: a\r\n" % number)
        assert 8100 < link.encoder.table_size() <= 8192

    def test_the_same_is_not_told(self, link: Link) -> None:
        link.allow(4096)
        link.allow(65536)
        assert link.lines(b"") == []
        assert link.block == b""

    def test_told_once(self, link: Link) -> None:
        link.allow(100)
        link.lines(b"")
        assert link.block == b"\x3f\x45"
        link.lines(b"")
        assert link.block == b""


def test_special_fields(link: Link) -> None:
    for _ in range(3):
        encoder = link.encoder
        parts = encoder.begin()
        for method in (b"GET", b"POST", b"PUT"):
            encoder.encode_method(method, parts)
        for scheme in (b"http", b"https"):
            encoder.encode_scheme(scheme, parts)
        for authority in (b"a", b"a", b"b"):
            encoder.encode_authority(authority, parts)
        paths = (b"/", b"/index.html", b"/x", b"/" + b"x" * 125, b"/" + b"x" * 126, b"/" * 5000)
        for path in paths:
            encoder.encode_path(path, parts)
        for status in (200, 204, 302, 404, 599):
            encoder.encode_status(status, parts)
        encoder.encode_te(parts)
        assert link.read(b"".join(parts)) == [
            *((b":method", value) for value in (b"GET", b"POST", b"PUT")),
            *((b":scheme", value) for value in (b"http", b"https")),
            *((b":authority", value) for value in (b"a", b"a", b"b")),
            *((b":path", value) for value in paths),
            *((b":status", b"%d" % value) for value in (200, 204, 302, 404, 599)),
            (b"te", b"trailers"),
        ]
    assert b"\x82\x83" in link.block
