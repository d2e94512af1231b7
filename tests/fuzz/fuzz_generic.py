"""Any bytes are a Dubbo result that becomes JSON, or are refused; any body is a call that can be
written, or is refused; both builds say the same.
"""

import json
import sys
from typing import Any

from tests.fuzz.loop import main
from tests.support.rpc_builds import RpcCodec, rpc_installed, rpc_interpreted

SEEDS = [
    b"\x91C\x03a.B\x92\x01x\x01y\x60\x91J\0\0\0\0\0\0\3\xe8",
    b"\x94H\x01a\x7aQ\x90\x5bM\x01tZZH\x01k\x01vZ",
    b"\x90C\x1ajava.lang.RuntimeException\x91\x0ddetailMessage\x60\x03bad",
    b"\x91C\x14java.math.BigDecimal\x91\x05value\x60\x041.50",
    b"\x91V\x07[string\x92\x01aD\x40\x09\x21\xfb\x54\x44\x2d\x18\x22\0\1",
    b'{"types": ["int", "java.lang.String[]"], "args": [1, ["a", null]]}',
    b"\x052.0.2\x01s\x011\x01m\x17I[Ljava/lang/String;[JZ\x95\x52\x01aNX\x91\xe5TH\x01k\x01vZ",
    b'[1.5, {"a": [true, "\xc3\xa9"]}, null]',
]
COMPILED = rpc_installed()
INTERPRETED = rpc_interpreted()


def outcome(rpc: RpcCodec, data: bytes) -> list[Any]:
    """Return what one build makes of ``data`` as a result and as a call, in either form."""
    generic = rpc.generic
    try:
        text: Any = generic.result_json(generic.read_result(data))
        json.loads(text)
    except generic.ResultError as error:
        text = str(error)
    try:
        written: Any = generic.write_call("s", "1", "m", generic.read_call(data), {"k": "v"})
        reader = rpc.hessian.HessianReader(written)
        while reader.at < len(written):
            assert reader.skip()
    except generic.CallError as error:
        written = str(error)
    found = [text, written, generic.json_error(data)]
    try:
        name, text = generic.call_json(data)
        json.loads(text)
        found += [name, text]
    except generic.CallError as error:
        found.append(str(error))
    try:
        result = generic.write_result(data, {"k": "v"})
        assert not generic.read_result(result).failed
        found.append(result)
    except generic.ResultError as error:
        found.append(str(error))
    return found


def check(data: bytes) -> None:
    """Raise ``AssertionError`` when the invariant does not hold for ``data``."""
    assert outcome(COMPILED, data) == outcome(INTERPRETED, data)


if __name__ == "__main__":
    sys.exit(main(check, SEEDS))
