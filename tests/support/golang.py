"""Programs written in Go that the tests talk to: h2spec, gRPC's interoperability tests, dubbo-go,
TarsGo, MOSN.

Their versions are pinned in tests/go, which has a module for each set of them, so that one which
cannot be had keeps no other away.  They are built once for each set of versions, into a cache
directory of the user (``XDG_CACHE_HOME``); ``python -m tests.support.golang`` does it beforehand,
because a first build takes minutes.  Without Go the tests that need them are skipped.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import pytest

SOURCES = Path(__file__).parents[1] / "go"
MODULES = MappingProxyType(
    {
        ".": (
            "github.com/summerwind/h2spec/cmd/h2spec",
            "google.golang.org/grpc/interop/client",
            "google.golang.org/grpc/interop/server",
            "pymosn.invalid/peers/grpcweb",
        ),
        "dubbo": ("pymosn.invalid/peers/dubbo",),
        "tars": ("pymosn.invalid/peers/tars",),
        "mosn": ("pymosn.invalid/peers/mosn",),
    }
)
"""The programs of each module."""
_BUILD_SECONDS = 900


def directory(module: str) -> Path:
    """Return where the programs of a module, in these versions, are or will be."""
    versions = hashlib.sha256()
    for path in _files(SOURCES / module):
        versions.update(path.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "pymosn-tests" / versions.hexdigest()[:16]


def _files(module: Path) -> Iterator[Path]:
    """Return the files of a module, without the modules inside."""
    for path in sorted(module.iterdir()):
        if path.is_file():
            yield path
        elif not (path / "go.mod").exists():
            yield from _files(path)


def build(module: str) -> str:
    """Build what is missing; returns why that is not possible, or nothing."""
    target = directory(module)
    packages = MODULES[module]
    if all((target / name(package)).exists() for package in packages):
        return ""
    go = shutil.which("go")
    if go is None:
        return "Go is not installed"
    unfinished = target.with_suffix(f".{os.getpid()}")
    command = [go, "build", "-o", f"{unfinished}/", *packages]
    environment = {**os.environ, "GOFLAGS": "-mod=readonly", "GOBIN": "", "CGO_ENABLED": "0"}
    try:
        done = subprocess.run(
            command, cwd=SOURCES / module, env=environment, capture_output=True, text=True,
            timeout=_BUILD_SECONDS, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines()
            return f"Go cannot build it: {lines[-1] if lines else done.returncode}"
        if not target.exists():
            unfinished.rename(target)
        return ""
    except subprocess.TimeoutExpired:
        return f"Go did not build it within {_BUILD_SECONDS} s"
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def name(package: str) -> str:
    """Return the name of a package's program."""
    return package.rpartition("/")[2]


def find(wanted: str) -> Path | None:
    """Return the path of a program if it was built."""
    for module, packages in MODULES.items():
        if wanted in map(name, packages):
            found = directory(module) / wanted
            return found if found.exists() else None
    raise ValueError(wanted)


def program(wanted: str) -> str:
    """Return the path of a program; skips the test when it cannot be had."""
    found = find(wanted)
    if found is None:
        # Not built here: that takes longer than a test may.
        reason = "Go is not installed" if shutil.which("go") is None else "it was not built"
        pytest.skip(f"{wanted} (Go): {reason}; see tests/support/golang.py")
    return str(found)


if __name__ == "__main__":
    failures = {module: reason for module in MODULES if (reason := build(module))}
    sys.exit("\n".join(f"{module}: {reason}" for module, reason in failures.items()) or 0)
