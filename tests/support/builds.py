"""The two builds of the HTTP/1 codec: compiled, and interpreted from the same sources.

A test that takes the ``codec`` fixture (tests/conftest.py) runs once with each.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pymosn

_SOURCES = Path(pymosn.__file__).parent


class Codec:
    """``pymosn.protocol.http1`` and the ``pymosn.message`` that it uses."""

    def __init__(self, name: str, message: ModuleType, http1: ModuleType) -> None:
        self.name = name
        self.message = message
        self.http1 = http1

    def __repr__(self) -> str:
        return self.name


def installed() -> Codec:
    """Return the codec as it is installed: compiled."""
    return Codec(
        "compiled",
        importlib.import_module("pymosn.message"),
        importlib.import_module("pymosn.protocol.http1"),
    )


def interpreted() -> Codec:
    """Load the sources of the codec beside the compiled modules."""
    message = _load("message.py", "pymosn_interpreted.message", {})
    http1 = _load(
        "protocol/http1.py", "pymosn_interpreted.protocol.http1", {"pymosn.message": message}
    )
    return Codec("interpreted", message, http1)


def _load(path: str, name: str, instead: dict[str, ModuleType]) -> ModuleType:
    """Execute a source file as ``name``; its imports find the modules of ``instead``."""
    spec = importlib.util.spec_from_file_location(name, _SOURCES / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = {other: sys.modules.get(other) for other in instead}
    sys.modules.update(instead)
    try:
        spec.loader.exec_module(module)
    finally:
        for other, known in before.items():
            if known is None:
                del sys.modules[other]
            else:
                sys.modules[other] = known
    return module
