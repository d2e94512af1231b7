"""TLS contexts (spec §1.8)."""

from typing import Any

from msgspec import field

from pymosn.config.model.base import Section
from pymosn.config.values import Duration


class SdsSecret(Section):
    """A secret that an SDS server delivers."""

    name: str = ""
    """Name of the secret."""
    sds_config: dict[str, Any] = field(default_factory=dict, name="sdsConfig")
    """Envoy ConfigSource: where to ask for it."""


class SdsSource(Section):
    """Certificates that come from an SDS server."""

    certificate: SdsSecret | None = field(default=None, name="CertificateConfig")
    """The certificate and its key."""
    validation: SdsSecret | None = field(default=None, name="ValidationConfig")
    """The CA; absent: the system's roots."""


class TlsContext(Section):
    """TLS of a listener (server side) or of a cluster (client side)."""

    status: bool = False
    """False: the context is ignored."""
    type: str = ""
    """Name of an extension; empty: none. ``sni_verify``: see ``extend_verify``."""
    server_name: str = ""
    """Client: the name sent as SNI and verified. Server: one more name that selects the context."""
    ca_cert: str = ""
    """CA certificates: a file, or inline PEM."""
    cert_chain: str = ""
    """Certificate chain: a file, or inline PEM. A file that changes is read again."""
    private_key: str = ""
    """Private key: a file, or inline PEM. Never shown by the admin API."""
    ocsp_staple: str = ""
    """pymosn: a file with the OCSP response (DER) for the certificate, which is stapled."""
    handshake_timeout: Duration = Duration.of(15)
    """pymosn: server: time for a handshake; the first context of a listener counts."""
    verify_client: bool = False
    """Server: verify the client's certificate if there is one."""
    require_client_cert: bool = False
    """Server: ask for a client certificate; with ``verify_client`` it is required and verified."""
    insecure_skip: bool = False
    """Client: do not verify the server. For tests only."""
    cipher_suites: str = ""
    """Names separated by ``:``, in order of preference. Default: those with ECDHE and AEAD."""
    ecdh_curves: str = ""
    """``x25519``, ``p256``, ``p384``, ``p521`` separated by ``,``."""
    min_version: str = ""
    """``tls_auto`` or ``tlsv1_0`` to ``tlsv1_3``. Default: ``tlsv1_2`` (MOSN: ``tlsv1_0``)."""
    max_version: str = ""
    """The same, the newest allowed."""
    alpn: str = ""
    """Protocols offered, separated by ``,``: ``h2``, ``http/1.1``, ``sofa``. Others, and those that
    the listener or pymosn does not speak, are skipped."""
    ticket: str = ""
    """Accepted for MOSN's sake; has no effect."""
    fall_back: bool = False
    """Client: go on in plain text when the handshake fails. Server without certificate: the same.
    Insecure; MOSN's migration aid."""
    extend_verify: dict[str, Any] = field(default_factory=dict)
    """Passed to the extension named by ``type``. ``sni_verify`` reads ``match_subject_alt_names``:
    a URI or DNS name, or several, one of which the peer's certificate must have; a client does
    not look at the server's host name then."""
    callbacks: list[str] = field(default_factory=list)
    """Names of callbacks that run when SDS delivered a secret."""
    sds_source: SdsSource | None = None
    """Certificates from an SDS server instead of files."""
