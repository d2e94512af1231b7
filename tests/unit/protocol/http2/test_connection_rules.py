"""The engine against peers that break the rules of RFC 9113, one rule at a time.

Most rules hold however the bytes are cut, so each case is fed whole and byte by byte.
"""

from collections.abc import Callable

import pytest

from tests.support.http2_engine import (
    ACK,
    CANCEL,
    COMPRESSION_ERROR,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    GET,
    GOAWAY,
    HEADERS,
    NO_ERROR,
    OK,
    PADDED,
    PING,
    POST,
    PREFACE,
    PRIORITIZED,
    PRIORITY,
    PROTOCOL_ERROR,
    PUSH_PROMISE,
    REFUSED_STREAM,
    RST_STREAM,
    SETTINGS,
    STREAM_CLOSED,
    WINDOW_UPDATE,
    Bench,
    Build,
    frame,
    goaway,
    joined,
    rst_stream,
    settings,
    window_update,
)

Made = Callable[[Bench], bytes]

SELF_DEPENDENT = b"\0\0\0\1\x10"
BLOCK = b"\x82\x86\x84\x41\x01a"
"""GET http / with authority a, without use of the dynamic table's contents."""

# -- connection errors of a server: what a client sends, and the code of GOAWAY ------------------

SERVER_FAILS: dict[str, tuple[int, Made]] = {
    "a frame that is longer than allowed": (
        FRAME_SIZE_ERROR, lambda b: frame(DATA, 0, 1, b"x" * 16385),
    ),
    "an unknown frame that is longer than allowed": (
        FRAME_SIZE_ERROR, lambda b: frame(0xEE, 0, 0, b"x" * 16385),
    ),
    # 4.3
    "a block that cannot be decoded": (
        COMPRESSION_ERROR, lambda b: frame(HEADERS, 5, 1, b"\xff\xff\xff\xff\xff"),
    ),
    "a refused stream's block that cannot be decoded": (
        COMPRESSION_ERROR,
        lambda b: b.head(GET, 1) + rst_stream(1) + frame(HEADERS, 5, 3, b"\x80"),
    ),
    # 5.1
    "DATA on an idle stream": (PROTOCOL_ERROR, lambda b: frame(DATA, 0, 1, b"x")),
    "RST_STREAM on an idle stream": (PROTOCOL_ERROR, lambda b: rst_stream(1)),
    "WINDOW_UPDATE on an idle stream": (PROTOCOL_ERROR, lambda b: window_update(1, 1)),
    "RST_STREAM on a stream of ours that never was": (PROTOCOL_ERROR, lambda b: rst_stream(2)),
    "WINDOW_UPDATE on a stream of ours that never was": (
        PROTOCOL_ERROR, lambda b: window_update(2, 1),
    ),
    "DATA after the peer's RST_STREAM": (
        STREAM_CLOSED,
        lambda b: b.head(POST, 1, END_HEADERS) + rst_stream(1) + frame(DATA, 0, 1, b"x"),
    ),
    "HEADERS after the peer's RST_STREAM": (
        STREAM_CLOSED,
        lambda b: b.head(POST, 1, END_HEADERS) + rst_stream(1) + b.head(POST, 1),
    ),
    # 5.1.1
    "an even stream": (PROTOCOL_ERROR, lambda b: b.head(GET, 2)),
    "a stream below one before that was never opened": (
        PROTOCOL_ERROR, lambda b: b.head(GET, 5) + b.head(GET, 3),
    ),
    "the first stream, after a later one": (
        PROTOCOL_ERROR, lambda b: b.head(GET, 5) + b.head(GET, 1),
    ),
    # 6.1
    "DATA on stream 0": (PROTOCOL_ERROR, lambda b: frame(DATA, 0, 0, b"x")),
    "DATA that is all padding": (
        PROTOCOL_ERROR,
        lambda b: b.head(POST, 1, END_HEADERS) + frame(DATA, PADDED, 1, b"\x05abcd"),
    ),
    "DATA without its pad length": (
        FRAME_SIZE_ERROR, lambda b: b.head(POST, 1, END_HEADERS) + frame(DATA, PADDED, 1),
    ),
    # 6.2
    "HEADERS on stream 0": (PROTOCOL_ERROR, lambda b: b.head(GET, 0)),
    "HEADERS that is all padding": (
        PROTOCOL_ERROR, lambda b: frame(HEADERS, END_HEADERS | PADDED, 1, b"\x07" + BLOCK),
    ),
    "HEADERS without its pad length": (
        FRAME_SIZE_ERROR, lambda b: frame(HEADERS, END_HEADERS | PADDED, 1),
    ),
    "HEADERS without its priority": (
        FRAME_SIZE_ERROR, lambda b: frame(HEADERS, END_HEADERS | PRIORITIZED, 1, b"\0\0\0\3"),
    ),
    # 6.3
    "PRIORITY on stream 0": (PROTOCOL_ERROR, lambda b: frame(PRIORITY, 0, 0, b"\0\0\0\1\0")),
    "PRIORITY of a wrong size on an idle stream": (
        FRAME_SIZE_ERROR, lambda b: frame(PRIORITY, 0, 1, b"\0\0\0\3"),
    ),
    "PRIORITY on itself on an idle stream": (
        PROTOCOL_ERROR, lambda b: frame(PRIORITY, 0, 1, SELF_DEPENDENT),
    ),
    # 6.4
    "RST_STREAM on stream 0": (PROTOCOL_ERROR, lambda b: rst_stream(0)),
    "RST_STREAM of a wrong size": (
        FRAME_SIZE_ERROR, lambda b: b.head(GET) + frame(RST_STREAM, 0, 1, b"\0\0\0"),
    ),
    # 6.5
    "an acknowledgement with settings": (
        FRAME_SIZE_ERROR, lambda b: frame(SETTINGS, ACK, 0, b"\0\0\0\0\0\0"),
    ),
    "SETTINGS on a stream": (PROTOCOL_ERROR, lambda b: frame(SETTINGS, 0, 1)),
    "an acknowledgement on a stream": (PROTOCOL_ERROR, lambda b: frame(SETTINGS, ACK, 1)),
    "SETTINGS of a wrong size": (FRAME_SIZE_ERROR, lambda b: frame(SETTINGS, 0, 0, b"\0\0\0")),
    "ENABLE_PUSH of 2": (PROTOCOL_ERROR, lambda b: settings((2, 2))),
    "an initial window of 2^31": (FLOW_CONTROL_ERROR, lambda b: settings((4, 1 << 31))),
    "an initial window of 2^32 - 1": (FLOW_CONTROL_ERROR, lambda b: settings((4, 0xFFFFFFFF))),
    "frames of 2^14 - 1": (PROTOCOL_ERROR, lambda b: settings((5, 16383))),
    "frames of 2^24": (PROTOCOL_ERROR, lambda b: settings((5, 1 << 24))),
    "ENABLE_CONNECT_PROTOCOL of 2": (PROTOCOL_ERROR, lambda b: settings((8, 2))),
    "ENABLE_CONNECT_PROTOCOL taken back": (
        PROTOCOL_ERROR, lambda b: settings((8, 1)) + settings((8, 0)),
    ),
    "NO_RFC7540_PRIORITIES of 2": (PROTOCOL_ERROR, lambda b: settings((9, 2))),
    "an initial window that makes a stream's too large": (
        FLOW_CONTROL_ERROR,
        lambda b: b.head(POST, 1, END_HEADERS) + window_update(1, 1000)
        + settings((4, 0x7FFFFFFF)),
    ),
    # 6.6, 8.4
    "PUSH_PROMISE": (
        PROTOCOL_ERROR, lambda b: b.head(GET) + frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2"),
    ),
    # 6.7
    "PING on a stream": (PROTOCOL_ERROR, lambda b: frame(PING, 0, 1, b"12345678")),
    "PING of a wrong size": (FRAME_SIZE_ERROR, lambda b: frame(PING, 0, 0, b"1234567")),
    "an answered PING of a wrong size": (FRAME_SIZE_ERROR, lambda b: frame(PING, ACK, 0, b"")),
    # 6.8
    "GOAWAY on a stream": (PROTOCOL_ERROR, lambda b: frame(GOAWAY, 0, 1, bytes(8))),
    "GOAWAY of a wrong size": (FRAME_SIZE_ERROR, lambda b: frame(GOAWAY, 0, 0, bytes(7))),
    # 6.9
    "WINDOW_UPDATE of 0": (PROTOCOL_ERROR, lambda b: window_update(0, 0)),
    "WINDOW_UPDATE of 0 but for the reserved bit": (
        PROTOCOL_ERROR, lambda b: window_update(0, 1 << 31),
    ),
    "WINDOW_UPDATE of a wrong size": (
        FRAME_SIZE_ERROR, lambda b: frame(WINDOW_UPDATE, 0, 0, b"\0\0\1"),
    ),
    "a window of the connection beyond 2^31 - 1": (
        FLOW_CONTROL_ERROR, lambda b: window_update(0, 0x7FFFFFFF),
    ),
    "DATA beyond the window of the connection": (
        FLOW_CONTROL_ERROR,
        lambda b: b"".join(
            b.head(POST, stream, END_HEADERS) + frame(DATA, 0, stream, b"x" * 16384) * 15
            for stream in range(1, 12, 2)
        ),
    ),
    # 6.10
    "CONTINUATION on stream 0": (
        PROTOCOL_ERROR, lambda b: frame(HEADERS, 0, 1, BLOCK) + frame(CONTINUATION, 4, 0, b""),
    ),
    "CONTINUATION of nothing": (PROTOCOL_ERROR, lambda b: frame(CONTINUATION, 4, 1, b"")),
    "CONTINUATION after END_HEADERS": (
        PROTOCOL_ERROR, lambda b: frame(HEADERS, 5, 1, BLOCK) + frame(CONTINUATION, 4, 1, b""),
    ),
    "CONTINUATION of another stream": (
        PROTOCOL_ERROR, lambda b: frame(HEADERS, 1, 1, BLOCK) + frame(CONTINUATION, 4, 3, b""),
    ),
    "DATA inside of a block": (
        PROTOCOL_ERROR, lambda b: frame(HEADERS, 0, 1, BLOCK) + frame(DATA, 1, 1, b"x"),
    ),
    "HEADERS inside of a block": (
        PROTOCOL_ERROR, lambda b: frame(HEADERS, 0, 1, BLOCK) + frame(HEADERS, 5, 3, BLOCK),
    ),
    "PRIORITY inside of a block": (
        PROTOCOL_ERROR, lambda b: frame(HEADERS, 0, 1, BLOCK) + frame(PRIORITY, 0, 1, bytes(5)),
    ),
    "an unknown frame inside of a block": (
        PROTOCOL_ERROR, lambda b: frame(HEADERS, 0, 1, BLOCK) + frame(0xEE, 0, 1, b""),
    ),
    # limits
    "a block in too many pieces": (
        ENHANCE_YOUR_CALM, lambda b: frame(HEADERS, 0, 1, BLOCK) + frame(CONTINUATION, 0, 1) * 17,
    ),
    "a block that is too large": (
        ENHANCE_YOUR_CALM,
        lambda b: frame(HEADERS, 0, 1, BLOCK) + frame(CONTINUATION, 0, 1, b"x" * 16384) * 5,
    ),
}  # fmt: skip


# A megabyte is not worth sending byte by byte.
ONLY_WHOLE = {"DATA beyond the window of the connection"}


@pytest.mark.parametrize(
    ("name", "step"),
    [
        pytest.param(name, step, id=f"{name}-{'bytes' if step else 'whole'}")
        for name in SERVER_FAILS
        for step in (0, 1)
        if not (step and name in ONLY_WHOLE)
    ],
)
def test_what_ends_a_connection(engine: Build, name: str, step: int) -> None:
    code, make = SERVER_FAILS[name]
    bench = Bench(engine)
    events = bench.feed(make(bench), step)
    assert [event[:2] for event in events if event[0] == "error"] == [("error", code)]
    assert bench.engine.error
    last = bench.sent()[-1]
    assert last[0] == GOAWAY
    assert int.from_bytes(last[3][4:8], "big") == code
    assert int.from_bytes(last[3][:4], "big") <= 11
    # It stays so, and says it once.
    bench.engine.feed(bench.head(GET, 101))
    assert bench.engine.next() == bench.module.ERROR
    assert bench.sent() == []


# -- stream errors of a server: the stream's RST_STREAM -------------------------------------------

SERVER_RESETS: dict[str, tuple[int, Made]] = {
    "HEADERS that depend on themselves": (
        PROTOCOL_ERROR,
        lambda b: frame(HEADERS, END_HEADERS | PRIORITIZED, 1, SELF_DEPENDENT + BLOCK),
    ),
    "a malformed request": (PROTOCOL_ERROR, lambda b: b.head(GET[1:])),
    "a content-length without a body": (
        PROTOCOL_ERROR, lambda b: b.head((*POST, ("content-length", "1"))),
    ),
    "an extended CONNECT that is not allowed": (
        PROTOCOL_ERROR,
        lambda b: b.head(
            ((":method", "CONNECT"), (":protocol", "websocket"), *GET[1:]), 1, END_HEADERS
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("step", [0, 1], ids=["whole", "bytes"])
@pytest.mark.parametrize("name", SERVER_RESETS)
def test_requests_that_are_refused(engine: Build, name: str, step: int) -> None:
    code, make = SERVER_RESETS[name]
    bench = Bench(engine)
    # Nobody heard of the stream, so nobody is told.
    assert bench.feed(make(bench), step) == []
    assert bench.sent() == [(RST_STREAM, 0, 1, code.to_bytes(4, "big"))]
    assert bench.engine.active() == 0
    # The table is the connection's: the next request is read right.
    assert bench.feed(bench.head((*GET, ("x", "y")), 3))[0][:2] == ("headers", 3)


OPEN_STREAM_BREAKS: dict[str, tuple[int, Made]] = {
    "trailers without END_STREAM": (PROTOCOL_ERROR, lambda b: b.head((), 1, END_HEADERS)),
    "trailers with a pseudo-header": (PROTOCOL_ERROR, lambda b: b.head(((":path", "/"),), 1)),
    "trailers that depend on themselves": (
        PROTOCOL_ERROR,
        lambda b: frame(HEADERS, 5 | PRIORITIZED, 1, SELF_DEPENDENT),
    ),
    "trailers that are too large": (
        ENHANCE_YOUR_CALM, lambda b: b.head([("x", str(index)) for index in range(101)], 1),
    ),
    "PRIORITY of a wrong size": (
        FRAME_SIZE_ERROR, lambda b: frame(PRIORITY, 0, 1, b"\0\0\0\3"),
    ),
    "PRIORITY on itself": (PROTOCOL_ERROR, lambda b: frame(PRIORITY, 0, 1, SELF_DEPENDENT)),
    "WINDOW_UPDATE of 0": (PROTOCOL_ERROR, lambda b: window_update(1, 0)),
    "a window beyond 2^31 - 1": (FLOW_CONTROL_ERROR, lambda b: window_update(1, 0x7FFFFFFF)),
    "DATA beyond the window": (
        FLOW_CONTROL_ERROR, lambda b: frame(DATA, 0, 1, b"x" * 16384) * 17,
    ),
    "less than content-length": (PROTOCOL_ERROR, lambda b: frame(DATA, END_STREAM, 1, b"x" * 5)),
    "more than content-length": (PROTOCOL_ERROR, lambda b: frame(DATA, 0, 1, b"x" * 7)),
    "more than content-length in the end": (
        PROTOCOL_ERROR, lambda b: frame(DATA, 0, 1, b"x" * 5) + frame(DATA, 1, 1, b"xx"),
    ),
    "less than content-length, and trailers": (
        PROTOCOL_ERROR, lambda b: frame(DATA, 0, 1, b"x" * 5) + b.head((("x", "y"),), 1),
    ),
    "less than content-length, and an empty end": (
        PROTOCOL_ERROR, lambda b: frame(DATA, 0, 1, b"x" * 5) + frame(DATA, END_STREAM, 1),
    ),
    "DATA behind the end": (
        STREAM_CLOSED, lambda b: frame(DATA, END_STREAM, 1, b"x" * 6) + frame(DATA, 0, 1, b"x"),
    ),
    "HEADERS behind the end": (
        STREAM_CLOSED, lambda b: frame(DATA, END_STREAM, 1, b"x" * 6) + b.head((("x", "y"),), 1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("step", [0, 1], ids=["whole", "bytes"])
@pytest.mark.parametrize("name", OPEN_STREAM_BREAKS)
def test_what_breaks_an_open_stream(engine: Build, name: str, step: int) -> None:
    code, make = OPEN_STREAM_BREAKS[name]
    bench = Bench(engine)
    fields = [*POST, ("content-length", "6")] if "content-length" in name else [*POST]
    if name.endswith("behind the end"):
        fields.append(("content-length", "6"))
    assert bench.feed(bench.head(fields, 1, END_HEADERS))[0][0] == "headers"
    stream = bench.streams[1]
    events = bench.feed(make(bench), step if name != "DATA beyond the window" else 0)
    assert events[-1] == ("reset", 1, code, False)
    assert [event[0] for event in joined(events)][:-1] in ([], ["data"])
    assert stream.closed
    assert bench.engine.active() == 0
    assert [each for each in bench.sent() if each[0] != WINDOW_UPDATE] == [
        (RST_STREAM, 0, 1, code.to_bytes(4, "big"))
    ]
    # What is still on its way is ignored, and its block decoded; nothing is said about it.
    tail = frame(DATA, END_STREAM, 1, b"x" * 100) + window_update(1, 1) + rst_stream(1)
    if "behind the end" not in name:
        assert bench.feed(bench.head((("a", "b"),), 1) + tail) == []
        assert bench.sent() == []
    assert bench.feed(bench.head((*GET, ("a", "b")), 3))[0][2][2].endswith(b"a: b\r\n")


# -- what is fine ---------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [0, 1], ids=["whole", "bytes"])
def test_what_is_ignored(engine: Build, step: int) -> None:
    bench = Bench(engine)
    data = (
        settings((0xFFFF, 7), (3, 5))
        + frame(SETTINGS, ACK)
        + frame(0xEE, 0xFF, 77, b"unknown")
        + frame(PRIORITY, 0xFF, 9, b"\x80\0\0\3\x10")
        + frame(0x10, 0, 0, b"\0\0\0\1u=1")
        + bench.head(GET, 1, END_HEADERS | END_STREAM | 0xD2)
        + frame(PING, ACK, 0, b"87654321")
        + rst_stream(1, 0xDEADBEEF)
        + rst_stream(1)
        + window_update(1, 7)
        + frame(PRIORITY, 0, 1, b"\0\0\0\3\x10")
    )
    events = bench.feed(data, step)
    assert [event[0] for event in events] == ["settled", "headers", "pong", "reset"]
    assert events[2] == ("pong", b"87654321")
    assert events[3] == ("reset", 1, 0xDEADBEEF, False)
    assert bench.sent() == [(SETTINGS, ACK, 0, b"")]
    assert bench.engine.acknowledged


@pytest.mark.parametrize("step", [0, 1], ids=["whole", "bytes"])
def test_padding_and_priority_are_not_content(engine: Build, step: int) -> None:
    bench = Bench(engine)
    block = bench.encoder.encode(POST)
    data = (
        frame(
            HEADERS, END_HEADERS | PADDED | PRIORITIZED, 1,
            b"\x03" + b"\0\0\0\5\x10" + block + b"pad",
        )
        + frame(DATA, PADDED, 1, b"\x04" + b"body" + bytes(4))
        + frame(DATA, PADDED, 1, b"\x00" + b"more")
        + frame(DATA, PADDED | END_STREAM, 1, b"\x05" + bytes(5))
    )  # fmt: skip
    assert joined(bench.feed(data, step)) == [
        ("headers", 1, (b"POST", b"/", b"Host: a\r\n"), False),
        ("data", 1, b"bodymore", True),
    ]


@pytest.mark.parametrize("pieces", [1, 2, 5, 17])
def test_a_block_in_pieces(engine: Build, pieces: int) -> None:
    bench = Bench(engine)
    block = bench.encoder.encode((*GET, ("x-long", "v" * 100)))
    cuts = [len(block) * index // pieces for index in range(pieces + 1)]
    data = b"".join(
        frame(
            CONTINUATION if index else HEADERS,
            (END_STREAM if not index else 0) | (END_HEADERS if index == pieces - 1 else 0),
            1,
            block[cuts[index] : cuts[index + 1]],
        )
        for index in range(pieces)
    )
    lines = b"Host: a\r\nx-long: " + b"v" * 100 + b"\r\n"
    assert bench.feed(data) == [("headers", 1, (b"GET", b"/", lines), True)]


def test_ping_is_answered(engine: Build) -> None:
    bench = Bench(engine)
    assert bench.feed(frame(PING, 0, 0, b"12345678")) == []
    assert bench.sent() == [(PING, ACK, 0, b"12345678")]
    bench.engine.ping(b"abcdefgh")
    assert bench.sent() == [(PING, 0, 0, b"abcdefgh")]


def test_a_head_that_is_too_large_is_an_event(engine: Build) -> None:
    bench = Bench(engine, max_fields=5)
    events = bench.feed(bench.head((*GET, ("a", "b"), ("c", "d")), 1, END_HEADERS))
    assert events == [("headers", 1, None, False)]
    stream = bench.engine.stream
    bench.engine.send_headers(stream, bench.response(431), True)
    bench.engine.reset_stream(stream, NO_ERROR)
    kinds = [each[0] for each in bench.sent()]
    assert kinds == [HEADERS, RST_STREAM]
    # The table is right: both literals are in it.
    bench = Bench(engine, max_fields=5)
    bench.feed(bench.head((*GET, ("a", "b"), ("c", "d")), 1))
    assert bench.feed(bench.head((*GET, ("c", "d")), 3))[0][2][2] == b"Host: a\r\nc: d\r\n"


def test_streams_beyond_the_limit_are_refused(engine: Build) -> None:
    bench = Bench(engine, max_concurrent_streams=2)
    assert bench.preface[0][:3] == (SETTINGS, 0, 0)
    assert (3, 2) in _settings(bench.preface[0][3])
    events = bench.feed(b"".join(bench.head((*GET, ("x", "y")), 2 * i + 1) for i in range(3)))
    assert [event[:2] for event in events] == [("headers", 1), ("headers", 3)]
    assert bench.sent() == [(RST_STREAM, 0, 5, REFUSED_STREAM.to_bytes(4, "big"))]
    assert bench.engine.active() == 2
    bench.engine.send_headers(bench.streams[1], bench.response(), True)
    assert bench.engine.active() == 1
    assert bench.feed(bench.head((*GET, ("x", "y")), 7))[0][2][2] == b"Host: a\r\nx: y\r\n"


def test_skipped_streams_are_closed(engine: Build) -> None:
    bench = Bench(engine)
    assert bench.feed(bench.head(GET, 101))[0][:2] == ("headers", 101)
    assert bench.feed(rst_stream(51) + window_update(51, 5)) == []
    assert bench.feed(frame(DATA, 0, 51, b"x"))[0][:2] == ("error", STREAM_CLOSED)


def test_trailers(engine: Build) -> None:
    bench = Bench(engine)
    bench.feed(bench.head((*POST, ("content-length", "4")), 1, END_HEADERS))
    events = bench.feed(frame(DATA, 0, 1, b"body") + bench.head((("a", "b"),), 1))
    assert events == [("data", 1, b"body", False), ("trailers", 1, b"a: b\r\n")]
    assert bench.streams[1].remote_ended


def test_the_preface_is_compared_as_it_comes(engine: Build) -> None:
    for wrong in (b"GET / HTTP/1.1\r\n", PREFACE[:23] + b"x", b"P\xff"):
        for step in (0, 1):
            bench = Bench(engine, settle=False)
            assert bench.feed(wrong, step)[-1][:2] == ("error", PROTOCOL_ERROR)
    bench = Bench(engine, settle=False)
    assert bench.feed(PREFACE + settings((1, 0)), 1) == [("settled",)]


@pytest.mark.parametrize(
    "first", [frame(PING, 0, 0, bytes(8)), frame(SETTINGS, ACK), frame(HEADERS, 5, 1, BLOCK)]
)
@pytest.mark.parametrize("server", [True, False])
def test_settings_come_first(engine: Build, first: bytes, server: bool) -> None:
    bench = Bench(engine, server=server, settle=False)
    data = (PREFACE if server else b"") + first
    assert bench.feed(data) == [("error", PROTOCOL_ERROR, "")]


def test_what_a_server_announces(engine: Build) -> None:
    bench = Bench(
        engine, max_concurrent_streams=7, initial_window=70000, connection_window=100000,
        max_frame_size=20000, header_table_size=100, max_header_bytes=5000,
        enable_connect_protocol=True, settle=False,
    )  # fmt: skip
    assert sorted(_settings(bench.preface[0][3])) == [
        (1, 100), (3, 7), (4, 70000), (5, 20000), (6, 5000), (8, 1), (9, 1),
    ]  # fmt: skip
    assert bench.preface[1:] == [(WINDOW_UPDATE, 0, 0, (100000 - 65535).to_bytes(4, "big"))]


def test_what_a_client_announces(engine: Build) -> None:
    bench = Bench(engine, server=False, settle=False)
    found = dict(_settings(bench.preface[0][3]))
    assert found[2] == 0
    assert 3 not in found


def test_a_smaller_table_holds_from_its_acknowledgement(engine: Build) -> None:
    bench = Bench(engine, header_table_size=100)
    # Not acknowledged: the peer still has 4096 bytes.
    fields = (*GET, ("x-large", "v" * 200))
    assert bench.feed(bench.head(fields, 1))[0][0] == "headers"
    assert bench.feed(bench.head(fields, 3))[0][0] == "headers"
    bench.feed(frame(SETTINGS, ACK))
    bench.encoder.header_table_size = 100
    assert bench.feed(bench.head(fields, 5))[0][0] == "headers"
    # Acknowledged, but no size update in the next block (RFC 7541 §4.2).
    bench = Bench(engine, header_table_size=100)
    assert bench.feed(frame(SETTINGS, ACK) + bench.head(fields, 1))[0][:2] == (
        "error", COMPRESSION_ERROR,
    )  # fmt: skip


# -- tunnels, upgrades, the end -------------------------------------------------------------------


def test_extended_connect(engine: Build) -> None:
    bench = Bench(engine, enable_connect_protocol=True)
    fields = ((":method", "CONNECT"), (":protocol", "websocket"), *GET[1:])
    assert bench.feed(bench.head(fields, 1, END_HEADERS)) == [
        ("headers", 1, (b"CONNECT", b"/", b"Host: a\r\n"), False)
    ]
    assert bench.engine.head.upgrade == b"websocket"
    bench.engine.send_headers(bench.streams[1], bench.response(), False)
    assert bench.feed(frame(DATA, 0, 1, b"x")) == [("data", 1, b"x", False)]
    # A tunnel has no trailers (RFC 9113 §8.5).
    assert bench.feed(bench.head((("a", "b"),), 1)) == [("reset", 1, PROTOCOL_ERROR, False)]


def test_an_extended_connect_needs_permission(engine: Build) -> None:
    bench = Bench(engine, server=False)
    head = bench.request(b"CONNECT")
    head.upgrade = b"websocket"
    assert bench.engine.open_stream(None, head, False) is None
    bench.feed(settings((8, 1)))
    assert bench.engine.open_stream(None, head, False) is not None


def test_upgrade_from_http1(engine: Build) -> None:
    bench = Bench(engine, settle=False)
    stream = bench.engine.upgrade(settings((4, 10), (3, 5))[9:])
    assert stream.id == 1
    assert stream.remote_ended
    assert stream.send_window == 10
    assert bench.engine.send_data(stream, b"x" * 20, True)
    # The client's preface comes after its request all the same.
    assert bench.feed(PREFACE + settings((4, 15))) == [("settled",)]
    assert [each for each in bench.sent() if each[0] == DATA] == [
        (DATA, 0, 1, b"x" * 10), (DATA, 0, 1, b"x" * 5),
    ]  # fmt: skip
    assert bench.feed(frame(DATA, 0, 1, b"x")) == [("reset", 1, STREAM_CLOSED, False)]
    assert bench.feed(bench.head(GET, 3))[0][:2] == ("headers", 3)


@pytest.mark.parametrize("wrong", [b"\0", settings((5, 1))[9:], settings((4, 1 << 31))[9:]])
def test_upgrade_with_malformed_settings(engine: Build, wrong: bytes) -> None:
    assert Bench(engine, settle=False).engine.upgrade(wrong) is None


def test_goaway_in_two_steps(engine: Build) -> None:
    bench = Bench(engine)
    bench.feed(bench.head(GET, 1))
    bench.engine.goaway(NO_ERROR, False)
    assert bench.sent() == [(GOAWAY, 0, 0, b"\x7f\xff\xff\xff" + bytes(4))]
    assert bench.feed(bench.head(GET, 3))[0][:2] == ("headers", 3)
    bench.engine.goaway(NO_ERROR, True)
    assert bench.sent() == [(GOAWAY, 0, 0, bytes((0, 0, 0, 3)) + bytes(4))]
    assert bench.feed(bench.head(GET, 5)) == []
    assert bench.sent() == [(RST_STREAM, 0, 5, REFUSED_STREAM.to_bytes(4, "big"))]
    assert bench.engine.active() == 2
    # The last GOAWAY does not name more than the one before (§6.8).
    bench.feed(frame(PING, 0, 1, bytes(8)))
    assert bench.sent()[0][3][:4] == bytes((0, 0, 0, 3))


# -- clients --------------------------------------------------------------------------------------

CLIENT_FAILS: dict[str, tuple[int, Made]] = {
    "HEADERS on an idle stream": (PROTOCOL_ERROR, lambda b: b.head(OK, 3)),
    "HEADERS on an even stream": (PROTOCOL_ERROR, lambda b: b.head(OK, 2)),
    "DATA on an idle stream": (PROTOCOL_ERROR, lambda b: frame(DATA, 0, 3, b"x")),
    "RST_STREAM on an idle stream": (PROTOCOL_ERROR, lambda b: rst_stream(3)),
    "PUSH_PROMISE": (
        PROTOCOL_ERROR, lambda b: frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + BLOCK),
    ),
    "ENABLE_PUSH of 1": (PROTOCOL_ERROR, lambda b: settings((2, 1))),
    "HEADERS on a closed stream": (
        STREAM_CLOSED, lambda b: b.head(OK, 1) + b.head(OK, 1),
    ),
    "DATA on a closed stream": (
        STREAM_CLOSED, lambda b: b.head(OK, 1) + frame(DATA, 0, 1, b"x"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("step", [0, 1], ids=["whole", "bytes"])
@pytest.mark.parametrize("name", CLIENT_FAILS)
def test_what_ends_a_clients_connection(engine: Build, name: str, step: int) -> None:
    code, make = CLIENT_FAILS[name]
    bench = Bench(engine, server=False)
    bench.engine.open_stream(None, bench.request(), True)
    assert bench.feed(make(bench), step)[-1] == ("error", code, "")


INFORMATIONAL = ((":status", "103"), ("link", "x"))

CLIENT_RESETS: dict[str, tuple[int, Made]] = {
    "a malformed response": (PROTOCOL_ERROR, lambda b: b.head((("a", "b"),), 1)),
    "a response with a request's pseudo-header": (PROTOCOL_ERROR, lambda b: b.head(GET, 1)),
    "101": (PROTOCOL_ERROR, lambda b: b.head(((":status", "101"),), 1, END_HEADERS)),
    "1xx that ends the stream": (PROTOCOL_ERROR, lambda b: b.head(INFORMATIONAL, 1)),
    "1xx without end": (
        ENHANCE_YOUR_CALM,
        lambda b: b"".join(b.head(INFORMATIONAL, 1, END_HEADERS) for _ in range(17)),
    ),
    "DATA before the response": (PROTOCOL_ERROR, lambda b: frame(DATA, 0, 1, b"x")),
    "DATA after 1xx": (
        PROTOCOL_ERROR, lambda b: b.head(INFORMATIONAL, 1, END_HEADERS) + frame(DATA, 0, 1, b"x"),
    ),
    "content-length without a body": (
        PROTOCOL_ERROR, lambda b: b.head((*OK, ("content-length", "5")), 1),
    ),
    "less than content-length": (
        PROTOCOL_ERROR,
        lambda b: b.head((*OK, ("content-length", "5")), 1, END_HEADERS)
        + frame(DATA, END_STREAM, 1, b"x"),
    ),
    "204 with a body": (
        PROTOCOL_ERROR,
        lambda b: b.head(((":status", "204"),), 1, END_HEADERS) + frame(DATA, 1, 1, b"x"),
    ),
    "304 with a body": (
        PROTOCOL_ERROR,
        lambda b: b.head(((":status", "304"), ("content-length", "1")), 1, END_HEADERS)
        + frame(DATA, 1, 1, b"x"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CLIENT_RESETS)
def test_what_breaks_a_response(engine: Build, name: str) -> None:
    code, make = CLIENT_RESETS[name]
    bench = Bench(engine, server=False)
    stream = bench.engine.open_stream(None, bench.request(), True)
    bench.sent()
    assert bench.feed(make(bench))[-1] == ("reset", 1, code, False)
    assert stream.closed
    assert bench.sent() == [(RST_STREAM, 0, 1, code.to_bytes(4, "big"))]


def test_responses(engine: Build) -> None:
    bench = Bench(engine, server=False)
    stream = bench.engine.open_stream("owner", bench.request(), True)
    assert stream.owner == "owner"
    sent = bench.sent()
    assert [each[:3] for each in sent] == [(HEADERS, END_HEADERS | END_STREAM, 1)]
    assert (":authority", "a") in bench.decoder.decode(sent[0][3])
    events = bench.feed(
        bench.head(INFORMATIONAL, 1, END_HEADERS)
        + bench.head((*OK, ("content-length", "2")), 1, END_HEADERS)
        + frame(DATA, 0, 1, b"hi")
        + bench.head((("grpc-status", "0"),), 1)
    )
    assert events == [
        ("headers", 1, (103, b"link: x\r\n"), False),
        ("headers", 1, (200, b"content-length: 2\r\n"), False),
        ("data", 1, b"hi", False),
        ("trailers", 1, b"grpc-status: 0\r\n"),
    ]
    assert stream.closed
    assert bench.engine.active() == 0


@pytest.mark.parametrize(
    ("method", "status"), [(b"HEAD", "200"), (b"GET", "304"), (b"CONNECT", "200")]
)
def test_a_content_length_that_is_not_the_bodys(
    engine: Build, method: bytes, status: str
) -> None:
    bench = Bench(engine, server=False)
    bench.engine.open_stream(None, bench.request(method), True)
    events = bench.feed(bench.head(((":status", status), ("content-length", "5")), 1))
    assert events[0][0] == "headers"
    assert events[0][3]


def test_a_clients_tunnel(engine: Build) -> None:
    bench = Bench(engine, server=False)
    stream = bench.engine.open_stream(None, bench.request(b"CONNECT"), False)
    bench.feed(bench.head(OK, 1, END_HEADERS))
    assert bench.engine.send_data(stream, b"x", False)
    assert bench.feed(frame(DATA, 0, 1, b"y")) == [("data", 1, b"y", False)]
    assert bench.feed(bench.head((("a", "b"),), 1)) == [("reset", 1, PROTOCOL_ERROR, False)]
    # A refused one is a response like others.
    stream = bench.engine.open_stream(None, bench.request(b"CONNECT"), False)
    bench.feed(bench.head(((":status", "403"),), 3, END_HEADERS))
    assert bench.feed(bench.head((("a", "b"),), 3)) == [("trailers", 3, b"a: b\r\n")]


def test_how_many_streams_a_client_opens(engine: Build) -> None:
    bench = Bench(engine, server=False, settle=False)
    opened = 0
    while bench.engine.open_stream(None, bench.request(), True) is not None:
        opened += 1
    assert opened == 100
    bench.feed(settings((3, 2)))
    assert not bench.engine.can_open()
    bench.feed(b"".join(rst_stream(stream) for stream in range(1, 2 * opened - 2, 2)))
    assert bench.engine.active() == 1
    assert bench.engine.can_open()
    bench.engine.open_stream(None, bench.request(), True)
    assert not bench.engine.can_open()
    bench = Bench(engine, server=False)
    for _ in range(500):
        assert bench.engine.open_stream(None, bench.request(), True) is not None


def test_goaway_from_a_server(engine: Build) -> None:
    bench = Bench(engine, server=False)
    streams = [bench.engine.open_stream(None, bench.request(), True) for _ in range(4)]
    events = bench.feed(goaway(0x7FFFFFFF))
    assert events == [("goaway", 0x7FFFFFFF, NO_ERROR)]
    assert not bench.engine.can_open()
    assert bench.engine.open_stream(None, bench.request(), True) is None
    events = bench.feed(goaway(3, ENHANCE_YOUR_CALM, b"text"))
    assert sorted(events[:2]) == [
        ("reset", 5, REFUSED_STREAM, True), ("reset", 7, REFUSED_STREAM, True),
    ]  # fmt: skip
    assert events[2:] == [("goaway", 3, ENHANCE_YOUR_CALM)]
    assert [stream.closed for stream in streams] == [False, False, True, True]
    assert bench.feed(bench.head(OK, 1) + bench.head(OK, 3)) == [
        ("headers", 1, (200, b""), True), ("headers", 3, (200, b""), True),
    ]  # fmt: skip
    assert bench.engine.active() == 0


def test_goaway_does_not_take_back(engine: Build) -> None:
    bench = Bench(engine, server=False)
    assert bench.feed(goaway(3) + goaway(7)) == [
        ("goaway", 3, NO_ERROR), ("goaway", 3, NO_ERROR),
    ]  # fmt: skip


def test_nothing_follows_a_request_that_ended(engine: Build) -> None:
    """A stream that we reset is forgiven what is on its way, but not after its end."""
    bench = Bench(engine)
    bench.feed(bench.head(GET, 1))
    bench.engine.reset_stream(bench.streams[1], CANCEL)
    assert bench.feed(frame(DATA, 0, 1, b"x")) == [("error", STREAM_CLOSED, "")]


def test_a_refused_stream_was_not_processed(engine: Build) -> None:
    bench = Bench(engine, server=False)
    bench.engine.open_stream(None, bench.request(), True)
    assert bench.feed(rst_stream(1, REFUSED_STREAM)) == [("reset", 1, REFUSED_STREAM, True)]


def test_a_client_forgets_what_it_cancelled(engine: Build) -> None:
    bench = Bench(engine, server=False)
    streams = [bench.engine.open_stream(None, bench.request(), True) for _ in range(300)]
    for stream in streams:
        bench.engine.reset_stream(stream, CANCEL)
        bench.engine.reset_stream(stream, CANCEL)
    resets = [each for each in bench.sent() if each[0] == RST_STREAM]
    assert [each[2] for each in resets] == [stream.id for stream in streams]
    late = b"".join(
        bench.head((*OK, ("x", str(stream.id))), stream.id, END_HEADERS)
        + frame(DATA, END_STREAM, stream.id, b"late")
        for stream in streams
    )
    assert bench.feed(late) == []
    stream = bench.engine.open_stream(None, bench.request(), True)
    assert bench.feed(bench.head((*OK, ("x", "599")), stream.id)) == [
        ("headers", stream.id, (200, b"x: 599\r\n"), True)
    ]


def test_stream_ids_run_out(interpreted_engine: Build) -> None:
    """Nobody opens so many streams: the counter is set, which only the interpreted one allows."""
    bench = Bench(interpreted_engine, server=False)
    bench.engine._next_id = 0x7FFFFFFF
    assert bench.engine.open_stream(None, bench.request(), True).id == 0x7FFFFFFF
    assert not bench.engine.can_open()


def test_the_last_stream_of_a_client(engine: Build) -> None:
    bench = Bench(engine)
    assert bench.feed(bench.head(GET, 0x7FFFFFFF))[0][:2] == ("headers", 0x7FFFFFFF)


def test_calls_for_closed_streams_do_nothing(engine: Build) -> None:
    bench = Bench(engine)
    stream = bench.exchange()
    bench.feed(rst_stream(1))
    bench.engine.send_headers(stream, bench.response(), False)
    assert bench.engine.send_data(stream, b"x" * 100000, True)
    bench.engine.send_trailers(stream, bench.trailers())
    bench.engine.consumed(stream, 100)
    bench.engine.reset_stream(stream, CANCEL)
    assert bench.sent() == []


def _settings(payload: bytes) -> list[tuple[int, int]]:
    number = int.from_bytes
    return [
        (number(payload[at : at + 2], "big"), number(payload[at + 2 : at + 6], "big"))
        for at in range(0, len(payload), 6)
    ]
