"""Protocols in Python (``pymosn.api.Protocol``) through the real data plane."""

import time
from collections.abc import Sequence
from typing import Any

import pytest

from pymosn import snapshot as model
from pymosn.errors import ConfigError
from tests.support.rpc import RpcClient, RpcServer
from tests.support.runtime import RunningRuntime
from tests.support.wire import eventually


def size(data: bytes) -> int:
    return 2 + int.from_bytes(data[:2], "big") if len(data) >= 2 else 0


def frame(number: int, content: bytes, kind: int = 0) -> bytes:
    body = bytes((kind,)) + number.to_bytes(2, "big") + content
    return len(body).to_bytes(2, "big") + body


def echo(data: bytes) -> list[bytes]:
    return [frame(int.from_bytes(data[3:5], "big"), data[5:], 2)]


def runtime(
    host: str, mode: str = "Multiplexed", others: Sequence[str] = (), **more: Any
) -> RunningRuntime:
    name = f"tests.support.protocols:{mode}"
    rule = model.Route(model.Forward(clusters=[model.WeightedCluster("c")]))
    routers = {"r": model.Router("r", [model.VirtualHost("v", ["*"], [rule])])}
    proxy = model.HttpProxy(protocols=[name, *others], router="r")
    return RunningRuntime(proxy, [host], routers=routers, **more)


def test_multiplexed() -> None:
    with RpcServer(echo, size) as server, runtime(server.address) as running:
        clients = [RpcClient(running.address[1], size) for _ in range(3)]
        for client in clients:
            client.send(*[frame(n, b"x %d" % n) for n in range(40)])
        for client in clients:
            replies = {client.receive() for _ in range(40)}
            assert replies == {frame(n, b"x %d" % n, 2) for n in range(40)}
            client.sock.close()
        assert server.connections == 1


def test_ids_of_sixteen_bits_wrap() -> None:
    """Past all of them, with one call that is never answered; nobody gets its id."""

    def respond(data: bytes) -> list[bytes]:
        return [] if data[5:] == b"wait" else echo(data)

    with RpcServer(respond, size) as server, runtime(server.address) as running, \
            RpcClient(running.address[1], size) as client:  # fmt: skip
        client.send(frame(1, b"wait"))
        eventually(lambda: len(server.frames) == 1, "the call did not arrive")
        held = server.frames[0][3:5]
        for _ in range(66):
            client.send(*[frame(n, b"") for n in range(1000)])
            replies = {client.receive() for _ in range(1000)}
            assert replies == {frame(n, b"", 2) for n in range(1000)}
        assert [data[3:5] for data in server.frames].count(held) == 1
        assert len(server.frames) == 66001


def test_ping_pong() -> None:
    def respond(data: bytes) -> list[bytes]:
        time.sleep(0.02)
        return echo(data)

    with RpcServer(respond, size) as server, runtime(server.address, "PingPong") as running, \
            RpcClient(running.address[1], size) as client:  # fmt: skip
        client.send(*[frame(n, b"") for n in range(5)])
        assert {client.receive() for _ in range(5)} == {frame(n, b"", 2) for n in range(5)}
        # At the same time, so each had a connection of its own; they are used again.
        assert server.connections == 5
        client.send(frame(9, b""))
        client.receive()
        assert server.connections == 5


def test_binding() -> None:
    with RpcServer(echo, size) as server, runtime(server.address, "Binding") as running, \
            RpcClient(running.address[1], size) as stays:  # fmt: skip
        with RpcClient(running.address[1], size) as leaves:
            for _ in range(3):
                for client in (stays, leaves):
                    client.send(frame(1, b"a"), frame(2, b"b"))
                    assert {client.receive(), client.receive()} == {
                        frame(1, b"a", 2), frame(2, b"b", 2)
                    }  # fmt: skip
            assert server.connections == 2
        # The host's side of the one that left ends too.
        eventually(lambda: sum(sock.fileno() < 0 for sock in server.open) == 1, "it stays open")
        stays.send(frame(3, b"c"))
        assert stays.receive() == frame(3, b"c", 2)
        next(sock for sock in server.open if sock.fileno() >= 0).shutdown(2)
        assert stays.is_closed()


def test_exceptions_cost_what_they_must() -> None:
    with RpcServer(echo, size) as server, runtime(server.address) as running, \
            RpcClient(running.address[1], size) as other:  # fmt: skip
        with RpcClient(running.address[1], size) as client:
            client.send(frame(1, b"raise"))
            assert client.is_closed()
        other.send(frame(1, b"refuse"), frame(2, b"fine"))
        assert {other.receive(), other.receive()} == {frame(1, b"502", 2), frame(2, b"fine", 2)}
        decoding, encoding = running.errors
        assert "a frame to raise on" in str(decoding)
        assert "a frame that cannot be said" in str(encoding)
        assert isinstance(encoding, ValueError)
        assert encoding.__traceback__ is not None
        running.errors.clear()


@pytest.mark.parametrize(("mode", "shown"), [("Confused", "match"), ("Mute", "hijack")])
def test_an_exception_is_reported_wherever_it_is_thrown(mode: str, shown: str) -> None:
    with runtime("127.0.0.1:1", mode, others=["Http1"]) as running:
        with RpcClient(running.address[1], size) as client:
            client.send(frame(1, b"a"))
            eventually(lambda: running.errors, "nobody is told")
        assert {str(error) for error in running.errors} == {shown}
        running.errors.clear()


def test_an_exception_on_what_a_host_sends_is_reported() -> None:
    def answer(request: bytes) -> list[bytes]:
        return [frame(7, b"raise", 2)]

    with RpcServer(answer, size) as server, runtime(server.address) as running:
        with RpcClient(running.address[1], size) as client:
            client.send(frame(1, b"a"))
            assert client.receive() == frame(1, b"502", 2)
        assert "a frame to raise on" in str(running.errors.pop(0))
        running.errors.clear()


def test_no_host() -> None:
    with runtime("127.0.0.1:1") as running, RpcClient(running.address[1], size) as client:
        client.send(frame(1, b"a"))
        assert client.receive() == frame(1, b"502", 2)


@pytest.mark.parametrize("name", ["Unusable", "Missing"])
def test_what_cannot_be_used_is_refused(name: str) -> None:
    with runtime("127.0.0.1:1") as running:
        listener = running.snapshot.listeners[0]
        proxy = model.HttpProxy(protocols=[f"tests.support.protocols:{name}"], router="r")
        changed = model.Snapshot(
            listeners=[model.Listener(name="l", address=listener.address, filters=[proxy])]
        )

        def apply() -> str:
            try:
                running.runtime.apply(changed, {})
            except ConfigError as error:
                return str(error)
            return ""

        assert running.call(apply)
