"""The domains of a route table: their syntax and which may not stand twice (spec §5.1)."""

from pymosn.config.address import is_ip


def split_domain(domain: str) -> tuple[str, str]:
    """Return host and port of a domain in lower case; raise ``ValueError`` with the reason.

    The port is empty when there is none and ``*`` for any.
    """
    text = domain.lower()
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or not is_ip(host) or (rest and not rest.startswith(":")):
            raise ValueError("is not a domain")
        port = rest[1:]
    else:
        host, colon, port = text.partition(":")
        if ":" in port:
            raise ValueError("has too many colons; write IPv6 addresses in [brackets]")
        if colon and not port:
            raise ValueError("has a colon and no port")
    if not host:
        raise ValueError("is empty" if not domain else "has no host")
    if "*" in host[1:]:
        raise ValueError("has a * that is not at its start")
    if port not in ("", "*") and not (port.isascii() and port.isdigit() and int(port[:9]) < 65536):
        raise ValueError(f'"{port}" is not a port number')
    return host, port


class DomainTable:
    """The domains of one route table that were seen so far."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], str] = {}

    def add(self, domain: str, path: str) -> None:
        """Remember the domain written at ``path``; raise ``ValueError`` if it cannot be used."""
        host, port = split_domain(domain)
        if host == "*" and port == "*":
            port = ""
        earlier = self._seen.setdefault((host, port), path)
        if earlier != path:
            raise ValueError(f"stands already at {earlier}")
