"""Metric sets that nobody knew of when the workers got their slots: methods of gRPC and RPC.

The workers report what they counted since their last report, once a second; here it is added up.
So what a worker counted in the second before it died is lost.  Counterpart: ``metrics``, whose
tables and layouts these sets have too.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from pymosn.observe.metrics import GRPC_METHOD, HISTOGRAM, RPC_METHOD, Layout, SlotTable
from pymosn.observe.slots import HISTOGRAM_SLOTS

LAYOUTS: Final[Mapping[str, Layout]] = MappingProxyType(
    {layout.type: layout for layout in (GRPC_METHOD, RPC_METHOD)}
)
"""By type."""

CAPACITY: Final = 1 << 18
"""Slots; what is counted when they are used up is lost.  Enough for 6 listeners that count for as
many methods as they may."""


class CountedSets:
    """The sums; ``table`` and ``values`` are what ``sinks.Metrics`` reads."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._listeners: frozenset[str] | None = None
        self._begin()

    def keep_only(self, listeners: Iterable[str]) -> None:
        """Forget what belongs to other listeners; what is still reported of them is lost."""
        self._listeners = frozenset(listeners)
        old, values = self.table, self.values
        kept = [known for known in old if dict(known.labels)["listener"] in self._listeners]
        if len(kept) == len(list(old)):
            return
        self._begin()
        for known in kept:
            slot, size = self.table.slot(known.layout, **dict(known.labels)), known.layout.size
            self.values[slot : slot + size] = values[known.slot : known.slot + size]

    def add(self, layout_type: str, labels: Mapping[str, str], counted: Sequence[int]) -> None:
        """Add what was counted in a set since the last time."""
        layout = LAYOUTS[layout_type]
        if len(counted) != layout.size:
            raise ValueError(f"a set of type {layout_type} has {layout.size} slots")
        if self._listeners is not None and labels["listener"] not in self._listeners:
            return
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

    def _begin(self) -> None:
        self.table = SlotTable(self._capacity)
        # Pages that are never counted in take no memory.
        self.values = memoryview(bytearray(8 * self._capacity)).cast("q")

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
