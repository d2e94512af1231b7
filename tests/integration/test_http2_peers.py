"""HTTP/2 through the real proxy, between programs that others wrote: curl, nghttp, h2load, nginx,
HAProxy."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.wire import PATIENCE, Proxy, eventually, running, snapshot

PATHS = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
SIZE = 5_000_001

NGINX_CONF = """
daemon off; master_process off; worker_processes 1; pid {root}/pid; error_log {root}/log;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_max_body_size 0; http2_max_requests 100000;
  client_body_temp_path {root}/t; proxy_temp_path {root}/t; fastcgi_temp_path {root}/t;
  uwsgi_temp_path {root}/t; scgi_temp_path {root}/t;
  server {{ listen 127.0.0.1:{plain}; {locations} }}
  server {{ listen 127.0.0.1:{h2c} http2; {locations} }}
}}
"""
LOCATIONS = """
    root %s/www;
    location = /seen {
      return 200 "$server_protocol $request_method $request_uri $http_host $http_cookie $http_te";
    }
    location = /upload { proxy_pass http://127.0.0.1:%d/taken; proxy_set_header X $content_length; }
    location = /taken { return 200 "$content_length"; }
    location = /refuse { return 403; }
    location = /nothing { return 204; }
"""

HAPROXY_CONF = """
global
  nbthread 1
  quiet
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend in
  bind 127.0.0.1:{port}{listen}
  default_backend out
backend out
  server s 127.0.0.1:{target}{speak}
"""


def program(name: str) -> str:
    found = shutil.which(name, path=PATHS)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def started(command: list[str], port: int, log: Path) -> "subprocess.Popen[bytes]":
    """Run a server until it listens."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)

    def listens() -> bool:
        assert process.poll() is None, log.read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    eventually(listens, f"{command[0]} does not start")
    return process


def output(*command: str, data: bytes | None = None) -> str:
    done = subprocess.run(
        command, input=data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        timeout=4 * PATIENCE,
    )  # fmt: skip
    text = done.stdout.decode("latin-1")
    assert done.returncode == 0, text
    return text


def curl(*arguments: str, data: bytes | None = None) -> str:
    return output(
        program("curl"), "--silent", "--show-error", "--max-time", "60", "--noproxy", "*",
        *arguments, data=data,
    )  # fmt: skip


class Origin:
    """One nginx that speaks HTTP/1.1 on one port and HTTP/2 on another."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.plain = free_port()
        self.h2c = free_port()

    def address(self, protocol: str) -> str:
        return f"127.0.0.1:{self.h2c if protocol == 'Http2' else self.plain}"


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    root = tmp_path_factory.mktemp("nginx")
    (root / "www").mkdir()
    (root / "www" / "file").write_bytes(b"0123456789" * 100)
    (root / "www" / "large").write_bytes((bytes(range(251)) * (SIZE // 251 + 1))[:SIZE])
    found = Origin(root)
    locations = LOCATIONS % (root, found.plain)
    text = NGINX_CONF.format(root=root, plain=found.plain, h2c=found.h2c, locations=locations)
    (root / "conf").write_text(text)
    command = [program("nginx"), "-p", str(root), "-c", f"{root}/conf", "-e", f"{root}/log"]
    process = started(command, found.plain, root / "out")
    yield found
    process.terminate()
    process.wait(PATIENCE)


PAIRS = [("Http2", "Http1"), ("Http2", "Http2"), ("Http1", "Http2")]


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def pair(request: pytest.FixtureRequest, origin: Origin) -> Iterator[tuple[Proxy, list[str]]]:
    """A proxy for one pair of protocols, and curl's option for the downstream one."""
    down, up = request.param
    settings = {"protocols": [down], "upstream_protocol": up}
    with running(snapshot([origin.address(up)], proxy=settings)) as proxy:
        yield proxy, ["--http2-prior-knowledge"] if down == "Http2" else ["--http1.1"]


def test_get(pair: tuple[Proxy, list[str]]) -> None:
    proxy, option = pair
    assert curl(*option, f"{proxy.url}/file") == "0123456789" * 100


def test_what_the_origin_sees(pair: tuple[Proxy, list[str]], origin: Origin) -> None:
    proxy, option = pair
    fields = ["-H", "Host: example.org:81", "-H", "Cookie: a=b; c=d"]
    seen = curl(*option, *fields, f"{proxy.url}/seen?x=%20y")
    version, rest = seen.split(" ", 1)
    assert version in ("HTTP/1.1", "HTTP/2.0")
    assert rest == "GET /seen?x=%20y example.org:81 a=b; c=d "


@pytest.mark.parametrize(
    ("path", "status"), [("/refuse", 403), ("/nothing", 204), ("/none", 404)],
)
def test_statuses(pair: tuple[Proxy, list[str]], path: str, status: int) -> None:
    proxy, option = pair
    told = curl(*option, "-o", os.devnull, "-w", "%{http_code}", f"{proxy.url}{path}")
    assert told == str(status)


def test_head(pair: tuple[Proxy, list[str]]) -> None:
    proxy, option = pair
    told = curl(*option, "--head", f"{proxy.url}/file").lower()
    assert "content-length: 1000" in told


def test_large_download(pair: tuple[Proxy, list[str]], origin: Origin, tmp_path: Path) -> None:
    proxy, option = pair
    curl(*option, "-o", str(tmp_path / "got"), f"{proxy.url}/large")
    assert (tmp_path / "got").read_bytes() == (origin.root / "www" / "large").read_bytes()


@pytest.mark.parametrize("chunked", [False, True], ids=["sized", "unsized"])
def test_large_upload(pair: tuple[Proxy, list[str]], chunked: bool) -> None:
    proxy, option = pair
    more = ["-H", "Transfer-Encoding: chunked"] if chunked and "--http1.1" in option else []
    source = ["-T", "-"] if chunked else ["--data-binary", "@-"]
    told = curl(*option, *more, *source, "-X", "POST", f"{proxy.url}/upload", data=bytes(SIZE))
    assert told == str(SIZE)


def test_expect_continue(pair: tuple[Proxy, list[str]]) -> None:
    proxy, option = pair
    told = curl(*option, "-H", "Expect: 100-continue", "--data-binary", "@-", f"{proxy.url}/upload",
                data=bytes(100_000))  # fmt: skip
    assert told == "100000"


@pytest.mark.parametrize("option", ["--http1.1", "--http2-prior-knowledge"])
def test_detection_hands_over_once(origin: Origin, option: str) -> None:
    """A first request that takes several reads belongs to one connection of its protocol; what
    would be left over of another is found when the proxy ends."""
    settings = {"protocols": ["Http1", "Http2"], "upstream_protocol": "Http1"}
    with running(snapshot([origin.address("Http1")], proxy=settings)) as proxy:
        for _ in range(10):
            told = curl(option, "--data-binary", "@-", f"{proxy.url}/upload", data=bytes(300_000))
            assert told == "300000"


def test_nghttp(origin: Origin) -> None:
    """Several streams on one connection, with priorities and padding; content compared by size."""
    settings = {"protocols": ["Http2"], "upstream_protocol": "Http2"}
    with running(snapshot([origin.address("Http2")], proxy=settings)) as proxy:
        urls = [f"{proxy.url}/{name}" for name in ("file", "large", "seen", "nothing")]
        told = output(program("nghttp"), "-nv", "--no-dep", "-b", "50", "-m", "3", *urls)
        assert told.count(":status: 200") == 9
        assert told.count(":status: 204") == 3
        assert "GOAWAY" not in told.split("recv")[-1] or "NO_ERROR" in told
        output(program("nghttp"), "-n", "--trailer", "x: y", "-d", str(origin.root / "www/file"),
               f"{proxy.url}/upload")  # fmt: skip


@pytest.mark.parametrize("up", ["Http1", "Http2"])
def test_h2load(origin: Origin, up: str) -> None:
    settings = {"protocols": ["Http2"], "upstream_protocol": up}
    with running(snapshot([origin.address(up)], proxy=settings)) as proxy:
        told = output(program("h2load"), "-n", "4000", "-c", "8", "-m", "16", f"{proxy.url}/file")
        assert "4000 succeeded, 0 failed, 0 errored, 0 timeout" in told
        assert "status codes: 4000 2xx" in told


def test_upgrade_to_h2c(origin: Origin) -> None:
    settings = {"protocols": ["Http1", "Http2"], "upstream_protocol": "Http1"}
    with running(snapshot([origin.address("Http1")], proxy=settings)) as proxy:
        told = curl("--http2", "-w", "%{http_version}", f"{proxy.url}/file", f"{proxy.url}/file")
        assert told == ("0123456789" * 100 + "2") * 2
        told = curl("--http1.1", "-w", "%{http_version}", f"{proxy.url}/file")
        assert told.endswith("1.1")
        told = curl("--http2-prior-knowledge", "-w", "%{http_version}", f"{proxy.url}/file")
        assert told.endswith("2")
        # A body keeps the request in HTTP/1.1, as the client is told by the absence of a 101.
        told = curl("--http2", "--data-binary", "@-", f"{proxy.url}/upload", data=bytes(70000))
        assert told == "70000"


@pytest.mark.parametrize("side", ["client", "server"])
def test_haproxy(origin: Origin, tmp_path: Path, side: str) -> None:
    """HAProxy speaks HTTP/2 with us, once as our client, once as our origin."""
    port = free_port()
    if side == "server":
        text = HAPROXY_CONF.format(port=port, listen=" proto h2", target=origin.plain, speak="")
        hosts, down = [f"127.0.0.1:{port}"], "Http1"
    else:
        hosts, down = [origin.address("Http2")], "Http2"
        text = ""
    settings = {"protocols": [down], "upstream_protocol": "Http2"}
    with running(snapshot(hosts, proxy=settings), quiet=False) as proxy:
        if side == "client":
            text = HAPROXY_CONF.format(port=port, listen="", target=proxy.port, speak=" proto h2")
        (tmp_path / "conf").write_text(text)
        process = started(
            [program("haproxy"), "-db", "-f", str(tmp_path / "conf")], port, tmp_path / "log"
        )
        try:
            url = f"http://127.0.0.1:{port}" if side == "client" else proxy.url
            assert curl(f"{url}/file") == "0123456789" * 100
            curl("-o", str(tmp_path / "got"), f"{url}/large")
            assert (tmp_path / "got").stat().st_size == SIZE
            assert curl("--data-binary", "@-", f"{url}/upload", data=bytes(SIZE)) == str(SIZE)
            told = curl("--parallel", "-w", "<%{http_code}>", f"{url}/nothing?[1-300]")
            assert told.count("<204>") == 300
        finally:
            process.terminate()
            process.wait(PATIENCE)
