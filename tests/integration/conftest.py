"""Certificates for tests with real processes."""

from pathlib import Path

import pytest

from tests.support.secured import NAME
from tests.support.tls import Authority


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def files(directory: Path, authority: Authority) -> Path:
    """Return a directory with ``ca.pem``, and certificates ``ecdsa`` and ``rsa`` for localhost."""
    (directory / "ca.pem").write_text(authority.pem)
    for kind in ("ECDSA", "RSA"):
        certificate = authority.issue(NAME, "127.0.0.1", key_type=kind)
        authority.write(directory, kind.lower(), certificate)
    return directory
