"""Runs tests of header compression, heads and the engine with both builds."""

import pytest

from tests.support.builds import HeaderCodec, headers_installed, headers_interpreted
from tests.support.http2_engine import Build
from tests.support.http2_engine import installed as engine_installed
from tests.support.http2_engine import interpreted as engine_interpreted

_CODECS = (headers_installed(), headers_interpreted())
_ENGINES = (engine_installed(), engine_interpreted())


@pytest.fixture(params=_CODECS, ids=lambda codec: codec.name)
def headers(request: pytest.FixtureRequest) -> HeaderCodec:
    """Return header compression and heads, compiled and then interpreted."""
    return request.param


@pytest.fixture(params=_ENGINES, ids=lambda build: build.name)
def engine(request: pytest.FixtureRequest) -> Build:
    """Return the modules of the engine, compiled and then interpreted."""
    return request.param


@pytest.fixture
def interpreted_engine() -> Build:
    """Return the interpreted engine alone: for tests that set what C does not let anybody set."""
    return next(build for build in _ENGINES if build.name == "interpreted")
