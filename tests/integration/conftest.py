"""Peers that take seconds to start: one of each for all tests."""

from collections.abc import Iterator

import pytest

from tests.conftest import free_port
from tests.support import java


@pytest.fixture(scope="session")
def provider() -> Iterator[java.Provider]:
    """Return what serves SOFARPC and Dubbo of Java."""
    with java.Provider(free_port(), free_port()) as running:
        yield running


@pytest.fixture(scope="session")
def consumer() -> Iterator[java.Consumer]:
    """Return what calls it."""
    with java.Consumer() as running:
        yield running
