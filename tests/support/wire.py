"""The real proxy in a process of its own, for tests that talk to it through sockets.

``Proxy`` writes a snapshot to a child (``python -m tests.support.wire``), which serves it until its
standard input ends.  Questions go through the same pipe: ``status()`` tells what is alive.
"""

import gc
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from pymosn import snapshot as model
from pymosn.observe.metrics import DOWNSTREAM, UPSTREAM_CLUSTER, UPSTREAM_HOST, SlotTable
from pymosn.stream.xprotocol_client import XprotocolPool

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 30.0
"""Seconds after which something that must happen has not happened."""


def eventually(holds: Callable[[], bool], what: str) -> None:
    """Wait until ``holds()``; fail with ``what`` when it never does."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def snapshot(
    hosts: list[str],
    *,
    http1: model.Http1Options | None = None,
    route: model.Forward | None = None,
    cluster: dict[str, Any] | None = None,
    listener: dict[str, Any] | None = None,
    proxy: dict[str, Any] | None = None,
) -> model.Snapshot:
    """Return a snapshot with one listener, whose requests all go to ``hosts``."""
    slots = SlotTable()
    route = msgspec.structs.replace(route or model.Forward(), clusters=[model.WeightedCluster("c")])
    return model.Snapshot(
        listeners=[
            model.Listener(
                name="l",
                address="127.0.0.1:0",
                filters=[
                    model.HttpProxy(
                        router="r", http1=http1 or model.Http1Options(), **(proxy or {})
                    )
                ],
                stats_slot=slots.slot(DOWNSTREAM, listener="l"),
                **(listener or {}),
            )
        ],
        routers={"r": model.Router("r", [model.VirtualHost("v", ["*"], [model.Route(route)])])},
        clusters={
            "c": model.Cluster(
                "c",
                [
                    model.Host(
                        address, stats_slot=slots.slot(UPSTREAM_HOST, cluster="c", host=address)
                    )
                    for address in hosts
                ],
                stats_slot=slots.slot(UPSTREAM_CLUSTER, cluster="c"),
                **(cluster or {}),
            )
        },
    )


class Proxy:
    """A running proxy."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def status(self) -> dict[str, int]:
        """Return ``sources``, ``timers``, ``downstream`` and ``idle`` (upstream connections)."""
        return self._ask("status")

    def rss(self) -> int:
        """Return the bytes of memory in use."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("the proxy is gone")

    def assert_quiet(self) -> None:
        """Nothing is left of the exchanges: no connection, no timer that should be gone."""
        status: dict[str, int] = {}

        def quiet() -> bool:
            status.update(self.status())
            return (
                status["downstream"] == 0
                and status["active"] == 0
                and status["sources"] == status["own_sources"] + status["idle"]
                and status["timers"] <= status["own_timers"] + status["idle_timers"]
            )

        try:
            eventually(quiet, "")
        except AssertionError:
            raise AssertionError(f"left over: {status}") from None

    def _ask(self, question: str) -> dict[str, int]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(question.encode() + b"\n")
        self.process.stdin.flush()
        answer: dict[str, int] = json.loads(self.process.stdout.readline())
        return answer


@contextmanager
def running(configuration: model.Snapshot, *, quiet: bool = True) -> Iterator[Proxy]:
    """Serve ``configuration``; ``quiet``: require at the end that nothing was left behind."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.wire"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(msgspec.json.encode(configuration) + b"\n")
        process.stdin.flush()
        proxy = Proxy(process, json.loads(process.stdout.readline())["port"])
        yield proxy
        if quiet:
            proxy.assert_quiet()
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


# -- the child -------------------------------------------------------------------------------------


class Child:
    """Serves a snapshot and answers questions on its standard input."""

    def __init__(self, configuration: model.Snapshot) -> None:
        from pymosn.extension.registry import Registry
        from pymosn.network.loop import ReactorLoop
        from pymosn.network.reactor import Reactor
        from pymosn.observe.slots import Slots
        from pymosn.runtime import Runtime

        self.reactor = Reactor()
        self.loop = ReactorLoop(self.reactor)
        slots = Slots(memoryview(bytearray(8 * 10000)))
        self.runtime = Runtime(self.reactor, slots, Registry.standard(), self.loop)
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listening.getsockname()[1]
        self.listening.setblocking(False)
        self.runtime.apply(configuration, {"l": [self.listening.detach()]})
        self.loop.add_reader(sys.stdin.fileno(), self._asked)
        self._timers = self.reactor.armed_timers
        self._sources = 0

    def serve(self) -> None:
        """Run until the standard input ends."""
        # The selector's own descriptor of asyncio is registered once the loop runs.
        self.loop.call_soon(self._begin)
        self.loop.run_forever()
        self.runtime.close()
        self.loop.close()

    def _begin(self) -> None:
        self._sources = self.reactor.open_sources
        self._say({"port": self.port})

    def _asked(self) -> None:
        question = os.read(sys.stdin.fileno(), 4096)
        if not question:
            self.loop.stop()
            return
        gc.collect()
        service = self.runtime.services["l"]
        clusters = self.runtime.clusters.values()
        pools = [pool for cluster in clusters for host in cluster.hosts for pool in host.pools()]
        limits = [cluster.limits for cluster in self.runtime.clusters.values()]
        idle = sum(pool.idle_count() for pool in pools)
        beating = sum(p.idle_count() for p in pools if isinstance(p, XprotocolPool))
        self._say(
            {
                "sources": self.reactor.open_sources,
                "own_sources": self._sources,
                "timers": self.reactor.armed_timers,
                "own_timers": self._timers,
                # Of a pool, and of each connection that has heartbeats.
                "idle_timers": sum(pool.idle_count() > 0 for pool in pools) + len(pools) + beating,
                "idle": idle,
                "downstream": service.acceptor.active(),
                "active": service.acceptor.proxy.active
                + sum(host.active for c in self.runtime.clusters.values() for host in c.hosts)
                + sum(limit.requests + limit.pending + limit.retries for limit in limits)
                + sum(limit.connections for limit in limits)
                - idle,
            }
        )

    def _say(self, answer: dict[str, int]) -> None:
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    Child(msgspec.json.decode(sys.stdin.buffer.raw.readline(), type=model.Snapshot)).serve()
