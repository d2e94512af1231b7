"""What a listener counts for each method of gRPC and of the RPC protocols.

Names come from clients, which can make them up: one is counted by itself only once an upstream has
served it, and only so many are; the rest is counted together.
"""

from typing import Final

from pymosn.observe.metrics import GRPC_METHOD, RPC_METHOD, Layout
from pymosn.observe.slots import Slots
from pymosn.proxy.grpc_call import GrpcCall

MAX_METHODS: Final = 1000
"""Names that a table counts for."""
MAX_NAME: Final = 200
"""Bytes of a service's or a method's name that is counted for."""
OTHER: Final = b"other"
"""Where all the others are counted, as a service and as a method."""

_MAX_METHODS = MAX_METHODS
_MAX_NAME = MAX_NAME
_OTHER = OTHER
_NO_SERVICE = b""
_GRPC_TOTAL = GRPC_METHOD.offset("request_total")
_GRPC_TIME = GRPC_METHOD.offset("request_time")
_GRPC_STATUS = GRPC_METHOD.offset("status_ok")
_RPC_TOTAL = RPC_METHOD.offset("request_total")
_RPC_FAILED = RPC_METHOD.offset("request_failed")
_RPC_STATUS = RPC_METHOD.offset("status_2xx")
_RPC_TIME = RPC_METHOD.offset("request_time")


class MethodTable:
    """The counters of one listener's methods, since they were taken last."""

    _values: "Slots"  # None while there is no method
    _services: dict[bytes, dict[bytes, int]]
    """By service and by method: where the counters are."""
    _rows: list[tuple[bytes, bytes, int]]
    _size: int
    _other: bytes

    def __init__(self, layout: Layout, other: bytes) -> None:
        """Each method has the counters of ``layout``, which begins with how many calls there
        were; ``other`` is the service of those that are counted together."""
        self._other = other
        self._values = None  # type: ignore[assignment]  # as declared
        self._services = {}
        self._rows = []
        self._size = layout.size

    def take(self) -> list[tuple[bytes, bytes, list[int]]]:
        """Return service and method of those that were called since the last time, and what was
        counted for each."""
        taken = []
        for service, method, slot in self._rows:
            if self._values.values[slot] == 0:
                continue
            run = []
            for index in range(slot, slot + self._size):
                run.append(self._values.values[index])
                self._values.values[index] = 0
            taken.append((service, method, run))
        return taken

    def _slot(self, service: bytes, method: bytes, served: bool) -> int:
        """Return where a method is counted; ``served``: there is such a one."""
        methods = self._services.get(service)
        if methods is not None:
            slot = methods.get(method, -1)
            if slot >= 0:
                return slot
        fits = len(method) <= _MAX_NAME and len(service) <= _MAX_NAME
        if not served or not fits or len(self._rows) >= _MAX_METHODS:
            service = self._other
            method = _OTHER
            methods = self._services.get(service)
            if methods is not None:
                slot = methods.get(method, -1)
                if slot >= 0:
                    return slot
        return self._new(service, method)

    def _new(self, service: bytes, method: bytes) -> int:
        """Count for ``method`` from now on."""
        if self._values is None:
            # Pages that are never counted in take no memory.
            self._values = Slots(memoryview(bytearray(8 * self._size * (_MAX_METHODS + 1))))
        slot = len(self._rows) * self._size
        self._rows.append((service, method, slot))
        self._services.setdefault(service, {})[method] = slot
        return slot


class GrpcMethods(MethodTable):
    """Of gRPC; the method is the path of the call, and the service empty."""

    def __init__(self) -> None:
        MethodTable.__init__(self, GRPC_METHOD, _NO_SERVICE)

    def count(self, name: bytes, call: GrpcCall, duration: int) -> None:
        """Count a call that has ended after ``duration`` nanoseconds."""
        slot = self._slot(_NO_SERVICE, name, call.answered or call.status == 0)
        values = self._values
        values.add(slot + _GRPC_TOTAL, 1)
        values.add(slot + _GRPC_STATUS + call.status, 1)
        values.observe(slot + _GRPC_TIME, duration)


class RpcMethods(MethodTable):
    """Of the RPC protocols."""

    def __init__(self) -> None:
        MethodTable.__init__(self, RPC_METHOD, _OTHER)

    def count(
        self, service: bytes, method: bytes, status: int, answered: bool, duration: int
    ) -> None:
        """Count a call with a ``status`` in HTTP's terms; ``answered``: by a host."""
        slot = self._slot(service, method, answered and status < 400)
        values = self._values
        values.add(slot + _RPC_TOTAL, 1)
        if status >= 400:
            values.add(slot + _RPC_FAILED, 1)
        if 200 <= status < 600:
            values.add(slot + _RPC_STATUS + status // 100 - 2, 1)
        values.observe(slot + _RPC_TIME, duration)
