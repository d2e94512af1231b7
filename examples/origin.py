"""A small HTTP origin for the examples: it answers with what it was asked.

    python origin.py 9000 9001          serves on two ports of 127.0.0.1
    python origin.py unix:origin.sock   serves on a Unix socket

``/status/503`` answers with that status, ``/sleep/2`` waits two seconds first, ``/flaky`` answers
503 to every other request; anything else is described as JSON.
"""

import contextlib
import http.server
import json
import os
import socketserver
import sys
import threading
import time
from typing import Any


class Handler(http.server.BaseHTTPRequestHandler):
    """Describes the request it gets."""

    protocol_version = "HTTP/1.1"
    counts: dict[str, int] = {}  # noqa: RUF012  one origin, one count for each path

    def do_GET(self) -> None:
        """Answer any method."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, _, _ = self.path.partition("?")
        status = 200
        if path.startswith("/sleep/"):
            time.sleep(float(path.removeprefix("/sleep/")))
        elif path.startswith("/status/"):
            status = int(path.removeprefix("/status/"))
        elif path == "/flaky":
            seen = self.counts[path] = self.counts.get(path, 0) + 1
            status = 503 if seen % 2 else 200
        self._describe(status, body)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815  the base class looks for these

    def address_string(self) -> str:
        """Return the peer; a Unix socket has none."""
        return str(self.client_address[0]) if self.client_address else "unix"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        """Print one line a request."""
        print(f"origin {self.server.name}: {format % args}", flush=True)  # type: ignore[attr-defined]

    def _describe(self, status: int, body: bytes) -> None:
        seen = {
            "origin": self.server.name,  # type: ignore[attr-defined]
            "method": self.command,
            "target": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": body.decode(errors="replace"),
        }
        content = (json.dumps(seen, indent=2) + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(content)


class UnixServer(socketserver.ThreadingUnixStreamServer):
    """The same on a Unix socket."""

    daemon_threads = True


def make_server(address: str) -> socketserver.BaseServer:
    """Return a server for a port or a ``unix:`` path."""
    server: socketserver.BaseServer
    if address.startswith("unix:"):
        path = address.removeprefix("unix:")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108  a string is all there is
        server = UnixServer(path, Handler)
    else:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", int(address)), Handler)
    server.name = address  # type: ignore[union-attr]
    return server


def main(addresses: list[str]) -> None:
    """Serve until Ctrl-C."""
    servers = [make_server(address) for address in addresses]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"serving on {' and '.join(addresses)}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
