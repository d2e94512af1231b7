"""The value types of MOSN's configuration that JSON has no word for: durations and sizes.

Each is an ``int`` with a text form.  ``from_config`` reads the form of the file and raises
``ValueError``; ``expected`` is the phrase that an error message puts after "expected".
"""

import re
from typing import ClassVar, Final, Protocol, Self

_UNITS: Final = (
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ns", 1),
)
_NUMBER: Final = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_UNIT: Final = r"(?:h|ms|m|s|us|µs|μs|ns)"
_DURATION: Final = re.compile(f"([-+]?)((?:{_NUMBER}{_UNIT})+)")
_PART: Final = re.compile(f"({_NUMBER})({_UNIT})")
_LONGEST: Final = (1 << 63) - 1

_SIZE: Final = re.compile(r"([0-9]+)\s*([kmgtpe]?)(i?b)?", re.IGNORECASE | re.ASCII)
_SIZE_STEPS: Final = " KMGTPE"


class ConfigValue(Protocol):
    """What the decoder asks of a value type."""

    expected: ClassVar[str]

    @classmethod
    def from_config(cls, value: object) -> Self:
        """Return the value, or raise ``ValueError`` with the reason (may be empty)."""
        ...

    def to_config(self) -> str | int:
        """Return the canonical form."""
        ...


class Duration(int):
    """A time span in nanoseconds, written as Go writes it: ``300ms``, ``1m30s``, ``0``."""

    expected: ClassVar[str] = 'a duration such as "300ms", "30s" or "1h30m"'

    @property
    def seconds(self) -> float:
        """The same span in seconds."""
        return self / 1_000_000_000

    @classmethod
    def of(cls, seconds: float) -> Self:
        """Return the duration of so many seconds."""
        return cls(round(seconds * 1_000_000_000))

    @classmethod
    def from_config(cls, value: object) -> Self:
        if isinstance(value, int | float) and not isinstance(value, bool):
            if value == 0:
                return cls(0)
            raise ValueError("a duration needs a unit")
        if not isinstance(value, str):
            raise ValueError
        if value in ("0", "+0", "-0"):
            return cls(0)
        match = _DURATION.fullmatch(value)
        if match is None:
            bare = re.fullmatch(f"[-+]?{_NUMBER}", value) is not None
            raise ValueError("a duration needs a unit" if bare else "")
        sizes = dict(_UNITS)
        total = 0
        for number, unit in _PART.findall(match[2]):
            whole, _, fraction = number.partition(".")
            size = sizes[unit]
            total += int(whole.lstrip("0")[:20] or "0") * size
            total += int(fraction[:20] or "0") * size // 10 ** len(fraction[:20])
        if total > _LONGEST:
            raise ValueError("the duration is too long")
        return cls(-total if match[1] == "-" else total)

    def to_config(self) -> str:
        return str(self)

    def __str__(self) -> str:
        """Return Go's text form (``1m0s``, ``1.5s``, ``250µs``, ``0s``)."""
        sign = "-" if self < 0 else ""
        left = abs(int(self))
        if left == 0:
            return "0s"
        for unit, size in _UNITS[3:]:
            if size <= left < 1_000_000_000 and unit != "us":
                return f"{sign}{_decimal(left, size)}{unit}"
        hours, left = divmod(left, 3_600_000_000_000)
        minutes, left = divmod(left, 60_000_000_000)
        text = f"{_decimal(left, 1_000_000_000)}s"
        if hours or minutes:
            text = f"{minutes}m{text}"
        if hours:
            text = f"{hours}h{text}"
        return sign + text

    def __repr__(self) -> str:
        return f"Duration({str(self)!r})"


class Nanoseconds(Duration):
    """A duration that MOSN writes as a whole number of nanoseconds; text is understood too."""

    expected: ClassVar[str] = 'nanoseconds, or a duration such as "30s"'

    @classmethod
    def from_config(cls, value: object) -> Self:
        if isinstance(value, int) and not isinstance(value, bool):
            if abs(value) > _LONGEST:
                raise ValueError("the duration is too long")
            return cls(value)
        return super().from_config(value)

    def to_config(self) -> str | int:  # type: ignore[override]  # MOSN reads only the number here
        return int(self)


class Size(int):
    """A number of bytes, written ``64KB``, ``1MB`` (powers of 1024) or as a bare number."""

    expected: ClassVar[str] = 'a size such as "64KB" or "1MB"'

    @classmethod
    def from_config(cls, value: object) -> Self:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LONGEST:
            return cls(value)
        if not isinstance(value, str):
            raise ValueError
        match = _SIZE.fullmatch(value.strip())
        if match is None:
            raise ValueError
        exponent = _SIZE_STEPS.index(match[2].upper()) if match[2] else 0
        size = int(match[1][:20]) << (10 * exponent)
        if size > _LONGEST:
            raise ValueError("the size is too large")
        return cls(size)

    def to_config(self) -> str:
        return str(self)

    def __str__(self) -> str:
        exponent = 0
        left = int(self)
        while left and left % 1024 == 0 and exponent < len(_SIZE_STEPS) - 1:
            left //= 1024
            exponent += 1
        return f"{left}{_SIZE_STEPS[exponent].strip()}B"

    def __repr__(self) -> str:
        return f"Size({str(self)!r})"


class Bytes(Size):
    """A size that MOSN writes as a bare number; text is understood too."""

    def to_config(self) -> str | int:  # type: ignore[override]  # MOSN reads only the number here
        return int(self)


def _decimal(amount: int, size: int) -> str:
    """Return ``amount / size`` exactly; ``size`` is a power of ten."""
    whole, rest = divmod(amount, size)
    if not rest:
        return str(whole)
    digits = str(rest).rjust(len(str(size)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}"
