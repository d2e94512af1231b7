"""The control plane's HTTP server, over real sockets."""

import asyncio

import pytest

from pymosn.admin.http import HttpServer, Request, Response, is_loopback


async def echo(request: Request) -> Response:
    if request.path == "/pieces":
        return Response(iter(["one ", "two"]))
    if request.path == "/fail":
        raise RuntimeError("oh")
    return Response(f"{request.method} {request.path} {request.query} {request.body!r}")


def ask(data: bytes, errors: list[BaseException] | None = None) -> bytes:
    """Send bytes and return everything that comes back."""

    async def main() -> bytes:
        server = HttpServer(echo, (errors if errors is not None else []).append)
        await server.listen("127.0.0.1", 0)
        host, _, port = server.address.rpartition(":")
        try:
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(data)
            answer = await asyncio.wait_for(reader.read(), 5)
            writer.close()
            return answer
        finally:
            server.close()

    return asyncio.run(main())


def test_a_request() -> None:
    answer = ask(b"POST /a%20b?x=1&y HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Connection: close" in head
    assert body == b"POST /a b [('x', '1'), ('y', '')] b'abc'"


def test_a_body_in_pieces_and_none_for_head() -> None:
    assert ask(b"GET /pieces HTTP/1.1\r\nHost: h\r\n\r\n").endswith(b"\r\n\r\none two")
    assert ask(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n").endswith(b"\r\n\r\n")


def test_a_failure_costs_one_request() -> None:
    errors: list[BaseException] = []
    assert ask(b"GET /fail HTTP/1.1\r\nHost: h\r\n\r\n", errors).startswith(b"HTTP/1.1 500 ")
    assert [str(error) for error in errors] == ["oh"]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nbad header\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nname : x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * 20000 + b"\r\n\r\n", 431),
    ],
)
def test_limits(data: bytes, status: int) -> None:
    assert ask(data).startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("[::1]", True),
        ("LOCALHOST", True),
        ("a.localhost", True),
        ("10.0.0.1", False),
        ("127.0.0.1.example", False),
        ("", False),
    ],
)
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
