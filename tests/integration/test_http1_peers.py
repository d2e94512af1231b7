"""HTTP/1.1 through the real proxy, between programs that others wrote: curl, nginx, websockets."""

import asyncio
import hashlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from pymosn import snapshot as model
from tests.support.wire import PATIENCE, Proxy, eventually, running, snapshot

CURL = shutil.which("curl")
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
SIZE = 30_000_001

NGINX_CONF = """
daemon off; master_process off; worker_processes 1; pid {root}/pid; error_log {root}/log;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_max_body_size 0; keepalive_requests 20;
  client_body_temp_path {root}/t; proxy_temp_path {root}/t; fastcgi_temp_path {root}/t;
  uwsgi_temp_path {root}/t; scgi_temp_path {root}/t;
  server {{
    listen 127.0.0.1:{port}; root {root}/www;
    location = /echo-head {{
      return 200 "$request_method $request_uri $http_host $server_protocol";
    }}
    location /upload/ {{
      # The body has to be received before this is answered: it is proxied to /taken.
      proxy_pass http://127.0.0.1:{port}/taken; proxy_set_header X-Length $content_length;
      proxy_request_buffering on;
    }}
    location = /taken {{ return 200 "$content_length"; }}
    location = /refuse {{ return 403; }}
    location = /moved {{ return 302 /file; }}
    location = /nothing {{ return 204; }}
  }}
}}
"""


@pytest.fixture(scope="module")
def www(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("nginx")
    (root / "www").mkdir()
    (root / "www" / "file").write_bytes(b"0123456789" * 100)
    (root / "www" / "large").write_bytes(bytes(range(251)) * (SIZE // 251 + 1))
    return root


@pytest.fixture(scope="module")
def nginx(www: Path) -> Iterator[str]:
    """An nginx that serves ``www``; its address."""
    if NGINX is None:
        pytest.skip("nginx is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (www / "conf").write_text(NGINX_CONF.format(root=www, port=port))
    process = subprocess.Popen(
        [NGINX, "-p", str(www), "-c", str(www / "conf"), "-e", str(www / "log")],
        stderr=subprocess.DEVNULL,
    )

    def listens() -> bool:
        assert process.poll() is None, (www / "log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        eventually(listens, "nginx does not start")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.fixture(scope="module")
def proxy(nginx: str) -> Iterator[Proxy]:
    with running(snapshot([nginx])) as proxy:
        yield proxy


def curl(*arguments: str, data: bytes | None = None) -> bytes:
    """Run curl and return what it printed."""
    if CURL is None:
        pytest.skip("curl is not installed")
    return subprocess.run(
        [
            CURL,
            "--silent",
            "--show-error",
            "--max-time",
            str(4 * PATIENCE),
            "--noproxy",
            "*",
            *arguments,
        ],
        input=data,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["{url}/file"], b"0123456789" * 100),
        (["--http1.0", "{url}/file"], b"0123456789" * 100),
        (
            ["--http1.0", "-H", "Connection: keep-alive", "{url}/file", "{url}/file"],
            b"0123456789" * 200,
        ),
        (["--range", "5-8", "{url}/file"], b"5678"),
        (["--range", "-3", "{url}/file"], b"789"),
        (["-L", "{url}/moved"], b"0123456789" * 100),
        (["{url}/nothing", "{url}/file"], b"0123456789" * 100),
        (["-H", "Host: b", "{url}/echo-head?x=%20"], b"GET /echo-head?x=%20 b HTTP/1.1"),
        (["-H", "Host: b", "--http1.0", "{url}/echo-head"], b"GET /echo-head b HTTP/1.1"),
        (["-X", "DELETE", "-H", "Host: b", "{url}/echo-head"], b"DELETE /echo-head b HTTP/1.1"),
        (["-o", "/dev/null", "-w", "%{{http_code}}", "{url}/missing"], b"404"),
        (
            ["-I", "-o", "/dev/null", "-w", "%{{http_code}} %{{size_download}}", "{url}/file"],
            b"200 0",
        ),
        (["-d", "abc", "{url}/upload/"], b"3"),
        (["-d", "abc", "-H", "Transfer-Encoding: chunked", "{url}/upload/"], b"3"),
        (
            [
                "-d",
                "abc",
                "-H",
                "Expect: 100-continue",
                "--expect100-timeout",
                "60",
                "{url}/upload/",
            ],
            b"3",
        ),
        (["-d", "", "{url}/upload/"], b"0"),
        (["{url}/file"] * 30, b"0123456789" * 3000),
    ],
)
def test_curl(proxy: Proxy, arguments: list[str], expected: bytes) -> None:
    arguments = [argument.format(url=proxy.url) for argument in arguments]
    assert curl(*arguments) == expected


def test_absolute_form(proxy: Proxy) -> None:
    """A client that takes us for its proxy."""
    if CURL is None:
        pytest.skip("curl is not installed")
    result = subprocess.run(
        [CURL, "--silent", "--proxy", proxy.url, "http://b.example:81/echo-head"],
        stdout=subprocess.PIPE,
        check=True,
    )
    assert result.stdout == b"GET /echo-head b.example:81 HTTP/1.1"


@pytest.mark.parametrize("version", ["--http1.1", "--http1.0"])
def test_a_large_download(proxy: Proxy, www: Path, version: str) -> None:
    expected = hashlib.sha256((www / "www" / "large").read_bytes()).digest()
    assert hashlib.sha256(curl(version, f"{proxy.url}/large")).digest() == expected


@pytest.mark.parametrize("header", ["X: y", "Transfer-Encoding: chunked", "Expect: 100-continue"])
def test_a_large_upload(proxy: Proxy, header: str) -> None:
    data = b"x" * SIZE
    printed = curl("-T", "-", "-H", header, f"{proxy.url}/upload/", data=data)
    assert printed == b"%d" % SIZE


def test_an_upload_that_is_refused(proxy: Proxy) -> None:
    printed = curl(
        "-T", "-", "-o", "/dev/null", "-w", "%{http_code}", f"{proxy.url}/refuse", data=b"x" * SIZE
    )
    assert printed == b"403"


# -- WebSocket -------------------------------------------------------------------------------------


@pytest.mark.parametrize("closes", ["client", "server"])
def test_websocket(closes: str) -> None:
    """Messages of all sizes in both directions, pings, and the closing handshake."""
    sizes = (0, 1, 125, 126, 65535, 65536, 5_000_000)
    codes = []

    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            if message == "end":
                await connection.close(4001, "enough")
                break
            await connection.send(message)
        await connection.wait_closed()
        codes.append(connection.close_code)

    async def main() -> None:
        async with serve(echo, "127.0.0.1", 0, max_size=None, compression=None) as server:
            port = server.sockets[0].getsockname()[1]
            configuration = snapshot(
                [f"127.0.0.1:{port}"], route=model.Forward(timeout=1.0, upgrade_idle_timeout=60.0)
            )
            with running(configuration, quiet=False) as proxy:
                async with asyncio.timeout(4 * PATIENCE):
                    await client(proxy)
                await asyncio.to_thread(proxy.assert_quiet)

    async def client(proxy: Proxy) -> None:
        async with connect(
            f"ws://127.0.0.1:{proxy.port}/chat", max_size=None, proxy=None
        ) as socket:
            for size in sizes:
                await socket.send(b"x" * size)
                assert await socket.recv() == b"x" * size
            await asyncio.gather(*(socket.send(f"{number}") for number in range(500)))
            assert [await socket.recv() for _ in range(500)] == [f"{n}" for n in range(500)]
            await (await socket.ping())
            # An upgraded connection is not an exchange that has to be over in time.
            await asyncio.sleep(1.5)
            if closes == "client":
                await socket.close(1001, "bye")
            else:
                await socket.send("end")
                with pytest.raises(websockets.ConnectionClosed):
                    await socket.recv()
                assert socket.close_code == 4001
                assert socket.close_reason == "enough"

    asyncio.run(main())
    assert codes == [1001 if closes == "client" else 4001]
