"""``pymosn.Server`` in this process: two at once, reconfigured, drained."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import pymosn
from pymosn.errors import ConfigError
from pymosn.lifecycle.sockets import BindError
from tests.support.configs import http_config, router
from tests.support.origin import Origin
from tests.support.process import fetch


def get(address: str, path: str = "/") -> "asyncio.Future[str]":
    """Fetch in a thread while the loop serves."""
    return asyncio.ensure_future(asyncio.to_thread(lambda: fetch(address, path).text))


def test_two_servers_in_one_process(make_origin: Callable[..., Origin]) -> None:
    one, two = make_origin("one"), make_origin("two")

    async def run() -> list[str]:
        async with (
            pymosn.Server(http_config(one.address)) as first,
            pymosn.Server(http_config(two.address)) as second,
        ):
            return await asyncio.gather(get(first.addresses["web"]), get(second.addresses["web"]))

    assert asyncio.run(run()) == ["one", "two"]


def test_reconfiguration(make_origin: Callable[..., Origin]) -> None:
    one, two = make_origin("one"), make_origin("two")

    async def run() -> tuple[str, str]:
        async with pymosn.Server(http_config(one.address)) as server:
            address = server.addresses["web"]
            before = await get(address)
            await server.apply(http_config(two.address))
            assert server.addresses["web"] == address
            bad = http_config(two.address)
            bad["servers"][0]["routers"] = [router("nowhere")]
            with pytest.raises(ConfigError):
                await server.apply(bad)
            return before, await get(address)

    assert asyncio.run(run()) == ("one", "two")


def test_the_block_ends_when_exchanges_have(origin: Origin) -> None:
    async def run() -> str:
        async with pymosn.Server(http_config(origin.address)) as server:
            slow = get(server.addresses["web"], "/slow?s=0.5")
            await asyncio.sleep(0.2)
        assert slow.done() or await slow
        return await slow

    assert asyncio.run(run()) == "origin"


def test_a_taken_address(origin: Origin) -> None:
    async def run() -> None:
        async with pymosn.Server(http_config(origin.address)) as server:
            address = server.addresses["web"]
            with pytest.raises(BindError, match="in use"):
                async with pymosn.Server(http_config(origin.address, address=address)):
                    pass

    asyncio.run(run())
    asyncio.run(run())


LABELS = "tests.support.filters:Labels"


def labelled(origin: Origin, route_label: object) -> dict[str, Any]:
    """Return a configuration whose filter has a label of its own, of a virtual host, of a route."""
    config = http_config(origin.address)
    server = config["servers"][0]
    server["listeners"][0]["stream_filters"] = [{"type": LABELS, "config": {"label": "own"}}]
    (plain,), (labelled_host,) = (router("origin")["virtual_hosts"] for _ in range(2))
    labelled_host["name"] = "host"
    labelled_host["domains"] = ["labelled"]
    labelled_host["per_filter_config"] = {LABELS: {"label": "host"}}
    labelled_host["routers"].insert(
        0,
        {
            "match": {"prefix": "/route"},
            "route": {"cluster_name": "origin"},
            "per_filter_config": {LABELS: {"label": route_label}, "nobodys": 1},
        },
    )
    server["routers"][0]["virtual_hosts"] = [plain, labelled_host]
    return config


def test_filters_are_configured_by_route_virtual_host_and_listener(origin: Origin) -> None:
    async def run() -> list[tuple[str | None, str | None]]:
        async with pymosn.Server(labelled(origin, "route")) as server:
            address = server.addresses["web"]
            replies = [
                await asyncio.to_thread(fetch, address, path, headers={"Host": host})
                for host, path in (("a", "/"), ("labelled", "/"), ("labelled", "/route"))
            ]
            return [(r.headers["x-early"], r.headers["x-label"]) for r in replies]

    assert asyncio.run(run()) == [("own", "own"), ("own", "host"), ("own", "route")]


def test_a_routes_filter_configuration_is_checked(origin: Origin) -> None:
    async def run() -> None:
        async with pymosn.Server(labelled(origin, "route")) as server:
            with pytest.raises(ConfigError, match=r"per_filter_config of .*Labels: .*\.label"):
                await server.apply(labelled(origin, 7))

    asyncio.run(run())


def test_counting(origin: Origin) -> None:
    async def run() -> dict[str, int]:
        async with pymosn.Server(http_config(origin.address)) as server:
            await get(server.addresses["web"])
            await asyncio.sleep(0.05)
            return {
                key: value
                for found, key, value in server.metrics.text_values()
                if ("proxy", "global") in found.labels
            }

    counted = asyncio.run(run())
    assert counted["request_total"] == 1
    assert counted["request_200_total"] == 1
    assert counted["connection_active"] == 0
