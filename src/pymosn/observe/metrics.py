"""Counters, gauges and histograms in shared memory.

A worker owns one segment of 64-bit slots and is its only writer; the supervisor maps every
worker's segment and merges on read, so counters survive a worker's death.  A metric set (a type
and its labels, spec §9.1) is a run of consecutive slots described by a ``Layout``; the supervisor
assigns the runs (``SlotTable``) and the snapshot carries the first slot of each.

A set that is the sum of others (``downstream`` of ``proxy="global"``, ``upstream`` of a cluster)
is summed when it is read (``SlotTable.parts``), not counted again for each request.

Durations are nanoseconds.  ``Slots`` (slots.pyx) is the memory itself.
"""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from pymosn.observe.slots import HISTOGRAM_SLOTS, Slots

COUNTER: Final = "counter"
GAUGE: Final = "gauge"
HISTOGRAM: Final = "histogram"

COUNTED_STATUSES: Final = (200, 206, 302, 304, 400, 403, 404, 416, 499, 500, 502, 503, 504)
"""The statuses that have a counter of their own (spec §9.1)."""


HTTP2_FLOODS: Final = (
    "resets", "settings", "pings", "empty", "priority", "window_updates", "tiny",
    "continuations", "header_block", "replies",
)  # fmt: skip
"""Why an HTTP/2 connection is ended with ENHANCE_YOUR_CALM; each has a counter."""


class Layout:
    """The keys of one kind of metric set and where each lies in its run of slots."""

    __slots__ = ("_offsets", "keys", "size", "type")

    def __init__(self, type_name: str, keys: tuple[tuple[str, str], ...]) -> None:
        self.type = type_name
        self.keys = keys
        offsets: dict[str, int] = {}
        position = 0
        for key, kind in keys:
            offsets[key] = position
            position += HISTOGRAM_SLOTS if kind == HISTOGRAM else 1
        self._offsets = MappingProxyType(offsets)
        self.size = position

    def offset(self, key: str) -> int:
        """Return the first slot of ``key``, counted from the start of the run."""
        return self._offsets[key]


DOWNSTREAM: Final = Layout(
    "downstream",
    (
        ("connection_total", COUNTER),
        ("connection_destroy", COUNTER),
        ("connection_active", GAUGE),
        ("connection_overflow", COUNTER),
        ("bytes_read_total", COUNTER),
        ("bytes_write_total", COUNTER),
        ("request_total", COUNTER),
        ("request_active", GAUGE),
        ("request_reset", COUNTER),
        ("request_failed", COUNTER),
        ("request_protocol_error", COUNTER),
        ("request_time", HISTOGRAM),
        ("request_time_total", COUNTER),
        ("process_time", HISTOGRAM),
        ("process_time_total", COUNTER),
        *((f"request_{status}_total", COUNTER) for status in COUNTED_STATUSES),
        ("request_other_code", COUNTER),
        *((f"http2_flood_{name}", COUNTER) for name in HTTP2_FLOODS),
        ("rpc_flood_heartbeats", COUNTER),
    ),
)

_UPSTREAM_KEYS: Final = (
    ("connection_total", COUNTER),
    ("connection_close", COUNTER),
    ("connection_active", GAUGE),
    ("connection_con_fail", COUNTER),
    ("connection_local_close", COUNTER),
    ("connection_remote_close", COUNTER),
    ("connection_local_close_with_active_request", COUNTER),
    ("connection_remote_close_with_active_request", COUNTER),
    ("connection_close_notify", COUNTER),
    ("request_total", COUNTER),
    ("request_active", GAUGE),
    ("request_local_reset", COUNTER),
    ("request_remote_reset", COUNTER),
    ("request_timeout", COUNTER),
    ("request_failure_eject", COUNTER),
    ("request_pending_overflow", COUNTER),
    ("request_duration_time", HISTOGRAM),
    ("request_duration_time_total", COUNTER),
    ("response_success", COUNTER),
    ("response_failed", COUNTER),
    ("response_late", COUNTER),
    ("heartbeat_failed", COUNTER),
)

UPSTREAM_HOST: Final = Layout("upstream", _UPSTREAM_KEYS)

UPSTREAM_CLUSTER: Final = Layout(
    "upstream",
    (
        *_UPSTREAM_KEYS,
        ("connection_retry", COUNTER),
        ("request_retry", COUNTER),
        ("request_retry_overflow", COUNTER),
        ("lb_subsets_fallback", COUNTER),
        ("lb_subsets_created", GAUGE),
        ("connection_bytes_read_total", COUNTER),
        ("connection_bytes_write", COUNTER),
    ),
)
"""Begins with the keys of ``UPSTREAM_HOST``, so that one class counts for both."""

WORKER: Final = Layout(
    "worker",
    (
        ("loop_turns", COUNTER),
        ("filter_errors", COUNTER),
        ("access_log_dropped", COUNTER),
    ),
)

GRPC_STATUSES: Final = (
    "ok", "cancelled", "unknown", "invalid_argument", "deadline_exceeded", "not_found",
    "already_exists", "permission_denied", "resource_exhausted", "failed_precondition", "aborted",
    "out_of_range", "unimplemented", "internal", "unavailable", "data_loss", "unauthenticated",
)  # fmt: skip
"""The names of gRPC's status codes, 0 to 16."""

GRPC_METHOD: Final = Layout(
    "grpc",
    (
        ("request_total", COUNTER),
        *((f"status_{name}", COUNTER) for name in GRPC_STATUSES),
        ("request_time", HISTOGRAM),
    ),
)
"""A method of a listener.  Methods become known as they are called, so these sets have no slots in
the workers' segments (``observe.counted``)."""

RPC_METHOD: Final = Layout(
    "rpc",
    (
        ("request_total", COUNTER),
        ("request_failed", COUNTER),
        *((f"status_{digit}xx", COUNTER) for digit in range(2, 6)),
        ("request_time", HISTOGRAM),
    ),
)
"""The same for the RPC protocols, by service and method.  ``request_failed`` are those whose status
means 400 or above in HTTP's terms."""

TLS: Final = Layout(
    "tls",
    (
        ("handshake_total", COUNTER),
        ("handshake_resumed", COUNTER),
        ("handshake_error", COUNTER),
    ),
)
"""Of a listener or of a cluster; ``handshake_total`` counts those that were completed."""

_D_CONNECTION_TOTAL = DOWNSTREAM.offset("connection_total")
_D_CONNECTION_DESTROY = DOWNSTREAM.offset("connection_destroy")
_D_CONNECTION_ACTIVE = DOWNSTREAM.offset("connection_active")
_D_CONNECTION_OVERFLOW = DOWNSTREAM.offset("connection_overflow")
_D_BYTES_READ = DOWNSTREAM.offset("bytes_read_total")
_D_BYTES_WRITE = DOWNSTREAM.offset("bytes_write_total")
_D_REQUEST_TOTAL = DOWNSTREAM.offset("request_total")
_D_REQUEST_ACTIVE = DOWNSTREAM.offset("request_active")
_D_REQUEST_RESET = DOWNSTREAM.offset("request_reset")
_D_REQUEST_FAILED = DOWNSTREAM.offset("request_failed")
_D_PROTOCOL_ERROR = DOWNSTREAM.offset("request_protocol_error")
_D_REQUEST_TIME = DOWNSTREAM.offset("request_time")
_D_REQUEST_TIME_TOTAL = DOWNSTREAM.offset("request_time_total")
_D_PROCESS_TIME = DOWNSTREAM.offset("process_time")
_D_PROCESS_TIME_TOTAL = DOWNSTREAM.offset("process_time_total")
_D_FIRST_STATUS = DOWNSTREAM.offset("request_200_total")
_D_OTHER_STATUS = DOWNSTREAM.offset("request_other_code")

_U_CONNECTION_TOTAL = UPSTREAM_HOST.offset("connection_total")
_U_CONNECTION_CLOSE = UPSTREAM_HOST.offset("connection_close")
_U_CONNECTION_ACTIVE = UPSTREAM_HOST.offset("connection_active")
_U_CONNECT_FAIL = UPSTREAM_HOST.offset("connection_con_fail")
_U_LOCAL_CLOSE = UPSTREAM_HOST.offset("connection_local_close")
_U_REMOTE_CLOSE = UPSTREAM_HOST.offset("connection_remote_close")
_U_LOCAL_CLOSE_ACTIVE = UPSTREAM_HOST.offset("connection_local_close_with_active_request")
_U_REMOTE_CLOSE_ACTIVE = UPSTREAM_HOST.offset("connection_remote_close_with_active_request")
_U_REQUEST_TOTAL = UPSTREAM_HOST.offset("request_total")
_U_REQUEST_ACTIVE = UPSTREAM_HOST.offset("request_active")
_U_LOCAL_RESET = UPSTREAM_HOST.offset("request_local_reset")
_U_REMOTE_RESET = UPSTREAM_HOST.offset("request_remote_reset")
_U_TIMEOUT = UPSTREAM_HOST.offset("request_timeout")
_U_FAILURE_EJECT = UPSTREAM_HOST.offset("request_failure_eject")
_U_PENDING_OVERFLOW = UPSTREAM_HOST.offset("request_pending_overflow")
_U_DURATION = UPSTREAM_HOST.offset("request_duration_time")
_U_DURATION_TOTAL = UPSTREAM_HOST.offset("request_duration_time_total")
_U_SUCCESS = UPSTREAM_HOST.offset("response_success")
_U_FAILED = UPSTREAM_HOST.offset("response_failed")
_U_LATE = UPSTREAM_HOST.offset("response_late")
_U_HEARTBEAT_FAILED = UPSTREAM_HOST.offset("heartbeat_failed")
_C_CONNECTION_RETRY = UPSTREAM_CLUSTER.offset("connection_retry")
_C_REQUEST_RETRY = UPSTREAM_CLUSTER.offset("request_retry")
_C_RETRY_OVERFLOW = UPSTREAM_CLUSTER.offset("request_retry_overflow")
_C_BYTES_READ = UPSTREAM_CLUSTER.offset("connection_bytes_read_total")
_C_BYTES_WRITE = UPSTREAM_CLUSTER.offset("connection_bytes_write")

_T_TOTAL = TLS.offset("handshake_total")
_T_RESUMED = TLS.offset("handshake_resumed")
_T_ERROR = TLS.offset("handshake_error")

_STATUS_OFFSETS: Final = bytes(
    _D_FIRST_STATUS + COUNTED_STATUSES.index(status)
    if status in COUNTED_STATUSES
    else _D_OTHER_STATUS
    for status in range(600)
)
"""Where each status is counted."""


class DownstreamStats:
    """The ``downstream`` set of one listener."""

    slots: "Slots"
    base: int

    def __init__(self, slots: Slots, base: int) -> None:
        """``base`` is the set's first slot."""
        self.slots = slots
        self.base = base

    def add(self, offset: int, amount: int) -> None:
        """Add to the slot ``offset`` of the set."""
        self.slots.add(self.base + offset, amount)

    def connection_opened(self) -> None:
        self.add(_D_CONNECTION_TOTAL, 1)
        self.add(_D_CONNECTION_ACTIVE, 1)

    def connection_closed(self, read: int, written: int) -> None:
        self.add(_D_CONNECTION_DESTROY, 1)
        self.add(_D_CONNECTION_ACTIVE, -1)
        self.add(_D_BYTES_READ, read)
        self.add(_D_BYTES_WRITE, written)

    def connection_overflowed(self) -> None:
        self.add(_D_CONNECTION_OVERFLOW, 1)

    def bytes_moved(self, read: int, written: int) -> None:
        self.add(_D_BYTES_READ, read)
        self.add(_D_BYTES_WRITE, written)

    def request_started(self) -> None:
        self.add(_D_REQUEST_TOTAL, 1)
        self.add(_D_REQUEST_ACTIVE, 1)

    def request_finished(self, status: int, duration: int, process: int, failed: bool) -> None:
        """``duration`` from first byte to end, ``process`` without the upstream wait; in ns."""
        slots = self.slots
        offset = _D_OTHER_STATUS
        offsets = _STATUS_OFFSETS
        if 0 <= status < 600:
            offset = offsets[status]
        self.add(_D_REQUEST_ACTIVE, -1)
        self.add(offset, 1)
        self.add(_D_REQUEST_TIME_TOTAL, duration)
        self.add(_D_PROCESS_TIME_TOTAL, process)
        if failed:
            self.add(_D_REQUEST_FAILED, 1)
        slots.observe(self.base + _D_REQUEST_TIME, duration)
        slots.observe(self.base + _D_PROCESS_TIME, process)

    def request_reset(self) -> None:
        self.add(_D_REQUEST_RESET, 1)

    def protocol_error(self) -> None:
        self.add(_D_PROTOCOL_ERROR, 1)

    def flooded(self, flood: str) -> None:
        """A connection was ended because of ``flood``: ``heartbeats`` or of ``HTTP2_FLOODS``."""
        prefix = "http2" if flood in HTTP2_FLOODS else "rpc"
        self.add(DOWNSTREAM.offset(f"{prefix}_flood_{flood}"), 1)


class UpstreamStats:
    """The ``upstream`` set of one host."""

    slots: "Slots"
    host: int
    cluster: int

    def __init__(self, slots: Slots, host: int, cluster: int) -> None:
        """``host`` and ``cluster`` are first slots; the cluster's holds what only it has."""
        self.slots = slots
        self.host = host
        self.cluster = cluster

    def add(self, offset: int, amount: int) -> None:
        """Add to the slot ``offset`` of the host's set."""
        self.slots.add(self.host + offset, amount)

    def connection_opened(self) -> None:
        self.add(_U_CONNECTION_TOTAL, 1)
        self.add(_U_CONNECTION_ACTIVE, 1)

    def connection_failed(self) -> None:
        self.add(_U_CONNECT_FAIL, 1)

    def connection_closed(self, remote: bool, active: bool, read: int, written: int) -> None:
        """``remote``: the peer closed; ``active``: a request was under way."""
        self.add(_U_CONNECTION_CLOSE, 1)
        self.add(_U_CONNECTION_ACTIVE, -1)
        if remote:
            self.add(_U_REMOTE_CLOSE_ACTIVE if active else _U_REMOTE_CLOSE, 1)
        else:
            self.add(_U_LOCAL_CLOSE_ACTIVE if active else _U_LOCAL_CLOSE, 1)
        self.slots.add(self.cluster + _C_BYTES_READ, read)
        self.slots.add(self.cluster + _C_BYTES_WRITE, written)

    def request_started(self) -> None:
        self.add(_U_REQUEST_TOTAL, 1)
        self.add(_U_REQUEST_ACTIVE, 1)

    def request_finished(self, status: int, duration: int) -> None:
        """A response arrived in full; ``duration`` in nanoseconds."""
        self.add(_U_REQUEST_ACTIVE, -1)
        self.add(_U_DURATION_TOTAL, duration)
        self.slots.observe(self.host + _U_DURATION, duration)
        self.add(_U_FAILED if status >= 500 else _U_SUCCESS, 1)

    def request_reset(self, remote: bool) -> None:
        """A request ended without a complete response."""
        self.add(_U_REQUEST_ACTIVE, -1)
        self.add(_U_REMOTE_RESET if remote else _U_LOCAL_RESET, 1)

    def request_timed_out(self) -> None:
        self.add(_U_TIMEOUT, 1)

    def response_retried(self) -> None:
        self.add(_U_FAILED, 1)

    def response_late(self) -> None:
        self.add(_U_LATE, 1)

    def heartbeat_failed(self) -> None:
        self.add(_U_HEARTBEAT_FAILED, 1)


class ClusterStats:
    """The keys that only a cluster has."""

    slots: "Slots"
    cluster: int

    def __init__(self, slots: Slots, cluster: int) -> None:
        self.slots = slots
        self.cluster = cluster

    def retried(self) -> None:
        self.slots.add(self.cluster + _C_REQUEST_RETRY, 1)

    def connection_retried(self) -> None:
        self.slots.add(self.cluster + _C_CONNECTION_RETRY, 1)

    def retry_overflowed(self) -> None:
        self.slots.add(self.cluster + _C_RETRY_OVERFLOW, 1)

    def pending_overflowed(self) -> None:
        self.slots.add(self.cluster + _U_PENDING_OVERFLOW, 1)


class TlsStats:
    """The ``tls`` set of one listener or cluster."""

    slots: "Slots"
    base: int

    def __init__(self, slots: Slots, base: int) -> None:
        self.slots = slots
        self.base = base

    def handshake_done(self, resumed: bool) -> None:
        self.slots.add(self.base + _T_TOTAL, 1)
        if resumed:
            self.slots.add(self.base + _T_RESUMED, 1)

    def handshake_failed(self) -> None:
        self.slots.add(self.base + _T_ERROR, 1)


class WorkerStats:
    """What a worker counts about itself."""

    slots: "Slots"
    base: int

    def __init__(self, slots: Slots, base: int) -> None:
        self.slots = slots
        self.base = base

    def add(self, offset: int, amount: int) -> None:
        self.slots.add(self.base + offset, amount)


class MetricSet:
    """A type with its labels, and where its slots begin."""

    __slots__ = ("labels", "layout", "slot")

    def __init__(self, layout: Layout, labels: tuple[tuple[str, str], ...], slot: int) -> None:
        self.layout = layout
        self.labels = labels
        self.slot = slot


class SlotTable:
    """Assigns runs of slots to metric sets; the supervisor owns one.

    A set keeps its run for the life of the supervisor, so counters go on across reloads.
    """

    def __init__(self, capacity: int = 1 << 20) -> None:
        """``capacity`` is the number of slots in each worker's segment."""
        self.capacity = capacity
        self._sets: dict[tuple[str, tuple[tuple[str, str], ...]], MetricSet] = {}
        self._next = 0

    def slot(self, layout: Layout, **labels: str) -> int:
        """Return the first slot of the set, assigning it at first sight.

        Raises ``MemoryError`` when the segment is full.
        """
        ordered = tuple(sorted(labels.items()))
        identity = (layout.type, ordered)
        known = self._sets.get(identity)
        if known is None:
            if self._next + layout.size > self.capacity:
                raise MemoryError(f"no metric slots left for {layout.type} {labels}")
            known = self._sets[identity] = MetricSet(layout, ordered, self._next)
            self._next += layout.size
        return known.slot

    def parts(self, metric_set: MetricSet) -> list[MetricSet]:
        """Return the sets whose sum is ``metric_set``: itself, and for a total its parts."""
        labels = dict(metric_set.labels)
        if metric_set.layout.type == "downstream" and labels.get("proxy") == "global":
            wanted = [known for known in self if known.layout is metric_set.layout]
            return [known for known in wanted if known is not metric_set]
        if metric_set.layout is UPSTREAM_CLUSTER:
            hosts = [known for known in self if known.layout is UPSTREAM_HOST]
            cluster = labels["cluster"]
            return [metric_set, *(h for h in hosts if dict(h.labels)["cluster"] == cluster)]
        return [metric_set]

    def __iter__(self) -> Iterator[MetricSet]:
        return iter(self._sets.values())
