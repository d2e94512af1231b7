"""What is measured: one row per scenario, and nothing about how a proxy is configured for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

SMALL_BODY = b"pymosn benchmark origin: sixty-four bytes, always the same 0123\n"
LARGE_BYTES = 1 << 20
LARGE_PATH = "/1mb"
ROUTES = 200
RPC_BYTES = 1024
FEW_ROUTES = 10
MANY_ROUTES = 10_000
IDLE_CONNECTIONS = 10_000
HELD_CONNECTIONS = 100_000
HELD_CALLS = 1000
HEARTBEAT_SECONDS = 15
HANDSHAKES_AT_ONCE = 8
STORM_HANDSHAKES = 300
STREAMS_AT_ONCE = 16

PREFIX_FORMAT = "/service-%03d/"
HOST_FORMAT = "service-%05d.bench"

# pymosn in other configurations, for the scenarios that name them.
FILTERED = "pymosn+filter"
ROUTED = "pymosn+routes"
FEW_ROUTED = f"pymosn+{FEW_ROUTES}"
MANY_ROUTED = f"pymosn+{MANY_ROUTES}"
VARIANTS = (FILTERED, ROUTED, FEW_ROUTED, MANY_ROUTED)


class Kind(Enum):
    """How a scenario is carried out; the value is the metric that its ratio is taken of."""

    RATE = "cpu_us"
    IDLE = "conn_bytes"
    START = "start_ms"
    STORM = "wait_ms"


class Handshake(Enum):
    """Each request makes a TLS connection, with a full handshake or with the former session."""

    FULL = "full"
    RESUMED = "resumed"


@dataclass(frozen=True)
class Scenario:
    """One thing to measure. `connections` None means what the command line says."""

    name: str
    title: str
    kind: Kind = Kind.RATE
    layer4: bool = False
    path: str = "/"
    body_bytes: int = len(SMALL_BODY)
    # How many things are asked for in turn instead of `path`, and for how many of them the proxy
    # has a rule: prefixes of the path, or virtual hosts if `by_host`.
    asked: int = 0
    routes: int = 0
    by_host: bool = False
    # Clients speak HTTP/2 with so many requests at once on each connection, or HTTP/1.1 when 0.
    streams: int = 0
    http2_origin: bool = False
    tls: bool = False
    handshake: Handshake | None = None
    # The RPC protocol, and calls under way on each connection.
    rpc: str = ""
    in_flight: int = 1
    connections: int | None = None
    baseline: str = "nginx"
    # The proxies that take part; empty means all that the command line names.
    only: tuple[str, ...] = ()

    @property
    def http2(self) -> bool:
        """Whether the clients speak HTTP/2."""
        return self.streams > 0

    def takes(self, proxy: str) -> bool:
        """Whether `proxy` takes part. No proxy at all can neither start nor hold connections."""
        if self.rpc and proxy not in ("direct", "pymosn", "mosn"):
            return False
        if proxy == "direct":
            return self.kind is Kind.RATE and not self.only
        return proxy in self.only if self.only else proxy not in VARIANTS


def route_prefix(index: int) -> str:
    """The prefix of route `index` in a table of prefixes."""
    return PREFIX_FORMAT % index


def route_host(index: int) -> str:
    """The domain of virtual host `index` in a table of hosts."""
    return HOST_FORMAT % index


SCENARIOS: dict[str, Scenario] = {
    s.name: s
    for s in (
        Scenario("h1", "HTTP/1.1, 64-byte replies, keep-alive"),
        Scenario(
            "h1-routes",
            f"HTTP/1.1, 64-byte replies, {ROUTES} prefix routes with retries and timeouts",
            asked=ROUTES,
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
            "h2-h1",
            f"HTTP/2 to HTTP/1.1, 64-byte replies, 8 connections × {STREAMS_AT_ONCE} streams",
            streams=STREAMS_AT_ONCE,
            connections=8,
            baseline="haproxy",
        ),
        Scenario(
            "h2-h1-32",
            "HTTP/2 to HTTP/1.1, 64-byte replies, 32 connections × 1 stream",
            streams=1,
            connections=32,
            baseline="haproxy",
        ),
        Scenario(
            "h2-h2",
            f"HTTP/2 to HTTP/2, 64-byte replies, 8 connections × {STREAMS_AT_ONCE} streams",
            streams=STREAMS_AT_ONCE,
            http2_origin=True,
            connections=8,
            baseline="haproxy",
        ),
        Scenario(
            "h2-h2-32",
            "HTTP/2 to HTTP/2, 64-byte replies, 32 connections × 1 stream",
            streams=1,
            http2_origin=True,
            connections=32,
            baseline="haproxy",
        ),
        Scenario("tls", "HTTP/1.1 over TLS 1.3, 64-byte replies, keep-alive", tls=True),
        Scenario(
            "tls-1mb",
            "HTTP/1.1 over TLS 1.3, 1 MB replies",
            tls=True,
            path=LARGE_PATH,
            body_bytes=LARGE_BYTES,
        ),
        Scenario(
            "tls-full",
            "A TLS 1.3 connection with a full handshake for each request",
            tls=True,
            handshake=Handshake.FULL,
            connections=HANDSHAKES_AT_ONCE,
        ),
        Scenario(
            "tls-resumed",
            "A TLS 1.3 connection with a resumed session for each request",
            tls=True,
            handshake=Handshake.RESUMED,
            connections=HANDSHAKES_AT_ONCE,
        ),
        Scenario(
            "tls-storm",
            f"How long a request waits when {STORM_HANDSHAKES} clients begin a handshake before it",
            Kind.STORM,
            tls=True,
            connections=STORM_HANDSHAKES,
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
        Scenario(
            "dubbo-64",
            "Dubbo, 1 KB bodies, 64 connections with a call under way",
            body_bytes=RPC_BYTES,
            connections=64,
            baseline="mosn",
            rpc="dubbo",
        ),
        Scenario(
            "bolt-idle",
            f"bolt connections with a heartbeat every {HEARTBEAT_SECONDS} s, up to "
            f"{HELD_CONNECTIONS:,}, and {HELD_CALLS:,} calls a second on all together",
            Kind.IDLE,
            body_bytes=RPC_BYTES,
            connections=HELD_CONNECTIONS,
            baseline="mosn",
            rpc="bolt",
        ),
        Scenario("idle", f"{IDLE_CONNECTIONS:,} idle keep-alive connections", Kind.IDLE),
        Scenario(
            "tls-idle",
            f"{IDLE_CONNECTIONS:,} idle keep-alive connections over TLS 1.3",
            Kind.IDLE,
            tls=True,
        ),
        Scenario("start", "From spawn to the first good reply", Kind.START),
        Scenario(
            "filter",
            "HTTP/1.1, 64-byte replies, without and with one Python stream filter",
            baseline="pymosn",
            only=("pymosn", FILTERED),
        ),
        Scenario(
            "routes-cost",
            f"HTTP/1.1, 64-byte replies, one route, and {ROUTES} with retries and timeouts",
            asked=ROUTES,
            baseline="pymosn",
            only=("pymosn", ROUTED),
        ),
        Scenario(
            "routes-many",
            f"HTTP/1.1, 64-byte replies, {FEW_ROUTES} and {MANY_ROUTES:,} prefix routes",
            asked=FEW_ROUTES,
            baseline=FEW_ROUTED,
            only=(FEW_ROUTED, MANY_ROUTED),
        ),
        Scenario(
            "hosts-many",
            f"HTTP/1.1, 64-byte replies, {FEW_ROUTES} and {MANY_ROUTES:,} virtual hosts",
            asked=FEW_ROUTES,
            by_host=True,
            baseline=FEW_ROUTED,
            only=(FEW_ROUTED, MANY_ROUTED),
        ),
    )
}
