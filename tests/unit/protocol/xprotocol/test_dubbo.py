"""Dubbo 2: frames byte for byte (spec §3.7), and frames of dubbo-remoting."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymosn.protocol.xprotocol.hessian import encode, encode_string
from tests.support.rpc import events_of, read_every_way
from tests.support.rpc_builds import RpcCodec, rpc_installed

FRAMES = json.loads(
    (Path(__file__).parents[3] / "golden/rpc/frames.json").read_text(encoding="utf-8")
)


def codec_of(rpc: RpcCodec, **limits: int) -> Any:
    return rpc.dubbo.DubboCodec(rpc.frame.FrameLimits(**limits))


def frame(flags: int, status: int, number: int, body: bytes) -> bytes:
    return struct.pack(">HBBqI", 0xDABB, flags, status, number, len(body)) + body


def call(
    *values: object, types: bytes = b"", number: int = 7, flags: int = 0xC2, **attachments: object
) -> bytes:
    """Return a request of Greeter.sayHello with these arguments."""
    strings = (b"2.0.2", b"com.x.Greeter", b"1.0.0", b"sayHello", types)
    body = b"".join(encode_string(text) for text in strings)
    body += b"".join(encode(value) for value in values) + encode(attachments)
    return frame(flags, 0, number, body)


def read_one(rpc: RpcCodec, data: bytes) -> Any:
    codec = codec_of(rpc)
    codec.feed(data)
    assert codec.next() in (rpc.frame.REQUEST, rpc.frame.RESPONSE), codec.error
    return codec


def test_request_of_a_peer(rpc: RpcCodec) -> None:
    data = bytes.fromhex(FRAMES["dubbo request"])
    [found] = read_every_way(rpc, lambda: codec_of(rpc), data)
    event, number, oneway, limit, fields, service, method, content = found
    assert (event, number, oneway, limit) == (rpc.frame.REQUEST, 7, False, 0)
    assert fields == (
        (b"dubbo", b"5.3.0"), (b"service", b"com.x.Greeter"), (b"version", b"1.0.0"),
        (b"method", b"sayHello"), (b"group", b"g1"), (b"interface", b"com.x.Greeter"),
        (b"path", b"com.x.Greeter"),
    )  # fmt: skip
    assert (service, method, content) == (b"com.x.Greeter", b"sayHello", data[16:])


def test_response_of_a_peer(rpc: RpcCodec) -> None:
    data = bytes.fromhex(FRAMES["dubbo response"])
    assert read_every_way(rpc, lambda: codec_of(rpc), data) == [
        (rpc.frame.RESPONSE, 7, 200, 20, data[16:])
    ]


@pytest.mark.parametrize(
    ("status", "http"),
    [(20, 200), (30, 504), (31, 504), (40, 400), (60, 404), (70, 500), (100, 503), (3, 500)],
)
def test_statuses(rpc: RpcCodec, status: int, http: int) -> None:
    codec = read_one(rpc, frame(2, status, 1, b"N"))
    assert (codec.response.status, codec.response.rpc_status) == (http, status)


def test_only_the_id_changes(rpc: RpcCodec) -> None:
    data = bytes.fromhex(FRAMES["dubbo request"])
    codec = read_one(rpc, data)
    sent = b"".join(codec.encode_request(codec.request, codec.content, 0x1122334455667788))
    assert sent == data[:4] + bytes.fromhex("1122334455667788") + data[12:]
    reply = bytes.fromhex(FRAMES["dubbo response"])
    answer = read_one(rpc, reply[:4] + b"\0\0\0\0\0\0\0\x63" + reply[12:])
    parts = codec.encode_response(answer.response, answer.content, codec.request)
    assert b"".join(parts) == reply


def test_an_id_with_all_bits(rpc: RpcCodec) -> None:
    codec = read_one(rpc, call(number=-1))
    assert codec.request.id == -1
    reply = read_one(rpc, frame(2, 20, 5, b"N"))
    parts = codec.encode_response(reply.response, b"N", codec.request)
    assert b"".join(parts)[4:12] == b"\xff" * 8


def test_edits_reach_the_wire(rpc: RpcCodec) -> None:
    """Which in MOSN are lost."""
    arguments = ({"deep": [1, 2, {"a": b"bin"}]}, "text")
    data = call(
        *arguments, types=b"Ljava/util/Map;Ljava/lang/String;",
        group="g1", version="1.0.0", number2=5, path="com.x.Greeter",
    )  # fmt: skip
    codec = read_one(rpc, data)
    head = codec.request
    assert head.get(b"group") == b"g1"
    head.set(b"group", b"g2")
    head.remove(b"path")
    head.set(b"service", b"com.x.Other")
    head.add(b"trace", "spür".encode())
    assert head.get(b"service") == b"com.x.Other"
    again = read_one(rpc, b"".join(codec.encode_request(head, codec.content, 8)))
    assert again.request.id == 8
    assert again.request.items() == [
        (b"dubbo", b"2.0.2"), (b"service", b"com.x.Other"), (b"version", b"1.0.0"),
        (b"method", b"sayHello"), (b"group", b"g2"), (b"trace", "spür".encode()),
    ]  # fmt: skip
    reader = rpc.hessian.HessianReader(again.content)
    strings = [reader.read_string() for _ in range(5)]
    assert strings[4] == b"Ljava/util/Map;Ljava/lang/String;"
    assert (reader.read(), reader.read()) == arguments
    # What is no string stays, and a piece of metadata that is an attachment too.
    assert reader.read() == {
        "version": "1.0.0", "number2": 5, "group": "g2", "trace": "spür",
    }  # fmt: skip


def test_a_route_appends_a_line(rpc: RpcCodec) -> None:
    codec = read_one(rpc, call(a="1"))
    codec.request.added = [b"x-added: yes\r\n"]
    assert codec.request.edited()
    again = read_one(rpc, b"".join(codec.encode_request(codec.request, codec.content, 8)))
    assert again.request.get(b"x-added") == b"yes"
    assert again.request.get(b"a") == b"1"


def test_a_replaced_content_keeps_its_arguments(rpc: RpcCodec) -> None:
    codec = read_one(rpc, call("old", types=b"Ljava/lang/String;", a="1"))
    codec.request.set(b"a", b"2")
    other = call("new", types=b"Ljava/lang/String;", b="3")[16:]
    again = read_one(rpc, b"".join(codec.encode_request(codec.request, other, 8)))
    assert again.request.get(b"a") == b"2"
    assert encode("new") in again.content


def test_without_attachments(rpc: RpcCodec) -> None:
    data = call(b"x", types=b"[B")[:-2]  # without the empty map
    data = data[:12] + struct.pack(">I", len(data) - 16) + data[16:]
    codec = read_one(rpc, data)
    assert codec.request.get(b"group") is None
    assert codec.request.find_attachments() == -1
    assert b"".join(codec.encode_request(codec.request, codec.content, 7)) == data
    codec.request.add(b"a", b"b")
    assert codec.encode_request(codec.request, codec.content, 7) is None


def test_other_serializations_pass(rpc: RpcCodec) -> None:
    data = frame(0xC6, 0, 9, b'"2.0.2"\n"com.x.Greeter"\n')
    codec = read_one(rpc, data)
    assert codec.request.items() == []
    assert codec.request.rpc_service() is None
    assert b"".join(codec.encode_request(codec.request, codec.content, 9)) == data


def test_oneway(rpc: RpcCodec) -> None:
    assert read_one(rpc, call(flags=0x82)).request.oneway
    assert not read_one(rpc, call()).request.oneway


def test_heartbeats(rpc: RpcCodec) -> None:
    codec = codec_of(rpc)
    assert codec.heartbeat(8).hex() == FRAMES["dubbo heartbeat"]
    codec.feed(codec.heartbeat(8))
    assert codec.next() == rpc.frame.HEARTBEAT
    assert codec.heartbeat_reply() == frame(0x22, 20, 8, b"N")
    codec.feed(codec.heartbeat_reply())
    assert (codec.next(), codec.id) == (rpc.frame.HEARTBEAT_REPLY, 8)
    # Nobody waits for an answer to this one.
    codec.feed(frame(0xA2, 0, 8, b"N"))
    assert codec.next() == rpc.frame.HEARTBEAT
    assert codec.heartbeat_reply() is None
    # Nothing, in a serialization that we do not speak.
    nothing = b"\0\0\0\1\xaf"
    codec.feed(frame(0xE0 | 23, 0, 9, nothing))
    assert codec.next() == rpc.frame.HEARTBEAT
    assert codec.heartbeat_reply() == frame(0x20 | 23, 20, 9, nothing)
    codec.feed(frame(0xE2, 0, 10, b"x" * 10_000))
    assert codec.next() == rpc.frame.HEARTBEAT
    assert len(codec.heartbeat_reply()) < 100


def test_attachments_stay_where_they_were(rpc: RpcCodec) -> None:
    came = dict(zip("abcd", "1234", strict=True))
    codec = read_one(rpc, call(number=7, **came))
    head = codec.request
    head.set(b"b", b"other")
    head.remove(b"c")
    head.add(b"e", b"5")
    sent = b"".join(codec.encode_request(head, codec.content, 7))
    assert sent == call(number=7, a="1", d="4", b="other", e="5")


def test_read_only_is_goaway(rpc: RpcCodec) -> None:
    codec = codec_of(rpc)
    codec.feed(codec.goaway(1))
    assert codec.next() == rpc.frame.GOAWAY


@pytest.mark.parametrize(
    ("status", "expected"),
    [(404, 60), (502, 60), (503, 40), (509, 40), (504, 30), (403, 80), (500, 70), (0, 70)],
)
def test_hijack(rpc: RpcCodec, status: int, expected: int) -> None:
    codec = read_one(rpc, call(number=77))
    parts = codec.encode_response(rpc.message.ResponseHead(status), b"why\n", codec.request)
    text = encode_string(b"%d|why" % status)
    assert b"".join(parts) == frame(0x02, expected, 77, text)


def test_direct_response(rpc: RpcCodec) -> None:
    codec = read_one(rpc, call(number=77))
    parts = codec.encode_response(rpc.message.ResponseHead(200), b"hi", codec.request)
    assert b"".join(parts) == frame(0x02, 20, 77, b"\x91\x02hi")


@pytest.mark.parametrize(
    ("types", "count"),
    [(b"", 0), (b"I", 1), (b"IJ[[D", 3), (b"Ljava/lang/String;[La/B;Z", 3), (b"L", -1),
     (b"[", -1), (b"X", -1)],
)  # fmt: skip
def test_descriptors(rpc: RpcCodec, types: bytes, count: int) -> None:
    assert rpc.dubbo.count_types(types) == count


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xda\xbc" + bytes(14), "otherwise"),
        (b"GET / HTTP/1.1\r\n\r\n", "otherwise"),
        (frame(0xC2, 0, 1, bytes(3000)), "too large"),
        (frame(0xC2, 0, 1, b"\x05abc"), "metadata"),
        (frame(0xC2, 0, 1, b""), "metadata"),
        (frame(0xC2, 0, 1, b"\x00\x00\x00\x31\xff" + b"x" * 511), "metadata"),
    ],
)
def test_what_ends_a_connection(rpc: RpcCodec, data: bytes, why: str) -> None:
    codec = codec_of(rpc, max_frame=1000, max_header=300)
    *_, (event, error) = events_of(rpc, codec, [data])
    assert event == rpc.frame.ERROR
    assert why in error


def test_detection(rpc: RpcCodec) -> None:
    protocol = rpc.dubbo.Dubbo()
    assert protocol.match(b"\xda") == 0
    assert protocol.match(b"\xda\xbb" + bytes(13)) == 0
    assert protocol.match(b"\xda\xbb" + bytes(14)) == 1
    assert protocol.match(b"\xda\xbc") == -1


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(0, 255))
def test_garbage(body: bytes, flags: int) -> None:
    """Anything gives events or an error, and what is no error goes on as it came."""
    rpc = rpc_installed()
    data = frame(flags, 0, 5, body)
    codec = codec_of(rpc)
    codec.feed(data)
    event = codec.next()
    if event == rpc.frame.REQUEST:
        codec.request.items()
        assert b"".join(codec.encode_request(codec.request, codec.content, 5)) == data
        codec.request.add(b"a", b"b")
        codec.encode_request(codec.request, codec.content, 5)
    list(events_of(rpc, codec_of(rpc), [body, body]))


def answered(rpc: RpcCodec, body: bytes, status: int = 20, flags: int = 2) -> Any:
    codec = codec_of(rpc)
    codec.feed(frame(flags, status, 7, body))
    assert codec.next() == rpc.frame.RESPONSE
    return codec


def sent_back(rpc: RpcCodec, codec: Any, request: bytes) -> bytes:
    """Return the body of the response as it goes to the client of ``request``."""
    asker = codec_of(rpc)
    asker.feed(request)
    assert asker.next() == rpc.frame.REQUEST
    parts = codec.encode_response(codec.response, codec.content, asker.request)
    whole = b"".join(parts)
    assert struct.unpack(">I", whole[12:16])[0] == len(whole) - 16
    return whole[16:]


@pytest.mark.parametrize("kind", [b"\x94\x05hello", b"\x95", b"\x93\x05wrong"])
def test_attachments_of_a_response_are_fields(rpc: RpcCodec, kind: bytes) -> None:
    body = kind + b"H\x01a\x01b\x01n\x91Z"
    codec = answered(rpc, body)
    response = codec.response
    assert response.items() == [(b"a", b"b")]
    assert response.get(b"a") == b"b"
    assert sent_back(rpc, codec, call()) == body
    response.set(b"A", b"c")
    response.add(b"d", b"e")
    assert sent_back(rpc, codec, call()) == kind + b"H\x01n\x91\x01A\x01c\x01d\x01eZ"


@pytest.mark.parametrize(
    ("body", "status", "flags"),
    [(b"\x91\x01a", 20, 2), (b"\x92", 20, 2), (b"\x94\x01aH\x01a", 20, 2), (b"", 20, 2),
     (b"\x94\x01aH\x01a\x01bZ", 70, 2), (b"\x94\x01aH\x01a\x01bZ", 20, 6), (b"\x94", 20, 2)],
)  # fmt: skip
def test_responses_without_fields(rpc: RpcCodec, body: bytes, status: int, flags: int) -> None:
    codec = answered(rpc, body, status, flags)
    assert codec.response.items() == []
    assert sent_back(rpc, codec, call()) == body


@pytest.mark.parametrize(
    ("version", "takes"),
    [(b"2.0.2", True), (b"2.0.1", False), (b"2.5.3", False), (b"2.6.3", True), (b"3.0.0", True),
     (b"2.7", False), (b"x.y.z", False), (b"", False)],
)  # fmt: skip
def test_a_client_that_knows_no_attachments_gets_none(
    rpc: RpcCodec, version: bytes, takes: bool
) -> None:
    request = call().replace(b"\x052.0.2", bytes((len(version),)) + version)
    request = request[:12] + struct.pack(">I", len(request) - 16) + request[16:]
    codec = answered(rpc, b"\x91\x01a")
    codec.response.add(b"k", b"v")
    body = sent_back(rpc, codec, request)
    assert body == (b"\x94\x01aH\x01k\x01vZ" if takes else b"\x91\x01a")


def test_heads_of_our_own(rpc: RpcCodec) -> None:
    body = call("a", types=b"Ljava/lang/String;", k="v")[16:]
    head = rpc.dubbo.new_request(body)
    assert (head.rpc_service(), head.rpc_method()) == (b"com.x.Greeter", b"sayHello")
    assert head.get(b"k") == b"v"
    assert b"".join(codec_of(rpc).encode_request(head, body, 9)) == frame(0xC2, 0, 9, body)
    with pytest.raises(ValueError, match="metadata"):
        rpc.dubbo.new_request(b"\x91")
    response = rpc.dubbo.new_response(404, b"\x01x")
    assert (response.status, response.rpc_status) == (404, 60)


@settings(max_examples=200)
@given(st.binary(max_size=60))
def test_any_body_of_a_response(body: bytes) -> None:
    """Reads and edits raise nothing, and leave a value that can be stepped over."""
    rpc = rpc_installed()
    codec = answered(rpc, b"\x94" + body)
    fields = codec.response.items()
    codec.response.add(b"k", b"v")
    changed = sent_back(rpc, codec, call())
    if changed != b"\x94" + body:
        assert answered(rpc, changed).response.items() == [*fields, (b"k", b"v")]
