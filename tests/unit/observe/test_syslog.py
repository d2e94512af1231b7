"""Messages to syslog daemons that the tests play."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymosn.network.reactor import Reactor
from pymosn.observe.accesslog import AccessLog
from pymosn.observe.log import ErrorLog
from pymosn.observe.syslog import MAX_MESSAGE, Syslog, is_syslog, syslog_address
from pymosn.stream.stream import Stream

RFC3164 = re.compile(
    rb"<(\d+)>[A-Z][a-z]{2} [ 123]\d \d\d:\d\d:\d\d (\S+ )?pymosn\[\d+\]: (.*)", re.DOTALL
)


@pytest.fixture
def daemon() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(5)
        yield listening


def path_to(daemon: socket.socket, scheme: str = "syslog") -> str:
    return f"{scheme}://127.0.0.1:{daemon.getsockname()[1]}"


def read(message: bytes) -> tuple[int, bytes]:
    """Return priority and text."""
    match = RFC3164.fullmatch(message)
    assert match is not None, message
    return int(match[1]), match[3]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("syslog", ("unix", "/dev/log", 0)),
        ("syslog://a:1", ("udp", "a", 1)),
        ("syslog://10.0.0.1", ("udp", "10.0.0.1", 514)),
        ("syslog+udp://[::1]:99", ("udp", "::1", 99)),
        ("syslog+udp://[::1]", ("udp", "::1", 514)),
        ("syslog+tcp://log.example:6514", ("tcp", "log.example", 6514)),
    ],
)
def test_paths(path: str, expected: tuple[str, str, int]) -> None:
    assert is_syslog(path)
    assert syslog_address(path) == expected


@pytest.mark.parametrize(
    "path", ["syslog:", "syslog://", "syslog://a:x", "syslog://a:70000", "syslog+tls://a:1"]
)
def test_malformed_paths(path: str) -> None:
    assert is_syslog(path)
    with pytest.raises(ValueError, match=r"expected syslog|is not a port"):
        syslog_address(path)


def test_files_are_none() -> None:
    assert not is_syslog("/var/log/syslog")
    assert not is_syslog("syslogs/mosn.log")


def test_the_error_log_by_datagrams(daemon: socket.socket) -> None:
    log = ErrorLog(path_to(daemon), "INFO")
    assert not log.is_file
    log.error("it broke\nin two")
    log.info("all is well")
    log.debug("too fine")
    assert read(daemon.recv(9000)) == (22 * 8 + 3, b"[ERROR] it broke\n\tin two")
    assert read(daemon.recv(9000)) == (22 * 8 + 6, b"[INFO] all is well")
    log.reopen()
    log.close()
    log.info("nobody hears this")
    daemon.setblocking(False)
    with pytest.raises(BlockingIOError):
        daemon.recv(9000)


def test_a_long_message_is_cut(daemon: socket.socket) -> None:
    assert Syslog(path_to(daemon)).send(6, b"x" * 100_000)
    assert len(daemon.recv(100_000)) == MAX_MESSAGE


def test_each_line_of_an_access_log_is_a_message(daemon: socket.socket) -> None:
    log = AccessLog(Reactor(), path_to(daemon), "%response_code% done")
    for status in (200, 404):
        stream = Stream()
        stream.status = status
        log.log(stream)
    log.flush()
    assert [read(daemon.recv(9000)) for _ in range(2)] == [
        (22 * 8 + 6, b"200 done"), (22 * 8 + 6, b"404 done"),
    ]  # fmt: skip
    log.reopen()
    log.close()
    assert log.dropped == 0


def test_a_connection_is_made_anew_once_a_second() -> None:
    now = [1000.0]
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        log = Syslog(path_to(server, "syslog+tcp"), lambda: now[0])
        log.send(6, b"the connection is being made")
        first, _ = server.accept()
        first.settimeout(5)
        assert log.send(6, b"one\ntwo")
        with first, first.makefile("rb") as lines:
            while not (line := lines.readline()).endswith(b"one two\n"):
                assert line
    now[0] += 0.5
    # The first message after the end may still fit into the socket; the next ones are lost.
    assert not all(log.send(6, b"lost") for _ in range(3))
    with socket.create_server(("127.0.0.1", server_port(log)), reuse_port=False) as server:
        server.settimeout(5)
        assert not log.send(6, b"too early")
        now[0] += 1.0
        log.send(6, b"the connection is being made")
        second, _ = server.accept()
        with second:
            second.settimeout(5)
            assert log.send(6, b"again")
            received = b""
            while b"again" not in received:
                received += second.recv(9000)
    log.close()


def server_port(log: Syslog) -> int:
    return int(log._address[1])  # type: ignore[index]


def test_nobody_waits_for_a_daemon_that_is_not_there(tmp_path: Path) -> None:
    """The port is free: the kernel says so after the first datagram."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        path = path_to(probe)
    log = ErrorLog(path, "INFO")
    for _ in range(5):
        log.info("anybody?")
    assert log.lost > 0
    log.close()


def test_an_unknown_host_is_an_error() -> None:
    with pytest.raises(OSError):  # noqa: PT011  the resolver's words differ
        ErrorLog("syslog://no-such-host.invalid:514")
