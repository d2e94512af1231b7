"""Bolt: frames byte for byte (spec §3.5, §3.6)."""

import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rpc import (
    BoltFrame,
    bolt_request,
    bolt_response,
    bolt_size,
    events_of,
    pairs,
    read_every_way,
)
from tests.support.rpc_builds import RpcCodec, rpc_installed

FRAMES = json.loads(
    (Path(__file__).parents[3] / "golden/rpc/frames.json").read_text(encoding="utf-8")
)
"""What sofa-bolt-node 2 sends: by version, ``v2crc`` being sub-version 2 with its CRC."""

HEADERS = pairs({"service": "com.example.Greeter:1.0", "Mixed": "x", "sofa_head_method_name": "hi"})


def codec_of(rpc: RpcCodec, version: int = 1, **limits: int) -> Any:
    return rpc.bolt.BoltCodec(rpc.frame.FrameLimits(**limits), version)


def read_one(rpc: RpcCodec, data: bytes, version: int = 1) -> Any:
    codec = codec_of(rpc, version)
    codec.feed(data)
    event = codec.next()
    assert event in (rpc.frame.REQUEST, rpc.frame.RESPONSE), codec.error
    return codec


@pytest.mark.parametrize("version", [1, 2])
def test_request_every_way(rpc: RpcCodec, version: int) -> None:
    data = bolt_request(7, b"body", HEADERS, version=version, timeout=-5)
    found = read_every_way(rpc, lambda: codec_of(rpc), data * 3)
    assert len(found) == 3
    event, number, oneway, limit, fields, service, method, content = found[0]
    assert event == rpc.frame.REQUEST
    assert (number, oneway, limit, content) == (7, False, -5, b"body")
    assert fields == (
        (b"service", b"com.example.Greeter:1.0"), (b"Mixed", b"x"),
        (b"sofa_head_method_name", b"hi"),
    )  # fmt: skip
    assert (service, method) == (b"com.example.Greeter:1.0", b"hi")


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(("status", "http"), [(0, 200), (4, 503), (7, 504), (16, 502), (6, 500)])
def test_response(rpc: RpcCodec, version: int, status: int, http: int) -> None:
    data = bolt_response(0xFFFFFFFE, b"answer", HEADERS, version=version, status=status)
    found = read_every_way(rpc, lambda: codec_of(rpc), data)
    assert found == [(rpc.frame.RESPONSE, 0xFFFFFFFE, http, status, b"answer")]


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("crc", [False, True])
def test_only_the_id_changes(rpc: RpcCodec, version: int, crc: bool) -> None:
    crc = crc and version == 2
    data = bolt_request(1, b"body" * 9, HEADERS, version=version, crc=crc)
    codec = read_one(rpc, data)
    parts = codec.encode_request(codec.request, codec.content, 0x80000001)
    expected = bolt_request(0x80000001, b"body" * 9, HEADERS, version=version, crc=crc)
    assert b"".join(parts) == expected
    # What came is as it was, for another attempt.
    assert b"".join(codec.encode_request(codec.request, codec.content, 1)) == data
    reply = bolt_response(9, b"r", HEADERS, version=version, crc=crc)
    answer = read_one(rpc, reply)
    parts = codec.encode_response(answer.response, answer.content, codec.request)
    assert b"".join(parts) == bolt_response(1, b"r", HEADERS, version=version, crc=crc)


def test_wrong_crc(rpc: RpcCodec) -> None:
    data = bytearray(bolt_request(1, b"body", version=2, crc=True))
    data[-6] ^= 1
    [(event, why)] = events_of(rpc, codec_of(rpc), [bytes(data)])
    assert event == rpc.frame.ERROR
    assert "CRC" in why


@pytest.mark.parametrize("version", [1, 2])
def test_edits_reach_the_wire(rpc: RpcCodec, version: int) -> None:
    codec = read_one(rpc, bolt_request(5, b"body", HEADERS, version=version, crc=version == 2))
    head = codec.request
    assert head.remove(b"mixed")
    head.set(b"service", b"other")
    head.add(b"new", b"a: b")
    assert head.get(b"service") == b"other"
    assert head.get(b"mixed") is None
    data = b"".join(codec.encode_request(head, b"longer body", 6))
    assert bolt_size(data) == len(data)
    sent = BoltFrame(data)
    assert (sent.id, sent.content) == (6, b"longer body")
    assert sent.fields == {"sofa_head_method_name": "hi", "service": "other", "new": "a: b"}
    assert sent.class_name == b"com.alipay.sofa.rpc.core.request.SofaRequest"
    if version == 2:
        assert zlib.crc32(data[:-4]) == int.from_bytes(data[-4:], "big")


def test_a_header_map_that_grew_too_large(rpc: RpcCodec) -> None:
    codec = read_one(rpc, bolt_request(5, b"", HEADERS))
    codec.request.add(b"large", b"x" * 65536)
    assert codec.encode_request(codec.request, b"", 6) is None


def test_keys_have_case(rpc: RpcCodec) -> None:
    headers = pairs([("Service", "first"), ("service", "second"), ("service", "third")])
    head = read_one(rpc, bolt_request(5, b"", headers)).request
    assert head.get(b"service") == b"second"
    other = read_one(rpc, bolt_request(5, b"", pairs({"SERVICE": "s"}))).request
    assert other.get(b"service") == b"s"


def test_null_drops_a_pair(rpc: RpcCodec) -> None:
    null = b"\xff\xff\xff\xff"
    key = b"\0\0\0\1k"
    headers = null + key + null + pairs({"service": "s"})
    codec = read_one(rpc, bolt_request(5, b"c", headers))
    assert codec.request.items() == [(b"service", b"s")]
    assert codec.request.get(b"service") == b"s"
    assert codec.request.get(b"k") is None
    # And it goes on as it came.
    data = b"".join(codec.encode_request(codec.request, b"c", 5))
    assert data == bolt_request(5, b"c", headers)


@pytest.mark.parametrize(
    "headers",
    [b"\0", b"\0\0\0\5abc", b"\0\0\0\1k", b"\0\0\0\1k\0\0\0\2v", b"\0\0\0\1k\xff\xff\xff"],
)
def test_a_bad_header_map_costs_one_request(rpc: RpcCodec, headers: bytes) -> None:
    codec = codec_of(rpc)
    codec.feed(bolt_request(3, b"c", headers) + bolt_request(4, b"d"))
    assert codec.next() == rpc.frame.BAD_REQUEST
    fault = BoltFrame(codec.fault())
    assert (fault.kind, fault.id, fault.status) == (0, 3, 9)
    assert codec.next() == rpc.frame.REQUEST
    assert codec.content == b"d"
    codec = codec_of(rpc)
    codec.feed(bolt_response(3, b"c", headers))
    assert codec.next() == rpc.frame.ERROR


@pytest.mark.parametrize("version", [1, 2])
def test_heartbeats(rpc: RpcCodec, version: int) -> None:
    codec = codec_of(rpc, version)
    ping = codec.heartbeat(77)
    sent = BoltFrame(ping)
    assert len(ping) == 20 + 2 * version
    assert (sent.version, sent.kind, sent.command) == (version, 1, 0)
    assert (sent.id, sent.timeout) == (77, -1)
    codec.feed(ping)
    assert codec.next() == rpc.frame.HEARTBEAT
    pong = codec.heartbeat_reply()
    got = BoltFrame(pong)
    assert (got.version, got.kind, got.command, got.id, got.status) == (version, 0, 0, 77, 0)
    codec.feed(pong)
    assert codec.next() == rpc.frame.HEARTBEAT_REPLY
    assert codec.id == 77


@pytest.mark.parametrize("version", ["v1", "v2", "v2crc"])
def test_frames_of_a_peer(rpc: RpcCodec, version: str) -> None:
    data = bytes.fromhex(FRAMES[f"{version} request"])
    [found] = read_every_way(rpc, lambda: codec_of(rpc), data)
    assert found[1:4] == (1, False, 3000)
    assert found[4] == ((b"service", b"com.alipay.test.TestService:1.0"),)
    assert found[5] == b"com.alipay.test.TestService:1.0"
    codec = read_one(rpc, data)
    assert b"".join(codec.encode_request(codec.request, codec.content, 1)) == data
    for name, event in (("heartbeat", rpc.frame.HEARTBEAT), ("ack", rpc.frame.HEARTBEAT_REPLY)):
        data = bytes.fromhex(FRAMES[f"{version} {name}"])
        assert read_every_way(rpc, lambda: codec_of(rpc), data) == [(event, 2)]


def test_golden_bytes(rpc: RpcCodec) -> None:
    """The layouts of spec §3.5 and §3.6, written out."""
    codec = codec_of(rpc)
    assert codec.heartbeat(1).hex() == "01010000010000000101ffffffff0000000000000000"
    codec.feed(codec.heartbeat(1))
    codec.next()
    assert codec.heartbeat_reply().hex() == "0100000001000000010100000000000000000000"
    assert codec.goaway(2).hex() == "01010064010000000201ffffffff0000000000000000"
    second = codec_of(rpc, 2)
    assert second.heartbeat(1).hex() == "020101000001000000010100ffffffff0000000000000000"


def test_goaway_and_oneway(rpc: RpcCodec) -> None:
    codec = codec_of(rpc)
    codec.feed(codec.goaway(5) + bolt_request(6, b"x", kind=2))
    assert codec.next() == rpc.frame.GOAWAY
    assert codec.next() == rpc.frame.REQUEST
    assert codec.request.oneway


@pytest.mark.parametrize(
    ("status", "first", "second"),
    [(200, 0, 0), (404, 6, 6), (502, 6, 6), (503, 4, 4), (504, 7, 7), (403, 2, 3), (500, 3, 3),
     (0, 9, 9), (3, 18, 18)],
)  # fmt: skip
def test_hijack(rpc: RpcCodec, status: int, first: int, second: int) -> None:
    for version, expected in ((1, first), (2, second)):
        codec = read_one(rpc, bolt_request(8, b"c", version=version), 3 - version)
        parts = codec.encode_response(rpc.message.ResponseHead(status), b"why", codec.request)
        reply = BoltFrame(b"".join(parts))
        assert (reply.version, reply.id, reply.status, reply.command) == (version, 8, expected, 2)
        assert reply.content == (b"why" if status == 200 else b"")
        assert reply.class_name == reply.headers == b""


def test_a_filters_status(rpc: RpcCodec) -> None:
    codec = read_one(rpc, bolt_request(8))
    answer = read_one(rpc, bolt_response(1, b"r"))
    answer.response.status = 503
    answer.response.start = -1
    parts = codec.encode_response(answer.response, b"r", codec.request)
    assert BoltFrame(b"".join(parts)).status == 4


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x03", "begins with 3"),
        (b"GET / HTTP/1.1\r\n\r\n", "begins with 71"),
        (b"\x01\x03" + bytes(20), "type"),
        (b"\x02\x01\x07" + bytes(20), "type"),
        (bolt_request(1, bytes(2000)), "too large"),
        (bolt_request(1, b"", bytes(200)), "header"),
    ],
)
def test_what_ends_a_connection(rpc: RpcCodec, data: bytes, why: str) -> None:
    codec = codec_of(rpc, max_frame=1000, max_header=100)
    *_, (event, error) = events_of(rpc, codec, [data])
    assert event == rpc.frame.ERROR
    assert why in error
    # And that is for good.
    codec.feed(bolt_request(1))
    assert codec.next() == rpc.frame.ERROR


def test_too_many_fields(rpc: RpcCodec) -> None:
    codec = codec_of(rpc, max_headers=3)
    codec.feed(bolt_request(1, b"", pairs([("a", "b")] * 4)))
    assert codec.next() == rpc.frame.BAD_REQUEST


def test_a_large_frame_is_held_once(rpc: RpcCodec) -> None:
    """In pieces of a kilobyte: linear, and the content is whole."""
    body = bytes(range(256)) * 4096 * 4
    data = bolt_request(1, body, HEADERS) + bolt_request(2)
    pieces = [data[i : i + 1024] for i in range(0, len(data), 1024)]
    first, second = events_of(rpc, codec_of(rpc), pieces)
    assert first[-1] == body
    assert second[1] == 2


def test_http_becomes_bolt(rpc: RpcCodec) -> None:
    lines = b"service: s\r\nX-Trace: 1\r\n"
    head = rpc.message.RequestHead(lines, 0, len(lines))
    sent = BoltFrame(b"".join(codec_of(rpc).encode_request(head, b"body", 3)))
    assert sent.fields == {"service": "s", "X-Trace": "1"}
    assert (sent.id, sent.content, sent.kind) == (3, b"body", 1)


_FIELD = st.text(max_size=20)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**32 - 1), st.binary(max_size=300), st.lists(st.tuples(_FIELD, _FIELD)),
            st.integers(1, 2), st.booleans(), st.booleans(),
        ),
        max_size=5,
    ),
    st.lists(st.integers(1, 50), min_size=1),
)
def test_round_trip(frames: list[tuple[Any, ...]], sizes: list[int]) -> None:
    """Whatever is sent arrives, in pieces of any size, and goes on as it came."""
    rpc = rpc_installed()
    data = b""
    for number, content, fields, version, crc, request in frames:
        make = bolt_request if request else bolt_response
        data += make(number, content, pairs(fields), version=version, crc=crc and version == 2)
    codec = codec_of(rpc)
    out = b""
    at = index = 0
    while at < len(data):
        size = sizes[index % len(sizes)]
        codec.feed(data[at : at + size])
        at += size
        index += 1
        while (event := codec.next()) != rpc.frame.NEED_DATA:
            if event == rpc.frame.REQUEST:
                assert codec.request.items() == [
                    (key.encode(), value.encode()) for key, value in frames[0][2]
                ]
                out += b"".join(codec.encode_request(codec.request, codec.content, codec.id))
            else:
                assert event == rpc.frame.RESPONSE
                frame = rpc.frame.RpcRequest()
                frame.id = codec.id
                out += b"".join(codec.encode_response(codec.response, codec.content, frame))
            frames = frames[1:]
    assert out == data


@settings(deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=100))
def test_garbage(start: bytes, rest: bytes) -> None:
    """Anything gives events or an error, and never an exception."""
    rpc = rpc_installed()
    for first in (b"", b"\x01\x01\0\1\1", b"\x02\x01\0\0\2", bolt_request(1, start)[:30]):
        codec = codec_of(rpc)
        for event in events_of(rpc, codec, [first + start, rest]):
            assert event


def test_heads_of_our_own(rpc: RpcCodec) -> None:
    bolt = rpc.bolt
    codec = bolt.BoltCodec(rpc.frame.FrameLimits(), 1)
    head = bolt.new_request([(b"service", b"s")], 3, 250, b"a.B")
    whole = b"".join(codec.encode_request(head, b"abc", 5))
    expected = bolt_request(5, b"abc", pairs({"service": "s"}), timeout=250, class_name=b"a.B")
    assert whole == expected
    asked = bolt.new_request([], 0, 0, b"")
    for version in (1, 2):
        response = bolt.new_response(503, [(b"k", b"v")], 3, version)
        data = b"".join(codec.encode_response(response, b"abc", asked))
        codec.feed(data)
        assert codec.next() == rpc.frame.RESPONSE
        assert (codec.response.rpc_status, codec.content) == (4, b"abc")
        assert codec.response.items() == [(b"k", b"v")]
        assert codec.response.version == version
    with pytest.raises(ValueError, match="too large"):
        bolt.new_request([(b"k", b"v" * 65536)], 0, 0, b"")
    with pytest.raises(ValueError, match="too large"):
        bolt.new_response(200, [(b"k", b"v" * 65536)], 0, 1)
