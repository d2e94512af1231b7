"""What the supervisor needs of a configuration: everything that is not data plane.

Default paths follow MOSN (spec §1.1): for ``/a/b/conf/x.json`` logs go to ``/a/b/logs``.  Where
that cannot be written, logs go to stderr, and the pid file and the upgrade sockets to the user's
runtime directory or the one for temporary files; never to a fixed place in somebody's home.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct, field

from pymosn.config import model
from pymosn.config.address import HostPort, is_ip, parse_host_port
from pymosn.config.cpus import worker_count
from pymosn.config.decode import Decoder
from pymosn.config.model.base import Percent, Port, Section
from pymosn.config.source import Source
from pymosn.observe.syslog import is_syslog, syslog_address

LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_STREAMS: Final = MappingProxyType(
    {
        "": "stderr",
        "stderr": "stderr",
        "stdout": "stdout",
        "/dev/stderr": "stderr",
        "/dev/stdout": "stdout",
    }
)


class Roller(Struct, frozen=True):
    """When a log file is rolled and how many old ones are kept."""

    hours: int = 24
    """Roll after so many hours; 0: by size."""
    megabytes: int = 0
    """Roll at this size; 0: by time."""
    days: int = 0
    """Old files are deleted after so many days; 0: never."""
    keep: int = 10
    """So many old files are kept."""
    compress: bool = False
    """Old files are compressed."""


class PrometheusSettings(Struct, frozen=True):
    """A listener for Prometheus."""

    address: str
    endpoint: str = "/metrics"
    percentiles: list[int] = field(default_factory=list)
    process_metrics: bool = True
    runtime_metrics: bool = True


class MetricsSettings(Struct, frozen=True):
    """Which metrics go where."""

    prometheus: PrometheusSettings | None = None
    reject_all: bool = False
    exclusion_labels: list[str] = field(default_factory=list)
    exclusion_keys: list[str] = field(default_factory=list)
    flush_mosn: bool = False
    lazy_flush: bool = False


class Paths(Struct, frozen=True):
    """The directories that defaults are in; an empty ``logs`` means stderr."""

    logs: str
    run: str
    """For the pid file."""
    sockets: str
    """For the upgrade sockets."""


class ServerSettings(Struct, frozen=True):
    """Everything about a server that its data plane need not know."""

    name: str
    workers: int
    log_path: str
    """A file, ``stdout`` or ``stderr``."""
    log_level: str
    roller: Roller
    pid_path: str
    admin_address: str
    """``ip:port``; empty: no admin API."""
    metrics: MetricsSettings
    graceful_timeout: float
    """Seconds."""
    upgrade: bool
    """Take over from and hand over to other processes."""
    paths: Paths

    @property
    def access_log_directory(self) -> str:
        """Where access logs without a path go, for ``compile_snapshot``."""
        return self.paths.logs or self.paths.run


class _Prometheus(Section):
    """The options of the sink ``prometheus``."""

    port: Port = 0
    """Port; required."""
    endpoint: str = "/metrics"
    """Path."""
    export_url: str = ""
    """Pushing is not supported, by MOSN neither."""
    percentiles: list[Percent] = field(default_factory=list)
    """Percentiles exported of histograms."""
    disable_collect_process: bool = False
    """No metrics of the process."""
    disable_collect_go: bool = False
    """No metrics of the runtime."""


def server_settings(
    config: model.MosnConfig,
    *,
    source: Source | None = None,
    environment: Mapping[str, str] | None = None,
) -> ServerSettings:
    """Return the settings of the model's server; raise ``ConfigError`` if one is wrong."""
    where = source or Source()
    env = os.environ if environment is None else environment
    server = config.servers[0] if config.servers else model.Server(default_log_path="stdout")
    paths = default_paths(where.file, config.uds_dir, env)
    level = server.default_log_level
    return ServerSettings(
        name=server.mosn_server_name,
        workers=worker_count(server.processor, env),
        log_path=_log_path(server.default_log_path, paths, where),
        log_level=level if level in LEVELS else "INFO",
        roller=_roller(server.global_log_roller, where),
        pid_path=config.pid or f"{paths.run}/mosn.pid",
        admin_address=_admin(config.admin, where),
        metrics=_metrics(config.metrics or model.Metrics(), where),
        graceful_timeout=max(0.0, server.graceful_timeout.seconds),
        upgrade=not (config.disable_upgrade or config.close_graceful),
        paths=paths,
    )


def default_paths(file: str, uds_dir: str, environment: Mapping[str, str]) -> Paths:
    """Return the directories for a configuration file; makes none."""
    runtime = _runtime_directory(environment)
    if not file:
        return Paths(logs="", run=runtime, sockets=uds_dir or runtime)
    directory = Path(file).absolute().parent
    base = directory.parent
    logs = base / "logs"
    writable = base not in (directory, base.parent) and _can_write(logs)
    sockets = uds_dir or (str(directory) if _can_write(directory) else runtime)
    return Paths(
        logs=str(logs) if writable else "",
        run=str(logs) if writable else runtime,
        sockets=sockets,
    )


def parse_roller(text: str) -> Roller:
    """Read ``time=24`` or ``size=100 age=7 keep=10 compress=on``; empty means daily.

    Raises ``ValueError`` with the reason.
    """
    if not text.strip():
        return Roller()
    given: dict[str, str] = {}
    for part in text.split():
        key, equals, value = part.partition("=")
        if not equals or key not in ("time", "size", "age", "keep", "compress"):
            raise ValueError(f'"{part}" is none of time=, size=, age=, keep=, compress=')
        given[key] = value
    compress = given.pop("compress", "off")
    if compress not in ("on", "off"):
        raise ValueError(f'compress is "{compress}", not on or off')
    for key, value in given.items():
        if not (value.isascii() and value.isdigit() and len(value) < 10):
            raise ValueError(f'{key} is "{value}", not a number')
    numbers = {key: int(value) for key, value in given.items()}
    if "time" in numbers:
        if not 1 <= numbers["time"] <= 24:
            raise ValueError("time is not 1 to 24 hours")
        return Roller(hours=numbers["time"], keep=numbers.get("keep", 10))
    return Roller(
        hours=0,
        megabytes=numbers.get("size", 1000) or 1000,
        days=numbers.get("age", 7),
        keep=numbers.get("keep", 10),
        compress=compress == "on",
    )


def _roller(text: str, source: Source) -> Roller:
    try:
        return parse_roller(text)
    except ValueError as error:
        raise source.error(
            "$.servers[0].global_log_roller",
            str(error),
            found=text,
            expected='text such as "time=24" or "size=100 age=7 keep=10 compress=on"',
        ) from error


def _log_path(path: str, paths: Paths, source: Source) -> str:
    if is_syslog(path):
        try:
            syslog_address(path)
        except ValueError as error:
            where = "$.servers[0].default_log_path"
            raise source.error(where, str(error), found=path) from error
    if not path and paths.logs:
        return f"{paths.logs}/mosn.log"
    return _STREAMS.get(path, path)


def _admin(admin: model.Admin | None, source: Source) -> str:
    if admin is None or admin.address is None:
        return ""
    path = "$.admin.address.socket_address"
    socket_address = admin.address.socket_address
    host = socket_address.address or "0.0.0.0"
    if host == "localhost":
        host = "127.0.0.1"
    if not is_ip(host):
        raise source.error(f"{path}.address", "is not an IP address", found=host)
    return str(HostPort(host, socket_address.port_value))


def _metrics(metrics: model.Metrics, source: Source) -> MetricsSettings:
    prometheus: PrometheusSettings | None = None
    for index, sink in enumerate(metrics.sinks):
        if sink.type == "prometheus" and prometheus is None:
            prometheus = _prometheus(sink.config, f"$.metrics.sinks[{index}].config", source)
    return MetricsSettings(
        prometheus=prometheus,
        reject_all=metrics.stats_matcher.reject_all,
        exclusion_labels=metrics.stats_matcher.exclusion_labels,
        exclusion_keys=metrics.stats_matcher.exclusion_keys,
        flush_mosn=metrics.flush_mosn,
        lazy_flush=metrics.lazy_flush,
    )


def _prometheus(config: dict[str, Any], path: str, source: Source) -> PrometheusSettings:
    options = Decoder(source).decode(_Prometheus, config, path)
    if options.export_url:
        raise source.error(f"{path}.export_url", "pushing metrics is not supported")
    if not options.port:
        raise source.error(f"{path}.port", "is required")
    if not options.endpoint.startswith("/"):
        found = options.endpoint
        raise source.error(f"{path}.endpoint", "does not begin with /", found=found)
    return PrometheusSettings(
        address=str(parse_host_port(f"0.0.0.0:{options.port}")),
        endpoint=options.endpoint,
        percentiles=list(options.percentiles),
        process_metrics=not options.disable_collect_process,
        runtime_metrics=not options.disable_collect_go,
    )


def _can_write(directory: Path) -> bool:
    """Whether files can be made in ``directory``, which may have to be made first."""
    existing = directory
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)


def _runtime_directory(environment: Mapping[str, str]) -> str:
    """``$XDG_RUNTIME_DIR/pymosn``, else one for this user beside other temporary files."""
    given = environment.get("XDG_RUNTIME_DIR", "")
    if given and _can_write(Path(given)):
        return f"{given}/pymosn"
    given = environment.get("TMPDIR", "")
    beside = given if given and _can_write(Path(given)) else "/tmp"
    return f"{beside}/pymosn-{os.getuid()}"
