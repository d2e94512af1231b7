"""Which cluster a TCP connection goes to: by where it comes from and where it was sent.

Built from the snapshot's ``TcpRoute`` list; consulted once a connection.
"""

import ipaddress
from collections.abc import Sequence

from pymosn.network.address import ip_text, port_number
from pymosn.snapshot import TcpRoute

Network = tuple[int, int, int]
"""Version, mask and network address."""


class TcpRoutes:
    """The routes of one listener, in order."""

    def __init__(self, routes: Sequence[TcpRoute]) -> None:
        """Raises ``ValueError`` when a network is not one."""
        self._routes = [
            (
                [_network(cidr) for cidr in route.source_cidrs],
                route.source_ports,
                [_network(cidr) for cidr in route.destination_cidrs],
                route.destination_ports,
                route.cluster,
            )
            for route in routes
        ]

    def match(self, peer: bytes, local: bytes) -> str:
        """Return the cluster for a connection between two packed addresses, or an empty string.

        The first route counts whose four lists all match; an empty list matches nothing.
        """
        if not self._routes:
            return ""
        source = _address(peer)
        destination = _address(local)
        source_port = port_number(peer)
        destination_port = port_number(local)
        for sources, source_ports, destinations, destination_ports, cluster in self._routes:
            if (
                _within(source, sources)
                and _in_ranges(source_port, source_ports)
                and _within(destination, destinations)
                and _in_ranges(destination_port, destination_ports)
            ):
                return cluster
        return ""


def _network(cidr: str) -> Network:
    network = ipaddress.ip_network(cidr, strict=False)
    return network.version, int(network.netmask), int(network.network_address)


def _address(packed: bytes) -> tuple[int, int]:
    """Return the version and value of an address; version 0 (a Unix socket) is in no network."""
    text = ip_text(packed)
    if not text:
        return 0, 0
    address = ipaddress.ip_address(text)
    return address.version, int(address)


def _within(address: tuple[int, int], networks: list[Network]) -> bool:
    version, value = address
    for network_version, mask, base in networks:
        if version == network_version and value & mask == base:
            return True
    return False


def _in_ranges(port: int, ranges: Sequence[tuple[int, int]]) -> bool:
    return any(first <= port <= last for first, last in ranges)
