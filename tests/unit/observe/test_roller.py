"""Rolling: by time, by size, how many and how old."""

import gzip
import os
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from pymosn.observe.roller import LogRoller


class Rules(NamedTuple):
    hours: int = 0
    megabytes: int = 0
    days: int = 0
    keep: int = 10
    compress: bool = False


class Clock:
    now = time.mktime((2026, 1, 31, 23, 59, 0, 0, 0, -1))

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def write(path: Path, text: str, moment: float) -> None:
    path.write_text(text)
    os.utime(path, (moment, moment))


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_daily(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "app.log"
    roller = LogRoller(Rules(hours=24), clock)
    write(path, "january", clock.now)
    assert roller.roll([str(path)]) == []
    clock.now += 120
    assert roller.roll([str(path), str(path)]) == [str(path)]
    assert (tmp_path / "app.log.2026-01-31").read_text() == "january"
    assert roller.roll([str(path)]) == []


def test_a_file_of_yesterday_is_rolled_at_first_sight(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "app.log"
    write(path, "old", clock.now - 86400)
    write(tmp_path / "app.log.2026-01-30", "older", clock.now)
    LogRoller(Rules(hours=24), clock).roll([str(path)])
    assert names(tmp_path) == ["app.log.2026-01-30", "app.log.2026-01-30.1"]


def test_hourly(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "app.log"
    write(path, "x", clock.now - 7200)
    LogRoller(Rules(hours=1), clock).roll([str(path)])
    assert names(tmp_path) == ["app.log.2026-01-31_21"]


def test_by_size(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "app.log"
    roller = LogRoller(Rules(megabytes=1), clock)
    write(path, "x" * 1000, clock.now)
    assert roller.roll([str(path)]) == []
    write(path, "x" * (1 << 20), clock.now)
    assert roller.roll([str(path)]) == [str(path)]
    assert names(tmp_path) == ["app-2026-01-31T23-59-00.000.log"]


def test_only_so_many_are_kept(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "app.log"
    for day in range(1, 9):
        write(tmp_path / f"app.log.2026-01-0{day}", "x", clock.now - (20 - day) * 86400)
    write(tmp_path / "app.log.backup", "mine", 0)
    write(tmp_path / "other.log.2026-01-01", "mine", 0)
    LogRoller(Rules(hours=24, keep=2), clock).finish(str(path))
    assert names(tmp_path) == [
        "app.log.2026-01-07",
        "app.log.2026-01-08",
        "app.log.backup",
        "other.log.2026-01-01",
    ]


def test_only_so_old(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "app.log"
    write(tmp_path / "app-2026-01-01T00-00-00.000.log", "x", clock.now - 8 * 86400)
    write(tmp_path / "app-2026-01-30T00-00-00.000.log", "x", clock.now - 86400)
    LogRoller(Rules(megabytes=1, days=7), clock).finish(str(path))
    assert names(tmp_path) == ["app-2026-01-30T00-00-00.000.log"]


def test_compression(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "app.log"
    write(path, "now", clock.now)
    write(tmp_path / "app-2026-01-30T00-00-00.000.log", "text", clock.now - 86400)
    LogRoller(Rules(megabytes=1, compress=True), clock).finish(str(path))
    assert names(tmp_path) == ["app-2026-01-30T00-00-00.000.log.gz", "app.log"]
    compressed = (tmp_path / "app-2026-01-30T00-00-00.000.log.gz").read_bytes()
    assert gzip.decompress(compressed) == b"text"


def test_missing_and_empty_files_are_left_alone(tmp_path: Path, clock: Clock) -> None:
    roller = LogRoller(Rules(hours=24), clock)
    empty = tmp_path / "empty.log"
    write(empty, "", clock.now - 86400)
    assert roller.roll([str(tmp_path / "none.log"), str(empty)]) == []
