"""Any bytes are read or refused, never with an exception or a read outside the buffer, and alike by
both builds; a value that was read can be written, and reads the same again.
"""

import math
import sys
from typing import Any

from tests.fuzz.loop import main
from tests.support.rpc_builds import rpc_installed, rpc_interpreted

COMPILED = rpc_installed()
INTERPRETED = rpc_interpreted()
_VALUES = (
    None, True, -17, 1 << 40, 2.5, "text", "\u00e9\u4e2d\U0001f600", b"bytes", [1, [2, ["x"]]],
    {"a": 1, "b": {"c": [None]}}, "long " * 400, b"z" * 5000,
)  # fmt: skip
SEEDS = [
    *(COMPILED.hessian.encode(value) for value in _VALUES),
    b"C\x07example\x92\x05color\x05model`\x03red\x08corvette",  # a class, an object of it
    b"M\x13java.util.Hashtable\x03key\x91Z",
    b"H\x91\x03feeZQ\x90",  # a map, and a reference to it
    b"U\x04[int\x90\x91Z",
    b"V\x04[int\x92\x90\x91",
    b"R\x00\x02abS\x00\x01c",
    b"\x03\xed\xa0\xbd\xed\xb8\x80a",
]


def check(data: bytes) -> None:
    """Raise when the invariant does not hold for ``data``."""
    found = [_read(build, data) for build in (COMPILED, INTERPRETED)]
    assert found[0] == found[1]
    at, error, value = found[0][:3]
    if not error:
        skipper = COMPILED.hessian.HessianReader(data)
        assert skipper.skip()
        assert skipper.at == at
        if _is_plain(value, 0):
            again = COMPILED.hessian.HessianReader(COMPILED.hessian.encode(value))
            assert repr(again.read()) == repr(value)
            assert not again.error


def _read(build: Any, data: bytes) -> tuple[Any, ...]:
    reader = build.hessian.HessianReader(data)
    value = reader.read()
    strings = build.hessian.HessianReader(data, len(data) // 3, len(data) - len(data) // 5)
    text = strings.read_string()
    # repr, because NaN differs from itself, and a list may contain itself.
    return reader.at, reader.error, value if _is_plain(value, 0) else repr(value), text, strings.at


def _is_plain(value: Any, depth: int) -> bool:
    """Say whether a value can be compared and written: no NaN, no cycle, nothing deep."""
    if depth > 20:
        return False
    if isinstance(value, float):
        return not math.isnan(value)
    if isinstance(value, list):
        return all(_is_plain(item, depth + 1) for item in value[:50]) and len(value) <= 50
    if isinstance(value, dict):
        return len(value) <= 50 and all(_is_plain(item, depth + 1) for item in value.values())
    return True


if __name__ == "__main__":
    sys.exit(main(check, SEEDS))
