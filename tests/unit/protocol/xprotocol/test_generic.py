"""JSON as Dubbo's calls, and results as JSON."""

import json
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rpc_builds import RpcCodec, rpc_installed, rpc_interpreted

BOTH = (rpc_installed(), rpc_interpreted())

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8"), max_size=40),
)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5)
    | st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1, max_size=8), inner),
    max_leaves=20,
)


def arguments_of(rpc: RpcCodec, body: bytes) -> list:
    """Read what ``write_call`` wrote: five strings, then arguments, then attachments."""
    reader = rpc.hessian.HessianReader(body)
    found = []
    while reader.at < len(body):
        found.append(reader.read())
        assert not reader.error
    return found


@pytest.mark.parametrize("rpc", BOTH, ids=repr)
@settings(deadline=None)
@given(value=documents)
def test_json_to_hessian_to_json(rpc: RpcCodec, value: object) -> None:
    call = rpc.generic.read_call(json.dumps([value]).encode())
    assert call.types is None
    result = rpc.generic.read_result(b"\x91" + rpc.hessian.encode(call.arguments[0]))
    assert json.loads(rpc.generic.result_json(result)) == value


def test_a_generic_call_as_a_provider_reads_it(rpc: RpcCodec) -> None:
    generic = rpc.generic
    body = b'{"types": ["java.lang.String", "long"], "args": ["a", 5]}'
    written = generic.write_call("com.x.Y", "1.0", "hi", generic.read_call(body), {"k": "v"})
    assert arguments_of(rpc, written) == [
        "2.0.2", "com.x.Y", "1.0", "$invoke",
        "Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;",
        "hi", ["java.lang.String", "long"], ["a", 5],
        {"path": "com.x.Y", "interface": "com.x.Y", "version": "1.0", "generic": "true", "k": "v"},
    ]  # fmt: skip


def test_the_bytes_of_the_arguments(rpc: RpcCodec) -> None:
    """By hand, from the grammar of Hessian 2: typed lists, and a long that is one."""
    generic = rpc.generic
    call = generic.read_call(b'{"types": ["long"], "args": [5]}')
    written = generic.write_call("s", "", "m", call, {})
    assert b"\x01mV\x07[string\x91\x04longV\x07[object\x91\xe5H" in written
    assert written.startswith(b"\x052.0.2\x01s\x050.0.0\x07$invoke")


def test_a_direct_call(rpc: RpcCodec) -> None:
    generic = rpc.generic
    call = generic.read_call(b"[[1, 2], true]", ["int[]", "boolean"])
    written = generic.write_call("s", "", "m", call, {}, generic=False)
    assert arguments_of(rpc, written)[3:] == [
        "m", "[IZ", [1, 2], True, {"path": "s", "interface": "s"},
    ]  # fmt: skip
    with pytest.raises(generic.CallError, match="types"):
        generic.write_call("s", "", "m", generic.read_call(b"[1]"), {}, generic=False)


@pytest.mark.parametrize(
    ("type_name", "descriptor"),
    [
        ("int", "I"), ("long[][]", "[[J"), ("java.lang.String", "Ljava/lang/String;"),
        ("java.util.List<java.lang.String>", "Ljava/util/List;"), ("a.B$C[]", "[La/B$C;"),
    ],
)  # fmt: skip
def test_descriptors(rpc: RpcCodec, type_name: str, descriptor: str) -> None:
    assert rpc.generic.descriptor_of(type_name) == descriptor


@pytest.mark.parametrize("type_name", ["", "a b", "a;b", "[I", ".a", "a.", "a..b", "é", "int[]x"])
def test_what_is_no_type(rpc: RpcCodec, type_name: str) -> None:
    with pytest.raises(rpc.generic.CallError):
        rpc.generic.descriptor_of(type_name)


@pytest.mark.parametrize(
    ("type_name", "given_json", "sent"),
    [
        ("int", "7", b"\x97"),
        ("java.lang.Long", "7", b"\xe7"),
        ("long", "4294967296", b"L\0\0\0\1\0\0\0\0"),
        ("double", "1", b"D" + struct.pack(">d", 1.0)),
        ("boolean", "false", b"F"),
        ("java.lang.String", '"a"', b"\x01a"),
        ("java.lang.String", "null", b"N"),
        ("byte[]", '"AAEC"', b"\x23\0\1\2"),
        ("java.util.Date", "0", b"J" + bytes(8)),
        ("java.util.Date", '"1970-01-01T00:00:01Z"', b"J" + struct.pack(">q", 1000)),
        ("java.util.Date", '"1969-12-31T23:00:00"', b"J" + struct.pack(">q", -3600000)),
        ("java.math.BigDecimal", "1.5", b"\x031.5"),
        ("java.util.Map", '{"a": 1}', b"H\x01a\x91Z"),
    ],
)
def test_arguments(rpc: RpcCodec, type_name: str, given_json: str, sent: bytes) -> None:
    call = rpc.generic.read_call(f"[{given_json}]".encode(), [type_name])
    assert rpc.hessian.encode(call.arguments[0]) == sent


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100000, "not JSON"),
        (b"1", "no list"),
        (b'{"args": 1}', "no list"),
        (b'{"arg": []}', "'arg' is neither"),
        (b'{"types": "int", "args": [1]}', "no list of names"),
        (b'{"types": [1], "args": [1]}', "no list of names"),
        (b'{"types": ["int"], "args": []}', "1 types, but 0 arguments"),
        (b'{"types": ["i n t"], "args": [1]}', "is no type"),
        (b'{"types": ["%b"], "args": [1]}' % (b"a" * 600), "is no type"),
        (b'{"types": ["int"], "args": [2147483648]}', r"args\[0\].* does not fit into int"),
        (b'{"types": ["int"], "args": [true]}', "true is no int"),
        (b'{"types": ["int"], "args": [1.5]}', "1.5 is no int"),
        (b'{"types": ["int"], "args": [null]}', "null is no int"),
        (b'{"types": ["char"], "args": ["ab"]}', "'ab' is no char"),
        (b'{"types": ["byte[]"], "args": ["?"]}', "not base64"),
        (b'{"types": ["java.util.Date"], "args": ["yesterday"]}', "is no date"),
        (b'{"types": ["java.util.Date"], "args": [9999999999999999999]}', "is no date"),
        (b"[9223372036854775808]", "does not fit into a long"),
        (b"[" + b"9" * 4000 + b"]", "does not fit|not JSON"),
        (b"[" + b"[" * 126 + b"]" * 126 + b"]", "too deeply"),
        (b"[" + b"0," * 255 + b"0]", "more than 255 arguments"),
    ],
)
def test_bad_calls(rpc: RpcCodec, body: bytes, why: str) -> None:
    with pytest.raises(rpc.generic.CallError, match=why):
        rpc.generic.read_call(body)


def test_an_empty_body_is_a_call_without_arguments(rpc: RpcCodec) -> None:
    assert rpc.generic.read_call(b" \n").arguments == []


@pytest.mark.parametrize(
    ("content", "as_json"),
    [
        (b"\x92", "null"),
        (b"\x95H\x01a\x01bZ", "null"),
        (b"\x91\x97", "7"),
        (b"\x91J" + struct.pack(">q", 1000), '"1970-01-01T00:00:01.000Z"'),
        (b"\x91J" + struct.pack(">q", 1 << 62), f'"{1 << 62}"'),
        (b"\x91\x22\0\1", '"AAE="'),
        (b"\x91H\x97\x01aNT\x92FZ", '{"7":"a","null":true,"2":false}'),
        (b"\x91D" + struct.pack(">d", float("nan")), '"NaN"'),
        (b"\x91D" + struct.pack(">d", -float("inf")), '"-Infinity"'),
        (b"\x91C\x03a.B\x92\x01x\x01y\x60\x91\x92", '{"class":"a.B","x":1,"y":2}'),
        (b"\x91C\x14java.math.BigDecimal\x91\x05value\x60\x041.50", "1.50"),
    ],
)
def test_results(rpc: RpcCodec, content: bytes, as_json: str) -> None:
    assert rpc.generic.result_json(rpc.generic.read_result(content)).decode() == as_json


def test_a_date_in_milliseconds(rpc: RpcCodec) -> None:
    result = rpc.generic.read_result(b"\x91J" + struct.pack(">q", 1000))
    assert rpc.generic.result_json(result, millis=True) == b"1000"


def test_exceptions_tell_class_and_message_and_no_stack(rpc: RpcCodec) -> None:
    thrown = (
        b"\x90C\x1ajava.lang.RuntimeException\x93\x0ddetailMessage\x05cause\x0astackTrace"
        b"\x60\x03badQ\x90\x78"
    )
    result = rpc.generic.read_result(thrown)
    assert result.failed
    assert json.loads(rpc.generic.result_json(result)) == {
        "error": {"class": "java.lang.RuntimeException", "message": "bad"}
    }


def test_attachments_that_are_strings(rpc: RpcCodec) -> None:
    result = rpc.generic.read_result(b"\x94\x91H\x01a\x01b\x01n\x91Z")
    assert result.attachments == {"a": "b"}


def test_what_contains_itself(rpc: RpcCodec) -> None:
    result = rpc.generic.read_result(b"\x91\x79Q\x90")
    with pytest.raises(rpc.generic.ResultError, match="in itself"):
        rpc.generic.result_json(result)


def test_one_thing_many_times_over_does_not_multiply(rpc: RpcCodec) -> None:
    """Sixty lists, each with the one before it twice: 2**60 values as JSON."""
    nested = b"\x7a" + b"N" + b"N"
    content = b"\x91" + b"\x58\xbc"  # a list of 44
    content += nested
    for index in range(1, 44):
        reference = b"Q" + bytes((0x90 + index,))
        content += b"\x7a" + reference + reference
    result = rpc.generic.read_result(content)
    with pytest.raises(rpc.generic.ResultError, match="too"):
        rpc.generic.result_json(result)


@pytest.mark.parametrize(
    "content", [b"", b"\x96", b"\x91", b"\x78", b"\x94\x91", b"T\x91", b"\x91\xff"]
)
def test_results_that_cannot_be_read(rpc: RpcCodec, content: bytes) -> None:
    with pytest.raises(rpc.generic.ResultError):
        rpc.generic.read_result(content)


@pytest.mark.parametrize("rpc", BOTH, ids=repr)
@given(content=st.binary(max_size=200))
def test_any_bytes_are_a_result_or_refused(rpc: RpcCodec, content: bytes) -> None:
    for start in (b"\x90", b"\x91", b"\x94"):
        try:
            text = rpc.generic.result_json(rpc.generic.read_result(start + content))
        except rpc.generic.ResultError:
            continue
        json.loads(text)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"\x03bad", "bad"),
        (b"\x09bad\n\tat x", "bad"),
        (b"\0\0\0\x1cyD\x0a\x98a.Exception: bad\n\tat x", "a.Exception: bad"),
        (b"\xff\xff", ""),
        (b"", ""),
    ],
)
def test_errors_tell_no_stack(rpc: RpcCodec, content: bytes, text: str) -> None:
    assert rpc.generic.read_error(content) == text


# -- calls as JSON ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rpc", BOTH, ids=repr)
@settings(deadline=None)
@given(values=st.lists(documents, max_size=4))
def test_json_to_a_call_to_json(rpc: RpcCodec, values: list) -> None:
    generic = rpc.generic
    written = generic.write_call("s", "1", "m", generic.read_call(json.dumps(values).encode()), {})
    name, text = generic.call_json(written)
    assert name == "m"
    assert json.loads(text) == {"args": values}
    assert json.loads(generic.result_json(generic.read_result(generic.write_result(text, {})))) == {
        "args": values
    }


@pytest.mark.parametrize(
    ("types", "values"),
    [
        ([], []),
        (["int", "java.lang.String[]", "long[][]"], [1, ["a"], [[2]]]),
        (["a.b.C$D", "boolean", "byte[]", "double"], [{"class": "a.b.C$D"}, True, "AAE=", 1.5]),
    ],
)
def test_a_direct_call_to_json(rpc: RpcCodec, types: list[str], values: list) -> None:
    generic = rpc.generic
    call = generic.new_call(types, values)
    body = generic.write_call("s", "1", "m", call, {}, generic=False)
    name, text = generic.call_json(body)
    assert (name, json.loads(text)) == ("m", {"types": types, "args": values})


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("long", b"5", b"\xe5"), ("", b"5", b"\x95"), ("byte[]", b'"AAE="', b"\x22\x00\x01"),
        ("java.util.Date", b"0", b"J" + bytes(8)),
    ],
)  # fmt: skip
def test_results_of_known_types(rpc: RpcCodec, kind: str, text: bytes, value: bytes) -> None:
    assert rpc.generic.write_result(text, {}, kind) == b"\x91" + value


@pytest.mark.parametrize("text", [b"{", b"1e999999", b"[" * 5000, b"\xff", b"18446744073709551616"])
def test_what_cannot_be_a_result(rpc: RpcCodec, text: bytes) -> None:
    with pytest.raises(rpc.generic.ResultError):
        rpc.generic.write_result(text, {})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b'{"error": {"class": "a.E", "message": "bad"}}', "a.E: bad"),
        (b'{"error": {"status": 60, "message": "gone"}}', "gone"),
        (b'{"error": "no"}', "no"),
        (b'{"error": 1}', '{"error": 1}'),
        (b"first\nsecond", "first"),
        (b"", ""),
    ],
)
def test_what_an_error_says(rpc: RpcCodec, text: bytes, told: str) -> None:
    assert rpc.generic.json_error(text) == told
