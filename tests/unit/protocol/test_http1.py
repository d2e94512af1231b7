"""RFC 9112 as the codec claims it: every rule, on both builds, however the bytes are cut.

Tables of bytes and what must become of them.  ``read_every_way`` feeds each case whole, byte by
byte and cut at every position, and requires equal events.
"""

import pytest

from pymosn.buffer import OutputQueue
from tests.support.builds import Codec
from tests.support.http1 import (
    Event,
    Transcript,
    encoded_request,
    encoded_response,
    read,
    read_every_way,
)

HOST = b"Host: a\r\n"


def get(*lines: bytes, target: bytes = b"/", version: bytes = b"HTTP/1.1") -> bytes:
    """Return a GET request with a Host."""
    return b"GET " + target + b" " + version + b"\r\n" + HOST + _lines(lines) + b"\r\n"


def post(*lines: bytes, body: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    """Return a POST request with a Host."""
    return b"POST / " + version + b"\r\n" + HOST + _lines(lines) + b"\r\n" + body


def ok(*lines: bytes, body: bytes = b"", start: bytes = b"HTTP/1.1 200 OK") -> bytes:
    """Return a response."""
    return start + b"\r\n" + _lines(lines) + b"\r\n" + body


def chunked(body: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked", body=body)


def chunked_ok(body: bytes) -> bytes:
    return ok(b"Transfer-Encoding: chunked", body=body)


def _lines(lines: tuple[bytes, ...]) -> bytes:
    return b"".join(line + b"\r\n" for line in lines)


def statuses(transcript: Transcript) -> list[int]:
    return [event[1] for event in transcript.events if event[0] == "error"]


def bodies(transcript: Transcript) -> list[bytes]:
    return [event[1] for event in transcript.events if event[0] == "body"]


def kinds(transcript: Transcript) -> list[str]:
    return [event[0] for event in transcript.events]


# -- request lines ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", (b"GET", b"/", b"a")),
        (b"GET /p?q=1&r HTTP/1.1\r\nHost: a:81\r\n\r\n", (b"GET", b"/p?q=1&r", b"a:81")),
        (b"get / HTTP/1.1\r\nHost: a\r\n\r\n", (b"get", b"/", b"a")),
        (b"M-SEARCH * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", (b"OPTIONS", b"*", b"a")),
        (b"OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n", (b"OPTIONS", b"/", b"a")),
        (b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"!#$%&'*+-.^_`|~ / HTTP/1.1\r\nHost: a\r\n\r\n", (b"!#$%&'*+-.^_`|~", b"/", b"a")),
        (b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"G\xc3\x89T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"\x00GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
        (b"GET / a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /\r\nHost: a\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET\r\n\r\n", 400),
        (b"/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /\x1f HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /a\rb HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", (b"GET", b"/\xc3\xa9", b"a")),
        (b"GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\rHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400),
        (b"GET p HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET ?q HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET //b/p HTTP/1.1\r\nHost: a\r\n\r\n", (b"GET", b"//b/p", b"a")),
        (b"GET http://b/p?q HTTP/1.1\r\nHost: a\r\n\r\n", (b"GET", b"/p?q", b"b")),
        (b"GET HTTP://b:81 HTTP/1.1\r\nHost: a\r\n\r\n", (b"GET", b"/", b"b:81")),
        (b"GET http://b?q HTTP/1.1\r\nHost: a\r\n\r\n", (b"GET", b"/?q", b"b")),
        (b"GET https://[::1]:8/ HTTP/1.1\r\nHost: a\r\n\r\n", (b"GET", b"/", b"[::1]:8")),
        (b"OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n", (b"OPTIONS", b"*", b"b")),
        (b"OPTIONS http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", (b"OPTIONS", b"/", b"b")),
        (b"OPTIONS http://b?q HTTP/1.1\r\nHost: a\r\n\r\n", (b"OPTIONS", b"/?q", b"b")),
        (b"GET http:///p HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET http://u@b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET http://b\\c/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET http://b#f HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET ftp://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET http:/b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n", (b"CONNECT", b"b:443", b"b:443")),
        (b"CONNECT b:443 HTTP/1.1\r\nHost: a\r\n\r\n", (b"CONNECT", b"b:443", b"b:443")),
        (
            b"CONNECT [::1]:443 HTTP/1.1\r\nHost: a\r\n\r\n",
            (b"CONNECT", b"[::1]:443", b"[::1]:443"),
        ),
        (b"CONNECT b HTTP/1.1\r\nHost: b\r\n\r\n", 400),
        (b"CONNECT b: HTTP/1.1\r\nHost: b\r\n\r\n", 400),
        (b"CONNECT :443 HTTP/1.1\r\nHost: b\r\n\r\n", 400),
        (b"CONNECT b:x HTTP/1.1\r\nHost: b\r\n\r\n", 400),
        (b"CONNECT / HTTP/1.1\r\nHost: b\r\n\r\n", 400),
        (b"CONNECT http://b:443/ HTTP/1.1\r\nHost: b\r\n\r\n", 400),
        (b"CONNECT u@b:443 HTTP/1.1\r\nHost: b\r\n\r\n", 400),
        (b"CONNECT b:443 HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\n\r\nx", 400),
        (b"CONNECT b:443 HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ],
)
def test_request_line(codec: Codec, data: bytes, expected: object) -> None:
    events = read_every_way(codec, data, requests=True).events
    if isinstance(expected, int):
        assert [event[:2] for event in events] == [("error", expected)]
    else:
        assert events[0][:4] == ("request", *expected)
        assert events[1:] == [("end", None)]


@pytest.mark.parametrize(
    ("version", "status"),
    [
        (b"HTTP/1.1", 0),
        (b"HTTP/1.0", 0),
        (b"HTTP/1.2", 0),
        (b"HTTP/1.9", 0),
        (b"HTTP/2.0", 505),
        (b"HTTP/0.9", 505),
        (b"HTTP/3.0", 505),
        (b"HTTP/2", 505),
        (b"HTTP/11.1", 505),
        (b"HTTP/1.10", 400),
        (b"HTTP/1.", 400),
        (b"HTTP/1", 400),
        (b"HTTP/1.x", 400),
        (b"HTTP/1,1", 505),
        (b"HTTP/", 400),
        (b"HTTP", 400),
        (b"http/1.1", 400),
        (b"HTTPS/1.1", 400),
        (b"TTP/1.1", 400),
        (b"/1.1", 400),
        (b"ICE/1.0", 400),
        (b"RTSP/1.0", 400),
        (b"", 400),
    ],
)
def test_request_version(codec: Codec, version: bytes, status: int) -> None:
    transcript = read_every_way(codec, get(version=version), requests=True)
    assert statuses(transcript) == ([status] if status else [])


def test_a_later_minor_version_is_spoken_as_ours(codec: Codec) -> None:
    """RFC 9110 §6.2: we act as the highest minor version that we know, and say so."""
    request = read(codec, [get(version=b"HTTP/1.2")], requests=True)
    assert encoded_request(codec, request.heads[0]) == get()
    response = read(codec, [ok(b"X: y", start=b"HTTP/1.3 200 OK")], requests=False)
    assert encoded_response(codec, response.heads[0]) == ok(b"X: y")


@pytest.mark.parametrize(
    ("blank", "status"),
    [
        (b"\r\n", 0),
        (b"\r\n\r\n\r\n\r\n", 0),
        (b"\r\n\r\n\r\n\r\n\r\n", 400),
        (b"\n", 400),
        (b"\r", 400),
        (b"\r\r\n", 400),
        (b" \r\n", 400),
        (b"\x00", 400),
    ],
)
def test_blank_lines_before_a_request(codec: Codec, blank: bytes, status: int) -> None:
    """RFC 9112 §2.2: a few are skipped, also between requests, and only as CRLF."""
    for data in (blank + get(), get() + blank + get()):
        transcript = read_every_way(codec, data, requests=True)
        assert statuses(transcript) == ([status] if status else [])


# -- Host ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (b"Host: a\r\n", b"a"),
        (b"HOST:a\r\n", b"a"),
        (b"Host:\t a \t\r\n", b"a"),
        (b"Host:\r\n", b""),
        (b"Host: a:80\r\n", b"a:80"),
        (b"Host: [fe80::1%25lo]:80\r\n", b"[fe80::1%25lo]:80"),
        (b"Host: A-b_c.d~!$&'()*+,;=\r\n", b"A-b_c.d~!$&'()*+,;="),
        (b"", 400),
        (b"Host: a\r\nHost: a\r\n", 400),
        (b"Host: a\r\nhost: b\r\n", 400),
        (b"Host: a b\r\n", 400),
        (b"Host: a/b\r\n", 400),
        (b"Host: a?b\r\n", 400),
        (b"Host: a#b\r\n", 400),
        (b"Host: u@a\r\n", 400),
        (b"Host: a\\b\r\n", 400),
        (b'Host: "a"\r\n', 400),
        (b"Host: a\xc3\xa9\r\n", 400),
        (b"Host: a\tb\r\n", 400),
        (b"Hos: a\r\n", 400),
        (b"Hostt: a\r\n", 400),
    ],
)
def test_host(codec: Codec, lines: bytes, expected: object) -> None:
    data = b"GET / HTTP/1.1\r\n" + lines + b"\r\n"
    events = read_every_way(codec, data, requests=True).events
    assert (events[0][1] if isinstance(expected, int) else events[0][3]) == expected


def test_absolute_form_replaces_host(codec: Codec) -> None:
    data = b"GET http://b/p HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n"
    head = read(codec, [data], requests=True).heads[0]
    assert encoded_request(codec, head) == b"GET /p HTTP/1.1\r\nX: 1\r\nHost: b\r\n\r\n"
    assert head.get_all(b"host") == [b"b"]


def test_the_scheme_is_not_what_the_client_claims(codec: Codec) -> None:
    head = read(codec, [get(target=b"https://a/")], requests=True).heads[0]
    assert head.scheme == b"http"


def test_connect_replaces_host(codec: Codec) -> None:
    data = b"CONNECT b:443 HTTP/1.1\r\nHost: a\r\n\r\n"
    head = read(codec, [data], requests=True).heads[0]
    assert encoded_request(codec, head) == b"CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "host"),
    [
        (b"GET / HTTP/1.0\r\n\r\n", b""),
        (b"GET / HTTP/1.0\r\nHost: a\r\n\r\n", b"a"),
        (b"GET http://b/ HTTP/1.0\r\n\r\n", b"b"),
        (b"CONNECT b:1 HTTP/1.0\r\n\r\n", b"b:1"),
    ],
)
def test_http_1_0_needs_no_host(codec: Codec, data: bytes, host: bytes) -> None:
    assert read_every_way(codec, data, requests=True).events[0][3] == host


# -- header syntax ---------------------------------------------------------------------------------

BAD_LINES = [
    (b" X: 1", "white space before the first name"),
    (b"\tX: 1", "a tab before the first name"),
    (b"X : 1", "a space before the colon"),
    (b"X\t: 1", "a tab before the colon"),
    (b"X: 1\r\n 2", "obs-fold with a space"),
    (b"X: 1\r\n\t2", "obs-fold with a tab"),
    (b"X", "no colon"),
    (b": 1", "an empty name"),
    (b"X: 1\n2: 3", "a bare LF ends a line"),
    (b"X: 1\nY: 3", "a bare LF between lines"),
    (b"X: 1\r2", "a bare CR in a value"),
    (b"X: 1\r", "a bare CR at the end of a value"),
    (b"X: \x00", "NUL in a value"),
    (b"X: \x01", "a control character in a value"),
    (b"X: \x0b", "a vertical tab"),
    (b"X: \x7f", "DEL in a value"),
    (b"X\x00: 1", "NUL in a name"),
    (b"X\x7f: 1", "DEL in a name"),
    (b"X(: 1", "a separator in a name"),
    (b'X"Y": 1', "a quote in a name"),
    (b"X\xc3: 1", "obs-text in a name"),
    (b"X Y: 1", "a space within a name"),
    (b"X\r: 1", "CR in a name"),
    (b"X\n: 1", "LF in a name"),
    (b"\x00", "nothing but NUL"),
    (b"\n", "a bare LF ends the head"),
]


@pytest.mark.parametrize("line", [line for line, _ in BAD_LINES], ids=[why for _, why in BAD_LINES])
def test_malformed_header_lines(codec: Codec, line: bytes) -> None:
    for lines in ((line,), (b"A: b", line), (line, b"A: b")):
        assert statuses(read_every_way(codec, get(*lines), requests=True)) == [400]
        assert statuses(read_every_way(codec, ok(*lines), requests=False)) == [502]
    trailers = b"1\r\nx\r\n0\r\n" + line + b"\r\n\r\n"
    assert statuses(read_every_way(codec, chunked(trailers), requests=True)) == [400]
    assert statuses(read_every_way(codec, chunked_ok(trailers), requests=False)) == [502]


def test_header_lines_end_with_crlf_crlf_only(codec: Codec) -> None:
    for end in (b"\n", b"\n\n", b"\r\r\n", b"\r\n\r\r\n", b"\r\n\n"):
        data = b"GET / HTTP/1.1\r\nHost: a" + end + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        transcript = read_every_way(codec, data, requests=True)
        assert transcript.events[0][:2] == ("error", 400)


@pytest.mark.parametrize(
    ("line", "pair"),
    [
        (b"X:1", (b"X", b"1")),
        (b"X:", (b"X", b"")),
        (b"X: \t ", (b"X", b"")),
        (b"X:\t1 2\t ", (b"X", b"1 2")),
        (b"X: a\tb", (b"X", b"a\tb")),
        (b"X: \xff\x80", (b"X", b"\xff\x80")),
        (b"x-MiXeD: 1", (b"x-MiXeD", b"1")),
        (b"X: a:b: c", (b"X", b"a:b: c")),
        (b"!#$%&'*+-.^_`|~1aZ: 1", (b"!#$%&'*+-.^_`|~1aZ", b"1")),
    ],
)
def test_header_lines(codec: Codec, line: bytes, pair: tuple[bytes, bytes]) -> None:
    transcript = read_every_way(codec, get(line, b"Z: z"), requests=True)
    assert transcript.events[0][4] == [(b"Host", b"a"), pair, (b"Z", b"z")]
    assert transcript.heads[0].get(pair[0].lower()) == pair[1]


# -- lengths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ((b"Content-Length: 5",), 0),
        ((b"content-length:5",), 0),
        ((b"Content-Length: \t5 \t",), 0),
        ((b"Content-Length: 005",), 0),
        ((b"Content-Length:",), 400),
        ((b"Content-Length: +5",), 400),
        ((b"Content-Length: -5",), 400),
        ((b"Content-Length: 5.0",), 400),
        ((b"Content-Length: 0x5",), 400),
        ((b"Content-Length: 5_0",), 400),
        ((b"Content-Length: 5 5",), 400),
        ((b"Content-Length: 5,5",), 400),
        ((b"Content-Length: 5, 5",), 400),
        ((b"Content-Length: 5;",), 400),
        ((b'Content-Length: "5"',), 400),
        ((b"Content-Length: five",), 400),
        ((b"Content-Length: \xb2",), 400),
        ((b"Content-Length: \xd9\xa5",), 400),
        ((b"Content-Length: 1e1",), 400),
        ((b"Content-Length: 18446744073709551621",), 400),
        ((b"Content-Length: 9223372036854775808",), 400),
        ((b"Content-Length: 0000000000000000005",), 400),
        ((b"Content-Length: 5", b"Content-Length: 5"), 400),
        ((b"Content-Length: 5", b"CONTENT-LENGTH: 6"), 400),
        ((b"Content-Length: 5", b"Transfer-Encoding: chunked"), 400),
        ((b"Transfer-Encoding: chunked", b"Content-Length: 5"), 400),
        ((b"Content-Length: 0", b"Transfer-Encoding: chunked"), 400),
        ((b"Content_Length: 9", b"Content-Length: 5"), 0),
        ((b"Content-Lengt: 9", b"Content-Length: 5", b"Xontent-Length: 9"), 0),
    ],
)
def test_content_length(codec: Codec, lines: tuple[bytes, ...], status: int) -> None:
    transcript = read_every_way(codec, post(*lines, body=b"hello"), requests=True)
    if status:
        assert [event[:2] for event in transcript.events] == [("error", status)]
    else:
        assert transcript.events[1:] == [("body", b"hello"), ("end", None)]
        assert transcript.heads[0].content_length == 5
    response = read_every_way(codec, ok(*lines, body=b"hello"), requests=False)
    assert statuses(response) == ([502] if status else [])


@pytest.mark.parametrize("digits", [b"9" * 17, b"9" * 18])
def test_a_huge_content_length_is_read_exactly(codec: Codec, digits: bytes) -> None:
    transcript = read(codec, [post(b"Content-Length: " + digits, body=b"abc")], requests=True)
    assert transcript.heads[0].content_length == int(digits)
    transcript.finish()
    assert statuses(transcript) == [400]


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ((b"Transfer-Encoding: chunked",), 0),
        ((b"transfer-encoding:CHUNKED",), 0),
        ((b"Transfer-Encoding: \tchunked\t",), 0),
        ((b"Transfer-Encoding: gzip, chunked",), 501),
        ((b"Transfer-Encoding: x,chunked",), 501),
        ((b"Transfer-Encoding: chunked;q=1",), 400),
        ((b"Transfer-Encoding: gzip",), 400),
        ((b"Transfer-Encoding: identity",), 400),
        ((b"Transfer-Encoding: chunked, identity",), 400),
        ((b"Transfer-Encoding: chunked, gzip",), 400),
        ((b"Transfer-Encoding: chunked, chunked",), 400),
        ((b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"), 400),
        ((b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"), 400),
        ((b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked"), 400),
        ((b"Transfer-Encoding: chunked", b"Transfer-Encoding:"), 400),
        ((b"Transfer-Encoding:",), 400),
        ((b"Transfer-Encoding: xchunked",), 400),
        ((b"Transfer-Encoding: chunkedx",), 400),
        ((b'Transfer-Encoding: "chunked"',), 400),
        ((b"Transfer-Encoding: chunked,",), 400),
        ((b"Transfer-Encoding: \x0bchunked",), 400),
        ((b"Transfer-Encoding: chun\xadked",), 400),
    ],
)
def test_transfer_encoding(codec: Codec, lines: tuple[bytes, ...], status: int) -> None:
    body = b"5\r\nhello\r\n0\r\n\r\n"
    transcript = read_every_way(codec, post(*lines, body=body), requests=True)
    if status:
        assert [event[:2] for event in transcript.events] == [("error", status)]
    else:
        assert transcript.events[1:] == [("body", b"hello"), ("end", None)]
        assert transcript.heads[0].content_length == -1
        assert transcript.heads[0].get(b"transfer-encoding") is None
    response = read_every_way(codec, ok(*lines, body=body), requests=False)
    assert statuses(response) == ([502] if status else [])


def test_http_1_0_has_no_transfer_encoding(codec: Codec) -> None:
    """RFC 9112 §6.1: a request is refused, a response ends its connection."""
    data = post(b"Transfer-Encoding: chunked", body=b"0\r\n\r\n", version=b"HTTP/1.0")
    assert statuses(read_every_way(codec, data, requests=True)) == [400]
    data = ok(
        b"Transfer-Encoding: chunked",
        b"Connection: keep-alive",
        body=b"1\r\nx\r\n0\r\n\r\n",
        start=b"HTTP/1.0 200 OK",
    )
    transcript = read_every_way(codec, data, requests=False)
    assert bodies(transcript) == [b"x"]
    assert transcript.flags[0][0] is False


# -- chunks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"0\r\n\r\n", b""),
        (b"00000\r\n\r\n", b""),
        (b"1\r\nx\r\n0\r\n\r\n", b"x"),
        (b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde"),
        (b"0a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
        (b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
        (b"000000000000001\r\nx\r\n0\r\n\r\n", b"x"),
        (b'1;a\r\nx\r\n0;b=c;d="e f"\r\n\r\n', b"x"),
        (b"1;\r\nx\r\n0\r\n\r\n", b"x"),
        (b"1;\ta \xff\r\nx\r\n0\r\n\r\n", b"x"),
        (b"2\r\n\r\n\r\n0\r\n\r\n", b"\r\n"),
        (b"5\r\n0\r\n\r\n\r\n0\r\n\r\n", b"0\r\n\r\n"),
        (b"0000000000000001\r\nx\r\n0\r\n\r\n", 400),
        (b"fffffffffffffffff\r\nx\r\n", 400),
        (b"\r\n\r\n", 400),
        (b";a\r\n\r\n", 400),
        (b"g\r\nx\r\n", 400),
        (b"0x1\r\nx\r\n", 400),
        (b"+1\r\nx\r\n", 400),
        (b"-1\r\nx\r\n", 400),
        (b" 1\r\nx\r\n", 400),
        (b"1 \r\nx\r\n", 400),
        (b"1\t;a\r\nx\r\n", 400),
        (b"1 ;a\r\nx\r\n", 400),
        (b"1_0\r\nx\r\n", 400),
        (b"1\nx\r\n0\r\n\r\n", 400),
        (b"1\rx\r\n0\r\n\r\n", 400),
        (b"1\r\r\nx\r\n", 400),
        (b"1;a\nx\r\n0\r\n\r\n", 400),
        (b"1;a\rb\r\nx\r\n0\r\n\r\n", 400),
        (b"1;a\x00\r\nx\r\n0\r\n\r\n", 400),
        (b"1\x00\r\nx\r\n0\r\n\r\n", 400),
        (b"1\r\nxy\r\n0\r\n\r\n", 400),
        (b"1\r\nx\n0\r\n\r\n", 400),
        (b"1\r\nx\r0\r\n\r\n", 400),
        (b"1\r\nx0\r\n\r\n", 400),
        (b"2\r\nx\r\n0\r\n\r\n", 400),
        (b"0\r\n\n", 400),
        (b"0\n\n", 400),
        (b"0\r\n\r\r\n", 400),
    ],
)
def test_chunks(codec: Codec, body: bytes, expected: object) -> None:
    transcript = read_every_way(codec, chunked(body), requests=True)
    response = read_every_way(codec, chunked_ok(body), requests=False)
    if isinstance(expected, int):
        assert statuses(transcript) == [expected]
        assert statuses(response) == [502]
    else:
        for each in (transcript, response):
            assert b"".join(bodies(each)) == expected
            assert each.events[-1] == ("end", None)


def test_chunk_extensions_are_limited(codec: Codec) -> None:
    limit = codec.http1.MAX_CHUNK_LINE
    fits = b"1;" + b"a" * (limit - 2) + b"\r\nx\r\n0\r\n\r\n"
    assert bodies(read_every_way(codec, chunked(fits), requests=True)) == [b"x"]
    beyond = b"1;" + b"a" * (limit - 1) + b"\r\nx\r\n0\r\n\r\n"
    assert statuses(read_every_way(codec, chunked(beyond), requests=True)) == [400]
    endless = b"1;" + b"a" * 10 * limit
    assert statuses(read_every_way(codec, chunked(endless), requests=True)) == [400]


def test_data_before_a_broken_chunk_is_delivered(codec: Codec) -> None:
    transcript = read_every_way(codec, chunked(b"2\r\nab\r\nzz"), requests=True)
    assert kinds(transcript) == ["request", "body", "error"]


# -- trailers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (b"", None),
        (b"X: 1\r\n", [(b"X", b"1")]),
        (b"X: 1\r\ny:2\r\nX: 3\r\n", [(b"X", b"1"), (b"y", b"2"), (b"X", b"3")]),
        (b"X: 1\r\nContent-Length: 5\r\nY: 2\r\n", [(b"X", b"1"), (b"Y", b"2")]),
    ],
)
def test_trailers(codec: Codec, lines: bytes, expected: object) -> None:
    body = b"1\r\nx\r\n0\r\n" + lines + b"\r\n"
    for transcript in (
        read_every_way(codec, chunked(body) + get(), requests=True),
        read_every_way(codec, chunked_ok(body) + ok(b"Content-Length: 0"), requests=False),
    ):
        assert transcript.events[2] == ("end", expected)
        assert transcript.events[-1] == ("end", None)


@pytest.mark.parametrize(
    "name",
    [
        b"Transfer-Encoding",
        b"content-length",
        b"HOST",
        b"Connection",
        b"Keep-Alive",
        b"TE",
        b"Trailer",
        b"Upgrade",
        b"Expect",
        b"Content-Type",
        b"Content-Encoding",
        b"Content-Range",
        b"Authorization",
        b"Set-Cookie",
        b"Cache-Control",
    ],
)
def test_forbidden_trailers_are_dropped(codec: Codec, name: bytes) -> None:
    """RFC 9110 §6.5.1: framing, routing and authentication do not come late."""
    body = b"0\r\nA: 1\r\n" + name + b": chunked\r\nB: 2\r\n\r\n"
    transcript = read_every_way(codec, chunked(body) + get(), requests=True)
    assert transcript.events[1] == ("end", [(b"A", b"1"), (b"B", b"2")])
    assert kinds(transcript) == ["request", "end", "request", "end"]


def test_trailers_do_not_change_the_message(codec: Codec) -> None:
    """What names a length or an option behind the body frames nothing."""
    body = b"0\r\nConnection: close\r\nContent-Length: 9\r\nExpect: x\r\nHost: b\r\n\r\n"
    transcript = read(codec, [chunked(body)], requests=True)
    assert transcript.reader.keep_alive
    assert transcript.heads[0].authority == b"a"


def test_trailers_are_limited(codec: Codec) -> None:
    limit = codec.http1.MAX_TRAILER_BYTES
    line = b"X: " + b"a" * 95 + b"\r\n"
    count = limit // len(line)
    fits = b"0\r\n" + line * count + b"\r\n"
    beyond = b"0\r\n" + line * (count + 1) + b"\r\n"
    for pieces in ([chunked(fits)], _halves(chunked(fits)), _hundreds(chunked(fits))):
        assert kinds(read(codec, pieces, requests=True, max_headers=999))[-1] == "end"
    for pieces in ([chunked(beyond)], _halves(chunked(beyond)), _hundreds(chunked(beyond))):
        assert statuses(read(codec, pieces, requests=True, max_headers=999)) == [431]
    many = b"0\r\n" + b"X:\r\n" * 101 + b"\r\n"
    assert statuses(read_every_way(codec, chunked(many), requests=True)) == [431]


def _halves(data: bytes) -> list[bytes]:
    return [data[: len(data) // 2], data[len(data) // 2 :]]


def _hundreds(data: bytes) -> list[bytes]:
    return [data[at : at + 100] for at in range(0, len(data), 100)]


# -- limits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "limits", "status"),
    [
        (get(b"X: " + b"a" * 75), {"max_head": 107}, 0),
        (get(b"X: " + b"a" * 75), {"max_head": 106}, 431),
        (get(b"X: " + b"a" * 500), {"max_head": 108}, 431),
        (get(*[b"X:"] * 9), {"max_headers": 10}, 0),
        (get(*[b"X:"] * 10), {"max_headers": 10}, 431),
        (get(target=b"/" + b"a" * 200), {"max_head": 100}, 414),
        (b"GET /" + b"a" * 200, {"max_head": 100}, 414),
        (b"A" * 200, {"max_head": 100}, 414),
        (get(target=b"/" + b"a" * 50), {"max_head": 100}, 0),
        (post(b"Content-Length: 5", body=b"hello"), {"max_body": 5}, 0),
        (post(b"Content-Length: 6", body=b"hello!"), {"max_body": 5}, 413),
        (chunked(b"5\r\nhello\r\n0\r\n\r\n"), {"max_body": 5}, 0),
        (chunked(b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"), {"max_body": 5}, 0),
        (chunked(b"3\r\nhel\r\n3\r\nlo!\r\n0\r\n\r\n"), {"max_body": 5}, 413),
        (chunked(b"6\r\nhello!\r\n0\r\n\r\n"), {"max_body": 5}, 413),
        (chunked(b"fffffffffffffff\r\n"), {"max_body": 5}, 413),
    ],
)
def test_limits(codec: Codec, data: bytes, limits: dict[str, int], status: int) -> None:
    transcript = read_every_way(codec, data, requests=True, **limits)
    assert statuses(transcript) == ([status] if status else [])


def test_limits_are_for_one_message(codec: Codec) -> None:
    """Each message of a pipeline has the whole of every limit."""
    data = get(b"X: " + b"a" * 60) + post(b"Content-Length: 5", body=b"hello")
    transcript = read_every_way(codec, data * 3, requests=True, max_head=100, max_body=5)
    assert kinds(transcript).count("end") == 6


def test_a_long_head_is_refused_before_it_ends(codec: Codec) -> None:
    for start, status in ((b"GET / HTTP/1.1\r\nX: ", 431), (b"GET /", 414), (b"G", 414)):
        transcript = read(codec, [start, *[b"a" * 1000] * 9], requests=True)
        assert statuses(transcript) == [status]
    response = read(codec, [b"HTTP/1.1 200 ", *[b"a" * 1000] * 9], requests=False)
    assert statuses(response) == [502]


def test_response_limits(codec: Codec) -> None:
    data = ok(b"X: " + b"a" * 100, b"Content-Length: 0")
    assert statuses(read_every_way(codec, data, requests=False, max_head=100)) == [502]
    assert statuses(read_every_way(codec, data, requests=False, max_headers=1)) == [502]


# -- connection options ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "version", "keep_alive"),
    [
        ((), b"HTTP/1.1", True),
        ((b"Connection: close",), b"HTTP/1.1", False),
        ((b"connection: Close",), b"HTTP/1.1", False),
        ((b"Connection: keep-alive, close",), b"HTTP/1.1", False),
        ((b"Connection: keep-alive", b"Connection: close"), b"HTTP/1.1", False),
        ((b"Connection: x, ,close ,",), b"HTTP/1.1", False),
        ((b"Connection: closed",), b"HTTP/1.1", True),
        ((b"Connection: keep-alive",), b"HTTP/1.1", True),
        ((), b"HTTP/1.0", False),
        ((b"Connection: keep-alive",), b"HTTP/1.0", True),
        ((b"Connection: KEEP-ALIVE",), b"HTTP/1.0", True),
        ((b"Connection: keep-alive, close",), b"HTTP/1.0", False),
        ((b"Proxy-Connection: keep-alive",), b"HTTP/1.0", False),
    ],
)
def test_persistence(
    codec: Codec, lines: tuple[bytes, ...], version: bytes, keep_alive: bool
) -> None:
    transcript = read_every_way(codec, get(*lines, version=version), requests=True)
    assert transcript.flags[0][0] is keep_alive
    assert encoded_request(codec, transcript.heads[0]) == get()
    data = ok(*lines, b"Content-Length: 0", start=version + b" 200 OK")
    transcript = read_every_way(codec, data, requests=False)
    assert transcript.flags[0][0] is keep_alive
    assert encoded_response(codec, transcript.heads[0]) == ok(b"Content-Length: 0")


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        ((b"Connection: x-a", b"X-A: 1", b"X-B: 2"), [b"X-B"]),
        ((b"X-A: 1", b"X-B: 2", b"Connection: X-a , x-B"), []),
        ((b"X-A: 1", b"x-a: 2", b"Connection: x-a", b"X-A: 3", b"X-AB: 4"), [b"X-AB"]),
        ((b"Connection: a", b"Connection: b", b"A: 1", b"B: 1", b"C: 1"), [b"C"]),
        ((b"Keep-Alive: timeout=5", b"Proxy-Connection: close", b"A: 1"), [b"A"]),
        ((b"TE: gzip", b"A: 1"), [b"A"]),
        ((b"Upgrade: x", b"A: 1"), [b"A"]),
        (
            (b"Connection: cookie, authorization", b"Cookie: c", b"Authorization: d"),
            [b"Cookie", b"Authorization"],
        ),
        ((b"Connection: x-forwarded-for", b"X-Forwarded-For: 1"), [b"X-Forwarded-For"]),
        ((b"Connection: content-length", b"Content-Length: 0"), [b"Content-Length"]),
        ((b'Connection: "x-a"', b"X-A: 1"), [b"X-A"]),
    ],
)
def test_hop_by_hop_fields(codec: Codec, lines: tuple[bytes, ...], left: list[bytes]) -> None:
    """RFC 9110 §7.6.1: what Connection names is for us; except what an attacker would name."""
    transcript = read_every_way(codec, get(*lines), requests=True)
    names = [name for name, _ in transcript.events[0][4]]
    assert names == [b"Host", *left]
    assert transcript.heads[0].authority == b"a"


def test_host_cannot_be_named_away(codec: Codec) -> None:
    transcript = read(codec, [get(b"Connection: host, close")], requests=True)
    assert encoded_request(codec, transcript.heads[0]) == get()


def test_connection_options_are_limited(codec: Codec) -> None:
    """Each option costs a search of the head, so an endless list would cost much CPU."""
    fits = b"Connection: " + b", ".join(b"x%d" % number for number in range(32))
    assert kinds(read_every_way(codec, get(fits), requests=True)) == ["request", "end"]
    beyond = b"Connection: " + b",".join([b"x"] * 33)
    assert statuses(read_every_way(codec, get(beyond), requests=True)) == [400]
    assert statuses(read_every_way(codec, ok(beyond), requests=False)) == [502]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((b"TE: trailers",), True),
        ((b"TE: gzip, Trailers",), True),
        ((b"TE: trailers", b"TE: gzip"), True),
        ((b"TE: trailers;q=0.5",), True),
        ((b"TE: gzip",), False),
        ((b"TE: xtrailers",), False),
        ((b"TE:",), False),
        ((), False),
    ],
)
def test_te(codec: Codec, lines: tuple[bytes, ...], expected: bool) -> None:
    head = read_every_way(codec, get(*lines), requests=True).heads[0]
    assert head.te_trailers is expected
    assert head.get(b"te") is None


@pytest.mark.parametrize(
    ("lines", "version", "expected"),
    [
        ((b"Connection: Upgrade", b"Upgrade: websocket"), b"HTTP/1.1", b"websocket"),
        ((b"Upgrade: websocket", b"Connection: keep-alive, upgrade"), b"HTTP/1.1", b"websocket"),
        ((b"Connection: upgrade", b"Upgrade: a/1, b"), b"HTTP/1.1", b"a/1, b"),
        ((b"Connection: upgrade", b"Upgrade: a", b"Upgrade: b"), b"HTTP/1.1", b"a, b"),
        ((b"Upgrade: websocket",), b"HTTP/1.1", None),
        ((b"Connection: upgrade",), b"HTTP/1.1", None),
        ((b"Connection: upgrade", b"Upgrade:"), b"HTTP/1.1", None),
        ((b"Connection: upgrade", b"Upgrade: websocket"), b"HTTP/1.0", None),
        (
            (b"Connection: upgrade, http2-settings", b"Upgrade: h2c", b"HTTP2-Settings: A"),
            b"HTTP/1.1",
            None,
        ),
        ((b"Connection: upgrade", b"Upgrade: websocket, H2C"), b"HTTP/1.1", None),
    ],
)
def test_upgrade(
    codec: Codec, lines: tuple[bytes, ...], version: bytes, expected: bytes | None
) -> None:
    """h2c is never passed on: behind a 101 requests would pass that no route has seen."""
    transcript = read_every_way(codec, get(*lines, version=version), requests=True)
    assert transcript.heads[0].upgrade == expected
    assert transcript.events[0][4] == [(b"Host", b"a")]


def test_an_upgrade_has_no_body(codec: Codec) -> None:
    """Some parsers take what follows its head for the other protocol already."""
    lines = (b"Connection: upgrade", b"Upgrade: websocket")
    for data in (
        post(*lines, b"Content-Length: 1", body=b"x"),
        post(*lines, b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    ):
        assert read_every_way(codec, data, requests=True).heads[0].upgrade is None
    head = read(codec, [post(*lines, b"Content-Length: 0")], requests=True).heads[0]
    assert head.upgrade == b"websocket"


@pytest.mark.parametrize(
    ("line", "version", "expected"),
    [
        (b"Expect: 100-continue", b"HTTP/1.1", True),
        (b"expect:100-Continue", b"HTTP/1.1", True),
        (b"Expect: 100-continue", b"HTTP/1.0", False),
        (b"Expect: 200-ok", b"HTTP/1.1", 417),
        (b"Expect: 100-continue, x", b"HTTP/1.1", 417),
        (b"Expect:", b"HTTP/1.1", 417),
    ],
)
def test_expect(codec: Codec, line: bytes, version: bytes, expected: object) -> None:
    data = post(line, b"Content-Length: 1", body=b"x", version=version)
    transcript = read_every_way(codec, data, requests=True)
    if isinstance(expected, bool):
        assert transcript.flags[0][1] is expected
    else:
        assert statuses(transcript) == [expected]


def test_timeout_headers_are_announced(codec: Codec) -> None:
    for line, expected in (
        (b"x-mosn-try-timeout: 1", True),
        (b"X-Mosn-Global-Timeout: 1", True),
        (b"X-Mosn: 1", False),
    ):
        head = read(codec, [get(line)], requests=True).heads[0]
        assert head.timeouts is expected


# -- responses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (b"HTTP/1.1 200 OK", (200, b"OK")),
        (b"HTTP/1.0 404 Not Found", (404, b"Not Found")),
        (b"HTTP/1.1 200 ", (200, b"OK")),
        (b"HTTP/1.1 404 ", (404, b"")),
        (b"HTTP/1.1 404", (404, b"")),
        (b"HTTP/1.1 999 \xe4\xbd\xa0\tx", (999, b"\xe4\xbd\xa0\tx")),
        (b"HTTP/1.1 99 x", 502),
        (b"HTTP/1.1 099 x", 502),
        (b"HTTP/1.1 1000 x", 502),
        (b"HTTP/1.1 2x0 x", 502),
        (b"HTTP/1.1 -20 x", 502),
        (b"HTTP/1.1  200 x", 502),
        (b"HTTP/1.1\t200 x", 502),
        (b"HTTP/1.1 200\tx", 502),
        (b"HTTP/1.1 200 a\x00", 502),
        (b"HTTP/1.1 200 a\rb", 502),
        (b"HTTP/1.1 200 a\nb", 502),
        (b"HTTP/1.1 200\n", 502),
        (b"HTTP/2.0 200 x", 502),
        (b"HTTP/2 200", 502),
        (b"HTTP/0.9 200 x", 502),
        (b"http/1.1 200 x", 502),
        (b"ICY 200 OK", 502),
        (b" HTTP/1.1 200 OK", 502),
        (b"\r\nHTTP/1.1 200 OK", 502),
        (b"HTTP/1.1", 502),
        (b"<html>", 502),
        (b"x", 502),
        (b"", 502),
    ],
)
def test_status_line(codec: Codec, start: bytes, expected: object) -> None:
    data = ok(b"Content-Length: 0", start=start)
    transcript = read_every_way(codec, data, requests=False)
    if isinstance(expected, int):
        assert [event[:2] for event in transcript.events] == [("error", expected)]
    else:
        assert transcript.events[0][1:3] == expected
        assert transcript.events[1:] == [("end", None)]


def test_a_status_line_always_has_its_second_space(codec: Codec) -> None:
    """RFC 9112 §4 requires the space even where the reason is missing."""
    for given, expected in (
        (b"HTTP/1.1 404", b"HTTP/1.1 404 Not Found"),
        (b"HTTP/1.1 404 ", b"HTTP/1.1 404 "),
        (b"HTTP/1.1 799", b"HTTP/1.1 799 "),
        (b"HTTP/1.0 404 x", b"HTTP/1.1 404 x"),
    ):
        data = ok(b"Content-Length: 0", start=given)
        head = read(codec, [data], requests=False).heads[0]
        assert encoded_response(codec, head) == ok(b"Content-Length: 0", start=expected)


FINAL: list[Event] = [("response", 200, b"OK", [(b"Content-Length", b"0")]), ("end", None)]


@pytest.mark.parametrize(
    ("data", "method", "expected"),
    [
        (ok(b"Content-Length: 2", body=b"hi"), b"GET", [b"hi"]),
        (ok(b"Content-Length: 0"), b"GET", []),
        (ok(b"Content-Length: 2"), b"HEAD", []),
        (ok(b"Transfer-Encoding: chunked"), b"HEAD", []),
        (ok(), b"HEAD", []),
        (ok(start=b"HTTP/1.1 204 No Content"), b"GET", []),
        (ok(b"Content-Length: 2", start=b"HTTP/1.1 204 No Content"), b"GET", []),
        (ok(b"Transfer-Encoding: chunked", start=b"HTTP/1.1 204 No Content"), b"GET", []),
        (ok(start=b"HTTP/1.1 304 Not Modified"), b"GET", []),
        (ok(b"Content-Length: 2", start=b"HTTP/1.1 304 Not Modified"), b"GET", []),
        (ok(b"Transfer-Encoding: chunked", start=b"HTTP/1.1 304 Not Modified"), b"GET", []),
        (ok(b"Content-Length: 0", start=b"HTTP/1.1 205 Reset Content"), b"GET", []),
    ],
)
def test_response_bodies(codec: Codec, data: bytes, method: bytes, expected: list[bytes]) -> None:
    """What follows a message is the next one, whatever its head says about a body."""
    data += ok(b"Content-Length: 0")
    transcript = read_every_way(codec, data, requests=False, methods=[method])
    assert bodies(transcript) == expected
    assert transcript.events[-2:] == FINAL


def test_lengths_where_no_body_can_be(codec: Codec) -> None:
    """RFC 9110 §8.6: no Content-Length with 1xx, 204 and 2xx to CONNECT; it stays elsewhere."""
    for start, method, kept in (
        (b"HTTP/1.1 103 Early Hints", b"GET", False),
        (b"HTTP/1.1 204 No Content", b"GET", False),
        (b"HTTP/1.1 204 No Content", b"HEAD", False),
        (b"HTTP/1.1 200 OK", b"CONNECT", False),
        (b"HTTP/1.1 101 Switching Protocols", b"GET", False),
        (b"HTTP/1.1 304 Not Modified", b"GET", True),
        (b"HTTP/1.1 200 OK", b"HEAD", True),
        (b"HTTP/1.1 200 OK", b"GET", True),
    ):
        data = ok(b"Content-Length: 7", start=start)
        head = read(codec, [data], requests=False, methods=[method]).heads[0]
        assert head.content_length == (7 if kept else -1), (start, method)
        assert head.get(b"content-length") == (b"7" if kept else None), (start, method)


@pytest.mark.parametrize(
    "status", [b"100 Continue", b"102 Processing", b"103 Early Hints", b"199 x"]
)
def test_interim_responses(codec: Codec, status: bytes) -> None:
    interim = ok(b"Link: x", start=b"HTTP/1.1 " + status)
    transcript = read_every_way(codec, interim * 3 + ok(b"Content-Length: 0"), requests=False)
    assert kinds(transcript) == ["response"] * 4 + ["end"]


def test_close_delimited(codec: Codec) -> None:
    for data in (ok(body=b"all of it"), ok(body=b"all of it", start=b"HTTP/1.0 200 OK")):
        transcript = read_every_way(codec, data, requests=False, eof=True)
        assert transcript.events[1:] == [("body", b"all of it"), ("end", None)]
        assert transcript.flags[0][0] is False
        transcript = read_every_way(codec, data, requests=False)
        assert kinds(transcript) == ["response"]
    transcript = read_every_way(codec, ok(), requests=False, eof=True)
    assert kinds(transcript) == ["response", "end"]


@pytest.mark.parametrize(
    ("data", "methods", "rest"),
    [
        (ok(start=b"HTTP/1.1 101 Switching Protocols"), [], b"\x81\x00"),
        (ok(start=b"HTTP/1.1 200 OK"), [b"CONNECT"], b"\x16\x03"),
        (ok(start=b"HTTP/1.1 299 x"), [b"CONNECT"], b""),
        (ok(b"Content-Length: 5"), [b"CONNECT"], b"abc"),
        (ok(b"Transfer-Encoding: chunked"), [b"CONNECT"], b"0\r\n\r\n"),
    ],
)
def test_tunnels(codec: Codec, data: bytes, methods: list[bytes], rest: bytes) -> None:
    transcript = read_every_way(codec, data + rest, requests=False, methods=methods, eof=True)
    assert kinds(transcript) == ["response", "tunnel"]
    assert transcript.events[-1] == ("tunnel", rest)


def test_a_refused_connect_is_an_ordinary_response(codec: Codec) -> None:
    data = ok(b"Content-Length: 2", body=b"no", start=b"HTTP/1.1 403 Forbidden")
    transcript = read_every_way(codec, data, requests=False, methods=[b"CONNECT"])
    assert bodies(transcript) == [b"no"]


# -- the end of the stream -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"G",
        b"GET / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r",
        post(b"Content-Length: 5", body=b"hell"),
        chunked(b""),
        chunked(b"5"),
        chunked(b"5\r\nhello"),
        chunked(b"5\r\nhello\r\n"),
        chunked(b"5\r\nhello\r\n0\r\n"),
        chunked(b"5\r\nhello\r\n0\r\nX: y\r\n"),
    ],
)
def test_cut_requests(codec: Codec, data: bytes) -> None:
    transcript = read_every_way(codec, data, requests=True, eof=True)
    assert statuses(transcript) == [400]
    assert "end" not in kinds(transcript)


@pytest.mark.parametrize(
    "data",
    [
        b"H",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nX: y\r\n",
        ok(b"Content-Length: 5", body=b"hell"),
        chunked_ok(b"5\r\nhello\r\n"),
        chunked_ok(b"5\r\nhello\r\n0\r\n"),
    ],
)
def test_cut_responses(codec: Codec, data: bytes) -> None:
    transcript = read_every_way(codec, data, requests=False, eof=True)
    assert statuses(transcript) == [502]
    assert "end" not in kinds(transcript)


def test_the_end_between_messages_is_no_error(codec: Codec) -> None:
    assert read_every_way(codec, b"", requests=True, eof=True).events == []
    transcript = read_every_way(codec, get() * 2, requests=True, eof=True)
    assert kinds(transcript) == ["request", "end"] * 2


def test_the_first_error_is_the_one_that_stays(codec: Codec) -> None:
    reader = codec.http1.MessageReader(True)
    reader.feed(b"GET / HTTP/2.0\r\n\r\n")
    assert reader.next() == codec.http1.ERROR
    assert reader.finish() == codec.http1.ERROR
    assert reader.error_status == 505


# -- pipelines -------------------------------------------------------------------------------------


def test_pipelined_requests(codec: Codec) -> None:
    data = (
        get(target=b"/1")
        + post(b"Content-Length: 3", body=b"abc")
        + chunked(b"2\r\nde\r\n0\r\nX: y\r\n\r\n")
        + b"\r\n"
        + get(target=b"/2")
    )
    transcript = read_every_way(codec, data, requests=True)
    assert kinds(transcript) == [
        "request",
        "end",
        "request",
        "body",
        "end",
        "request",
        "body",
        "end",
        "request",
        "end",
    ]
    assert [event[2] for event in transcript.events if event[0] == "request"] == [
        b"/1",
        b"/",
        b"/",
        b"/2",
    ]


def test_requests_that_share_a_buffer_are_forwarded_apart(codec: Codec) -> None:
    first = get(b"A: 1")
    second = post(b"Content-Length: 2", b"B: 2", body=b"hi")
    transcript = read(codec, [first + second + first], requests=True)
    assert [encoded_request(codec, head) for head in transcript.heads] == [
        first,
        second[:-2],
        first,
    ]


def test_pending_and_rest(codec: Codec) -> None:
    reader = codec.http1.MessageReader(True)
    reader.feed(get() + b"rest")
    assert reader.next() == codec.http1.HEAD
    assert reader.pending() == 4
    assert reader.take_rest() == b"rest"
    assert reader.pending() == 0
    assert reader.next() == codec.http1.NEED_DATA


# -- writing ---------------------------------------------------------------------------------------


def test_an_unchanged_request_is_forwarded_as_it_came(codec: Codec) -> None:
    data = get(b"x-MiXeD:  odd\tspacing \t", b"A:1", b"a:2", target=b"/%2e/?a=b&&")
    head = read(codec, [data], requests=True).heads[0]
    assert encoded_request(codec, head) == data
    output = OutputQueue()
    codec.http1.write_request(head, b"", output)
    assert output.sources() == [head.raw]
    assert output.sources()[0] is head.raw


@pytest.mark.parametrize("pad", [b"", b"\r\n", b"GET / HTTP/1.1\r\nHost: z\r\n\r\n"])
def test_edits_of_a_request(codec: Codec, pad: bytes) -> None:
    head = read(codec, [pad + get(b"A: 1", b"B: 2", b"A: 3") + b"GET"], requests=True).heads[-1]
    head.set(b"B", b"4")
    assert head.remove(b"a")
    assert not head.remove(b"a")
    assert head.items() == [(b"Host", b"a"), (b"B", b"4")]
    assert encoded_request(codec, head) == get(b"B: 4")
    assert encoded_request(codec, head, b"T: 5\r\n") == get(b"B: 4", b"T: 5")
    head.method, head.target, head.start = b"PUT", b"/new", -1
    assert encoded_request(codec, head, b"T: 5\r\n") == (
        b"PUT /new HTTP/1.1\r\nHost: a\r\nB: 4\r\nT: 5\r\n\r\n"
    )


def test_edits_of_a_response(codec: Codec) -> None:
    data = ok(b"A: 1", b"Connection: close", b"Content-Length: 2", body=b"hi")
    head = read(codec, [data], requests=False).heads[0]
    assert encoded_response(codec, head) == ok(b"A: 1", b"Content-Length: 2")
    head.add(b"B", b"2")
    assert encoded_response(codec, head, b"C: 3\r\n") == (
        ok(b"A: 1", b"Content-Length: 2", b"B: 2", b"C: 3")
    )
    head.status, head.reason, head.start = 299, b"", -1
    assert encoded_response(codec, head).startswith(b"HTTP/1.1 299 \r\nA: 1\r\n")


def test_heads_of_our_own(codec: Codec) -> None:
    head = codec.message.ResponseHead(503)
    head.start = -1
    head.add(b"A", b"1")
    assert encoded_response(codec, head) == ok(b"A: 1", start=b"HTTP/1.1 503 Service Unavailable")
    request = codec.message.RequestHead()
    request.start = -1
    request.add(b"Host", b"a")
    assert encoded_request(codec, request, b"B: 2\r\n") == get(b"B: 2")


def test_chunk_encoding(codec: Codec) -> None:
    assert codec.http1.chunk_prefix(1) == b"1\r\n"
    assert codec.http1.chunk_prefix(255) == b"ff\r\n"
    assert codec.http1.last_chunk(None) == b"0\r\n\r\n"
    transcript = read(codec, [chunked(b"0\r\nA: 1\r\nHost: b\r\nB: 2\r\n\r\n")], requests=True)
    trailers = transcript.reader.trailers
    assert codec.http1.last_chunk(trailers) == b"0\r\nA: 1\r\nB: 2\r\n\r\n"
    assert codec.http1.reason(404) == b"Not Found"
    assert codec.http1.reason(799) == b""


# -- heads (message.py) ----------------------------------------------------------------------------


def test_lookups(codec: Codec) -> None:
    lines = b"Aa: 1\r\nAaa: 2\r\naA:\t3 \r\nB:\r\n"
    head = codec.message.Head(b"xx" + lines + b"\r\n", 2, 2 + len(lines))
    assert head.get(b"aa") == b"1"
    assert head.get_all(b"aa") == [b"1", b"3"]
    assert head.get(b"a") is None
    assert head.get(b"b") == b""
    assert head.get(b"") is None
    head.add(b"AA", b"4")
    assert head.get_all(b"aa") == [b"1", b"3", b"4"]
    head.set(b"Aaa", b"5")
    assert head.lines() == b"Aa: 1\r\naA:\t3 \r\nB:\r\nAA: 4\r\nAaa: 5\r\n"
    assert head.remove(b"aa")
    assert head.lines() == b"B:\r\nAaa: 5\r\n"
    assert head.get(b"aa") is None


def test_cuts_in_any_order(codec: Codec) -> None:
    lines = [b"%c: 1\r\n" % letter for letter in b"abcdef"]
    block = b"".join(lines)
    for order in ((0, 2, 4), (4, 2, 0), (2, 4, 0), (5, 0, 3), (1, 0, 2)):
        head = codec.message.Head(block, 0, len(block))
        for index in order:
            head.cut(index * 6, index * 6 + 6)
        expected = b"".join(line for index, line in enumerate(lines) if index not in order)
        assert head.lines() == expected


@pytest.mark.parametrize(
    ("name", "value", "valid"),
    [
        (b"X-A", b"ok \t\xff", True),
        (b"X", b"", True),
        (b"", b"x", False),
        (b"X Y", b"x", False),
        (b"X:", b"x", False),
        (b"X\r\n", b"x", False),
        (b"X", b"a\r\nB: c", False),
        (b"X", b"a\nb", False),
        (b"X", b"\x00", False),
        (b"X", b"\x7f", False),
    ],
)
def test_check_field(codec: Codec, name: bytes, value: bytes, valid: bool) -> None:
    if valid:
        codec.message.check_field(name, value)
    else:
        with pytest.raises(ValueError, match=r"not a header name|control character"):
            codec.message.check_field(name, value)


def test_both_builds_are_what_they_claim(codec: Codec) -> None:
    assert codec.http1.__file__.endswith(".py") is (codec.name == "interpreted")
    assert codec.message.__file__.endswith(".py") is (codec.name == "interpreted")
