"""SOFARPC and Dubbo of Java through the proxy: consumer → pymosn (→ pymosn) → provider.

Needs Java and Maven, and ``python -m tests.support.java`` beforehand.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple

import msgspec
import pytest

from pymosn import snapshot as model
from tests.support import wire
from tests.support.java import Consumer, Provider
from tests.support.rpc import bolt_size, dubbo_size
from tests.support.tap import Tap
from tests.support.wire import eventually

PROTOCOLS = {"sofa": "bolt", "dubbo": "dubbo", "dubbo-fastjson2": "dubbo"}
TYPES = "Hello 锐 😀|1099511627775|42锐|[even, odd]|22|😀"


class Mesh(NamedTuple):
    """A consumer and the way to the provider."""

    consumer: Consumer
    framework: str
    port: int
    """Where the way begins."""
    host: str
    """Where it ends."""
    tap: Tap
    """Between the consumer and the first proxy."""

    def call(self, name: str, *arguments: object) -> str:
        return self.consumer.call(self.framework, self.port, name, *arguments)


def configuration(
    framework: str, host: str, *, service: str = "", **cluster: Any
) -> model.Snapshot:
    """Return a proxy's configuration; ``service``: the only one that it has a route for."""
    proxy = {"protocols": [PROTOCOLS[framework]]}
    snapshot = wire.snapshot([host], proxy=proxy, cluster=cluster)
    if not service:
        return snapshot
    match = model.RouteMatch(headers=[model.ValueMatch("service", value=service)])
    rule = model.Route(model.Forward(clusters=[model.WeightedCluster("c")]), match)
    router = model.Router("r", [model.VirtualHost("v", ["*"], [rule])])
    return msgspec.structs.replace(snapshot, routers={"r": router})


def provided(provider: Provider, framework: str) -> str:
    return provider.sofa if framework == "sofa" else provider.dubbo


@pytest.fixture(scope="module", params=["sofa", "dubbo", "dubbo-fastjson2"])
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=[1, 2], ids=["one proxy", "two proxies"])
def mesh(
    request: pytest.FixtureRequest, framework: str, provider: Provider, consumer: Consumer
) -> Iterator[Mesh]:
    """Return the way through one or two proxies, which is the same for all tests."""
    host = provided(provider, framework)
    with ExitStack() as stack:
        address = host
        for _ in range(request.param):
            proxy = stack.enter_context(wire.running(configuration(framework, address)))
            address = f"127.0.0.1:{proxy.port}"
        tap = stack.enter_context(Tap(address))
        yield Mesh(consumer, framework, tap.port, host, tap)
        consumer.close(framework, tap.port)


def test_argument_types(mesh: Mesh) -> None:
    assert mesh.call("types") == TYPES


def test_the_provider_throws(mesh: Mesh) -> None:
    """An exception that its interface declares, and one that it does not."""
    assert mesh.call("fail", "today").startswith("peers.Refusal: today")
    assert mesh.call("fail").startswith("java.lang.IllegalStateException: nothing to refuse")


def test_the_consumer_does_not_wait(mesh: Mesh) -> None:
    assert mesh.call("slow", 0, 5000) == "slept"
    assert "imeout" in mesh.call("slow", 700, 200)
    # The late answer disturbs nobody.
    time.sleep(0.6)
    assert mesh.call("hello", "again") == "Hello again"


def test_many_at_a_time(mesh: Mesh) -> None:
    assert mesh.call("many", 400, 8) == "400"


@pytest.mark.parametrize("size", [0, 65535, 1 << 20])
def test_large_arguments(mesh: Mesh, size: int) -> None:
    assert mesh.call("large", size) == "same"


def test_oneway(mesh: Mesh) -> None:
    note = f"note-{time.monotonic_ns()}"
    assert mesh.call("note", note) == "sent"
    eventually(lambda: mesh.call("noted") == note, "it never came")


def test_attachments(mesh: Mesh) -> None:
    assert mesh.call("attachment", "colour", "blue") == "blue"


def test_an_idle_consumer_is_answered(mesh: Mesh) -> None:
    """Its heartbeats: without answers it would close the connection."""
    assert mesh.call("hello", "first") == "Hello first"
    connections = len(mesh.tap.sent)
    asked = heartbeats(mesh.framework, mesh.tap.sent[-1])
    eventually(
        lambda: heartbeats(mesh.framework, mesh.tap.received[-1]) >= asked + 2,
        "heartbeats were not answered",
    )
    assert mesh.call("hello", "last") == "Hello last"
    assert len(mesh.tap.sent) == connections


def heartbeats(framework: str, stream: bytearray) -> int:
    """Return how many heartbeats and answers to heartbeats are in a stream."""
    measure: Callable[[bytes], int] = bolt_size if framework == "sofa" else dubbo_size
    data, found, at = bytes(stream), 0, 0
    while at < len(data):
        size = measure(data[at : at + 24].ljust(24, b"\0"))
        if not 0 < size <= len(data) - at:
            break
        found += data[at + 2 : at + 4] == b"\0\0" if framework == "sofa" else data[at + 2] >> 5 & 1
        at += size
    return found


@pytest.mark.parametrize("proxies", [1, 2])
@pytest.mark.parametrize("framework", ["bolt2", "bolt2-crc"])
def test_bolt_2(framework: str, proxies: int, provider: Provider, consumer: Consumer) -> None:
    """Frames of the second version, with and without a checksum."""
    with ExitStack() as stack:
        address = provider.bolt2
        for _ in range(proxies):
            snapshot = wire.snapshot([address], proxy={"protocols": ["boltv2"]})
            proxy = stack.enter_context(wire.running(snapshot, quiet=False))
            address = f"127.0.0.1:{proxy.port}"
        tap = stack.enter_context(Tap(address))
        call = partial(consumer.call, framework, tap.port)
        assert call("hello", "there") == "Hello there"
        assert call("large", 1 << 20) == "same"
        note = f"note-{time.monotonic_ns()}"
        assert call("note", note) == "sent"
        eventually(lambda: call("noted") == note, "it never came")
        assert "cannot fail" in call("fail")
        sent, received = bytes(tap.sent[0]), bytes(tap.received[0])
        # Version 2, the second of it with a checksum, and its switch.
        crc = framework == "bolt2-crc"
        assert sent[:2] == received[:2] == bytes((2, 2 if crc else 1))
        assert sent[11] == received[11] == crc
        if crc and proxies == 1:
            # Our answers to heartbeats have none, and are good enough for it.
            time.sleep(2.2)
            assert call("hello", "again") == "Hello again"
            assert len(tap.sent) == 1


@pytest.mark.parametrize("framework", ["bolt2", "bolt2-crc"])
def test_nobody_speaks_bolt_2(framework: str, consumer: Consumer) -> None:
    with wire.running(wire.snapshot([], proxy={"protocols": ["boltv2"]}), quiet=False) as proxy:
        assert "NO_PROCESSOR" in consumer.call(framework, proxy.port, "hello", "x")


def test_our_heartbeats_are_answered(provider: Provider, consumer: Consumer) -> None:
    """Without a call for a while, by providers of both frameworks."""
    options = model.RpcHostOptions(heartbeat_interval=0.5)
    with ExitStack() as stack:
        taps = {}
        for framework in ("sofa", "dubbo"):
            tap = stack.enter_context(Tap(provided(provider, framework)))
            settings = configuration(framework, tap.address, rpc=options)
            proxy = stack.enter_context(wire.running(settings))
            assert consumer.call(framework, proxy.port, "hello", "x") == "Hello x"
            stack.callback(consumer.close, framework, proxy.port)
            taps[framework] = tap
        for framework, tap in taps.items():
            eventually(
                partial(beats_are_answered, framework, tap), f"{framework} did not answer"
            )
            assert len(tap.sent) == 1


def beats_are_answered(framework: str, tap: Tap) -> bool:
    sent = heartbeats(framework, tap.sent[0])
    return sent > 2 and sent == heartbeats(framework, tap.received[0])


# -- without a provider ----------------------------------------------------------------------------


def test_routes(framework: str, provider: Provider, consumer: Consumer) -> None:
    """Go by the service; who calls another one is told."""
    host = provided(provider, framework)
    name = "peers.Greeter:1.0" if framework == "sofa" else "peers.Greeter"
    for service in (name, "somebody.Else"):
        if framework == "dubbo-fastjson2" and service == name:
            # The fields of this serialization are not read.
            continue
        with wire.running(configuration(framework, host, service=service)) as proxy:
            answer = consumer.call(framework, proxy.port, "hello", "x")
            if service == name:
                assert answer == "Hello x"
            elif framework == "sofa":
                assert "SofaRouteException" in answer or "NO_PROCESSOR" in answer, answer
            else:
                assert "404" in answer, answer
            consumer.close(framework, proxy.port)


def test_nobody_provides(framework: str, consumer: Consumer) -> None:
    snapshot = wire.snapshot([], proxy={"protocols": [PROTOCOLS[framework]]})
    with wire.running(snapshot) as proxy:
        answer = consumer.call(framework, proxy.port, "hello", "x")
        assert "Exception" in answer
        assert ("NO_PROCESSOR" if framework == "sofa" else "502") in answer, answer
        consumer.close(framework, proxy.port)
