"""Dubbo-Thrift: frames byte for byte (spec §3.8)."""

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rpc import events_of, read_every_way
from tests.support.rpc_builds import RpcCodec, rpc_installed


def codec_of(rpc: RpcCodec, **limits: int) -> Any:
    return rpc.dubbo_thrift.DubboThriftCodec(rpc.frame.FrameLimits(**limits))


def text(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def message(name: bytes = b"hello", kind: int = 1, sequence: int = 3, body: bytes = b"\0") -> bytes:
    """Return a message of Thrift's strict binary protocol."""
    return struct.pack(">HBB", 0x8001, 0, kind) + text(name) + struct.pack(">i", sequence) + body


def frame(content: bytes, number: int = 7, service: bytes = b"com.x.Greeter") -> bytes:
    header = b"\x01" + text(service) + struct.pack(">q", number)
    size = 8 + len(header) + len(content)
    start = struct.pack(">IHIH", size, 0xDABC, size, 8 + len(header))
    return start + header + content


def read_one(rpc: RpcCodec, data: bytes) -> Any:
    codec = codec_of(rpc)
    codec.feed(data)
    assert codec.next() in (rpc.frame.REQUEST, rpc.frame.RESPONSE), codec.error
    return codec


def test_request(rpc: RpcCodec) -> None:
    content = message(body=b"\x0b\0\1" + text(b"peter") + b"\0")
    found = read_every_way(rpc, lambda: codec_of(rpc), frame(content) + frame(content, 8))
    assert [event[1] for event in found] == [7, 8]
    _, _, oneway, _, fields, service, method, body = found[0]
    assert not oneway
    assert fields == (
        (b"service", b"com.x.Greeter"), (b"method", b"hello"), (b"seqId", b"3"),
        (b"messageType", b"1"),
    )  # fmt: skip
    assert (service, method, body) == (b"com.x.Greeter", b"hello", content)


def test_the_old_form_of_a_message(rpc: RpcCodec) -> None:
    old = text(b"hello") + b"\x01" + struct.pack(">i", 3) + b"\0"
    codec = read_one(rpc, frame(old))
    assert codec.request.rpc_method() == b"hello"
    assert codec.request.get(b"seqid") == b"3"


@pytest.mark.parametrize(("kind", "status"), [(2, 200), (3, 500)])
def test_response(rpc: RpcCodec, kind: int, status: int) -> None:
    content = message(kind=kind)
    found = read_every_way(rpc, lambda: codec_of(rpc), frame(content, -5))
    assert found == [(rpc.frame.RESPONSE, -5, status, kind, content)]


def test_only_the_id_changes(rpc: RpcCodec) -> None:
    codec = read_one(rpc, frame(message(), 7))
    parts = codec.encode_request(codec.request, codec.content, 1 << 40)
    assert b"".join(parts) == frame(message(), 1 << 40)
    answer = read_one(rpc, frame(message(kind=2), 99, b"s"))
    parts = codec.encode_response(answer.response, answer.content, codec.request)
    assert b"".join(parts) == frame(message(kind=2), 7, b"s")


def test_edits_reach_the_wire(rpc: RpcCodec) -> None:
    codec = read_one(rpc, frame(message(body=b"args")))
    codec.request.set(b"service", b"com.x.Another")
    codec.request.set(b"method", b"bye")
    parts = codec.encode_request(codec.request, codec.content, 8)
    assert b"".join(parts) == frame(message(b"bye", body=b"args"), 8, b"com.x.Another")


def test_a_replaced_content(rpc: RpcCodec) -> None:
    codec = read_one(rpc, frame(message()))
    longer = message(body=b"longer than before")
    assert b"".join(codec.encode_request(codec.request, longer, 8)) == frame(longer, 8)


@pytest.mark.parametrize(
    ("status", "kind"), [(404, 1), (500, 6), (504, 6), (403, 6), (0, 7), (3, 7), (502, 0), (503, 0)]
)
def test_hijack(rpc: RpcCodec, status: int, kind: int) -> None:
    codec = read_one(rpc, frame(message(sequence=9), 77))
    parts = codec.encode_response(rpc.message.ResponseHead(status), b"why\n", codec.request)
    exception = b"\x0b\0\1" + text(b"why") + b"\x08\0\2" + struct.pack(">i", kind) + b"\0"
    assert b"".join(parts) == frame(message(kind=3, sequence=9, body=exception), 77)


def test_no_heartbeats(rpc: RpcCodec) -> None:
    assert codec_of(rpc).heartbeat(1) is None


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (struct.pack(">IHIH", 40, 0xDABB, 40, 22) + bytes(40), "otherwise"),
        (struct.pack(">IHIH", 5000, 0xDABC, 5000, 22) + bytes(40), "too large"),
        (struct.pack(">IHIH", 40, 0xDABC, 40, 301) + bytes(40), "too large"),
        (struct.pack(">IHIH", 40, 0xDABC, 40, 20) + bytes(40), "lengths"),
        (struct.pack(">IHIH", 22, 0xDABC, 22, 22) + bytes(40), "lengths"),
        (struct.pack(">IHIH", 40, 0xDABC, 40, 22) + b"\1\0\0\0\5" + bytes(40), "header"),
        (frame(b"\x80\x02\0\1" + bytes(12)), "message"),
        (frame(b"\x80\x01\0\1\0\0\1\0" + bytes(8)), "message"),
        (frame(b"\0\0\1\0" + bytes(12)), "message"),
    ],
)
def test_what_ends_a_connection(rpc: RpcCodec, data: bytes, why: str) -> None:
    codec = codec_of(rpc, max_frame=1000, max_header=300)
    *_, (event, error) = events_of(rpc, codec, [data])
    assert event == rpc.frame.ERROR
    assert why in error


def test_detection(rpc: RpcCodec) -> None:
    protocol = rpc.dubbo_thrift.DubboThrift()
    data = frame(message())
    assert [protocol.match(data[:size]) for size in (1, 4, 5, 6, 20)] == [0, 0, 0, 1, 1]
    assert protocol.match(b"GET / ") == -1


@settings(deadline=None)
@given(st.binary(max_size=60), st.integers(0, 60), st.integers(0, 60))
def test_garbage(rest: bytes, size: int, header: int) -> None:
    rpc = rpc_installed()
    data = struct.pack(">IHIH", size, 0xDABC, size, header) + rest
    for event in events_of(rpc, codec_of(rpc), [data, rest]):
        assert event
