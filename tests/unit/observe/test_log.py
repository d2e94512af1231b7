"""The error log: its lines, levels, rate limit, and that nothing can forge a line."""

import json
import re
from pathlib import Path

import pytest

from pymosn.observe.log import ErrorLog


class Clock:
    now = 1_700_000_000.25

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_the_format(tmp_path: Path, clock: Clock) -> None:
    log = ErrorLog(str(tmp_path / "logs" / "mosn.log"), clock=clock)
    log.info("ready")
    log.alert("worker", "it died")
    written = lines(tmp_path / "logs" / "mosn.log")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,250 \[INFO\] ready", written[0])
    assert written[1].endswith("[ERROR] [alert.worker] it died")


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("TRACE", ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]),
        ("WARN", ["WARN", "ERROR", "FATAL"]),
        ("nonsense", ["INFO", "WARN", "ERROR", "FATAL"]),
        ("OFF", []),
    ],
)
def test_levels(tmp_path: Path, level: str, expected: list[str]) -> None:
    log = ErrorLog(str(tmp_path / "log"), level)
    log.trace("m")
    log.debug("m")
    log.info("m")
    log.warning("m")
    log.error("m")
    log.fatal("m")
    found = [line.split("[")[1].split("]")[0] for line in lines(tmp_path / "log")]
    assert found == expected


def test_a_message_cannot_forge_a_line(tmp_path: Path) -> None:
    log = ErrorLog(str(tmp_path / "log"))
    log.info("evil\n2026-01-01 00:00:00,000 [ERROR] forged\r\x1b[2J\x00 \udcff 中文")
    written = lines(tmp_path / "log")
    assert written[1].startswith("\t2026-01-01")
    assert "\\x0d\\x1b[2J\\x00 \\udcff 中文" in written[1]


def test_json(tmp_path: Path, clock: Clock) -> None:
    log = ErrorLog(str(tmp_path / "log"), as_json=True, clock=clock)
    log.alert("disk", 'a "quoted"\nmessage')
    record = json.loads((tmp_path / "log").read_text())
    assert record["level"] == "ERROR"
    assert record["alert"] == "disk"
    assert record["message"] == 'a "quoted"\nmessage'


def test_the_rate_of_a_key_is_limited(tmp_path: Path, clock: Clock) -> None:
    log = ErrorLog(str(tmp_path / "log"), rate=3, clock=clock)
    for _ in range(10):
        log.error("again", key="k")
        log.error("other", key="j")
        log.error("free")
    written = lines(tmp_path / "log")
    assert len(written) == 3 + 3 + 10
    clock.now += 1.1
    log.sum_up()
    assert "7 more messages of the kind 'k'" in (tmp_path / "log").read_text()
    log.error("again", key="k")
    assert lines(tmp_path / "log")[-1].endswith("again")


def test_a_flood_of_keys_is_bounded(tmp_path: Path, clock: Clock) -> None:
    log = ErrorLog(str(tmp_path / "log"), clock=clock)
    for number in range(3000):
        log.error("x", key=str(number))
    assert len(log._seen) <= 1000


def test_silence_and_reopening(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = ErrorLog(str(path))
    log.info("one")
    path.rename(tmp_path / "log.1")
    log.info("two")
    log.reopen()
    log.enabled = False
    log.info("lost")
    log.enabled = True
    log.info("three")
    log.close()
    log.info("after the end")
    assert [line.split()[-1] for line in lines(tmp_path / "log.1")] == ["one", "two"]
    assert [line.split()[-1] for line in lines(path)] == ["three"]


def test_reopening_that_fails_keeps_the_file(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "log"
    log = ErrorLog(str(path))
    path.rename(tmp_path / "moved")
    path.parent.rmdir()
    (tmp_path / "sub").write_text("in the way")
    log.reopen()
    log.info("still here")
    assert lines(tmp_path / "moved")[-1].endswith("still here")


def test_a_full_disk_is_survived() -> None:
    log = ErrorLog("/dev/full")
    log.info("x")
    assert log.lost == 1
