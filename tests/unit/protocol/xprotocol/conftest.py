"""Runs the tests of RPC codecs with both builds."""

import pytest

from tests.support.rpc_builds import RpcCodec, rpc_installed, rpc_interpreted

_CODECS = (rpc_installed(), rpc_interpreted())


@pytest.fixture(params=_CODECS, ids=lambda rpc: rpc.name)
def rpc(request: pytest.FixtureRequest) -> RpcCodec:
    """Return the RPC codecs, compiled and then interpreted."""
    return request.param
