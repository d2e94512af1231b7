"""The metric segments: one memory file a worker, mapped by the supervisor too.

A segment belongs to a worker's index and outlives the process, so counters go on when a worker is
replaced.
"""

import mmap
import os

from pymosn.observe.metrics import GAUGE, SlotTable


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
                if kind == GAUGE:
                    self.values[metrics.slot + metrics.layout.offset(key)] = 0

    def close(self) -> None:
        """Give the memory back."""
        self.values.release()
        self._map.close()
        os.close(self.fd)
