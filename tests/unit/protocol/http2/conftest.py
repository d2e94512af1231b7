"""Runs tests of header compression and heads with both builds."""

import pytest

from tests.support.builds import HeaderCodec, headers_installed, headers_interpreted

_CODECS = (headers_installed(), headers_interpreted())


@pytest.fixture(params=_CODECS, ids=lambda codec: codec.name)
def headers(request: pytest.FixtureRequest) -> HeaderCodec:
    """Return header compression and heads, compiled and then interpreted."""
    return request.param
