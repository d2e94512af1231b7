"""One request, and its reply compared byte for byte."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from bench.credentials import SERVER_NAME, client_context
from bench.processes import BenchError
from bench.rpc import check_calls
from bench.scenarios import LARGE_BYTES, SMALL_BODY, Scenario, route_host, route_prefix
from bench.target import Target


def check_reply(target: Target, timeout: float = 5.0) -> None:
    """BenchError or OSError when the reply is wrong."""
    if target.scenario.rpc:
        check_calls(target)
        return
    if target.scenario.http2:
        status, body = _ask_http2(target, timeout)
    else:
        with _connect(target, timeout) as connection:
            connection.sendall(request_head(target.scenario))
            status, body = read_reply(connection)
    right = SMALL_BODY if target.scenario.body_bytes == len(SMALL_BODY) else large_body()
    if status != 200 or body != right:
        raise BenchError(f"the first reply is wrong: status {status}, {len(body)} bytes")


def request_head(scenario: Scenario) -> bytes:
    """A GET of what the scenario asks for; the last of all where it asks for many things."""
    host, path, last = SERVER_NAME, scenario.path, scenario.asked - 1
    if scenario.asked and scenario.by_host:
        host = route_host(last)
    elif scenario.asked:
        path = route_prefix(last) + "item"
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


def read_reply(connection: socket.socket) -> tuple[int, bytes]:
    """Read one reply with a Content-Length from a connection; its status and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _receive(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    lengths = [x.split(b":")[1] for x in lines if x.lower().startswith(b"content-length:")]
    if len(lengths) != 1:
        raise BenchError(f"a reply without one Content-Length: {lines[0]!r}")
    parts = [body]
    missing = int(lengths[0]) - len(body)
    while missing > 0:
        parts.append(_receive(connection))
        missing -= len(parts[-1])
    return int(lines[0].split()[1]), b"".join(parts)


def large_body() -> bytes:
    """The content of the origin's large file: each line says where it stands."""
    return b"".join(b"%015d\n" % offset for offset in range(0, LARGE_BYTES, 16))


def parse_nghttp(output: bytes) -> tuple[int, bytes]:
    """Status and body from what `nghttp -s` prints: the body, then a table with one row."""
    body, mark, table = output.rpartition(b"***** Statistics *****")
    words = table.splitlines()[-1].split() if mark else []
    # id, responseEnd, requestStart, process, code, size, path
    if len(words) != 7 or not words[4].isdigit():
        raise BenchError("nghttp got no reply")
    return int(words[4]), body


@contextmanager
def _connect(target: Target, timeout: float) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", target.port), timeout) as plain:
        if target.credentials is None:
            yield plain
            return
        context = client_context(target.credentials.certificate)
        with context.wrap_socket(plain, server_hostname=SERVER_NAME) as secure:
            yield secure


def _ask_http2(target: Target, timeout: float) -> tuple[int, bytes]:
    if shutil.which("nghttp") is None:
        raise BenchError("nghttp is not installed (Debian: apt-get install nghttp2-client)")
    argv = ["nghttp", "--stat", f"--timeout={timeout:.0f}", target.url]
    done = subprocess.run(argv, check=False, capture_output=True, timeout=timeout + 5)
    return parse_nghttp(done.stdout)


def _receive(connection: socket.socket) -> bytes:
    data = connection.recv(1 << 18)
    if not data:
        raise BenchError("the connection was closed before the reply was complete")
    return data
