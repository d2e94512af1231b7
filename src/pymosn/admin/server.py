"""The admin API (spec §9.6): MOSN's endpoints and a few of ours, as one table.

Knows HTTP requests and a ``Subject``; the supervisor is one.  Bound to loopback it answers only
requests that name loopback, so that a web page cannot reach it through a name of its own.
"""

import json
import os
from collections.abc import Awaitable, Callable
from types import MappingProxyType
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from pymosn.admin.http import Request, Response, is_loopback
from pymosn.observe.sinks import CONTENT_TYPE, Metrics, console_json, matching_lines, services

LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_JSON: Final = "application/json"


class Subject(Protocol):
    """What is administered."""

    metrics: Metrics

    def version(self) -> str: ...
    def state(self) -> int: ...
    def ready(self) -> bool: ...
    def document(self) -> dict[str, Any]:
        """Return the effective configuration without secrets."""

    def features(self) -> dict[str, bool]: ...
    def log_levels(self) -> dict[str, str]:
        """Return the level of each error log by its path."""

    def set_log(self, path: str, level: str, enabled: bool) -> bool:
        """Change the log ``path`` (empty: the default one); False if there is none."""

    def metrics_text(self) -> Any:
        """Return the Prometheus text, in pieces."""

    def listeners(self) -> list[dict[str, str]]: ...
    async def workers(self) -> list[dict[str, Any]]: ...
    async def reload(self) -> str:
        """Reload; raises ``RefusedError`` with the reason."""


class RefusedError(Exception):
    """What was asked for cannot be done; the text says why."""


class AdminApi:
    """Answers requests about one subject."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._endpoints: dict[str, tuple[str, Callable[[Request], Awaitable[Response]]]] = {
            "/api/v1/version": ("GET", self._version),
            "/api/v1/config_dump": ("GET", self._config_dump),
            "/api/v1/stats": ("GET", self._stats),
            "/api/v1/stats_glob": ("GET", self._stats_glob),
            "/api/v1/update_loglevel": ("POST", self._update_loglevel),
            "/api/v1/get_loglevel": ("GET", self._get_loglevel),
            "/api/v1/enable_log": ("POST", self._enable_log),
            "/api/v1/disable_log": ("POST", self._disable_log),
            "/api/v1/states": ("GET", self._states),
            "/api/v1/features": ("GET", self._features),
            "/api/v1/env": ("GET", self._env),
            "/api/v1/plugin": ("GET", self._plugin),
            "/api/v1/listeners": ("GET", self._listeners),
            "/api/v1/services": ("GET", self._services),
            "/api/v1/workers": ("GET", self._workers),
            "/api/v1/reload": ("POST", self._reload),
            "/metrics": ("GET", self._metrics),
            "/livez": ("GET", self._livez),
            "/readyz": ("GET", self._readyz),
        }

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        if not _is_addressed_to_us(request):
            return _error(403, "the Host or Origin of this request is not allowed here")
        endpoint = self._endpoints.get(request.path)
        if endpoint is None:
            names = "".join(f"{name}\n" for name in sorted(self._endpoints))
            return Response(f"supported APIs:\n{names}", 200 if request.path == "/" else 404)
        method, handler = endpoint
        if request.method != method and (request.method, method) != ("HEAD", "GET"):
            return Response(status=405, headers={"Allow": method})
        return await handler(request)

    # -- MOSN's ----------------------------------------------------------------------------

    async def _version(self, _: Request) -> Response:
        return Response(f"mosn version: {self._subject.version()}")

    async def _config_dump(self, request: Request) -> Response:
        if len(request.query) > 1:
            return _error(400, "only support one parameter")
        document = self._subject.document()
        server = (document.get("servers") or [{}])[0]
        parts = {
            "mosn_config": document,
            "listener": _by_name(server.get("listeners", []), "name"),
            "cluster": _by_name(document.get("cluster_manager", {}).get("clusters", []), "name"),
            "routers": _by_name(server.get("routers", []), "router_config_name"),
            "extends": document.get("extends", []),
        }
        if not request.query:
            return _json(parts, indent=1)
        key, value = request.query[0]
        if key in _DUMPS:
            return _json(parts[_DUMPS[key]], indent=1)
        if key not in ("router", "cluster", "listener"):
            return _error(500, "internal error")
        found = parts["routers" if key == "router" else key].get(value)
        return _error(404, f"there is no {key} {value!r}") if found is None else _json(found, 1)

    async def _stats(self, request: Request) -> Response:
        keys = request.values("key")
        only = keys[0] if keys else ""
        text = console_json(self._subject.metrics, only)
        if only and text == "{}":
            return Response(f"no metrics key: {only}")
        return Response(text, content_type=_JSON)

    async def _stats_glob(self, request: Request) -> Response:
        patterns = request.values("key") or request.values("glob") or ["*"]
        lines = matching_lines(self._subject.metrics, patterns[0])
        return Response("".join(f"{line}\n" for line in lines))

    async def _update_loglevel(self, request: Request) -> Response:
        try:
            wanted = json.loads(request.body)
            path, level = str(wanted["log_path"]), str(wanted["log_level"])
        except (ValueError, LookupError, TypeError):
            return _error(400, 'write {"log_path": "...", "log_level": "INFO"}')
        if level not in LEVELS:
            return _error(400, f"{level!r} is none of {', '.join(LEVELS)}")
        if not self._subject.set_log(path, level, enabled=True):
            return _error(400, f"there is no log {path!r}")
        return Response("update logger success\n")

    async def _get_loglevel(self, _: Request) -> Response:
        return _json(self._subject.log_levels())

    async def _enable_log(self, request: Request) -> Response:
        return self._switch_log(request, enabled=True)

    async def _disable_log(self, request: Request) -> Response:
        return self._switch_log(request, enabled=False)

    def _switch_log(self, request: Request, *, enabled: bool) -> Response:
        path = request.body.decode("utf-8", "replace").strip()
        if not self._subject.set_log(path, "", enabled=enabled):
            return _error(400, f"there is no log {path!r}")
        return Response(f"{'enable' if enabled else 'disable'} logger success\n")

    async def _states(self, _: Request) -> Response:
        return Response(f"pid={os.getpid()}&state={self._subject.state()}\n")

    async def _features(self, request: Request) -> Response:
        features = self._subject.features()
        keys = request.values("key")
        if not keys:
            return _json(features)
        if keys[0] not in features:
            return _error(400, f"there is no feature {keys[0]!r}")
        return Response("true" if features[keys[0]] else "false")

    async def _env(self, request: Request) -> Response:
        keys = request.values("key")
        if not keys:
            return _error(400, "no env key")
        found = {key: os.environ[key] for key in keys if key in os.environ}
        return _json({"env": found, "not_found": [key for key in keys if key not in found]})

    async def _plugin(self, request: Request) -> Response:
        """MOSN's switch for filters in other processes, of which pymosn has none."""
        for key in ("enable", "disable", "status"):
            for name in request.values(key):
                if (key, name) == ("status", "all"):
                    return Response("")
                return _error(400, f"there is no plugin {name!r}: filters run in the workers")
        return _error(400, "usage: plugin?status=all, plugin?enable=NAME, plugin?disable=NAME")

    # -- ours ------------------------------------------------------------------------------

    async def _listeners(self, _: Request) -> Response:
        return _json(self._subject.listeners())

    async def _services(self, request: Request) -> Response:
        """What was called, by service and method; ``listener`` and ``service`` choose."""
        found = services(self._subject.metrics)
        for name in ("listener", "service"):
            wanted = request.values(name)
            if wanted:
                found = [entry for entry in found if entry[name] in wanted]
        return _json(found)

    async def _workers(self, _: Request) -> Response:
        return _json(await self._subject.workers())

    async def _reload(self, _: Request) -> Response:
        try:
            return Response(f"{await self._subject.reload()}\n")
        except RefusedError as error:
            return _error(400, str(error))

    async def _metrics(self, _: Request) -> Response:
        return Response(self._subject.metrics_text(), content_type=CONTENT_TYPE)

    async def _livez(self, _: Request) -> Response:
        return Response("ok\n")

    async def _readyz(self, _: Request) -> Response:
        ready = self._subject.ready()
        return Response("ok\n" if ready else "not ready\n", 200 if ready else 503)


_DUMPS: Final = MappingProxyType(
    {
        "mosnconfig": "mosn_config",
        "allrouters": "routers",
        "allclusters": "cluster",
        "alllisteners": "listener",
    }
)


def _is_addressed_to_us(request: Request) -> bool:
    """Refuse what a browser sends on behalf of another site."""
    host = request.headers.get("host", "")
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        return False
    return not request.local or is_loopback(urlsplit(f"//{host}").hostname or "")


def _by_name(items: list[dict[str, Any]], key: str) -> dict[str, Any]:
    return {str(item.get(key, "")): item for item in items}


def _json(value: object, indent: int | str = "\t") -> Response:
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return Response(f"{text}\n", content_type=_JSON)


def _error(status: int, reason: str) -> Response:
    text = json.dumps({"error": reason}, indent="\t", ensure_ascii=False)
    return Response(f"{text}\n", status, _JSON)
