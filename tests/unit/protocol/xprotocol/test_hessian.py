"""Hessian 2.0: what hessian.js writes is read, and what we write it writes alike."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rpc_builds import RpcCodec, rpc_installed

GOLDEN = json.loads(
    (Path(__file__).parents[3] / "golden/rpc/hessian.json").read_text(encoding="utf-8")
)
"""By what it is: what hessian.js 2.10 makes of it, in hex."""

_NAMED: dict[str, Any] = {
    "null": None,
    "true": True,
    "str empty": "",
    "str ascii": "hello",
    "str 31": "a" * 31,
    "str 32": "a" * 32,
    "str cn": "锐天",
    "str emoji": "a😀b",
    "bin": b"abc",
    "bin 20": b"\1" * 20,
    "list": [1, "a", None],
    "map": {"a": 1, "b": "c"},
    "javalist": [1, 2, 3],
    "object": {"": "com.x.Foo", "name": "n", "age": 3},
    "twoobjects": [{"": "com.x.Foo", "name": "n"}, {"": "com.x.Foo", "name": "m"}],
    "date": 1600000000000,
}


def meaning(name: str) -> Any:
    kind, _, number = name.partition(" ")
    if kind in ("int", "long"):
        return int(number)
    return float(number) if kind == "double" else _NAMED[name]


def read_all(rpc: RpcCodec, data: bytes) -> Any:
    reader = rpc.hessian.HessianReader(data)
    value = reader.read()
    assert reader.error == ""
    assert reader.at == len(data)
    return value


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(rpc: RpcCodec, name: str) -> None:
    data = bytes.fromhex(GOLDEN[name])
    value = read_all(rpc, data)
    assert value == meaning(name)
    assert type(value) is (rpc.hessian.Date if name.startswith("date") else type(meaning(name)))
    if not name.startswith(("long", "double", "java", "date", "object", "two", "list", "map")):
        assert rpc.hessian.encode(value) == data
    skipper = rpc.hessian.HessianReader(data + b"N")
    assert skipper.skip()
    assert skipper.at == len(data)


@pytest.mark.parametrize("name", GOLDEN)
def test_cut_short(rpc: RpcCodec, name: str) -> None:
    data = bytes.fromhex(GOLDEN[name])
    for size in range(len(data)):
        reader = rpc.hessian.HessianReader(data[:size])
        reader.read()
        assert reader.error
        skipper = rpc.hessian.HessianReader(data[:size])
        assert not skipper.skip()


@pytest.mark.parametrize("size", [0, 31, 32, 1023, 1024, 32768, 32769, 100000])
@pytest.mark.parametrize("letter", ["x", "é", "锐", "😀"])
def test_strings_of_all_sizes(rpc: RpcCodec, size: int, letter: str) -> None:
    text = letter * size
    data = rpc.hessian.encode_string(text.encode())
    reader = rpc.hessian.HessianReader(data)
    assert reader.read_string() == text.encode()
    assert reader.at == len(data)
    skipper = rpc.hessian.HessianReader(data)
    assert skipper.skip()
    assert skipper.at == len(data)


def test_utf8_beyond_the_basic_plane(rpc: RpcCodec) -> None:
    """Four bytes, as some peers write them, count as two units."""
    reader = rpc.hessian.HessianReader(b"\x02" + "😀".encode())
    assert reader.read_string() == "😀".encode()


def test_null_is_no_string(rpc: RpcCodec) -> None:
    reader = rpc.hessian.HessianReader(b"N\x01a")
    assert reader.read_string() is None
    assert reader.error == ""
    assert reader.read_string() == b"a"


def test_a_reference_leads_to_the_same_value(rpc: RpcCodec) -> None:
    # A list of a map and a reference to it.
    value = read_all(rpc, b"\x7aH\x01a\x91Z\x51\x91")
    assert value == [{"a": 1}, {"a": 1}]
    assert value[0] is value[1]


@pytest.mark.parametrize("size", [0, 15, 16, 1023, 1024, 32768, 32769, 100000])
def test_binary_of_all_sizes(rpc: RpcCodec, size: int) -> None:
    value = bytes(index & 255 for index in range(size))
    data = rpc.hessian.encode(value)
    assert read_all(rpc, data) == value
    assert rpc.hessian.HessianReader(data).skip()


@pytest.mark.parametrize(
    "data",
    [
        b"\x51\x90",  # a reference to nothing
        b"\x60",  # an object without a class
        b"O\xa0",
        b"C\x01xI\x7f\xff\xff\xff",  # a class with two billion fields
        b"\x58I\x7f\xff\xff\xff",  # a list of so many values
        b"\x7f" + b"\x79" * 200,  # too deep
        b"H" * 500,
        b"C\x01x\x90" * 300,
        b"Z",
        b"\x40",
        b"\x02\xff\xff",  # no UTF-8
        b"\x01\x80",
        b"H\x79\x90NZ",  # a list as a key
    ],
)
def test_hostile(rpc: RpcCodec, data: bytes) -> None:
    reader = rpc.hessian.HessianReader(data)
    reader.read()
    assert reader.error
    # And for good.
    assert reader.read_string() is None
    assert reader.at == len(data)


def test_what_cannot_be_written(rpc: RpcCodec) -> None:
    for value in (object(), 1 << 63, [[]] and {"a": set()}):
        with pytest.raises(ValueError, match=r"cannot say|64 bits"):
            rpc.hessian.encode(value)
    deep: list[Any] = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(ValueError, match="deeply"):
        rpc.hessian.encode(deep)


_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_SCALARS = (
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.binary()
    | st.floats(allow_nan=False) | _TEXT
)  # fmt: skip
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner),
    max_leaves=20,
)


@settings(deadline=None)
@given(_VALUES)
def test_round_trip(value: Any) -> None:
    rpc = rpc_installed()
    data = rpc.hessian.encode(value)
    assert read_all(rpc, data) == value
    skipper = rpc.hessian.HessianReader(data)
    assert skipper.skip()
    assert skipper.at == len(data)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_reading_and_skipping_agree(data: bytes) -> None:
    """Garbage ends in a value or an error; where both succeed they end at the same place."""
    rpc = rpc_installed()
    reader = rpc.hessian.HessianReader(data)
    skipper = rpc.hessian.HessianReader(data)
    reader.read()
    skipped = skipper.skip()
    if not reader.error:
        assert skipped
        assert skipper.at == reader.at


def test_dates_longs_and_typed_lists(rpc: RpcCodec) -> None:
    hessian = rpc.hessian
    date = read_all(rpc, hessian.encode(hessian.Date(-1)))
    assert (type(date), date) == (hessian.Date, -1)
    assert hessian.encode(hessian.Date(1 << 40)) == b"J" + (1 << 40).to_bytes(8, "big")
    for number in (0, -8, 15, 16, -2048, 2047, -262144, 262143, 1 << 30, -(1 << 31), 1 << 62):
        data = hessian.encode(hessian.Long(number))
        assert read_all(rpc, data) == number
        assert data[0] != 0x49
        assert not 0x80 <= data[0] <= 0xD7
    typed = hessian.encode(hessian.Typed("[string", ["a"]))
    assert typed == b"V\x07[string\x91\x01a"
    assert read_all(rpc, typed) == ["a"]
    with pytest.raises(ValueError, match="64 bits"):
        hessian.encode(hessian.Date(1 << 63))


def test_more_values_than_may_be_built(rpc: RpcCodec) -> None:
    count = rpc.hessian.MAX_VALUES
    reader = rpc.hessian.HessianReader(b"W" + b"N" * count + b"Z")
    reader.read()
    assert "too many" in reader.error
    assert rpc.hessian.HessianReader(b"W" + b"N" * count + b"Z").skip()
