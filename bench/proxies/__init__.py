"""The contenders: one module each, all behind `base.Proxy`."""

from __future__ import annotations

from bench.proxies.base import Proxy
from bench.proxies.direct import Direct
from bench.proxies.envoy import Envoy
from bench.proxies.haproxy import HAProxy
from bench.proxies.mosn import Mosn
from bench.proxies.nginx import Nginx
from bench.proxies.pymosn import FilteredPymosn, Pymosn, RoutedPymosn
from bench.scenarios import (
    FEW_ROUTED,
    FEW_ROUTES,
    MANY_ROUTED,
    MANY_ROUTES,
    ROUTED,
    ROUTES,
)


def contenders() -> dict[str, Proxy]:
    """All of them by name, in the order in which they take turns."""
    proxies: tuple[Proxy, ...] = (
        Direct(),
        Pymosn(),
        FilteredPymosn(),
        RoutedPymosn(ROUTED, ROUTES),
        RoutedPymosn(FEW_ROUTED, FEW_ROUTES),
        RoutedPymosn(MANY_ROUTED, MANY_ROUTES),
        Nginx(),
        HAProxy(),
        Envoy(),
        Mosn(),
    )
    return {proxy.name: proxy for proxy in proxies}
