"""``pymosn demo``: a tiny origin, the proxy in front of it, a few requests, and time to play."""

import http.client
import http.server
import json
import subprocess
import sys
import tempfile
import threading
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from pymosn.cli.flags import Command

_START_SECONDS = 15.0


class _Origin(http.server.BaseHTTPRequestHandler):
    """Answers every request with what it was."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """The demo prints its own account."""

    def _answer(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        seen = {
            "origin": self.connection.getsockname()[1],
            "request": f"{self.command} {self.path}",
            "headers": dict(self.headers),
            "body": self.rfile.read(size).decode(errors="replace"),
        }
        body = (json.dumps(seen, indent=2) + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def demo(command: Command, given: Namespace) -> int:
    """Run the demo until Ctrl-C."""
    del command
    origins = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Origin) for _ in range(2)]
    for origin in origins:
        threading.Thread(target=origin.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="pymosn-demo-") as folder:
        path = Path(folder) / "demo.yaml"
        ports = [origin.server_address[1] for origin in origins]
        path.write_text(_configuration(given, ports), encoding="utf-8")
        print(f"configuration ({path}):\n\n{path.read_text(encoding='utf-8')}", flush=True)
        proxy = subprocess.Popen([sys.executable, "-m", "pymosn", "start", "-c", str(path)])
        try:
            return _show(proxy, given)
        except KeyboardInterrupt:
            return 0
        finally:
            proxy.terminate()
            proxy.wait(timeout=30)


def _configuration(given: Namespace, ports: list[int]) -> str:
    hosts = ", ".join(f"127.0.0.1:{port}" for port in ports)
    return (
        f"listeners:\n"
        f"  - address: 127.0.0.1:{given.port}\n"
        f"    routes:\n"
        f"      - match: /healthz\n"
        f"        respond: {{status: 200, body: fine}}\n"
        f"      - match: /old/\n"
        f"        redirect: /new/\n"
        f"      - match: /\n"
        f"        to: origins\n"
        f"        retries: 2\n"
        f"clusters:\n"
        f"  origins: [{hosts}]\n"
        f"admin: 127.0.0.1:{given.admin_port}\n"
        f"workers: 1\n"
    )


def _show(proxy: "subprocess.Popen[bytes]", given: Namespace) -> int:
    if not _wait_for(proxy, given.port):
        print("pymosn: the proxy did not come up; see above", file=sys.stderr)
        return 1
    for method, path, body in (
        ("GET", "/healthz", None),
        ("GET", "/hello?name=world", None),
        ("POST", "/things", "a small body"),
        ("GET", "/old/page", None),
    ):
        status, headers, text = _fetch(given.port, method, path, body)
        print(f"\n{method} {path}  ->  {status}")
        if "Location" in headers:
            print(f"Location: {headers['Location']}")
        print(text.rstrip())
    base = f"http://127.0.0.1:{given.port}"
    print(
        f"\nThe proxy keeps serving. Try, in another terminal:\n"
        f"  curl -i {base}/anything\n"
        f"  curl {base}/healthz\n"
        f"  curl http://127.0.0.1:{given.admin_port}/api/v1/stats\n"
        f"  curl http://127.0.0.1:{given.admin_port}/metrics\n"
        f"Ctrl-C ends it.",
        flush=True,
    )
    if given.once:
        return 0
    return proxy.wait()


def _wait_for(proxy: "subprocess.Popen[bytes]", port: int) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and proxy.poll() is None:
        try:
            _fetch(port, "GET", "/healthz", None)
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False


def _fetch(
    port: int, method: str, path: str, body: str | None
) -> tuple[int, http.client.HTTPMessage, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode(errors="replace")
    finally:
        connection.close()
