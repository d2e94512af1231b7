"""Certificates for tests with real processes, and peers that take seconds to start: one of each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.support import java
from tests.support.secured import NAME
from tests.support.tls import Authority


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Return a CA that nobody else trusts."""
    return Authority()


@pytest.fixture
def files(directory: Path, authority: Authority) -> Path:
    """Return a directory with ``ca.pem``, and certificates ``ecdsa`` and ``rsa`` for localhost."""
    (directory / "ca.pem").write_text(authority.pem)
    for kind in ("ECDSA", "RSA"):
        certificate = authority.issue(NAME, "127.0.0.1", key_type=kind)
        authority.write(directory, kind.lower(), certificate)
    return directory


@pytest.fixture(scope="session")
def provider() -> Iterator[java.Provider]:
    """Return what serves SOFARPC, Dubbo and SOFABolt of Java."""
    with java.Provider(free_port) as running:
        yield running


@pytest.fixture(scope="session")
def consumer() -> Iterator[java.Consumer]:
    """Return what calls it."""
    with java.Consumer() as running:
        yield running
