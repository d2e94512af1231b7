import errno
import json
import os
import resource
import signal
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymosn.message import RequestHead
from pymosn.network import address
from pymosn.network.reactor import Reactor
from pymosn.observe.accesslog import BUFFER_BYTES, DEFAULT_FORMAT, AccessLog, json_string
from pymosn.stream.stream import ConnectionInfo, Stream


def stream(path=b"/", status=200):
    peer = address.pack("10.1.2.3:4567")[1]
    request = RequestHead(b"", 0, 0)
    request.target = path
    result = Stream(ConnectionInfo(7, peer, peer, "Http1", None), request)
    result.path = path
    result.status = status
    return result


def test_lines_are_buffered_until_flushed(tmp_path):
    file = tmp_path / "new" / "access.log"
    log = AccessLog(Reactor(), str(file), "%response_code% %request_path%")
    log.log(stream())
    log.log(stream(b"/b", 404))
    assert file.read_bytes() == b""
    log.flush()
    log.flush()
    assert file.read_bytes() == b"200 /\n404 /b\n"
    log.close()


@pytest.mark.parametrize("interval", [0.0, 0.05, 0.2])
def test_lines_are_written_within_the_flush_interval(tmp_path, interval):
    file = tmp_path / "access.log"
    reactor = Reactor()
    log = AccessLog(reactor, str(file), "%request_path%", flush_interval=interval)
    for round_ in range(2):
        begun = time.monotonic()
        log.log(stream(b"/%d" % round_))
        while file.read_bytes().count(b"\n") == round_:
            reactor.run_once(1.0)
        waited = time.monotonic() - begun
        assert interval <= waited < interval + 0.5
    assert reactor.armed_timers == 0
    log.log(stream())
    log.close()
    assert reactor.armed_timers == 0
    reactor.close()


def test_a_full_buffer_is_written(tmp_path):
    file = tmp_path / "access.log"
    log = AccessLog(Reactor(), str(file), "%request_path%")
    line = stream(b"/" + b"x" * 999)
    for _ in range(BUFFER_BYTES // 1001 + 1):
        log.log(line)
    written = file.read_bytes()
    assert len(written) >= BUFFER_BYTES
    assert written.endswith(b"x\n")
    log.close()


def test_the_default_format(tmp_path):
    file = tmp_path / "access.log"
    log = AccessLog(Reactor(), str(file))
    log.log(stream())
    log.close()
    date, _, rest = file.read_text().partition(" ")
    clock, _, rest = rest.partition(" ")
    assert (len(date), len(clock)) == (10, 12)
    assert rest == "-  7 - 0s 0s 0 0 Http1 200 0s false 200 - 10.1.2.3:4567 10.1.2.3:4567 -\n"
    assert DEFAULT_FORMAT.count("%") == 2 * 17


def test_json_lines(tmp_path):
    file = tmp_path / "access.log"
    fields = {
        "status": "%response_code%",
        "path": "%request_path%",
        'odd "key"': "%protocol%-%trace_id%",
        "none": "%upstream_host%",
    }
    log = AccessLog(Reactor(), str(file), "ignored %%", fields, 2.5)
    log.log(stream(b'/"\\\n\xff\xc3\xa9'))
    log.close()
    assert json.loads(file.read_bytes()) == {
        "status": 200,
        "path": '/"\\\n\\xffé',
        'odd "key"': "Http1--",
        "none": None,
    }
    assert log.flush_interval == 2.5


@given(st.binary())
def test_json_strings_are_json(value):
    assert json.loads(json_string(value)) == value.decode(errors="backslashreplace")


def test_rotation(tmp_path):
    file = tmp_path / "access.log"
    log = AccessLog(Reactor(), str(file), "%request_path%")
    log.log(stream(b"/1"))
    file.rename(tmp_path / "old.log")
    log.reopen()
    log.log(stream(b"/2"))
    log.close()
    assert (tmp_path / "old.log").read_bytes() == b"/1\n"
    assert file.read_bytes() == b"/2\n"


def test_a_failing_reopen_keeps_the_file(tmp_path):
    folder = tmp_path / "logs"
    log = AccessLog(Reactor(), str(folder / "access.log"), "%request_path%")
    folder.rename(tmp_path / "moved")
    folder.write_bytes(b"in the way")
    log.reopen()
    assert log.error
    log.log(stream())
    log.close()
    assert (tmp_path / "moved" / "access.log").read_bytes() == b"/\n"
    assert log.dropped == 0


def test_several_logs_share_a_file(tmp_path):
    file = tmp_path / "access.log"
    logs = [AccessLog(Reactor(), str(file), f"{n} %request_path%") for n in range(3)]
    for _ in range(2):
        for log in logs:
            log.log(stream(b"/" + b"x" * 100))
            log.flush()
    for log in logs:
        log.close()
    lines = file.read_bytes().splitlines()
    assert sorted(line[:3] for line in lines) == [b"0 /"] * 2 + [b"1 /"] * 2 + [b"2 /"] * 2


def test_stdout_is_not_closed(capfd):
    log = AccessLog(Reactor(), "stdout", "%request_path%")
    log.log(stream())
    log.close()
    os.write(1, b"still open\n")
    assert capfd.readouterr().out == "/\nstill open\n"


def test_a_failing_disk_drops_lines_and_counts_them():
    log = AccessLog(Reactor(), "/dev/full", "%request_path%")
    for _ in range(3):
        log.log(stream())
    log.flush()
    assert log.dropped == 3
    assert log.error == os.strerror(errno.ENOSPC)
    log.close()
    log.log(stream())
    log.flush()
    assert log.dropped == 4


def test_a_write_cut_short_drops_lines_and_does_not_tear_the_next(tmp_path):
    file = tmp_path / "access.log"
    log = AccessLog(Reactor(), str(file), "%request_path%")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8, limit[1]))
        for _ in range(3):
            log.log(stream(b"/abcd"))
        log.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, before)
    assert log.dropped == 2
    log.log(stream(b"/next"))
    log.close()
    assert file.read_bytes() == b"/abcd\n/a\n/next\n"


def test_a_bad_file_or_format_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        AccessLog(Reactor(), str(tmp_path / "file" / "access.log"))
    with pytest.raises(ValueError, match="character 1"):
        AccessLog(Reactor(), str(tmp_path / "x.log"), "%%")
    with pytest.raises(ValueError, match="character 1"):
        AccessLog(Reactor(), str(tmp_path / "x.log"), json={"a": "%a"})
