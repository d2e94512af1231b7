"""The one certificate that all proxies present, and the rules by which the clients speak TLS.

The clients decide version, suite and key exchange, because some of the servers offer no choice of
a TLS 1.3 suite: who may offer one thing only makes all servers do the same work.
"""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.processes import BenchError

SUITE = "TLS_AES_128_GCM_SHA256"
SERVER_NAME = "bench"

_CLIENT_RULES = f"""\
openssl_conf = all
[all]
ssl_conf = modules
[modules]
system_default = clients
[clients]
MinProtocol = TLSv1.3
Ciphersuites = {SUITE}
Groups = X25519
"""


@dataclass(frozen=True)
class Credentials:
    """Files in PEM: a self-signed P-256 certificate, its key, and both in one."""

    certificate: Path
    key: Path
    both: Path
    client_rules: Path

    def client_environment(self) -> Mapping[str, str]:
        """What makes a client that links OpenSSL follow our rules."""
        return {"OPENSSL_CONF": str(self.client_rules)}


def make_credentials(directory: Path) -> Credentials:
    """New ones in the empty or former `directory`; BenchError when openssl is missing or fails."""
    directory.mkdir(parents=True, exist_ok=True)
    names = ("certificate.pem", "key.pem", "both.pem", "client.cnf")
    credentials = Credentials(*(directory / name for name in names))
    argv = ["openssl", "req", "-x509", "-noenc", "-days", "30", "-subj", f"/CN={SERVER_NAME}"]
    argv += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    argv += ["-addext", f"subjectAltName=DNS:{SERVER_NAME},IP:127.0.0.1"]
    argv += ["-keyout", str(credentials.key), "-out", str(credentials.certificate)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=30)
    if done.returncode != 0:
        raise BenchError(f"openssl failed: {done.stderr.strip()[-300:]}")
    both = credentials.certificate.read_text() + credentials.key.read_text()
    credentials.both.write_text(both)
    credentials.client_rules.write_text(_CLIENT_RULES)
    return credentials


def client_context(certificate: Path) -> ssl.SSLContext:
    """TLS 1.3 with a server that proves to be ours."""
    context = ssl.create_default_context(cafile=str(certificate))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def openssl_version() -> str:
    """The version of the openssl program; BenchError with what to do if it is missing."""
    if shutil.which("openssl") is None:
        raise BenchError("openssl is not installed (Debian: apt-get install openssl)")
    done = subprocess.run(["openssl", "version"], check=False, capture_output=True, text=True)
    said = done.stdout.split()
    return said[1] if len(said) > 1 else "unknown"
