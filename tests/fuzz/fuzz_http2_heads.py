"""Whatever fields are accepted as a request, response or trailers of HTTP/2 read the same in
HTTP/1.1, where they are sent as they are, and in HTTP/2 again.

An input is lines of ``name NUL value``; an LF ends one unless another follows it.
"""

import sys
from typing import Any

import hpack

from tests.fuzz.loop import main
from tests.support.builds import HeaderCodec, headers_installed, headers_interpreted
from tests.support.hpack import REQUEST, RESPONSE, Pairs, instead
from tests.support.http1 import encoded_request, encoded_response, read

COMPILED = headers_installed()
INTERPRETED = headers_interpreted()
MORE = (
    (b"cookie", b"a=b"), (b"cookie", b"c=d"), (b"te", b"trailers"), (b"content-length", b"5"),
    (b"host", b"example.com"), (b"x-mosn-try-timeout", b"1"), (b"connection", b"close"),
    (b"transfer-encoding", b"chunked"), (b"content-type", b"a/b"), (b"grpc-status", b"0"),
    (b"upgrade", b"h2c"), (b"keep-alive", b"1"), (b"expect", b"100-continue"),
)  # fmt: skip


def script(pairs: Pairs) -> bytes:
    """Put an input together."""
    return b"\n".join([name + b"\0" + value.replace(b"\n", b"\n\n") for name, value in pairs])


SEEDS = [
    script(REQUEST),
    script([*REQUEST, *MORE[:6]]),
    script([*REQUEST, *MORE]),
    script([*instead(REQUEST, b":method", b"OPTIONS")[:3], (b":path", b"*")]),
    script([(b":method", b"CONNECT"), (b":authority", b"a:1")]),
    script([(b":method", b"CONNECT"), (b":protocol", b"websocket"), *REQUEST[1:]]),
    script(RESPONSE),
    script([*RESPONSE, *MORE]),
    script([(b":status", b"204"), *MORE[3:4]]),
    script(MORE[:1]),
]


def check(data: bytes) -> None:
    """Raise when the invariant does not hold for ``data``."""
    pairs = _pairs(data)
    for end in (True, False):
        head = _same([_heads(headers, pairs, end)[0] for headers in (COMPILED, INTERPRETED)])
        if head is not None:
            _request(head, end)
    head = _same([_heads(headers, pairs, False)[1] for headers in (COMPILED, INTERPRETED)])
    if head is not None:
        _response(head)
    head = _same([_heads(headers, pairs, False)[2] for headers in (COMPILED, INTERPRETED)])
    if head is not None:
        _trailers(head)


def _pairs(data: bytes) -> Pairs:
    pairs = []
    for line in data.replace(b"\n\n", b"\r\r").split(b"\n"):
        name, _, value = line.replace(b"\r\r", b"\n").partition(b"\0")
        pairs.append((name, value))
    return pairs


def _heads(headers: HeaderCodec, pairs: Pairs, end: bool) -> tuple[Any, Any, Any]:
    fields = [headers.fields.Field(name, value) for name, value in pairs]
    heads = headers.heads
    return heads.read_request(fields, end), heads.read_response(fields), heads.read_trailers(fields)


def _same(heads: list[Any]) -> Any:
    """Compare what the builds said; returns the head of the compiled one."""
    names = ("raw", "start", "fields", "end", "content_length", "minor", "upgrade", "method",
             "target", "authority", "scheme", "te_trailers", "timeouts", "status")  # fmt: skip
    said = [
        None if head is None else [getattr(head, name, None) for name in names] for head in heads
    ]
    assert said[0] == said[1], said
    head = heads[0]
    if head is not None:
        assert head.raw.endswith(b"\r\n")
        assert (head.start, head.fields, head.end) == (-1, 0, len(head.raw) - 2)
    return head


LARGE = {"max_head": 1 << 20, "max_headers": 1 << 16}
"""HTTP/2 may have more fields than HTTP/1.1 takes by default."""


def _request(head: Any, end: bool) -> None:
    names = [name for name, _ in head.items()]
    assert names.count(b"content-length") <= 1
    assert sum(name.lower() == b"host" for name in names) == 1
    assert names.count(b"cookie") <= 1
    _written(head, COMPILED.heads.write_request, COMPILED.heads.read_request)
    if head.upgrade is not None or (head.get(b"expect") or b"100-continue") != b"100-continue":
        return  # in HTTP/1.1 that is another request, or one that is refused
    body = b"" if end or head.content_length < 0 else b"x" * min(head.content_length, 50)
    sent = encoded_request(COMPILED.http1, head)
    transcript = read(COMPILED.http1, [sent + body], requests=True, **LARGE)
    assert transcript.events, sent
    assert transcript.events[0] == (
        "request", head.method, head.target, head.authority, head.items()
    ), (transcript.events[0], sent)  # fmt: skip
    assert transcript.heads[0].content_length == head.content_length
    assert not any(event[0] == "error" for event in transcript.events)
    assert len(transcript.heads) == 1


def _response(head: Any) -> None:
    _written(head, COMPILED.heads.write_response, None)
    sent = encoded_response(COMPILED.http1, head)
    transcript = read(COMPILED.http1, [sent], requests=False, **LARGE)
    event = transcript.events[0]
    assert (event[0], event[1]) == ("response", head.status), (event, sent)
    assert event[3] == head.items(), (event, sent)


def _trailers(head: Any) -> None:
    _written(head, COMPILED.heads.write_trailers, None)
    sent = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + head.lines() + b"\r\n"
    if head.end > COMPILED.http1.http1.MAX_TRAILER_BYTES - 2:
        return
    transcript = read(COMPILED.http1, [sent], requests=False)
    assert transcript.events[-1] == ("end", head.items() or None), transcript.events


def _written(head: Any, write: Any, read_again: Any) -> None:
    """The other decoder reads the lines in what we write, and our reader the same head."""
    encoder = COMPILED.hpack.HpackEncoder()
    decoder = COMPILED.hpack.HpackDecoder(4096, 1 << 20, 1000)
    peer = hpack.Decoder()
    lines = [
        (name, value) for name, value in head.items()
        if name.lower() not in (b"host", b"http2-settings")
    ]  # fmt: skip
    for _ in range(3):
        block = write(encoder, head)
        theirs = [tuple(pair) for pair in peer.decode(block, raw=True)]
        regular = [pair for pair in theirs if pair[0][:1] != b":" and pair[0] != b"te"]
        assert regular == lines, (regular, lines)
        assert decoder.decode(block) == COMPILED.hpack.OK
        if read_again is not None:
            again = read_again(decoder.fields, False)
            assert again is not None, block
            for name in ("method", "target", "authority", "scheme", "content_length", "upgrade",
                         "te_trailers", "timeouts"):  # fmt: skip
                assert getattr(again, name) == getattr(head, name), name


if __name__ == "__main__":
    sys.exit(main(check, SEEDS))
