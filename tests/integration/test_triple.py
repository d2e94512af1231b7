"""Triple, the protocol of Dubbo 3: rules, deadlines, counters, and Apache Dubbo for Python."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymosn import snapshot as model
from tests.conftest import free_port
from tests.support import http2, packages, wire
from tests.support.runtime import RunningRuntime, asynchronous

PEER = Path(__file__).parents[1] / "support/peers/triple.py"
CALL = [
    (":method", "POST"), (":scheme", "http"), (":path", "/demo.Greeter/greet"),
    (":authority", "a"), ("te", "trailers"), ("content-type", "application/grpc+proto"),
]  # fmt: skip
JSON = [
    (":method", "POST"), (":scheme", "http"), (":path", "/demo.Greeter/greet"),
    (":authority", "a"), ("content-type", "application/json"), ("tri-protocol-version", "1.0.0"),
]  # fmt: skip


def rule(answer: str, **headers: str) -> model.Route:
    conditions = [model.ValueMatch(name, "exact", value) for name, value in headers.items()]
    match = model.RouteMatch("prefix", "/", headers=conditions)
    return model.Route(model.DirectResponse(status=403, body=answer), match)


def routers(*rules: model.Route) -> dict[str, model.Router]:
    return {"r": model.Router("r", [model.VirtualHost("v", ["*"], list(rules))])}


async def said(port: int, fields: list[tuple[str, str]]) -> str:
    """Return which rule answered."""
    async with http2.client(port) as peer:
        answer = await peer.answer(peer.request(fields, b""))
    return answer.head.get("grpc-message") or answer.body.decode()


@pytest.mark.parametrize("call", [CALL, JSON], ids=["grpc", "json"])
def test_rules_written_for_dubbo_2(call: list[tuple[str, str]]) -> None:
    rules = routers(
        rule("grouped", service="demo.Greeter", group="g"),
        rule("versioned", service="demo.Greeter", version="2.0"),
        rule("one method", service="demo.Greeter", method="greet"),
        rule("all", service="demo.Greeter"),
        rule("rest"),
    )
    proxy = model.HttpProxy(router="r", protocols=["Http2"])
    with RunningRuntime(proxy, ["127.0.0.1:1"], routers=rules) as running:
        port = running.address[1]

        def ask(*more: tuple[str, str], path: str = "/demo.Greeter/greet") -> str:
            fields = [(n, path if n == ":path" else v) for n, v in call]
            return asyncio.run(said(port, [*fields, *more])).strip()

        assert ask(("tri-service-group", "g")) == "grouped"
        assert ask(("tri-service-version", "2.0")) == "versioned"
        assert ask(("tri-service-version", "1.0")) == "one method"
        assert ask(path="/demo.Greeter/other?x=1") == "all"
        assert ask(path="/demo.Other/greet") == "rest"
        assert ask(path="/greet") == "rest"
        # A header of that name is what the rule asks for in the first place.
        assert ask(("service", "demo.Other")) == "rest"


def test_other_requests_are_no_calls() -> None:
    proxy = model.HttpProxy(router="r", protocols=["Http2"])
    rules = routers(rule("call", service="demo.Greeter"), rule("rest"))
    plain = [field for field in JSON if field[0] != "tri-protocol-version"]
    get = [(":method", "GET"), *JSON[1:]]
    with RunningRuntime(proxy, ["127.0.0.1:1"], routers=rules) as running:
        port = running.address[1]
        assert asyncio.run(said(port, plain)).strip() == "rest"
        assert asyncio.run(said(port, get)).strip() == "rest"


async def _silent(peer: http2.Peer, number: int) -> None:
    """Answer nothing."""


def served(peers: list[http2.Peer]) -> dict[str, str]:
    return dict(next(iter(peers[0].streams.values())).head)


@asynchronous
async def test_the_timeout_of_a_call() -> None:
    async with http2.origin(_silent) as (address, peers):
        with wire.running(wire.snapshot([address], proxy={"protocols": ["Http2"]})) as proxy:
            async with http2.client(proxy.port) as peer:
                begun = time.monotonic()
                fields = [*CALL, ("tri-service-timeout", "300")]
                answer = await peer.answer(peer.request(fields, b"x"))
                assert 0.2 < time.monotonic() - begun < 5
        assert answer.head["grpc-status"] == "4"
        # What is left of it: the proxy has taken some.
        assert 200 < int(served(peers)["tri-service-timeout"]) <= 300
        assert "grpc-timeout" not in served(peers)


@asynchronous
async def test_the_timeout_of_a_request_with_json() -> None:
    async with http2.origin(_silent) as (address, _):
        with wire.running(wire.snapshot([address], proxy={"protocols": ["Http2"]})) as proxy:
            async with http2.client(proxy.port) as peer:
                fields = [*JSON, ("tri-service-timeout", "300")]
                answer = await peer.answer(peer.request(fields, b"{}"))
        assert answer.status == 504


@pytest.mark.parametrize("value", ["", "0", "x", "-1", "1s", "9" * 30])
def test_timeouts_that_say_nothing(value: str) -> None:
    """The call is answered as soon as its host answers."""

    async def serve(peer: http2.Peer, number: int) -> None:
        await peer.head(number)
        peer.engine.send_headers(
            number,
            [(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "0")],
            end_stream=True,
        )
        peer.flush()

    async def run() -> None:
        async with http2.origin(serve) as (address, _):
            with wire.running(wire.snapshot([address], proxy={"protocols": ["Http2"]})) as proxy:
                async with http2.client(proxy.port) as peer:
                    fields = [*CALL, ("tri-service-timeout", value)]
                    answer = await peer.answer(peer.request(fields, b"x"))
                    assert answer.head["grpc-status"] == "0"

    asyncio.run(run())


@pytest.fixture
def triple_server() -> Iterator[str]:
    """Return the address of a server of Apache Dubbo's."""
    packages.need("dubbo", "apache-dubbo")
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, str(PEER), "server", str(port)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert any(b"ready" in line for line in process.stdout)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


def test_apache_dubbo(triple_server: str) -> None:
    snapshot = wire.snapshot([triple_server], proxy={"protocols": ["dubbo", "Http2", "Http1"]})
    conditions = [model.ValueMatch("service", "exact", "demo.Greeter")]
    route = snapshot.routers["r"].virtual_hosts[0].routes[0]
    match = model.RouteMatch("prefix", "/", headers=conditions)
    snapshot.routers["r"].virtual_hosts[0].routes[0] = model.Route(route.action, match)
    with wire.running(snapshot) as proxy:
        done = subprocess.run(
            [sys.executable, str(PEER), "client", str(proxy.port)],
            check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        lines = [line for line in done.stdout.splitlines() if "Dubbo" not in line]
        assert lines[:4] == ["hello ann", "100006", "hello bob", "hello eve"], done.stderr
        assert lines[4].startswith("failed: ")
