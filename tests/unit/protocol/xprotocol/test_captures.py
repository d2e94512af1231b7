"""What real peers sent: read, and written again to the same bytes (tests/support/captures.py)."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.captures import CAPTURES, Frame, load
from tests.support.rpc import read_every_way
from tests.support.rpc_builds import RpcCodec

RECORDINGS = {
    "anthunder": "bolt",
    "bolt2-crc-java": "bolt",
    "bolt2-java": "bolt",
    "dubbo-fastjson2-java": "dubbo",
    "dubbo-go": "dubbo",
    "dubbo-java": "dubbo",
    "sofa-java": "bolt",
    "sofa-node": "bolt",
    "tars-go": "tars",
}
CALLS = {
    "anthunder": {
        (b"com.example.Greeter:1.0", method) for method in (b"hello", b"fail", b"nothing")
    },
    "dubbo-fastjson2-java": {(None, None)},
    "dubbo-go": {
        (b"peers.Greeter", method)
        for method in (b"add", b"birthday", b"sayHello", b"fail", b"attachment")
    },
    # It names the method nowhere but in Hessian.
    "sofa-node": {(b"com.example.Calculator:1.0", None)},
    "tars-go": {
        (b"peers.Greeter.GreeterObj", method)
        for method in (b"ListConfig", b"ListConfigByInfo", b"loadConfig", b"checkConfig")
    },
}
"""The services and methods that were called."""
_JAVA = (b"byCity", b"birthday", b"sayHello", b"add", b"fail", b"slow", b"note", b"attachment")
CALLS["bolt2-crc-java"] = CALLS["bolt2-java"] = {(None, None)}
CALLS["dubbo-java"] = {(b"peers.Greeter", method) for method in _JAVA}
CALLS["sofa-java"] = {(b"peers.Greeter:1.0", method) for method in _JAVA}


@pytest.fixture(params=RECORDINGS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def make(rpc: RpcCodec, name: str) -> Any:
    limits = rpc.frame.FrameLimits()
    codecs = {
        "bolt": lambda: rpc.bolt.BoltCodec(limits, 1),
        "dubbo": lambda: rpc.dubbo.DubboCodec(limits),
        "tars": lambda: rpc.tars.TarsCodec(limits),
    }
    return codecs[RECORDINGS[name]]()


def read(rpc: RpcCodec, name: str, frame: Frame) -> tuple[Any, int]:
    """Return a codec that has read a frame, and what it found."""
    codec = make(rpc, name)
    codec.feed(frame.data)
    event = codec.next()
    assert event != rpc.frame.ERROR, codec.error
    assert not codec.partial()
    return codec, event


def written(rpc: RpcCodec, codec: Any, event: int, asked: dict[int, Any]) -> bytes:
    """Return what the codec writes for the frame that it has read."""
    if event == rpc.frame.REQUEST:
        pieces = codec.encode_request(codec.request, codec.content, codec.id)
    else:
        pieces = codec.encode_response(codec.response, codec.content, asked[codec.id])
    return b"".join(pieces)


def messages(rpc: RpcCodec, name: str) -> Iterator[tuple[Frame, Any, int]]:
    """Yield the frames that are no heartbeats, each with a codec that has read it."""
    for frame in load(name):
        codec, event = read(rpc, name, frame)
        if event in (rpc.frame.REQUEST, rpc.frame.RESPONSE):
            yield frame, codec, event


def test_every_recording_is_tested() -> None:
    assert {path.stem for path in CAPTURES.glob("*.json")} == RECORDINGS.keys() == CALLS.keys()


def test_whole_and_in_pieces(rpc: RpcCodec, name: str) -> None:
    """A stream of one direction, and each frame byte by byte."""
    for sender in ("client", "server"):
        frames = [frame.data for frame in load(name) if frame.sender == sender]
        found = [read_every_way(rpc, lambda: make(rpc, name), frame) for frame in frames]
        assert all(len(events) == 1 for events in found)
        codec = make(rpc, name)
        codec.feed(b"".join(frames))
        events = [codec.next() for _ in frames]
        assert events == [events[0][0] for events in found]
        assert codec.next() == rpc.frame.NEED_DATA


def test_the_calls(rpc: RpcCodec, name: str) -> None:
    called = set()
    for frame, codec, event in messages(rpc, name):
        assert (event == rpc.frame.REQUEST) == (frame.sender == "client")
        if event == rpc.frame.REQUEST:
            called.add((codec.request.rpc_service() or None, codec.request.rpc_method() or None))
    assert called == CALLS[name]


def test_written_again(rpc: RpcCodec, name: str) -> None:
    asked: dict[int, Any] = {}
    for frame, codec, event in messages(rpc, name):
        if event == rpc.frame.REQUEST:
            asked[codec.id] = codec.request
        elif codec.id not in asked:
            # Of the many like it, its request was not kept.
            continue
        assert written(rpc, codec, event, asked) == frame.data


def test_written_anew(rpc: RpcCodec, name: str) -> None:
    """After an edit that was taken back: everything that holds fields is encoded by us."""
    for frame, codec, event in messages(rpc, name):
        if event != rpc.frame.REQUEST or codec.request.rpc_service() is None:
            continue
        codec.request.add(b"x-test", b"1")
        edited = written(rpc, codec, event, {})
        assert b"x-test" in edited
        again, _ = read(rpc, name, Frame(frame.sender, edited))
        assert again.request.items() == codec.request.items()
        assert again.id == codec.id
        assert again.request.remove(b"x-test")
        assert written(rpc, again, event, {}) == frame.data


def plain(beat: bytes) -> bytes:
    """Return an answer of bolt as we and MOSN give it: without a checksum, and with nothing
    serialized as 1."""
    if beat[0] == 1:
        return beat[:9] + b"\1" + beat[10:]
    beat = beat[:-4] if beat[1] == 2 and beat[11] & 1 else beat
    return b"\2\1" + beat[2:10] + b"\1\0" + beat[12:]


def test_heartbeats(rpc: RpcCodec, name: str) -> None:
    """Our answers are those of the peer."""
    recorded = load(name)
    for frame in recorded:
        codec, event = read(rpc, name, frame)
        if event != rpc.frame.HEARTBEAT:
            continue
        answer = codec.heartbeat_reply()
        for other in recorded:
            if other.sender != frame.sender and read(rpc, name, other)[0].id == codec.id:
                if RECORDINGS[name] == "bolt":
                    assert answer == plain(other.data)
                else:
                    assert answer == other.data
                break
        else:
            pytest.fail("a heartbeat was not answered")
