"""What the supervisor offers over HTTP: the admin API, and the metrics for Prometheus."""

import asyncio
import errno
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pymosn
from pymosn.admin.http import HttpServer, Request, Response
from pymosn.admin.server import AdminApi, RefusedError
from pymosn.config.expand import expand, redact
from pymosn.config.settings import MetricsSettings, PrometheusSettings, ServerSettings
from pymosn.lifecycle.control import ControlError
from pymosn.lifecycle.sockets import BindError
from pymosn.lifecycle.states import State
from pymosn.network.address import split
from pymosn.observe.log import describe_exception
from pymosn.observe.metrics import GAUGE
from pymosn.observe.processes import add_meta, add_process_metrics, add_runtime_metrics
from pymosn.observe.sinks import CONTENT_TYPE, Exclusions, Metrics

if TYPE_CHECKING:
    from pymosn.lifecycle.supervisor import Supervisor


class Administered:
    """The supervisor as the admin API sees it (``admin.server.Subject``)."""

    def __init__(self, supervisor: "Supervisor") -> None:
        self._supervisor = supervisor
        self.metrics = Metrics(
            supervisor.table,
            lambda: [segment.values for segment in supervisor.crew.segments],
            counted=supervisor.counted,
        )

    def version(self) -> str:
        return pymosn.__version__

    def state(self) -> int:
        return int(self._supervisor.state)

    def ready(self) -> bool:
        """Say whether there is anybody to serve."""
        workers = self._supervisor.crew.workers.values()
        return self._supervisor.state == State.RUNNING and any(
            worker.state == "ready" for worker in workers
        )

    def document(self) -> dict[str, Any]:
        """Return the effective configuration without secrets."""
        document: dict[str, Any] = redact(expand(self._supervisor.configuration.loaded.config))
        return document

    def features(self) -> dict[str, bool]:
        """Return MOSN's feature gates; none is on."""
        return {"auto_config": False}

    def log_levels(self) -> dict[str, str]:
        """Return the level of the error log."""
        log = self._supervisor.log
        return {log.path: log.level}

    def set_log(self, path: str, level: str, enabled: bool) -> bool:
        """Change the error log of all processes."""
        if path not in ("", self._supervisor.log.path):
            return False
        self._supervisor.set_log(level=level, enabled=enabled)
        return True

    def listeners(self) -> list[dict[str, str]]:
        """Return the names and addresses of the listeners."""
        return self._supervisor.listeners()

    async def workers(self) -> list[dict[str, Any]]:
        """Return how the workers are."""
        crew = self._supervisor.crew
        workers = [*crew.workers.values(), *crew.leaving]
        statuses = await asyncio.gather(*(worker.status() for worker in workers))
        return [
            {
                "worker": worker.index,
                "pid": worker.pid,
                "state": worker.state if status else "unresponsive",
                "version": worker.version,
                "connections": status.connections if status else 0,
                "rss": status.rss if status else 0,
                "loop_turns": status.turns if status else 0,
            }
            for worker, status in zip(workers, statuses, strict=True)
        ]

    async def reload(self) -> str:
        """Reload; raises ``RefusedError``."""
        try:
            return await self._supervisor.reload()
        except ControlError as error:
            raise RefusedError(str(error)) from error

    def metrics_text(self, percentiles: tuple[int, ...] = ()) -> Iterator[str]:
        """Yield everything for the admin API's ``/metrics``."""
        return self.exposition(PrometheusSettings("", percentiles=list(percentiles)))

    def exposition(self, sink: PrometheusSettings) -> Iterator[str]:
        """Yield the Prometheus text as a sink wants it."""
        supervisor = self._supervisor
        families = self.metrics.families(sink.percentiles)
        if supervisor.configuration.settings.metrics.flush_mosn:
            addresses = [item["address"] for item in supervisor.listeners()]
            add_meta(families, self.version(), self.state(), addresses)
        for used in supervisor.configuration.certificates.used:
            names = ",".join(used.facts.names[:3])
            labels = {used.owner: used.name, "certificate": names, "key": used.facts.key_type}
            families.add("tls_certificate_not_after_seconds", GAUGE, labels, used.facts.not_after)
        if sink.runtime_metrics:
            add_runtime_metrics(families)
        if sink.process_metrics:
            workers = {w.index: w.pid for w in supervisor.crew.workers.values()}
            add_process_metrics(families, workers)
        return families.text()

    def configure(self, settings: MetricsSettings) -> None:
        """Leave out the metrics that are not wanted."""
        self.metrics.lazy = settings.lazy_flush
        self.metrics.exclusions = Exclusions(
            reject_all=settings.reject_all,
            labels=settings.exclusion_labels,
            keys=settings.exclusion_keys,
        )


class Services:
    """The HTTP servers of a supervisor."""

    def __init__(self, supervisor: "Supervisor") -> None:
        self.subject = Administered(supervisor)
        self._api = AdminApi(self.subject)
        self._supervisor = supervisor
        self._sink = PrometheusSettings("")
        self._servers: dict[str, tuple[str, HttpServer]] = {}

    @property
    def admin_address(self) -> str:
        """Where the admin API is; empty: nowhere."""
        return self._address("admin")

    @property
    def metrics_address(self) -> str:
        """Where the Prometheus sink is; empty: nowhere."""
        return self._address("metrics")

    async def prepare(self, settings: ServerSettings) -> "Change":
        """Bind what ``settings`` ask for and is not bound yet; raises ``BindError``."""
        prometheus = settings.metrics.prometheus
        wanted = {
            "admin": settings.admin_address,
            "metrics": prometheus.address if prometheus else "",
        }
        change = Change(self, settings.metrics)
        for role, address in wanted.items():
            known = self._servers.get(role)
            if known is not None and known[0] == address:
                change.servers[role] = known
            elif address:
                try:
                    change.servers[role] = (address, await self._listen(role, address))
                except BindError:
                    change.abandon()
                    raise
        return change

    def adopt(self, servers: dict[str, tuple[str, HttpServer]], metrics: MetricsSettings) -> None:
        """Use these servers; those that are not among them are closed."""
        for known in self._servers.values():
            if known not in servers.values():
                known[1].close()
        self._servers = servers
        self._sink = metrics.prometheus or PrometheusSettings("")
        self.subject.configure(metrics)

    def discard(self, servers: dict[str, tuple[str, HttpServer]]) -> None:
        """Close those of these servers that are not in use."""
        for made in servers.values():
            if made not in self._servers.values():
                made[1].close()

    def close(self) -> None:
        """Stop answering."""
        for _, server in self._servers.values():
            server.close()
        self._servers = {}

    def _address(self, role: str) -> str:
        known = self._servers.get(role)
        return known[1].address if known else ""

    async def _listen(self, role: str, address: str) -> HttpServer:
        handler = self._api.handle if role == "admin" else self._serve_metrics
        server = HttpServer(handler, self._on_error)
        host, port = split(address)
        try:
            await server.listen(host or "0.0.0.0", port)
        except OSError as error:
            what = "the admin API" if role == "admin" else "the Prometheus sink"
            if error.errno == errno.EADDRINUSE:
                reason = f"{address} is in use by another program"
            else:
                # asyncio puts the whole story into strerror; the system's own words do.
                reason = f"{address} cannot be bound: {errno.errorcode.get(error.errno or 0, '')}"
            raise BindError(f"{what}: {reason}") from error
        return server

    async def _serve_metrics(self, request: Request) -> Response:
        if request.path != self._sink.endpoint:
            return Response(f"metrics are at {self._sink.endpoint}\n", 404)
        if request.method not in ("GET", "HEAD"):
            return Response(status=405, headers={"Allow": "GET"})
        return Response(self.subject.exposition(self._sink), content_type=CONTENT_TYPE)

    def _on_error(self, error: BaseException) -> None:
        self._supervisor.log.error(
            f"the admin API failed\n{describe_exception(error)}", key="admin"
        )


class Change:
    """Servers for a new configuration, not in use yet."""

    def __init__(self, services: Services, metrics: MetricsSettings) -> None:
        self.servers: dict[str, tuple[str, HttpServer]] = {}
        self._services = services
        self._metrics = metrics

    def commit(self) -> None:
        """Use the new servers, close the old ones."""
        self._services.adopt(self.servers, self._metrics)

    def abandon(self) -> None:
        """Close the new servers."""
        self._services.discard(self.servers)
