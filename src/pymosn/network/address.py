"""Socket addresses: text as in the configuration, packed as the kernel wants them.

Packed form: a C ``struct sockaddr`` (sockaddr_in, sockaddr_in6 or sockaddr_un) in native order.
"""

import socket
import struct

_IN = struct.Struct("=H2s4s8x")
_IN6 = struct.Struct("=H2s4x16sI")


def split(address: str) -> tuple[str, int]:
    """Split ``host:port`` or ``[ip6]:port``; an empty host means every address.

    Raises ``ValueError`` with a sentence for the operator.
    """
    host, separator, port = address.rpartition(":")
    if not separator:
        raise ValueError(f"{address!r} has no port; write host:port")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"{address!r}: put an IPv6 address in brackets, as in [::1]:80")
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise ValueError(f"{port!r} is not a port (0 to 65535)")
    return host, int(port)


def is_unix(address: str) -> bool:
    """Say whether ``address`` names a Unix socket (``unix:/path`` or an absolute path)."""
    return address.startswith(("unix:", "/"))


def unix_path(address: str) -> str:
    """Return the path of a Unix address."""
    return address.removeprefix("unix:")


def pack(address: str) -> tuple[int, bytes]:
    """Return ``(family, packed sockaddr)`` of a literal address.

    Raises ``ValueError`` when it is a host name, or too long for a Unix path.
    """
    if is_unix(address):
        path = unix_path(address).encode()
        if len(path) > 107:
            raise ValueError(f"the path of a Unix socket has at most 107 bytes: {address!r}")
        return socket.AF_UNIX, struct.pack("=H", socket.AF_UNIX) + path + b"\0"
    host, port = split(address)
    network_port = port.to_bytes(2, "big")
    host = host or "0.0.0.0"
    try:
        return socket.AF_INET, _IN.pack(
            socket.AF_INET, network_port, socket.inet_pton(socket.AF_INET, host)
        )
    except OSError:
        pass
    try:
        packed = socket.inet_pton(socket.AF_INET6, host)
    except OSError:
        raise ValueError(f"{host!r} is not an IP address") from None
    return socket.AF_INET6, _IN6.pack(socket.AF_INET6, network_port, packed, 0)


def ip_text(packed: bytes) -> str:
    """Return the IP address of a packed sockaddr; empty for Unix sockets.

    An IPv4 address that arrived on an IPv6 socket is shown as IPv4.
    """
    if len(packed) < 2:
        return ""
    family = int.from_bytes(packed[:2], "little" if _LITTLE else "big")
    if family == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, packed[4:8])
    if family == socket.AF_INET6:
        raw = packed[8:24]
        if raw[:12] == _V4_MAPPED:
            return socket.inet_ntop(socket.AF_INET, raw[12:])
        return socket.inet_ntop(socket.AF_INET6, raw)
    return ""


def port_number(packed: bytes) -> int:
    """Return the port of a packed sockaddr; 0 for Unix sockets."""
    if ip_text(packed) == "":
        return 0
    return int.from_bytes(packed[2:4], "big")


def text(packed: bytes) -> str:
    """Return ``ip:port``, ``[ip6]:port`` or ``unix:path`` for a packed sockaddr."""
    ip = ip_text(packed)
    if ip:
        return f"[{ip}]:{port_number(packed)}" if ":" in ip else f"{ip}:{port_number(packed)}"
    return "unix:" + packed[2:].split(b"\0", 1)[0].decode(errors="replace")


_LITTLE = struct.pack("=H", 1) == b"\x01\x00"
_V4_MAPPED = b"\0" * 10 + b"\xff\xff"
