"""A route table: the virtual host of a request, then its route (spec §5.1, §5.2).

Domains, in this order: a host with its port, a host with ``*`` for the port, the longest
``*suffix`` with the port, the longest with any port, ``*``.  A domain without a port is for
requests whose host has none.  A table with no domain but ``*`` never looks at the host.
"""

from pymosn import snapshot
from pymosn.router.action import RouteEntry
from pymosn.router.index import RouteIndex
from pymosn.stream.stream import Stream


class RouteTable:
    """The routes of a router, built from its snapshot."""

    def __init__(self, router: snapshot.Router) -> None:
        """Raises ``ValueError``, with a sentence, when a domain or a rule is no good."""
        self.name = router.name
        self.hosts: list[RouteIndex] = []
        self._default: RouteIndex | None = None
        self._exact: dict[bytes, RouteIndex] = {}
        self._any_port: dict[bytes, RouteIndex] = {}
        self._suffixes = SuffixTable()
        for host in router.virtual_hosts:
            entries = [_entry(router, host, route) for route in host.routes]
            index = RouteIndex(entries)
            self.hosts.append(index)
            for domain in host.domains:
                self._add(domain, index)
        self._only_default = not (self._exact or self._any_port or self._suffixes.lengths)

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
        authority = authority.lower()
        index = self._exact.get(authority)
        if index is not None:
            return index
        host, port = split_authority(authority)
        if not port and len(host) < len(authority):
            index = self._exact.get(host)
        if index is None and self._any_port:
            index = self._any_port.get(host)
        if index is None and self._suffixes.lengths:
            index = self._suffixes.find(host, port)
            if index is None:
                index = self._suffixes.find(host, b"*")
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
            if not self._suffixes.add(host[1:], port, index):
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
    """Wildcard domains: one dictionary for each length that occurs, longest first."""

    def __init__(self) -> None:
        self.lengths: list[int] = []
        self._by_length: list[dict[bytes, RouteIndex]] = []

    def add(self, suffix: bytes, port: bytes, index: RouteIndex) -> bool:
        """Add a suffix; False when it is there already."""
        size = len(suffix)
        place = 0
        while place < len(self.lengths) and self.lengths[place] > size:
            place += 1
        if place == len(self.lengths) or self.lengths[place] != size:
            self.lengths.insert(place, size)
            self._by_length.insert(place, {})
        key = suffix + b" " + port
        if key in self._by_length[place]:
            return False
        self._by_length[place][key] = index
        return True

    def find(self, host: bytes, port: bytes) -> RouteIndex | None:
        """Return what the longest suffix of ``host`` leads to; it must leave a character."""
        tail = b" " + port
        size = len(host)
        for place in range(len(self.lengths)):
            length = self.lengths[place]
            if length < size:
                index = self._by_length[place].get(host[size - length :] + tail)
                if index is not None:
                    return index
        return None


def split_authority(authority: bytes) -> tuple[bytes, bytes]:
    """Return host and port, the port empty when there is none; IPv6 hosts keep their brackets."""
    if authority[:1] == b"[":
        end = authority.find(b"]") + 1
        if end > 0 and authority[end : end + 1] == b":":
            return authority[:end], authority[end + 1 :]
        return authority, b""
    colon = authority.find(b":")
    if colon < 0 or authority.find(b":", colon + 1) >= 0:
        return authority, b""
    return authority[:colon], authority[colon + 1 :]


def _entry(
    router: snapshot.Router, host: snapshot.VirtualHost, route: snapshot.Route
) -> RouteEntry:
    try:
        return RouteEntry(router, host, route)
    except ValueError as error:
        where = f"router {router.name!r}, virtual host {host.name!r}, route {route.name!r}"
        raise ValueError(f"{where}: {error}") from None
