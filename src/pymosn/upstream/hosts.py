"""The endpoints of clusters in one worker."""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from pymosn.observe.metrics import UpstreamStats
from pymosn.stream.pool import ConnectionPool


class UpstreamHost:
    """One endpoint with its connections and what is going on at it.

    ``active`` counts exchanges under way.  The object outlives configuration changes that keep
    the address and the way it is reached.
    """

    address: str
    _make_pool: "Callable[[str], ConnectionPool]"
    _pools: dict[str, ConnectionPool]
    _protocol: str | None
    _pool: "ConnectionPool"  # that of ``_protocol``
    stats: "UpstreamStats"
    hostname: str
    weight: int
    metadata: Any
    healthy: bool
    tls_name: str
    active: int
    current_weight: float

    def __init__(
        self,
        address: str,
        make_pool: "Callable[[str], ConnectionPool]",
        stats: UpstreamStats,
        hostname: str = "",
        weight: int = 1,
        metadata: dict[str, str] | None = None,
        healthy: bool = True,
        tls_name: str = "",
    ) -> None:
        """``make_pool`` returns a pool whose connections speak the named protocol; ``tls_name`` is
        what TLS calls the host, empty: no TLS."""
        self.tls_name = tls_name
        self.address = address
        self._make_pool = make_pool
        self._pools = {}
        self._protocol = None
        self.stats = stats
        self.update(hostname, weight, metadata or {}, healthy)

    def pool(self, protocol: str) -> ConnectionPool:
        """Return the connections that speak ``protocol``."""
        # One after the other mostly asks for the same.
        if protocol is not self._protocol:
            pool = self._pools.get(protocol)
            if pool is None:
                pool = self._make_pool(protocol)
                self._pools[protocol] = pool
            self._protocol = protocol
            self._pool = pool
        return self._pool

    def pools(self) -> list[ConnectionPool]:
        """Return the pools that are in use."""
        return list(self._pools.values())

    def drain(self) -> None:
        """Close idle connections now and the others after their exchanges."""
        for pool in self._pools.values():
            pool.drain()

    def authority(self) -> bytes:
        """Return what to call this endpoint in Host where the client has named nothing."""
        if self.hostname:
            return self.hostname.encode()
        return b"localhost" if self.address.startswith("unix:") else self.address.encode()

    def update(
        self, hostname: str, weight: int, metadata: dict[str, str], healthy: bool
    ) -> None:
        """Take over what a new snapshot says about this endpoint."""
        self.hostname = hostname
        self.weight = min(max(weight, 1), 128)
        self.metadata = MappingProxyType(dict(metadata))
        self.healthy = healthy
