"""JSON over HTTP to a provider of Dubbo in Java, by generic calls.

Needs what test_java_peers.py needs.
"""

import base64
import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from pymosn import snapshot as model
from tests.support import wire
from tests.support.java import Consumer, Provider

STRING = "java.lang.String"
PERSON = "peers.Person"


@pytest.fixture(scope="module")
def port(provider: Provider) -> Iterator[int]:
    """Return the port of a proxy in front of the provider."""
    config = {"version": "1.0.0", "group": "test", "service": "peers.Greeter"}
    filters = [model.StreamFilter("transcoder", {"type": "http2dubbo", "config": config})]
    snapshot = wire.snapshot(
        [provider.dubbo], route=model.Forward(timeout=5.0), listener={"stream_filters": filters}
    )
    with wire.running(snapshot) as proxy:
        yield proxy.port


def call(
    port: int, method: str, types: list[str] | None, *arguments: object, **headers: str
) -> tuple[int, Any]:
    """Return the status and the result."""
    body = json.dumps({"types": types, "args": arguments})
    fields = {"Content-Type": "application/json", **headers}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", f"/{method}", body, fields)
    response = connection.getresponse()
    found = response.read()
    connection.close()
    try:
        return response.status, json.loads(found)
    except ValueError:
        return response.status, found


def test_strings_and_numbers(port: int) -> None:
    assert call(port, "sayHello", [STRING], "锐 😀") == (200, "Hello 锐 😀")
    assert call(port, "add", ["int", "long"], 1, 1 << 40) == (200, (1 << 40) + 1)
    # Methods that are not overloaded are found without their types.
    assert call(port, "add", None, 1, 2) == (200, 3)


def test_objects(port: int) -> None:
    parent = {"name": "eve", "age": 50, "city": "b"}
    person = {"class": PERSON, "name": "ann", "age": 21, "city": "a", "parent": parent}
    status, older = call(port, "birthday", [PERSON], person)
    assert status == 200
    assert (older["name"], older["age"], older["class"]) == ("ann", 22, PERSON)
    assert older["parent"]["name"] == "eve"


def test_lists_and_maps(port: int) -> None:
    people = [{"class": PERSON, "name": name, "age": 1, "city": name[0]} for name in ("ab", "ac")]
    types = ["java.util.List", "boolean", "double"]
    status, cities = call(port, "byCity", types, people, False, 1.0)
    assert status == 200
    assert [person["name"] for person in cities["a"]] == ["ab", "ac"]


def test_bytes(port: int) -> None:
    content = base64.b64encode(bytes(range(256))).decode()
    assert call(port, "echo", ["byte[]"], content) == (200, content)


def test_attachments(port: int) -> None:
    headers = {"Dubbo-Attachment-Colour": "blue"}
    assert call(port, "attachment", [STRING], "colour", **headers) == (200, "blue")


def test_exceptions(port: int) -> None:
    status, told = call(port, "fail", [STRING], "today")
    assert status == 500
    assert told["error"]["class"] == "peers.Refusal"
    assert "today" in told["error"]["message"]


def test_what_is_not_there(port: int) -> None:
    status, told = call(port, "nothing", [STRING], "x")
    assert status == 500
    assert "nothing" in json.dumps(told["error"])
    status, told = call(port, "sayHello", [STRING], "x", **{"tri-service-version": "9.9"})
    assert status >= 400
    assert "error" in told


def test_the_route_does_not_wait(port: int) -> None:
    status, _ = call(port, "slow", ["int"], 1, **{"x-mosn-global-timeout": "2000"})
    assert status == 200
    status, _ = call(port, "slow", ["int"], 2000, **{"x-mosn-global-timeout": "200"})
    assert status == 504


def test_java_to_json_to_java(provider: Provider, consumer: Consumer) -> None:
    """A consumer's calls become JSON at one proxy, and calls again at another."""
    config = {"type": "dubbo2http", "config": {"results": {"echo": "byte[]"}}}
    to_json = model.StreamFilter("transcoder", config)
    to_dubbo = model.StreamFilter("transcoder", {"type": "http2dubbo"})
    inner = wire.snapshot([provider.dubbo], listener={"stream_filters": [to_dubbo]})
    with wire.running(inner) as second:
        outer = wire.snapshot(
            [f"127.0.0.1:{second.port}"], proxy={"protocols": ["dubbo"]},
            listener={"stream_filters": [to_json]},
        )  # fmt: skip
        with wire.running(outer) as first:
            assert consumer.call("dubbo", first.port, "hello", "锐😀") == "Hello 锐😀"
            assert consumer.call("dubbo", first.port, "large", 50_000) == "same"
            assert consumer.call("dubbo", first.port, "attachment", "colour", "red") == "red"
            consumer.close("dubbo", first.port)
