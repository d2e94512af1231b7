"""Keeps Python's ``ssl`` out of processes that do not use it: it costs each 5 MB.

asyncio imports ``ssl`` but works without.  ``postpone_ssl`` lets it; when anybody imports ``ssl``
later, asyncio gets it after all.
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # importing it costs a megabyte
    from importlib.abc import Loader


def postpone_ssl() -> None:
    """Import asyncio without ``ssl``; does nothing if either is imported already."""
    if "ssl" in sys.modules or "asyncio" in sys.modules:
        return
    sys.modules["ssl"] = None  # type: ignore[assignment]  # makes importing it fail
    try:
        importlib.import_module("asyncio")
    finally:
        del sys.modules["ssl"]
    sys.meta_path.insert(0, _SslFinder())


class _SslFinder:
    """Notices the first import of ``ssl``, and is gone."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "ssl":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _SslLoader(spec.loader)  # type: ignore[assignment]  # has its methods
        return spec


class _SslLoader:
    """Loads ``ssl`` as ever and hands it to asyncio."""

    def __init__(self, loader: "Loader") -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        for name, other in list(sys.modules.items()):
            if name.startswith("asyncio.") and getattr(other, "ssl", module) is None:
                other.ssl = module  # type: ignore[attr-defined]  # asyncio's modules have it
        protocol = sys.modules.get("asyncio.sslproto")
        if protocol is not None:
            again = (module.SSLWantReadError, module.SSLSyscallError)
            protocol.SSLAgainErrors = again  # type: ignore[attr-defined]  # the same
