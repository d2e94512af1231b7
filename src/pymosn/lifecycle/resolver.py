"""Host names to addresses, in the supervisor: before the first snapshot and again and again.

With ``aiodns`` installed names are refreshed as their records expire; otherwise the system's
resolver is asked at intervals.  A failure keeps what was known.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from pymosn.config import model
from pymosn.config.address import HostPort, parse_host_port
from pymosn.observe.log import ErrorLog

INITIAL_WAIT: Final = 3.0
"""Seconds that a start or a reload waits for names, all together."""
_INTERVAL: Final = 15.0
_SHORTEST: Final = 1.0
_LONGEST: Final = 300.0
_FAMILIES: Final = MappingProxyType({"V4_ONLY": socket.AF_INET, "V6_ONLY": socket.AF_INET6})

Answer = list[tuple[str, float]]
"""Addresses and the seconds they are good for; 0 when that is not known."""
Query = Callable[[str, int], Awaitable[Answer]]
"""Name and address family to an answer; raises ``OSError`` (the reason) when there is none."""


class Lookup(Struct, frozen=True):
    """A ``name:port`` of the configuration and how it is to be resolved."""

    name: str
    host: str
    port: int
    every: bool = False
    """All addresses (``STRICT_DNS``), or one, IPv4 if there is any."""
    family: int = 0
    interval: float = 0.0
    """Seconds between lookups; 0: as long as the records live, or 15."""


def lookups(config: model.MosnConfig) -> list[Lookup]:
    """Return one lookup for each name among the hosts and listeners of a configuration.

    A name that clusters of both types share is resolved as ``STRICT_DNS`` wants it.
    """
    found: dict[str, Lookup] = {}
    for cluster in config.cluster_manager.clusters:
        strict = cluster.type == "STRICT_DNS"
        interval = 0.0
        if strict and not cluster.respect_dns_ttl:
            interval = max(_SHORTEST, cluster.dns_refresh_rate.seconds)
        for host in cluster.hosts:
            endpoint = _named(host.address, 80 if strict else None)
            if endpoint is None or (str(endpoint) in found and not strict):
                continue
            found[str(endpoint)] = Lookup(
                name=str(endpoint),
                host=endpoint.host,
                port=endpoint.port,
                every=strict,
                family=_FAMILIES.get(cluster.dns_lookup_family, 0) if strict else 0,
                interval=interval,
            )
    for server in config.servers:
        for listener in server.listeners:
            endpoint = _named(listener.address, None) if listener.network != "unix" else None
            if endpoint is not None and str(endpoint) not in found:
                found[str(endpoint)] = Lookup(str(endpoint), endpoint.host, endpoint.port)
    return list(found.values())


def _named(address: str, default_port: int | None) -> HostPort | None:
    """Return the parts of an address that is a name; the compiler reports malformed ones."""
    if address.startswith(("unix:", "/")):
        return None
    try:
        endpoint = parse_host_port(address, default_port=default_port)
    except ValueError:
        return None
    return endpoint if endpoint.host and endpoint.is_name else None


class Resolver:
    """Knows the addresses of names and says when they change."""

    def __init__(
        self, log: ErrorLog, on_change: Callable[[], None], query: Query | None = None
    ) -> None:
        """``on_change`` is called when ``resolved`` has new content."""
        self.resolved: dict[str, list[str]] = {}
        self._log = log
        self._on_change = on_change
        self._query = query
        self._tasks: dict[Lookup, asyncio.Task[None]] = {}
        self._lives: dict[str, float] = {}

    async def resolve(self, wanted: Iterable[Lookup]) -> None:
        """Resolve the names that are not known yet; give up waiting after a few seconds."""
        missing = [lookup for lookup in wanted if lookup.name not in self.resolved]
        if not missing:
            return
        tasks = [asyncio.ensure_future(self._look_up(lookup)) for lookup in missing]
        _, late = await asyncio.wait(tasks, timeout=INITIAL_WAIT)
        for task in late:
            task.cancel()
        for lookup in missing:
            if lookup.name not in self.resolved:
                self._log.warning(
                    f"{lookup.name} could not be resolved; its cluster starts without it"
                )

    def watch(self, wanted: Iterable[Lookup]) -> None:
        """Refresh these names from now on, and no others."""
        keep = set(wanted)
        for lookup in list(self._tasks):
            if lookup not in keep:
                self._tasks.pop(lookup).cancel()
        names = {lookup.name for lookup in keep}
        self.resolved = {k: v for k, v in self.resolved.items() if k in names}
        for lookup in keep:
            if lookup not in self._tasks:
                self._tasks[lookup] = asyncio.ensure_future(self._refresh(lookup))

    def close(self) -> None:
        """Stop refreshing."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    async def _refresh(self, lookup: Lookup) -> None:
        while True:
            life = lookup.interval or self._lives.get(lookup.name) or _INTERVAL
            await asyncio.sleep(min(max(life, _SHORTEST), _LONGEST))
            if await self._look_up(lookup):
                addresses = ", ".join(self.resolved[lookup.name])
                self._log.info(f"{lookup.name} is now at {addresses}")
                self._on_change()

    async def _look_up(self, lookup: Lookup) -> bool:
        """Ask once; returns whether the addresses changed."""
        if self._query is None:
            self._query = standard_query()
        try:
            answer = await self._query(lookup.host, lookup.family)
        except OSError as error:
            self._log.warning(
                f"{lookup.host} cannot be resolved: {error.strerror or error}", key=lookup.name
            )
            return False
        known = self.resolved.get(lookup.name, [])
        addresses = _choose(lookup, answer, known)
        if not addresses:
            return False
        self._lives[lookup.name] = min((life for _, life in answer), default=0.0)
        self.resolved[lookup.name] = addresses
        return addresses != known


def _choose(lookup: Lookup, answer: Answer, known: list[str]) -> list[str]:
    """Return the addresses to use; an order that the server shuffles makes no difference."""
    ips = sorted({ip for ip, _ in answer}, key=lambda ip: (":" in ip, ip))
    found = [str(HostPort(ip, lookup.port)) for ip in ips]
    if lookup.every:
        return found
    kept = [address for address in known if address in found]
    return (kept or found)[:1]


def standard_query() -> Query:
    """Return aiodns's lookup if it is installed, else the system's."""
    return AiodnsQuery() if find_spec("aiodns") else system_query


async def system_query(host: str, family: int) -> Answer:
    """Ask the system's resolver, in a thread."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, None, family=family, type=socket.SOCK_STREAM)
    return [(str(item[4][0]), 0.0) for item in found]


class AiodnsQuery:
    """Asks with c-ares, which also tells how long an answer is good for."""

    def __init__(self) -> None:
        aiodns: Any = import_module("aiodns")
        self._resolver = aiodns.DNSResolver()
        self._error: type[Exception] = aiodns.error.DNSError

    async def __call__(self, host: str, family: int) -> Answer:
        try:
            found = await self._resolver.getaddrinfo(
                host, family=family or socket.AF_UNSPEC, type=socket.SOCK_STREAM
            )
        except self._error as error:
            raise OSError(str(error.args[-1] if error.args else error)) from error
        return [(_text(node.addr[0]), float(node.ttl)) for node in found.nodes]


def _text(value: bytes | str) -> str:
    return value.decode("ascii") if isinstance(value, bytes) else value
