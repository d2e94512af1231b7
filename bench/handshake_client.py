"""A process of its own that makes a TLS connection for each request, several at a time.

`python -m bench.handshake_client PORT CONNECTIONS SECONDS full|resumed CERTIFICATE`. Every
connection must be what was asked for: verified, TLS 1.3 with our suite, full or resumed, the reply
right, and closed by the proxy as the request demands. Prints one line of JSON, or fails.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.credentials import SERVER_NAME, SUITE, client_context
from bench.outcome import percentiles
from bench.reply import read_reply
from bench.scenarios import SMALL_BODY, Handshake

_REQUEST = f"GET / HTTP/1.1\r\nHost: {SERVER_NAME}\r\nConnection: close\r\n\r\n".encode()
_TIMEOUT = 5.0


@dataclass
class Caller:
    """Makes one connection after the other until `deadline`; `problem` ends it early."""

    port: int
    context: ssl.SSLContext
    handshake: Handshake
    deadline: float
    times_us: list[float] = field(default_factory=list)
    problem: str | None = None

    def run(self) -> None:
        try:
            session = None
            if self.handshake is Handshake.RESUMED:
                session = self._ask(None)
            while (began := time.monotonic()) < self.deadline:
                latest = self._ask(session)
                self.times_us.append((time.monotonic() - began) * 1e6)
                if session is not None:
                    # A ticket serves once where the server has a new one (RFC 8446, C.4).
                    session = latest
        except Exception as error:  # the edge of the thread; the process fails
            self.problem = f"{type(error).__name__}: {error}"

    def _ask(self, session: ssl.SSLSession | None) -> ssl.SSLSession | None:
        """One connection with one request; the session that it leaves."""
        with (
            socket.create_connection(("127.0.0.1", self.port), _TIMEOUT) as plain,
            self.context.wrap_socket(
                plain, server_hostname=SERVER_NAME, session=session
            ) as connection,
        ):
            connection.sendall(_REQUEST)
            status, body = read_reply(connection)
            if status != 200 or body != SMALL_BODY:
                raise ValueError(f"status {status}, {len(body)} bytes")
            if connection.recv(1):
                raise ValueError("bytes after the reply")
            if connection.session_reused != (session is not None):
                wanted = "was not" if session else "was"
                raise ValueError(f"the session {wanted} resumed")
            suite = connection.cipher()
            if suite is None or suite[0] != SUITE:
                raise ValueError(f"suite {suite}")
            return connection.session


def main() -> None:
    port, connections, seconds = (int(word) for word in sys.argv[1:4])
    context = client_context(Path(sys.argv[5]))
    handshake = Handshake(sys.argv[4])
    began = time.monotonic()
    callers = [Caller(port, context, handshake, began + seconds) for _ in range(connections)]
    threads = [threading.Thread(target=caller.run) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.monotonic() - began
    for caller in callers:
        if caller.problem is not None:
            raise SystemExit(caller.problem)
    times = [spent for caller in callers for spent in caller.times_us]
    p50, p99 = percentiles(times)
    report = {"requests": len(times), "seconds": elapsed, "p50_us": p50, "p99_us": p99}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
