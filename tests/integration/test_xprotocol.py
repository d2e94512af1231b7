"""RPC protocols through the real data plane: clients and servers on sockets."""

import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from pymosn import snapshot as model
from pymosn.observe.metrics import DOWNSTREAM, UPSTREAM_CLUSTER
from pymosn.protocol.xprotocol.hessian import encode, encode_string
from tests.support import wire
from tests.support.origin import Origin
from tests.support.rpc import (
    BoltFrame,
    RpcClient,
    RpcServer,
    bolt_echo,
    bolt_request,
    bolt_response,
    dubbo_size,
    length_size,
    pairs,
    prefix_size,
)
from tests.support.runtime import RunningRuntime
from tests.support.wire import eventually

HEADERS = pairs({"service": "com.example.Greeter:1.0"})
BOLT: dict[str, Any] = {"protocols": ["bolt"]}


def call(number: int, content: bytes = b"hello", **more: Any) -> bytes:
    return bolt_request(number, content, HEADERS, **more)


@pytest.fixture
def server() -> Iterator[RpcServer]:
    """Return a bolt server that echoes."""
    with RpcServer() as running:
        yield running


def routes(*rules: model.Route) -> dict[str, model.Router]:
    return {"r": model.Router("r", [model.VirtualHost("v", ["*"], list(rules))])}


def forward(**more: Any) -> model.Route:
    return model.Route(model.Forward(clusters=[model.WeightedCluster("c")], **more))


def bolt_runtime(hosts: list[str], *, rules: list[model.Route] | None = None, **more: Any) -> Any:
    proxy = model.HttpProxy(router="r", **{"protocols": ["bolt"], **more.pop("proxy", {})})
    return RunningRuntime(proxy, hosts, routers=routes(*(rules or [forward()])), **more)


# -- ids and connections ---------------------------------------------------------------------------


def test_clients_share_a_connection(server: RpcServer) -> None:
    """With the same ids at the same time; each gets its own replies back."""
    with wire.running(wire.snapshot([server.address], proxy=BOLT)) as proxy:
        clients = [RpcClient(proxy.port) for _ in range(4)]
        for index, client in enumerate(clients):
            client.send(*[call(n, b"%d/%d" % (index, n)) for n in range(50)])
        for index, client in enumerate(clients):
            replies = [client.bolt() for _ in range(50)]
            assert sorted(reply.id for reply in replies) == list(range(50))
            for reply in replies:
                assert reply.content == b"%d/%d" % (index, reply.id)
                assert reply.status == 0
        for client in clients:
            client.sock.close()
    assert server.connections == 1
    assert len({frame.id for frame in server.requests()}) == 200


def test_frames_go_on_as_they_came(server: RpcServer) -> None:
    frames = [call(9, b"x" * size, version=version) for size in (0, 5, 70000) for version in (1, 2)]
    frames.append(call(9, b"y", version=2, crc=True))
    with wire.running(wire.snapshot([server.address], proxy=BOLT)) as proxy, \
            RpcClient(proxy.port) as client:  # fmt: skip
        for frame in frames:
            client.send(frame)
            sent = BoltFrame(frame)
            expected = bolt_echo(frame)[0]
            assert client.receive() == expected
            arrived = server.frames[-1]
            assert BoltFrame(arrived).id != 0
            at = 5 if sent.version == 1 else 6
            end = -4 if sent.crc else None
            assert arrived[:at] == frame[:at]
            assert arrived[at + 4 : end] == frame[at + 4 : end]


def test_one_byte_at_a_time(server: RpcServer) -> None:
    with wire.running(wire.snapshot([server.address], proxy=BOLT)) as proxy, \
            RpcClient(proxy.port) as client:  # fmt: skip
        for byte in call(3):
            client.send(bytes((byte,)))
        assert client.bolt().content == b"hello"


def test_connections_take_turns(server: RpcServer) -> None:
    """``max_connections`` of them."""
    limits = model.Limits(connections=3)
    configuration = wire.snapshot([server.address], proxy=BOLT, cluster={"limits": limits})
    with wire.running(configuration) as proxy, RpcClient(proxy.port) as client:
        for number in range(30):
            client.send(call(number))
            client.receive()
            time.sleep(0.01)
        assert server.connections == 3


# -- what the proxy answers itself -----------------------------------------------------------------


def test_heartbeats_stay_here(server: RpcServer) -> None:
    with wire.running(wire.snapshot([server.address], proxy=BOLT)) as proxy, \
            RpcClient(proxy.port) as client:  # fmt: skip
        for version in (1, 2):
            client.send(bolt_request(7, command=0, class_name=b"", version=version))
            pong = client.bolt()
            assert (pong.version, pong.id, pong.command, pong.status) == (version, 7, 0, 0)
    assert server.connections == 0


def test_a_flood_of_heartbeats_is_cut_off(server: RpcServer) -> None:
    with wire.running(wire.snapshot([server.address], proxy=BOLT)) as proxy, \
            RpcClient(proxy.port) as client:  # fmt: skip
        client.send(bolt_request(7, command=0, class_name=b"") * 500)
        pongs = list(client.receive_all())
        assert 0 < len(pongs) <= 100


def test_no_route() -> None:
    with bolt_runtime([], rules=[]) as running, RpcClient(running.address[1]) as client:
        client.send(call(5))
        reply = client.bolt()
        assert (reply.id, reply.status, reply.content) == (5, 6, b"")


def test_nobody_listens() -> None:
    with bolt_runtime(["127.0.0.1:1"]) as running, RpcClient(running.address[1]) as client:
        client.send(call(5))
        assert client.bolt().status == 6


def test_direct_response() -> None:
    rules = [
        model.Route(
            model.DirectResponse(500), model.RouteMatch(headers=[model.ValueMatch("a", value="b")])
        ),
        model.Route(model.DirectResponse(200, "fine")),
    ]
    with bolt_runtime([], rules=rules) as running, RpcClient(running.address[1]) as client:
        client.send(bolt_request(1, headers=pairs({"a": "b"})), call(2))
        assert client.bolt().status == 3
        second = client.bolt()
        assert (second.status, second.content) == (0, b"fine")


def test_a_bad_header_map_costs_one_request(server: RpcServer) -> None:
    with wire.running(wire.snapshot([server.address], proxy=BOLT)) as proxy, \
            RpcClient(proxy.port) as client:  # fmt: skip
        client.send(bolt_request(1, b"", b"\0\0\0\x09x"), call(2))
        replies = {reply.id: reply.status for reply in (client.bolt(), client.bolt())}
        assert replies == {1: 9, 2: 0}


def test_another_protocol_ends_the_connection(server: RpcServer) -> None:
    with wire.running(wire.snapshot([server.address], proxy=BOLT)) as proxy, \
            RpcClient(proxy.port) as client:  # fmt: skip
        client.send(b"GET / HTTP/1.1\r\n\r\n")
        assert client.is_closed()


# -- time ------------------------------------------------------------------------------------------


def test_the_frames_timeout_and_a_late_reply() -> None:
    """The reply that comes too late is dropped and counted; the connection goes on."""
    release = threading.Event()

    def respond(frame: bytes) -> list[bytes]:
        request = BoltFrame(frame)
        if request.content == b"slow":
            release.wait(10)
        return bolt_echo(frame)

    with RpcServer(respond) as server, bolt_runtime([server.address]) as running, \
            RpcClient(running.address[1]) as client:  # fmt: skip
        client.send(call(5, b"slow", timeout=200))
        reply = client.bolt()
        assert (reply.id, reply.status) == (5, 7)
        client.send(call(6, b"fast"))
        release.set()
        assert client.bolt().content == b"fast"
        assert server.connections == 1
        assert running.metric(UPSTREAM_CLUSTER, "response_late", cluster="c") == 1
        assert running.metric(UPSTREAM_CLUSTER, "request_timeout", cluster="c") == 1


def test_a_negative_timeout_is_none(server: RpcServer) -> None:
    def respond(frame: bytes) -> list[bytes]:
        time.sleep(0.5)
        return bolt_echo(frame)

    with RpcServer(respond) as slow, bolt_runtime(
        [slow.address], rules=[forward(timeout=0.2)]
    ) as running, RpcClient(running.address[1]) as client:
        client.send(call(5, timeout=-1))
        assert client.bolt().status == 0
        client.send(call(6, timeout=0))
        assert client.bolt().status == 7


def test_idle_connections_are_kept_alive_and_tested() -> None:
    """A heartbeat after 15 silent seconds; six without an answer end the connection."""
    alive = threading.Event()
    alive.set()

    def respond(frame: bytes) -> list[bytes]:
        if BoltFrame(frame).command == 0 and not alive.is_set():
            return []
        return bolt_echo(frame)

    with RpcServer(respond) as server, bolt_runtime([server.address]) as running, \
            RpcClient(running.address[1]) as client:  # fmt: skip
        client.send(call(1))
        client.bolt()
        alive.clear()
        time.sleep(14.0)
        assert len(server.frames) == 1
        eventually(lambda: len(server.frames) == 2, "no heartbeat came")
        assert BoltFrame(server.frames[1]).command == 0
        # The connection is replaced before anybody asks.
        eventually(lambda: server.connections == 2, "a dead connection was kept")
        assert running.metric(UPSTREAM_CLUSTER, "heartbeat_failed", cluster="c") == 6
        alive.set()
        client.send(call(2))
        assert client.bolt().status == 0
        assert server.connections == 2


# -- connections that end --------------------------------------------------------------------------


def test_the_host_closes_with_calls_under_way() -> None:
    def respond(frame: bytes) -> list[bytes] | None:
        if BoltFrame(frame).content == b"die":
            return None
        if BoltFrame(frame).content == b"wait":
            return []
        return bolt_echo(frame)

    with RpcServer(respond) as server, bolt_runtime([server.address]) as running, \
            RpcClient(running.address[1]) as client:  # fmt: skip
        client.send(call(1, b"wait"), call(2, b"wait"), call(3, b"die"))
        replies = {reply.id: reply.status for reply in [client.bolt() for _ in range(3)]}
        assert replies.keys() == {1, 2, 3}
        assert set(replies.values()) == {3}
        eventually(lambda: server.connections == 2, "nobody dialled again")
        client.send(call(4))
        assert client.bolt().status == 0
        assert server.connections == 2


def test_calls_that_the_host_lost_are_retried() -> None:
    """Also on a connection that served others before, when the route says so."""

    def respond(frame: bytes) -> list[bytes] | None:
        if BoltFrame(frame).content == b"once" and len(server.frames) == 2:
            return None
        return bolt_echo(frame)

    rules = [forward(retry=model.RetryPolicy(enabled=True, attempts=2))]
    with RpcServer(respond) as server, bolt_runtime([server.address], rules=rules) as running, \
            RpcClient(running.address[1]) as client:  # fmt: skip
        client.send(call(1))
        assert client.bolt().status == 0
        client.send(call(2, b"once"))
        assert client.bolt().status == 0
        assert len(server.frames) == 3
        assert server.connections == 2


def test_goaway_of_the_host() -> None:
    """The calls under way end well, the next goes to another connection."""
    going = bolt_request(99, command=100, class_name=b"")

    def respond(frame: bytes) -> list[bytes]:
        if BoltFrame(frame).content == b"last":
            return [going, *bolt_echo(frame)]
        return bolt_echo(frame)

    with RpcServer(respond) as server, bolt_runtime([server.address]) as running, \
            RpcClient(running.address[1]) as client:  # fmt: skip
        client.send(call(1, b"last"))
        assert client.bolt().content == b"last"
        client.send(call(2))
        assert client.bolt().content == b"hello"
        assert server.connections == 2


def test_drain_tells_clients(server: RpcServer) -> None:
    release = threading.Event()

    def respond(frame: bytes) -> list[bytes]:
        release.wait(10)
        return bolt_echo(frame)

    proxy = {"rpc": model.RpcOptions(goaway=True)}
    with RpcServer(respond) as slow, bolt_runtime([slow.address], proxy=proxy) as running, \
            RpcClient(running.address[1]) as client:  # fmt: skip
        client.send(call(1))
        eventually(lambda: len(slow.frames) == 1, "the call did not arrive")
        running.call(running.runtime.drain)
        assert client.bolt().command == 100
        release.set()
        assert client.bolt().status == 0
        # Who does not leave is asked to in the end.
        assert client.is_closed()


def test_drain_without_goaway(server: RpcServer) -> None:
    with bolt_runtime([server.address]) as running, RpcClient(running.address[1]) as client:
        client.send(call(1))
        client.bolt()
        running.call(running.runtime.drain)
        assert client.is_closed()


def test_a_client_that_leaves(server: RpcServer) -> None:
    """Its calls are abandoned; others on the upstream connection go on."""

    def respond(frame: bytes) -> list[bytes]:
        return [] if BoltFrame(frame).content == b"wait" else bolt_echo(frame)

    with RpcServer(respond) as slow, bolt_runtime([slow.address]) as running, \
            RpcClient(running.address[1]) as stays:  # fmt: skip
        with RpcClient(running.address[1]) as leaves:
            leaves.send(*[call(n, b"wait") for n in range(10)])
            eventually(lambda: len(slow.frames) == 10, "the calls did not arrive")
        eventually(
            lambda: running.metric(DOWNSTREAM, "request_reset", listener="l") == 10, "not reset"
        )
        stays.send(call(1))
        assert stays.bolt().status == 0
        assert slow.connections == 1


# -- limits ----------------------------------------------------------------------------------------


def test_calls_under_way_are_limited() -> None:
    lock = threading.Lock()
    waiting: list[bytes] = []
    most = 0

    def respond(frame: bytes) -> list[bytes]:
        nonlocal most
        with lock:
            waiting.append(frame)
            most = max(most, len(waiting))
            if len(waiting) < 4:
                return []
            answers = [bolt_echo(held)[0] for held in waiting]
            waiting.clear()
            return answers

    proxy = {"rpc": model.RpcOptions(max_in_flight=4)}
    with RpcServer(respond) as server, bolt_runtime([server.address], proxy=proxy) as running, \
            RpcClient(running.address[1]) as client:  # fmt: skip
        client.send(*[call(n, b"x" * 3000) for n in range(200)])
        assert sorted(client.bolt().id for _ in range(200)) == list(range(200))
    assert most == 4


def test_a_client_that_takes_no_replies_is_not_read(server: RpcServer) -> None:
    """What waits for it is bounded by what it may have under way, and nobody else suffers."""
    with bolt_runtime([server.address]) as running, RpcClient(running.address[1]) as other:
        with RpcClient(running.address[1]) as client:
            client.sock.settimeout(1.0)
            sent = 0
            while sent < 200_000_000 and client.can_send(call(sent, b"x" * 100_000)):
                sent += 100_000
            other.send(call(1))
            assert other.bolt().status == 0
        assert sent < 150_000_000


def test_a_frame_beyond_the_limit(server: RpcServer) -> None:
    proxy = {"rpc": model.RpcOptions(max_frame_bytes=10_000)}
    with bolt_runtime([server.address], proxy=proxy) as running, \
            RpcClient(running.address[1]) as client:  # fmt: skip
        client.send(call(1, b"x" * 9000))
        assert client.bolt().status == 0
        client.send(call(2, b"x" * 10_000))
        assert client.is_closed()
        assert running.metric(DOWNSTREAM, "request_protocol_error", listener="l") == 1


# -- routes, retries, oneway -----------------------------------------------------------------------


def test_oneway() -> None:
    with RpcServer() as server, bolt_runtime([server.address]) as running, \
            RpcClient(running.address[1]) as client:  # fmt: skip
        client.send(call(1, b"one", kind=2), call(2, b"two"))
        reply = client.bolt()
        assert (reply.id, reply.content) == (2, b"two")
        assert [frame.content for frame in server.requests()] == [b"one", b"two"]
        eventually(
            lambda: running.metric(DOWNSTREAM, "request_active", listener="l") == 0,
            "a oneway call never ends",
        )


def test_oneway_to_nobody() -> None:
    with bolt_runtime(["127.0.0.1:1"]) as running, RpcClient(running.address[1]) as client:
        client.send(call(1, kind=2), call(2))
        assert client.bolt().id == 2


def test_routes_by_headers(server: RpcServer) -> None:
    wanted = model.RouteMatch(
        headers=[model.ValueMatch("service", value="a"), model.ValueMatch("group", "regex", "^g")]
    )
    rules = [
        model.Route(
            model.Forward(clusters=[model.WeightedCluster("c")]), wanted,
            edits=model.HeaderEdits(
                request_add=[model.HeaderValue("x-from", "%x-mosn-rpc-service%")],
                request_remove=["group"],
                response_add=[model.HeaderValue("x-back", "yes")],
            ),
        )
    ]  # fmt: skip
    with bolt_runtime([server.address], rules=rules) as running, \
            RpcClient(running.address[1]) as client:  # fmt: skip
        client.send(bolt_request(1, b"c", pairs({"service": "a", "group": "g1"})))
        reply = client.bolt()
        assert reply.status == 0
        assert reply.fields == {"service": "a", "x-from": "a", "x-back": "yes"}
        assert server.requests()[0].fields == {"service": "a", "x-from": "a"}
        client.send(bolt_request(2, b"c", pairs({"service": "b", "group": "g1"})))
        assert client.bolt().status == 6


def test_retries(server: RpcServer) -> None:
    """By status, and of connections that fail; a call says nothing about being repeatable."""

    def busy(frame: bytes) -> list[bytes]:
        return [bolt_response(BoltFrame(frame).id, status=4)]

    policy = model.RetryPolicy(enabled=True, attempts=3)
    with RpcServer(busy) as bad, bolt_runtime(
        [bad.address, server.address], rules=[forward(retry=policy)]
    ) as running, RpcClient(running.address[1]) as client:
        for number in range(10):
            client.send(call(number))
            reply = client.bolt()
            assert (reply.id, reply.status) == (number, 0)
        assert len(server.requests()) == 10
        assert bad.requests()


# -- other protocols -------------------------------------------------------------------------------


def dubbo_call(number: int, **attachments: str) -> bytes:
    strings = (b"2.0.2", b"com.x.Greeter", b"1.0.0", b"sayHello", b"I")
    body = b"".join(encode_string(text) for text in strings) + encode(5) + encode(attachments)
    return struct.pack(">HBBqI", 0xDABB, 0xC2, 0, number, len(body)) + body


def dubbo_answer(frame: bytes) -> list[bytes]:
    body = b"\x91" + encode("hi")
    return [b"\xda\xbb\x02\x14" + frame[4:12] + struct.pack(">I", len(body)) + body]


def thrift_call(number: int, kind: int = 1) -> bytes:
    message = struct.pack(">HBBI", 0x8001, 0, kind, 5) + b"hello" + struct.pack(">i", 1) + b"\0"
    header = b"\x01\0\0\0\3svc" + struct.pack(">q", number)
    size = 8 + len(header) + len(message)
    return struct.pack(">IHIH", size, 0xDABC, size, 8 + len(header)) + header + message


def thrift_id(frame: bytes) -> int:
    number: int = struct.unpack_from(">q", frame, 20)[0]
    return number


def tars_call(number: int) -> bytes:
    body = b"\x10\1\x2c\x3c\x42" + struct.pack(">i", number)
    body += b"\x56\3S.A\x66\5hello\x7d\0\0\2ab\x8c\x98\x0c\xa8\x0c"
    return struct.pack(">I", 4 + len(body)) + body


def tars_id(frame: bytes, at: int) -> int:
    """Return the id of the field at ``at``."""
    kind = frame[at] & 15
    if kind == 12:
        return 0
    return int.from_bytes(frame[at + 1 : at + 1 + (1 << kind)], "big", signed=True)


def tars_answer(frame: bytes) -> list[bytes]:
    number = tars_id(frame, 8)
    body = b"\x10\1\x2c\x32" + struct.pack(">i", number)
    body += b"\x4c\x5c\x6d\0\0\2ok\x78\x0c\x86\0\x98\x0c"
    return [struct.pack(">I", 4 + len(body)) + body]


def test_dubbo() -> None:
    edits = model.HeaderEdits(request_add=[model.HeaderValue("trace", "t1")])
    match = model.RouteMatch(headers=[model.ValueMatch("group", value="g")])
    rule = model.Route(
        model.Forward(clusters=[model.WeightedCluster("c")]), match, edits=edits
    )  # fmt: skip
    with RpcServer(dubbo_answer, dubbo_size) as server, bolt_runtime(
        [server.address], rules=[rule], proxy={"protocols": ["dubbo"]}
    ) as running, RpcClient(running.address[1], dubbo_size) as client:
        client.send(dubbo_call(1 << 50, group="g"))
        reply = client.receive()
        assert reply == dubbo_answer(dubbo_call(1 << 50))[0]
        # What the route adds reaches the wire, which in MOSN it does not.
        assert encode_string(b"trace") + encode_string(b"t1") in server.frames[0]
        client.send(dubbo_call(2, group="other"))
        assert client.receive()[3] == 60
        client.send(b"\xda\xbb\xe2\0" + bytes(8) + b"\0\0\0\1N")
        assert client.receive() == b"\xda\xbb\x22\x14" + bytes(8) + b"\0\0\0\1N"


def test_dubbo_thrift() -> None:
    def respond(frame: bytes) -> list[bytes]:
        return [thrift_call(thrift_id(frame), 2)]

    with RpcServer(respond, prefix_size) as server, bolt_runtime(
        [server.address], proxy={"protocols": ["dubbo-thrift"]}
    ) as running, RpcClient(running.address[1], prefix_size) as client:
        client.send(thrift_call(77), thrift_call(78))
        assert client.receive() == thrift_call(77, 2)
        assert client.receive() == thrift_call(78, 2)


def test_tars() -> None:
    with RpcServer(tars_answer, length_size) as server, bolt_runtime(
        [server.address], proxy={"protocols": ["tars"]}
    ) as running, RpcClient(running.address[1], length_size) as client:
        client.send(tars_call(100_000))
        assert tars_id(client.receive(), 7) == 100_000
        client.send(tars_call(-5))
        assert tars_id(client.receive(), 7) == -5


def test_all_on_one_port(server: RpcServer) -> None:
    names = ["Http1", "Http2", "bolt", "boltv2", "dubbo", "dubbo-thrift", "tars"]
    rules = [model.Route(model.DirectResponse(404))]
    with bolt_runtime([], rules=rules, proxy={"protocols": names}) as running:
        port = running.address[1]
        for version in (1, 2):
            with RpcClient(port) as client:
                client.send(call(5, version=version))
                assert client.bolt().status == 6
        with RpcClient(port, dubbo_size) as client:
            client.send(dubbo_call(5))
            assert client.receive()[3] == 60
        with RpcClient(port, prefix_size) as client:
            client.send(thrift_call(5))
            assert thrift_id(client.receive()) == 5
        with RpcClient(port, length_size) as client:
            client.send(tars_call(5))
            assert tars_id(client.receive(), 7) == 5
        with RpcClient(port) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert client.sock.recv(100).startswith(b"HTTP/1.1 404")
        with RpcClient(port) as client:
            client.send(b"\x05" * 20)
            assert client.is_closed()


def test_http_to_bolt(server: RpcServer) -> None:
    rules = [forward(upstream_protocol="bolt")]
    with bolt_runtime([server.address], rules=rules, proxy={"protocols": ["Http1"]}) as running, \
            RpcClient(running.address[1]) as client:  # fmt: skip
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nservice: s\r\nContent-Length: 4\r\n\r\nbody")
        reply = b""
        while b"body" not in reply:
            reply += client.sock.recv(1000)
        assert reply.startswith(b"HTTP/1.1 200")
        assert b"service: s\r\n" in reply
        assert server.requests()[0].fields["service"] == "s"


def test_bolt_to_http_is_refused() -> None:
    with Origin() as origin, bolt_runtime(
        [origin.address], rules=[forward(upstream_protocol="Http1")]
    ) as running, RpcClient(running.address[1]) as client:
        client.send(call(1))
        assert client.bolt().status == 6
