"""Addresses as the configuration writes them, to the snapshot's forms.

The forms are ``ip:port``, ``[ip6]:port``, ``name:port`` and ``unix:/path``.  Functions raise
``ValueError`` with the reason.
"""

import ipaddress
import re
from typing import Final, NamedTuple

_NAME: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")
_DIGITS: Final = re.compile(r"[0-9]+(?:\.[0-9]+)*\.?")
_UNIX_LIMIT: Final = 107
"""Bytes in a socket path; the kernel has room for 108 with the end."""


class HostPort(NamedTuple):
    """An IP address or a name, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_name(self) -> bool:
        """Whether the host still has to be resolved."""
        return not is_ip(self.host)


def is_ip(host: str) -> bool:
    """Whether ``host`` is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def parse_host_port(text: str, *, default_port: int | None = None) -> HostPort:
    """Split ``host:port`` and check both parts; an empty host is allowed and stays empty."""
    host, port_text = _split(text)
    if not port_text:
        if default_port is None:
            raise ValueError("has no port")
        port = default_port
    else:
        port = _port(port_text)
    if host and not is_ip(host):
        if ":" in host or _DIGITS.fullmatch(host):
            raise ValueError(f"{host} is not an IP address")
        if _NAME.fullmatch(host) is None:
            raise ValueError(f'"{host}" is not a host name')
    if host and is_ip(host):
        host = str(ipaddress.ip_address(host))
    return HostPort(host, port)


def parse_listen(text: str, network: str = "tcp") -> str:
    """Return the address of a listener; no host means all IPv4 interfaces."""
    if network == "unix" or text.startswith("unix:"):
        return parse_unix(text)
    parsed = parse_host_port(text)
    if parsed.host in ("", "localhost"):
        parsed = HostPort("127.0.0.1" if parsed.host else "0.0.0.0", parsed.port)
    return str(parsed)


def parse_endpoint(text: str, *, default_port: int | None = None) -> str:
    """Return the address of a cluster's host."""
    if text.startswith("unix:"):
        return parse_unix(text)
    parsed = parse_host_port(text, default_port=default_port)
    if not parsed.host:
        parsed = HostPort("127.0.0.1", parsed.port)
    if parsed.port == 0:
        raise ValueError("port 0 cannot be connected to")
    return str(parsed)


def parse_unix(text: str) -> str:
    """Return ``unix:/path``, or ``unix:@name`` for an abstract socket."""
    path = text.removeprefix("unix:")
    if path.startswith("//"):
        path = path[2:] if path.startswith("///") else path[1:]
    if not path:
        raise ValueError("has no path")
    if len(path.encode()) > _UNIX_LIMIT:
        raise ValueError(f"is longer than the {_UNIX_LIMIT} bytes a socket path may have")
    if "\0" in path:
        raise ValueError("contains a NUL character")
    return f"unix:{path}"


def parse_ports(text: str) -> list[tuple[int, int]]:
    """Return the ranges of a list such as ``80,8000-8080``; empty text is an empty list."""
    ranges: list[tuple[int, int]] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        first, dash, last = part.partition("-")
        low = _port(first.strip())
        high = _port(last.strip()) if dash else low
        if low > high:
            raise ValueError(f"{part} ends before it begins")
        ranges.append((low, high))
    return ranges


def parse_network(address: str, length: int) -> str:
    """Return ``address/length`` with the host bits cleared."""
    return str(ipaddress.ip_network(f"{address}/{length}", strict=False))


def _split(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError("has an unfinished [address]")
        if not is_ip(host):
            raise ValueError(f'"{host}" is not an IP address')
        return host, rest[1:]
    host, _, port = text.rpartition(":")
    if ":" not in text:
        host, port = text, ""
    if ":" in host:
        raise ValueError("has too many colons; write IPv6 addresses in [brackets]")
    return host, port


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f'"{text}" is not a port number')
    port = int(text) if len(text) <= 8 else 65536
    if port > 65535:
        raise ValueError(f"port {text[:20]} is greater than 65535")
    return port
