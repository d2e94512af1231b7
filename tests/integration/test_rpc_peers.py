"""SOFARPC of Node on both sides of the proxy.

Needs ``npm install sofa-rpc-node`` somewhere, and that place's ``node_modules`` in ``NODE_PATH``.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.support import wire

PEERS = Path(__file__).parents[1] / "support/peers"


@pytest.fixture
def sofa_server() -> Iterator[str]:
    """Return the address of a SOFARPC server."""
    paths = os.environ.get("NODE_PATH", "").split(os.pathsep)
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    if not any((Path(path) / "sofa-rpc-node").is_dir() for path in paths if path):
        pytest.skip("sofa-rpc-node is not in NODE_PATH")
    port = free_port()
    argv = ["node", str(PEERS / "sofa_server.js"), str(port)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_sofarpc(sofa_server: str) -> None:
    configuration = wire.snapshot([sofa_server], proxy={"protocols": ["bolt"]})
    with wire.running(configuration) as proxy:
        done = subprocess.run(
            ["node", str(PEERS / "sofa_client.js"), str(proxy.port)],
            check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        sums, length, failure = done.stdout.splitlines()
        assert sums == " ".join(str(number + 1) for number in range(50))
        assert length == "100000"
        assert "on purpose" in failure
