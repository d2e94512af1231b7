"""Durations and sizes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymosn.config.values import Bytes, Duration, Nanoseconds, Size

NANOSECONDS = st.integers(min_value=-(1 << 63) + 1, max_value=(1 << 63) - 1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("300ms", 0.3),
        ("1h", 3600),
        ("1h30m", 5400),
        ("1m0s", 60),
        ("1.5s", 1.5),
        (".5s", 0.5),
        ("1.s", 1),
        ("-1s", -1),
        ("+2s", 2),
        ("250us", 0.00025),
        ("250µs", 0.00025),
        ("250μs", 0.00025),
        ("1ns", 1e-9),
        ("0000000000000000000000001s", 1),
        (0, 0),
        (0.0, 0),
    ],
)
def test_duration_is_read(text: object, seconds: float) -> None:
    assert Duration.from_config(text).seconds == pytest.approx(seconds)


@pytest.mark.parametrize(
    "value", ["", "5", "1.5", "s", "1x", "1 s", "1s ", "--1s", "1h-2m", ".s", 5, 1.5, True, [], {}]
)
def test_duration_is_refused(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the words are in the golden files
        Duration.from_config(value)


@pytest.mark.parametrize("text", ["2562047h47m17s", "99999999999999999999999999999h"])
def test_duration_too_long_for_go(text: str) -> None:
    with pytest.raises(ValueError, match="too long"):
        Duration.from_config(text)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1.5µs"),
        (300_000_000, "300ms"),
        (1_500_000, "1.5ms"),
        (1_000_000_000, "1s"),
        (60_000_000_000, "1m0s"),
        (3_600_000_000_000, "1h0m0s"),
        (5_430_100_000_000, "1h30m30.1s"),
        (-1_000_000_000, "-1s"),
    ],
)
def test_duration_is_written_as_go_writes_it(nanoseconds: int, text: str) -> None:
    assert Duration(nanoseconds).to_config() == text


@given(NANOSECONDS)
def test_duration_round_trip(nanoseconds: int) -> None:
    duration = Duration(nanoseconds)
    assert Duration.from_config(str(duration)) == duration


@given(st.text())
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    try:
        duration = Duration.from_config(text)
    except ValueError:
        return
    assert Duration.from_config(str(duration)) == duration


def test_nanoseconds_are_numbers_in_the_file() -> None:
    assert Nanoseconds.from_config(1_000_000_000).seconds == 1
    assert Nanoseconds.from_config("1s").to_config() == 1_000_000_000
    with pytest.raises(ValueError, match="too long"):
        Nanoseconds.from_config(1 << 64)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64KB", 65536),
        ("1MB", 1 << 20),
        ("1 mb", 1 << 20),
        ("1m", 1 << 20),
        ("3GiB", 3 << 30),
        ("12", 12),
        ("12B", 12),
        (7, 7),
    ],
)
def test_size_is_read(text: object, size: int) -> None:
    assert Size.from_config(text) == size


@pytest.mark.parametrize("value", ["", "x", "1XB", "-1", -1, 1.5, True, None, "99999999999EB"])
def test_size_is_refused(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # most have no words of their own
        Size.from_config(value)


@given(st.integers(min_value=0, max_value=(1 << 63) - 1))
def test_size_round_trip(size: int) -> None:
    assert Size.from_config(Size(size).to_config()) == size


def test_bytes_are_numbers_in_the_file() -> None:
    assert Bytes.from_config("8KB").to_config() == 8192
    assert repr(Size(8192)) == "Size('8KB')"
    assert repr(Duration(0)) == "Duration('0s')"
