"""MOSN on the other side: calls that go through both proxies, and what each answers itself.

Needs ``python -m tests.support.golang`` beforehand, or a MOSN that ``MOSN_PROGRAM`` names.
"""

import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pymosn.protocol.xprotocol.hessian import encode, encode_string
from tests.conftest import free_port
from tests.support import mosn, wire
from tests.support.java import Consumer, Provider
from tests.support.process import Proxy
from tests.support.rpc import (
    BoltFrame,
    RpcClient,
    RpcServer,
    bolt_echo,
    bolt_request,
    bolt_size,
    dubbo_size,
    pairs,
)

PROTOCOLS = ("bolt", "boltv2", "dubbo")


@pytest.fixture(scope="module", autouse=True)
def _there_is_a_mosn() -> None:
    if not mosn.available():
        pytest.skip("there is no MOSN; see tests/support/golang.py")


# -- frames ----------------------------------------------------------------------------------------


def call(
    protocol: str, number: int, service: str, content: bytes = b"", timeout: int = 0
) -> bytes:
    """Return a request; Dubbo's has no timeout of its own, and 0 leaves it to the route."""
    if protocol == "dubbo":
        strings = (b"2.0.2", service.encode(), b"1.0.0", b"sayHello", b"Ljava/lang/String;")
        body = b"".join(encode_string(text) for text in strings)
        body += encode_string(content) + encode({"colour": "blue"})
        return struct.pack(">HBBqI", 0xDABB, 0xC2, 0, number, len(body)) + body
    headers = pairs({"service": service})
    version = 2 if protocol == "boltv2" else 1
    return bolt_request(number, content, headers, version=version, timeout=timeout * 1000)


def dubbo_echo(frame: bytes) -> list[bytes]:
    """Answer with the request's body; to a heartbeat as Dubbo does."""
    start = bytearray(frame[:16])
    if frame[2] & 0x20:
        return [b"\xda\xbb\x22\x14" + frame[4:12] + b"\0\0\0\1N"]
    start[2:4] = b"\x02\x14"
    return [bytes(start) + frame[16:]]


def sizes(protocol: str) -> Callable[[bytes], int]:
    return dubbo_size if protocol == "dubbo" else bolt_size


def server(protocol: str) -> RpcServer:
    """Return one that echoes, does not answer ``late`` and ``full``, and hangs up on ``lost``."""

    def respond(frame: bytes) -> list[bytes] | None:
        if b"lost" in frame:
            return None
        if b"late" in frame or b"full" in frame:
            return []
        return dubbo_echo(frame) if protocol == "dubbo" else bolt_echo(frame)

    return RpcServer(respond, sizes(protocol))


# -- a call through both ---------------------------------------------------------------------------


@pytest.fixture(scope="module", params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def through_both(stack: ExitStack, protocol: str, address: str, first: str) -> int:
    """Return the port of the ``first`` proxy of the two on the way to an address."""
    order = ("mosn", "pymosn") if first == "pymosn" else ("pymosn", "mosn")
    port = 0
    for name in order:
        if name == "mosn":
            port = free_port()
            stack.enter_context(mosn.Mosn({protocol: port}, {"any": [address]}))
        else:
            snapshot = wire.snapshot([address], proxy={"protocols": [protocol]})
            port = stack.enter_context(wire.running(snapshot, quiet=False)).port
        address = f"127.0.0.1:{port}"
    return port


@pytest.fixture(scope="module", params=["pymosn", "mosn"], ids=["we first", "MOSN first"])
def chain(request: pytest.FixtureRequest, protocol: str) -> Iterator[tuple[RpcServer, int]]:
    """Return an echoing server and the port of the first of the two proxies before it."""
    with ExitStack() as stack:
        echo = stack.enter_context(server(protocol))
        yield echo, through_both(stack, protocol, echo.address, request.param)


def parts(protocol: str, frame: bytes) -> tuple[int, int, bytes]:
    """Return the id, the status and the content of a response."""
    if protocol == "dubbo":
        return struct.unpack_from(">q", frame, 4)[0], frame[3], frame[16:]
    response = BoltFrame(frame)
    return response.id, response.status, response.content


def test_calls_go_through_both(protocol: str, chain: tuple[RpcServer, int]) -> None:
    echo, port = chain
    with RpcClient(port, sizes(protocol)) as client:
        contents = {number: b"%d" % number * 50 for number in range(200)}
        client.send(*[call(protocol, number, "any", text) for number, text in contents.items()])
        while contents:
            number, status, content = parts(protocol, client.receive())
            expected = contents.pop(number)
            assert status == (20 if protocol == "dubbo" else 0)
            assert expected in content
    # The request arrives as it was sent, but for its id.
    sent, came = call(protocol, 0, "any", b"0" * 50), echo.frames
    places = slice(4, 12) if protocol == "dubbo" else slice(5, 9)
    if protocol == "boltv2":
        places = slice(6, 10)

    def without_id(frame: bytes) -> bytes:
        return frame[: places.start] + frame[places.stop :]

    assert without_id(sent) in map(without_id, came)


def test_large_calls_go_through_both(protocol: str, chain: tuple[RpcServer, int]) -> None:
    _, port = chain
    content = bytes(range(128)) * 8192
    with RpcClient(port, sizes(protocol)) as client:
        client.send(call(protocol, 7, "any", content))
        number, _, echo = parts(protocol, client.receive())
        assert number == 7
        if protocol == "dubbo":
            # Hessian cuts a long text.
            assert len(echo) > len(content)
        else:
            assert echo == content


def test_heartbeats_are_answered(protocol: str, chain: tuple[RpcServer, int]) -> None:
    _, port = chain
    with RpcClient(port, sizes(protocol)) as client:
        if protocol == "dubbo":
            client.send(b"\xda\xbb\xe2\0" + struct.pack(">qI", 9, 1) + b"N")
            # "Nothing" in Hessian, which MOSN writes twice.
            pong = client.receive()
            assert pong[:12] == b"\xda\xbb\x22\x14" + struct.pack(">q", 9)
            assert pong[16:] in (b"N", b"NN")
        else:
            version = 2 if protocol == "boltv2" else 1
            client.send(bolt_request(9, command=0, class_name=b"", version=version))
            answer = client.bolt()
            assert (answer.id, answer.command, answer.status) == (9, 0, 0)


@pytest.mark.parametrize("first", ["pymosn", "mosn"])
@pytest.mark.parametrize("framework", ["sofa", "dubbo"])
def test_java_through_both(
    framework: str, first: str, provider: Provider, consumer: Consumer
) -> None:
    address = provider.sofa if framework == "sofa" else provider.dubbo
    with ExitStack() as stack:
        port = through_both(stack, "bolt" if framework == "sofa" else "dubbo", address, first)
        stack.callback(consumer.close, framework, port)
        assert consumer.call(framework, port, "hello", "there") == "Hello there"
        assert consumer.call(framework, port, "many", 200, 8) == "200"
        assert consumer.call(framework, port, "large", 1 << 20) == "same"
        assert consumer.call(framework, port, "fail", "x").startswith("peers.Refusal: x")
        assert consumer.call(framework, port, "attachment", "colour", "red") == "red"


# -- what each answers itself ----------------------------------------------------------------------


class Answers:
    """What a proxy answered, by what was asked for; frames as they came."""

    def __init__(self, port: int, protocol: str) -> None:
        self.frames: dict[str, bytes] = {}
        timed = protocol != "dubbo"
        with RpcClient(port, sizes(protocol)) as client:
            for service in ("good", "unknown", "nobody", "refusing", "lost", "late"):
                client.send(call(protocol, 7, service))
                self.frames[service] = client.receive()
            if timed:
                # A frame's own timeout counts, not the route's.
                client.send(call(protocol, 8, "full", timeout=1))
                self.frames["its own timeout"] = client.receive()
        with RpcClient(port, sizes(protocol)) as client:
            client.send(call(protocol, 8, "full"))
            time.sleep(0.3)
            client.send(call(protocol, 9, "full"))
            self.frames["full"] = client.receive()

    def statuses(self, protocol: str) -> dict[str, int]:
        return {service: parts(protocol, frame)[1] for service, frame in self.frames.items()}


def clusters(stack: ExitStack, protocol: str) -> dict[str, list[str]]:
    # MOSN shares the connections to an address between clusters, and their limits with them.
    servers = [stack.enter_context(server(protocol)).address for _ in range(4)]
    good, lost, late, full = servers
    return {
        "good": [good], "nobody": [], "refusing": ["127.0.0.1:1"], "lost": [lost],
        "late": [late], "full": [full],
    }  # fmt: skip


@pytest.fixture
def answers(
    protocol: str, pymosn: Callable[..., Proxy], directory: Path
) -> tuple[Answers, Answers]:
    """Return what MOSN and what we answer, with the same configuration."""
    limits = {"full": {"max_requests": 1}}
    ports = free_port(), free_port()
    with ExitStack() as stack:
        hosts = clusters(stack, protocol)
        stack.enter_context(mosn.Mosn({protocol: ports[0]}, hosts, limits))
        theirs = Answers(ports[0], protocol)
        hosts = clusters(stack, protocol)
        pymosn(mosn.rpc_config(str(directory), {protocol: ports[1]}, hosts, limits))
        return theirs, Answers(ports[1], protocol)


def test_the_same_answers(protocol: str, answers: tuple[Answers, Answers]) -> None:
    theirs, ours = answers
    assert ours.statuses(protocol) == theirs.statuses(protocol)
    if protocol != "dubbo":
        # Dubbo's have a text, which says other words.
        assert ours.frames == theirs.frames
        return
    for service, frame in ours.frames.items():
        assert frame[:4] == theirs.frames[service][:4]
        # "404|no route found": the number is the same.
        assert frame[16:].partition(b"|")[0][-3:] == (
            theirs.frames[service][16:].partition(b"|")[0][-3:]
        )
