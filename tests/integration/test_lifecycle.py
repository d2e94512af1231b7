"""A real pymosn is started, reloaded, hurt and stopped; requests go through it all the while."""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.clients import connect, get
from tests.support.configs import cluster, http_config, http_listener, router, tcp_listener
from tests.support.origin import Origin
from tests.support.process import Proxy, command, environment, fetch, run, wait_until

Start = Callable[..., Proxy]


class Load:
    """Requests one after the other, each on its own connection, from several threads."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.done = 0
        self.failures: list[str] = []
        self.running = True

    def work(self) -> None:
        while self.running:
            try:
                reply = fetch(self.address, timeout=10)
                if reply.status != 200:
                    self.failures.append(f"status {reply.status}")
            except OSError as error:
                self.failures.append(repr(error))
            self.done += 1


@contextmanager
def load(address: str, threads: int = 2) -> Iterator[Load]:
    """Send requests while the block runs."""
    work = Load(address)
    workers = [threading.Thread(target=work.work) for _ in range(threads)]
    for thread in workers:
        thread.start()
    try:
        yield work
    finally:
        work.running = False
        for thread in workers:
            thread.join(15)


def test_starts_serves_and_says_so(pymosn: Start, origin: Origin) -> None:
    proxy = pymosn(http_config(origin.address))
    assert proxy.get("/hello").text == "origin"
    assert proxy.pid_file.read_text() == f"{proxy.process.pid}\n"
    assert proxy.log_file.exists()
    logged = proxy.logs()
    assert f"listener web on {proxy.address}" in logged
    assert f"admin API on http://{proxy.admin}/" in logged


def test_start_is_quick(pymosn: Start, origin: Origin) -> None:
    began = time.monotonic()
    proxy = pymosn(http_config(origin.address))
    proxy.get()
    assert time.monotonic() - began < 5  # 0.5 s on an idle machine


def test_several_workers_share_a_port(pymosn: Start, origin: Origin) -> None:
    proxy = pymosn(http_config(origin.address, workers=3))
    for _ in range(60):
        assert proxy.get().status == 200
    workers = proxy.ask_admin("/api/v1/workers").json()
    assert [worker["worker"] for worker in workers] == [0, 1, 2]
    assert {worker["state"] for worker in workers} == {"ready"}
    stats = proxy.ask_admin("/metrics").text
    assert 'downstream_request_total{proxy="global"} 60.0' in stats


def test_reload_serves_the_new_configuration(
    pymosn: Start, make_origin: Callable[..., Origin]
) -> None:
    old, new = make_origin("old"), make_origin("new")
    proxy = pymosn(http_config(old.address))
    address = proxy.address
    with load(address) as requests:
        wait_until(lambda: requests.done > 10)
        config = http_config(new.address)
        config["servers"][0]["listeners"].append(http_listener("second"))
        proxy.write(config)
        done = proxy.reload()
        assert done.returncode == 0, done.stderr
        before = requests.done
        wait_until(lambda: requests.done > before + 10)
    assert requests.failures == []
    assert proxy.address == address
    assert proxy.get().text == "new"
    assert proxy.get(listener="second").text == "new"


def test_a_listener_that_is_gone_stops_accepting(pymosn: Start, origin: Origin) -> None:
    config = http_config(origin.address)
    config["servers"][0]["listeners"].append(http_listener("second"))
    proxy = pymosn(config)
    gone = proxy.addresses["second"]
    proxy.write(http_config(origin.address))
    assert proxy.reload().returncode == 0
    with pytest.raises(ConnectionRefusedError):
        fetch(gone, timeout=2)
    assert proxy.get().status == 200


def test_a_listener_moves_to_another_address(pymosn: Start, origin: Origin) -> None:
    proxy = pymosn(http_config(origin.address))
    before = proxy.address
    proxy.write(http_config(origin.address, address="127.0.0.2:0"))
    assert proxy.reload().returncode == 0
    assert proxy.address.startswith("127.0.0.2:")
    assert proxy.get().status == 200
    with pytest.raises(ConnectionRefusedError):
        fetch(before, timeout=2)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ('{"servers": [', "malformed JSON"),
        ("cluster", "nowhere"),
        ("taken", "is in use by another program"),
    ],
)
def test_a_bad_reload_changes_nothing(
    pymosn: Start, origin: Origin, change: str, reason: str
) -> None:
    proxy = pymosn(http_config(origin.address), "--drain-time-s", "1")
    address = proxy.address
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        config = http_config(origin.address)
        if change == "cluster":
            config["servers"][0]["routers"] = [router("nowhere")]
            proxy.write(config)
        elif change == "taken":
            port = other.getsockname()[1]
            config["servers"][0]["listeners"].append(http_listener("second", f"127.0.0.1:{port}"))
            proxy.write(config)
        else:
            proxy.file.write_text(change)
        pid = str(proxy.pid_file)
        refused = run("reload", "--pid-file", pid)
    assert refused.returncode == 1
    assert reason in refused.stderr
    assert "the old configuration stays" in refused.stderr
    assert "reload refused" in proxy.logs()
    assert proxy.address == address
    assert proxy.get().text == "origin"
    assert proxy.status()["version"] == 1


def test_hangup_reloads_too(pymosn: Start, make_origin: Callable[..., Origin]) -> None:
    old, new = make_origin("old"), make_origin("new")
    proxy = pymosn(http_config(old.address))
    proxy.write(http_config(new.address))
    proxy.process.send_signal(signal.SIGHUP)
    wait_until(lambda: proxy.get().text == "new")


def test_reload_changes_the_number_of_workers(pymosn: Start, origin: Origin) -> None:
    proxy = pymosn(http_config(origin.address, workers=1))
    first = proxy.workers
    proxy.write(http_config(origin.address, workers=3))
    assert proxy.reload().returncode == 0
    assert len(proxy.workers) == 3
    assert first[0] in proxy.workers
    for _ in range(30):
        assert proxy.get().status == 200
    proxy.write(http_config(origin.address, workers=1))
    assert proxy.reload().returncode == 0
    assert proxy.workers == first
    for _ in range(10):
        assert proxy.get().status == 200


def test_a_killed_worker_is_replaced(pymosn: Start, origin: Origin) -> None:
    proxy = pymosn(http_config(origin.address))
    for _ in range(5):
        proxy.get()
    victim = proxy.workers[0]
    os.kill(victim, signal.SIGKILL)
    # The connection waits in the queue of the socket, which the supervisor holds.
    assert proxy.get().status == 200
    wait_until(lambda: proxy.workers and victim not in proxy.workers)
    assert f"(pid {victim}) was killed by SIGKILL" in proxy.logs()
    stats = proxy.ask_admin("/metrics").text
    assert 'downstream_request_total{proxy="global"} 6.0' in stats
    idle = 'downstream_connection_active{proxy="global"} 0.0'
    wait_until(lambda: idle in proxy.ask_admin("/metrics").text)


def test_killing_a_worker_costs_only_its_requests(pymosn: Start, origin: Origin) -> None:
    proxy = pymosn(http_config(origin.address, workers=2))
    with load(proxy.address, threads=4) as requests:
        wait_until(lambda: requests.done > 20)
        os.kill(proxy.workers[0], signal.SIGKILL)
        before = requests.done
        wait_until(lambda: requests.done > before + 50)
    assert len(requests.failures) <= 4, requests.failures  # one a thread, at that very moment
    assert len(proxy.workers) == 2


def test_a_worker_that_dies_again_and_again_is_given_pauses(pymosn: Start, origin: Origin) -> None:
    proxy = pymosn(http_config(origin.address))
    for _ in range(5):
        wait_until(lambda: proxy.ask_admin("/readyz").status == 200)
        victim = proxy.workers[0]
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: victim not in proxy.workers)  # noqa: B023  used at once
    wait_until(lambda: "dies again and again" in proxy.logs())
    assert proxy.get().status == 200


def test_stop_lets_requests_finish(pymosn: Start, origin: Origin) -> None:
    proxy = pymosn(http_config(origin.address))
    address = proxy.address
    replies = []
    slow = threading.Thread(target=lambda: replies.append(fetch(address, "/slow?s=1.5")))
    slow.start()
    wait_until(lambda: origin.requests)
    stopping = subprocess.Popen(
        command("stop", "-c", str(proxy.file)), env=environment(), stdout=subprocess.PIPE
    )
    wait_until(lambda: "stopping" in proxy.logs())
    with pytest.raises(ConnectionRefusedError):
        fetch(address, timeout=2)
    slow.join(10)
    assert [reply.status for reply in replies] == [200]
    assert proxy.process.wait(10) == 0
    assert b"stopped" in stopping.communicate(timeout=10)[0]
    assert stopping.returncode == 0
    assert not proxy.pid_file.exists()
    assert not list(proxy.pid_file.parent.glob("*.sock"))


def test_stop_gives_up_after_the_drain_time(pymosn: Start, origin: Origin) -> None:
    proxy = pymosn(http_config(origin.address), "--drain-time-s", "0.5")
    with connect(proxy.address) as client:
        client.sendall(get("/slow?s=30"))
        wait_until(lambda: origin.requests)
        began = time.monotonic()
        assert proxy.stop() == 0
        assert 0.4 < time.monotonic() - began < 5
    assert "not every connection was finished" in proxy.logs()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_an_immediate_stop_does_not_wait(pymosn: Start, origin: Origin, number: int) -> None:
    proxy = pymosn(http_config(origin.address))
    with connect(proxy.address) as client:
        client.sendall(get("/slow?s=30"))
        wait_until(lambda: origin.requests)
        began = time.monotonic()
        assert proxy.stop(number) == 0
        assert time.monotonic() - began < 3


def test_idle_connections_do_not_delay_a_stop(pymosn: Start, origin: Origin) -> None:
    proxy = pymosn(http_config(origin.address))
    with connect(proxy.address) as client:
        client.sendall(get())
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        assert proxy.stop() == 0
        assert time.monotonic() - began < 3


def test_an_address_that_is_taken(directory: Path, origin: Origin) -> None:
    (directory / "conf").mkdir()
    file = directory / "conf" / "mosn.json"
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        write_config(file, http_config(origin.address, address=f"127.0.0.1:{port}"))
        done = run("start", "-c", str(file))
    assert done.returncode == 1
    assert done.stderr == (
        f"pymosn: listener 'web': 127.0.0.1:{port} is in use by another program\n"
    )
    assert not (directory / "logs" / "mosn.pid").exists()


def test_the_same_configuration_cannot_be_started_twice(pymosn: Start, origin: Origin) -> None:
    proxy = pymosn(http_config(origin.address))
    done = run("start", "-c", str(proxy.file))
    assert done.returncode == 1
    assert "running already" in done.stderr
    assert proxy.get().status == 200


def test_a_bad_configuration_starts_nothing(directory: Path) -> None:
    file = directory / "mosn.json"
    file.write_text('{"servers": [{"listeners": [{"name": 3}]}]}')
    done = run("start", "-c", str(file))
    assert done.returncode == 1
    assert "$.servers[0].listeners[0].name" in done.stderr


def test_orphans_serve_until_they_are_idle(pymosn: Start, origin: Origin) -> None:
    proxy = pymosn(http_config(origin.address))
    worker = proxy.workers[0]
    with connect(proxy.address) as client:
        client.sendall(get())
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
        os.kill(proxy.process.pid, signal.SIGKILL)
        proxy.process.wait(5)
        time.sleep(1.0)
        client.sendall(get())
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
    wait_until(lambda: not is_alive(worker))


def test_orphans_do_not_stay_for_ever(pymosn: Start, origin: Origin) -> None:
    proxy = pymosn(http_config(origin.address), "--orphan-timeout-s", "1")
    worker = proxy.workers[0]
    with connect(proxy.address) as client:
        client.sendall(get())
        client.recv(4096)
        os.kill(proxy.process.pid, signal.SIGKILL)
        proxy.process.wait(5)
        wait_until(lambda: not is_alive(worker))


def test_unix_sockets(pymosn: Start, origin: Origin) -> None:
    proxy = pymosn(http_config(origin.address))
    path = proxy.directory / "web.sock"
    left_over = socket.socket(socket.AF_UNIX)
    left_over.bind(str(path))
    left_over.close()
    config = http_config(origin.address)
    config["servers"][0]["listeners"].append(http_listener("local", f"unix:{path}"))
    proxy.write(config)
    done = proxy.reload()
    assert done.returncode == 0, done.stderr
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(path))
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
    assert proxy.stop() == 0
    assert not path.exists()


def test_tcp_proxying(pymosn: Start, origin: Origin) -> None:
    config = http_config(origin.address)
    config["servers"][0]["listeners"] = [tcp_listener("origin")]
    proxy = pymosn(config)
    assert proxy.get().text == "origin"


def test_logs_are_reopened(pymosn: Start, origin: Origin) -> None:
    config = http_config(origin.address)
    proxy = pymosn(config)
    access = proxy.directory / "logs" / "access.log"
    config["servers"][0]["listeners"][0]["access_logs"] = [
        {"log_path": str(access), "log_format": "%response_code%"}
    ]
    proxy.write(config)
    assert proxy.reload().returncode == 0
    proxy.get()
    wait_until(lambda: access.exists() and access.read_text() == "200\n")
    access.rename(f"{access}.1")
    proxy.log_file.rename(f"{proxy.log_file}.1")
    proxy.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: access.exists() and proxy.log_file.exists())
    proxy.get()
    wait_until(lambda: access.read_text() == "200\n")
    assert Path(f"{access}.1").read_text() == "200\n"


def test_a_name_is_resolved(pymosn: Start, origin: Origin) -> None:
    port = origin.address.rpartition(":")[2]
    proxy = pymosn(http_config(f"localhost:{port}"))
    assert proxy.get().text == "origin"


def test_a_name_that_does_not_resolve_delays_nothing(pymosn: Start, origin: Origin) -> None:
    config = http_config(origin.address)
    config["cluster_manager"]["clusters"].append(cluster("no-such-host.invalid:80", name="other"))
    proxy = pymosn(config)
    assert proxy.get().text == "origin"
    assert "no-such-host.invalid:80 could not be resolved" in proxy.logs()


def test_the_proxy_command(origin: Origin) -> None:
    process = subprocess.Popen(
        command("proxy", "127.0.0.1:0", origin.address),
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stderr is not None
        address = ""
        for line in process.stderr:
            if "listener" in line:
                address = line.split()[-1]
            if "ready" in line:
                break
        assert fetch(address).text == "origin"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        process.stderr.close()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_memory_of_an_idle_server(pymosn: Start, origin: Origin) -> None:
    proxy = pymosn(http_config(origin.address))
    proxy.get()
    processes = [proxy.process.pid, *proxy.workers]
    total = sum(resident_megabytes(pid) for pid in processes)
    assert total < 60


def write_config(file: Path, config: object) -> None:
    import json

    file.write_text(json.dumps(config))


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def resident_megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
