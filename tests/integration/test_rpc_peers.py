"""RPC frameworks of Node, Python and Go on both sides of the proxy; Java has test_java_peers.py.

SOFARPC of Node needs ``npm install sofa-rpc-node`` somewhere, and that place's ``node_modules`` in
``NODE_PATH``; those of Go ``python -m tests.support.golang`` beforehand.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.support import golang, packages, wire
from tests.support.dialogue import Dialogue
from tests.support.wire import eventually

PEERS = Path(__file__).parents[1] / "support/peers"


@pytest.fixture
def sofa_server() -> Iterator[str]:
    """Return the address of a SOFARPC server."""
    paths = os.environ.get("NODE_PATH", "").split(os.pathsep)
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    if not any((Path(path) / "sofa-rpc-node").is_dir() for path in paths if path):
        pytest.skip("sofa-rpc-node is not in NODE_PATH")
    port = free_port()
    argv = ["node", str(PEERS / "sofa_server.js"), str(port)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_sofarpc(sofa_server: str) -> None:
    configuration = wire.snapshot([sofa_server], proxy={"protocols": ["bolt"]})
    with wire.running(configuration) as proxy:
        done = subprocess.run(
            ["node", str(PEERS / "sofa_client.js"), str(proxy.port)],
            check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        sums, length, failure = done.stdout.splitlines()
        assert sums == " ".join(str(number + 1) for number in range(50))
        assert length == "100000"
        assert "on purpose" in failure


def between(stack: ExitStack, protocol: str, address: str, proxies: int = 1) -> wire.Proxy:
    """Return the first of some proxies on the way to an address."""
    for _ in range(proxies):
        proxy = stack.enter_context(
            wire.running(wire.snapshot([address], proxy={"protocols": [protocol]}))
        )
        address = f"127.0.0.1:{proxy.port}"
    return proxy


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


# -- anthunder: SOFABolt in Python -----------------------------------------------------------------


def anthunder(program: str, port: int) -> Dialogue:
    packages.need("anthunder", "anthunder")
    return Dialogue([sys.executable, str(PEERS / f"anthunder_{program}.py"), str(port)])


@pytest.mark.parametrize("proxies", [1, 2])
def test_anthunder(proxies: int) -> None:
    port = free_port()
    with ExitStack() as stack:
        stack.enter_context(anthunder("server", port))
        proxy = between(stack, "bolt", f"127.0.0.1:{port}", proxies)
        client = stack.enter_context(anthunder("client", proxy.port))
        assert client.ask("hello", "there") == "Hello there"
        assert client.ask("large", 400_000) == "True"
        assert client.ask("many", 200, 8) == "200"
        assert client.ask("slow", 1500, 200) == "TimeoutError: "
        assert client.ask("slow", 1, 2000) == "slept"
        # A reply that is no success ends its connection, on which it drops all that waits.
        assert client.ask("call", "fail").startswith(("KeyError", "TimeoutError"))
        assert client.ask("call", "nothing").startswith(("KeyError", "TimeoutError"))
        assert client.ask("hello", "again") == "Hello again"


def test_anthunder_calls_node(sofa_server: str) -> None:
    """Frames in Protocol Buffers reach a server that reads Hessian, and its failure comes back."""
    with ExitStack() as stack:
        proxy = between(stack, "bolt", sofa_server)
        client = stack.enter_context(anthunder("client", proxy.port))
        assert client.ask("hello", "x").startswith(("KeyError", "TimeoutError"))


# -- Go --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[1, 2], ids=["one proxy", "two proxies"])
def dubbo_go(request: pytest.FixtureRequest) -> Iterator[Dialogue]:
    """Return a client of dubbo-go that reaches a server through one or two proxies."""
    program, port = golang.program("dubbo"), free_port()
    with ExitStack() as stack:
        stack.enter_context(Dialogue([program, "serve", str(port)]))
        eventually(lambda: listens(port), "dubbo-go does not listen")
        proxy = between(stack, "dubbo", f"127.0.0.1:{port}", request.param)
        yield stack.enter_context(Dialogue([program, "call", str(proxy.port)]))


def test_dubbo_go(dubbo_go: Dialogue) -> None:
    assert dubbo_go.ask("types") == "1099511627775|锐|42|😀"
    assert dubbo_go.ask("hello", "there") == "Hello there"
    assert dubbo_go.ask("fail", "this") == "error: refused: this"
    assert dubbo_go.ask("many", 400, 8) == "400"
    # Its own limit is 100 KB.
    assert dubbo_go.ask("large", 90_000) == "true"
    assert dubbo_go.ask("attachment", "colour", "blue") == "blue"


def test_dubbo_go_does_not_wait(dubbo_go: Dialogue) -> None:
    assert "timeout" in dubbo_go.ask("slow", 3500)
    assert dubbo_go.ask("hello", "again") == "Hello again"


@pytest.fixture(scope="module", params=[1, 2], ids=["one proxy", "two proxies"])
def tars_go(request: pytest.FixtureRequest) -> Iterator[Dialogue]:
    """Return a client of TarsGo that reaches a server through one or two proxies."""
    program, port = golang.program("tars"), free_port()
    with ExitStack() as stack:
        stack.enter_context(Dialogue([program, "serve", str(port)]))
        eventually(lambda: listens(port), "TarsGo does not listen")
        proxy = between(stack, "tars", f"127.0.0.1:{port}", request.param)
        yield stack.enter_context(Dialogue([program, "call", str(proxy.port)]))


def test_tars_go(tars_go: Dialogue) -> None:
    assert tars_go.ask("types") == "300 300n299-1锐||😀||true"
    assert tars_go.ask("hello", "there") == "Hello there"
    assert tars_go.ask("fail", "this") == "error: 77 refused: this"
    assert tars_go.ask("unexpected") == "error: 1 not here"
    assert tars_go.ask("many", 400, 8) == "400"
    assert tars_go.ask("large", 1 << 20) == "true"
    assert tars_go.ask("attachment", "colour", "blue") == "blue"


def test_tars_go_oneway(tars_go: Dialogue) -> None:
    note = f"note-{time.monotonic_ns()}"
    assert tars_go.ask("note", note) == "sent"
    eventually(lambda: tars_go.ask("noted") == note, "it never came")


def test_tars_go_does_not_wait(tars_go: Dialogue) -> None:
    assert "timeout" in tars_go.ask("slow", 700, 200)
    # The late answer disturbs nobody.
    time.sleep(0.6)
    assert tars_go.ask("hello", "again") == "Hello again"


def test_go_without_a_host() -> None:
    """What the proxy answers itself is an error to them, not silence."""
    for protocol, said in (("dubbo", "502"), ("tars", "-8")):
        with ExitStack() as stack:
            program = golang.program(protocol)
            snapshot = wire.snapshot([], proxy={"protocols": [protocol]})
            proxy = stack.enter_context(wire.running(snapshot))
            client = stack.enter_context(Dialogue([program, "call", str(proxy.port)]))
            answer = client.ask("hello", "x")
            assert answer.startswith("error: ")
            assert said in answer
