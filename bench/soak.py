"""Hours of mixed and hostile traffic at a low rate: is memory flat?  `python -m bench.soak`.

One pymosn with a plain, a TLS and a TCP listener in front of one nginx.  Well-behaved clients
(h2load, HTTP/1.1 and HTTP/2, small and 1 MB replies, long-lived and new
connections) run all the time; hostile ones send a byte at a time, never read, reset in the middle
of a body, or send garbage.  Each minute one line goes to the report: requests so far, memory and
descriptors.  The first quarter of the time counts as warm-up: after it, growth is the slope of a
line through the worker's memory.  The program exits with 1 when that is more than a megabyte an
hour, when a well-behaved client got anything but its reply, or when a process had to be replaced.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from bench.credentials import make_credentials
from bench.h2load import h2load_version
from bench.origin import Origin, start_origin
from bench.processes import BenchError, Child, Command, Fleet
from bench.scenarios import LARGE_PATH, SCENARIOS
from bench.usage import memory
from bench.waiting import free_ports, wait_for

SAMPLE_SECONDS = 60
BURST_SECONDS = 20
ALLOWED_MB_AN_HOUR = 1.0


@dataclass(frozen=True)
class Ports:
    plain: int
    tls: int
    tcp: int
    front: int
    back: int


@dataclass
class Counts:
    """What the clients saw; the lock guards both."""

    requests: int = 0
    hostile: int = 0
    errors: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, requests: int = 0, hostile: int = 0, error: str = "") -> None:
        with self.lock:
            self.requests += requests
            self.hostile += hostile
            if error:
                self.errors.append(error)


def main() -> int:
    parser = argparse.ArgumentParser(description="Mixed and hostile traffic, watching memory.")
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--rate", type=int, default=400, help="requests a second, roughly")
    parser.add_argument("--out", type=Path, default=Path("bench/out/soak"))
    options = parser.parse_args()
    out: Path = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    try:
        h2load_version()
        return soak(out, options.hours * 3600, options.rate)
    except BenchError as error:
        print(f"bench.soak: {error}", file=sys.stderr)
        return 2


def soak(out: Path, seconds: float, rate: int) -> int:
    """Run all clients for so long; 0 when nothing was wrong."""
    ports = Ports(*free_ports(5))
    credentials = make_credentials(out / "tls")
    config = out / "mosn.json"
    config.write_text(json.dumps(_config(ports, out), indent=1))
    with Fleet() as fleet:
        origin = Origin(SCENARIOS["h1"], ports.front, ports.back)
        start_origin(fleet, out / "origin", origin, 0)
        argv = (sys.executable, "-m", "pymosn", "start", "-c", str(config))
        child = fleet.start(Command(argv), 1, out / "pymosn.log")
        wait_for(child, lambda: _ask_once(ports.plain), time.monotonic() + 10)
        counts = Counts()
        over = threading.Event()
        context = ssl.create_default_context(cafile=str(credentials.certificate))
        context.check_hostname = False
        clients = [
            threading.Thread(target=_repeat, args=(over, counts, work), daemon=True)
            for work in (*_honest(ports, rate, over), *_hostile(ports, context))
        ]
        for client in clients:
            client.start()
        samples = _watch(child, counts, seconds, out / "samples.tsv")
        over.set()
        for client in clients:
            client.join(BURST_SECONDS * 2)
    return _judge(samples, counts)


def _watch(child: Child, counts: Counts, seconds: float, report: Path) -> list[tuple[float, float]]:
    """Sample until the time is up: hours since the start, and the worker's megabytes."""
    began = time.monotonic()
    first = child.tree()
    samples: list[tuple[float, float]] = []
    with report.open("w") as lines:
        while (passed := time.monotonic() - began) < seconds:
            child.check_alive()
            tree = child.tree()
            if tree != first:
                counts.add(error=f"a process was replaced: {first} became {tree}")
                first = tree
            sizes = [memory([pid]).rss / 1e6 for pid in tree]
            open_files = sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in tree)
            samples.append((passed / 3600, max(sizes)))
            row = [f"{passed / 60:.0f} min", f"{counts.requests} requests"]
            row += [f"{counts.hostile} hostile", *(f"{size:.2f} MB" for size in sizes)]
            row += [f"{open_files} descriptors", f"{len(counts.errors)} errors"]
            print("\t".join(row), file=lines, flush=True)
            time.sleep(min(SAMPLE_SECONDS, max(0.0, seconds - passed)))
    return samples


def _judge(samples: list[tuple[float, float]], counts: Counts) -> int:
    kept = samples[len(samples) // 4 :]
    if len(kept) < 3:
        raise BenchError("too short to tell: at least five minutes")
    slope, start = statistics.linear_regression(*zip(*kept, strict=True))
    print(f"{counts.requests} requests and {counts.hostile} hostile connections")
    print(f"worker: {start:.2f} MB and {slope:+.3f} MB an hour over the last {len(kept)} minutes")
    for error in counts.errors[:20]:
        print(f"error: {error}")
    return 1 if counts.errors or slope > ALLOWED_MB_AN_HOUR else 0


def _repeat(over: threading.Event, counts: Counts, work: Callable[[Counts], None]) -> None:
    while not over.is_set():
        work(counts)


# -- clients that behave ---------------------------------------------------------------------


def _honest(ports: Ports, rate: int, over: threading.Event) -> list[Callable[[Counts], None]]:
    share = max(1, rate // 40)
    plain, tls = f"http://127.0.0.1:{ports.plain}", f"https://127.0.0.1:{ports.tls}"
    tcp = f"http://127.0.0.1:{ports.tcp}"
    loads = [
        ["--h1", f"--rps={share}", "-c10", f"{plain}/"],
        [f"--rps={share}", "-c5", "-m4", f"{plain}/"],
        [f"--rps={share}", "-c5", "-m4", f"{tls}/"],
        ["--h1", f"--rps={share}", "-c5", f"{tls}/"],
        ["--h1", f"--rps={share}", "-c5", f"{tcp}/"],
        ["--h1", "--rps=1", "-c2", f"{plain}{LARGE_PATH}"],
        ["--rps=1", "-c2", f"{tls}{LARGE_PATH}"],
    ]
    return [partial(_load, argv, over) for argv in loads]


def _load(argv: list[str], over: threading.Event, counts: Counts) -> None:
    """One burst on new connections.  Clients that stop in the middle of a reply are no error."""
    command = ["h2load", "-t1", f"-D{BURST_SECONDS}", *argv]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    words = {
        parts[1]: int(parts[0])
        for line in done.stdout.splitlines()
        if line.startswith(("requests:", "status codes:"))
        for parts in (item.split() for item in line.partition(":")[2].split(","))
        if len(parts) == 2
    }
    wrong = {name: words.get(name, 0) for name in ("failed", "errored", "timeout", "4xx", "5xx")}
    counts.add(requests=words.get("succeeded", 0))
    if not over.is_set() and (done.returncode != 0 or any(wrong.values()) or not words):
        counts.add(error=f"{' '.join(argv)}: {wrong} {done.stderr.strip()[-100:]}")


def _ask_once(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 5) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: soak\r\nConnection: close\r\n\r\n")
        if not client.recv(65536).startswith(b"HTTP/1.1 200"):
            raise BenchError("no 200")


# -- clients that do not ---------------------------------------------------------------------


def _hostile(ports: Ports, context: ssl.SSLContext) -> list[Callable[[Counts], None]]:
    def plain() -> socket.socket:
        return socket.create_connection(("127.0.0.1", ports.plain), 10)

    def tls() -> socket.socket:
        return socket.create_connection(("127.0.0.1", ports.tls), 10)

    def shaken() -> socket.socket:
        return context.wrap_socket(tls())

    tricks = (_drips, _never_reads, _resets, _garbage, _half_heads)
    ways = (plain, tls, shaken)
    return [partial(_attack, connect, trick) for connect in ways for trick in tricks]


def _attack(
    connect: Callable[[], socket.socket], trick: Callable[[socket.socket], None], counts: Counts
) -> None:
    # Whatever happens to such a client is its own affair.
    with contextlib.suppress(OSError):
        client = connect()
        with client:
            trick(client)
    counts.add(hostile=1)
    time.sleep(random.uniform(0.1, 0.5))


def _drips(client: socket.socket) -> None:
    for byte in b"GET / HTTP/1.1\r\nHost: slow\r\n":
        client.sendall(bytes([byte]))
        time.sleep(1)


def _never_reads(client: socket.socket) -> None:
    request = b"GET " + LARGE_PATH.encode() + b" HTTP/1.1\r\nHost: deaf\r\n\r\n"
    client.sendall(request * 20)
    time.sleep(10)


def _resets(client: socket.socket) -> None:
    client.sendall(b"POST / HTTP/1.1\r\nHost: gone\r\nContent-Length: 1000000\r\n\r\nbegun")
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _garbage(client: socket.socket) -> None:
    client.sendall(random.randbytes(random.randrange(1, 20_000)))
    client.recv(65536)


def _half_heads(client: socket.socket) -> None:
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    frames = random.choice(
        (b"\0\0\0\4\0\0\0\0\0" * 500, b"\0\0\x08\6\0\0\0\0\0" + b"p" * 8, b"\xff" * 9, b"")
    )
    client.sendall(preface + frames)
    client.recv(65536)


def _config(ports: Ports, out: Path) -> dict[str, Any]:
    proxy = {
        "type": "proxy",
        "config": {
            "downstream_protocol": "Http1,Http2",
            "upstream_protocol": "Http1",
            "router_config_name": "soak",
        },
    }
    tcp = {"type": "tcp_proxy", "config": {"cluster": "origin"}}
    tls = {
        "status": True,
        "cert_chain": str(out / "tls" / "certificate.pem"),
        "private_key": str(out / "tls" / "key.pem"),
        "alpn": "h2,http/1.1",
    }

    def listener(name: str, port: int, chain: dict[str, Any]) -> dict[str, Any]:
        return {
            "name": name,
            "address": f"127.0.0.1:{port}",
            "bind_port": True,
            "access_logs": [{"log_path": str(out / f"{name}.log")}],
            "filter_chains": [chain],
        }

    rule = {
        "match": {"prefix": "/"},
        "route": {
            "cluster_name": "origin",
            "timeout": "15s",
            "retry_policy": {"retry_on": True, "num_retries": 1},
        },
    }
    hosts = [{"name": "all", "domains": ["*"], "routers": [rule]}]
    return {
        "servers": [
            {
                "default_log_path": str(out / "error.log"),
                "default_log_level": "ERROR",
                "processor": 1,
                "listeners": [
                    listener("plain", ports.plain, {"filters": [proxy]}),
                    listener("tls", ports.tls, {"filters": [proxy], "tls_context": tls}),
                    listener("tcp", ports.tcp, {"filters": [tcp]}),
                ],
                "routers": [{"router_config_name": "soak", "virtual_hosts": hosts}],
            }
        ],
        "cluster_manager": {
            "clusters": [
                {
                    "name": "origin",
                    "type": "SIMPLE",
                    "lb_type": "LB_RANDOM",
                    "hosts": [{"address": f"127.0.0.1:{ports.back}"}],
                }
            ]
        },
        "pid": str(out / "pymosn.pid"),
    }


if __name__ == "__main__":
    sys.exit(main())
