"""Small MOSN configurations as dictionaries, to be changed by the test."""

from typing import Any

Config = dict[str, Any]


def http_listener(name: str = "web", address: str = "127.0.0.1:0", router: str = "web") -> Config:
    """Return a listener for HTTP/1.1 that uses a route table."""
    return {
        "name": name,
        "address": address,
        "bind_port": True,
        "filter_chains": [
            {
                "filters": [
                    {
                        "type": "proxy",
                        "config": {
                            "downstream_protocol": "Http1",
                            "upstream_protocol": "Http1",
                            "router_config_name": router,
                        },
                    }
                ]
            }
        ],
    }


def tcp_listener(cluster: str, name: str = "tcp", address: str = "127.0.0.1:0") -> Config:
    """Return a listener that forwards connections to a cluster."""
    return {
        "name": name,
        "address": address,
        "bind_port": True,
        "filter_chains": [{"filters": [{"type": "tcp_proxy", "config": {"cluster": cluster}}]}],
    }


def router(cluster: str, name: str = "web") -> Config:
    """Return a route table that sends everything to one cluster."""
    route = {"match": {"prefix": "/"}, "route": {"cluster_name": cluster}}
    return {
        "router_config_name": name,
        "virtual_hosts": [{"name": "all", "domains": ["*"], "routers": [route]}],
    }


def cluster(*addresses: str, name: str = "origin") -> Config:
    """Return a cluster of these hosts."""
    return {"name": name, "hosts": [{"address": address} for address in addresses]}


def pausing_config(*origins: str) -> Config:
    """Return ``http_config`` whose worker sleeps in a request for ``/pause``, which it answers."""
    config = http_config(*origins)
    server = config["servers"][0]
    server["listeners"][0]["stream_filters"] = [{"type": "tests.support.filters:Pause"}]
    server["routers"][0]["virtual_hosts"][0]["routers"].insert(
        0, {"match": {"path": "/pause"}, "direct_response": {"status": 200}}
    )
    return config


def http_config(*origins: str, workers: int = 1, address: str = "127.0.0.1:0") -> Config:
    """Return one HTTP listener ``web`` in front of a cluster ``origin`` of these hosts."""
    return {
        "servers": [
            {
                "default_log_level": "DEBUG",
                "processor": workers,
                "listeners": [http_listener(address=address)],
                "routers": [router("origin")],
            }
        ],
        "cluster_manager": {"clusters": [cluster(*origins)]},
    }
