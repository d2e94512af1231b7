"""From a configuration file to everything the supervisor acts on.

A ``Configuration`` is one file as it was read: model, settings and findings.  ``compile`` makes a
snapshot of it, as often as the addresses of its hosts change.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pymosn.config.certificates import Certificates, Facts
from pymosn.config.compile import compile_snapshot
from pymosn.config.load import LoadedConfig, load_config
from pymosn.config.settings import ServerSettings, server_settings
from pymosn.config.source import Finding
from pymosn.config.support import Capabilities
from pymosn.extension.registry import Registry
from pymosn.observe.metrics import SlotTable
from pymosn.snapshot import Snapshot, TlsContext

Loader = Callable[[], LoadedConfig]


class Configuration:
    """A configuration that was read and can be served."""

    def __init__(self, loaded: LoadedConfig) -> None:
        """Raises ``ConfigError`` when a setting is wrong."""
        self.loaded = loaded
        self.certificates = Certificates(OpenSslChecks())
        self.settings: ServerSettings = server_settings(loaded.config, source=loaded.source)

    @property
    def findings(self) -> list[Finding]:
        """Warnings, and the parts that have no effect yet."""
        return self.loaded.findings

    def with_fresh_certificates(self) -> "Configuration":
        """Return the same configuration that has yet to read its certificates."""
        return Configuration(self.loaded)

    def compile(
        self,
        table: SlotTable,
        resolved: Mapping[str, Sequence[str]],
        version: int,
        *,
        workers: int = 0,
    ) -> Snapshot:
        """Return the snapshot; raises ``ConfigError``.

        ``resolved`` maps the ``name:port`` of hosts to addresses; hosts without are left out.
        ``workers`` overrules the settings, if it is not 0.
        """
        self.certificates.used.clear()
        return compile_snapshot(
            self.loaded.config,
            table,
            resolved,
            source=self.loaded.source,
            capabilities=self.loaded.capabilities,
            certificates=self.certificates,
            workers=workers or self.settings.workers,
            log_directory=self.settings.access_log_directory,
            version=version,
        )


class OpenSslChecks:
    """Looks into certificates; loads OpenSSL when there are some."""

    def pair(self, chain: str, key: str) -> Facts:
        """Return the facts of a certificate; raises ``ValueError`` when its key is another's."""
        from pymosn.network.certificates import read_certificate  # takes megabytes

        return read_certificate(chain, key)

    def authorities(self, text: str) -> None:
        """Raise ``ValueError`` when a text has no CA certificates."""
        from pymosn.network.certificates import read_authorities  # takes megabytes

        read_authorities(text)

    def context(self, context: TlsContext) -> None:
        """Raise ``ValueError`` when TLS cannot be spoken as ``context`` says."""
        from pymosn.network.tls_context import check_context  # takes megabytes

        check_context(context)


def capabilities_of(registry: Registry) -> Capabilities:
    """Return what a program with these extensions can do."""
    return Capabilities(
        stream_filters=registry.names("filters"),
        protocols=registry.names("protocols", "Http1", "Http2"),
    )


def file_loader(path: str | Path, *, strict: bool = False) -> Loader:
    """Return what reads the configuration file at each (re)load."""

    def load() -> LoadedConfig:
        capabilities = capabilities_of(Registry.standard())
        return load_config(path, strict=strict, capabilities=capabilities)

    return load
