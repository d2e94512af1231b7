"""What a listener counts for each gRPC method.

A call's method is its path, which anybody can make up: a name is counted by itself only once an
upstream has served it, and only so many are; the rest is counted together.
"""

from typing import Final

from pymosn.observe.metrics import GRPC_METHOD
from pymosn.observe.slots import Slots
from pymosn.proxy.grpc_call import GrpcCall

MAX_METHODS: Final = 1000
"""Names that a listener counts for."""
MAX_NAME: Final = 200
"""Bytes of a name that is counted for."""
OTHER: Final = b"other"
"""Where all the others are counted."""

_MAX_METHODS = MAX_METHODS
_MAX_NAME = MAX_NAME
_OTHER = OTHER
_SIZE = GRPC_METHOD.size
_REQUEST_TOTAL = GRPC_METHOD.offset("request_total")
_REQUEST_TIME = GRPC_METHOD.offset("request_time")
_FIRST_STATUS = GRPC_METHOD.offset("status_ok")


class GrpcMethods:
    """The counters of one listener's methods, since they were taken last."""

    _values: "Slots | None"
    _slots: dict[bytes, int]
    _size: int
    _changed: set[bytes]

    def __init__(self) -> None:
        self._values = None
        self._slots = {}
        self._size = 0
        self._changed = set()

    def count(self, name: bytes, call: GrpcCall, duration: int) -> None:
        """Count a call that has ended after ``duration`` nanoseconds."""
        slot = self._slots.get(name, -1)
        if slot < 0:
            known = (call.answered or call.status == 0) and len(name) <= _MAX_NAME
            if not known or self._size >= _MAX_METHODS:
                name = _OTHER
            slot = self._slots.get(name, -1)
            if slot < 0:
                slot = self._new(name)
        values: Slots = self._values  # type: ignore[assignment]  # there is a slot
        values.add(slot + _REQUEST_TOTAL, 1)
        values.add(slot + _FIRST_STATUS + call.status, 1)
        values.observe(slot + _REQUEST_TIME, duration)
        self._changed.add(name)

    def take(self) -> list[tuple[str, list[int]]]:
        """Return the names of the methods that were called since the last time, and what was
        counted for each."""
        taken = []
        for name in self._changed:
            slot = self._slots[name]
            values: Slots = self._values  # type: ignore[assignment]  # there is a slot
            run = []
            for index in range(slot, slot + _SIZE):
                run.append(values.values[index])
                values.values[index] = 0
            taken.append((name.decode("latin-1"), run))
        self._changed = set()
        return taken

    def _new(self, name: bytes) -> int:
        """Return where ``name`` is counted from now on."""
        if self._values is None:
            # Pages that are never counted in take no memory.
            self._values = Slots(memoryview(bytearray(8 * _SIZE * (_MAX_METHODS + 1))))
        slot = self._size * _SIZE
        if name == _OTHER:
            slot = _MAX_METHODS * _SIZE
        else:
            self._size += 1
        self._slots[name] = slot
        return slot
