"""Types of slots.pyx, for readers and mypy.  Compiled callers see slots.pxd."""

from typing import Final

BUCKETS: Final[tuple[int, ...]]
"""Upper bounds of the histogram buckets, in nanoseconds; one more bucket holds the rest."""

HISTOGRAM_SLOTS: Final[int]

class Slots:
    values: memoryview
    def __init__(self, view: memoryview) -> None:
        """``view`` is any writable buffer whose size is a multiple of eight bytes."""

    def add(self, slot: int, amount: int) -> None: ...
    def observe(self, slot: int, duration: int) -> None: ...
