"""Any frames give events or one error, never an exception, and the same ones and the same output
from both builds; cut anywhere they mean the same; what we send stays within the peer's windows, and
every stream that the engine reported comes to an end that it reports.

The first byte of an input says how the rest is meant: bit 0: frames as they are, else records of
type, flags, stream, size and payload, from which frames are made; bit 1: we are the client; bit 2:
tight limits.
"""

import sys
from typing import Any

import hpack

from pymosn.protocol.http2.errors import STREAM_CLOSED
from tests.fuzz.loop import main
from tests.support.http2_engine import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GET,
    GOAWAY,
    HEADERS,
    OK,
    PADDED,
    PING,
    POST,
    PRIORITIZED,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Bench,
    Build,
    Fields,
    Frame,
    frame,
    goaway,
    installed,
    interpreted,
    joined,
    parse,
    rst_stream,
    settings,
    window_update,
)

COMPILED = installed()
INTERPRETED = interpreted()
RAW, CLIENT, TIGHT = 1, 2, 4
TIGHT_LIMITS = {
    "max_concurrent_streams": 2, "initial_window": 100, "connection_window": 70000,
    "max_header_bytes": 200, "max_fields": 6, "max_continuations": 2, "high_water": 500,
    "low_water": 100, "enable_connect_protocol": True, "flood_limits": ((8, 0),) * 7,
}  # fmt: skip
REQUESTS = 4


def _block(fields: Fields) -> bytes:
    return hpack.Encoder().encode(fields)


CONVERSATIONS = (
    frame(HEADERS, END_HEADERS | END_STREAM, 1, _block(GET)),
    frame(HEADERS, END_HEADERS, 1, _block(POST))
    + frame(DATA, 0, 1, b"body")
    + frame(DATA, PADDED | END_STREAM, 1, b"\x02xy\0\0"),
    frame(HEADERS, END_HEADERS, 1, _block((*POST, ("content-length", "4"))))
    + frame(DATA, 0, 1, b"body")
    + frame(HEADERS, END_HEADERS | END_STREAM, 1, _block((("a", "b"),))),
    frame(HEADERS, END_STREAM | PADDED | PRIORITIZED, 3, b"\1\0\0\0\0\7" + _block(GET)[:3] + b"\0")
    + frame(CONTINUATION, 0, 3, _block(GET)[3:])
    + frame(CONTINUATION, END_HEADERS, 3, b""),
    settings((4, 10), (1, 100), (5, 20000), (3, 1))
    + frame(HEADERS, END_HEADERS | END_STREAM, 1, _block(GET))
    + window_update(1, 50)
    + settings((4, 0))
    + window_update(1, 1000)
    + settings((4, 100000)),
    frame(PING, 0, 0, b"12345678") + frame(PRIORITY, 0, 5, b"\0\0\0\3\1") + frame(SETTINGS, 1),
    frame(HEADERS, END_HEADERS, 1, _block(POST)) + rst_stream(1) + rst_stream(1) + goaway(1, 2),
    frame(HEADERS, END_HEADERS, 1, _block(OK)) + frame(DATA, END_STREAM, 1, b"response"),
    frame(HEADERS, END_HEADERS, 1, _block(((":status", "103"), ("link", "x"))))
    + frame(HEADERS, END_HEADERS | END_STREAM, 1, _block((*OK, ("content-length", "0"))))
    + frame(HEADERS, END_HEADERS, 3, _block((*OK, ("content-length", "3"))))
    + frame(DATA, END_STREAM, 3, b"abc")
    + goaway(3, 0, b"bye"),
    frame(
        HEADERS, END_HEADERS, 1, _block(((":method", "CONNECT"), (":protocol", "x"), *GET[1:]))
    )
    + frame(DATA, 0, 1, b"tunnel"),
)


def _records(frames: bytes) -> bytes:
    return b"".join(
        bytes((kind, flags, stream & 255, len(payload))) + payload
        for kind, flags, stream, payload in parse(frames)
    )


SEEDS = [
    *(bytes((mode | RAW,)) + frames for frames in CONVERSATIONS for mode in (0, CLIENT)),
    *(bytes((mode,)) + _records(frames) for frames in CONVERSATIONS for mode in range(0, 8, 2)),
]


def check(data: bytes) -> None:
    """Raise when the invariant does not hold for ``data``."""
    mode = data[0] if data else 0
    frames = data[1:] if mode & RAW else _frames(data[1:])
    whole = _converse(COMPILED, mode, [frames])
    _same(whole, _converse(INTERPRETED, mode, [frames]))
    cut = len(frames) * (data[-1] if data else 0) // 255
    step = 1 + (data[-2] % 13 if len(data) > 1 else 0)
    steps = [frames[at : at + step] for at in range(0, min(len(frames), 3000), step)]
    for pieces in ([frames[:cut], frames[cut:]], [*steps, frames[3000:]]):
        again = _converse(COMPILED, mode, pieces)
        _same(again, _converse(INTERPRETED, mode, pieces))
        # In pieces, windows are given back in other portions, and an answer may be out before a
        # late frame comes for its stream, which then is closed and not half closed.
        if not mode & TIGHT and not (_met_closed(whole[0]) or _met_closed(again[0])):
            assert _mean_the_same(joined(whole[0]), joined(again[0])), (whole[0], again[0])


def _mean_the_same(one: list[tuple[Any, ...]], other: list[tuple[Any, ...]]) -> bool:
    """Say whether these events differ only by when our answer was out.

    A stream whose message was whole may be over then, when what resets it comes: RST_STREAM is
    nothing any more, a malformed PRIORITY the connection's error.
    """
    told, late = _without_late_resets(one)
    told_too, late_too = _without_late_resets(other)
    return (
        told == told_too
        or _ends_by_late_reset(told, told_too, late_too)
        or _ends_by_late_reset(told_too, told, late)
    )


def _ends_by_late_reset(
    told: list[tuple[Any, ...]], other: list[tuple[Any, ...]], late: dict[int, set[int]]
) -> bool:
    """Say whether ``told`` ends with an error that was a late reset to the ``other`` one."""
    if not told or told[-1][0] != "error":
        return False
    before = told[:-1]
    return other[: len(before)] == before and told[-1][1] in late.get(len(before), ())


def _without_late_resets(
    events: list[tuple[Any, ...]],
) -> tuple[list[tuple[Any, ...]], dict[int, set[int]]]:
    """Return the events but resets of streams whose message was whole; of those, behind how many
    events they came, and their codes."""
    ended = set()
    told: list[tuple[Any, ...]] = []
    late: dict[int, set[int]] = {}
    for event in events:
        name = event[0]
        if name == "trailers" or (name in ("headers", "data") and event[3]):
            ended.add(event[1])
        if name == "reset" and event[1] in ended:
            late.setdefault(len(told), set()).add(event[2])
        else:
            told.append(event)
    return told, late


def _met_closed(events: list[tuple[Any, ...]]) -> bool:
    """Say whether a frame came for a stream that had ended."""
    return any(
        rest[{"reset": 1, "error": 0}[name]] == STREAM_CLOSED
        for name, *rest in events
        if name in ("reset", "error")
    )


def _frames(data: bytes) -> bytes:
    made = []
    at = 0
    while at + 4 <= len(data):
        kind, flags, stream, size = data[at : at + 4]
        made.append(frame(kind % 11, flags, stream % 8, data[at + 4 : at + 4 + size]))
        at += 4 + size
    return b"".join(made)


def _converse(
    build: Build, mode: int, pieces: list[bytes]
) -> tuple[list[tuple[Any, ...]], list[Frame]]:
    """Return what the engine reported and what it sent."""
    client = bool(mode & CLIENT)
    bench = Bench(build, server=not client, **(TIGHT_LIMITS if mode & TIGHT else {}))
    engine = bench.engine
    if client:
        for index in range(REQUESTS):
            stream = engine.open_stream(None, bench.request(b"POST"), index % 2 == 0)
            if index % 2:
                engine.send_data(stream, b"x" * 300, index == 1)
    events: list[tuple[Any, ...]] = []
    peer = _Peer(bench, client)
    for piece in pieces:
        engine.feed(piece)
        for event in _events(bench):
            events.append(event)
            peer.heard(event)
        peer.frames += bench.sent()
        if events and events[-1][0] == "error":
            break
    peer.check(_granted(b"".join(pieces)))
    return events, peer.frames


def _events(bench: Bench) -> Any:
    """Yield events one by one, and do what an owner would."""
    engine = bench.engine
    while event := bench.next_event():
        yield event
        name = event[0]
        if name == "error":
            return
        if name == "data":
            engine.consumed(bench.streams[event[1]], len(event[2]))
        ended = name == "trailers" or (name in ("headers", "data") and event[3])
        if ended and bench.server:
            stream = bench.streams[event[1]]
            engine.send_headers(stream, bench.response(200, b"server: x\r\n"), False)
            engine.send_data(stream, b"y" * 2000, False)
            engine.send_trailers(stream, bench.trailers())


class _Peer:
    """Whether what the engine reports and sends is consistent."""

    def __init__(self, bench: Bench, client: bool) -> None:
        self.bench = bench
        self.frames: list[Frame] = []
        self.open = {2 * index + 1 for index in range(REQUESTS)} if client else set()
        self.failed = False

    def heard(self, event: tuple[Any, ...]) -> None:
        """One report."""
        name = event[0]
        assert not self.failed
        if name == "headers":
            self.open.add(event[1])
        elif name == "reset":
            self.open.remove(event[1])
        elif name == "error":
            self.failed = True
        elif name in ("data", "trailers", "drained"):
            assert event[1] in self.open, event

    def check(self, granted: int) -> None:
        """In the end; ``granted``: what the input says of the connection's window."""
        engine = self.bench.engine
        # Nobody is forgotten without a word.
        assert set(engine.streams) <= self.open
        assert sum(len(each[3]) for each in self.frames if each[0] == DATA) <= 65535 + granted
        assert engine.send_window >= 0
        for stream in engine.streams.values():
            # Nothing waits without a reason.
            blocked = stream.send_window <= 0 or engine.send_window == 0
            assert stream.queued == 0 or blocked or self.failed
        assert [each[0] for each in self.frames].count(GOAWAY) == int(self.failed)
        over: set[int] = set()
        for kind, flags, stream, _ in self.frames:
            assert stream not in over or kind in (RST_STREAM, WINDOW_UPDATE)
            if kind == RST_STREAM or (kind in (HEADERS, DATA) and flags & END_STREAM):
                over.add(stream)


def _granted(frames: bytes) -> int:
    """Return the sum of the increments of the connection's window, as far as frames go."""
    total = 0
    at = 0
    while at + 13 <= len(frames):
        size = int.from_bytes(frames[at : at + 3], "big")
        if frames[at + 3] == WINDOW_UPDATE:
            total += int.from_bytes(frames[at + 9 : at + 13], "big") & 0x7FFFFFFF
        at += 9 + size
    return total


def _same(one: Any, other: Any) -> None:
    assert one == other, (one, other)


if __name__ == "__main__":
    sys.exit(main(check, SEEDS))
