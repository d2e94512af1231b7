"""Where certificates, keys and CA certificates come from.

A ``Provider`` turns the reference in a configuration (a path, or the PEM text itself) into text;
others, such as SDS or ACME, are more rows for ``Certificates``.  What was read is kept, so that a
configuration is compiled from the same texts again when only addresses change; ``changed`` says
when reading anew would find something else.
"""

import os
from collections.abc import Sequence
from typing import Final, Protocol

from msgspec import Struct

from pymosn.snapshot import TlsContext

INLINE_MARK: Final = "-----BEGIN"
LARGEST: Final = 1 << 20
"""Bytes of a file."""

Stamp = tuple[int, int, int]
"""What tells one version of a file from another: inode, size, time of change."""


class CertificateError(ValueError):
    """What a configuration refers to cannot be had; the text says why."""


class Facts(Protocol):
    """What is known of a certificate (``network.certificates.CertificateFacts``)."""

    names: list[str]
    key_type: str
    not_before: int
    not_after: int


class Checks(Protocol):
    """Looks into certificates: OpenSSL, which this package does not know."""

    def pair(self, chain: str, key: str) -> Facts:
        """Return the facts of a certificate; raise ``ValueError`` when its key is another's."""

    def authorities(self, text: str) -> None:
        """Raise ``ValueError`` when a text has no CA certificates."""

    def context(self, context: TlsContext) -> None:
        """Raise ``ValueError`` when TLS cannot be spoken as ``context`` says."""


class Provider(Protocol):
    """One kind of source of certificates."""

    def handles(self, reference: str) -> bool:
        """Say whether a reference is of this kind."""

    def read(self, reference: str) -> bytes:
        """Return what it refers to, or raise ``CertificateError``."""

    def stamp(self, reference: str) -> Stamp | None:
        """Return what changes when the text does; None: it never does, or cannot be seen."""


class InlineProvider:
    """PEM text that stands in the configuration."""

    def handles(self, reference: str) -> bool:
        """Say whether a reference is PEM text."""
        return INLINE_MARK in reference

    def read(self, reference: str) -> bytes:
        """Return the text."""
        return reference.encode()

    def stamp(self, reference: str) -> Stamp | None:
        """Return None: another text is another configuration."""
        return None


class FileProvider:
    """Files, which somebody may replace while they are in use."""

    def handles(self, reference: str) -> bool:
        """Say whether a reference can be a path."""
        return bool(reference) and INLINE_MARK not in reference

    def read(self, reference: str) -> bytes:
        """Return the content of a file."""
        try:
            with open(reference, "rb") as file:  # noqa: PTH123  only its content counts
                data = file.read(LARGEST + 1)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise CertificateError(f"{reference} cannot be read: {reason}") from error
        if len(data) > LARGEST:
            raise CertificateError(f"{reference} is too large for a certificate")
        return data

    def stamp(self, reference: str) -> Stamp | None:
        """Return the file's; a file that is gone has none."""
        try:
            status = os.stat(reference)  # noqa: PTH116  a string is all there is
        except (OSError, ValueError):
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns


class UsedCertificate(Struct, frozen=True):
    """A certificate in use, for metrics and warnings."""

    owner: str
    """``listener`` or ``cluster``."""
    name: str
    """That one's."""
    facts: Facts


class Certificates:
    """Reads and checks what the TLS contexts of one configuration refer to."""

    def __init__(
        self, checks: Checks | None = None, providers: Sequence[Provider] | None = None
    ) -> None:
        """Without ``checks`` nothing is looked into."""
        self.checks = checks
        self.used: list[UsedCertificate] = []
        """The certificates, in the order in which they were first asked for."""
        self._providers = providers or (InlineProvider(), FileProvider())
        self._read: dict[str, bytes] = {}
        self._stamps: dict[str, Stamp | None] = {}

    def text(self, reference: str) -> str:
        """Return PEM text; raises ``CertificateError``."""
        try:
            return self.data(reference).decode("utf-8")
        except UnicodeDecodeError as error:
            raise CertificateError(f"{reference} is not PEM") from error

    def data(self, reference: str) -> bytes:
        """Return the bytes that a reference stands for; raises ``CertificateError``."""
        known = self._read.get(reference)
        if known is None:
            provider = self._provider(reference)
            # The stamp first: a change in between is found later.
            self._stamps[reference] = provider.stamp(reference)
            known = self._read[reference] = provider.read(reference)
        return known

    def pair(self, chain: str, key: str) -> Facts | None:
        """Check the texts of a certificate and its key; raises ``CertificateError``."""
        if self.checks is None:
            return None
        try:
            return self.checks.pair(chain, key)
        except ValueError as error:
            raise CertificateError(str(error)) from error

    def authorities(self, text: str) -> None:
        """Check a text of CA certificates; raises ``CertificateError``."""
        if self.checks is not None:
            try:
                self.checks.authorities(text)
            except ValueError as error:
                raise CertificateError(str(error)) from error

    def context(self, context: TlsContext) -> None:
        """Check a whole context; raises ``CertificateError``."""
        if self.checks is not None:
            try:
                self.checks.context(context)
            except ValueError as error:
                raise CertificateError(str(error)) from error

    def note(self, owner: str, name: str, facts: Facts | None) -> None:
        """Remember that a listener or a cluster uses a certificate."""
        if facts is not None:
            self.used.append(UsedCertificate(owner, name, facts))

    def stamps(self) -> dict[str, Stamp | None]:
        """Return the present stamps of everything that was read."""
        return {name: self._provider(name).stamp(name) for name in self._stamps}

    def changed(self) -> list[str]:
        """Return the references whose text is probably another one now."""
        now = self.stamps()
        return [name for name, stamp in now.items() if stamp and stamp != self._stamps[name]]

    def fresh(self) -> "Certificates":
        """Return one that has read nothing yet."""
        return Certificates(self.checks, self._providers)

    def _provider(self, reference: str) -> Provider:
        for provider in self._providers:
            if provider.handles(reference):
                return provider
        raise CertificateError("is empty")


class UnreadCertificates(Certificates):
    """Takes references for the texts: for checks of a configuration without its files."""

    def data(self, reference: str) -> bytes:
        return reference.encode()


_DAY: Final = 86400
WARN_DAYS: Final = 21


def expiry_warnings(used: Sequence[UsedCertificate], now: float) -> list[str]:
    """Return a warning for each certificate that has expired or will within three weeks."""
    warnings: list[str] = []
    for item in used:
        left = item.facts.not_after - now
        where = f"{item.owner} {item.name}: the certificate for {', '.join(item.facts.names[:3])}"
        if left <= 0:
            warnings.append(f"{where} has expired")
        elif item.facts.not_before > now:
            warnings.append(f"{where} is not valid yet")
        elif left < WARN_DAYS * _DAY:
            warnings.append(f"{where} expires in {int(left / _DAY)} days")
    return warnings
