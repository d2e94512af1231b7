"""Waiting for a program to serve, and ports for it to serve on."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from bench.processes import BenchError, Child

_POLL_SECONDS = 0.001


def wait_for(child: Child, attempt: Callable[[], None], deadline: float) -> None:
    """Repeat `attempt` until it raises nothing; BenchError when the child dies or time is up.

    Polls each millisecond, because the `start` scenario is timed by it.
    """
    while True:
        try:
            attempt()
        except (OSError, BenchError) as error:
            child.check_alive()
            if time.monotonic() > deadline:
                raise BenchError(f"did not serve in time: {error}; {child.log_tail()}") from error
            time.sleep(_POLL_SECONDS)
        else:
            return


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that are free now, below those that clients are given.

    A port from the ephemeral range could be taken by an outgoing connection before the proxy
    binds it.
    """
    found: list[int] = []
    for port in range(20_000, 32_000):
        if len(found) == count:
            break
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
    return found
