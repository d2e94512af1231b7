"""Clusters: sets of equivalent hosts, their balancer and their limits, in one worker."""

from typing import Any

from pymosn.observe.metrics import ClusterStats
from pymosn.stream.pool import Limits
from pymosn.stream.stream import Stream
from pymosn.upstream.balancer import Balancer
from pymosn.upstream.hosts import UpstreamHost


class UpstreamCluster:
    """A cluster as streams see it."""

    name: str
    balancer: "Balancer"
    limits: "Limits"
    stats: "ClusterStats"
    hosts: list[Any]
    negotiates: bool

    def __init__(
        self,
        name: str,
        balancer: Balancer,
        limits: Limits,
        stats: ClusterStats,
        negotiates: bool = False,
    ) -> None:
        """``negotiates``: TLS with ALPN decides what is spoken where nothing else does."""
        self.negotiates = negotiates
        self.name = name
        self.balancer = balancer
        self.limits = limits
        self.stats = stats
        self.hosts = []

    def set_hosts(self, hosts: list[UpstreamHost]) -> None:
        """Replace the hosts."""
        self.hosts = hosts
        self.balancer.update(hosts)

    def choose(self, stream: Stream | None, tried: UpstreamHost | None) -> UpstreamHost | None:
        """Return a healthy host, another than ``tried`` where there is one, or None."""
        host = self.balancer.choose(stream)
        if host is not tried or host is None or len(self.hosts) < 2:
            return host
        for _ in range(2):
            other = self.balancer.choose(stream)
            if other is not tried:
                return other
        return host
