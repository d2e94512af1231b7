"""TLS and HTTP/2 of a real pymosn with GnuTLS, a scanner, a browser and Envoy."""

import base64
import hashlib
import importlib.util
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.conftest import free_port
from tests.support.configs import cluster, http_config, http_listener, router
from tests.support.process import fetch, wait_until
from tests.support.secured import NAME, answers, context, curl, program, secured

ALPN = "h2,http/1.1"


def detecting(config: dict[str, Any], log: Path) -> dict[str, Any]:
    """Let listener ``web`` speak what the client chooses, and log the protocol and the path."""
    web = config["servers"][0]["listeners"][0]
    web["filter_chains"][0]["filters"][0]["config"]["downstream_protocol"] = "Auto"
    web["access_logs"] = [{"log_path": str(log), "log_format": "%protocol% %request_path%"}]
    return config


# -- GnuTLS ----------------------------------------------------------------------------------------


def gnutls(address: str, files: Path, *arguments: str) -> str:
    """Connect twice with ``gnutls-cli``, the second time with the session of the first."""
    port = address.rpartition(":")[2]
    done = subprocess.run(
        [program("gnutls-cli"), "--x509cafile", str(files / "ca.pem"), "-p", port, "--resume",
         "--waitresumption", *arguments, NAME],
        input="GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_gnutls(pymosn, origin, files, version) -> None:
    proxy = pymosn(secured(origin.address, context(files, alpn=ALPN)))
    priority = f"--priority=NORMAL:-VERS-ALL:+VERS-TLS{version}"
    said = gnutls(proxy.address, files, priority, "--alpn=http/1.1")
    assert f"(TLS{version})" in said
    assert "- Application protocol: http/1.1" in said
    assert "*** This is a resumed session" in said
    assert said.endswith("origin") or "\norigin" in said
    # A client that speaks nothing of ours is told so.
    with pytest.raises(AssertionError, match="No common application protocol"):
        gnutls(proxy.address, files, priority, "--alpn=spdy/3")


# -- a scanner -------------------------------------------------------------------------------------

# What testssl.sh says of the test's own certificate and address, and not of the server.
OF_THE_TEST = {
    "cert_notAfter", "cert_validityPeriod", "cert_extlifeSpan",  # trustme's live as long as they want
    "cert_crlDistributionPoints", "cert_ocspURL", "cert_revocation", "cert_trust_wildcard",
    "DNS_CAArecord", "OCSP_stapling",  # there is no responder
    "certificate_transparency", "cert_eTLS",
}  # fmt: skip


@pytest.mark.parametrize("kind", ["ecdsa"])
def test_testssl(pymosn, origin, files, kind) -> None:
    """With default settings it finds nothing that is worth more than information."""
    proxy = pymosn(secured(origin.address, context(files, kind, alpn=ALPN)))
    port = proxy.address.rpartition(":")[2]
    report = files / "report.json"
    done = subprocess.run(
        [program("testssl"), "--quiet", "--color", "0", "--warnings", "off", "--ip", "127.0.0.1",
         "--nodns", "min", "--add-ca", str(files / "ca.pem"), "--jsonfile", str(report),
         "--protocols", "--server-defaults", "--server-preference", "--vulnerable", "--fs",
         "--std", f"{NAME}:{port}"],
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    findings = json.loads(report.read_text())
    seen = {item["id"] for item in findings}
    assert {"TLS1_3", "heartbleed", "ROBOT", "BEAST", "cert_trust"} <= seen, done.stdout
    worse = [
        item for item in findings
        if item["severity"] not in ("OK", "INFO", "DEBUG")
        and not any(item["id"].startswith(known) for known in OF_THE_TEST)
    ]  # fmt: skip
    assert worse == []
