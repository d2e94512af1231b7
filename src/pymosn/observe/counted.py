"""Metric sets that nobody knew of when the workers got their slots: gRPC's methods.

The workers report what they counted since their last report, once a second; here it is added up.
So what a worker counted in the second before it died is lost.  Counterpart: ``metrics``, whose
tables and layouts these sets have too.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from pymosn.observe.metrics import GRPC_METHOD, HISTOGRAM, Layout, SlotTable
from pymosn.observe.slots import HISTOGRAM_SLOTS

LAYOUTS: Final[Mapping[str, Layout]] = MappingProxyType({GRPC_METHOD.type: GRPC_METHOD})
"""By type."""

CAPACITY: Final = 1 << 18
"""Slots; what is counted when they are used up is lost.  Enough for 6 listeners that count for as
many methods as they may."""


class CountedSets:
    """The sums; ``table`` and ``values`` are what ``sinks.Metrics`` reads."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.table = SlotTable(capacity)
        # Pages that are never counted in take no memory.
        self.values = memoryview(bytearray(8 * capacity)).cast("q")

    def add(self, layout_type: str, labels: Mapping[str, str], counted: Sequence[int]) -> None:
        """Add what was counted in a set since the last time."""
        layout = LAYOUTS[layout_type]
        if len(counted) != layout.size:
            raise ValueError(f"a set of type {layout_type} has {layout.size} slots")
        try:
            slot = self.table.slot(layout, **labels)
        except MemoryError:
            return
        for key, kind in layout.keys:
            offset = layout.offset(key)
            if kind == HISTOGRAM:
                self._merge(slot + offset, counted[offset : offset + HISTOGRAM_SLOTS])
            else:
                self.values[slot + offset] += counted[offset]

    def _merge(self, slot: int, part: Sequence[int]) -> None:
        """Add a histogram to the one at ``slot``."""
        values = self.values
        count, total, low, high = part[:4]
        if count == 0:
            return
        values[slot + 2] = min(values[slot + 2], low) if values[slot] else low
        values[slot + 3] = max(values[slot + 3], high)
        values[slot] += count
        values[slot + 1] += total
        for index in range(4, HISTOGRAM_SLOTS):
            values[slot + index] += part[index]
