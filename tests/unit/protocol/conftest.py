"""Runs codec tests with both builds."""

import pytest

from tests.support.builds import Codec, installed, interpreted

_CODECS = (installed(), interpreted())


@pytest.fixture(params=_CODECS, ids=lambda codec: codec.name)
def codec(request: pytest.FixtureRequest) -> Codec:
    """Return the HTTP/1 codec, compiled and then interpreted."""
    return request.param
