"""What fields mean (RFC 9113 §8), and which messages are malformed."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.support.builds import HeaderCodec
from tests.support.hpack import REQUEST, RESPONSE, Pairs, instead, without
from tests.support.http1 import encoded_request, read

CONNECT: Pairs = ((b":method", b"CONNECT"), (b":authority", b"example.com:443"))
EXTENDED: Pairs = (
    (b":method", b"CONNECT"),
    (b":protocol", b"websocket"),
    *REQUEST[1:],
)


def fields(headers: HeaderCodec, pairs: Pairs) -> list[Any]:
    return [headers.fields.Field(name, value) for name, value in pairs]


def request(headers: HeaderCodec, pairs: Pairs, end: bool = False) -> Any:
    return headers.heads.read_request(fields(headers, pairs), end)


def response(headers: HeaderCodec, pairs: Pairs) -> Any:
    return headers.heads.read_response(fields(headers, pairs))


def trailers(headers: HeaderCodec, pairs: Pairs) -> Any:
    return headers.heads.read_trailers(fields(headers, pairs))


class TestRequest:
    def test_everything(self, headers: HeaderCodec) -> None:
        head = request(headers, REQUEST)
        assert isinstance(head, headers.message.RequestHead)
        assert head.method == b"GET"
        assert head.scheme == b"https"
        assert head.authority == b"example.com"
        assert head.target == b"/a?b=c"
        assert head.raw == b"Host: example.com\r\naccept: */*\r\n\r\n"
        assert (head.start, head.fields, head.end) == (-1, 0, len(head.raw) - 2)
        assert head.minor == 1
        assert head.content_length == -1
        assert head.upgrade is None
        assert not head.te_trailers
        assert not head.timeouts
        assert (head.cuts, head.added) == (None, None)
        assert head.get(b"host") == b"example.com"

    def test_order_of_pseudo_headers(self, headers: HeaderCodec) -> None:
        head = request(headers, [*reversed(REQUEST[:4]), *REQUEST[4:]])
        assert head.lines() == b"Host: example.com\r\naccept: */*\r\n"

    @pytest.mark.parametrize("name", [b":method", b":scheme", b":path"])
    def test_missing(self, headers: HeaderCodec, name: bytes) -> None:
        assert request(headers, without(REQUEST, name)) is None

    @pytest.mark.parametrize("name", [b":method", b":scheme", b":path", b":authority"])
    def test_twice(self, headers: HeaderCodec, name: bytes) -> None:
        pair = next(pair for pair in REQUEST if pair[0] == name)
        assert request(headers, [pair, *REQUEST]) is None

    @pytest.mark.parametrize("pair", REQUEST[:4])
    @pytest.mark.parametrize(
        "before",
        [
            (b"accept", b"*/*"), (b"cookie", b"a=b"), (b"te", b"trailers"),
            (b"content-length", b"0"), (b"host", b"example.com"), (b"x-mosn-try-timeout", b"1"),
        ],
    )  # fmt: skip
    def test_behind_a_regular_field(
        self, headers: HeaderCodec, pair: tuple[bytes, bytes], before: tuple[bytes, bytes]
    ) -> None:
        rest = without(REQUEST[:4], pair[0])
        assert request(headers, [*rest, pair, before]) is not None
        assert request(headers, [*rest, before, pair]) is None

    @pytest.mark.parametrize("pair", [(b":status", b"200"), (b":foo", b"a"), (b":protocol", b"a")])
    def test_foreign_pseudo_headers(self, headers: HeaderCodec, pair: tuple[bytes, bytes]) -> None:
        assert request(headers, [pair, *REQUEST]) is None

    @pytest.mark.parametrize(
        "pair", [(b"a", b"x\r\ny"), (b"A", b"b"), (b"connection", b"close"), (b"te", b"gzip")]
    )
    def test_bad_fields(self, headers: HeaderCodec, pair: tuple[bytes, bytes]) -> None:
        assert request(headers, [*REQUEST, pair]) is None
        assert request(headers, [pair, *REQUEST]) is None

    def test_nothing(self, headers: HeaderCodec) -> None:
        assert request(headers, []) is None

    def test_asterisk(self, headers: HeaderCodec) -> None:
        star = instead(REQUEST, b":path", b"*")
        assert request(headers, star) is None
        head = request(headers, instead(star, b":method", b"OPTIONS"))
        assert head.target == b"*"

    def test_te(self, headers: HeaderCodec) -> None:
        head = request(headers, [*REQUEST, (b"te", b"trailers")])
        assert head.te_trailers
        assert head.get(b"te") is None

    def test_timeouts(self, headers: HeaderCodec) -> None:
        head = request(headers, [*REQUEST, (b"x-mosn-global-timeout", b"5")])
        assert head.timeouts
        assert head.get(b"x-mosn-global-timeout") == b"5"

    def test_cookies_are_one_line(self, headers: HeaderCodec) -> None:
        head = request(headers, [*REQUEST, (b"cookie", b"a=b"), (b"x", b"y")])
        assert head.get_all(b"cookie") == [b"a=b"]
        crumbs = [(b"cookie", b"a=b"), (b"x", b"y"), (b"cookie", b"c=d"), (b"cookie", b"")]
        head = request(headers, [*REQUEST, *crumbs])
        assert head.get_all(b"cookie") == [b"a=b; c=d"]
        assert head.get(b"x") == b"y"


class TestHost:
    def test_only_a_host_line(self, headers: HeaderCodec) -> None:
        head = request(headers, [*without(REQUEST, b":authority"), (b"host", b"a:80")])
        assert head.authority == b"a:80"
        assert head.lines() == b"host: a:80\r\naccept: */*\r\n"

    def test_both(self, headers: HeaderCodec) -> None:
        head = request(headers, [*REQUEST, (b"host", b"Example.com")])
        assert head.authority == b"example.com"
        assert head.get_all(b"host") == [b"example.com"]

    @pytest.mark.parametrize("value", [b"other", b"", b"example.com:443"])
    def test_different(self, headers: HeaderCodec, value: bytes) -> None:
        assert request(headers, [*REQUEST, (b"host", value)]) is None

    def test_twice(self, headers: HeaderCodec) -> None:
        host = (b"host", b"example.com")
        assert request(headers, [*REQUEST, host, host]) is None

    def test_neither(self, headers: HeaderCodec) -> None:
        head = request(headers, without(REQUEST, b":authority"))
        assert head.authority == b""
        assert head.get_all(b"host") == [b""]

    @pytest.mark.parametrize("value", [b"user@a", b"a/b", b"a b", b"a?b", b"a#b"])
    def test_malformed(self, headers: HeaderCodec, value: bytes) -> None:
        assert request(headers, instead(REQUEST, b":authority", value)) is None
        host = [*without(REQUEST, b":authority"), (b"host", value)]
        assert request(headers, host) is None


class TestContentLength:
    def test_known(self, headers: HeaderCodec) -> None:
        head = request(headers, [*REQUEST, (b"content-length", b"12")])
        assert head.content_length == 12
        assert head.get(b"content-length") == b"12"

    def test_the_same_again(self, headers: HeaderCodec) -> None:
        lines = [(b"content-length", b"12"), (b"content-length", b"012")]
        head = request(headers, [*REQUEST, *lines])
        assert head.content_length == 12
        assert head.get_all(b"content-length") == [b"12"]
        assert response(headers, [*RESPONSE, *lines]).get_all(b"content-length") == [b"12"]

    def test_another_one(self, headers: HeaderCodec) -> None:
        lines = [(b"content-length", b"12"), (b"content-length", b"13")]
        assert request(headers, [*REQUEST, *lines]) is None
        assert response(headers, [*RESPONSE, *lines]) is None

    def test_without_a_body(self, headers: HeaderCodec) -> None:
        assert request(headers, [*REQUEST, (b"content-length", b"1")], True) is None
        assert request(headers, [*REQUEST, (b"content-length", b"0")], True) is not None

    @pytest.mark.parametrize("status", [b"100", b"103", b"204"])
    def test_where_there_is_no_body(self, headers: HeaderCodec, status: bytes) -> None:
        head = response(headers, [(b":status", status), (b"content-length", b"5"), (b"a", b"b")])
        assert head.content_length == -1
        assert head.lines() == b"a: b\r\n"

    def test_of_what_is_not_modified(self, headers: HeaderCodec) -> None:
        head = response(headers, [(b":status", b"304"), (b"content-length", b"5")])
        assert head.content_length == 5


class TestConnect:
    def test_connect(self, headers: HeaderCodec) -> None:
        head = request(headers, CONNECT)
        assert head.method == b"CONNECT"
        assert head.target == head.authority == b"example.com:443"
        assert head.lines() == b"Host: example.com:443\r\n"
        assert head.upgrade is None

    @pytest.mark.parametrize("pair", [(b":scheme", b"https"), (b":path", b"/")])
    def test_with_one_too_many(self, headers: HeaderCodec, pair: tuple[bytes, bytes]) -> None:
        assert request(headers, [*CONNECT, pair]) is None

    def test_with_scheme_and_path(self, headers: HeaderCodec) -> None:
        assert request(headers, [*CONNECT, *REQUEST[1:2], *REQUEST[3:]]) is None

    @pytest.mark.parametrize("value", [b"example.com", b":443", b"a:", b"a:b", b"a:1b"])
    def test_without_host_and_port(self, headers: HeaderCodec, value: bytes) -> None:
        assert request(headers, instead(CONNECT, b":authority", value)) is None

    def test_without_authority(self, headers: HeaderCodec) -> None:
        assert request(headers, CONNECT[:1]) is None
        assert request(headers, [*CONNECT[:1], (b"host", b"a:1")]) is None

    def test_with_a_body(self, headers: HeaderCodec) -> None:
        assert request(headers, [*CONNECT, (b"content-length", b"1")]) is None

    def test_extended(self, headers: HeaderCodec) -> None:
        head = request(headers, EXTENDED)
        assert head.method == b"CONNECT"
        assert head.upgrade == b"websocket"
        assert head.target == b"/a?b=c"
        assert head.scheme == b"https"
        assert head.authority == b"example.com"

    @pytest.mark.parametrize("name", [b":authority", b":path", b":scheme", b":protocol"])
    def test_extended_and_incomplete(self, headers: HeaderCodec, name: bytes) -> None:
        assert request(headers, without(EXTENDED, name)) is None

    def test_protocol_without_connect(self, headers: HeaderCodec) -> None:
        assert request(headers, instead(EXTENDED, b":method", b"GET")) is None
        assert request(headers, [*CONNECT, (b":protocol", b"websocket")]) is None


class TestResponse:
    def test_everything(self, headers: HeaderCodec) -> None:
        head = response(headers, [*RESPONSE, (b"content-length", b"5"), (b"cookie", b"a")])
        assert isinstance(head, headers.message.ResponseHead)
        assert head.status == 200
        assert head.content_length == 5
        assert head.raw == b"content-type: text/plain\r\ncontent-length: 5\r\ncookie: a\r\n\r\n"
        assert (head.start, head.fields, head.end) == (-1, 0, len(head.raw) - 2)
        assert (head.minor, head.upgrade, head.cuts, head.added) == (1, None, None, None)
        assert head.reason == b""

    def test_only_a_status(self, headers: HeaderCodec) -> None:
        head = response(headers, RESPONSE[:1])
        assert (head.raw, head.end) == (b"\r\n", 0)
        assert head.lines() == b""

    @pytest.mark.parametrize(
        "pairs",
        [
            [],
            RESPONSE[1:],
            [RESPONSE[0], RESPONSE[0]],
            [*RESPONSE, (b":status", b"200")],
            [RESPONSE[1], RESPONSE[0]],
            [(b":status", b"101")],
            [(b":status", b"600")],
            [(b":status", b"20")],
            [*RESPONSE, (b":path", b"/")],
            [*RESPONSE, (b"transfer-encoding", b"chunked")],
            [*RESPONSE, (b"upgrade", b"h2c")],
            [*RESPONSE, (b"A", b"b")],
        ],
    )
    def test_malformed(self, headers: HeaderCodec, pairs: Pairs) -> None:
        assert response(headers, pairs) is None


class TestTrailers:
    def test_lines(self, headers: HeaderCodec) -> None:
        head = trailers(headers, [(b"grpc-status", b"0"), (b"grpc-message", b"")])
        assert type(head) is headers.message.Head
        assert head.raw == b"grpc-status: 0\r\ngrpc-message: \r\n\r\n"
        assert (head.start, head.fields, head.end) == (-1, 0, len(head.raw) - 2)

    def test_none(self, headers: HeaderCodec) -> None:
        assert trailers(headers, []).lines() == b""

    @pytest.mark.parametrize("pair", [*REQUEST[:4], (b":status", b"200"), (b"A", b"b")])
    def test_malformed(self, headers: HeaderCodec, pair: tuple[bytes, bytes]) -> None:
        assert trailers(headers, [(b"a", b"b"), pair]) is None

    def test_what_means_nothing_there(self, headers: HeaderCodec) -> None:
        """The same names as in trailers of HTTP/1; those of connections are malformed."""
        for name in headers.http1.http1._NOT_IN_TRAILERS:
            value = {b"te": b"trailers", b"content-length": b"1"}.get(name, b"a")
            head = trailers(headers, [(b"a", b"b"), (name, value)])
            assert head is None or head.lines() == b"a: b\r\n", name


VALUES = (b"a", b"", b"a:b", b"a, b;c=d", b"\xe4\xb8", b"a\tb", b"\x80\xff")


def requests() -> Sequence[Pairs]:
    found: list[Pairs] = [REQUEST, instead(REQUEST, b":path", b"/\xc3\xa4#'\"<>")]
    found += [[*REQUEST, (b"x-a", value), (b"cookie", value)] for value in VALUES]
    found.append([*REQUEST, (b"cookie", b"a"), (b"host", b"EXAMPLE.com"), (b"cookie", b"b")])
    found.append(without(REQUEST, b":authority"))
    found.append([*without(REQUEST, b":authority"), (b"host", b"[::1]:8080")])
    found.append([*instead(REQUEST, b":method", b"POST"), (b"content-length", b"0")])
    found.append(CONNECT)
    return found


@pytest.mark.parametrize("pairs", requests())
def test_http1_reads_what_we_read(headers: HeaderCodec, pairs: Pairs) -> None:
    """What goes on to an HTTP/1.1 origin is a request there, and the same one."""
    head = request(headers, pairs, True)
    sent = encoded_request(headers.http1, head, b"")
    events = read(headers.http1, [sent], requests=True, eof=True).events
    kind, method, target, authority, lines = events[0]
    assert kind == "request"
    assert (method, target, authority) == (head.method, head.target, head.authority)
    assert lines == head.items()
    assert len(events) == 2
