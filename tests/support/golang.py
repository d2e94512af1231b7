"""Programs written in Go that the tests talk to: h2spec, gRPC's interoperability tests.

Their versions are pinned in tests/go.  They are built once for each set of versions, into a cache
directory of the user (``XDG_CACHE_HOME``); ``python -m tests.support.golang`` does it beforehand,
because a first build takes minutes.  Without Go the tests that need them are skipped.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "go"
PACKAGES = (
    "github.com/summerwind/h2spec/cmd/h2spec",
    "google.golang.org/grpc/interop/client",
    "google.golang.org/grpc/interop/server",
    "pymosn.invalid/peers/grpcweb",
)
_BUILD_SECONDS = 900


def directory() -> Path:
    """Return where the programs of these versions are, or will be."""
    versions = hashlib.sha256()
    for path in sorted(SOURCES.rglob("*")):
        if path.is_file():
            versions.update(path.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "pymosn-tests" / versions.hexdigest()[:16]


def build() -> str:
    """Build what is missing; returns why that is not possible, or nothing."""
    target = directory()
    if all((target / name(package)).exists() for package in PACKAGES):
        return ""
    go = shutil.which("go")
    if go is None:
        return "Go is not installed"
    unfinished = target.with_suffix(f".{os.getpid()}")
    command = [go, "build", "-o", f"{unfinished}/", *PACKAGES]
    environment = {**os.environ, "GOFLAGS": "-mod=readonly", "GOBIN": "", "CGO_ENABLED": "0"}
    try:
        done = subprocess.run(
            command, cwd=SOURCES, env=environment, capture_output=True, text=True,
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


def program(wanted: str) -> str:
    """Return the path of a program; skips the test when it cannot be had."""
    found = directory() / wanted
    if not found.exists():
        # Not built here: that takes longer than a test may.
        reason = "Go is not installed" if shutil.which("go") is None else "it was not built"
        pytest.skip(f"{wanted} (Go): {reason}; see tests/support/golang.py")
    return str(found)


if __name__ == "__main__":
    sys.exit(build() or 0)
