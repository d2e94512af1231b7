"""TLS and HTTP/2 of a real pymosn with GnuTLS, a scanner, a browser and Envoy."""

import base64
import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.conftest import free_port
from tests.support import envoy
from tests.support.configs import cluster, http_listener, router
from tests.support.process import fetch, wait_until
from tests.support.secured import NAME, context, program, secured

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
    assert f"- Description: (TLS{version}-" in said
    assert "- Application protocol: http/1.1" in said
    assert "*** This is a resumed session" in said
    assert "\n\norigin" in said
    # A client that speaks nothing of ours is told so.
    with pytest.raises(AssertionError, match="No supported application protocol"):
        gnutls(proxy.address, files, priority, "--alpn=spdy/3")


# -- a scanner -------------------------------------------------------------------------------------

# What testssl.sh holds against the test's own certificate: it lives for a thousand years, and
# nobody can revoke it.
OF_THE_TEST = {"cert_validityPeriod", "cert_revocation"}
CHECKS = ("-p", "-s", "-f", "-S", "-U")
"""Protocols, ciphers, forward secrecy, certificate, vulnerabilities: half a minute of the two that
all would take.  Not the HTTP headers, which are the origin's."""


@pytest.mark.timeout(300)
def test_testssl(pymosn, origin, files) -> None:
    """With default settings it finds nothing that is worth more than information."""
    config = secured(origin.address, context(files, alpn=ALPN))
    proxy = pymosn(detecting(config, files / "access.log"))
    port = proxy.address.rpartition(":")[2]
    report = files / "report.json"
    done = subprocess.run(
        [program("testssl"), "--quiet", "--color", "0", "--warnings", "off", "--ip", "127.0.0.1",
         "--nodns", "min", "--add-ca", str(files / "ca.pem"), "--jsonfile", str(report), *CHECKS,
         f"{NAME}:{port}"],
        capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    findings = {item["id"]: item for item in json.loads(report.read_text())}
    for expected, found in (
        ("TLS1", "not offered"), ("TLS1_3", "offered with final"), ("ALPN_HTTP2", "h2"),
        ("cert_chain_of_trust", "passed"), ("heartbleed", "not vulnerable"),
        ("ROBOT", "not vulnerable"), ("PFS", "offered"),
    ):  # fmt: skip
        assert found in findings[expected]["finding"], done.stdout
    worse = {name for name, item in findings.items() if item["severity"] not in ("OK", "INFO")}
    # A warning is about testssl.sh's own environment.
    worse -= {name for name in worse if findings[name]["severity"] == "WARN"}
    assert worse == OF_THE_TEST, done.stdout


# -- a browser -------------------------------------------------------------------------------------


def public_key_hash(certificate: Path) -> str:
    """Return what Chromium knows a certificate by."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(encoded).digest()).decode()


def test_chromium(pymosn, origin, files) -> None:
    log = files / "access.log"
    proxy = pymosn(detecting(secured(origin.address, context(files, alpn=ALPN)), log))
    port = proxy.address.rpartition(":")[2]
    done = subprocess.run(
        [program("chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
         "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", f"--user-data-dir={files / 'profile'}",
         f"--ignore-certificate-errors-spki-list={public_key_hash(files / 'ecdsa.crt')}",
         "--dump-dom", f"https://{NAME}:{port}/page"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ">origin<" in done.stdout, done.stderr
    wait_until(lambda: log.exists() and "Http2 /page\n" in log.read_text())


# -- Envoy -----------------------------------------------------------------------------------------


def test_envoy_as_the_client(pymosn, origin, files) -> None:
    """It speaks HTTP/2 with us, over TLS and with prior knowledge."""
    envoy.program()
    log = files / "access.log"
    config = detecting(secured(origin.address, context(files, alpn=ALPN)), log)
    plain = http_listener("plain")
    plain["filter_chains"][0]["filters"][0]["config"]["downstream_protocol"] = "Auto"
    plain["access_logs"] = config["servers"][0]["listeners"][0]["access_logs"]
    config["servers"][0]["listeners"].append(plain)
    proxy = pymosn(config)
    ports = [int(proxy.addresses[name].rpartition(":")[2]) for name in ("web", "plain")]
    asked = [free_port(), free_port()]
    with envoy.running(
        files,
        [envoy.asking(asked[0], "tls"), envoy.asking(asked[1], "h2c")],
        [envoy.cluster("tls", ports[0], files / "ca.pem"), envoy.cluster("h2c", ports[1])],
    ):
        for port, path in zip(asked, ("/tls", "/h2c"), strict=True):
            for _ in range(3):
                assert fetch(f"127.0.0.1:{port}", path).text == "origin"
    wait_until(lambda: log.exists() and len(log.read_text().splitlines()) == 6)
    assert log.read_text().splitlines() == ["Http2 /tls"] * 3 + ["Http2 /h2c"] * 3


def test_envoy_as_the_origin(pymosn, files) -> None:
    """What we say of the scheme is what the connection to it is."""
    envoy.program()
    ports = {"tls": free_port(), "h2c": free_port()}
    config = secured(f"127.0.0.1:{ports['tls']}", context(files))
    web = config["servers"][0]["listeners"][0]
    web["filter_chains"][0]["filters"][0]["config"]["upstream_protocol"] = "Http2"
    (hosts,) = config["cluster_manager"]["clusters"]
    hosts["tls_context"] = {
        "status": True, "ca_cert": str(files / "ca.pem"), "server_name": NAME, "alpn": "h2",
    }  # fmt: skip
    plain = http_listener("plain", router="plain")
    plain["filter_chains"][0]["filters"][0]["config"]["upstream_protocol"] = "Http2"
    web["filter_chains"][0].pop("tls_context_set")
    config["servers"][0]["listeners"].append(plain)
    config["servers"][0]["routers"].append(router("plain", "plain"))
    config["cluster_manager"]["clusters"].append(
        cluster(f"127.0.0.1:{ports['h2c']}", name="plain")
    )
    with envoy.running(
        files,
        [envoy.answering(ports["tls"], "secured", files), envoy.answering(ports["h2c"], "plain")],
        [],
    ):
        proxy = pymosn(config)
        for listener, body, scheme in (("web", "secured", "https"), ("plain", "plain", "http")):
            for _ in range(3):
                reply = proxy.get("/", listener=listener, headers={"Host": "example.test"})
                assert (reply.status, reply.text) == (200, body)
                assert reply.headers["x-scheme"] == scheme
                assert reply.headers["x-authority"] == "example.test"
