"""Frames: bytes to headers and payloads, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.http2_engine import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    SETTINGS,
    Build,
    frame,
    goaway,
    installed,
    interpreted,
    parse,
    rst_stream,
    settings,
    window_update,
)

BUILDS = (installed(), interpreted())


def _read(build: Build, pieces: list[bytes], limit: int = 16384) -> list[tuple]:
    """Return (type, flags, stream, payload) of every frame, or TOO_LONG's None at the end."""
    frames = build.frames
    reader = frames.FrameReader(limit)
    found: list[tuple] = []
    body: tuple | None = None
    for piece in pieces:
        reader.feed(piece)
        while True:
            if body is not None:
                count = reader.arrived()
                if count:
                    body = (*body[:3], body[3] + reader.take(count))
                if reader.left:
                    break
                found.append(body)
                body = None
            event = reader.next()
            if event == frames.TOO_LONG:
                return [*found, None]
            if event == frames.INCOMPLETE:
                break
            head = (reader.kind, reader.flags, reader.stream_id)
            if reader.kind == DATA:
                padded = reader.flags & PADDED and reader.length
                start = reader.buffer[reader.start : reader.start + 1] if padded else b""
                body = (*head, start)
            else:
                payload = reader.buffer[reader.start : reader.start + reader.length]
                found.append((*head, payload))
    return found


FRAMES = st.lists(
    st.tuples(
        st.integers(0, 255), st.integers(0, 255), st.integers(0, 2**31 - 1),
        st.binary(max_size=40),
    ),
    max_size=8,
)  # fmt: skip


@pytest.mark.parametrize("build", BUILDS, ids=repr)
@given(frames=FRAMES, step=st.integers(1, 60))
def test_frames_come_out_as_they_went_in(build: Build, frames: list, step: int) -> None:
    data = b"".join(frame(*each) for each in frames)
    pieces = [data[at : at + step] for at in range(0, len(data), step)]
    assert _read(build, [data]) == frames
    assert _read(build, pieces) == frames


def test_the_reserved_bit_is_ignored(engine: Build) -> None:
    data = bytearray(frame(PING, 0, 5, b"12345678"))
    data[5] |= 0x80
    assert _read(engine, [bytes(data)]) == [(PING, 0, 5, b"12345678")]


def test_a_frame_that_is_too_long_is_seen_at_its_header(engine: Build) -> None:
    data = frame(HEADERS, 0, 1, b"x" * 16385)
    assert _read(engine, [data[:9]]) == [None]
    assert _read(engine, [frame(HEADERS, 0, 1, b"x" * 16384)])[0][3] == b"x" * 16384


def test_feeding_ahead_of_reading_loses_nothing(engine: Build) -> None:
    reader = engine.frames.FrameReader(16384)
    data = frame(PING, 0, 0, b"12345678") + frame(PING, 0, 0, b"abcdefgh")
    reader.feed(data[:10])
    reader.feed(data[10:20])
    reader.feed(data[20:])
    found = []
    while reader.next() == engine.frames.FRAME:
        found.append(reader.buffer[reader.start : reader.start + reader.length])
    assert found == [b"12345678", b"abcdefgh"]


def test_an_idle_reader_holds_nothing(engine: Build) -> None:
    reader = engine.frames.FrameReader(16384)
    reader.feed(frame(SETTINGS))
    assert reader.next() == engine.frames.FRAME
    assert reader.next() == engine.frames.INCOMPLETE
    assert reader.buffer == b""


def test_data_comes_without_a_copy_when_it_is_a_whole_read(engine: Build) -> None:
    reader = engine.frames.FrameReader(16384)
    reader.feed(frame(DATA, 0, 1, b"x" * 100)[:9])
    assert reader.next() == engine.frames.FRAME
    assert reader.arrived() == 0
    piece = b"x" * 60
    reader.feed(piece)
    assert reader.arrived() == 60
    assert reader.take(60) is piece
    assert reader.left == 40


def test_what_is_written(engine: Build) -> None:
    writer = engine.frames.FrameWriter()
    writer.raw(b"PRI")
    writer.frame(PING, ACK, 0, b"12345678")
    writer.data(END_STREAM, 0x7FFFFFFF, b"abcdef", 2, 3)
    writer.rst_stream(3, 0xFFFFFFFF)
    writer.window_update(0, 0x7FFFFFFF)
    writer.goaway(5, 2, b"why")
    writer.settings([(1, 0xFFFFFFFF), (9, 1)])
    expected = (
        b"PRI"
        + frame(PING, ACK, 0, b"12345678")
        + frame(DATA, END_STREAM, 0x7FFFFFFF, b"cde")
        + rst_stream(3, 0xFFFFFFFF)
        + window_update(0, 0x7FFFFFFF)
        + goaway(5, 2, b"why")
        + settings((1, 0xFFFFFFFF), (9, 1))
    )
    assert writer.size == len(expected)
    assert writer.take() == [expected]
    assert writer.take() == []
    assert writer.size == 0


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 16384])
def test_large_payloads_are_not_copied(engine: Build, size: int) -> None:
    writer = engine.frames.FrameWriter()
    payload = b"x" * size
    writer.data(0, 1, payload, 0, size)
    writer.frame(PING, 0, 0, b"12345678")
    parts = writer.take()
    assert any(part is payload for part in parts) == (size >= engine.frames.OWN_PIECE)
    assert list(parse(b"".join(parts))) == [(DATA, 0, 1, payload), (PING, 0, 0, b"12345678")]


@pytest.mark.parametrize("size", [0, 10, 16384, 16385, 40000, 49152])
def test_long_blocks_are_continued(engine: Build, size: int) -> None:
    writer = engine.frames.FrameWriter()
    block = bytes(index % 251 for index in range(size))
    writer.headers(END_STREAM, 7, block, 16384)
    found = list(parse(b"".join(writer.take())))
    assert b"".join(each[3] for each in found) == block
    assert [each[0] for each in found] == [HEADERS] + [CONTINUATION] * (len(found) - 1)
    assert all(each[2] == 7 and len(each[3]) <= 16384 for each in found)
    assert found[0][1] & END_STREAM
    assert [bool(each[1] & END_HEADERS) for each in found] == [False] * (len(found) - 1) + [True]
    assert len(found) == max(1, -(-size // 16384))
    assert not any(each[0] == GOAWAY for each in found)
