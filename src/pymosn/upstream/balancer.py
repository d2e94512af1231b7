"""Balancers: which host of a cluster takes a request (spec §6).

All of them skip unhealthy hosts.  A balancer belongs to one cluster of one worker.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from pymosn.stream.stream import Stream
from pymosn.upstream.hosts import UpstreamHost


class Random:
    """A small generator (xorshift64): a draw costs a few instructions."""

    _state: int

    def __init__(self, seed: int) -> None:
        self._state = (seed & _MASK) or 0x9E3779B97F4A7C15

    def draw(self) -> float:
        """Return a number in [0, 1)."""
        state = self._state
        state ^= (state << 13) & _MASK
        state ^= state >> 7
        state ^= (state << 17) & _MASK
        self._state = state
        return (state >> 11) * (1.0 / 9007199254740992.0)

    def below(self, limit: int) -> int:
        """Return an integer in [0, limit)."""
        return int(self.draw() * limit)


class Balancer:
    """Chooses among ``hosts``.  Subclasses override ``choose`` and perhaps ``update``."""

    random: "Random"
    config: Any
    hosts: list[UpstreamHost]

    def __init__(self, random: Random, config: Mapping[str, Any] = MappingProxyType({})) -> None:
        self.random = random
        self.config = config
        self.hosts = []

    def update(self, hosts: list[UpstreamHost]) -> None:
        """The set of hosts, their weights or their health changed."""
        self.hosts = hosts

    def choose(self, stream: Stream | None) -> UpstreamHost | None:
        """Return a healthy host, or None.  ``stream`` is None for TCP."""
        raise NotImplementedError


class RandomBalancer(Balancer):
    """Uniform choice; an unhealthy pick moves on to the next healthy host."""

    def choose(self, stream: Stream | None) -> UpstreamHost | None:
        return self.healthy_from(self.random.below(len(self.hosts))) if self.hosts else None

    def healthy_from(self, start: int) -> UpstreamHost | None:
        """Return the first healthy host from ``start`` on, around the list."""
        hosts = self.hosts
        count = len(hosts)
        for step in range(count):
            host = hosts[(start + step) % count]
            if host.healthy:
                return host
        return None


class RoundRobin(RandomBalancer):
    """One after the other, from a random start, ignoring weights."""

    next: int

    def update(self, hosts: list[UpstreamHost]) -> None:
        self.hosts = hosts
        if self.next == 0 and hosts:
            self.next = self.random.below(len(hosts))

    def choose(self, stream: Stream | None) -> UpstreamHost | None:
        count = len(self.hosts)
        if count == 0:
            return None
        index = self.next % count
        self.next = index + 1
        return self.healthy_from(index)


class WeightedRoundRobin(RoundRobin):
    """Smooth weighted round robin: picks are spread evenly, in proportion to the weights."""

    weighted: bool

    def update(self, hosts: list[UpstreamHost]) -> None:
        RoundRobin.update(self, hosts)
        self.weighted = len({host.weight for host in hosts}) > 1

    def choose(self, stream: Stream | None) -> UpstreamHost | None:
        if not self.weighted:
            return RoundRobin.choose(self, stream)
        best = None
        total = 0.0
        for item in self.hosts:
            host = item
            if not host.healthy:
                continue
            host.current_weight += host.weight
            total += host.weight
            if best is None or host.current_weight > best.current_weight:
                best = host
        if best is not None:
            best.current_weight -= total
        return best


class LeastRequest(RandomBalancer):
    """The best of ``choice_count`` random healthy hosts by weight / (active + 1)^bias."""

    choice_count: int
    bias: float

    def __init__(self, random: Random, config: Mapping[str, Any] = MappingProxyType({})) -> None:
        Balancer.__init__(self, random, config)
        self.choice_count = int(config.get("choice_count", 2))
        self.bias = float(config.get("active_request_bias", 1.0))

    def choose(self, stream: Stream | None) -> UpstreamHost | None:
        count = len(self.hosts)
        best = None
        best_score = 0.0
        if count == 0:
            return None
        for _ in range(max(1, self.choice_count)):
            host = self.healthy_from(self.random.below(count))
            if host is None:
                return None
            if self.bias == 1.0:
                score = host.weight / (host.active + 1.0)
            else:
                score = host.weight / (host.active + 1.0) ** self.bias
            if best is None or score > best_score:
                best = host
                best_score = score
        return best


BALANCERS: Final[Mapping[str, type[Balancer]]] = MappingProxyType(
    {
        "LB_RANDOM": RandomBalancer,
        "LB_ROUNDROBIN": RoundRobin,
        "LB_WEIGHTED_ROUNDROBIN": WeightedRoundRobin,
        "LB_LEAST_REQUEST": LeastRequest,
    }
)

_MASK = 0xFFFFFFFFFFFFFFFF
