"""MOSN's JSON configuration, which MOSN and pymosn read alike."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.credentials import Credentials
from bench.proxies.base import Plan
from bench.scenarios import Scenario, route_host, route_prefix

_ROUTER = "bench"


def write_config(
    plan: Plan,
    stream_filters: list[dict[str, Any]] | None = None,
    removed: Sequence[str] = (),
) -> Path:
    """Write mosn.json into the plan's directory; its path."""
    # MOSN puts logs and pid beside the directory that holds the configuration.
    folder = plan.directory / "conf"
    folder.mkdir(exist_ok=True)
    config = folder / "mosn.json"
    config.write_text(json.dumps(mosn_config(plan, stream_filters or [], removed), indent=1))
    return config


def mosn_config(
    plan: Plan, stream_filters: list[dict[str, Any]], removed: Sequence[str] = ()
) -> dict[str, Any]:
    """The configuration of `plan`: one processor, metrics kept, errors only in the log.

    Response headers named in `removed` are kept from the clients.
    """
    routers = [] if plan.scenario.layer4 else [_router(plan.scenario)]
    if removed:
        for router in routers:
            router["response_headers_to_remove"] = list(removed)
    return {
        "servers": [
            {
                "mosn_server_name": "bench",
                "default_log_path": str(plan.directory / "mosn.log"),
                "default_log_level": "ERROR",
                "processor": 1,
                "listeners": [_listener(plan, stream_filters)],
                "routers": routers,
            }
        ],
        "cluster_manager": {"clusters": [_cluster(plan.origin)]},
        "metrics": {"stats_matcher": {"reject_all": False}},
        "disable_upgrade": True,
        "pid": str(plan.directory / "mosn.pid"),
        "uds_dir": str(plan.directory),
    }


def _listener(plan: Plan, stream_filters: list[dict[str, Any]]) -> dict[str, Any]:
    if plan.scenario.layer4:
        network_filter = {"type": "tcp_proxy", "config": {"cluster": "origin"}}
    else:
        proxy = {
            "downstream_protocol": plan.scenario.rpc
            or ("Http2" if plan.scenario.http2 else "Http1"),
            # For pymosn; MOSN itself takes no notice.
            "upstream_protocol": plan.scenario.rpc
            or ("Http2" if plan.scenario.http2_origin else "Http1"),
            "router_config_name": _ROUTER,
        }
        network_filter = {"type": "proxy", "config": proxy}
    chain: dict[str, Any] = {"filters": [network_filter]}
    if plan.credentials is not None:
        chain["tls_context"] = _tls(plan.credentials)
    listener: dict[str, Any] = {
        "name": "bench",
        "address": f"127.0.0.1:{plan.port}",
        "bind_port": True,
        "connection_idle_timeout": "600s",
        "filter_chains": [chain],
    }
    if stream_filters:
        listener["stream_filters"] = stream_filters
    return listener


def _tls(credentials: Credentials) -> dict[str, Any]:
    return {
        "status": True,
        "cert_chain": str(credentials.certificate),
        "private_key": str(credentials.key),
        "min_version": "TLSv1_3",
    }


def _router(scenario: Scenario) -> dict[str, Any]:
    numbers = range(scenario.routes)
    if scenario.routes and scenario.by_host:
        hosts = [_host(route_host(i), [_rule("/")], route_host(i)) for i in numbers]
    elif scenario.routes:
        hosts = [_host("bench", [_rule(route_prefix(i)) for i in numbers])]
    else:
        rule: dict[str, Any] = {"match": {"prefix": "/"}, "route": {"cluster_name": "origin"}}
        if scenario.rpc:
            rule["match"] = {"headers": [{"name": "service", "value": ".*"}]}
        hosts = [_host("bench", [rule])]
    return {"router_config_name": _ROUTER, "virtual_hosts": hosts}


def _host(name: str, rules: list[dict[str, Any]], domain: str = "*") -> dict[str, Any]:
    return {"name": name, "domains": [domain], "routers": rules}


def _rule(prefix: str) -> dict[str, Any]:
    route = {
        "cluster_name": "origin",
        "timeout": "15s",
        "retry_policy": {"retry_on": True, "retry_timeout": "5s", "num_retries": 1},
    }
    return {"match": {"prefix": prefix}, "route": route}


def _cluster(origin: int) -> dict[str, Any]:
    return {
        "name": "origin",
        "type": "SIMPLE",
        "lb_type": "LB_ROUNDROBIN",
        "connect_timeout": "3s",
        "hosts": [{"address": f"127.0.0.1:{origin}"}],
    }
