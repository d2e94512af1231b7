"""Names to addresses: which are asked for, what is kept, what is told."""

import asyncio
import json
import socket
from typing import Any

import pytest

from pymosn.config.load import parse_config
from pymosn.lifecycle import resolver as module
from pymosn.lifecycle.resolver import Lookup, Resolver, lookups
from pymosn.observe.log import ErrorLog
from tests.support.configs import cluster, http_config


class FakeDns:
    """Answers from a table; a missing name is a failure."""

    def __init__(self, **answers: list[str]) -> None:
        self.answers = answers
        self.life = 0.0
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, family: int) -> list[tuple[str, float]]:
        self.asked.append((host, family))
        if host == "slow":
            await asyncio.sleep(60)
        if host not in self.answers:
            raise OSError(-2, "Name or service not known")
        return [(address, self.life) for address in self.answers[host]]


def look(name: str = "app", **options: Any) -> Lookup:
    return Lookup(name=f"{name}:80", host=name, port=80, **options)


@pytest.fixture
def log() -> ErrorLog:
    return ErrorLog("stderr", "OFF")


def test_what_is_asked_for() -> None:
    config = http_config("10.0.0.1:80", "app.example:8080")
    config["cluster_manager"]["clusters"] += [
        {
            **cluster("db.example:5432", name="db"),
            "type": "STRICT_DNS",
            "dns_refresh_rate": "3s",
        },
        cluster("unix:/run/x.sock", "app.example:8080", name="again"),
    ]
    loaded = parse_config(json.dumps(config))
    assert lookups(loaded.config) == [
        Lookup("app.example:8080", "app.example", 8080),
        Lookup(
            "db.example:5432",
            "db.example",
            5432,
            every=True,
            family=socket.AF_INET,
            interval=3.0,
        ),
    ]


def test_one_address_prefers_ipv4_and_stays(log: ErrorLog) -> None:
    async def main() -> None:
        dns = FakeDns(app=["2001:db8::1", "10.0.0.2", "10.0.0.1"])
        resolver = Resolver(log, lambda: None, dns)
        await resolver.resolve([look()])
        assert resolver.resolved == {"app:80": ["10.0.0.1:80"]}
        dns.answers["app"] = ["10.0.0.0", "10.0.0.1"]
        assert not await resolver._look_up(look())
        assert resolver.resolved == {"app:80": ["10.0.0.1:80"]}
        dns.answers["app"] = ["2001:db8::1"]
        assert await resolver._look_up(look())
        assert resolver.resolved == {"app:80": ["[2001:db8::1]:80"]}

    asyncio.run(main())


def test_every_address_in_an_order_of_its_own(log: ErrorLog) -> None:
    async def main() -> None:
        dns = FakeDns(app=["10.0.0.2", "10.0.0.1"])
        resolver = Resolver(log, lambda: None, dns)
        await resolver.resolve([look(every=True)])
        assert resolver.resolved == {"app:80": ["10.0.0.1:80", "10.0.0.2:80"]}
        dns.answers["app"].reverse()
        assert not await resolver._look_up(look(every=True))

    asyncio.run(main())


def test_a_failure_keeps_what_was_known(log: ErrorLog) -> None:
    async def main() -> None:
        dns = FakeDns(app=["10.0.0.1"])
        resolver = Resolver(log, lambda: None, dns)
        await resolver.resolve([look()])
        dns.answers.clear()
        assert not await resolver._look_up(look())
        assert resolver.resolved == {"app:80": ["10.0.0.1:80"]}

    asyncio.run(main())


def test_a_slow_name_server_is_not_waited_for(
    log: ErrorLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INITIAL_WAIT", 0.05)

    async def main() -> None:
        resolver = Resolver(log, lambda: None, FakeDns(app=["10.0.0.1"]))
        await resolver.resolve([look(), look("slow")])
        assert list(resolver.resolved) == ["app:80"]

    asyncio.run(main())


def test_changes_are_told(log: ErrorLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SHORTEST", 0.01)

    async def main() -> None:
        dns = FakeDns(app=["10.0.0.1"], other=["10.0.0.9"])
        changed = asyncio.Event()
        resolver = Resolver(log, changed.set, dns)
        watched = look(every=True, interval=0.01)
        await resolver.resolve([watched, look("other")])
        resolver.watch([watched])
        assert list(resolver.resolved) == ["app:80"]
        await asyncio.sleep(0.05)
        assert not changed.is_set()
        dns.answers["app"].append("10.0.0.2")
        await asyncio.wait_for(changed.wait(), 5)
        assert resolver.resolved == {"app:80": ["10.0.0.1:80", "10.0.0.2:80"]}
        resolver.watch([])
        asked = len(dns.asked)
        await asyncio.sleep(0.05)
        assert len(dns.asked) == asked
        resolver.close()

    asyncio.run(main())


def test_the_system_knows_localhost() -> None:
    answer = asyncio.run(module.system_query("localhost", socket.AF_INET))
    assert ("127.0.0.1", 0.0) in answer
