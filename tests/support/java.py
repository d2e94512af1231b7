"""Programs written in Java that the tests talk to: SOFARPC and Dubbo, as their users have them.

tests/java names the versions of the libraries, which Maven brings, and has the sources, which are
compiled once for each state of them into a cache directory of the user (``XDG_CACHE_HOME``).
``python -m tests.support.java`` does it beforehand, because the first time takes a minute.  Without
Java or Maven the tests that need them are skipped.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.dialogue import Dialogue

SOURCES = Path(__file__).parents[1] / "java"
_BUILD_SECONDS = 600
# What Hessian looks into by reflection.
_OPEN = ("lang", "lang.reflect", "util", "util.concurrent", "math", "text", "time", "io")
_OPTIONS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xmx256m",
    "-Dbolt.tcp.heartbeat.interval=500",
    # Dubbo listens on every interface when it is told a loopback address that it knows as one.
    "-DDUBBO_IP_TO_BIND=2130706433",
    "-Djava.net.preferIPv4Stack=true",
    *(f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in _OPEN),
)


def directory() -> Path:
    """Return where the classes and libraries of this state are, or will be."""
    state = hashlib.sha256()
    for path in sorted(SOURCES.rglob("*")):
        if path.is_file():
            state.update(path.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "pymosn-tests" / f"java-{state.hexdigest()[:16]}"


def missing() -> str:
    """Return what is not installed of what a build needs."""
    absent = [name for name in ("java", "javac", "mvn") if shutil.which(name) is None]
    return f"{' and '.join(absent)} not installed" if absent else ""


def build() -> str:
    """Build what is missing; returns why that is not possible, or nothing."""
    target = directory()
    if target.exists():
        return ""
    if missing():
        return missing()
    unfinished = target.with_suffix(f".{os.getpid()}")
    classes, libraries = unfinished / "classes", unfinished / "libraries"
    sources = sorted(str(path) for path in SOURCES.rglob("*.java"))
    fetch = ["mvn", "-q", "-B", "-f", str(SOURCES / "pom.xml"),
             "dependency:copy-dependencies", f"-DoutputDirectory={libraries}"]  # fmt: skip
    compilation = ["javac", "-encoding", "UTF-8", "-d", str(classes), "-cp", f"{libraries}/*"]
    try:
        for step in (fetch, [*compilation, *sources]):
            done = subprocess.run(
                step, capture_output=True, text=True, timeout=_BUILD_SECONDS, check=False
            )
            if done.returncode != 0:
                lines = (done.stdout + done.stderr).strip().splitlines()
                return f"{step[0]} failed: {lines[0] if lines else done.returncode}"
        unfinished.rename(target)
        return ""
    except subprocess.TimeoutExpired:
        return f"not built within {_BUILD_SECONDS} s"
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def command(name: str, *arguments: str) -> list[str]:
    """Return what runs a class; skips the test when it cannot be had."""
    found = directory()
    if not found.exists():
        # Not built here: that takes longer than a test may.
        pytest.skip(f"{name} (Java): {missing() or 'it was not built'}; see tests/support/java.py")
    path = os.pathsep.join((str(found / "classes"), f"{found}/libraries/*"))
    # Its libraries keep caches and logs in the user's home.
    return ["java", "-Duser.home={home}", *_OPTIONS, "-cp", path, name, *arguments]


class Provider(Dialogue):
    """Serves ``peers.Greeter`` by SOFARPC and by Dubbo, as group ``test`` and version 1.0.0.

    By SOFABolt it serves what ``Bolt2.java`` has.
    """

    def __init__(self, ports: Callable[[], int]) -> None:
        """``ports`` tells free ones."""
        numbers = [ports() for _ in range(3)]
        self.sofa, self.dubbo, self.bolt2 = (f"127.0.0.1:{port}" for port in numbers)
        super().__init__(command("peers.Provider", *map(str, numbers)))


class Consumer(Dialogue):
    """Calls it."""

    def __init__(self) -> None:
        super().__init__(command("peers.Consumer"))

    def call(self, framework: str, port: int, name: str, *arguments: object) -> str:
        """Return what a call returned, or the names and texts of the exceptions it ended with.

        ``framework`` is ``sofa``, ``dubbo`` or ``dubbo-fastjson2``, and the calls are those of
        ``Consumer.java``; or it is ``bolt2`` or ``bolt2-crc``, and they are those of
        ``Bolt2.java``.
        """
        return self.ask(framework, port, name, *arguments)

    def close(self, framework: str, port: int) -> None:
        """Close the connections of a framework to a port."""
        assert self.ask(framework, port, "close") == "closed"


if __name__ == "__main__":
    sys.exit(build() or 0)
