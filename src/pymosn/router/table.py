"""A route table: the virtual host of a request, then its route (spec §5.1, §5.2).

Domains, in this order: a host with its port, a host with ``*`` for the port, the longest
``*suffix`` with the port, the longest with any port, ``*``.  A domain without a port is for
requests whose host has none.  A table with no domain but ``*`` never looks at the host.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pymosn import snapshot
from pymosn.protocol.uri import lowered
from pymosn.router.action import RouteEntry
from pymosn.router.index import RouteIndex
from pymosn.stream.stream import Stream

ReadFilterConfig = Callable[[str, Any], Any]


class RouteTable:
    """The routes of a router, built from its snapshot."""

    name: str
    hosts: "list[RouteIndex]"
    _default: "RouteIndex | None"
    _exact: "dict[bytes, RouteIndex]"
    _any_port: "dict[bytes, RouteIndex]"
    suffixes: "SuffixTable"
    _only_default: bool

    def __init__(
        self, router: snapshot.Router, read_filter_config: ReadFilterConfig | None = None
    ) -> None:
        """``read_filter_config(type, config)`` checks one entry of a ``per_filter_config`` and
        returns what the filter gets; without it, that is the entry.

        Raises ``ValueError``, with a sentence, when a domain or a rule is no good.
        """
        self.name = router.name
        self.hosts = []
        self._default = None
        self._exact = {}
        self._any_port = {}
        self.suffixes = SuffixTable()
        for host in router.virtual_hosts:
            shared = _filter_configs(host.per_filter_config, read_filter_config)
            entries = [
                _entry(router, host, route, shared, read_filter_config) for route in host.routes
            ]
            index = RouteIndex(entries)
            self.hosts.append(index)
            for domain in host.domains:
                self._add(domain, index)
        self._only_default = not (self._exact or self._any_port or self.suffixes.lengths)

    def match(self, stream: Stream) -> RouteEntry | None:
        """Return the route of a request, None when there is none.

        ``stream.path`` and ``stream.query`` must be set (``router.path.read_target``).
        """
        index = self._default
        if not self._only_default:
            index = self.find(stream.request.authority)
        if index is None:
            return None
        return index.match(stream)

    def find(self, authority: bytes) -> RouteIndex | None:
        """Return the routes of the virtual host for a host name, None when there is none."""
        authority = lowered(authority)
        index = self._exact.get(authority)
        if index is not None:
            return index
        host, port = split_authority(authority)
        if not port and len(host) < len(authority):
            index = self._exact.get(host)
        if index is None and self._any_port:
            index = self._any_port.get(host)
        if index is None and self.suffixes.lengths:
            index = self.suffixes.find(host, port)
        return self._default if index is None else index

    def _add(self, domain: str, index: RouteIndex) -> None:
        text = domain.lower().encode()
        if not text:
            raise ValueError(f"router {self.name!r} has an empty domain")
        host, port = split_authority(text)
        if port not in (b"", b"*") and not (port.isdigit() and int(port) <= 65535):
            raise ValueError(f"domain {domain!r}: {port.decode()!r} is not a port")
        if b"*" in host[1:]:
            raise ValueError(f"domain {domain!r}: only the first character may be *")
        if host == b"*" and port in (b"", b"*"):
            if self._default is not None:
                raise self._twice(domain)
            self._default = index
        elif host[:1] == b"*":
            if not self.suffixes.add(host[1:], port, index):
                raise self._twice(domain)
        else:
            hosts = self._any_port if port == b"*" else self._exact
            key = host if port == b"*" else text
            if key in hosts:
                raise self._twice(domain)
            hosts[key] = index

    def _twice(self, domain: str) -> ValueError:
        return ValueError(f"router {self.name!r} has the domain {domain!r} twice")


class SuffixTable:
    """Wildcard domains: for each length that occurs, longest first, suffix to port to routes.

    Where all suffixes of a length begin with a dot, as they usually do, only hosts that have one
    there are looked up.  ``steps`` counts the lookups.
    """

    lengths: "list[int]"
    steps: int
    _by_length: "list[dict[bytes, dict[bytes, RouteIndex]]]"
    _dotted: "list[bool]"

    def __init__(self) -> None:
        self.lengths = []
        self.steps = 0
        self._by_length = []
        self._dotted = []

    def add(self, suffix: bytes, port: bytes, index: RouteIndex) -> bool:
        """Add a suffix; False when it is there already."""
        size = len(suffix)
        place = 0
        while place < len(self.lengths) and self.lengths[place] > size:
            place += 1
        if place == len(self.lengths) or self.lengths[place] != size:
            self.lengths.insert(place, size)
            self._by_length.insert(place, {})
            self._dotted.insert(place, True)
        if suffix[:1] != b".":
            self._dotted[place] = False
        ports = self._by_length[place].setdefault(suffix, {})
        if port in ports:
            return False
        ports[port] = index
        return True

    def find(self, host: bytes, port: bytes) -> RouteIndex | None:
        """Return what the longest suffix of ``host`` with its port leads to, else the longest
        with any port.  A suffix must leave a character."""
        raw = host
        size = len(host)
        any_port = None
        for place in range(len(self.lengths)):
            length = self.lengths[place]
            if length >= size or (self._dotted[place] and raw[size - length] != 46):
                continue
            self.steps += 1
            suffixes = self._by_length[place]
            ports = suffixes.get(raw[size - length : size])
            if ports is not None:
                index = ports.get(port)
                if index is not None:
                    return index
                if any_port is None:
                    any_port = ports.get(_ANY_PORT)
        return any_port


def split_authority(authority: bytes) -> tuple[bytes, bytes]:
    """Return host and port, the port empty when there is none; IPv6 hosts keep their brackets."""
    colon = _port_colon(authority)
    if colon < 0:
        return authority, b""
    raw = authority
    return raw[:colon], raw[colon + 1 : len(authority)]


def _port_colon(authority: bytes) -> int:
    """Return where the colon before the port is, -1 when there is none.

    An IPv6 address without brackets has no port.
    """
    raw = authority
    colon = -1
    at = len(authority) - 1
    while at >= 0 and raw[at] != 93:
        if raw[at] == 58:
            if colon >= 0:
                return -1
            colon = at
        at -= 1
    return colon if at < 0 or colon == at + 1 else -1


def _filter_configs(
    configs: Mapping[str, Any], read: ReadFilterConfig | None
) -> dict[str, Any]:
    return {
        name: config if read is None else read(name, config) for name, config in configs.items()
    }


def _entry(
    router: snapshot.Router,
    host: snapshot.VirtualHost,
    route: snapshot.Route,
    shared: dict[str, Any],
    read: ReadFilterConfig | None,
) -> RouteEntry:
    try:
        configs = {**shared, **_filter_configs(route.per_filter_config, read)}
        return RouteEntry(router, host, route, configs)
    except ValueError as error:
        where = f"router {router.name!r}, virtual host {host.name!r}, route {route.name!r}"
        raise ValueError(f"{where}: {error}") from None


_ANY_PORT = b"*"
