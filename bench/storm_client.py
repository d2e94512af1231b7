"""A process of its own that begins many handshakes at once and then asks on another connection.

`python -m bench.storm_client PORT HANDSHAKES SECONDS CERTIFICATE`. The proxy must answer every
ClientHello, and the request rightly. Prints a JSON list, how many seconds the request waited in
each burst, or fails.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from bench.credentials import SERVER_NAME, client_context
from bench.reply import read_reply, request_head
from bench.scenarios import SCENARIOS, SMALL_BODY

_TIMEOUT = 10.0
# In which the proxy accepts the connections, so that only handshakes are under way afterwards.
_ACCEPT_SECONDS = 0.05
_HANDSHAKE_RECORD = b"\x16"


def client_hello(context: ssl.SSLContext) -> bytes:
    """What a client says first."""
    to_send = ssl.MemoryBIO()
    session = context.wrap_bio(ssl.MemoryBIO(), to_send, server_hostname=SERVER_NAME)
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        return to_send.read()
    raise AssertionError("a handshake needs two")


def burst(port: int, count: int, context: ssl.SSLContext, connection: ssl.SSLSocket) -> float:
    """Begin `count` handshakes, ask on `connection`, and say how long that took in seconds."""
    hello = client_hello(context)
    with ExitStack() as opened:
        shaking = [
            opened.enter_context(socket.create_connection(("127.0.0.1", port), _TIMEOUT))
            for _ in range(count)
        ]
        time.sleep(_ACCEPT_SECONDS)
        for client in shaking:
            client.sendall(hello)
        began = time.monotonic()
        connection.sendall(request_head(SCENARIOS["tls-storm"]))
        status, body = read_reply(connection)
        waited = time.monotonic() - began
        if status != 200 or body != SMALL_BODY:
            raise SystemExit(f"status {status}, {len(body)} bytes")
        for client in shaking:
            if client.recv(1) != _HANDSHAKE_RECORD:
                raise SystemExit("a ClientHello was not answered")
    return waited


def main() -> None:
    port, count, seconds = (int(word) for word in sys.argv[1:4])
    context = client_context(Path(sys.argv[4]))
    deadline = time.monotonic() + seconds
    waits: list[float] = []
    with (
        socket.create_connection(("127.0.0.1", port), _TIMEOUT) as plain,
        context.wrap_socket(plain, server_hostname=SERVER_NAME) as connection,
    ):
        while not waits or time.monotonic() < deadline:
            waits.append(burst(port, count, context, connection))
    print(json.dumps(waits))


if __name__ == "__main__":
    main()
