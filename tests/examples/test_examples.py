"""Every example is valid, and does what its README says; on free ports instead of its own."""

import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pymosn.lifecycle.control import ask
from tests.support import packages
from tests.support.process import Reply, command, environment, fetch, run, wait_until

EXAMPLES = Path(__file__).parents[2] / "examples"
CONFIGS = sorted(EXAMPLES.glob("*/config.*"))
PORTS = (8080, 8081, 8443, 9000, 9001, 9009, 9100, 9443, 34901)
"""Ports that the examples name."""

class Example:
    """A copy of an example with free ports, and what runs of it."""

    def __init__(self, name: str, directory: Path) -> None:
        self.directory = directory / "conf" / name
        leftovers = shutil.ignore_patterns("*.sock", "logs", "__pycache__")
        shutil.copytree(EXAMPLES / name, self.directory, ignore=leftovers)
        self.ports = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
        self.file = next(self.directory.glob("config.*"), None)
        if self.file is not None:
            text = self.file.read_text(encoding="utf-8")
            self.file.write_text(self._with_free_ports(text), encoding="utf-8")
        self.pid_file = self.directory.parent / "logs" / "mosn.pid"
        self.output = self.directory / "output.txt"
        self._stack: list[Any] = []

    def start(self) -> None:
        """Run ``pymosn start`` in the directory of the example."""
        assert self.file is not None
        process = self.spawn(command("start", "-c", self.file.name))
        wait_until(lambda: self._ready(process), 20, self.printed)

    def spawn(self, arguments: list[str]) -> "subprocess.Popen[bytes]":
        """Start a program in the directory of the example; it ends with the test."""
        found = environment()
        found["PYTHONPATH"] = os.pathsep.join((str(self.directory), found["PYTHONPATH"]))
        with self.output.open("ab") as output:
            process = subprocess.Popen(
                arguments, cwd=self.directory, env=found, stdout=output, stderr=subprocess.STDOUT
            )
        self._stack.append(process)
        return process

    def origin(self, *ports: int) -> None:
        """Start the origin of the examples on what has become of these ports."""
        module = _load(EXAMPLES / "origin.py")
        for port in ports:
            self.serve(module.make_server(str(self.ports[port])))

    def serve(self, server: Any) -> None:
        """Run a server in a thread until the test ends."""
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        self._stack.append(server)

    def get(self, path: str = "/", port: int = 8080, **options: Any) -> Reply:
        """Send a request to one of the example's ports."""
        return fetch(f"127.0.0.1:{self.ports[port]}", path, timeout=5, **options)

    def stats(self, pattern: str) -> dict[str, int]:
        """Return the metrics that match a glob."""
        lines = self.get(f"/api/v1/stats_glob?key={pattern}", port=34901).text.splitlines()
        pairs = (line.rpartition(":") for line in lines)
        return {name: int(value) for name, _, value in pairs}

    def printed(self) -> str:
        """Return what everything has printed."""
        return self.output.read_text(encoding="utf-8") if self.output.exists() else ""

    def close(self) -> None:
        """End what runs."""
        for item in reversed(self._stack):
            if isinstance(item, subprocess.Popen):
                item.terminate()
                with suppress(subprocess.TimeoutExpired):
                    item.wait(10)
                item.kill()
                item.wait(5)
            else:
                item.shutdown()
                item.server_close()

    def _ready(self, process: "subprocess.Popen[bytes]") -> bool:
        assert process.poll() is None, self.printed()
        with suppress(OSError, ValueError):
            return bool(ask(str(self.pid_file), "status", timeout=5)["state"] == 6)
        return False

    def _with_free_ports(self, text: str) -> str:
        names = "|".join(map(str, PORTS))
        return re.sub(rf"\b({names})\b", lambda found: str(self.ports[int(found[1])]), text)


@contextmanager
def running(name: str, directory: Path, *origins: int) -> Iterator[Example]:
    """Run an example with origins on these of its ports."""
    example = Example(name, directory)
    try:
        example.origin(*origins)
        if example.file is not None:
            example.start()
        yield example
    finally:
        example.close()


def test_each_example_is_described() -> None:
    overview = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for directory in (path for path in EXAMPLES.iterdir() if path.is_dir()):
        if directory.name.startswith((".", "_")) or directory.name == "logs":
            continue
        assert (directory / "README.md").exists(), directory.name
        assert f"({directory.name}/README.md)" in overview


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.parent.name)
def test_configuration_is_valid(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if (config.parent / "certificates.sh").exists():
        shutil.copytree(config.parent, tmp_path / "example")
        monkeypatch.chdir(tmp_path / "example")
        _make_certificates(tmp_path / "example")
    result = run("validate", "-c", str(config), "--strict")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [f"{config} is valid"]


def test_http_proxy(tmp_path: Path) -> None:
    with running("http-proxy", tmp_path, 9000, 9001) as example:
        seen = example.get("/hello?x=1").json()
        assert seen["target"] == "/hello?x=1"
        assert seen["headers"]["host"] == f"127.0.0.1:{example.ports[8080]}"
        both = {example.get().json()["origin"] for _ in range(2)}
        assert both == {str(example.ports[9000]), str(example.ports[9001])}
        assert example.file is not None
        assert run("reload", "-c", str(example.file)).stdout == "configuration 2 is served\n"
        example.file.write_text("{", encoding="utf-8")
        refused = run("reload", "--pid-file", str(example.pid_file))
        assert refused.returncode == 1
        assert "malformed JSON" in refused.stderr
        assert example.get("/still").status == 200


def test_http2(tmp_path: Path) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    with running("http2", tmp_path, 9000, 9001) as example:
        url = f"http://127.0.0.1:{example.ports[8080]}/hello"
        for option, version in (
            ("--http2-prior-knowledge", "2"),
            ("--http2", "2"),
            ("--http1.1", "1.1"),
        ):
            told = subprocess.run(
                [curl, "-s", "--noproxy", "*", option, "-w", "\n%{http_version}", url],
                capture_output=True, text=True, check=True, timeout=60,
            ).stdout  # fmt: skip
            body, _, spoken = told.rpartition("\n")
            assert spoken == version
            assert json.loads(body)["target"] == "/hello"


def test_short_form(tmp_path: Path) -> None:
    with running("short-form", tmp_path, 9000, 9001) as example:
        assert example.get().status == 200
        assert example.file is not None
        expanded = json.loads(run("config", "expand", "-c", str(example.file)).stdout)
        assert expanded["servers"][0]["processor"] == 1
        text = example.file.read_text(encoding="utf-8").replace("retries", "retires")
        example.file.write_text(text, encoding="utf-8")
        assert 'did you mean "retries"?' in run("validate", "-c", str(example.file)).stdout


def test_routing(tmp_path: Path) -> None:
    with running("routing", tmp_path, 9000, 9001) as example:
        blue, green = str(example.ports[9000]), str(example.ports[9001])
        assert example.get("/healthz").text == "ok\n"
        moved = example.get("/old/page?q=1")
        assert moved.status == 308
        assert moved.headers["Location"].endswith(f":{example.ports[8080]}/new/?q=1")
        assert example.get("/x", headers={"Host": "blue.example.com"}).json()["origin"] == blue
        assert example.get("/api/x", method="POST", body=b"hi").json()["origin"] == green
        assert example.get("/api/x", headers={"x-version": "2.1"}).json()["origin"] == green
        assert example.get("/user/42").json()["target"] == "/users/42.json"
        file = example.get("/files/a.txt", headers={"Cookie": "a=b"})
        assert file.headers["cache-control"] == "no-store"
        assert file.json()["target"] == "/static/a.txt"
        assert file.json()["headers"]["x-client"] == "127.0.0.1"
        assert "cookie" not in file.json()["headers"]
        origins = [example.get().json()["origin"] for _ in range(60)]
        assert origins.count(blue) > origins.count(green)


def test_retries_and_timeouts(tmp_path: Path) -> None:
    with running("retries-and-timeouts", tmp_path, 9000, 9001) as example:
        assert [example.get("/flaky").status for _ in range(3)] == [200, 200, 200]
        late = example.get("/sleep/3")
        assert (late.status, late.text) == (504, "upstream request timeout\n")
        before = example.stats("upstream.cluster.origins.request_retry")
        assert example.get("/status/503").status == 503
        after = example.stats("upstream.cluster.origins.request_retry")
        assert sum(after.values()) - sum(before.values()) == 3
        assert example.get("/status/502").status == 502
        assert [example.get("/dead").status for _ in range(4)] == [200] * 4
        assert sum(example.stats("upstream.cluster.dead.host.*.connection_con_fail").values()) > 0


def test_mirroring(tmp_path: Path) -> None:
    with running("mirroring", tmp_path, 9000, 9001) as example:
        assert example.get("/").status == 200
        assert example.get("/", method="POST", body=b"hello").status == 200
        counted = example.stats("upstream.cluster.shadow.request_total")
        assert list(counted.values()) == [2]


def test_tcp_proxy(tmp_path: Path) -> None:
    with running("tcp-proxy", tmp_path, 9000, 9001) as example:
        assert example.get("/hello").json()["target"] == "/hello"
        wait_until(lambda: " out, " in example.printed(), 5, example.printed)


def test_unix_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running("unix-sockets", tmp_path, 9000) as example:
        monkeypatch.chdir(example.directory)
        example.serve(_load(EXAMPLES / "origin.py").make_server("unix:origin.sock"))
        assert example.get("/outbound").json()["origin"] == "unix:origin.sock"
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect("proxy.sock")
            client.sendall(b"GET /inbound HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            received = b"".join(iter(lambda: client.recv(65536), b""))
        assert f'"origin": "{example.ports[9000]}"'.encode() in received
    assert not (example.directory / "proxy.sock").exists()


def test_tls(tmp_path: Path) -> None:
    example = Example("tls", tmp_path)
    try:
        _make_certificates(example.directory)
        example.origin(9000, 9001)
        example.start()
        front = example.ports[8443]
        assert _ask_over_tls(example, "web.test", front)["origin"] == str(example.ports[9000])
        through = _ask_over_tls(example, "one.api.test", front)
        assert through["origin"] == str(example.ports[9001])
        seen = through["headers"]["x-forwarded-client-cert"]
        assert "URI=spiffe://example.test/front" in seen
        with pytest.raises(ssl.SSLError):
            _ask_over_tls(example, "back.test", example.ports[9443])
        with pytest.raises(ssl.SSLCertVerificationError):
            _ask_over_tls(example, "nobody.test", front)
        _make_certificates(example.directory)
        wait_until(lambda: "certificates were read anew" in example.printed(), 10, example.printed)
    finally:
        example.close()


def test_access_log(tmp_path: Path) -> None:
    with running("access-log", tmp_path, 9000) as example:
        logs = example.directory / "logs"
        text, objects = logs / "access.log", logs / "access.json"
        example.get("/hello?a=1")
        example.get("/status/503", port=8081)
        wait_until(lambda: text.read_text() and objects.read_text(), 5, example.printed)
        assert '127.0.0.1 "GET /hello?a=1" 200 ' in text.read_text()
        line = json.loads(objects.read_text())
        assert (line["method"], line["path"], line["status"]) == ("GET", "/status/503", 503)
        assert line["upstream"] == f"127.0.0.1:{example.ports[9000]}"
        assert line["flags"] is None
        text.rename(text.with_suffix(".1"))
        os.kill(ask(str(example.pid_file), "status")["pid"], signal.SIGUSR1)
        wait_until(text.exists, 5, example.printed)
        example.get("/after")
        wait_until(lambda: "GET /after" in text.read_text(), 5, example.printed)


def test_metrics(tmp_path: Path) -> None:
    with running("metrics", tmp_path, 9000, 9001) as example:
        for _ in range(4):
            example.get()
        name = "downstream_request_total"
        text = example.get("/metrics", port=9100).text
        assert f'{name}{{listener="web"}} 4.0\n' in text
        assert f'{name}{{proxy="global"}} 4.0\n' in text
        assert 'upstream_request_total{cluster="origins"} 4.0\n' in text
        found = example.stats("upstream.cluster.origins.request_*")
        assert found["upstream.cluster.origins.request_total"] == 4
        assert len(example.get("/api/v1/workers", port=34901).json()) == 2
        assert "mosn_config" in example.get("/api/v1/config_dump", port=34901).json()
        assert example.get("/readyz", port=34901).text == "ok\n"


def test_python_filter(tmp_path: Path) -> None:
    with running("python-filter", tmp_path, 9000, 9001) as example:
        refused = example.get()
        assert (refused.status, refused.text) == (401, "who are you?\n")
        served = example.get(headers={"x-token": "s3cret"})
        assert served.status == 200
        assert served.headers["x-served-for"] == "ann"
        headers = served.json()["headers"]
        assert headers["x-user"] == "ann"
        assert headers["x-quota"] == "ok"
        assert "x-token" not in headers


def test_python_filter_without_its_service(tmp_path: Path) -> None:
    with running("python-filter", tmp_path, 9000) as example:
        assert example.get(headers={"x-token": "s3cret"}).json()["headers"]["x-quota"] == "unknown"


def test_python_protocol(tmp_path: Path) -> None:
    with running("python-protocol", tmp_path) as example:
        server = example.spawn([sys.executable, "server.py", str(example.ports[9000])])

        def calls(service: str, *names: str) -> list[str]:
            done = subprocess.run(
                [sys.executable, "client.py", str(example.ports[8080]), service, *names],
                cwd=example.directory, env=environment(), capture_output=True, text=True,
                timeout=30, check=True,
            )  # fmt: skip
            return sorted(done.stdout.splitlines())

        wait_until(lambda: calls("greeter", "x") == ["0 ok: hello x"], 20, example.printed)
        assert calls("greeter", "ann", "bob") == ["0 ok: hello ann", "1 ok: hello bob"]
        assert calls("baker", "ann") == ["0 failed: 404 no route found"]
        wait_until(
            lambda: "pigeon:Pigeon greeter id=1 status=200" in example.printed(), 10,
            example.printed,
        )
        server.terminate()
        server.wait(10)
        assert calls("greeter", "ann") == ["0 failed: 502 upstream connect failure"]


def test_websocket(tmp_path: Path) -> None:
    client = pytest.importorskip("websockets.sync.client")
    with running("websocket", tmp_path) as example:
        example.spawn([sys.executable, "echo.py", str(example.ports[9000])])
        wait_until(lambda: "echoing on" in example.printed(), 10, example.printed)
        address = f"ws://127.0.0.1:{example.ports[8080]}/chat"
        with client.connect(address, open_timeout=5) as connection:
            for message in ("hello", b"\x00" * 100_000):
                connection.send(message)
                assert connection.recv(5) == message


def test_grpc(tmp_path: Path) -> None:
    pytest.importorskip("grpc")
    with running("grpc", tmp_path) as example:
        example.spawn([sys.executable, "server.py", str(example.ports[9000])])
        wait_until(lambda: "serving" in example.printed(), 10, example.printed)
        client = [sys.executable, str(example.directory / "client.py"), str(example.ports[8080])]
        said = subprocess.run(client, capture_output=True, text=True, timeout=30, check=False)
        lines = said.stdout.splitlines()
        assert lines[:3] == ["hello ann", "hello bob", "hello eve"], said.stderr
        assert lines[3].startswith("0 1 2 ")
        assert lines[3].endswith(" DEADLINE_EXCEEDED")
        assert lines[4:] == ["PERMISSION_DENIED not for you"]
        counted = 'method="/demo.Greeter/Hello"} 3.0'
        wait_until(lambda: counted in example.get("/metrics", port=34901).text, 5)
        body = b"\0\0\0\0\3ann"
        web = example.get("/demo.Greeter/Hello", method="POST", body=body,
                          headers={"content-type": "application/grpc-web"})  # fmt: skip
        assert web.body.startswith(b"\0\0\0\0\x09hello ann\x80\0\0\0")
        assert b"grpc-status:0\r\n" in web.body


def test_embedded(tmp_path: Path) -> None:
    with running("embedded", tmp_path, 9000) as example:
        listen, origin = str(example.ports[8080]), str(example.ports[9000])
        example.spawn([sys.executable, "main.py", listen, origin])
        wait_until(lambda: "serving on" in example.printed(), 10, example.printed)
        assert example.get("/hello").text == "hello from a filter\n"
        assert example.get("/other").json()["target"] == "/other"


def _make_certificates(directory: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    subprocess.run(["sh", "certificates.sh"], cwd=directory, check=True)


def _ask_over_tls(example: Example, name: str, port: int) -> Any:
    context = ssl.create_default_context(cafile=str(example.directory / "certs" / "ca.crt"))
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=name) as client,
    ):
        client.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        received = b"".join(iter(lambda: client.recv(65536), b""))
    return json.loads(received.partition(b"\r\n\r\n")[2])


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()


def test_transcoder(tmp_path: Path) -> None:
    with running("transcoder", tmp_path) as example:
        server = example.spawn([sys.executable, "server.py", str(example.ports[9000])])

        def call(body: str, path: str = "/demo.Greeter/greet") -> Reply:
            headers = {"content-type": "application/json", "x-request-id": "7"}
            return example.get(path, method="POST", headers=headers, body=body.encode())

        typed = '{"types": ["java.lang.String"], "args": [%s]}'
        wait_until(lambda: call(typed % '"x"').status == 200, 20, example.printed)
        assert call(typed % '"ann"').json() == {"text": "hello ann", "times": 1}
        failed = call(typed % "null")
        assert failed.status == 500
        assert failed.json()["error"]["class"] == "java.lang.IllegalArgumentException"
        wrong = call(typed % "1")
        assert (wrong.status, wrong.text) == (400, "args[0]: 1 is no java.lang.String\n")
        assert call("[]", "/demo.Greeter/nothing").status == 404
        printed = "demo.Greeter 1.0.0 greet ['java.lang.String'] ['ann'] 7"
        wait_until(lambda: printed in example.printed(), 10, example.printed)

        def counted() -> list[tuple[str, str]]:
            found = example.get("/api/v1/services", port=34901).json()
            return [(entry["service"], entry["method"]) for entry in found]

        wait_until(lambda: ("demo.Greeter", "$invoke") in counted(), 10, example.printed)
        server.terminate()
        server.wait(10)


def test_bolt(tmp_path: Path) -> None:
    packages.need("anthunder", "anthunder")
    with running("bolt", tmp_path) as example:
        ports = [example.ports[9000], example.ports[9001]]
        servers = [
            example.spawn([sys.executable, "greeter.py", "server", str(port)]) for port in ports
        ]

        def call(*arguments: str) -> list[str]:
            client = [sys.executable, "greeter.py", "client", str(example.ports[8080])]
            printed = subprocess.check_output(
                [*client, *arguments], cwd=example.directory, text=True, timeout=30
            )
            return printed.splitlines()

        both = [f"hello ann, from {port}" for port in ports]
        wait_until(lambda: sorted(call("ann", "ann")) == sorted(both), 20, example.printed)
        servers[0].kill()
        servers[0].wait(10)
        assert call("ann", "ann", "ann") == both[1:] * 3
        assert call("ann", "--service", "com.example.Other:1.0") == ["failed: the reply says so"]
        servers[1].kill()
        servers[1].wait(10)
        assert call("ann") == ["failed: the reply says so"]
        lines = (
            "bolt com.example.Greeter:1.0 hello 200 127.0.0.1",
            "bolt com.example.Other:1.0 hello 404 -",
            "bolt com.example.Greeter:1.0 hello 502 ",
        )
        for line in lines:
            wait_until(lambda line=line: line in example.printed(), 10, example.printed)
