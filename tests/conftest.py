"""Fixtures for tests that need real processes."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.origin import Origin, Respond
from tests.support.process import Proxy, fetch, wait_until


@pytest.fixture
def directory() -> Iterator[Path]:
    """Return a temporary directory with a short name: socket paths must fit into 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix="pymosn-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def pymosn() -> Iterator[Callable[..., Proxy]]:
    """Return what starts a pymosn: ``pymosn(config, *flags) -> Proxy``; all end with the test.

    Options are those of ``Proxy``.
    """
    started: list[tuple[Proxy | None, Path]] = []

    def start(config: Mapping[str, Any], *flags: str, **options: Any) -> Proxy:
        path = Path(tempfile.mkdtemp(prefix="pymosn-"))
        started.append((None, path))
        proxy = Proxy.__new__(Proxy)
        started[-1] = (proxy, path)
        Proxy.__init__(proxy, path, config, *flags, **options)
        return proxy

    yield start
    for proxy, path in started:
        if proxy is not None and hasattr(proxy, "process"):
            proxy.kill()
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def origin() -> Iterator[Origin]:
    """Return an origin that answers with its name."""
    with Origin() as server:
        yield server


@pytest.fixture
def make_origin() -> Iterator[Callable[..., Origin]]:
    """Return what starts an origin: ``make_origin(name, respond) -> Origin``."""
    started: list[Origin] = []

    def start(name: str = "origin", respond: Respond | None = None) -> Origin:
        server = Origin(name, respond)
        server.__enter__()
        started.append(server)
        return server

    yield start
    for server in started:
        server.__exit__(None, None, None)


_NGINX = """
daemon off; master_process off; pid {directory}/pid; error_log {directory}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_body_temp_path {directory}; proxy_temp_path {directory};
  fastcgi_temp_path {directory}; uwsgi_temp_path {directory}; scgi_temp_path {directory};
  keepalive_requests 1000000; client_max_body_size 0;
  server {{
    listen 127.0.0.1:{port} reuseport; root {directory};
    location = / {{ return 200 "nginx\\n"; }}
  }}
}}
"""


@pytest.fixture
def nginx(directory: Path) -> Iterator[str]:
    """Return the address of an nginx that answers ``/`` and serves files of ``directory``."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("nginx is not installed")
    port = free_port()
    config = directory / "nginx.conf"
    config.write_text(_NGINX.format(directory=directory, port=port), encoding="ascii")
    process = subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL)

    def answers() -> bool:
        try:
            return fetch(f"127.0.0.1:{port}").status == 200
        except OSError:
            return False

    try:
        wait_until(answers)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    """Return a port that was free a moment ago."""
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
