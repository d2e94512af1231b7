"""RPC through the real data plane: limits, heartbeats, peers that take nothing, TLS."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pymosn import snapshot as model
from pymosn.observe.metrics import TLS, UPSTREAM_CLUSTER
from pymosn.stream import xprotocol_client
from tests.support import wire
from tests.support.rpc import (
    BoltFrame,
    RpcClient,
    RpcServer,
    bolt_echo,
    bolt_request,
    bolt_response,
    pairs,
    prefix_size,
)
from tests.support.runtime import RunningRuntime
from tests.support.tls import Authority
from tests.support.wire import eventually

HEADERS = pairs({"service": "com.example.Greeter:1.0"})
MEGABYTE = b"x" * (1 << 20)
NAME = "rpc.test"


def call(number: int, content: bytes = b"hello", **more: Any) -> bytes:
    return bolt_request(number, content, HEADERS, **more)


def cluster(**options: Any) -> dict[str, Any]:
    return {"rpc": model.RpcHostOptions(**options)}


def runtime(hosts: list[str], *, protocols: list[str] | None = None, **more: Any) -> Any:
    there = model.Route(model.DirectResponse(204), model.RouteMatch("prefix", "/there"))
    route = model.Route(model.Forward(clusters=[model.WeightedCluster("c")]))
    routers = {"r": model.Router("r", [model.VirtualHost("v", ["*"], [there, route])])}
    proxy = model.HttpProxy(router="r", protocols=protocols or ["bolt"])
    return RunningRuntime(proxy, hosts, routers=routers, **more)


def proxy_process(hosts: list[str], **more: Any) -> Any:
    return wire.running(wire.snapshot(hosts, proxy={"protocols": ["bolt"]}, **more), quiet=False)


class SilentHost:
    """Accepts connections and reads nothing until it is told to."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self.accepted: list[socket.socket] = []
        self.received = 0
        self.reads = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "SilentHost":
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()
        for sock in self.accepted:
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listening.accept()
            except OSError:
                return
            self.accepted.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        self.reads.wait()
        data = b""
        try:
            while piece := sock.recv(1 << 20):
                self.received += len(piece)
                data += piece
                while len(data) >= 22:
                    frame = BoltFrame(data[:22])
                    size = 22 + sum(
                        int.from_bytes(data[a:b], "big") for a, b in ((14, 16), (16, 18), (18, 22))
                    )
                    if len(data) < size:
                        break
                    data = data[size:]
                    sock.sendall(bolt_response(frame.id, b"ok", command=2))
        except OSError:
            pass


# -- limits of what a host may answer --------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "answer"),
    [
        ({"max_frame_bytes": 10_000}, {"content": b"x" * 10_000}),
        ({"max_header_bytes": 100}, {"headers": pairs({"a": "x" * 100})}),
        ({"max_headers": 3}, {"headers": pairs(dict.fromkeys("abcd", ""))}),
    ],
)
def test_a_host_that_answers_too_much(limit: dict[str, int], answer: dict[str, Any]) -> None:
    """Its connection is closed, and the caller hears of it; within the limit all is well."""

    def respond(frame: bytes) -> list[bytes]:
        request = BoltFrame(frame)
        if request.content == b"much":
            return [bolt_response(request.id, **answer)]
        return bolt_echo(frame)

    with RpcServer(respond) as server:
        for options, status in ((limit, 6), ({}, 0)):
            with runtime([server.address], **cluster(**options)) as running, \
                    RpcClient(running.address[1]) as client:  # fmt: skip
                client.send(call(1))
                assert client.bolt().status == 0
                client.send(call(2, b"much"))
                assert client.bolt().status == status


# -- heartbeats ------------------------------------------------------------------------------------


def test_the_interval_of_heartbeats() -> None:
    with RpcServer() as server:
        options = cluster(heartbeat_interval=0.2)
        with runtime([server.address], **options) as running, \
                RpcClient(running.address[1]) as client:  # fmt: skip
            client.send(call(1))
            client.bolt()
            began = time.monotonic()
            # No back-off: five of them take little more than a second.
            eventually(lambda: len(server.frames) >= 6, "no heartbeats")
            assert 0.9 < time.monotonic() - began < 3.0
            assert all(BoltFrame(frame).command == 0 for frame in server.frames[1:])
            assert running.metric(UPSTREAM_CLUSTER, "heartbeat_failed", cluster="c") == 0


def test_the_timeout_of_heartbeats() -> None:
    """Six in a row without an answer end the connection."""

    def respond(frame: bytes) -> list[bytes]:
        return [] if BoltFrame(frame).command == 0 else bolt_echo(frame)

    with RpcServer(respond) as server:
        options = cluster(heartbeat_interval=0.2, heartbeat_timeout=0.1)
        with runtime([server.address], **options) as running, \
                RpcClient(running.address[1]) as client:  # fmt: skip
            client.send(call(1))
            client.bolt()
            began = time.monotonic()
            eventually(
                lambda: running.metric(UPSTREAM_CLUSTER, "heartbeat_failed", cluster="c") >= 6,
                "nobody noticed",
            )
            assert 0.7 < time.monotonic() - began < 4.0
            assert len([f for f in server.frames if BoltFrame(f).command == 0]) == 6


def test_idle_connections_are_closed_if_asked() -> None:
    """Heartbeats do not count as use; without the option a connection stays."""
    for idle, left in ((0.5, 0), (0.0, 1)):
        with RpcServer() as server:
            options = cluster(heartbeat_interval=0.1, idle_timeout=idle)
            with runtime([server.address], **options) as running, \
                    RpcClient(running.address[1]) as client:  # fmt: skip

                def active(running: Any = running) -> int:
                    return int(running.metric(UPSTREAM_CLUSTER, "connection_active", cluster="c"))

                for number in range(4):
                    client.send(call(number))
                    client.bolt()
                    time.sleep(0.2)
                assert server.connections == 1
                time.sleep(1.0)
                assert active() == left
                client.send(call(9))
                assert client.bolt().status == 0
                assert server.connections == 2 - left


# -- peers that take nothing -----------------------------------------------------------------------


def test_a_host_that_reads_nothing_pauses_its_clients() -> None:
    """What waits for it is a few frames, however much its clients would like to send."""
    with SilentHost() as host, proxy_process([host.address]) as proxy:
        before = proxy.rss()
        sent = []
        for _ in range(4):
            client = RpcClient(proxy.port)
            client.sock.settimeout(1.0)
            count = 0
            while count < 250 and client.can_send(call(count, MEGABYTE)):
                count += 1
            sent.append(count)
        # The sockets' buffers take some megabytes on each side.
        assert max(sent) < 40
        assert proxy.rss() - before < 40 << 20


def test_a_host_that_reads_again_gets_everything() -> None:
    clients = 3
    calls = 30
    with SilentHost() as host, runtime([host.address]) as running:
        answered: list[set[int]] = [set() for _ in range(clients)]

        def work(index: int) -> None:
            with RpcClient(running.address[1]) as client:
                sender = threading.Thread(
                    target=client.send, args=[call(n, MEGABYTE) for n in range(calls)]
                )
                sender.start()
                for _ in range(calls):
                    reply = client.bolt()
                    assert reply.status == 0
                    answered[index].add(reply.id)
                sender.join()

        threads = [threading.Thread(target=work, args=(n,)) for n in range(clients)]
        for thread in threads:
            thread.start()
        time.sleep(1.0)
        assert not any(answered)
        host.reads.set()
        for thread in threads:
            thread.join(30)
        assert answered == [set(range(calls))] * clients
        assert len(host.accepted) == 1


def test_calls_that_wait_for_a_host_time_out() -> None:
    """Those that have not left are forgotten then, and their client is heard again."""
    with SilentHost() as host, runtime([host.address]) as running, \
            RpcClient(running.address[1]) as client:  # fmt: skip
        count = 30
        for number in range(count):
            client.send(call(number, MEGABYTE, timeout=200))
        statuses = {reply.id: reply.status for reply in (client.bolt() for _ in range(count))}
        assert set(statuses) == set(range(count))
        assert set(statuses.values()) == {7}
        host.reads.set()
        client.send(call(99))
        while (reply := client.bolt()).id != 99:
            pass
        assert reply.status == 0
        # Hardly more than what was in the sockets' buffers.
        assert host.received < 20 << 20


def test_a_host_that_takes_nothing_for_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xprotocol_client, "WRITE_SECONDS", 0.5)
    with SilentHost() as host, runtime([host.address]) as running, \
            RpcClient(running.address[1]) as client:  # fmt: skip
        count = 20
        threading.Thread(
            target=client.send, args=[call(n, MEGABYTE) for n in range(count)], daemon=True
        ).start()
        assert client.bolt().status == 3
        assert (
            running.metric(
                UPSTREAM_CLUSTER, "connection_remote_close_with_active_request", cluster="c"
            )
            >= 1
        )
        host.reads.set()
        seen = {client.bolt().id for _ in range(count - 1)}
        assert len(seen) == count - 1


@contextmanager
def verbose_host() -> Iterator[RpcServer]:
    """A host that answers ``big`` with a megabyte."""

    def respond(frame: bytes) -> list[bytes]:
        request = BoltFrame(frame)
        if request.content == b"big":
            return [bolt_response(request.id, MEGABYTE)]
        return bolt_echo(frame)

    with RpcServer(respond) as server:
        yield server


def test_a_client_that_takes_no_replies_pauses_its_host() -> None:
    """The host is not read, so nothing piles up; all comes when the client reads again."""
    count = 200
    with verbose_host() as server, proxy_process([server.address]) as proxy:
        before = proxy.rss()
        with RpcClient(proxy.port) as client:
            client.send(*[call(n, b"big") for n in range(count)])
            time.sleep(1.5)
            # ``frames`` has what the host has begun to answer.
            assert len(server.requests()) < 40
            assert proxy.rss() - before < 40 << 20
            replies = [client.bolt() for _ in range(count)]
            assert {reply.id for reply in replies} == set(range(count))
            assert all(reply.content == MEGABYTE for reply in replies)


def test_a_client_that_takes_no_replies_harms_nobody_else() -> None:
    """Another's call sets the shared connection going; the first is cut off in the end."""
    with verbose_host() as server, proxy_process([server.address]) as proxy:
        before = proxy.rss()
        with RpcClient(proxy.port) as deaf, RpcClient(proxy.port) as other:
            deaf.send(*[call(n, b"big") for n in range(200)])
            time.sleep(0.5)
            longest = 0.0
            for number in range(200):
                began = time.monotonic()
                other.send(call(number))
                assert other.bolt().id == number
                longest = max(longest, time.monotonic() - began)
            assert longest < 5.0
            assert proxy.rss() - before < 120 << 20
            assert len(list(deaf.receive_all())) < 100
        assert server.connections == 1


# -- TLS -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def test_tls_and_plain_text_of_several_protocols_on_one_port(authority: Authority) -> None:
    names = ["Http1", "bolt", "dubbo-thrift"]
    with RpcServer() as server, runtime(
        [server.address], protocols=names, tls=[authority.context(NAME)], inspector=True
    ) as running:
        port = running.address[1]
        for tls in (None, authority.client()):
            for version in (1, 2):
                with RpcClient(port, tls=tls, name=NAME) as client:
                    protocol = bolt_request(7, b"hi", HEADERS, version=version)
                    client.send(protocol)
                    if version == 1:
                        assert client.bolt().content == b"hi"
                    else:
                        # ``bolt`` is recognised by its version's first byte.
                        assert client.is_closed()
            with RpcClient(port, tls=tls, name=NAME) as client:
                client.send(b"GET /there HTTP/1.1\r\nHost: a\r\n\r\n")
                assert client.sock.recv(100).startswith(b"HTTP/1.1 204 ")
            with RpcClient(port, prefix_size, tls=tls, name=NAME) as client:
                client.send(b"\x05" * 40)
                assert client.is_closed()
        assert running.metric(TLS, "handshake_total", listener="l") == 4


@pytest.mark.parametrize("downstream", [False, True])
def test_rpc_over_tls_towards_hosts(authority: Authority, downstream: bool) -> None:
    """Replies are right and shared connections are shared, also with frames that fill buffers."""
    secured = {
        "context": model.TlsContext(ca=authority.pem, verify="full"), "server_name": NAME
    }  # fmt: skip
    contexts = [authority.context(NAME)] if downstream else None
    client_tls = authority.client() if downstream else None
    with RpcServer(tls=authority.server(NAME)) as server, runtime(
        [server.address], tls=contexts, upstream_tls=secured
    ) as running:
        clients = [RpcClient(running.address[1], tls=client_tls, name=NAME) for _ in range(3)]
        for index, client in enumerate(clients):
            client.send(*[call(n, b"%d/%d" % (index, n)) for n in range(50)])
        for index, client in enumerate(clients):
            replies = [client.bolt() for _ in range(50)]
            assert {r.id: r.content for r in replies} == {
                n: b"%d/%d" % (index, n) for n in range(50)
            }
        for client in clients:
            client.send(call(1, MEGABYTE))
        for client in clients:
            assert client.bolt().content == MEGABYTE
            client.sock.close()
        assert server.connections == 1
        assert running.metric(TLS, "handshake_total", cluster="c") == 1


def test_a_host_over_tls_that_is_not_who_it_should_be(authority: Authority) -> None:
    secured = {
        "context": model.TlsContext(ca=authority.pem, verify="full"), "server_name": NAME
    }  # fmt: skip
    with RpcServer(tls=authority.server("other.test")) as server, runtime(
        [server.address], upstream_tls=secured
    ) as running, RpcClient(running.address[1]) as client:
        client.send(call(1))
        assert client.bolt().status == 6
        assert not server.frames
