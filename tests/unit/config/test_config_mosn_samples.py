"""MOSN's own sample configurations load and compile.

They are part of MOSN's Go module and are fetched through Go's module proxy; ``MOSN_SOURCE`` may
name a directory with MOSN's source instead.
"""

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from pymosn.config.compile import compile_snapshot
from pymosn.config.expand import expand
from pymosn.config.load import load_config, parse_config
from pymosn.errors import ConfigError
from pymosn.observe.metrics import SlotTable

MODULE = "mosn.io/mosn@v1.6.0"

BROKEN = {
    "filter/dubbo/install/build/mosn_config_dubbo_xds.json": "port_value: has the wrong type",
}
"""Samples that MOSN refuses as well, and why (here: a port in quotation marks)."""

OTHER = ("/grafana/", "checkconf.json", "docker-compose", "envoy.yaml", "xds-server-sample/config/")
"""Files beside them that are not MOSN configurations."""


@cache
def examples() -> Path:
    """Return the directory of the samples, or skip with the reason."""
    given = os.environ.get("MOSN_SOURCE")
    if given:
        return Path(given) / "examples" / "codes"
    go = shutil.which("go")
    if go is None:
        pytest.skip("Go is not installed: MOSN's samples cannot be fetched")
    fetched = subprocess.run(
        [go, "mod", "download", "-json", MODULE],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    answer = json.loads(fetched.stdout or "{}")
    if "Dir" not in answer:
        reason = str(answer.get("Error", fetched.stderr)).replace("\n", " ")
        pytest.skip(f"MOSN's samples cannot be fetched: {reason}")
    return Path(answer["Dir"]) / "examples" / "codes"


def samples() -> list[Path]:
    """Return the MOSN configurations among the samples."""
    base = examples()
    found = [*base.rglob("*.json"), *base.rglob("mosn_config.yaml")]
    return sorted(file for file in found if not any(part in str(file) for part in OTHER))


def test_samples() -> None:
    files = samples()
    assert len(files) > 40
    for file in files:
        name = str(file.relative_to(examples()))
        if name in BROKEN:
            with pytest.raises(ConfigError, match=BROKEN[name]):
                load_config(file)
            continue
        loaded = load_config(file)
        snapshot = compile_snapshot(loaded.config, SlotTable(), source=loaded.source)
        again = parse_config(json.dumps(expand(loaded.config)))
        assert expand(again.config) == expand(loaded.config), name
        assert compile_snapshot(again.config, SlotTable()) == snapshot, name


def test_http_sample_is_served() -> None:
    loaded = load_config(examples() / "http-sample" / "client_config.json")
    snapshot = compile_snapshot(loaded.config, SlotTable(), source=loaded.source)
    assert loaded.findings == []
    assert [listener.bind for listener in snapshot.listeners] == [True]
    assert [len(cluster.hosts) for cluster in snapshot.clusters.values()] == [1]
