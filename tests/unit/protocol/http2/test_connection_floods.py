"""Peers that make us work for nothing: each kind has a limit, and its name."""

from collections.abc import Callable

import pytest

from tests.support.http2_engine import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    GET,
    GOAWAY,
    HEADERS,
    OK,
    PING,
    POST,
    PRIORITY,
    SETTINGS,
    Bench,
    Build,
    frame,
    goaway,
    rst_stream,
    settings,
    window_update,
)

SECOND = 1_000_000_000

Repeated = Callable[[Bench, int], bytes]


def _stream(index: int) -> int:
    return 2 * index + 3


# What a flood consists of, by its name.  Stream 1 is open, and its request has not ended.
FLOODS: dict[str, tuple[str, Repeated]] = {
    "rapid reset (CVE-2023-44487)": (
        "resets", lambda b, i: b.head(GET, _stream(i)) + rst_stream(_stream(i)),
    ),
    "resets of nothing": ("resets", lambda b, i: rst_stream(1)),
    "made to reset, by a window (CVE-2025-8671)": (
        "resets", lambda b, i: b.head(GET, _stream(i)) + window_update(_stream(i), 0),
    ),
    "made to reset, by a window that is too large": (
        "resets", lambda b, i: b.head(GET, _stream(i)) + window_update(_stream(i), 0x7FFFFFFF),
    ),
    "made to reset, by a priority": (
        "resets",
        lambda b, i: b.head(GET, _stream(i)) + frame(PRIORITY, 0, _stream(i), b"\0\0\0\0"),
    ),
    "made to reset, by data behind the end": (
        "resets", lambda b, i: b.head(GET, _stream(i)) + frame(DATA, 0, _stream(i), b"x"),
    ),
    "malformed requests": ("resets", lambda b, i: b.head(GET[1:], _stream(i))),
    "settings (CVE-2019-9515)": ("settings", lambda b, i: settings()),
    "acknowledgements": ("settings", lambda b, i: frame(SETTINGS, ACK)),
    "goaway": ("settings", lambda b, i: goaway(0)),
    "pings (CVE-2019-9512)": ("pings", lambda b, i: frame(PING, 0, 0, bytes(8))),
    "answers to pings that nobody sent": ("pings", lambda b, i: frame(PING, ACK, 0, bytes(8))),
    "empty data (CVE-2019-9518)": ("empty", lambda b, i: frame(DATA, 0, 1)),
    "padding": ("empty", lambda b, i: frame(DATA, 8, 1, b"\0")),
    "tiny data": ("tiny", lambda b, i: frame(DATA, 0, 1, b"x")),
    "tiny data in padding": ("tiny", lambda b, i: frame(DATA, 8, 1, b"\x08wxyz" + bytes(8))),
    "priorities (CVE-2019-9513)": (
        "priority", lambda b, i: frame(PRIORITY, 0, 1, b"\0\0\0\3\1"),
    ),
    "unknown frames": ("priority", lambda b, i: frame(0xEE, 0, 0)),
    "window updates": ("window_updates", lambda b, i: window_update(0, 1)),
    "window updates of a stream": ("window_updates", lambda b, i: window_update(1, 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", FLOODS)
def test_floods(engine: Build, name: str) -> None:
    flood, make = FLOODS[name]
    limits = ((50, 5),) * 7
    bench = Bench(engine, flood_limits=limits, connection_window=1 << 24)
    bench.engine.set_time(SECOND)
    bench.feed(bench.head(POST, 1, END_HEADERS))
    # 50 at once (a few are spent on the way here), and 5 a second for as long as one likes.
    index = 0
    for _ in range(45):
        assert not _failed(bench.feed(make(bench, index)))
        index += 1
    for second in range(2, 20):
        bench.engine.set_time(second * SECOND)
        for _ in range(5):
            assert not _failed(bench.feed(make(bench, index))), second
            index += 1
    for _ in range(60):
        events = bench.feed(make(bench, index))
        index += 1
        if _failed(events):
            break
    assert events[-1] == ("error", ENHANCE_YOUR_CALM, flood)
    assert flood in bench.engine.error
    last = bench.sent()[-1]
    assert last[0] == GOAWAY
    assert last[3][4:8] == ENHANCE_YOUR_CALM.to_bytes(4, "big")
    # Who is in ``streams`` has to be told by the owner; nobody else was left out.
    assert 1 in bench.engine.streams or "resets of nothing" in name


@pytest.mark.parametrize("name", FLOODS)
def test_default_limits(engine: Build, name: str) -> None:
    """Nothing passes more than some thousand times at once."""
    flood, make = FLOODS[name]
    bench = Bench(engine, connection_window=1 << 24)
    bench.feed(bench.head(POST, 1, END_HEADERS))
    for index in range(4000):
        events = bench.feed(make(bench, index))
        if _failed(events):
            break
    assert events[-1] == ("error", ENHANCE_YOUR_CALM, flood)
    assert index >= 90


def test_a_busy_connection_is_no_flood(engine: Build) -> None:
    """Cancelled requests among others, window updates for data, pings that measure."""
    bench = Bench(engine)
    for index in range(3000):
        number = 2 * index + 1
        bench.feed(bench.head(GET, number))
        stream = bench.streams.pop(number)
        bench.engine.send_headers(stream, bench.response(), False)
        if index % 2:
            bench.engine.send_data(stream, b"x" * 100, True)
            data = window_update(0, 100) + frame(PING, 0, 0, bytes(8))
        else:
            data = rst_stream(number)
        assert not _failed(bench.feed(data)), index
        bench.sent()


def test_a_peer_that_reads_no_answers(engine: Build) -> None:
    limits = ((10**6, 0),) * 7
    bench = Bench(engine, flood_limits=limits, max_unread_replies=100)
    ping = frame(PING, 0, 0, bytes(8))
    assert bench.feed(ping * 1000) == []
    bench.engine.congested(True)
    assert bench.feed(ping * 100) == []
    bench.engine.congested(False)
    bench.engine.congested(True)
    assert bench.feed(ping * 60 + settings() * 40)[-1] == ("settled",)
    assert bench.feed(ping) == [("error", ENHANCE_YOUR_CALM, "replies")]


def test_continuations(engine: Build) -> None:
    bench = Bench(engine, max_continuations=3)
    start = frame(HEADERS, 0, 1, bench.encoder.encode(GET))
    assert bench.feed(start + frame(CONTINUATION, 0, 1) * 3) == []
    assert bench.feed(frame(CONTINUATION, END_HEADERS, 1)) == [
        ("error", ENHANCE_YOUR_CALM, "continuations")
    ]


def test_a_large_block(engine: Build) -> None:
    bench = Bench(engine, max_header_bytes=1000)
    # A frame more is read, so that there can be an answer.
    block = bench.encoder.encode((*GET, ("x", "v" * 12000)), huffman=False)
    data = frame(HEADERS, END_STREAM, 1, block[:9000]) + frame(
        CONTINUATION, END_HEADERS, 1, block[9000:]
    )
    assert bench.feed(data) == [("headers", 1, None, True)]
    bench = Bench(engine, max_header_bytes=1000)
    data = frame(HEADERS, 0, 1, b"x" * 16384) + frame(CONTINUATION, 0, 1, b"x" * 1001)
    assert bench.feed(data) == [("error", ENHANCE_YOUR_CALM, "header_block")]


def test_giving_up_after_a_while_is_no_flood(engine: Build) -> None:
    """Calls whose deadline passes are reset, all at once and again and again."""
    bench = Bench(engine)
    for turn in range(20):
        bench.engine.set_time((turn + 1) * SECOND)
        numbers = [2 * (100 * turn + index) + 1 for index in range(100)]
        for number in numbers:
            bench.feed(bench.head(GET, number))
        bench.engine.set_time((turn + 1) * SECOND + SECOND // 10)
        for number in numbers:
            assert bench.feed(rst_stream(number, 8)) == [("reset", number, 8, False)]


def test_a_client_does_not_count_a_servers_resets(engine: Build) -> None:
    bench = Bench(engine, server=False)
    for index in range(1000):
        bench.engine.open_stream(None, bench.request(), True)
        assert bench.feed(rst_stream(2 * index + 1, 7)) == [("reset", 2 * index + 1, 7, True)]


def test_a_server_that_answers_nonsense(engine: Build) -> None:
    bench = Bench(engine, server=False)
    for index in range(500):
        bench.engine.open_stream(None, bench.request(), True)
        events = bench.feed(bench.head((*OK, *OK), 2 * index + 1))
        if _failed(events):
            break
    assert events == [("error", ENHANCE_YOUR_CALM, "resets")]


def test_token_bucket(engine: Build) -> None:
    bucket = engine.options.TokenBucket("x", 3, 2)
    assert [bucket.take(0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(SECOND // 4)
    assert bucket.take(SECOND // 2)
    assert not bucket.take(SECOND // 2)
    bucket.give(1)
    assert bucket.take(SECOND // 2)
    bucket.give(10)
    assert bucket.level == 3
    # A long pause fills it, and no more than that.
    assert [bucket.take(10**15) for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize(
    "wrong",
    [{"initial_window": 0}, {"initial_window": 1 << 31}, {"connection_window": 0},
     {"max_frame_size": 16383}, {"max_frame_size": 1 << 24}],
)  # fmt: skip
def test_options_that_are_none(engine: Build, wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="has"):
        engine.options.Http2Options(server=True, **wrong)


def _failed(events: list[tuple]) -> bool:
    return bool(events) and events[-1][0] == "error"
