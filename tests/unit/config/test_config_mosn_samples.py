"""MOSN's own sample configurations load and compile.

Only where ``MOSN_SOURCE`` names a checkout of MOSN: its samples are not ours to ship, and the Go
module proxy does not have the module.  What they use is covered by tests/golden/config.
"""

import json
import os
from pathlib import Path

import pytest

from pymosn.config.compile import compile_snapshot
from pymosn.config.expand import expand
from pymosn.config.load import load_config, parse_config
from pymosn.errors import ConfigError
from pymosn.observe.metrics import SlotTable

BROKEN = {
    "filter/dubbo/install/build/mosn_config_dubbo_xds.json": "port_value: has the wrong type",
}
"""Samples that MOSN refuses as well, and why (here: a port in quotation marks)."""

OTHER = ("/grafana/", "checkconf.json", "docker-compose", "envoy.yaml", "xds-server-sample/config/")
"""Files beside them that are not MOSN configurations."""


SOURCE = os.environ.get("MOSN_SOURCE", "")


def samples(base: Path) -> list[Path]:
    """Return the MOSN configurations among the samples."""
    found = [*base.rglob("*.json"), *base.rglob("mosn_config.yaml")]
    return sorted(file for file in found if not any(part in str(file) for part in OTHER))


def test_samples() -> None:
    base = Path(SOURCE) / "examples" / "codes"
    files = samples(base)
    assert len(files) > 40
    for file in files:
        name = str(file.relative_to(base))
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
    loaded = load_config(Path(SOURCE) / "examples" / "codes" / "http-sample" / "client_config.json")
    snapshot = compile_snapshot(loaded.config, SlotTable(), source=loaded.source)
    assert loaded.findings == []
    assert [listener.bind for listener in snapshot.listeners] == [True]
    assert [len(cluster.hosts) for cluster in snapshot.clusters.values()] == [1]
