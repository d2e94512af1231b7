"""The two builds of the codecs: compiled, and interpreted from the same sources.

A test that takes the ``codec`` or ``headers`` fixture (the conftest.py beside the tests) runs once
with each.
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
    message = load("message.py", "pymosn_interpreted.message", {})
    http1 = load(
        "protocol/http1.py", "pymosn_interpreted.protocol.http1", {"pymosn.message": message}
    )
    return Codec("interpreted", message, http1)


class HeaderCodec:
    """Header compression and heads of HTTP/2, with the HTTP/1 codec that shares their heads."""

    def __init__(
        self,
        codec: Codec,
        huffman: ModuleType,
        fields: ModuleType,
        hpack: ModuleType,
        heads: ModuleType,
    ) -> None:
        self.name = codec.name
        self.message = codec.message
        self.http1 = codec
        self.huffman = huffman
        self.fields = fields
        self.hpack = hpack
        self.heads = heads

    def __repr__(self) -> str:
        return self.name


def headers_installed() -> HeaderCodec:
    """Return the header codec as it is installed: compiled."""
    package = "pymosn.protocol.http2"
    return HeaderCodec(
        installed(),
        importlib.import_module(f"{package}.huffman"),
        importlib.import_module(f"{package}.fields"),
        importlib.import_module(f"{package}.hpack"),
        importlib.import_module(f"{package}.heads"),
    )


def headers_interpreted() -> HeaderCodec:
    """Load the sources of the header codec beside the compiled modules."""
    codec = interpreted()
    package = "pymosn.protocol.http2"
    found = {"pymosn.message": codec.message}
    loaded = []
    for name in ("huffman", "fields", "hpack", "heads"):
        module = load(f"protocol/http2/{name}.py", f"{package}.{name}_interpreted", found)
        found[f"{package}.{name}"] = module
        loaded.append(module)
    return HeaderCodec(codec, *loaded)


def load(path: str, name: str, instead: dict[str, ModuleType]) -> ModuleType:
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
