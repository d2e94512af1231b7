"""MOSN's JSON configuration, which MOSN and pymosn read alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.proxies.base import Plan
from bench.scenarios import Scenario, route_prefix

_ROUTER = "bench"


def write_config(plan: Plan, stream_filters: list[dict[str, Any]] | None = None) -> Path:
    """Write mosn.json into the plan's directory; its path."""
    # MOSN puts logs and pid beside the directory that holds the configuration.
    folder = plan.directory / "conf"
    folder.mkdir(exist_ok=True)
    config = folder / "mosn.json"
    config.write_text(json.dumps(mosn_config(plan, stream_filters or []), indent=1))
    return config


def mosn_config(plan: Plan, stream_filters: list[dict[str, Any]]) -> dict[str, Any]:
    """The configuration of `plan`: one processor, metrics kept, errors only in the log."""
    routers = [] if plan.scenario.layer4 else [_router(plan.scenario)]
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
            "downstream_protocol": plan.scenario.rpc or "Http1",
            "upstream_protocol": plan.scenario.rpc or "Http1",
            "router_config_name": _ROUTER,
        }
        network_filter = {"type": "proxy", "config": proxy}
    listener: dict[str, Any] = {
        "name": "bench",
        "address": f"127.0.0.1:{plan.port}",
        "bind_port": True,
        "connection_idle_timeout": "600s",
        "filter_chains": [{"filters": [network_filter]}],
    }
    if stream_filters:
        listener["stream_filters"] = stream_filters
    return listener


def _router(scenario: Scenario) -> dict[str, Any]:
    if scenario.routes:
        rules = [_rule(index) for index in range(scenario.routes)]
    elif scenario.rpc:
        match = {"headers": [{"name": "service", "value": ".*"}]}
        rules = [{"match": match, "route": {"cluster_name": "origin"}}]
    else:
        rules = [{"match": {"prefix": "/"}, "route": {"cluster_name": "origin"}}]
    host = {"name": "bench", "domains": ["*"], "routers": rules}
    return {"router_config_name": _ROUTER, "virtual_hosts": [host]}


def _rule(index: int) -> dict[str, Any]:
    route = {
        "cluster_name": "origin",
        "timeout": "15s",
        "retry_policy": {"retry_on": True, "retry_timeout": "5s", "num_retries": 1},
    }
    return {"match": {"prefix": route_prefix(index)}, "route": route}


def _cluster(origin: int) -> dict[str, Any]:
    return {
        "name": "origin",
        "type": "SIMPLE",
        "lb_type": "LB_ROUNDROBIN",
        "connect_timeout": "3s",
        "hosts": [{"address": f"127.0.0.1:{origin}"}],
    }
