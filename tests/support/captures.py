"""Frames that real peers sent, recorded: ``python -m tests.support.captures``.

Each peer's client calls its own server, without a proxy between them but with a ``Tap``.  Of the
frames of each direction the first ones of each length are kept, in tests/golden/rpc/captures.
What a recording says about the day it was made on, trace ids and times, is all that a new one
changes.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.conftest import free_port
from tests.support import golang, java
from tests.support.dialogue import Dialogue
from tests.support.rpc import bolt_size, dubbo_size, length_size
from tests.support.tap import Tap
from tests.support.wire import eventually

CAPTURES = Path(__file__).parents[1] / "golden/rpc/captures"
PEERS = Path(__file__).parent / "peers"
_LARGEST = 4096
_OF_A_KIND = 2


class Frame(NamedTuple):
    """A recorded frame."""

    sender: str
    """``client`` or ``server``."""
    data: bytes


def load(name: str) -> list[Frame]:
    """Return the frames of a recording."""
    document = json.loads((CAPTURES / f"{name}.json").read_text(encoding="ascii"))
    return [Frame(sender, bytes.fromhex(data)) for sender, data in document]


def frames(stream: bytes, protocol: str) -> Iterator[bytes]:
    """Cut a stream of ``bolt``, ``dubbo`` or ``tars`` into its frames."""
    measure = {"bolt": bolt_size, "dubbo": dubbo_size, "tars": length_size}[protocol]
    at = 0
    while at < len(stream):
        # A heartbeat of bolt is shorter than what tells the size of others.
        size = measure(stream[at : at + 24].ljust(24, b"\0"))
        if not 0 < size <= len(stream) - at:
            return
        yield stream[at : at + size]
        at += size


def _record(name: str, protocol: str, tap: Tap) -> None:
    kept: list[tuple[str, str]] = []
    seen: dict[tuple[str, int], int] = {}
    for sender, streams in (("client", tap.sent), ("server", tap.received)):
        for stream in streams:
            for frame in frames(bytes(stream), protocol):
                # Heartbeats, and calls that are repeated, are of one length.
                kind = (sender, len(frame))
                seen[kind] = seen.get(kind, 0) + 1
                if len(frame) <= _LARGEST and seen[kind] <= _OF_A_KIND:
                    kept.append((sender, frame.hex()))
    CAPTURES.mkdir(exist_ok=True)
    lines = ",\n".join(json.dumps(entry) for entry in kept)
    (CAPTURES / f"{name}.json").write_text(f"[\n{lines}\n]\n", encoding="ascii")


# -- the peers -------------------------------------------------------------------------------------


@contextmanager
def _tapped(command: Callable[[int], list[str]]) -> Iterator[Tap]:
    """Serve, and yield a tap before the server."""
    port = free_port()

    def listens() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            return False
        return True

    with Dialogue(command(port)):
        eventually(listens, "nobody listens")
        with Tap(f"127.0.0.1:{port}") as tap:
            yield tap


def _java() -> None:
    with java.Provider(free_port) as provider, java.Consumer() as consumer:
        for framework in ("sofa", "dubbo", "dubbo-fastjson2"):
            address = provider.sofa if framework == "sofa" else provider.dubbo
            with Tap(address) as tap:
                for question in ("types", "fail why", "fail", "slow 300 100", "note it",
                                 "attachment colour blue", "hello x"):  # fmt: skip
                    consumer.call(framework, tap.port, question)
                time.sleep(2.0)
                consumer.close(framework, tap.port)
                _record(f"{framework}-java", "bolt" if framework == "sofa" else "dubbo", tap)


        for crc in ("", "-crc"):
            with Tap(provider.bolt2) as tap:
                for question in ("hello x", "noted", "fail why", "note it"):
                    consumer.call(f"bolt2{crc}", tap.port, question)
                time.sleep(1.2)
                _record(f"bolt2{crc}-java", "bolt", tap)


def _go() -> None:
    for protocol in ("dubbo", "tars"):
        program = golang.find(protocol)
        with _tapped(lambda port, path=str(program): [path, "serve", str(port)]) as tap:
            with Dialogue([str(program), "call", str(tap.port)]) as client:
                for question in ("types", "hello x", "fail why", "attachment colour blue"):
                    client.ask(question)
                if protocol == "tars":
                    client.ask("unexpected")
                    client.ask("note it")
                time.sleep(0.2)
            _record(f"{protocol}-go", protocol, tap)


def _python() -> None:
    def script(name: str, port: int) -> list[str]:
        return [sys.executable, str(PEERS / f"anthunder_{name}.py"), str(port)]

    with _tapped(lambda port: script("server", port)) as tap:
        with Dialogue(script("client", tap.port)) as client:
            for question in ("hello x", "call fail", "call nothing", "heartbeat"):
                client.ask(question)
        _record("anthunder", "bolt", tap)


def _node() -> None:
    def script(name: str, port: int) -> list[str]:
        # Without a stack: it has the paths of this machine.
        return ["node", "--stack-trace-limit=0", str(PEERS / f"sofa_{name}.js"), str(port)]

    with ExitStack() as stack:
        port = free_port()
        server = subprocess.Popen(script("server", port), stdout=subprocess.PIPE)
        stack.callback(server.wait)
        stack.callback(server.kill)
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        tap = stack.enter_context(Tap(f"127.0.0.1:{port}"))
        subprocess.run(script("client", tap.port), check=True, stdout=subprocess.DEVNULL)
        _record("sofa-node", "bolt", tap)


if __name__ == "__main__":
    _java()
    _go()
    _python()
    if os.environ.get("NODE_PATH"):
        _node()
