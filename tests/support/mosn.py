"""MOSN, the original, in a process of its own.

``MOSN_PROGRAM`` names a stock one; else it is the one of tests/go/mosn, which has what RPC needs.
"""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from tests.support import golang
from tests.support.wire import eventually

Config = dict[str, Any]


def available() -> bool:
    """Return whether there is one."""
    return bool(os.environ.get("MOSN_PROGRAM")) or golang.find("mosn") is not None


def rpc_config(
    directory: str,
    ports: Mapping[str, int],
    clusters: Mapping[str, list[str]],
    limits: Mapping[str, Config] | None = None,
) -> Config:
    """Return a configuration in MOSN's form: a port for each protocol, and a cluster's name is the
    service that it provides; the cluster ``any`` has the others.

    ``limits`` are circuit breakers by cluster.  The cluster ``late`` has a second for each call.
    """

    def rule(cluster: str) -> Config:
        service = ".*" if cluster == "any" else cluster
        match = {"headers": [{"name": "service", "value": service}]}
        route = {"cluster_name": cluster, "timeout": "1s" if cluster == "late" else "20s"}
        return {"match": match, "route": route}

    def listener(protocol: str, port: int) -> Config:
        proxy = {
            "downstream_protocol": protocol,
            "upstream_protocol": protocol,
            "router_config_name": "rpc",
        }
        return {
            "name": protocol,
            "address": f"127.0.0.1:{port}",
            "bind_port": True,
            "filter_chains": [{"filters": [{"type": "proxy", "config": proxy}]}],
        }

    host = {"name": "rpc", "domains": ["*"], "routers": [rule(name) for name in clusters]}
    return {
        "servers": [
            {
                "default_log_path": f"{directory}/mosn.log",
                "default_log_level": "ERROR",
                "processor": 1,
                "listeners": [listener(*item) for item in ports.items()],
                "routers": [{"router_config_name": "rpc", "virtual_hosts": [host]}],
            }
        ],
        "cluster_manager": {
            "clusters": [
                {
                    "name": name,
                    "type": "SIMPLE",
                    "lb_type": "LB_ROUNDROBIN",
                    "hosts": [{"address": address} for address in hosts],
                    "circuit_breakers": [(limits or {}).get(name, {})],
                }
                for name, hosts in clusters.items()
            ]
        },
    }


class Mosn:
    """A running MOSN."""

    def __init__(
        self,
        ports: Mapping[str, int],
        clusters: Mapping[str, list[str]],
        limits: Mapping[str, Config] | None = None,
    ) -> None:
        stock = os.environ.get("MOSN_PROGRAM")
        self._directory = Path(tempfile.mkdtemp(prefix="mosn-"))
        self._ports = ports
        config = self._directory / "config.json"
        settings = rpc_config(str(self._directory), ports, clusters, limits)
        settings |= {
            "disable_upgrade": True,
            "pid": f"{self._directory}/mosn.pid",
            "uds_dir": str(self._directory),
        }
        config.write_bytes(msgspec.json.encode(settings))
        command = [stock, "start", "-c"] if stock else [golang.program("mosn")]
        with (self._directory / "output").open("wb") as output:
            self._process = subprocess.Popen(
                [*command, str(config)], stdout=output, stderr=output, cwd=self._directory,
                env={**os.environ, "GOMAXPROCS": "1"},
            )  # fmt: skip

    def __enter__(self) -> Self:
        eventually(self._listens, "MOSN does not listen")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _listens(self) -> bool:
        assert self._process.poll() is None, (self._directory / "output").read_text()
        try:
            for port in self._ports.values():
                socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            return False
        return True
