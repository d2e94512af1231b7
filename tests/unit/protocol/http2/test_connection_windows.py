"""Flow control (RFC 9113 §5.2, §6.9): nothing beyond a window, nothing lost, nobody starved."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.http2_engine import (
    CANCEL,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    OK,
    PADDED,
    POST,
    WINDOW_UPDATE,
    Bench,
    Build,
    frame,
    installed,
    interpreted,
    joined,
    parse,
    rst_stream,
    window_update,
)
from tests.support.http2_engine import settings as settings_frame

BUILDS = (installed(), interpreted())


class Model:
    """What the peer knows: the windows it gave, and what came."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.connection = 65535
        self.initial = 65535
        self.windows: dict[int, int] = {}
        self.written: dict[int, bytes] = {}
        self.came: dict[int, bytes] = {}
        self.ended: set[int] = set()
        self.wants_end: set[int] = set()
        self.waiting: set[int] = set()
        self.reset: set[int] = set()

    def open(self) -> int:
        stream = 2 * len(self.windows) + 1
        self.windows[stream] = self.initial
        self.written[stream] = self.came[stream] = b""
        self.bench.exchange(stream)
        self.bench.engine.send_headers(self.bench.streams[stream], self.bench.response(), False)
        return stream

    def write(self, stream: int, size: int, end: bool) -> None:
        if stream in self.wants_end or stream in self.reset:
            return
        start = len(self.written[stream])
        data = bytes((start + index) * 7 % 256 for index in range(size))
        self.written[stream] += data
        if not self.bench.engine.send_data(self.bench.streams[stream], data, end):
            self.waiting.add(stream)
        if end:
            self.wants_end.add(stream)

    def note(self, events: list) -> None:
        for event in events:
            if event[0] == "drained":
                assert event[1] in self.waiting
                self.waiting.remove(event[1])
            else:
                assert event[0] == "settled"

    def take(self) -> None:
        for kind, flags, stream, payload in self.bench.sent():
            if kind != DATA:
                continue
            self.connection -= len(payload)
            self.windows[stream] -= len(payload)
            assert len(payload) <= 16384
            if payload:
                assert self.connection >= 0
                assert self.windows[stream] >= 0
            assert stream not in self.ended
            assert stream not in self.reset
            self.came[stream] += payload
            if flags & END_STREAM:
                self.ended.add(stream)
        for stream, data in self.came.items():
            assert self.written[stream].startswith(data)


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["write", "write", "end", "stream", "stream", "connection", "initial", "congested",
             "relieved", "open", "reset", "trailers"]
        ),
        st.integers(0, 5),
        st.one_of(st.integers(0, 40), st.integers(0, 90000)),
    ),
    max_size=40,
)  # fmt: skip


@pytest.mark.parametrize("build", BUILDS, ids=repr)
@settings(max_examples=150, deadline=None)
@given(operations=OPERATIONS)
def test_windows(build: Build, operations: list[tuple[str, int, int]]) -> None:
    bench = Bench(build, high_water=3000, low_water=1000, flood_limits=((10**6, 0),) * 7)
    model = Model(bench)
    model.open()
    for name, which, size in operations:
        stream = 2 * (which % len(model.windows)) + 1
        if name == "open":
            model.open()
        elif name == "write":
            model.write(stream, size, False)
        elif name == "end":
            model.write(stream, size, True)
        elif name == "trailers":
            if stream not in model.wants_end and stream not in model.reset:
                bench.engine.send_trailers(bench.streams[stream], None)
                model.wants_end.add(stream)
        elif name == "congested":
            bench.engine.congested(True)
        elif name == "relieved":
            bench.engine.congested(False)
            model.note(bench.events())
        elif name == "reset":
            if which == 5 and stream not in model.reset and stream not in model.ended:
                bench.engine.reset_stream(bench.streams[stream], CANCEL)
                model.reset.add(stream)
                model.waiting.discard(stream)
        else:
            if size == 0:
                continue
            if name == "stream":
                model.windows[stream] += size
                data = window_update(stream, size)
            elif name == "connection":
                model.connection += size
                data = window_update(0, size)
            else:
                for each in model.windows:
                    model.windows[each] += size - model.initial
                model.initial = size
                data = settings_frame((4, size))
            model.note(bench.feed(data))
        model.take()
    # With windows wide open everything arrives.
    bench.engine.congested(False)
    data = window_update(0, 2**30)
    model.connection += 2**30
    for stream in model.windows:
        data += window_update(stream, 2**30)
        model.windows[stream] += 2**30
    model.note(bench.feed(data))
    for _ in range(100):
        model.take()
        model.note(bench.events())
    for stream, written in model.written.items():
        if stream not in model.reset:
            assert model.came[stream] == written
            assert (stream in model.ended) == (stream in model.wants_end)
    assert not model.waiting - model.wants_end


def test_negative_windows(engine: Build) -> None:
    """§6.9.2: what was sent stays sent, and must be earned back."""
    bench = Bench(engine)
    bench.feed(settings_frame((4, 100)))
    stream = bench.exchange()
    assert bench.engine.send_data(stream, b"x" * 150, False)
    assert _data(bench) == [(1, 100)]
    bench.feed(settings_frame((4, 30)))
    assert stream.send_window == -70
    bench.feed(window_update(1, 70))
    assert _data(bench) == []
    bench.feed(window_update(1, 1))
    assert _data(bench) == [(1, 1)]
    bench.feed(settings_frame((4, 200)))
    assert _data(bench) == [(1, 49)]
    assert stream.send_window == 121


def test_a_window_that_shrinks_while_data_waits(engine: Build) -> None:
    bench = Bench(engine)
    stream = bench.exchange()
    bench.engine.congested(True)
    bench.engine.send_data(stream, b"x" * 1000, True)
    bench.feed(settings_frame((4, 0)))
    bench.engine.congested(False)
    assert bench.events() == []
    assert _data(bench) == []
    bench.feed(settings_frame((4, 65535)))
    assert _data(bench) == [(1, 1000)]


def test_an_end_needs_no_window(engine: Build) -> None:
    bench = Bench(engine)
    bench.feed(settings_frame((4, 0)))
    stream = bench.exchange()
    bench.engine.congested(True)
    assert bench.engine.send_data(stream, b"", True)
    assert bench.sent()[-1] == (DATA, END_STREAM, 1, b"")


def test_trailers_wait_for_what_is_queued(engine: Build) -> None:
    bench = Bench(engine)
    bench.feed(settings_frame((4, 10)))
    stream = bench.exchange()
    bench.sent()
    bench.engine.send_data(stream, b"x" * 15, False)
    bench.engine.send_trailers(stream, bench.trailers(b"a: b\r\n"))
    # Nothing may follow trailers, and another stream's head does not disturb the table.
    assert bench.engine.send_data(stream, b"y", True)
    other = bench.exchange(3)
    bench.engine.send_headers(other, bench.response(200, b"c: d\r\n"), True)
    bench.feed(window_update(1, 100))
    sent = bench.sent()
    assert [each[:3] for each in sent] == [
        (DATA, 0, 1), (HEADERS, END_HEADERS | END_STREAM, 3), (DATA, 0, 1),
        (HEADERS, END_HEADERS | END_STREAM, 1),
    ]  # fmt: skip
    assert bench.decoder.decode(sent[1][3]) == [(":status", "200"), ("c", "d")]
    assert bench.decoder.decode(sent[3][3]) == [("a", "b")]


def test_streams_take_turns(engine: Build) -> None:
    bench = Bench(engine, connection_window=1 << 20)
    streams = [bench.exchange(number) for number in (1, 3, 5)]
    bench.feed(settings_frame((4, 1 << 20)))
    bench.engine.congested(True)
    for stream in streams:
        bench.engine.send_data(stream, b"x" * 50000, True)
    bench.engine.congested(False)
    bench.events()
    order = [number for number, _ in _data(bench)]
    # The connection's window ends it after four frames.
    assert order == [1, 3, 5, 1]
    order = []
    for _ in range(7):
        bench.feed(window_update(0, 16384))
        order += [number for number, _ in _data(bench)]
    assert order[:5] == [3, 5, 1, 3, 5] or order[:6] == [1, 3, 5, 1, 3, 5]
    counts = [sum(number == each for number in order) for each in (1, 3, 5)]
    assert max(counts) - min(counts) <= 1


def test_a_small_reply_does_not_wait_for_a_large_one(engine: Build) -> None:
    bench = Bench(engine)
    bench.feed(settings_frame((4, 1 << 20)) + window_update(0, 1 << 24))
    large, small = bench.exchange(1), bench.exchange(3)
    bench.engine.congested(True)
    for _ in range(20):
        bench.engine.send_data(large, b"x" * 50000, False)
    bench.engine.send_data(small, b"y" * 10, True)
    bench.engine.congested(False)
    bench.events()
    assert _data(bench)[:3] == [(1, 16384), (3, 10), (1, 16384)]


def test_output_is_handed_out_in_bounded_pieces(engine: Build) -> None:
    bench = Bench(engine)
    bench.feed(settings_frame((4, 1 << 24)) + window_update(0, 1 << 24))
    stream = bench.exchange()
    data = bytes(index * 11 % 256 for index in range(3_000_000))
    assert not bench.engine.send_data(stream, data, True)
    total = b""
    rounds = 0
    while parts := bench.engine.take_output():
        size = sum(map(len, parts))
        # More than a Connection's HIGH_WATER, unless it is all; not much more.
        assert size <= 262144 + 16384 + 1000
        total += b"".join(parts)
        assert size > 262144 or bench.engine.streams[1].queued == 0
        bench.events()
        rounds += 1
    assert rounds >= 11
    body = b"".join(each[3] for each in parse(total) if each[0] == DATA)
    assert body == data


def test_writers_are_paused_and_resumed(engine: Build) -> None:
    bench = Bench(engine, high_water=1000, low_water=100)
    bench.feed(settings_frame((4, 0)))
    stream = bench.exchange()
    assert bench.engine.send_data(stream, b"x" * 1000, False)
    assert not bench.engine.send_data(stream, b"x", False)
    assert stream.queued == 1001
    assert bench.feed(window_update(1, 900)) == []
    assert bench.feed(window_update(1, 1)) == [("drained", 1)]
    assert stream.queued == 100
    assert bench.feed(window_update(1, 100)) == []


def test_tiny_writes_are_joined(engine: Build) -> None:
    bench = Bench(engine)
    bench.feed(settings_frame((4, 0)))
    stream = bench.exchange()
    bench.sent()
    for index in range(5000):
        bench.engine.send_data(stream, bytes((index % 256,)), False)
    bench.feed(settings_frame((4, 65535)))
    sent = [each for each in bench.sent() if each[0] == DATA]
    assert b"".join(each[3] for each in sent) == bytes(index % 256 for index in range(5000))
    assert len(sent) <= 4


def test_a_closed_stream_leaves_the_line(engine: Build) -> None:
    bench = Bench(engine)
    first, second = bench.exchange(1), bench.exchange(3)
    bench.sent()
    bench.engine.congested(True)
    bench.engine.send_data(first, b"x" * 70000, True)
    bench.engine.send_data(second, b"y" * 10, True)
    assert bench.feed(rst_stream(1)) == [("reset", 1, CANCEL, False)]
    bench.engine.congested(False)
    bench.events()
    assert bench.sent() == [(DATA, END_STREAM, 3, b"y" * 10)]


# -- what the peer may send -----------------------------------------------------------------------


def test_windows_are_given_back_in_halves(engine: Build) -> None:
    bench = Bench(engine, initial_window=70000, connection_window=100000)
    stream = bench.exchange()
    assert stream.receive_window == 70000
    bench.feed(frame(DATA, 0, 1, b"x" * 16384) * 3)
    assert bench.sent() == []
    bench.engine.consumed(stream, 35000)
    assert bench.sent() == []
    bench.engine.consumed(stream, 1)
    assert bench.sent() == [(WINDOW_UPDATE, 0, 1, (35001).to_bytes(4, "big"))]
    bench.engine.consumed(stream, 14999 - 848)
    assert bench.sent() == []
    # More than came is not given back.
    bench.engine.consumed(stream, 10**9)
    assert bench.sent() == []
    bench.feed(frame(DATA, 0, 1, b"x" * 1000))
    bench.engine.consumed(stream, 1000)
    assert bench.sent() == [(WINDOW_UPDATE, 0, 0, (50152).to_bytes(4, "big"))]


def test_a_paused_receiver_withholds(engine: Build) -> None:
    bench = Bench(engine, initial_window=1000, connection_window=65535)
    bench.feed(frame(4, 1))
    stream = bench.exchange()
    stream.paused = True
    bench.feed(frame(DATA, 0, 1, b"x" * 1000))
    bench.engine.consumed(stream, 1000)
    assert bench.sent() == []
    assert bench.feed(frame(DATA, 0, 1, b"x")) == [("reset", 1, 3, False)]
    bench = Bench(engine, initial_window=1000, connection_window=65535)
    stream = bench.exchange()
    stream.paused = True
    bench.feed(frame(DATA, 0, 1, b"x" * 1000))
    bench.engine.consumed(stream, 600)
    stream.paused = False
    bench.engine.consumed(stream, 0)
    assert bench.sent() == [(WINDOW_UPDATE, 0, 1, (600).to_bytes(4, "big"))]


def test_padding_counts_for_a_streams_window(engine: Build) -> None:
    bench = Bench(engine, initial_window=1000)
    bench.feed(frame(4, 1))
    bench.exchange()
    assert bench.feed(frame(DATA, PADDED, 1, b"\xc8" + b"x" * 600 + bytes(200)))[0][0] == "data"
    # Padding is given back like what was consumed, half a window at a time.
    assert bench.streams[1].receive_window == 1000 - 801
    assert bench.feed(frame(DATA, 0, 1, b"x" * 200)) == [("reset", 1, 3, False)]


def test_before_the_acknowledgement_the_default_window_holds(engine: Build) -> None:
    """A peer that does not know our smaller window yet may use the default one (§6.9.2)."""
    bench = Bench(engine, initial_window=10)
    bench.exchange()
    events = bench.feed(frame(DATA, 0, 1, b"x" * 16383) * 4)
    assert [event[0] for event in joined(events)] == ["data"]
    bench = Bench(engine, initial_window=10)
    bench.feed(frame(4, 1))
    bench.exchange()
    assert bench.feed(frame(DATA, 0, 1, b"x" * 11)) == [("reset", 1, 3, False)]


@pytest.mark.parametrize(
    "way",
    ["unconsumed", "padding", "reset by us", "reset by the peer", "broken",
     "in the middle of a frame", "late", "ended"],
)  # fmt: skip
def test_the_connections_window_never_leaks(engine: Build, way: str) -> None:
    """Whatever becomes of streams, in the end the connection's window is whole again."""
    bench = Bench(engine, connection_window=65535, flood_limits=((10**6, 0),) * 7)
    window = 65535
    for number in range(1, 200, 2):
        stream = bench.exchange(number)
        data = frame(DATA, 0, number, b"x" * 10000)
        if way == "padding":
            data = frame(DATA, PADDED, number, b"\xff" + b"x" * 9744 + bytes(255))
        if way == "ended":
            data = frame(DATA, END_STREAM, number, b"x" * 10000)
        window -= 10000
        assert window >= 0
        if way == "in the middle of a frame":
            bench.feed(data[:5000])
            bench.engine.reset_stream(stream, CANCEL)
            assert bench.feed(data[5000:]) == []
        elif way == "late":
            bench.engine.reset_stream(stream, CANCEL)
            assert bench.feed(data) == []
        elif way == "broken":
            bench.feed(data[:9000])
            assert bench.feed(data[9000:] + window_update(number, 0))[-1][0] == "reset"
        else:
            bench.feed(data)
        if way == "padding":
            bench.engine.consumed(stream, 9744)
        if way == "reset by us":
            bench.engine.reset_stream(stream, CANCEL)
        elif way == "reset by the peer":
            bench.feed(rst_stream(number))
        elif not stream.closed:
            if way != "ended":
                bench.feed(frame(DATA, END_STREAM, number))
            bench.engine.send_headers(stream, bench.response(), True)
        assert stream.closed
        for kind, _, on, payload in bench.sent():
            if kind == WINDOW_UPDATE and on == 0:
                window += int.from_bytes(payload, "big")
        assert window == bench.engine.receive_window
    assert window > 65535 // 2 - 10000


def test_windows_of_a_client(engine: Build) -> None:
    bench = Bench(engine, server=False)
    stream = bench.engine.open_stream(None, bench.request(b"POST"), False)
    assert stream.send_window == 65535
    assert not bench.engine.send_data(stream, b"x" * 200000, False)
    assert sum(size for _, size in _data(bench)) == 65535
    events = bench.feed(
        window_update(0, 200000) + bench.head(OK, 1, END_HEADERS) + window_update(1, 200000)
    )
    assert events == [("headers", 1, (200, b""), False), ("drained", 1)]
    assert sum(size for _, size in _data(bench)) == 200000 - 65535


def test_a_stream_that_ended_gives_no_window(engine: Build) -> None:
    bench = Bench(engine, initial_window=1000)
    bench.feed(bench.head(POST, 1, END_HEADERS) + frame(DATA, END_STREAM, 1, b"x" * 900))
    bench.engine.consumed(bench.streams[1], 900)
    assert not [each for each in bench.sent() if each[0] == WINDOW_UPDATE]


def _data(bench: Bench) -> list[tuple[int, int]]:
    return [(stream, len(payload)) for kind, _, stream, payload in bench.sent() if kind == DATA]
