"""The header blocks of heads, whatever protocol those came from, as another decoder reads them."""

from typing import Any

import hpack
import pytest

from tests.support.builds import HeaderCodec
from tests.support.hpack import REQUEST, RESPONSE, Pairs, pairs
from tests.support.http1 import read


class Link:
    """An encoder, and a decoder that nobody here wrote."""

    def __init__(self, headers: HeaderCodec) -> None:
        self.heads = headers.heads
        self.encoder = headers.hpack.HpackEncoder()
        self.peer = hpack.Decoder()

    def request(self, head: Any, scheme: bytes = b"") -> list[tuple[bytes, bytes]]:
        """Written three times: as literals, inserted, and indexed."""
        return self._read([self.heads.write_request(self.encoder, head, scheme) for _ in range(3)])

    def response(self, head: Any) -> list[tuple[bytes, bytes]]:
        return self._read([self.heads.write_response(self.encoder, head) for _ in range(3)])

    def trailers(self, head: Any) -> list[tuple[bytes, bytes]]:
        return self._read([self.heads.write_trailers(self.encoder, head) for _ in range(3)])

    def _read(self, blocks: list[bytes]) -> list[tuple[bytes, bytes]]:
        found = [[tuple(pair) for pair in self.peer.decode(block, raw=True)] for block in blocks]
        assert found[0] == found[1] == found[2]
        return found[0]


@pytest.fixture
def link(headers: HeaderCodec) -> Link:
    return Link(headers)


def http1_request(headers: HeaderCodec, data: bytes) -> Any:
    return read(headers.http1, [data], requests=True).heads[0]


def http1_response(headers: HeaderCodec, data: bytes) -> Any:
    return read(headers.http1, [data], requests=False).heads[0]


def fields(headers: HeaderCodec, given: Pairs) -> list[Any]:
    return [headers.fields.Field(name, value) for name, value in given]


class TestRequest:
    def test_as_it_came(self, headers: HeaderCodec, link: Link) -> None:
        head = headers.heads.read_request(fields(headers, REQUEST), True)
        assert link.request(head) == list(REQUEST)

    def test_our_decoder_and_reader_agree(self, headers: HeaderCodec) -> None:
        head = headers.heads.read_request(fields(headers, REQUEST), True)
        encoder, decoder = headers.hpack.HpackEncoder(), headers.hpack.HpackDecoder()
        for _ in range(4):
            block = headers.heads.write_request(encoder, head)
            assert decoder.decode(block) == headers.hpack.OK
            assert pairs(decoder) == list(REQUEST)
            again = headers.heads.read_request(decoder.fields, True)
            assert again.raw == head.raw

    def test_from_http1(self, headers: HeaderCodec, link: Link) -> None:
        head = http1_request(
            headers,
            b"POST /a HTTP/1.1\r\nAccept: x\r\nHost: a:1\r\nConnection: keep-alive, Foo\r\n"
            b"Foo: 1\r\nTransfer-Encoding: chunked\r\nTE: trailers;q=0.5\r\n"
            b"Cookie: a=b; c=d\r\n\r\n",
        )
        assert link.request(head, b"https") == [
            (b":method", b"POST"), (b":scheme", b"https"), (b":authority", b"a:1"),
            (b":path", b"/a"), (b"accept", b"x"), (b"cookie", b"a=b; c=d"), (b"te", b"trailers"),
        ]  # fmt: skip

    def test_edits(self, headers: HeaderCodec, link: Link) -> None:
        head = http1_request(headers, b"GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n")
        head.remove(b"a")
        head.set(b"C", b"4")
        head.add(b"X-New", b"5")
        head.set(b"Host", b"rewritten")
        assert link.request(head) == [
            (b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"rewritten"),
            (b":path", b"/"), (b"b", b"2"), (b"c", b"4"), (b"x-new", b"5"),
        ]  # fmt: skip

    def test_authority_without_a_line(self, headers: HeaderCodec, link: Link) -> None:
        head = headers.message.RequestHead()
        head.authority = b"a"
        assert link.request(head)[2] == (b":authority", b"a")
        head.authority = b""
        assert link.request(head) == [
            (b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/")
        ]  # fmt: skip

    def test_connect(self, headers: HeaderCodec, link: Link) -> None:
        head = http1_request(headers, b"CONNECT a:1 HTTP/1.1\r\nHost: b\r\nA: b\r\n\r\n")
        assert link.request(head) == [
            (b":method", b"CONNECT"), (b":authority", b"a:1"), (b"a", b"b")
        ]  # fmt: skip

    def test_extended_connect(self, headers: HeaderCodec, link: Link) -> None:
        given = [(b":method", b"CONNECT"), *REQUEST[1:4], (b":protocol", b"websocket"), REQUEST[4]]
        head = headers.heads.read_request(fields(headers, given), False)
        assert link.request(head) == given

    def test_upgrades_of_http1(self, headers: HeaderCodec, link: Link) -> None:
        head = http1_request(
            headers,
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        )
        assert link.request(head) == [
            (b":method", b"CONNECT"), (b":scheme", b"http"), (b":authority", b"a"),
            (b":path", b"/"), (b":protocol", b"websocket"),
        ]  # fmt: skip

    def test_several_at_a_time(self, headers: HeaderCodec, link: Link) -> None:
        """Heads that take turns on one connection."""
        heads = [
            http1_request(
                headers,
                b"GET /%d HTTP/1.1\r\nHost: h%d\r\nA: %d\r\nB: b\r\n\r\n"
                % (turn, turn % 3, turn % 2),
            )
            for turn in range(12)
        ]
        for turn, head in enumerate(heads * 3):
            turn %= 12  # noqa: PLW2901 -- which of the heads it is
            assert link.request(head) == [
                (b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"h%d" % (turn % 3)),
                (b":path", b"/%d" % turn), (b"a", b"%d" % (turn % 2)), (b"b", b"b"),
            ]  # fmt: skip


class TestResponse:
    def test_as_it_came(self, headers: HeaderCodec, link: Link) -> None:
        head = headers.heads.read_response(fields(headers, RESPONSE))
        assert link.response(head) == list(RESPONSE)

    def test_from_http1(self, headers: HeaderCodec, link: Link) -> None:
        head = http1_response(
            headers,
            b"HTTP/1.1 404 Not here\r\nServer: x\r\nConnection: keep-alive\r\nKeep-Alive: 5\r\n"
            b"Content-Length: 3\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\n",
        )
        assert link.response(head) == [
            (b":status", b"404"), (b"server", b"x"), (b"content-length", b"3"),
            (b"set-cookie", b"a=b"), (b"set-cookie", b"c=d"),
        ]  # fmt: skip

    def test_every_status(self, headers: HeaderCodec, link: Link) -> None:
        for status in range(100, 600):
            head = headers.message.ResponseHead(status)
            assert link.response(head) == [(b":status", b"%d" % status)]

    def test_without_lines(self, headers: HeaderCodec, link: Link) -> None:
        head = headers.message.ResponseHead(200)
        head.add(b"Content-Length", b"0")
        assert link.response(head) == [(b":status", b"200"), (b"content-length", b"0")]


class TestTrailers:
    def test_as_they_came(self, headers: HeaderCodec, link: Link) -> None:
        given = [(b"grpc-status", b"0"), (b"grpc-message", b"fine")]
        head = headers.heads.read_trailers(fields(headers, given))
        assert link.trailers(head) == given

    def test_nothing_that_frames(self, headers: HeaderCodec, link: Link) -> None:
        head = headers.message.Head()
        for name in (b"Content-Length", b"Transfer-Encoding", b"Host", b"TE", b"Connection"):
            head.add(name, b"1")
        head.add(b"A", b"b")
        assert link.trailers(head) == [(b"a", b"b")]
