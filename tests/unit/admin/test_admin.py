"""The admin API against a subject that is not a server."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from pymosn.admin.http import Request, Response
from pymosn.admin.server import AdminApi, RefusedError
from pymosn.observe.metrics import DOWNSTREAM, SlotTable
from pymosn.observe.sinks import Metrics

LOG = "/logs/mosn.log"


class Fake:
    """A subject that remembers what it was told."""

    def __init__(self) -> None:
        table = SlotTable(1024)
        table.slot(DOWNSTREAM, listener="web")
        segment = memoryview(bytearray(1024 * 8)).cast("q")
        self.metrics = Metrics(table, lambda: [segment])
        self.level = "INFO"
        self.enabled = True
        self.is_ready = True
        self.refusal = ""

    def version(self) -> str:
        return "9.9"

    def state(self) -> int:
        return 6

    def ready(self) -> bool:
        return self.is_ready

    def document(self) -> dict[str, Any]:
        return {
            "servers": [
                {
                    "listeners": [{"name": "web", "address": "127.0.0.1:80"}],
                    "routers": [{"router_config_name": "r"}],
                }
            ],
            "cluster_manager": {"clusters": [{"name": "c"}]},
        }

    def features(self) -> dict[str, bool]:
        return {"auto_config": False}

    def log_levels(self) -> dict[str, str]:
        return {LOG: self.level}

    def set_log(self, path: str, level: str, enabled: bool) -> bool:
        if path != LOG:
            return False
        self.level = level or self.level
        self.enabled = enabled
        return True

    def metrics_text(self) -> Iterator[str]:
        return self.metrics.families().text()

    def listeners(self) -> list[dict[str, str]]:
        return [{"name": "web", "address": "127.0.0.1:80"}]

    async def workers(self) -> list[dict[str, Any]]:
        return [{"worker": 0}]

    async def reload(self) -> str:
        if self.refusal:
            raise RefusedError(self.refusal)
        return "configuration 2 is served"


@pytest.fixture
def subject() -> Fake:
    return Fake()


def send(
    subject: Fake,
    target: str,
    method: str = "GET",
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    local: bool = True,
) -> Response:
    path, _, query = target.partition("?")
    pairs = [tuple(part.partition("=")[::2]) for part in query.split("&") if part]
    request = Request(
        method=method,
        path=path,
        query=pairs,  # type: ignore[arg-type]
        headers={"host": "127.0.0.1:34901"} if headers is None else headers,
        body=body,
        local=local,
    )
    return asyncio.run(AdminApi(subject).handle(request))


def decoded(response: Response) -> Any:
    assert isinstance(response.body, str)
    return json.loads(response.body)


def test_simple_ones(subject: Fake) -> None:
    assert send(subject, "/api/v1/version").body == "mosn version: 9.9"
    state = send(subject, "/api/v1/states").body
    assert isinstance(state, str)
    assert state.startswith("pid=")
    assert state.endswith("&state=6\n")
    assert decoded(send(subject, "/api/v1/listeners"))[0]["name"] == "web"
    assert decoded(send(subject, "/api/v1/workers")) == [{"worker": 0}]
    assert decoded(send(subject, "/api/v1/services")) == []
    assert send(subject, "/livez").status == 200


def test_readiness(subject: Fake) -> None:
    assert send(subject, "/readyz").status == 200
    subject.is_ready = False
    assert send(subject, "/readyz").status == 503


def test_the_list(subject: Fake) -> None:
    response = send(subject, "/")
    assert isinstance(response.body, str)
    assert response.body.startswith("supported APIs:\n/api/v1/config_dump\n")
    assert send(subject, "/nothing").status == 404


@pytest.mark.parametrize(
    ("target", "method", "allowed"),
    [
        ("/api/v1/version", "POST", "GET"),
        ("/api/v1/reload", "GET", "POST"),
        ("/api/v1/update_loglevel", "GET", "POST"),
    ],
)
def test_wrong_methods(subject: Fake, target: str, method: str, allowed: str) -> None:
    response = send(subject, target, method)
    assert response.status == 405
    assert response.body == ""
    assert response.headers == {"Allow": allowed}


def test_config_dump(subject: Fake) -> None:
    whole = decoded(send(subject, "/api/v1/config_dump"))
    assert set(whole) == {"mosn_config", "listener", "cluster", "routers", "extends"}
    assert whole["listener"]["web"]["address"] == "127.0.0.1:80"
    assert set(decoded(send(subject, "/api/v1/config_dump?allclusters"))) == {"c"}
    assert set(decoded(send(subject, "/api/v1/config_dump?allrouters"))) == {"r"}
    assert decoded(send(subject, "/api/v1/config_dump?cluster=c")) == {"name": "c"}
    assert "servers" in decoded(send(subject, "/api/v1/config_dump?mosnconfig"))
    two = send(subject, "/api/v1/config_dump?allclusters&allrouters")
    assert (two.status, decoded(two)) == (400, {"error": "only support one parameter"})
    unknown = send(subject, "/api/v1/config_dump?what=x")
    assert (unknown.status, decoded(unknown)) == (500, {"error": "internal error"})
    assert send(subject, "/api/v1/config_dump?router=x").status == 404


def test_stats(subject: Fake) -> None:
    stats = decoded(send(subject, "/api/v1/stats"))
    assert stats["downstream"]["listener.web"]["request_total"] == "0"
    missing = send(subject, "/api/v1/stats?key=nothing")
    assert missing.body == "no metrics key: nothing"
    lines = send(subject, "/api/v1/stats_glob?key=*request_total").body
    assert lines == "downstream.listener.web.request_total:0\n"
    metrics = "".join(send(subject, "/metrics").body)
    assert 'downstream_request_total{listener="web"} 0.0' in metrics


def test_log_levels(subject: Fake) -> None:
    body = json.dumps({"log_path": LOG, "log_level": "DEBUG"}).encode()
    done = send(subject, "/api/v1/update_loglevel", "POST", body)
    assert done.body == "update logger success\n"
    assert decoded(send(subject, "/api/v1/get_loglevel")) == {LOG: "DEBUG"}
    for wrong in (
        b"",
        b"[]",
        b'{"log_path": "x", "log_level": "INFO"}',
        b'{"log_path": "/logs/mosn.log", "log_level": "loud"}',
    ):
        response = send(subject, "/api/v1/update_loglevel", "POST", wrong)
        assert response.status == 400
        assert "error" in decoded(response)


def test_switching_a_log(subject: Fake) -> None:
    off = send(subject, "/api/v1/disable_log", "POST", LOG.encode())
    assert off.body == "disable logger success\n"
    assert not subject.enabled
    send(subject, "/api/v1/enable_log", "POST", LOG.encode())
    assert subject.enabled
    assert send(subject, "/api/v1/enable_log", "POST", b"other").status == 400


def test_features_and_environment(subject: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    assert decoded(send(subject, "/api/v1/features")) == {"auto_config": False}
    assert send(subject, "/api/v1/features?key=auto_config").body == "false"
    monkeypatch.setenv("SOME_NAME", "value")
    answer = decoded(send(subject, "/api/v1/env?key=SOME_NAME&key=NO_SUCH"))
    assert answer == {"env": {"SOME_NAME": "value"}, "not_found": ["NO_SUCH"]}
    assert send(subject, "/api/v1/env").status == 400


def test_there_are_no_plugin_processes(subject: Fake) -> None:
    every = send(subject, "/api/v1/plugin?status=all")
    assert (every.status, every.body) == (200, "")
    for query in ("", "?status=x", "?enable=x", "?disable=x"):
        assert send(subject, f"/api/v1/plugin{query}").status == 400


def test_reload(subject: Fake) -> None:
    assert send(subject, "/api/v1/reload", "POST").body == "configuration 2 is served\n"
    subject.refusal = "line 3: malformed"
    refused = send(subject, "/api/v1/reload", "POST")
    assert (refused.status, decoded(refused)) == (400, {"error": "line 3: malformed"})


@pytest.mark.parametrize(
    ("headers", "local", "allowed"),
    [
        ({"host": "127.0.0.1:1"}, True, True),
        ({"host": "localhost"}, True, True),
        ({"host": "[::1]:80"}, True, True),
        ({"host": "evil.example"}, True, False),
        ({"host": "127.0.0.1.evil.example"}, True, False),
        ({}, True, False),
        ({"host": "gateway.example"}, False, True),
        ({"host": "localhost:1", "origin": "http://evil.example"}, True, False),
        ({"host": "localhost:1", "origin": "http://localhost:1"}, True, True),
        ({"host": "localhost:1", "origin": "null"}, True, False),
    ],
)
def test_web_pages_cannot_reach_it(
    subject: Fake, headers: dict[str, str], local: bool, allowed: bool
) -> None:
    response = send(subject, "/livez", headers=headers, local=local)
    assert response.status == (200 if allowed else 403)
