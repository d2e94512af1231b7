"""A data plane in a thread of the test's process: no supervisor, no configuration file.

Tests give it a snapshot and talk to its sockets; what they look at inside goes
through ``call``, which runs on the reactor's thread.
"""

import asyncio
import functools
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from pymosn.extension.registry import Registry
from pymosn.network.loop import ReactorLoop
from pymosn.network.reactor import Reactor
from pymosn.observe.metrics import (
    DOWNSTREAM,
    TLS,
    UPSTREAM_CLUSTER,
    UPSTREAM_HOST,
    SlotTable,
)
from pymosn.observe.slots import Slots
from pymosn.runtime import Runtime
from pymosn.snapshot import (
    Cluster,
    Host,
    HttpProxy,
    Listener,
    Snapshot,
    TcpProxy,
    TlsClient,
    TlsContext,
    TlsServer,
)

CALL_SECONDS = 10


def asynchronous(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a coroutine function as a test."""

    @functools.wraps(test)
    def run(*args: Any, **named: Any) -> None:
        asyncio.run(test(*args, **named))

    return run


class RunningRuntime:
    """One listener on a free port of 127.0.0.1 and one cluster, ``c``.

    A context manager: at the end every connection is closed, and it is an error when sources or
    timers are left over, or when an exception reached the reactor.
    """

    def __init__(
        self,
        proxy: TcpProxy | HttpProxy,
        hosts: list[str],
        *,
        max_connections: int = 0,
        routers: dict[str, Any] | None = None,
        tls: list[TlsContext] | None = None,
        inspector: bool = False,
        handshake_timeout: float = 15.0,
        upstream_tls: dict[str, Any] | None = None,
        **cluster: Any,
    ) -> None:
        """``hosts`` are addresses; ``cluster`` goes into the snapshot's ``Cluster``.

        ``tls`` are the listener's contexts, ``upstream_tls`` goes into the snapshot's
        ``TlsClient``.
        """
        self.table = SlotTable()
        self.values = bytearray(8 * 20000)
        self.errors: list[BaseException] = []
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._socket.setblocking(False)
        self.address = self._socket.getsockname()
        host, port = self.address
        table = self.table
        server = client = None
        if tls is not None:
            slot = table.slot(TLS, listener="l")
            server = TlsServer(tls, inspector, handshake_timeout, slot)
        if upstream_tls is not None:
            client = TlsClient(**upstream_tls, stats_slot=table.slot(TLS, cluster="c"))
        self.snapshot = Snapshot(
            listeners=[
                Listener(
                    name="l",
                    address=f"{host}:{port}",
                    filters=[proxy],
                    max_connections=max_connections,
                    stats_slot=table.slot(DOWNSTREAM, listener="l"),
                    tls=server,
                )
            ],
            routers=routers or {},
            clusters={
                "c": Cluster(
                    "c",
                    [
                        Host(a, stats_slot=table.slot(UPSTREAM_HOST, cluster="c", host=a))
                        for a in hosts
                    ],
                    stats_slot=table.slot(UPSTREAM_CLUSTER, cluster="c"),
                    tls=client,
                    **cluster,
                )
            },
        )
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "RunningRuntime":
        self._thread.start()
        assert self._started.wait(CALL_SECONDS)
        return self

    def __exit__(self, *failure: object) -> None:
        self.call(self.runtime.close)
        sources, timers = self.call(
            lambda: (self.reactor.open_sources, self.reactor.armed_timers)
        )
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(CALL_SECONDS)
        if failure[0] is None:
            assert not self.errors, self.errors
            # asyncio's own wake-up socket is the one that stays.
            assert sources <= 1
            assert timers == 0

    def call(self, function: Callable[[], Any]) -> Any:
        """Run ``function`` on the reactor's thread and return its result."""
        done = threading.Event()
        result: list[Any] = []

        def run() -> None:
            try:
                result.append(function())
            finally:
                done.set()

        self.loop.call_soon_threadsafe(run)
        assert done.wait(CALL_SECONDS), "the reactor does not answer"
        assert result, "the call failed"
        return result[0]

    def sessions(self) -> list[Any]:
        """Return the TCP sessions of the listener."""
        return self.call(lambda: list(self.runtime.services["l"].acceptor.sessions))

    def metric(self, layout: Any, key: str, **labels: str) -> int:
        """Return the value of a counter or gauge; a cluster's is the sum of its hosts'."""
        values = memoryview(self.values).cast("q")
        ordered = tuple(sorted(labels.items()))
        known = next(k for k in self.table if k.layout is layout and k.labels == ordered)
        parts = [p for p in self.table.parts(known) if key in dict(p.layout.keys)]
        return sum(values[part.slot + layout.offset(key)] for part in parts)

    def _serve(self) -> None:
        self.reactor = Reactor()
        self.reactor.on_error = lambda where, error: self.errors.append(error)
        self.loop = ReactorLoop(self.reactor)
        self.runtime = Runtime(
            self.reactor, Slots(memoryview(self.values)), Registry.standard(), self.loop
        )
        self.runtime.apply(self.snapshot, {"l": [self._socket.detach()]})
        self.loop.call_soon(self._started.set)
        self.loop.run_forever()
        self.loop.close()
