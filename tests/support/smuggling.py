"""Requests and responses that two parsers have been known to read differently.

Every entry carries a second message, ``/smuggled``, where an attacker would hide one.  ``REFUSED``
must never be accepted as a whole; ``FRAMED`` is accepted, with the bodies that it has.
"""

HOST = b"Host: a\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
HELLO = b"5\r\nhello\r\n0\r\n\r\n"


def _post(*lines: bytes, body: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    return b"POST / " + version + b"\r\n" + HOST + b"".join(lines) + b"\r\n" + body


def _te_cl(line: bytes) -> bytes:
    """Return a request whose body is empty for who reads ``line`` as chunked, else the rest."""
    body = b"0\r\n\r\n" + SMUGGLED
    return _post(b"Content-Length: %d\r\n" % len(body), line, body=body)


_LENGTHS = {
    "plus": b"+5",
    "minus": b"-5",
    "hex": b"0x5",
    "underscore": b"5_0",
    "float": b"5.0",
    "exponent": b"5e0",
    "list": b"5, 5",
    "list different": b"5, 0",
    "spaces": b"5 5",
    "empty": b"",
    "quoted": b'"5"',
    "semicolon": b"5;",
    "comma": b"5,",
    "leading comma": b",5",
    "NUL": b"5\x00",
    "NUL between": b"5\x000",
    "vertical tab": b"\x0b5",
    "form feed": b"5\x0c",
    "CR": b"5\r",
    "CR between": b"5\r0",
    "DEL": b"5\x7f",
    "nbsp": b"\xa05",
    "arabic": b"\xd9\xa5",
    "superscript": b"\xc2\xb5",
    "wraps 64 bits": b"18446744073709551621",
    "wraps 32 bits twice": b"79228162514264337593543950341",
    "octal": b"0o5",
    "letter": b"5a",
    "newline": b"5\n",
    "fold": b"\r\n 5",
    "fold behind": b"5\r\n 0",
    "bracket": b"[5]",
    "tab between": b"5\t5",
    "plus zero": b"+0",
    "minus zero": b"-0",
    "nothing but space": b" \t ",
}
_ENCODINGS = {
    "identity first": b"Transfer-Encoding: identity, chunked",
    "identity last": b"Transfer-Encoding: chunked, identity",
    "x": b"Transfer-Encoding: x",
    "xchunked": b"Transfer-Encoding: xchunked",
    "chunkedx": b"Transfer-Encoding: chunkedx",
    "cow": b"Transfer-Encoding: cow",
    "quoted": b'Transfer-Encoding: "chunked"',
    "single quoted": b"Transfer-Encoding: 'chunked'",
    "parameter": b"Transfer-Encoding: chunked;q=0",
    "comma": b"Transfer-Encoding: chunked,",
    "leading comma": b"Transfer-Encoding: ,chunked",
    "semicolon": b"Transfer-Encoding: chunked;",
    "twice": b"Transfer-Encoding: chunked, chunked",
    "two lines": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "two lines cow": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: cow",
    "cow two lines": b"Transfer-Encoding: cow\r\nTransfer-Encoding: chunked",
    "identity two lines": b"Transfer-Encoding: identity\r\nTransfer-encoding: chunked",
    "empty two lines": b"Transfer-Encoding:\r\nTransfer-Encoding: chunked",
    "space before colon": b"Transfer-Encoding : chunked",
    "tab before colon": b"Transfer-Encoding\t: chunked",
    "leading space": b" Transfer-Encoding: chunked",
    "leading tab": b"\tTransfer-Encoding: chunked",
    "fold": b"Transfer-Encoding:\r\n chunked",
    "fold tab": b"Transfer-Encoding:\r\n\tchunked",
    "fold in value": b"Transfer-Encoding: chun\r\n ked",
    "fold into the one before": b"X: y\r\n Transfer-Encoding: chunked",
    "vertical tab": b"Transfer-Encoding: \x0bchunked",
    "form feed": b"Transfer-Encoding: \x0cchunked",
    "vertical tab behind": b"Transfer-Encoding: chunked\x0b",
    "NUL": b"Transfer-Encoding: chunked\x00",
    "NUL before": b"Transfer-Encoding: \x00chunked",
    "NUL in name": b"Transfer\x00-Encoding: chunked",
    "NUL line": b"\x00Transfer-Encoding: chunked",
    "DEL": b"Transfer-Encoding: chunked\x7f",
    "bare CR": b"Transfer-Encoding: chunked\rX: y",
    "CR behind": b"Transfer-Encoding: chunked\r",
    "bare LF before": b"X: y\nTransfer-Encoding: chunked",
    "bare CR before": b"X: y\rTransfer-Encoding: chunked",
    "LF CR": b"X: y\n\rTransfer-Encoding: chunked",
    "CR CR LF": b"X: y\r\r\nTransfer-Encoding: chunked",
    "bare LF behind": b"Transfer-Encoding: chunked\nX: y",
    "empty": b"Transfer-Encoding:",
    "no colon": b"Transfer-Encoding chunked",
    "equals": b"Transfer-Encoding= chunked",
    "nbsp": b"Transfer-Encoding:\xa0chunked",
    "soft hyphen": b"Transfer-Encoding: chunked\xad",
    "long s": b"Tran\xc5\xbffer-Encoding: chunked",
    "kelvin": b"Transfer-Encoding: chun\xe2\x84\xaaed",
    "upper case": b"TRANSFER-ENCODING: CHUNKED",
    "mixed case": b"tRaNsFeR-eNcOdInG: cHuNkEd",
    "tab": b"Transfer-Encoding:\tchunked",
    "no space": b"Transfer-Encoding:chunked",
    "trailing space": b"Transfer-Encoding: chunked ",
    "many spaces": b"Transfer-Encoding:  \t chunked\t",
    "gzip": b"Transfer-Encoding: gzip",
    "gzip, chunked": b"Transfer-Encoding: gzip, chunked",
    "compress": b"Transfer-Encoding: compress",
}
_CHUNKS = {
    "plus": b"+5\r\nhello\r\n0\r\n\r\n",
    "hex prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
    "minus": b"-5\r\nhello\r\n0\r\n\r\n",
    "underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
    "leading space": b" 5\r\nhello\r\n0\r\n\r\n",
    "trailing space": b"5 \r\nhello\r\n0\r\n\r\n",
    "trailing tab": b"5\t\r\nhello\r\n0\r\n\r\n",
    "space before extension": b"5 ;a\r\nhello\r\n0\r\n\r\n",
    "bare LF": b"5\nhello\r\n0\r\n\r\n",
    "bare CR": b"5\rhello\r\n0\r\n\r\n",
    "LF behind data": b"5\r\nhello\n0\r\n\r\n",
    "CR behind data": b"5\r\nhello\r0\r\n\r\n",
    "nothing behind data": b"5\r\nhello0\r\n\r\n",
    "any two bytes behind data": b"5\r\nhelloXX0\r\n\r\n",
    "LF in extension": b"5;a\nhello\r\n0\r\n\r\n",
    "CR in extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "NUL in extension": b"5;\x00\r\nhello\r\n0\r\n\r\n",
    "NUL": b"5\x00\r\nhello\r\n0\r\n\r\n",
    "size wraps 64 bits": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "size wraps 32 bits": b"100000005\r\nhello\r\n0\r\n\r\n",
    "sixteen digits": b"0000000000000005\r\nhello\r\n0\r\n\r\n",
    "empty size": b"\r\nhello\r\n0\r\n\r\n",
    "only extension": b";a\r\nhello\r\n0\r\n\r\n",
    "comma": b"5,\r\nhello\r\n0\r\n\r\n",
    "CR CR LF": b"5\r\r\nhello\r\n0\r\n\r\n",
    "no last CRLF": b"5\r\nhello\r\n0\r\n",
    "LF ends": b"5\r\nhello\r\n0\r\n\n",
    "LF LF ends": b"5\r\nhello\r\n0\n\n",
    "last plus": b"5\r\nhello\r\n+0\r\n\r\n",
    "too short": b"4\r\nhello\r\n0\r\n\r\n",
    "too long": b"6\r\nhello\r\n0\r\n\r\n",
    "full-width digit": b"\xef\xbc\x95\r\nhello\r\n0\r\n\r\n",
    "folded trailer": b"5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n",
    "trailer with space": b"5\r\nhello\r\n0\r\nX : y\r\n\r\n",
    "trailer with LF": b"5\r\nhello\r\n0\r\nX: y\n\r\n",
    "trailer without colon": b"5\r\nhello\r\n0\r\nX\r\n\r\n",
    "two terminators": b"5\r\nhello\r\n0\r\n0\r\n\r\n",
}
_LINES = {
    "0.9": b"GET /smuggled\r\n",
    "0.9 with version": b"GET / HTTP/0.9\r\n" + HOST + b"\r\n",
    "2.0": b"GET / HTTP/2.0\r\n" + HOST + b"\r\n",
    "preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "two versions": b"GET / HTTP/1.1 HTTP/1.1\r\n" + HOST + b"\r\n",
    "space in target": b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "tab for space": b"GET\t/\tHTTP/1.1\r\n" + HOST + b"\r\n",
    "two spaces": b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n",
    "leading space": b" GET / HTTP/1.1\r\n" + HOST + b"\r\n",
    "leading LF": b"\nGET / HTTP/1.1\r\n" + HOST + b"\r\n",
    "leading CR": b"\rGET / HTTP/1.1\r\n" + HOST + b"\r\n",
    "leading NUL": b"\x00GET / HTTP/1.1\r\n" + HOST + b"\r\n",
    "LF for CRLF": b"GET / HTTP/1.1\n" + HOST + b"\r\n",
    "LF everywhere": b"GET / HTTP/1.1\nHost: a\n\n",
    "CR for CRLF": b"GET / HTTP/1.1\r" + HOST + b"\r\n",
    "NUL in target": b"GET /\x00 HTTP/1.1\r\n" + HOST + b"\r\n",
    "CR in target": b"GET /\r HTTP/1.1\r\n" + HOST + b"\r\n",
    "LF in target": b"GET /\nHost:a HTTP/1.1\r\n" + HOST + b"\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\n" + HOST + b"Host: b\r\n\r\n",
    "Host with space": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "folded Host": b"GET / HTTP/1.1\r\n Host: a\r\n" + HOST + b"\r\n",
    "Host with user": b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "Host with path": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "Host list": b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "target with user": b"GET http://a@b/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "target without host": b"GET http:///p HTTP/1.1\r\n" + HOST + b"\r\n",
    "authority for GET": b"GET a:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    "CONNECT path": b"CONNECT / HTTP/1.1\r\n" + HOST + b"\r\n",
    "CONNECT with length": b"CONNECT a:1 HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: %d\r\n\r\n" % len(SMUGGLED),
    "CONNECT chunked": b"CONNECT a:1 HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n" + HELLO,
    "method with colon": b"GET: / HTTP/1.1\r\n" + HOST + b"\r\n",
    "lower-case version": b"GET / http/1.1\r\n" + HOST + b"\r\n",
    "version of three": b"GET / HTTP/1.1.1\r\n" + HOST + b"\r\n",
    "version 1.10": b"GET / HTTP/1.10\r\n" + HOST + b"\r\n",
    "empty name": b"GET / HTTP/1.1\r\n" + HOST + b": x\r\n\r\n",
    "response": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
}

REFUSED: dict[str, bytes] = {
    **{
        f"length: {name}": _post(b"Content-Length: " + value + b"\r\n", body=b"hello") + SMUGGLED
        for name, value in _LENGTHS.items()
    },
    **{
        f"CL.TE: {name}": _te_cl(line + b"\r\n")
        for name, line in _ENCODINGS.items()
        if name not in ("fold into the one before",)
    },
    **{
        f"TE alone: {name}": _post(line + b"\r\n", body=HELLO) + SMUGGLED
        for name, line in _ENCODINGS.items()
        if name
        not in ("upper case", "mixed case", "tab", "no space", "trailing space", "many spaces")
    },
    **{f"chunk: {name}": _post(CHUNKED, body=body) + SMUGGLED for name, body in _CHUNKS.items()},
    **{f"line: {name}": data + SMUGGLED for name, data in _LINES.items()},
    "CL.TE fold": _te_cl(b"X: y\r\n Transfer-Encoding: chunked\r\n"),
    "CL.CL": _post(b"Content-Length: 0\r\n", b"Content-Length: 5\r\n", body=b"hello") + SMUGGLED,
    "CL.CL same": _post(b"Content-Length: 5\r\n", b"Content-Length: 5\r\n", body=b"hello")
    + SMUGGLED,
    "CL.CL case": _post(b"Content-Length: 5\r\n", b"content-length: 0\r\n", body=b"hello")
    + SMUGGLED,
    "TE.CL": _post(b"Content-Length: 4\r\n", CHUNKED, body=b"5c\r\n" + SMUGGLED + b"\r\n0\r\n\r\n"),
    "TE.CL reversed": _post(
        CHUNKED, b"Content-Length: 4\r\n", body=b"5c\r\n" + SMUGGLED + b"\r\n0\r\n\r\n"
    ),
    "TE.0": _post(CHUNKED, b"Content-Length: 0\r\n", body=HELLO) + SMUGGLED,
    "TE in 1.0": _post(CHUNKED, body=HELLO, version=b"HTTP/1.0") + SMUGGLED,
    "CL with space": _post(b"Content-Length : 5\r\n", body=b"hello") + SMUGGLED,
    "CL with CR": _post(b"Content-Length\r: 5\r\n", body=b"hello") + SMUGGLED,
    "CL with NUL": _post(b"Content-Length\x00: 5\r\n", body=b"hello") + SMUGGLED,
    "CL with leading space": _post(b" Content-Length: 5\r\n", body=b"hello") + SMUGGLED,
    "CL behind LF": _post(b"X: y\nContent-Length: 5\r\n", body=b"hello") + SMUGGLED,
    "CL behind CR": _post(b"X: y\rContent-Length: 5\r\n", body=b"hello") + SMUGGLED,
    "head ends with LF LF": b"POST / HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: 5\n\nhello"
    + SMUGGLED,
    "head ends with CR LF LF": b"POST / HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: 5\r\n\nhello"
    + SMUGGLED,
    "expectation": _post(b"Expect: 100-continued\r\n", b"Content-Length: 5\r\n", body=b"hello")
    + SMUGGLED,
}
"""Refused before ``/smuggled`` would be forwarded."""

FRAMED: dict[str, tuple[bytes, list[bytes]]] = {
    "plain": (_post(b"Content-Length: 5\r\n", body=b"hello") + SMUGGLED, [b"hello", b""]),
    "leading zeros": (
        _post(b"Content-Length: 0005\r\n", body=b"hello") + SMUGGLED,
        [b"hello", b""],
    ),
    "tabs around a length": (
        _post(b"Content-Length:\t5\t\r\n", body=b"hello") + SMUGGLED,
        [b"hello", b""],
    ),
    "length 0": (_post(b"Content-Length: 0\r\n") + SMUGGLED, [b"", b""]),
    "no length": (_post() + SMUGGLED, [b"", b""]),
    "GET with body": (
        b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello" + SMUGGLED,
        [b"hello", b""],
    ),
    "GET chunked": (
        b"GET / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n" + HELLO + SMUGGLED,
        [b"hello", b""],
    ),
    "HEAD with body": (
        b"HEAD / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello" + SMUGGLED,
        [b"hello", b""],
    ),
    **{
        f"chunked: {name}": (
            _post(_ENCODINGS[name] + b"\r\n", body=HELLO) + SMUGGLED,
            [b"hello", b""],
        )
        for name in ("upper case", "mixed case", "tab", "no space", "trailing space", "many spaces")
    },
    "a request in a body": (
        _post(b"Content-Length: %d\r\n" % len(SMUGGLED), body=SMUGGLED) + SMUGGLED,
        [SMUGGLED, b""],
    ),
    "a request in a chunk": (
        _post(CHUNKED, body=b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)) + SMUGGLED,
        [SMUGGLED, b""],
    ),
    "a terminator in a chunk": (
        _post(CHUNKED, body=b"7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n") + SMUGGLED,
        [b"\r\n0\r\n\r\n", b""],
    ),
    "extensions": (
        _post(CHUNKED, body=b'5;a=b;c="d;e"\r\nhello\r\n0;x\r\n\r\n') + SMUGGLED,
        [b"hello", b""],
    ),
    "chunk with leading zeros": (
        _post(CHUNKED, body=b"0005\r\nhello\r\n000\r\n\r\n") + SMUGGLED,
        [b"hello", b""],
    ),
    "length in trailers": (
        _post(CHUNKED, body=b"0\r\nContent-Length: 50\r\n\r\n") + SMUGGLED,
        [b"", b""],
    ),
    "encoding in trailers": (
        _post(CHUNKED, body=b"0\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n") + SMUGGLED,
        [b"", b""],
    ),
    "length named in Connection": (
        _post(b"Connection: Content-Length\r\n", b"Content-Length: 5\r\n", body=b"hello")
        + SMUGGLED,
        [b"hello", b""],
    ),
    "encoding named in Connection": (
        _post(b"Connection: Transfer-Encoding\r\n", CHUNKED, body=HELLO) + SMUGGLED,
        [b"hello", b""],
    ),
    "Host named in Connection": (_post(b"Connection: Host\r\n") + SMUGGLED, [b"", b""]),
    "absolute target": (b"GET http://b/ HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED, [b"", b""]),
    "absolute target, no path": (
        b"GET http://b?x HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED,
        [b"", b""],
    ),
    "similar names": (
        _post(
            b"Content_Length: 9\r\n",
            b"Xontent-Length: 9\r\n",
            b"Transfer_Encoding: chunked\r\n",
            b"X-Transfer-Encoding: chunked\r\n",
        )
        + SMUGGLED,
        [b"", b""],
    ),
    "blank lines between": (
        _post(b"Content-Length: 5\r\n", body=b"hello") + b"\r\n\r\n" + SMUGGLED,
        [b"hello", b""],
    ),
    "version 1.2": (
        _post(b"Content-Length: 5\r\n", body=b"hello", version=b"HTTP/1.2") + SMUGGLED,
        [b"hello", b""],
    ),
    "1.0 keep-alive": (
        _post(
            b"Content-Length: 5\r\n",
            b"Connection: keep-alive\r\n",
            body=b"hello",
            version=b"HTTP/1.0",
        )
        + SMUGGLED,
        [b"hello", b""],
    ),
    "1.0": (
        _post(b"Content-Length: 5\r\n", body=b"hello", version=b"HTTP/1.0") + SMUGGLED,
        [b"hello"],
    ),
    "1.0 without Host": (b"GET / HTTP/1.0\r\n\r\n" + SMUGGLED, [b""]),
    "close": (_post(b"Connection: close\r\n") + SMUGGLED, [b""]),
    "expect": (
        _post(b"Expect: 100-continue\r\n", b"Content-Length: 5\r\n", body=b"hello") + SMUGGLED,
        [b"hello", b""],
    ),
    "h2c": (
        b"GET / HTTP/1.1\r\n" + HOST + b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n" + SMUGGLED,
        [b"", b""],
    ),
    "upgrade with body": (
        _post(b"Connection: Upgrade\r\nUpgrade: x\r\nContent-Length: 5\r\n", body=b"hello")
        + SMUGGLED,
        [b"hello", b""],
    ),
    "obs-text": (
        _post(b"X: \xff\xfe\r\n", b"Content-Length: 5\r\n", body=b"hello") + SMUGGLED,
        [b"hello", b""],
    ),
}
"""Accepted, with the body of each message."""


def _ok(*lines: bytes, body: bytes = b"", start: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return start + b"\r\n" + b"".join(lines) + b"\r\n" + body


RESPONSES: dict[str, tuple[bytes, bytes]] = {
    "plain": (b"GET", _ok(b"Content-Length: 5\r\n", body=b"hello")),
    "chunked": (b"GET", _ok(CHUNKED, body=HELLO)),
    "chunked with trailers": (b"GET", _ok(CHUNKED, body=b"5\r\nhello\r\n0\r\nX: y\r\n\r\n")),
    "until close": (b"GET", _ok(body=b"hello")),
    "until close, empty": (b"GET", _ok()),
    "HEAD": (b"HEAD", _ok(b"Content-Length: 5\r\n")),
    "HEAD chunked": (b"HEAD", _ok(CHUNKED)),
    "204": (b"GET", _ok(start=b"HTTP/1.1 204 No Content")),
    "204 with length": (b"GET", _ok(b"Content-Length: 5\r\n", start=b"HTTP/1.1 204 No Content")),
    "204 chunked": (b"GET", _ok(CHUNKED, start=b"HTTP/1.1 204 No Content")),
    "304 with length": (b"GET", _ok(b"Content-Length: 5\r\n", start=b"HTTP/1.1 304 Not Modified")),
    "304 chunked": (b"GET", _ok(CHUNKED, start=b"HTTP/1.1 304 Not Modified")),
    "205": (b"GET", _ok(b"Content-Length: 0\r\n", start=b"HTTP/1.1 205 Reset Content")),
    "100 first": (
        b"GET",
        _ok(start=b"HTTP/1.1 100 Continue") + _ok(b"Content-Length: 5\r\n", body=b"hello"),
    ),
    "103 with length": (
        b"GET",
        _ok(b"Content-Length: 9\r\n", start=b"HTTP/1.1 103 Early Hints")
        + _ok(b"Content-Length: 5\r\n", body=b"hello"),
    ),
    "103 chunked": (
        b"GET",
        _ok(CHUNKED, start=b"HTTP/1.1 103 Early Hints")
        + _ok(b"Content-Length: 5\r\n", body=b"hello"),
    ),
    "101 unasked": (b"GET", _ok(start=b"HTTP/1.1 101 Switching Protocols")),
    "1.0": (b"GET", _ok(b"Content-Length: 5\r\n", body=b"hello", start=b"HTTP/1.0 200 OK")),
    "1.0 chunked": (b"GET", _ok(CHUNKED, body=HELLO, start=b"HTTP/1.0 200 OK")),
    "CL and TE": (b"GET", _ok(b"Content-Length: 5\r\n", CHUNKED, body=HELLO)),
    "two lengths": (b"GET", _ok(b"Content-Length: 5\r\n", b"Content-Length: 4\r\n", body=b"hello")),
    "length list": (b"GET", _ok(b"Content-Length: 5, 5\r\n", body=b"hello")),
    "gzip, chunked": (b"GET", _ok(b"Transfer-Encoding: gzip, chunked\r\n", body=HELLO)),
    "no reason": (b"GET", _ok(b"Content-Length: 5\r\n", body=b"hello", start=b"HTTP/1.1 200")),
    "obs-text": (
        b"GET",
        _ok(b"X: \xff\r\n", b"Content-Length: 5\r\n", body=b"hello", start=b"HTTP/1.1 200 \xff"),
    ),
    "folded": (b"GET", _ok(b"X: y\r\n z\r\n", b"Content-Length: 5\r\n", body=b"hello")),
    "LF": (b"GET", b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"),
    "two responses": (
        b"GET",
        _ok(b"Content-Length: 0\r\n") + _ok(b"Content-Length: 5\r\n", body=b"wrong"),
    ),
    "0.9": (b"GET", b"<html>hello</html>"),
}
"""The method that was asked, and what the origin sends before it closes."""
