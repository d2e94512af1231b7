"""Tars: frames byte for byte (spec §3.9)."""

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rpc import events_of, read_every_way
from tests.support.rpc_builds import RpcCodec, rpc_installed


def codec_of(rpc: RpcCodec, **limits: int) -> Any:
    return rpc.tars.TarsCodec(rpc.frame.FrameLimits(**limits))


def number(tag: int, value: int) -> bytes:
    if value == 0:
        return bytes((tag << 4 | 12,))
    for kind, form in enumerate(("b", "h", "i")):
        try:
            return bytes((tag << 4 | kind,)) + struct.pack(">" + form, value)
        except struct.error:
            continue
    raise AssertionError(value)


def string(tag: int, value: bytes) -> bytes:
    if len(value) < 256:
        return bytes((tag << 4 | 6, len(value))) + value
    return bytes((tag << 4 | 7,)) + struct.pack(">I", len(value)) + value


def blob(tag: int, value: bytes) -> bytes:
    return bytes((tag << 4 | 13, 0)) + number(0, len(value)) + value


def mapping(tag: int, pairs: dict[bytes, bytes]) -> bytes:
    out = bytes((tag << 4 | 8,)) + number(0, len(pairs))
    for key, value in pairs.items():
        out += string(0, key) + string(1, value)
    return out


def framed(body: bytes) -> bytes:
    return struct.pack(">I", 4 + len(body)) + body


def request(
    identity: int = 7, content: bytes = b"args", *, packet: int = 0, timeout: int = 3000,
    context: dict[bytes, bytes] | None = None, servant: bytes = b"App.Server.Obj",
    function: bytes = b"hello",
) -> bytes:  # fmt: skip
    return framed(
        number(1, 1) + number(2, packet) + number(3, 0) + number(4, identity)
        + string(5, servant) + string(6, function) + blob(7, content) + number(8, timeout)
        + mapping(9, {b"k": b"v"} if context is None else context) + mapping(10, {b"s": b"t"})
    )  # fmt: skip


def response(identity: int = 7, content: bytes = b"reply", status: int = 0) -> bytes:
    return framed(
        number(1, 1) + number(2, 0) + number(3, identity) + number(4, 0) + number(5, status)
        + blob(6, content) + mapping(7, {}) + string(8, b"") + mapping(9, {})
    )  # fmt: skip


def read_one(rpc: RpcCodec, data: bytes) -> Any:
    codec = codec_of(rpc)
    codec.feed(data)
    assert codec.next() in (rpc.frame.REQUEST, rpc.frame.RESPONSE), codec.error
    return codec


def test_request(rpc: RpcCodec) -> None:
    found = read_every_way(rpc, lambda: codec_of(rpc), request() + request(8, packet=1))
    event, identity, oneway, limit, fields, service, method, content = found[0]
    assert (event, identity, oneway, limit) == (rpc.frame.REQUEST, 7, False, 3000)
    assert fields == ((b"service", b"App.Server.Obj"), (b"method", b"hello"), (b"k", b"v"))
    assert (service, method, content) == (b"App.Server.Obj", b"hello", b"args")
    assert found[1][1:3] == (8, True)


@pytest.mark.parametrize(
    ("status", "http"), [(0, 200), (-3, 404), (-7, 504), (-9, 503), (-99, 500), (70000, 500)]
)
def test_response(rpc: RpcCodec, status: int, http: int) -> None:
    data = response(300, b"", status) + response(-4, b"x" * 70000)
    found = read_every_way(rpc, lambda: codec_of(rpc), data)
    assert found[0] == (rpc.frame.RESPONSE, 300, http, status, b"")
    assert found[1] == (rpc.frame.RESPONSE, -4, 200, 0, b"x" * 70000)


@pytest.mark.parametrize("identity", [0, 1, 127, 128, 32767, 32768, 2**31 - 1])
def test_only_the_id_changes(rpc: RpcCodec, identity: int) -> None:
    codec = read_one(rpc, request(7))
    parts = codec.encode_request(codec.request, codec.content, identity)
    assert b"".join(parts) == request(identity)
    asked = read_one(rpc, request(-identity))
    assert asked.request.id == -identity
    answer = read_one(rpc, response(5, b"r" * 300))
    parts = asked.encode_response(answer.response, answer.content, asked.request)
    assert b"".join(parts) == response(-identity, b"r" * 300)


def test_edits_reach_the_wire(rpc: RpcCodec) -> None:
    codec = read_one(rpc, request(7, context={b"k": b"v", b"gone": b"x"}))
    head = codec.request
    head.set(b"service", b"App.Other.Obj")
    head.set(b"K", b"w")
    head.remove(b"gone")
    head.add(b"new", b"y" * 300)
    sent = b"".join(codec.encode_request(head, b"other args", 9))
    assert sent == request(
        9, b"other args", servant=b"App.Other.Obj", context={b"k": b"w", b"new": b"y" * 300}
    )


def test_a_replaced_content(rpc: RpcCodec) -> None:
    codec = read_one(rpc, request(7))
    assert b"".join(codec.encode_request(codec.request, b"z" * 1000, 7)) == request(7, b"z" * 1000)
    answer = read_one(rpc, response(5, b"r"))
    parts = codec.encode_response(answer.response, b"", codec.request)
    assert b"".join(parts) == response(7, b"")


def test_an_unusual_length(rpc: RpcCodec) -> None:
    """A length that takes more bytes than it must is still replaced as a whole."""
    start = number(1, 1) + number(2, 0) + number(3, 0) + number(4, 7)
    start += string(5, b"S") + string(6, b"f")
    data = framed(start + b"\x7d\0\2\0\0\0\4args" + number(8, 0))
    codec = read_one(rpc, data)
    assert b"".join(codec.encode_request(codec.request, b"args", 7)) == data
    changed = b"".join(codec.encode_request(codec.request, b"argument", 7))
    assert changed == framed(start + blob(7, b"argument") + number(8, 0))


@pytest.mark.parametrize(
    ("status", "code"), [(404, -4), (502, -8), (503, -9), (504, -7), (500, -99), (0, -1)]
)
def test_hijack(rpc: RpcCodec, status: int, code: int) -> None:
    """MOSN sends nothing."""
    codec = read_one(rpc, request(77))
    parts = codec.encode_response(rpc.message.ResponseHead(status), b"why\n", codec.request)
    again = read_one(rpc, b"".join(parts))
    assert (again.response.id, again.response.rpc_status, again.content) == (77, code, b"")
    assert string(8, b"why") in b"".join(parts)


def test_too_many_entries(rpc: RpcCodec) -> None:
    codec = codec_of(rpc, max_headers=2)
    codec.feed(request(context={b"%d" % index: b"" for index in range(5)}))
    assert codec.next() == rpc.frame.REQUEST
    assert len(codec.request.items()) == 4


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x10\1\x2c\x3c",
        number(1, 1) + string(5, b"S") + string(6, b"f") + blob(7, b""),  # no id
        number(1, 1) + number(4, 1) + string(5, b"S") + number(6, 1),
        number(1, 1) + number(4, 1) + string(5, b"S") + string(6, b"f"),
        number(4, 1) + string(5, b"S") + string(6, b"f") + b"\x7d\0\2\x7f\xff\xff\xff",
        number(4, 1) + string(5, b"S") + string(6, b"f") + blob(7, b"") + b"\x9a" * 100,
        number(4, 1) + string(5, b"S") + string(6, b"f") + blob(7, b"") + b"\x98\2\x7f\xff\xff\xff",
        number(4, 1) + b"\x57\x7f\xff\xff\xff",
        number(3, 1) + number(5, 0) + blob(7, b""),
        b"\xff",
        b"\xf0",
    ],
)  # fmt: skip
def test_what_ends_a_connection(rpc: RpcCodec, body: bytes) -> None:
    for event in events_of(rpc, codec_of(rpc), [framed(body + bytes(0)) + bytes(3)]):
        assert event[0] == rpc.frame.ERROR
        return
    raise AssertionError("no error")


def test_limits(rpc: RpcCodec) -> None:
    codec = codec_of(rpc, max_frame=100)
    codec.feed(struct.pack(">I", 101))
    assert codec.next() == rpc.frame.ERROR
    codec = codec_of(rpc, max_header=50)
    codec.feed(request(context={b"k": b"v" * 100}))
    assert codec.next() == rpc.frame.ERROR


def test_detection(rpc: RpcCodec) -> None:
    protocol = rpc.tars.Tars()
    data = request()
    assert [protocol.match(data[:size]) for size in (1, 4, 5, 6, 20)] == [0, 0, 0, 1, 1]
    assert protocol.match(b"GET") == -1
    assert protocol.match(b"\0\0\0\x20\xda\xbc") == -1


@settings(deadline=None)
@given(st.binary(max_size=80), st.integers(0, 9))
def test_garbage(rest: bytes, cut: int) -> None:
    """Anything gives events or an error, and a request that was read can be sent."""
    rpc = rpc_installed()
    start = request()[4:]
    for body in (rest, start[: cut * 5] + rest, start[:12] + rest):
        codec = codec_of(rpc)
        codec.feed(framed(body))
        if codec.next() == rpc.frame.REQUEST:
            codec.request.items()
            codec.encode_request(codec.request, codec.content, 1)
            codec.request.add(b"a", b"b")
            again = b"".join(codec.encode_request(codec.request, codec.content, 1))
            assert read_one(rpc, again).request.get(b"a") == b"b"
