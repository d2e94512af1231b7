"""Addresses and domains."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymosn.config.address import (
    parse_endpoint,
    parse_host_port,
    parse_listen,
    parse_network,
    parse_ports,
)
from pymosn.config.domains import DomainTable, split_domain
from pymosn.config.short_targets import parse_target


@pytest.mark.parametrize(
    ("text", "network", "address"),
    [
        ("127.0.0.1:80", "tcp", "127.0.0.1:80"),
        (":80", "tcp", "0.0.0.0:80"),
        ("localhost:80", "tcp", "127.0.0.1:80"),
        ("[::1]:80", "tcp", "[::1]:80"),
        ("[0:0::1]:80", "tcp", "[::1]:80"),
        ("127.0.0.1:0", "tcp", "127.0.0.1:0"),
        ("example.com:80", "tcp", "example.com:80"),
        ("/run/a.sock", "unix", "unix:/run/a.sock"),
        ("unix:/run/a.sock", "tcp", "unix:/run/a.sock"),
        ("unix:///run/a.sock", "tcp", "unix:/run/a.sock"),
        ("@abstract", "unix", "unix:@abstract"),
    ],
)
def test_listen(text: str, network: str, address: str) -> None:
    assert parse_listen(text, network) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "80",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.1:65536",
        "::1:80",
        "[::1:80",
        "[x]:80",
        "[::1]80",
        "1.2.3:80",
        "300.1.1.1:80",
        "a b:80",
        "-a:80",
        "a..b:80",
        "a:８０",
        "unix:",
        "unix:" + "x" * 108,
        "unix:/a\x00b",
        f"a:{'9' * 5000}",
    ],
)
def test_not_an_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_listen(text)


def test_endpoint() -> None:
    assert parse_endpoint("db.internal", default_port=80) == "db.internal:80"
    assert parse_endpoint(":80") == "127.0.0.1:80"
    with pytest.raises(ValueError, match="port 0"):
        parse_endpoint("a:0")


@given(st.text())
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        parsed = parse_host_port(text)
    except ValueError:
        return
    assert parse_host_port(str(parsed)) == parsed


@pytest.mark.parametrize(
    ("target", "address"),
    [
        ("http://127.0.0.1:9000", "127.0.0.1:9000"),
        ("http://example.com/", "example.com:80"),
        ("http://[::1]:8080", "[::1]:8080"),
        ("tcp://10.0.0.1:6379", "10.0.0.1:6379"),
        ("10.0.0.1:6379", "10.0.0.1:6379"),
        ("unix:/run/x", "unix:/run/x"),
    ],
)
def test_target(target: str, address: str) -> None:
    assert parse_target(target) == address


@pytest.mark.parametrize(
    "target",
    [
        "ftp://a",
        "http://a/b",
        "http://u@a",
        "http://",
        "http://:80",
        "a",
        "tcp://a",
        "http://[::1",
        "http://a?b",
    ],
)
def test_not_a_target(target: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_target(target)


def test_ports_and_networks() -> None:
    assert parse_ports("") == []
    assert parse_ports("80, 8000-8080") == [(80, 80), (8000, 8080)]
    assert parse_network("10.1.2.3", 8) == "10.0.0.0/8"
    for wrong in ("90-80", "x", "1-", "70000"):
        with pytest.raises(ValueError, match=r"\w"):
            parse_ports(wrong)


@pytest.mark.parametrize(
    ("domain", "split"),
    [
        ("*", ("*", "")),
        ("*:*", ("*", "*")),
        ("Example.com", ("example.com", "")),
        ("example.com:80", ("example.com", "80")),
        ("*.example.com:*", ("*.example.com", "*")),
        ("*x", ("*x", "")),
        ("[::1]:80", ("::1", "80")),
    ],
)
def test_domain(domain: str, split: tuple[str, str]) -> None:
    assert split_domain(domain) == split


@pytest.mark.parametrize(
    "domain", ["", ":80", "a.*", "*.*.a", "a:", "a:x", "a:1:2", "::1", "[x]", "[::1]80", "a:99999"]
)
def test_not_a_domain(domain: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        split_domain(domain)


@pytest.mark.parametrize(
    ("first", "second"),
    [("*", "*:*"), ("*", "*"), ("a.com", "A.com"), ("a:80", "a:80"), ("*.a:1", "*.A:1")],
)
def test_domains_that_exclude_each_other(first: str, second: str) -> None:
    table = DomainTable()
    table.add(first, "$.first")
    with pytest.raises(ValueError, match=r"\$\.first"):
        table.add(second, "$.second")


def test_domains_that_can_stand_together() -> None:
    table = DomainTable()
    for index, domain in enumerate(["*", "a", "a:80", "a:*", "*.a", "*.a:80", "*:80", "*a"]):
        table.add(domain, str(index))
