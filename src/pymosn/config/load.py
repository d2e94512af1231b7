"""Reads a configuration file into the model, with everything that is worth saying about it.

Takes MOSN's JSON and YAML and the short form; follows ``clusters_configs`` and ``router_configs``
into their directories.  Raises ``ConfigError`` and nothing else.
"""

from pathlib import Path
from typing import Any, Final, TypeVar

from msgspec import Struct

from pymosn.config import model
from pymosn.config.decode import Decoder
from pymosn.config.document import parse, read_bytes
from pymosn.config.review import review
from pymosn.config.source import Finding, Origin, Source
from pymosn.config.support import Capabilities, inactive_parts
from pymosn.errors import ConfigError

T = TypeVar("T", bound=model.Section)

_YAML: Final = (".yaml", ".yml")


class LoadedConfig(Struct):
    """A configuration that was read, and where each part of it was written."""

    config: model.MosnConfig
    source: Source
    findings: list[Finding]
    capabilities: Capabilities
    """What it was examined against; compile it against the same."""

    @property
    def warnings(self) -> list[Finding]:
        """What is probably a mistake."""
        return [finding for finding in self.findings if finding.kind == "warning"]

    @property
    def notices(self) -> list[Finding]:
        """What is understood and has no effect yet."""
        return [finding for finding in self.findings if finding.kind == "inactive"]


def load_config(
    path: str | Path, *, strict: bool = False, capabilities: Capabilities | None = None
) -> LoadedConfig:
    """Read a configuration file; ``strict`` makes an unknown key an error."""
    name = str(path)
    return parse_config(
        read_bytes(name),
        file=name,
        is_yaml=name.endswith(_YAML),
        strict=strict,
        capabilities=capabilities,
    )


def parse_config(
    data: bytes | str,
    *,
    file: str = "",
    is_yaml: bool = False,
    strict: bool = False,
    capabilities: Capabilities | None = None,
) -> LoadedConfig:
    """Read a configuration from text; ``file`` is its name in errors."""
    document = parse(data, file=file, is_yaml=is_yaml)
    source = Source(file=file)
    decoder = Decoder(source, strict=strict)
    if not isinstance(document, dict):
        raise source.error("$", "is not a configuration", found=document, expected="an object")
    try:
        if _is_short(document):
            from pymosn.config.short import expand_short  # a megabyte
            from pymosn.config.short_model import ShortConfig

            config = expand_short(decoder.decode(ShortConfig, document, "$"), source)
        else:
            config = decoder.decode(model.MosnConfig, document, "$")
            _Directories(decoder, source).read(config)
    except RecursionError as error:
        raise ConfigError("is nested too deeply", file=file) from error
    return _examined(config, source, decoder.findings, capabilities)


def from_command_line(
    listen: str,
    targets: list[str],
    *,
    tcp: bool = False,
    capabilities: Capabilities | None = None,
) -> LoadedConfig:
    """Return the configuration of ``pymosn proxy LISTEN TARGET...``."""
    from pymosn.config.short import expand_short  # a megabyte
    from pymosn.config.short_model import ShortConfig

    source = Source(file="command line")
    short = ShortConfig(listen=listen, tcp=targets if tcp else None, to=None if tcp else targets)
    config = expand_short(short, source)
    return _examined(config, source, [], capabilities)


def _is_short(document: dict[str, Any]) -> bool:
    """Whether a file is in the short form."""
    keys = {key.lower() for key in document}
    mosn = {"servers", "cluster_manager", "static_resources", "dynamic_resources"}
    return not keys & mosn and bool(keys & {"listen", "listeners", "clusters", "routes"})


def _examined(
    config: model.MosnConfig,
    source: Source,
    findings: list[Finding],
    capabilities: Capabilities | None,
) -> LoadedConfig:
    """Check what can be checked without compiling, and collect the findings."""
    if len(config.servers) != 1 and config.mode != "xds":
        raise source.error(
            "$.servers", "there must be exactly one server", found=len(config.servers), expected="1"
        )
    can = capabilities or Capabilities()
    everything = [*findings, *review(config, source), *inactive_parts(config, source, can)]
    return LoadedConfig(
        config=config, source=source, findings=everything, capabilities=can
    )


class _Directories:
    """Reads the directories that hold one JSON file a cluster or a virtual host."""

    def __init__(self, decoder: Decoder, source: Source) -> None:
        self.decoder = decoder
        self.source = source

    def read(self, config: model.MosnConfig) -> None:
        """Fill in the lists whose place a directory takes."""
        manager = config.cluster_manager
        if manager.clusters_configs:
            path = "$.cluster_manager"
            key = f"{path}.clusters_configs"
            self._refuse_both(bool(manager.clusters), "clusters", key)
            manager.clusters = self._directory(
                model.Cluster, manager.clusters_configs, key, f"{path}.clusters"
            )
        for s, server in enumerate(config.servers):
            for r, router in enumerate(server.routers):
                if not router.router_configs:
                    continue
                path = f"$.servers[{s}].routers[{r}]"
                key = f"{path}.router_configs"
                self._refuse_both(bool(router.virtual_hosts), "virtual_hosts", key)
                router.virtual_hosts = self._directory(
                    model.VirtualHost, router.router_configs, key, f"{path}.virtual_hosts"
                )

    def _refuse_both(self, both: bool, other: str, path: str) -> None:
        if both:
            raise self.source.error(path, f"{other} is given too; only one of them may be")

    def _directory(self, cls: type[T], name: str, key: str, path: str) -> list[T]:
        """Read the files of a directory in the order of their names."""
        items: list[T] = []
        try:
            directory = self._find(name)
            files = sorted(entry for entry in directory.iterdir() if entry.suffix == ".json")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise self.source.error(key, f"cannot be read: {reason}", found=name) from error
        for entry in files:
            data = read_bytes(str(entry))
            if not data.strip():
                continue
            where = f"{path}[{len(items)}]"
            self.source.origins[where] = Origin(str(entry))
            document = parse(data, file=str(entry), is_yaml=False)
            items.append(self.decoder.decode(cls, document, where))
        return items

    def _find(self, name: str) -> Path:
        """As MOSN: relative to the working directory; else to the configuration file's."""
        directory = Path(name)
        if not directory.is_absolute() and not directory.is_dir() and self.source.file:
            beside = Path(self.source.file).parent / name
            if beside.is_dir():
                return beside
        return directory
