"""A real pymosn process for tests: started from a configuration, asked, reloaded, killed."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pymosn.lifecycle.control import ask

SOURCE = Path(__file__).parents[2] / "src"
START_TIMEOUT = 15.0


def command(*arguments: str, module: str = "pymosn") -> list[str]:
    """Return the command line of ``pymosn``, or of a module that is it with a difference."""
    return [sys.executable, "-m", module, *arguments]


def environment() -> dict[str, str]:
    """Return an environment in which subprocesses find this source tree."""
    path = os.pathsep.join(filter(None, (str(SOURCE), os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PYTHONPATH": path}


def run(*arguments: str, timeout: float = 60) -> "subprocess.CompletedProcess[str]":
    """Run ``pymosn`` to its end."""
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        env=environment(),
        timeout=timeout,
        check=False,
    )


class Proxy:
    """One pymosn started with ``pymosn start`` in a directory of its own."""

    def __init__(
        self,
        directory: Path,
        config: Mapping[str, Any],
        *arguments: str,
        module: str = "pymosn",
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Start it and wait until it is ready; ports 0 are picked by the kernel.

        What the configuration does not say is added: the admin API on a free port and a log file
        in the directory.  Raises ``AssertionError`` with the output when it does not start.
        """
        self.directory = directory
        self.file = directory / "conf" / "mosn.json"
        self.file.parent.mkdir()
        self.pid_file = directory / "logs" / "mosn.pid"
        self.output = directory / "output.txt"
        self.write(config)
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command("start", "-c", str(self.file), *arguments, module=module),
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**environment(), **(variables or {})},
                start_new_session=True,
            )
        wait_until(self._is_ready, START_TIMEOUT, self.logs)

    def write(self, config: Mapping[str, Any]) -> None:
        """Replace the configuration file; takes effect with a reload."""
        document = json.loads(json.dumps(config))
        if "servers" in document:
            document["servers"][0].setdefault("default_log_path", str(self.log_file))
            loopback = {"address": "127.0.0.1", "port_value": 0}
            document.setdefault("admin", {"address": {"socket_address": loopback}})
        self.file.write_text(json.dumps(document, indent=1), encoding="utf-8")

    @property
    def log_file(self) -> Path:
        """Where the error log is, unless the configuration says otherwise."""
        return self.directory / "logs" / "mosn.log"

    @property
    def addresses(self) -> dict[str, str]:
        """The bound address of each listener, by name."""
        return {item["name"]: item["address"] for item in self.status()["listeners"]}

    @property
    def address(self) -> str:
        """The bound address of the first listener."""
        return next(iter(self.addresses.values()))

    @property
    def admin(self) -> str:
        """The admin API's address."""
        return str(self.status()["admin"])

    @property
    def workers(self) -> list[int]:
        """The process ids of the workers."""
        return list(self.status()["workers"])

    def status(self) -> dict[str, Any]:
        """Return what ``pymosn status`` says."""
        return ask(str(self.pid_file), "status", timeout=10)

    def logs(self) -> str:
        """Return everything it printed and logged."""
        texts = [
            path.read_text(encoding="utf-8", errors="replace")
            for path in (self.output, self.log_file)
            if path.exists()
        ]
        return "".join(texts)

    def get(
        self,
        path: str = "/",
        *,
        listener: str = "",
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> "Reply":
        """Send one request on a new connection to a listener (the first if none is named)."""
        address = self.addresses[listener] if listener else self.address
        return fetch(address, path, method=method, headers=headers, body=body)

    def ask_admin(self, path: str, method: str = "GET", body: bytes | None = None) -> "Reply":
        """Send one request to the admin API."""
        return fetch(self.admin, path, method=method, body=body)

    def run(self, name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run another ``pymosn`` command with this configuration file."""
        return run(name, "-c", str(self.file), *arguments)

    def reload(self) -> "subprocess.CompletedProcess[str]":
        """Run ``pymosn reload``."""
        return self.run("reload")

    def stop(self, number: int = signal.SIGTERM, timeout: float = 15) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout)

    def kill(self) -> None:
        """End every process of it, whatever state it is in."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, f"pymosn ended:\n{self.logs()}"
        try:
            return bool(self.status()["state"] == 6)
        except (OSError, ValueError):
            return False


class Reply:
    """An answer with its body."""

    def __init__(self, status: int, headers: http.client.HTTPMessage, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


def fetch(
    address: str,
    path: str = "/",
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    timeout: float = 15,
) -> Reply:
    """Send one HTTP request on a connection of its own."""
    connection = http.client.HTTPConnection(address, timeout=timeout)
    try:
        connection.request(method, path, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())
    finally:
        connection.close()


def wait_until(
    condition: Callable[[], object], timeout: float = 10, explain: Callable[[], str] = str
) -> None:
    """Poll until ``condition`` holds; fails with the explanation after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout:g} s\n{explain()}"
        time.sleep(0.02)
