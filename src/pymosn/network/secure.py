"""What a connection knows of TLS: the interface, without OpenSSL.

A ``TlsLayer`` stands between one connection and its socket; a ``TlsFactory`` makes those of a
listener or of an upstream host.  Counterparts: ``network/tls_session.pyx`` and ``network/tls.pyx``
implement them, and are loaded only where the configuration asks for TLS, because libcrypto costs
each process megabytes.
"""

from typing import Final

from pymosn.buffer import OutputQueue

WAITING: Final = 0
"""The handshake needs more from the peer, or the socket takes no more."""
DONE: Final = 1
"""The handshake is complete."""
PLAIN: Final = 2
"""The peer speaks plain text, and may: the connection goes on without a layer."""


class TlsLayer:
    """The TLS of one connection.

    ``shaking``: the handshake is not over.  ``more``: the last read filled the buffer, so there is
    probably more.  ``timeout``: seconds the handshake may take, of a listener's.
    ``alpn``: the protocol that was agreed upon, empty: none.  ``error``: what went wrong, for
    people.
    """

    shaking: bool
    more: bool
    timeout: float
    alpn: bytes
    error: str

    def handshake(self, fd: int) -> int:
        """Go on with the handshake: WAITING, DONE, PLAIN, or minus an errno."""
        raise NotImplementedError

    def receive(self, fd: int, bulk: bool) -> bytes | None:
        """Read and decrypt; the contract is that of ``Reactor.receive``.

        An end of the stream that the peer did not announce is ECONNRESET: it may be an attacker's.
        """
        raise NotImplementedError

    def send(self, fd: int, queue: OutputQueue, final: bool) -> int:
        """Encrypt and send; returns the bytes that left (0: try later) or minus an errno.

        The queue is left as it is; after a 0 it must still begin with the same bytes.
        ``final``: tell the peer behind the last byte that nothing follows.
        """
        raise NotImplementedError

    def push(self, fd: int) -> int:
        """Send what the socket did not take: 1 when nothing is left, 0, or minus an errno."""
        return 1

    def end(self, fd: int) -> None:
        """Tell the peer that nothing follows, unless it was told."""

    def report(self, peer: bytes) -> None:
        """Count and log a failed handshake with the packed address ``peer``."""

    def fact(self, name: str) -> bytes | None:
        """Return a fact by its name (see ``FACTS``), None when there is none."""
        return None


class TlsFactory:
    """Makes the layers of one listener or of one upstream host."""

    name: str
    """What logs call it."""
    fall_back: bool
    """Client: go on in plain text when the handshake failed."""

    def layer(self) -> TlsLayer:
        """Return the layer of a new connection."""
        raise NotImplementedError


FACTS: Final = (
    "version",
    "cipher",
    "alpn",
    "server_name",
    "resumed",
    "peer_verified",
    "peer_subject",
    "peer_issuer",
    "peer_serial",
    "peer_fingerprint",
    "peer_not_after",
    "peer_dns_san",
    "peer_uri_san",
    "peer_certificate",
)
"""``peer_certificate`` is PEM, percent-encoded; the names of a SAN are joined by commas, and what
is not printable ASCII is not among them."""
