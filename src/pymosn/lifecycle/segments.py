"""The metric segments: one memory file a worker, mapped by the supervisor too.

A segment belongs to a worker's index and outlives the process, so counters go on when a worker is
replaced.
"""

import mmap
import os

from pymosn.observe.metrics import COUNTER, HISTOGRAM, HISTOGRAM_SLOTS, SlotTable


class Segment:
    """The slots of one worker."""

    def __init__(self, capacity: int) -> None:
        """Make a segment of ``capacity`` 64-bit slots; pages take memory once touched."""
        size = capacity * 8
        self.fd = os.memfd_create("pymosn-metrics", os.MFD_CLOEXEC)
        os.ftruncate(self.fd, size)
        self._map = mmap.mmap(self.fd, size)
        self.values = memoryview(self._map).cast("q")

    def zero_gauges(self, table: SlotTable) -> None:
        """Forget what was under way in a worker that died."""
        for metrics in table:
            for key, kind in metrics.layout.keys:
                if kind not in (COUNTER, HISTOGRAM):
                    self.values[metrics.slot + metrics.layout.offset(key)] = 0

    def close(self) -> None:
        """Give the memory back."""
        self.values.release()
        self._map.close()
        os.close(self.fd)


def merged(segments: list[memoryview], slot: int, kind: str) -> list[int]:
    """Add up one metric over all workers: one number, or the slots of a histogram."""
    if kind != HISTOGRAM:
        return [sum(values[slot] for values in segments)]
    total = [0] * HISTOGRAM_SLOTS
    for values in segments:
        if not values[slot]:
            continue
        low, high = values[slot + 2], values[slot + 3]
        total[2] = low if not total[0] else min(total[2], low)
        total[3] = max(total[3], high)
        for index in (0, 1, *range(4, HISTOGRAM_SLOTS)):
            total[index] += values[slot + index]
    return total
