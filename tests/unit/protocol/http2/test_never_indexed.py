"""What one peer lets nobody index, the next one may not index either (RFC 7541 §6.2.3)."""

from typing import Any

import hpack
import pytest

from tests.support.http2_engine import GET, HEADERS, OK, Bench, Build

Marked = list[tuple[bytes, bytes, bool]]


def fields(*pairs: tuple[str, str], never: set[str]) -> list[Any]:
    """Return fields whose names are among ``never`` so that nobody may index them."""
    return [
        hpack.NeverIndexedHeaderTuple(*pair) if pair[0] in never else hpack.HeaderTuple(*pair)
        for pair in pairs
    ]


def marked(bench: Bench, block: bytes) -> Marked:
    """Return the fields of a block, and of each whether nobody may index it."""
    return [
        (bytes(pair[0]), bytes(pair[1]), isinstance(pair, hpack.NeverIndexedHeaderTuple))
        for pair in bench.decoder.decode(block, raw=True)
    ]


def block(bench: Bench) -> bytes:
    """Return the one header block that was sent."""
    (payload,) = [each[3] for each in bench.sent() if each[0] == HEADERS]
    return payload


def forwarded(build: Build, given: list[Any]) -> list[Marked]:
    """Pass a request on three times, between the same two connections."""
    down, up = Bench(build), Bench(build, server=False)
    found = []
    for number in (1, 3, 5):
        assert down.feed(down.head(given, number))[0][0] == "headers"
        assert up.engine.open_stream(None, down.engine.head, True) is not None
        found.append(marked(up, block(up)))
    return found


@pytest.mark.parametrize(
    "never", [set(), {"x-secret"}, {"cookie"}, {":path", ":authority"}, {"accept", "x-secret"}],
)
def test_requests(engine: Build, never: set[str]) -> None:
    given = [
        *GET[:2], (":path", "/secret"), GET[3],
        ("accept", "*/*"), ("x-secret", "s"), ("cookie", "c" * 30), ("te", "trailers"),
    ]  # fmt: skip
    for found in forwarded(engine, fields(*given, never=never)):
        assert {(name.decode(), value.decode()) for name, value, _ in found} == set(given)
        assert {name.decode() for name, _, mark in found if mark} == never


def test_a_mark_is_about_one_message(engine: Build) -> None:
    """The same line is indexed when it comes without a mark."""
    down, up = Bench(engine), Bench(engine, server=False)
    marks = []
    for number, never in ((1, set()), (3, set()), (5, {"x-secret"}), (7, set())):
        given = fields(*GET, ("x-secret", "s"), never=never)
        down.encoder = hpack.Encoder()  # the other one would use its table
        down.feed(down.head(given, number))
        up.engine.open_stream(None, down.engine.head, True)
        sent = block(up)
        marks.append((len(sent), [mark for _, _, mark in marked(up, sent)][-1]))
    assert [mark for _, mark in marks] == [False, False, True, False]
    # As an index it takes an octet, as a literal more.
    assert marks[3][0] < marks[2][0]


def test_responses_and_trailers(engine: Build) -> None:
    down, up = Bench(engine), Bench(engine, server=False)
    for number in (1, 3, 5):
        down.feed(down.head(GET, number))
        up.engine.open_stream(None, up.request(), True)
        stream = down.streams[number]
        answer = fields(*OK, ("x-open", "o"), ("set-token", "t"), never={"set-token"})
        up.feed(up.head(answer, number, 4))
        down.engine.send_headers(stream, up.engine.head, False)
        assert marked(down, block(down)) == [
            (b":status", b"200", False), (b"x-open", b"o", False), (b"set-token", b"t", True),
        ]  # fmt: skip
        up.feed(up.head(fields(("x-sum", "1"), ("x-key", "k"), never={"x-key"}), number))
        down.engine.send_trailers(stream, up.engine.head)
        assert marked(down, block(down)) == [(b"x-sum", b"1", False), (b"x-key", b"k", True)]


def test_edits_keep_the_mark(engine: Build) -> None:
    """A value that we replace is as secret as the one that came; other lines have no mark."""
    down, up = Bench(engine), Bench(engine, server=False)
    down.feed(down.head(fields(*GET, ("x-secret", "s"), never={"x-secret"}), 1))
    head = down.engine.head
    head.set(b"X-Secret", b"other")
    head.add(b"X-Added", b"a")
    up.engine.open_stream(None, head, True)
    assert marked(up, block(up))[-2:] == [(b"x-secret", b"other", True), (b"x-added", b"a", False)]
