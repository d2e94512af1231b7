"""gRPC-Web through the real proxy: Connect's client for Go, and curl; and what is counted."""

import base64
import subprocess
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from pymosn import snapshot as model
from tests.support.configs import http_config
from tests.support.golang import program
from tests.support.grpc_server import GrpcServer
from tests.support.process import wait_until
from tests.support.wire import PATIENCE, Proxy, running, snapshot

WEB = model.StreamFilter("pymosn.filters.grpc_web:GrpcWeb")
BOTH: dict[str, Any] = {"protocols": ["Http1", "Http2"]}


@pytest.fixture(scope="module")
def server() -> Iterator[GrpcServer]:
    with GrpcServer() as found:
        yield found


@pytest.fixture(scope="module")
def proxy(server: GrpcServer) -> Iterator[Proxy]:
    listener = {"stream_filters": [WEB]}
    with running(snapshot([server.address], proxy=BOTH, listener=listener)) as found:
        yield found


@pytest.mark.parametrize(
    ("method", "service", "expected"),
    [
        ("check", "test", "SERVING\nok\n"),
        ("check", "none", "not_found\n"),
        ("watch", "test", "SERVING\ncanceled\n"),
    ],
)
def test_a_client_of_others(proxy: Proxy, method: str, service: str, expected: str) -> None:
    done = subprocess.run(
        [program("grpcweb"), proxy.url, method, service],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.stdout == expected, done.stderr


def call(proxy: Proxy, path: str, body: bytes, *options: str) -> tuple[str, bytes]:
    """Return the head and the body of the answer to a POST."""
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", "20", "--include",
         "-H", "x-grpc-web: 1", "--data-binary", "@-", *options, f"{proxy.url}{path}"],
        input=body, capture_output=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    head, _, answer = done.stdout.partition(b"\r\n\r\n")
    return head.decode("latin-1").lower() + "\r\n", answer


def frames(body: bytes) -> list[tuple[int, bytes]]:
    found = []
    while body:
        size = int.from_bytes(body[1:5], "big")
        assert len(body) >= 5 + size
        found.append((body[0], body[5 : 5 + size]))
        body = body[5 + size :]
    return found


def framed(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(4, "big") + message


VERSIONS = ["--http1.1", "--http1.0", "--http2-prior-knowledge"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("suffix", ["", "+proto"])
def test_binary(proxy: Proxy, server: GrpcServer, version: str, suffix: str) -> None:
    message = bytes(range(256)) * 1000
    kind = f"content-type: application/grpc-web{suffix}"
    head, body = call(proxy, "/test.Echo/Unary", framed(message), version, "-H", kind,
                      "-H", "echo-x: 1")  # fmt: skip
    assert "content-type: application/grpc-web\r\n" in head  # as grpcio names what it sends
    assert "echo-x: 1\r\n" in head
    data, trailers = frames(body)
    assert data == (0, message)
    assert trailers[0] == 0x80
    lines = trailers[1].decode().split("\r\n")
    assert lines.pop() == ""
    assert sorted(lines) == ["grpc-message:", "grpc-status:0", "trailing-echo-x:1"] or sorted(
        lines
    ) == ["grpc-status:0", "trailing-echo-x:1"]
    assert "x-grpc-web" not in server.metadata


@pytest.mark.parametrize("version", VERSIONS)
def test_text(proxy: Proxy, version: str) -> None:
    """Every piece may be padded on its own."""
    message = b"some text, and more"
    body = framed(message)
    text = b"".join(base64.b64encode(body[i : i + 7]) for i in range(0, len(body), 7))
    kind = "content-type: application/grpc-web-text"
    head, answer = call(proxy, "/test.Echo/Unary", text, version, "-H", kind)
    assert f"{kind}\r\n" in head
    decoded = b""
    for start in range(0, len(answer), 4):
        decoded += base64.b64decode(answer[start : start + 4], validate=True)
    data, trailers = frames(decoded)
    assert data == (0, message)
    assert trailers[1].startswith(b"grpc-status:0")


def test_binary_answer_to_text(proxy: Proxy) -> None:
    text = base64.b64encode(framed(b"message"))
    head, answer = call(proxy, "/test.Echo/Unary", text, "-H", "accept: application/grpc-web",
                        "-H", "content-type: application/grpc-web-text")  # fmt: skip
    assert "content-type: application/grpc-web\r\n" in head
    assert frames(answer)[0] == (0, b"message")


def test_a_stream(proxy: Proxy) -> None:
    _, body = call(proxy, "/test.Echo/Download", framed(b"1000 100"),
                   "-H", "content-type: application/grpc-web+proto")  # fmt: skip
    *messages, trailers = frames(body)
    assert [int.from_bytes(data[:4], "big") for _, data in messages] == list(range(1000))
    assert trailers[0] == 0x80


@pytest.mark.parametrize("version", VERSIONS)
def test_errors(proxy: Proxy, version: str) -> None:
    """A response that is only trailers has them in its head."""
    kind = ("-H", "content-type: application/grpc-web+proto", version)
    head, body = call(proxy, "/test.Echo/Fail", framed(b"9 no"), *kind)
    assert "grpc-status: 9\r\n" in head
    assert "grpc-message: no\r\n" in head
    assert "content-type: application/grpc-web\r\n" in head
    assert body == b""
    head, body = call(proxy, "/test.Echo/Wait", framed(b""), "-H", "grpc-timeout: 200m", *kind)
    assert "grpc-status: 4\r\n" in head
    assert "content-type: application/grpc-web\r\n" in head
    assert body == b""


def test_malformed_text(proxy: Proxy) -> None:
    kind = ("-H", "content-type: application/grpc-web-text")
    for text in (b"AAAA!AAA", b"A", b"AA=A"):
        head, body = call(proxy, "/test.Echo/Unary", text, *kind)
        assert "grpc-status: 13\r\n" in head
        assert body == b""


def test_others_pass(proxy: Proxy, server: GrpcServer) -> None:
    """Plain gRPC on the same listener is left alone."""
    with grpc.insecure_channel(f"127.0.0.1:{proxy.port}") as channel:
        assert channel.unary_unary("/test.Echo/Unary")(b"plain", timeout=10) == b"plain"


# -- counters --------------------------------------------------------------------------------------


def test_methods_are_counted(pymosn: Any, server: GrpcServer) -> None:
    config = http_config(server.address, workers=2)
    listener = config["servers"][0]["listeners"][0]
    listener["filter_chains"][0]["filters"][0]["config"] = {
        "downstream_protocol": "Http1, Http2", "router_config_name": "web",
    }  # fmt: skip
    listener["stream_filters"] = [{"type": "grpc_web"}]
    proxy = pymosn(config)
    for index in range(8):
        with grpc.insecure_channel(proxy.address, [("grpc.test", index)]) as channel:
            assert channel.unary_unary("/test.Echo/Unary")(b"", timeout=10) == b""
            for path in ("/test.Echo/Fail", "/made/up"):
                with pytest.raises(grpc.RpcError):
                    channel.unary_unary(path)(b"5 no", timeout=10)
            assert len(list(channel.unary_stream("/test.Echo/Download")(b"3 1", timeout=10))) == 3

    def text() -> str:
        return str(proxy.ask_admin("/metrics").text)

    unary = 'listener="web",method="/test.Echo/Unary"'
    wait_until(lambda: f"grpc_request_total{{{unary}}} 8.0\n" in text(), 10, text)
    found = text()
    assert f"grpc_status_ok{{{unary}}} 8.0\n" in found
    assert f"grpc_request_time_seconds_count{{{unary}}} 8.0\n" in found
    assert 'grpc_request_total{listener="web",method="/test.Echo/Download"} 8.0\n' in found
    # What no upstream has ever served has no name.
    other = 'listener="web",method="other"'
    assert f"grpc_status_not_found{{{other}}} 8.0\n" in found
    assert f"grpc_status_unimplemented{{{other}}} 8.0\n" in found
    assert "/made/up" not in found
