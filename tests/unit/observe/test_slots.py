"""Slots: numbers in memory that belongs to somebody else."""

import gc
from typing import Any

from pymosn.observe.slots import Slots


def test_slots_in_a_cycle_are_collected() -> None:
    """The collector may take the view away first; nothing is left behind, and nothing crashes."""
    memory = bytearray(800)
    for _ in range(100):
        slots = Slots(memoryview(memory))
        ring: list[Any] = [slots, slots.values]
        ring.append(ring)
    del slots, ring
    gc.collect()
    # A bytearray that somebody still looks into cannot grow.
    memory.extend(b"more")


def test_a_part_of_the_memory() -> None:
    memory = bytearray(80)
    slots = Slots(memoryview(memory)[16:48])
    slots.values[1] = 7
    assert len(slots.values) == 4
    assert memory[24] == 7
