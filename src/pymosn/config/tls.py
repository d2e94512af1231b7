"""TLS contexts of the model to those of the snapshot (spec §1.8)."""

from collections.abc import Collection
from types import MappingProxyType
from typing import Final

from msgspec import Struct, structs

from pymosn import snapshot
from pymosn.config import model
from pymosn.config.certificates import CertificateError, Certificates, Facts
from pymosn.config.source import Source
from pymosn.config.support import Capabilities
from pymosn.observe.metrics import TLS, SlotTable

VERSIONS: Final = MappingProxyType(
    {"tlsv1_0": "1.0", "tlsv1_1": "1.1", "tlsv1_2": "1.2", "tlsv1_3": "1.3"}
)
OLD_VERSIONS: Final = ("1.0", "1.1")
DEFAULT_MIN_VERSION: Final = "1.2"
DEFAULT_MAX_VERSION: Final = "1.3"
EXTENSIONS: Final = ("", "sni_verify")

CURVES: Final = MappingProxyType(
    {"x25519": "X25519", "p256": "P-256", "p384": "P-384", "p521": "P-521"}
)

_STRONG: Final = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
_WEAK: Final = MappingProxyType(
    {
        "ECDHE-ECDSA-AES256-CBC-SHA": "ECDHE-ECDSA-AES256-SHA",
        "ECDHE-ECDSA-AES128-CBC-SHA": "ECDHE-ECDSA-AES128-SHA",
        "ECDHE-RSA-AES256-CBC-SHA": "ECDHE-RSA-AES256-SHA",
        "ECDHE-RSA-AES128-CBC-SHA": "ECDHE-RSA-AES128-SHA",
        "RSA-AES256-CBC-SHA": "AES256-SHA",
        "RSA-AES128-CBC-SHA": "AES128-SHA",
        "ECDHE-RSA-3DES-EDE-CBC-SHA": "ECDHE-RSA-DES-CBC3-SHA",
        "RSA-3DES-EDE-CBC-SHA": "DES-CBC3-SHA",
        "AES256-GCM-SHA384": "AES256-GCM-SHA384",
        "AES128-GCM-SHA256": "AES128-GCM-SHA256",
    }
)
"""MOSN's names of suites that are weak by today's measure: no forward secrecy, CBC, 3DES."""
_MOSN_NAMES: Final = MappingProxyType(
    {
        "ECDHE-ECDSA-WITH-CHACHA20-POLY1305": "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-WITH-CHACHA20-POLY1305": "ECDHE-RSA-CHACHA20-POLY1305",
    }
)
_SUITES: Final = (
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
)
CIPHERS: Final = MappingProxyType(
    {
        **{name: name for name in _STRONG},
        **_MOSN_NAMES,
        **_WEAK,
        **{ours: ours for ours in _WEAK.values()},
    }
)
"""Names up to TLS 1.2, MOSN's and OpenSSL's, and what OpenSSL calls them."""
_OLD: Final = (*_STRONG, *list(_WEAK.values())[:6])
"""What may be used where TLS 1.0 or 1.1 was asked for."""

_SERVER_VERIFY: Final = MappingProxyType(
    {
        (True, True): "require",
        (True, False): "optional",
        (False, True): "request",
        (False, False): "none",
    }
)
"""By ``verify_client`` and ``require_client_cert``."""


class _Made(Struct):
    """A context with the facts of its certificates, while they are being gathered."""

    context: snapshot.TlsContext
    facts: list[Facts]


class TlsCompiler:
    """Compiles the TLS contexts of one model."""

    def __init__(
        self,
        source: Source,
        slots: SlotTable,
        capabilities: Capabilities,
        certificates: Certificates,
    ) -> None:
        self.source = source
        self.slots = slots
        self.can = capabilities
        self.certificates = certificates

    def server(
        self, listener: model.Listener, name: str, protocols: list[str], path: str
    ) -> snapshot.TlsServer | None:
        """Return the TLS of a listener, None when it has none; raises ``ConfigError``.

        ``protocols`` are those that it tells apart itself; empty: it does not look at them.
        """
        chain = listener.filter_chains[0]
        written: list[tuple[model.TlsContext | None, str]] = [
            (chain.tls_context, f"{path}.filter_chains[0].tls_context")
        ]
        for index, item in enumerate(chain.tls_context_set):
            written.append((item, f"{path}.filter_chains[0].tls_context_set[{index}]"))
        made: list[_Made] = []
        seconds = 0.0
        for context, where in written:
            if context is None or not context.status:
                continue
            if not (context.cert_chain or context.private_key) and context.fall_back:
                continue
            if context.sds_source is not None:
                continue
            self._add(made, self._server_context(context, protocols, where))
            seconds = seconds or context.handshake_timeout.seconds
        if not made:
            return None
        for one in made:
            for facts in one.facts:
                self.certificates.note("listener", name, facts)
        return snapshot.TlsServer(
            contexts=[one.context for one in made],
            inspector=listener.inspector,
            handshake_timeout=max(0.1, seconds),
            stats_slot=self.slots.slot(TLS, listener=name),
        )

    def client(
        self, context: model.TlsContext | None, name: str, path: str
    ) -> snapshot.TlsClient | None:
        """Return the TLS of a cluster, None when it has none; raises ``ConfigError``."""
        if context is None or not context.status or context.sds_source is not None:
            return None
        facts: list[Facts] = []
        certificates: list[snapshot.Certificate] = []
        if context.cert_chain or context.private_key:
            certificates.append(self._certificate(context, path, facts))
        verify = "full"
        if context.insecure_skip:
            verify = "none"
        elif context.type == "sni_verify":
            verify = "chain"
        for found in facts:
            self.certificates.note("cluster", name, found)
        return snapshot.TlsClient(
            context=self._context(context, certificates, verify, self.can.protocols, path),
            server_name=context.server_name,
            fall_back=context.fall_back,
            stats_slot=self.slots.slot(TLS, cluster=name),
        )

    # -- private ---------------------------------------------------------------------------

    def _server_context(
        self, context: model.TlsContext, protocols: list[str], path: str
    ) -> _Made:
        facts: list[Facts] = []
        certificates = [self._certificate(context, path, facts)]
        verify = _SERVER_VERIFY[context.verify_client, context.require_client_cert]
        return _Made(self._context(context, certificates, verify, protocols, path), facts)

    def _context(
        self,
        context: model.TlsContext,
        certificates: list[snapshot.Certificate],
        verify: str,
        protocols: Collection[str],
        path: str,
    ) -> snapshot.TlsContext:
        oldest = self._version(context.min_version, DEFAULT_MIN_VERSION, f"{path}.min_version")
        newest = self._version(context.max_version, DEFAULT_MAX_VERSION, f"{path}.max_version")
        if oldest > newest:
            message = f"is newer than max_version, {newest}"
            raise self.source.error(f"{path}.min_version", message, found=context.min_version)
        ciphers, suites = self._ciphers(context.cipher_suites, f"{path}.cipher_suites")
        if oldest in OLD_VERSIONS and not ciphers:
            ciphers = list(_OLD)
        compiled = snapshot.TlsContext(
            certificates=certificates,
            server_names=[context.server_name] if context.server_name else [],
            ca=self._authorities(context, f"{path}.ca_cert") if verify != "none" else "",
            verify=verify,
            peer_names=self._peer_names(context, path),
            alpn=_alpn(context.alpn, protocols),
            min_version=oldest,
            max_version=newest,
            ciphers=":".join(ciphers),
            suites=":".join(suites),
            groups=self._groups(context.ecdh_curves, f"{path}.ecdh_curves"),
        )
        try:
            self.certificates.context(compiled)
        except CertificateError as error:
            raise self.source.error(path, str(error)) from error
        return compiled

    def _certificate(
        self, context: model.TlsContext, path: str, facts: list[Facts]
    ) -> snapshot.Certificate:
        for key in ("cert_chain", "private_key"):
            if not getattr(context, key):
                raise self.source.error(f"{path}.{key}", "is required")
        chain = self._read(context.cert_chain, f"{path}.cert_chain")
        key = self._read(context.private_key, f"{path}.private_key")
        try:
            found = self.certificates.pair(chain, key)
            staple = self.certificates.data(context.ocsp_staple) if context.ocsp_staple else b""
        except CertificateError as error:
            raise self.source.error(f"{path}.cert_chain", str(error)) from error
        if found is not None:
            facts.append(found)
        return snapshot.Certificate(chain=chain, key=key, ocsp=staple)

    def _authorities(self, context: model.TlsContext, path: str) -> str:
        if not context.ca_cert:
            return ""
        text = self._read(context.ca_cert, path)
        try:
            self.certificates.authorities(text)
        except CertificateError as error:
            raise self.source.error(path, str(error)) from error
        return text

    def _read(self, reference: str, path: str) -> str:
        try:
            return self.certificates.text(reference)
        except CertificateError as error:
            raise self.source.error(path, str(error)) from error

    def _add(self, made: list[_Made], new: _Made) -> None:
        """Add a context, or its certificate to one that differs in the kind of key only."""
        for item in made:
            if _same_but_for_key(item, new):
                certificates = [*item.context.certificates, *new.context.certificates]
                item.context = structs.replace(item.context, certificates=certificates)
                item.facts += new.facts
                return
        made.append(new)

    def _version(self, text: str, default: str, path: str) -> str:
        wanted = text.lower()
        if wanted in ("", "tls_auto"):
            return default
        if wanted not in VERSIONS:
            expected = f"tls_auto, {', '.join(VERSIONS)}"
            raise self.source.error(path, "is not a version", found=text, expected=expected)
        return VERSIONS[wanted]

    def _ciphers(self, text: str, path: str) -> tuple[list[str], list[str]]:
        """Return the suites up to TLS 1.2 and those of TLS 1.3."""
        ciphers: list[str] = []
        suites: list[str] = []
        for name in filter(None, (part.strip() for part in text.split(":"))):
            if name in _SUITES:
                suites.append(name)
            elif name in CIPHERS:
                ciphers.append(CIPHERS[name])
            else:
                raise self.source.error(path, "is not a cipher suite", found=name)
        return ciphers, suites

    def _groups(self, text: str, path: str) -> str:
        groups: list[str] = []
        for name in filter(None, (part.strip().lower() for part in text.split(","))):
            if name not in CURVES:
                expected = ", ".join(CURVES)
                raise self.source.error(path, "is not a curve", found=name, expected=expected)
            groups.append(CURVES[name])
        return ":".join(groups)

    def _peer_names(self, context: model.TlsContext, path: str) -> list[str]:
        if context.type != "sni_verify":
            return []
        key = "match_subject_alt_names"
        names = context.extend_verify.get(key, "")
        found = [names] if isinstance(names, str) else names
        if not isinstance(found, list) or not all(isinstance(n, str) and n for n in found):
            expected = "a name, or several"
            raise self.source.error(f"{path}.extend_verify.{key}", "is needed", expected=expected)
        return found


def weak_ciphers(text: str) -> list[str]:
    """Return those of a list of cipher suites that are weak."""
    weak = {*_WEAK, *_WEAK.values()}
    return [name for part in text.split(":") if (name := part.strip()) in weak]


def client_context(
    cluster: model.Cluster, manager: model.ClusterManager
) -> tuple[model.TlsContext | None, str]:
    """Return the TLS context that counts for a cluster, and the key it stands under."""
    if cluster.cluster_manager_tls:
        return manager.tls_context, "cluster_manager_tls"
    return cluster.tls_context, "tls_context"


def _alpn(text: str, protocols: Collection[str]) -> list[str]:
    """Return the protocols to negotiate: of those in ``text`` what can be spoken, and without a
    text what is told apart."""
    known = [name for part in text.split(",") if (name := part.strip()) in _PROTOCOLS]
    if not protocols:
        return known
    if not text.strip():
        return ["h2", "http/1.1"] if isinstance(protocols, list) and "Http2" in protocols else []
    return [name for name in known if _PROTOCOLS[name] in protocols or not _PROTOCOLS[name]]


_PROTOCOLS: Final = MappingProxyType({"h2": "Http2", "http/1.1": "Http1", "sofa": ""})


def _same_but_for_key(one: _Made, other: _Made) -> bool:
    """Whether two contexts are one, with a certificate for each kind of key."""
    if len(one.facts) != len(one.context.certificates) or len(other.facts) != 1:
        return False
    new = other.facts[0]
    if any(f.key_type == new.key_type or set(f.names) != set(new.names) for f in one.facts):
        return False
    first = structs.replace(one.context, certificates=[])
    return first == structs.replace(other.context, certificates=[])
