"""The ``transcoder`` filter through the real proxy: HTTP to bolt and Dubbo, and bolt to HTTP."""

import asyncio
import http.client
import json
import struct
from typing import Any

import pytest

from pymosn import snapshot as model
from pymosn.extension.registry import Registry
from pymosn.protocol.xprotocol.hessian import HessianReader, encode, encode_string
from pymosn.proxy.filters import build_filter
from tests.support import http2, wire
from tests.support.origin import Origin
from tests.support.rpc import (
    BoltFrame,
    RpcClient,
    RpcServer,
    bolt_request,
    bolt_response,
    dubbo_size,
    pairs,
)
from tests.support.runtime import asynchronous

JSON = {"Content-Type": "application/json"}


def filters(**config: Any) -> dict[str, Any]:
    return {"stream_filters": [model.StreamFilter("transcoder", config)]}


def proxied(hosts: list[str], protocols: list[str] | None = None, **config: Any) -> Any:
    route = config.pop("route", None)
    return wire.running(
        wire.snapshot(
            hosts, route=route, proxy={"protocols": protocols or ["Http1", "Http2"]},
            listener=filters(**config),
        )
    )  # fmt: skip


def ask(
    port: int, path: str = "/", body: bytes | None = None, headers: dict[str, str] | None = None,
    method: str = "POST",
) -> tuple[int, dict[str, str], bytes]:  # fmt: skip
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    fields = {name.lower(): value for name, value in response.getheaders()}
    answer = (response.status, fields, response.read())
    connection.close()
    return answer


# -- HTTP to bolt ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [
        {"type": "http2bolt_simple"},
        {"rules": [{"rule_info": {"upstream_protocol": "bolt"}}]},
        {"rules": [{"rule_info": {"upstream_protocol": "X", "upstream_sub_protocol": "bolt"}}]},
        {"type": "http2bolt_simple", "trans": {"receiver_phase": 0}},
        {"type": "http2bolt_simple", "trans": {"receiver_phase": 2}},
    ],
)
def test_http_to_bolt(config: dict[str, Any]) -> None:
    with RpcServer() as server, proxied([server.address], **config) as proxy:
        status, fields, body = ask(proxy.port, "/", b"hello", {"service": "s"})
    assert (status, body) == (200, b"hello")
    assert fields["service"] == "s"
    (request,) = server.requests()
    assert request.fields["service"] == "s"
    assert request.content == b"hello"


@asynchronous
async def test_http2_to_bolt() -> None:
    with RpcServer() as server, proxied([server.address], type="http2bolt_simple") as proxy:
        async with http2.client(proxy.port) as peer:
            fields = [(":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "a")]
            answer = await peer.answer(peer.request([*fields, ("service", "s")], b"hello"))
    assert (answer.status, answer.body) == (200, b"hello")


def test_the_first_rule_that_matches() -> None:
    def rule(value: str, protocol: str) -> dict[str, Any]:
        return {
            "matcher_config": {
                "matcher_type": "simpleMatcher", "config": {"name": "kind", "value": value},
            },
            "rule_info": {"upstream_protocol": protocol},
        }  # fmt: skip

    rules = [rule("rpc", "bolt"), rule("new", "Http2")]
    with RpcServer() as server, Origin("plain") as origin:
        with proxied([server.address], rules=rules) as proxy:
            assert ask(proxy.port, "/", b"x", {"kind": "rpc"})[0] == 200
        with proxied([origin.address], rules=rules) as proxy:
            assert ask(proxy.port, "/", b"x", {"kind": "other"})[2] == b"plain"


@pytest.mark.parametrize(
    ("status", "meaning"), [(0, 200), (3, 500), (4, 503), (7, 504), (16, 502), (18, 500)]
)
def test_what_a_bolt_host_answers(status: int, meaning: int) -> None:
    def answer(frame: bytes) -> list[bytes]:
        return [bolt_response(BoltFrame(frame).id, b"", status=status)]

    with RpcServer(answer) as server, proxied([server.address], type="http2bolt_simple") as proxy:
        assert ask(proxy.port)[0] == meaning


def test_a_header_map_cannot_reframe_the_response() -> None:
    hostile = pairs({"Content-Length": "1", "Transfer-Encoding": "chunked", "a b": "c", "ok": "1"})

    def answer(frame: bytes) -> list[bytes]:
        return [bolt_response(BoltFrame(frame).id, b"whole", hostile)]

    with RpcServer(answer) as server, proxied([server.address], type="http2bolt_simple") as proxy:
        status, fields, body = ask(proxy.port)
    assert (status, fields["ok"], body) == (200, "1", b"whole")


def test_a_direct_response_is_not_converted() -> None:
    snapshot = wire.snapshot(["127.0.0.1:1"], listener=filters(type="http2dubbo"))
    direct = model.Route(model.DirectResponse(status=200, body="here"))
    snapshot.routers["r"].virtual_hosts[0].routes[:] = [direct]
    with wire.running(snapshot) as proxy:
        assert ask(proxy.port, "/", b"{")[::2] == (200, b"here")


# -- bolt to HTTP ----------------------------------------------------------------------------------


def bolt_call(port: int, *, timeout: int = 5000, version: int = 1, **fields: str) -> BoltFrame:
    names = {"sofa_head_target_service": "a.B:1.0", "sofa_head_method_name": "m", **fields}
    with RpcClient(port) as client:
        client.send(bolt_request(9, b"hello", pairs(names), timeout=timeout, version=version))
        return client.bolt()


@pytest.mark.parametrize("version", [1, 2])
def test_bolt_to_http(version: int) -> None:
    async def respond(head: bytes, reader: Any, writer: asyncio.StreamWriter) -> None:
        body = await reader.readexactly(5)
        writer.write(b"HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(b"3\r\n%b\r\n2\r\n%b\r\n0\r\n\r\n" % (body[:3], body[3:]))

    hostile = {"Host": "evil", "content-length": "0", "Transfer-Encoding": "chunked", "k": "v"}
    with (
        Origin(respond=respond) as origin,
        proxied([origin.address], ["bolt"], type="bolt2http_simple") as proxy,
    ):
        reply = bolt_call(proxy.port, version=version, **hostile)
    assert (reply.id, reply.status, reply.content, reply.version) == (9, 0, b"hello", version)
    assert reply.fields == {"X-A": "1"}
    lines = origin.requests[0].decode().split("\r\n")
    assert lines[0] == "POST /a.B:1.0/m HTTP/1.1"
    assert f"Host: {origin.address}" in lines
    assert "k: v" in lines
    assert "Content-Length: 5" in lines
    assert "Content-Type: application/octet-stream" in lines
    assert not any("evil" in line or "chunked" in line for line in lines)


@asynchronous
async def test_bolt_to_http2() -> None:
    async def serve(peer: http2.Peer, number: int) -> None:
        stream = await peer.head(number)
        await peer.until(lambda: stream.over)
        peer.engine.send_headers(number, [(":status", "200"), ("path", stream.head[":path"])])
        peer.send(number, stream.body[::-1], end=True)

    async with http2.origin(serve) as (address, _):
        rule = {"rule_info": {"upstream_protocol": "Http2"}}
        with proxied([address], ["bolt"], rules=[rule]) as proxy:
            reply = await asyncio.to_thread(bolt_call, proxy.port)
    assert (reply.status, reply.content) == (0, b"olleh")
    assert reply.fields == {"path": "/a.B:1.0/m"}


@pytest.mark.parametrize(("status", "code"), [(404, 6), (503, 4), (504, 7), (500, 3), (204, 0)])
def test_what_an_http_host_answers(status: int, code: int) -> None:
    async def respond(head: bytes, reader: Any, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(5)
        length = b"" if status == 204 else b"Content-Length: 0\r\n"
        writer.write(b"HTTP/1.1 %d X\r\n%b\r\n" % (status, length))

    with (
        Origin(respond=respond) as origin,
        proxied([origin.address], ["bolt"], type="bolt2http_simple") as proxy,
    ):
        assert bolt_call(proxy.port).status == code


def test_the_proxys_own_answers_to_a_bolt_client() -> None:
    async def late(head: bytes, reader: Any, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    with proxied(["127.0.0.1:1"], ["bolt"], type="bolt2http_simple") as proxy:
        assert bolt_call(proxy.port).status == 6
    with (
        Origin(respond=late) as origin,
        proxied([origin.address], ["bolt"], type="bolt2http_simple") as proxy,
    ):
        assert bolt_call(proxy.port, timeout=200).status == 7


def test_a_response_that_breaks_off_or_is_too_large() -> None:
    async def respond(head: bytes, reader: Any, writer: asyncio.StreamWriter) -> None:
        size = 5 << 20 if b"/large" in head else 10
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        writer.write(b"x" * (size if b"/large" in head else 5))
        await writer.drain()
        writer.close()

    with Origin(respond=respond) as origin:
        for target in ("/short", "/large"):
            config = {"type": "bolt2http_simple", "config": {"target": target}}
            with proxied([origin.address], ["bolt"], **config) as proxy:
                assert bolt_call(proxy.port).status == 6


def test_http_over_bolt_to_http() -> None:
    """Two proxies, as in a mesh of bolt between services that speak HTTP."""
    with (
        Origin("end") as origin,
        proxied([origin.address], ["bolt"], type="bolt2http_simple") as inner,
        proxied([f"127.0.0.1:{inner.port}"], type="http2bolt_simple") as outer,
    ):
        status, _, body = ask(outer.port, "/", b"x", {"service": "s", "method": "m"})
    assert (status, body) == (200, b"end")
    assert origin.requests[0].startswith(b"POST /s/m HTTP/1.1\r\n")


# -- JSON to Dubbo ---------------------------------------------------------------------------------


class Dubbo:
    """A Dubbo server's calls, and its answer to them."""

    def __init__(
        self, content: bytes = b"\x91\x07pleased", status: int = 20, flags: int = 2
    ) -> None:
        self.calls: list[list[Any]] = []
        self._answer = (content, status, flags)

    def __call__(self, frame: bytes) -> list[bytes]:
        reader = HessianReader(frame, 16)
        call = []
        while reader.at < len(frame):
            call.append(reader.read())
        self.calls.append(call)
        content, status, flags = self._answer
        head = struct.pack(">HBB8sI", 0xDABB, flags, status, frame[4:12], len(content))
        return [head + content]


def test_json_to_a_generic_service() -> None:
    service = Dubbo(b"\x94" + encode({"name": "a", "tags": ["x"]}) + encode({"trace": "7"}))
    headers = {
        **JSON, "tri-service-version": "2.0", "tri-service-group": "g",
        "Dubbo-Attachment-Token": "t", "X-Trace": "9",
    }  # fmt: skip
    body = json.dumps({"types": ["a.User", "int"], "args": [{"id": 1, "class": "a.User"}, 2]})
    config = {"attachment_headers": ["x-trace"]}
    with (
        RpcServer(service, dubbo_size) as server,
        proxied([server.address], type="http2dubbo", config=config) as proxy,
    ):
        status, fields, text = ask(proxy.port, "/api/a.Users/add", body.encode(), headers)
    assert (status, json.loads(text)) == (200, {"name": "a", "tags": ["x"]})
    assert fields["content-type"] == "application/json"
    assert fields["dubbo-attachment-trace"] == "7"
    assert service.calls == [[
        "2.0.2", "a.Users", "2.0", "$invoke",
        "Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;",
        "add", ["a.User", "int"], [{"id": 1, "class": "a.User"}, 2],
        {
            "path": "a.Users", "interface": "a.Users", "version": "2.0", "generic": "true",
            "group": "g", "token": "t", "x-trace": "9",
        },
    ]]  # fmt: skip


@asynchronous
async def test_json_over_http2_to_a_direct_call() -> None:
    service = Dubbo()
    config = {"service": "a.B", "method": "m", "types": ["long"], "generic": False}
    rule = {"rule_info": {"upstream_protocol": "dubbo", "config": config}}
    with RpcServer(service, dubbo_size) as server, proxied([server.address], rules=[rule]) as proxy:
        async with http2.client(proxy.port) as peer:
            names = (":method", ":scheme", ":path", ":authority")
            fields = list(zip(names, ("POST", "http", "/x", "a"), strict=True))
            answer = await peer.answer(peer.request(fields, b"[7]"))
    assert (answer.status, answer.body) == (200, b'"pleased"')
    assert service.calls[0][3:6] == ["m", "J", 7]


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "why"),
    [
        ("/a.B/m", b"{", JSON, 400, b"not JSON"),
        ("/a.B/m", b'{"types": ["int"], "args": ["x"]}', JSON, 400, b"args[0]: 'x' is no int"),
        ("/m", b"[]", JSON, 400, b"path"),
        ("/a%20b/m", b"[]", JSON, 400, b"path"),
        ("/a.B/m%0d", b"[]", JSON, 400, b"path"),
        ("/a.B/m", b"a=b", {"Content-Type": "text/plain"}, 415, b"not JSON"),
        ("/a.B/m", b"[" + b" " * (1 << 20) + b"]", JSON, 413, b"too large"),
    ],
)
def test_bad_requests_get_a_reason(
    path: str, body: bytes, headers: dict[str, str], status: int, why: bytes
) -> None:
    service = Dubbo()
    with (
        RpcServer(service, dubbo_size) as server,
        proxied([server.address], type="http2dubbo") as proxy,
    ):
        found, _, text = ask(proxy.port, path, body, headers)
    assert found == status
    assert why in text
    assert service.calls == []


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_other_methods(method: str) -> None:
    with proxied(["127.0.0.1:1"], type="http2dubbo") as proxy:
        assert ask(proxy.port, "/a.B/m", b"", method=method)[0] == 405


def test_an_exception_is_500_with_its_class() -> None:
    thrown = (
        b"\x90C\x1ajava.lang.RuntimeException\x91\x0ddetailMessage\x60\x03bad"
    )
    with (
        RpcServer(Dubbo(thrown), dubbo_size) as server,
        proxied([server.address], type="http2dubbo") as proxy,
    ):
        status, _, text = ask(proxy.port, "/a.B/m", b"[]", JSON)
    assert status == 500
    assert json.loads(text)["error"] == {"class": "java.lang.RuntimeException", "message": "bad"}


@pytest.mark.parametrize(("code", "status"), [(60, 404), (31, 504), (100, 503), (80, 500)])
def test_a_dubbo_status(code: int, status: int) -> None:
    with (
        RpcServer(Dubbo(encode_string(b"because"), code), dubbo_size) as server,
        proxied([server.address], type="http2dubbo") as proxy,
    ):
        found, _, text = ask(proxy.port, "/a.B/m", b"[]", JSON)
    assert found == status
    assert json.loads(text) == {"error": {"status": code, "message": "because"}}


@pytest.mark.parametrize(
    "service", [Dubbo(b"\x91\x79Q\x90"), Dubbo(b"\x91"), Dubbo(b"{}", flags=6)]
)
def test_what_is_no_result_is_502(service: Dubbo) -> None:
    with (
        RpcServer(service, dubbo_size) as server,
        proxied([server.address], type="http2dubbo") as proxy,
    ):
        assert ask(proxy.port, "/a.B/m", b"[]", JSON)[0] == 502


def test_the_proxys_own_answers_to_a_client_of_json() -> None:
    with proxied(["127.0.0.1:1"], type="http2dubbo") as proxy:
        status, _, body = ask(proxy.port, "/a.B/m", b"[]", JSON)
    assert (status, body) == (502, b"upstream connect failure\n")


def test_a_body_in_pieces_and_expect() -> None:
    service = Dubbo()
    with (
        RpcServer(service, dubbo_size) as server,
        proxied([server.address], type="http2dubbo") as proxy,
    ):
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)
        large = json.dumps(["x" * 300000]).encode()
        pieces = (large[at : at + 10000] for at in range(0, len(large), 10000))
        connection.request("POST", "/a.B/m", pieces, JSON, encode_chunked=True)
        assert connection.getresponse().read() == b'"pleased"'
        connection.close()
        proxy.assert_quiet()
    assert service.calls[0][7] == ["x" * 300000]


# -- a user's own ----------------------------------------------------------------------------------


@pytest.fixture
def backwards() -> Any:
    with RpcServer() as server:
        config = {"service": "w"}
        name = "tests.support.transcoders:Backwards"
        with proxied([server.address], type=name, config=config) as proxy:
            yield proxy


def test_a_users_transcoder(backwards: Any) -> None:
    status, fields, body = ask(backwards.port, "/", b"word")
    assert (status, fields["x-service"], body) == (200, "w", b"word")
    assert ask(backwards.port, "/", b"word", {"X-Fail": "request"})[::2] == (422, b"no such word\n")
    assert ask(backwards.port, "/", b"word", {"X-Fail": "response"})[::2] == (
        502, b"what is that?\n",
    )  # fmt: skip
    assert ask(backwards.port, "/", b"word", {"X-Fail": "bug"})[::2] == (
        500, b"transcoder failed\n",
    )  # fmt: skip
    assert ask(backwards.port, "/", b"w" * 101)[0] == 413
    backwards.assert_quiet()


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({}, "needs a type or rules"),
        ({"type": "nothing"}, "there is no transcoder called 'nothing'"),
        ({"type": "tests.support.filters:Labels"}, "is no pymosn.api.Transcoder"),
        ({"type": "tests.support.transcoders:Backwards"}, "service"),
        ({"type": "http2dubbo", "config": {"dates": "x"}}, "dates"),
        ({"rules": [{"rule_info": {}}]}, "needs an upstream_protocol"),
        ({"rules": [{"rule_info": {"upstream_protocol": "tars"}}]}, "can be turned into tars"),
        ({"type": "http2bolt_simple", "trans": {"receiver_phase": 3}}, "receiver_phase"),
    ],
)
def test_configurations_that_are_refused(config: dict[str, Any], why: str) -> None:
    registry = Registry.standard()
    kind = registry.get("filters", "transcoder")
    with pytest.raises((ValueError, LookupError), match=why):
        build_filter(kind, config, "transcoder", registry)


# -- Dubbo to JSON ---------------------------------------------------------------------------------


def dubbo_call(
    port: int, method: str, descriptor: str, *arguments: object, flags: int = 0xC2, **fields: str
) -> tuple[int, list[Any]]:
    """Return the status and what the body holds."""
    names = ("2.0.2", "a.Users", "1.0", method, descriptor)
    parts = [encode(value) for value in (*names, *arguments, {"path": "a.Users", **fields})]
    body = b"".join(parts)
    with RpcClient(port, dubbo_size) as client:
        client.send(struct.pack(">HBB8sI", 0xDABB, flags, 0, b"12345678", len(body)) + body)
        frame = client.receive()
    assert frame[4:12] == b"12345678"
    reader = HessianReader(frame, 16)
    values = []
    while reader.at < len(frame):
        values.append(reader.read())
    return frame[3], values


def json_origin(reply: bytes, status: str = "200 OK", fields: str = "") -> Origin:
    async def respond(head: bytes, reader: Any, writer: asyncio.StreamWriter) -> None:
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        bodies.append(await reader.readexactly(length))
        start = f"HTTP/1.1 {status}\r\nContent-Length: {len(reply)}\r\n{fields}\r\n"
        writer.write(start.encode() + reply)

    bodies: list[bytes] = []
    origin = Origin(respond=respond)
    origin.bodies = bodies  # type: ignore[attr-defined]  # for the test
    return origin


def test_dubbo_to_json() -> None:
    reply = b'{"name": "a", "n": [1.5, null]}'
    with (
        json_origin(reply, fields="Dubbo-Attachment-T: 7\r\n") as origin,
        proxied([origin.address], ["dubbo"], type="dubbo2http") as proxy,
    ):
        types = "ILjava/lang/String;[J"
        found = dubbo_call(proxy.port, "find", types, 3, "锐", [1, 1 << 40], group="g", token="x")
    assert found == (20, [4, {"name": "a", "n": [1.5, None]}, {"t": "7"}])
    lines = origin.requests[0].decode().split("\r\n")
    assert lines[0] == "POST /a.Users/find HTTP/1.1"
    for line in (
        "tri-service-version: 1.0", "tri-service-group: g", "dubbo-attachment-token: x",
        "Content-Type: application/json", f"Host: {origin.address}",
    ):  # fmt: skip
        assert line in lines
    call = {"types": ["int", "java.lang.String", "long[]"], "args": [3, "锐", [1, 1 << 40]]}
    assert [json.loads(body) for body in origin.bodies] == [call]  # type: ignore[attr-defined]


def test_a_generic_call_to_json() -> None:
    generic = "Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;"
    with (
        json_origin(b"") as origin,
        proxied([origin.address], ["dubbo"], type="dubbo2http") as proxy,
    ):
        found = dubbo_call(proxy.port, "$invoke", generic, "find", None, [{"id": 1}])
    assert found == (20, [2])
    assert origin.requests[0].startswith(b"POST /a.Users/find HTTP/1.1\r\n")
    assert json.loads(origin.bodies[0]) == {"args": [{"id": 1}]}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("status", "reply", "code", "text"),
    [
        ("404 Not Found", b"", 60, "HTTP 404"),
        ("500 Oops", b'{"error": {"class": "a.E", "message": "bad"}}', 70, "a.E: bad"),
        ("503 Busy", b"later\nthe rest", 40, "later"),
    ],
)
def test_failures_of_http_for_dubbo(status: str, reply: bytes, code: int, text: str) -> None:
    with (
        json_origin(reply, status) as origin,
        proxied([origin.address], ["dubbo"], type="dubbo2http") as proxy,
    ):
        assert dubbo_call(proxy.port, "find", "") == (code, [text])


def test_a_result_that_is_no_json() -> None:
    with (
        json_origin(b"<p>") as origin,
        proxied([origin.address], ["dubbo"], type="dubbo2http") as proxy,
    ):
        code, (text,) = dubbo_call(proxy.port, "find", "")
    assert code == 60
    assert "502" in text


@pytest.mark.parametrize(
    ("descriptor", "arguments", "flags"),
    [("Q", (), 0xC2), ("I", (), 0xC2), ("", (), 0xC6)],
)
def test_calls_that_are_no_json(descriptor: str, arguments: Any, flags: int) -> None:
    """Broken, or in another serialization: the origin never hears of them."""
    with (
        json_origin(b"1") as origin,
        proxied([origin.address], ["dubbo"], type="dubbo2http") as proxy,
    ):
        code, _ = dubbo_call(proxy.port, "find", descriptor, *arguments, flags=flags)
        assert code == 70
        assert origin.requests == []
