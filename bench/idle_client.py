"""A process of its own that holds idle connections.

`python -m bench.idle_client PORT COUNT [CERTIFICATE]`: with a certificate to trust they are TLS
connections. Each makes one request and is then left alone. Says `ready` when all are open; at the
end of its standard input it looks how many the proxy has closed, says `closed N` and ends.
"""

from __future__ import annotations

import socket
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.credentials import SERVER_NAME, client_context
from bench.processes import BenchError
from bench.reply import read_reply

_TIMEOUT = 10.0
_HANDSHAKES_AT_ONCE = 8


def open_connections(
    port: int, count: int, context: ssl.SSLContext | None = None
) -> list[socket.socket]:
    """Few at a time, so that the proxy needs few connections to the origin."""

    def open_one(number: int) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", port), _TIMEOUT)
        if context is not None:
            connection = context.wrap_socket(connection, server_hostname=SERVER_NAME)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n")
        status, _ = read_reply(connection)
        if status != 200:
            raise BenchError(f"status {status} on connection {number}")
        return connection

    # A handshake goes to and fro so often that one at a time would take minutes.
    with ThreadPoolExecutor(1 if context is None else _HANDSHAKES_AT_ONCE) as pool:
        return list(pool.map(open_one, range(count)))


def closed(connections: list[socket.socket]) -> int:
    """How many of these have anything to read; it can only be their end."""
    count = 0
    for connection in connections:
        connection.setblocking(False)
        try:
            connection.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            continue
        except OSError:
            pass
        count += 1
    return count


def main() -> None:
    context = client_context(Path(sys.argv[3])) if len(sys.argv) > 3 else None
    connections = open_connections(int(sys.argv[1]), int(sys.argv[2]), context)
    print("ready", flush=True)
    sys.stdin.read()
    print(f"closed {closed(connections)}", flush=True)


if __name__ == "__main__":
    main()
