"""What is measured: one row per scenario, and nothing about how a proxy is configured for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

SMALL_BODY = b"pymosn benchmark origin: sixty-four bytes, always the same 0123\n"
LARGE_BYTES = 1 << 20
LARGE_PATH = "/1mb"
ROUTES = 200
RPC_BYTES = 1024
IDLE_CONNECTIONS = 10_000

FILTERED = "pymosn+filter"


class Kind(Enum):
    """How a scenario is carried out; the value is the metric that its ratio is taken of."""

    RATE = "cpu_us"
    IDLE = "conn_bytes"
    START = "start_ms"


@dataclass(frozen=True)
class Scenario:
    """One thing to measure. `connections` None means what the command line says."""

    name: str
    title: str
    kind: Kind = Kind.RATE
    layer4: bool = False
    # The RPC protocol, and calls under way on each connection.
    rpc: str = ""
    in_flight: int = 1
    path: str = "/"
    body_bytes: int = len(SMALL_BODY)
    routes: int = 0
    connections: int | None = None
    baseline: str = "nginx"
    # The proxies that take part; empty means all that the command line names.
    only: tuple[str, ...] = ()

    def takes(self, proxy: str) -> bool:
        """Whether `proxy` takes part. No proxy at all can neither start nor hold connections."""
        if self.rpc:
            return proxy in ("direct", "pymosn", "mosn")
        if proxy == "direct":
            return self.kind is Kind.RATE and not self.only
        return proxy in self.only if self.only else proxy != FILTERED


def route_prefix(index: int) -> str:
    """The prefix of route `index` in the `h1-routes` table."""
    return f"/service-{index:03d}/"


SCENARIOS: dict[str, Scenario] = {
    s.name: s
    for s in (
        Scenario("h1", "HTTP/1.1, 64-byte replies, keep-alive"),
        Scenario(
            "h1-routes",
            f"HTTP/1.1, 64-byte replies, {ROUTES} prefix routes with retries and timeouts",
            routes=ROUTES,
        ),
        Scenario("h1-64", "HTTP/1.1, 64-byte replies, 64 connections", connections=64),
        Scenario("h1-1mb", "HTTP/1.1, 1 MB replies", path=LARGE_PATH, body_bytes=LARGE_BYTES),
        Scenario("tcp", "TCP, 64-byte HTTP replies as bytes", layer4=True, baseline="haproxy"),
        Scenario(
            "tcp-1mb",
            "TCP, 1 MB HTTP replies as bytes",
            layer4=True,
            path=LARGE_PATH,
            body_bytes=LARGE_BYTES,
            baseline="haproxy",
        ),
        Scenario(
            "bolt",
            "bolt, 1 KB bodies, 8 connections with 8 calls under way",
            body_bytes=RPC_BYTES,
            connections=8,
            baseline="mosn",
            rpc="bolt",
            in_flight=8,
        ),
        Scenario(
            "bolt-64",
            "bolt, 1 KB bodies, 64 connections with a call under way",
            body_bytes=RPC_BYTES,
            connections=64,
            baseline="mosn",
            rpc="bolt",
        ),
        Scenario(
            "dubbo",
            "Dubbo, 1 KB bodies, 8 connections with 8 calls under way",
            body_bytes=RPC_BYTES,
            connections=8,
            baseline="mosn",
            rpc="dubbo",
            in_flight=8,
        ),
        Scenario("idle", f"{IDLE_CONNECTIONS:,} idle keep-alive connections", Kind.IDLE),
        Scenario("start", "From spawn to the first good reply", Kind.START),
        Scenario(
            "filter",
            "HTTP/1.1, 64-byte replies, without and with one Python stream filter",
            baseline="pymosn",
            only=("pymosn", FILTERED),
        ),
    )
}
