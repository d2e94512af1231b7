"""Any first bytes leave a TLS server waiting, refusing with a reason, or (an inspector) passing
them on untouched; never an exception or a read outside a buffer, and the same however they are cut.
"""

import socket
import ssl
import sys

from tests.fuzz.loop import main
from tests.support.tls import Authority, Ours, client_hello

OURS = Ours()
AUTHORITY = Authority()
CONTEXTS = (
    AUTHORITY.context("first.test", alpn=["http/1.1"]),
    AUTHORITY.context("*.second.test", alpn=["h2"], min_version="1.3"),
    AUTHORITY.context("third.test", verify="require", ca=AUTHORITY.pem),
)
SERVERS = (OURS.server(*CONTEXTS), OURS.server(*CONTEXTS, inspector=True))
WAITING, PLAIN = 0, 2


def hello(name: str, alpn: list[str], version: ssl.TLSVersion) -> bytes:
    """Return what Python's client says first."""
    context = ssl.create_default_context()
    context.maximum_version = version
    context.set_alpn_protocols(alpn)
    return client_hello(context, name)


SEEDS = [
    *(
        hello(name, alpn, version)
        for name in ("first.test", "a.b.second.test", "third.test", "x" * 60 + ".test", "127.0.0.1")
        for alpn in (["h2", "http/1.1"], ["sofa"])
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    ),
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
    b"\x80\x2e\x01\x03\x01",
    b"\x16",
]


def check(data: bytes) -> None:
    """Raise when the invariant does not hold for ``data``."""
    for inspector, server in enumerate(SERVERS):
        whole = answer(server, [data], inspector)
        size = 1 + (data[0] % 13 if data else 0)
        cut = len(data) * (data[-1] if data else 0) // 255
        steps = [data[at : at + size] for at in range(0, min(len(data), 600), size)]
        for pieces in ([data[:cut], data[cut:]], [*steps, data[600:]]):
            assert answer(server, pieces, inspector) == whole, (whole, pieces)


def answer(server: object, pieces: list[bytes], inspector: int) -> int:
    """Return what the server makes of the bytes: waiting, plain text, or -1."""
    layer = server.session()  # type: ignore[attr-defined]
    near, far = socket.socketpair()
    near.setblocking(False)
    with near, far:
        for piece in pieces:
            if not piece:
                continue
            far.sendall(piece)
            result = layer.step(near.fileno())
            if result == PLAIN:
                assert inspector
                assert piece[0] != 0x16
                assert near.recv(1 << 16) == piece
                return PLAIN
            if result < 0:
                assert layer.error
                return -1
            assert result == WAITING
            assert layer.fact("version") is None
    return WAITING


if __name__ == "__main__":
    sys.exit(main(check, SEEDS))
