"""Certificates for tests, and both ends of TLS connections."""

import datetime
import socket
import ssl
from collections.abc import Iterable, Sequence
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from pymosn import snapshot
from pymosn.network.reactor import Reactor
from pymosn.network.tls import TicketKeys, TlsClient, TlsServer
from pymosn.network.tls_context import TlsContext
from pymosn.network.tls_session import TlsBuffers, TlsSession
from pymosn.observe.metrics import TLS, SlotTable, TlsStats
from pymosn.observe.slots import Slots

DONE = 1
EAGAIN = 11


def client_hello(context: ssl.SSLContext, name: str) -> bytes:
    """Return what Python's client says first."""
    to_send = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), to_send, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return to_send.read()
    raise AssertionError("a handshake without a server")


class Authority:
    """A CA that nobody else trusts."""

    def __init__(self) -> None:
        self.ca = trustme.CA()
        self.pem = self.ca.cert_pem.bytes().decode()

    def issue(self, *names: str, key_type: str = "ECDSA", **named: object) -> snapshot.Certificate:
        """Return a certificate for these names."""
        made = self.ca.issue_cert(*names, key_type=trustme.KeyType[key_type], **named)
        chain = b"".join(blob.bytes() for blob in made.cert_chain_pems).decode()
        return snapshot.Certificate(chain=chain, key=made.private_key_pem.bytes().decode())

    def issue_odd(
        self,
        subject: str,
        *,
        names: Sequence[x509.GeneralName] = (),
        curve: ec.EllipticCurve | None = None,
    ) -> snapshot.Certificate:
        """Return a certificate that trustme does not make."""
        key = ec.generate_private_key(curve or ec.SECP256R1())
        issuer = x509.load_pem_x509_certificate(self.ca.cert_pem.bytes())
        issuer_key = load_pem_private_key(self.ca.private_key_pem.bytes(), password=None)
        now = datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)]))
            .issuer_name(issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )
        if names:
            made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return snapshot.Certificate(
            chain=made.sign(issuer_key, hashes.SHA256()).public_bytes(Encoding.PEM).decode(),
            key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        )

    def context(self, *names: str, **settings: object) -> snapshot.TlsContext:
        """Return a server's context with a certificate for these names."""
        key_type = str(settings.pop("key_type", "ECDSA"))
        return snapshot.TlsContext(certificates=[self.issue(*names, key_type=key_type)], **settings)

    def client(self, **settings: object) -> ssl.SSLContext:
        """Return Python's client context that trusts this CA."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.ca.configure_trust(context)
        for name, value in settings.items():
            setattr(context, name, value)
        return context

    def server(self, *names: str, **settings: object) -> ssl.SSLContext:
        """Return Python's server context with a certificate for these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*names).configure_cert(context)
        for name, value in settings.items():
            setattr(context, name, value)
        return context

    def write(self, directory: Path, name: str, certificate: snapshot.Certificate) -> None:
        """Write ``name.crt`` and ``name.key``."""
        (directory / f"{name}.crt").write_text(certificate.chain)
        (directory / f"{name}.key").write_text(certificate.key)


class Ours:
    """What makes our ends of connections, with counters."""

    def __init__(self) -> None:
        self.reactor = Reactor()
        self.buffers = TlsBuffers(self.reactor)
        self.values = bytearray(8 * 64)
        self.stats = TlsStats(Slots(memoryview(self.values)), SlotTable().slot(TLS, listener="l"))

    def count(self, key: str) -> int:
        """Return a counter of the layout ``TLS``."""
        return int(memoryview(self.values).cast("q")[TLS.offset(key)])

    def server(
        self, *contexts: snapshot.TlsContext, tickets: TicketKeys | None = None, **settings: object
    ) -> TlsServer:
        """Return a listener's factory."""
        return TlsServer(
            self.buffers,
            snapshot.TlsServer(contexts=list(contexts), **settings),
            tickets or TicketKeys(),
            self.stats,
            "listener l",
        )

    def client(self, context: snapshot.TlsContext, name: str, **settings: object) -> TlsClient:
        """Return a host's factory."""
        return TlsClient(
            self.buffers,
            TlsContext(context, False),
            snapshot.TlsClient(context=context, **settings),
            name,
            self.stats,
            "cluster c",
        )


class Wire:
    """One of our ends and one of Python's, with the network between them in our hands."""

    def __init__(
        self, layer: TlsSession, theirs: ssl.SSLContext, *, name: str = "", **named: object
    ) -> None:
        """``name``: what Python's client asks for; empty: Python's end is a server."""
        self.layer = layer
        self.near, self.far = socket.socketpair()
        self.near.setblocking(False)
        self.far.setblocking(False)
        self.received, self.sending = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.peer = theirs.wrap_bio(
            self.received, self.sending, server_side=not name, server_hostname=name or None, **named
        )
        self.fd = self.near.fileno()

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.near.close()
        self.far.close()

    def pass_on(self, size: int = 1 << 20) -> bytes:
        """Bring what Python's end wrote to our socket, at most ``size`` bytes."""
        data = self.sending.read(size)
        if data:
            self.far.sendall(data)
        return data

    def take(self) -> None:
        """Bring what we sent to Python's end."""
        while True:
            try:
                data = self.far.recv(1 << 16)
            except BlockingIOError:
                return
            if not data:
                self.received.write_eof()
                return
            self.received.write(data)

    def shake(self, size: int = 1 << 20) -> int:
        """Run the handshake to its end; returns our last answer."""
        result = 0
        done = False
        for _ in range(20000):
            if not done:
                try:
                    self.peer.do_handshake()
                    done = True
                except ssl.SSLWantReadError:
                    pass
            self.pass_on(size)
            if result == 0:
                result = self.layer.step(self.fd)
            self.take()
            if result < 0 or (done and result == DONE and not self.sending.pending):
                return result
        raise AssertionError("the handshake does not end")

    def read(self, size: int = 1 << 16) -> bytes:
        """Return what Python's end can read."""
        self.take()
        found = []
        while True:
            try:
                data = self.peer.read(size)
            except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
                break
            if not data:
                break
            found.append(data)
        return b"".join(found)

    def write(self, data: bytes, size: int = 1 << 20) -> bytes | int:
        """Write on Python's end; returns what our end reads."""
        self.peer.write(data)
        self.pass_on(size)
        return self.layer.read(self.fd)


def joined(results: Iterable[bytes | int]) -> bytes:
    """Return the bytes among the answers of ``read``."""
    return b"".join(item for item in results if isinstance(item, bytes))
