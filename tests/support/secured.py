"""Configurations whose listener speaks TLS, and programs that speak it with them."""

import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.configs import http_config

NAME = "localhost"


def program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def context(files: Path, name: str = "ecdsa", **settings: object) -> dict[str, object]:
    """Return a listener's TLS context."""
    return {
        "status": True,
        "cert_chain": str(files / f"{name}.crt"),
        "private_key": str(files / f"{name}.key"),
        **settings,
    }


def secured(origin: str, *contexts: dict[str, object], workers: int = 1, **listener: object):
    """Return a configuration whose listener ``web`` speaks TLS."""
    config = http_config(origin, workers=workers)
    web = config["servers"][0]["listeners"][0]
    web["filter_chains"][0]["tls_context_set"] = list(contexts)
    web.update(listener)
    return config


def curl(files: Path, address: str, *arguments: str, name: str = NAME, path: str = "/"):
    """Ask for a path; returns status, HTTP version and body."""
    port = address.rpartition(":")[2]
    done = subprocess.run(
        [program("curl"), "-s", "--max-time", "10", "--cacert", str(files / "ca.pem"),
         "--resolve", f"{name}:{port}:127.0.0.1",
         "-w", "\n%{http_code} %{http_version} %{errormsg}", *arguments, f"https://{name}:{port}{path}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    body, _, last = done.stdout.rpartition("\n")
    status, version, *error = last.split(" ", 2)
    return int(status), version, body, "".join(error)


def openssl(address: str, *arguments: str, send: str = "", wait: float = 0.5) -> str:
    """Talk with ``openssl s_client``; returns everything that it says."""
    process = subprocess.Popen(
        [program("openssl"), "s_client", "-connect", address, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    time.sleep(wait)
    if send:
        process.stdin.write(send)
        process.stdin.flush()
        time.sleep(wait)
    try:
        return process.communicate(timeout=10)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
