"""What the workers counted, merged and written for Prometheus, the admin API and people.

MOSN's names and units (spec §9.4): ``<type>_<key>``, histograms as the gauges ``_min`` and ``_max``
and percentiles in nanoseconds.  In addition each histogram is a Prometheus histogram in seconds,
``<type>_<key>_seconds`` with ``_bucket``, ``_sum`` and ``_count``.  Works on any segments; knows no
process.
"""

import fnmatch
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from pymosn.observe.counted import CountedSets
from pymosn.observe.metrics import (
    COUNTER,
    DOWNSTREAM,
    GAUGE,
    GRPC_METHOD,
    HISTOGRAM,
    RPC_METHOD,
    TLS,
    UPSTREAM_CLUSTER,
    UPSTREAM_HOST,
    MetricSet,
    SlotTable,
)
from pymosn.observe.slots import BUCKETS, HISTOGRAM_SLOTS
from pymosn.snapshot import Snapshot

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_FOREIGN: Final = re.compile(r"[^a-zA-Z0-9_:]")
_NANOSECONDS: Final = 1e9

Sample = tuple[str, dict[str, str], float]
"""Suffix of the name, labels, value."""


class Histogram:
    """A histogram merged over all workers; durations in nanoseconds."""

    __slots__ = ("buckets", "count", "maximum", "minimum", "total")

    def __init__(self, segments: Sequence[memoryview], slots: Iterable[int]) -> None:
        self.count = self.total = self.minimum = self.maximum = 0
        self.buckets = [0] * (len(BUCKETS) + 1)
        for slot in slots:
            for values in segments:
                if values[slot]:
                    self._add(values[slot : slot + HISTOGRAM_SLOTS])

    def _add(self, part: memoryview) -> None:
        low, high = part[2], part[3]
        self.minimum = min(self.minimum, low) if self.count else low
        self.maximum = max(self.maximum, high)
        self.count += part[0]
        self.total += part[1]
        for index in range(HISTOGRAM_SLOTS - 4):
            self.buckets[index] += part[4 + index]

    def percentile(self, percent: float) -> float:
        """Estimate a percentile by interpolating in its bucket."""
        wanted = self.count * percent / 100
        before = 0
        for index, inside in enumerate(self.buckets):
            if inside and before + inside >= wanted:
                low = max(BUCKETS[index - 1] if index else 0, self.minimum)
                high = min(BUCKETS[index] if index < len(BUCKETS) else self.maximum, self.maximum)
                return low + (high - low) * (wanted - before) / inside
            before += inside
        return float(self.maximum)


class Exclusions:
    """Metrics that are not wanted (``metrics.stats_matcher``, spec §9.2)."""

    def __init__(
        self, *, reject_all: bool = False, labels: Iterable[str] = (), keys: Iterable[str] = ()
    ) -> None:
        """``labels`` are names of labels, ``keys`` of metrics."""
        self._reject_all = reject_all
        self._labels = frozenset(labels)
        self._keys = frozenset(keys)

    def excludes_set(self, metrics: MetricSet) -> bool:
        """Say whether nothing of a set is wanted."""
        return self._reject_all or any(name in self._labels for name, _ in metrics.labels)

    def excludes_key(self, key: str) -> bool:
        """Say whether a key is not wanted."""
        return key in self._keys


class Metrics:
    """All metric sets and the workers' segments."""

    def __init__(
        self,
        table: SlotTable,
        segments: Callable[[], Sequence[memoryview]],
        exclusions: Exclusions | None = None,
        counted: CountedSets | None = None,
    ) -> None:
        """``counted`` has the sets that are in no segment."""
        self._counted = counted
        self._table = table
        self._segments = segments
        self.exclusions = exclusions or Exclusions()
        self.lazy = False
        """Leave out sets that nothing was ever counted in."""
        self.retired: frozenset[int] = frozenset()
        """First slots of sets whose listener, cluster or host is gone: left out themselves, but
        still part of totals, which never fall."""

    def values(self) -> Iterator[tuple[MetricSet, str, str, int | Histogram]]:
        """Yield ``(set, key, kind, value)`` for everything that is wanted."""
        yield from self._values(self._table, self._segments(), self.retired)
        if self._counted is not None:
            yield from self._values(self._counted.table, [self._counted.values], frozenset())

    def _values(
        self, table: SlotTable, segments: Sequence[memoryview], retired: frozenset[int]
    ) -> Iterator[tuple[MetricSet, str, str, int | Histogram]]:
        parts = _parts(table)
        for metrics in table:
            if self.exclusions.excludes_set(metrics) or metrics.slot in retired:
                continue
            bases = parts.get(metrics.slot, [metrics])
            if self.lazy and not any(_touched(part, segments) for part in bases):
                continue
            for key, kind in metrics.layout.keys:
                if self.exclusions.excludes_key(key):
                    continue
                offset = metrics.layout.offset(key)
                slots = [part.slot + offset for part in bases if offset < part.layout.size]
                if kind == HISTOGRAM:
                    yield metrics, key, kind, Histogram(segments, slots)
                else:
                    total = sum(values[slot] for values in segments for slot in slots)
                    yield metrics, key, kind, total

    def text_values(self) -> Iterator[tuple[MetricSet, str, int]]:
        """Yield ``(set, key, value)`` with histograms as ``_min`` and ``_max``, as MOSN shows."""
        for metrics, key, _, value in self.values():
            if isinstance(value, Histogram):
                yield metrics, f"{key}_min", value.minimum
                yield metrics, f"{key}_max", value.maximum
            else:
                yield metrics, key, value

    def families(self, percentiles: Sequence[int] = ()) -> "Families":
        """Return everything as Prometheus families."""
        families = Families()
        for metrics, key, kind, value in self.values():
            name = f"{metrics.layout.type}_{key}"
            labels = dict(metrics.labels)
            if isinstance(value, Histogram):
                _add_histogram(families, name, labels, value, percentiles)
            else:
                families.add(name, GAUGE if kind == GAUGE else COUNTER, labels, value)
        return families


class Families:
    """Samples grouped by name, as the text format wants them."""

    def __init__(self) -> None:
        self._families: dict[str, tuple[str, list[Sample]]] = {}

    def add(
        self, name: str, kind: str, labels: dict[str, str], value: float, suffix: str = ""
    ) -> None:
        """Add a sample; the first one of a name decides its kind."""
        name = _FOREIGN.sub("_", name)
        family = self._families.get(name)
        if family is None:
            family = self._families[name] = (kind, [])
        family[1].append((suffix, labels, value))

    def text(self) -> Iterator[str]:
        """Yield the text format 0.0.4, one family at a time."""
        for name, (kind, samples) in self._families.items():
            lines = [f"# TYPE {name} {kind}\n"]
            lines += [
                f"{name}{suffix}{_labels(labels)} {_number(value)}\n"
                for suffix, labels, value in samples
            ]
            yield "".join(lines)


def console_json(metrics: Metrics, only: str = "") -> str:
    """Return MOSN's console form (spec §9.5): type, labels, keys, values as text."""
    document: dict[str, dict[str, dict[str, str]]] = {}
    for found, key, value in metrics.text_values():
        labels = _dotted(found)
        full = f"{found.layout.type}.{labels}"
        if only and not (full == only or full.startswith(f"{only}.")):
            continue
        document.setdefault(found.layout.type, {}).setdefault(labels, {})[key] = str(value)
    return json.dumps(document, indent="\t", ensure_ascii=False)


def matching_lines(metrics: Metrics, pattern: str) -> Iterator[str]:
    """Yield ``full.name:value`` for the names that match a glob."""
    for found, key, value in metrics.text_values():
        name = ".".join(filter(None, (found.layout.type, _dotted(found), key)))
        if fnmatch.fnmatchcase(name, pattern):
            yield f"{name}:{value}"


def services(metrics: Metrics) -> list[dict[str, Any]]:
    """Return what each method of gRPC, Triple and the RPC protocols was asked for, and how it
    answered; times in milliseconds."""
    found: dict[tuple[str, Any], dict[str, Any]] = {}
    for metric_set, key, _, value in metrics.values():
        if metric_set.layout not in (GRPC_METHOD, RPC_METHOD):
            continue
        entry = found.setdefault((metric_set.layout.type, metric_set.labels), {})
        if not entry:
            entry.update(_called(metric_set), requests=0, failures=0, statuses={})
        if isinstance(value, Histogram):
            entry["milliseconds"] = {
                "p50": round(value.percentile(50) / 1e6, 3),
                "p90": round(value.percentile(90) / 1e6, 3),
                "p99": round(value.percentile(99) / 1e6, 3),
                "max": round(value.maximum / 1e6, 3),
            }
        elif key == "request_total":
            entry["requests"] = value
        elif key.startswith("status_") and value:
            entry["statuses"][key.removeprefix("status_")] = value
            if key not in ("status_ok", "status_2xx", "status_3xx"):
                entry["failures"] += value
    return sorted(
        found.values(), key=lambda entry: (entry["listener"], entry["service"], entry["method"])
    )


def _called(metrics: MetricSet) -> dict[str, str]:
    """Return listener, service and method of a set; a gRPC method is a path."""
    labels = dict(metrics.labels)
    service, method = labels.get("service"), labels["method"]
    kind = "rpc"
    if service is None:
        kind = "grpc"
        service, _, method = method.removeprefix("/").rpartition("/")
    return {
        "listener": labels["listener"], "kind": kind, "service": service or "other",
        "method": method,
    }  # fmt: skip


def _add_histogram(
    families: Families,
    name: str,
    labels: dict[str, str],
    value: Histogram,
    percentiles: Sequence[int],
) -> None:
    families.add(f"{name}_min", GAUGE, labels, value.minimum)
    families.add(f"{name}_max", GAUGE, labels, value.maximum)
    for percent in percentiles:
        marked = {**labels, "percentile": f"P{percent}"}
        families.add(name, GAUGE, marked, value.percentile(percent))
    seconds = f"{name}_seconds"
    below = 0
    for bound, inside in zip(BUCKETS, value.buckets, strict=False):
        below += inside
        marked = {**labels, "le": _number(bound / _NANOSECONDS)}
        families.add(seconds, HISTOGRAM, marked, below, "_bucket")
    families.add(seconds, HISTOGRAM, {**labels, "le": "+Inf"}, value.count, "_bucket")
    families.add(seconds, HISTOGRAM, labels, value.total / _NANOSECONDS, "_sum")
    families.add(seconds, HISTOGRAM, labels, value.count, "_count")


def _parts(table: SlotTable) -> dict[int, list[MetricSet]]:
    """Return the sets that each total is the sum of, by the total's slot.

    The same as ``SlotTable.parts``, for all sets at once.
    """
    listeners = [metrics for metrics in table if _is_listener(metrics)]
    hosts: dict[str, list[MetricSet]] = {}
    for metrics in table:
        if metrics.layout is UPSTREAM_HOST:
            hosts.setdefault(dict(metrics.labels)["cluster"], []).append(metrics)
    parts: dict[int, list[MetricSet]] = {}
    for metrics in table:
        if metrics.layout is DOWNSTREAM and not _is_listener(metrics):
            parts[metrics.slot] = listeners
        elif metrics.layout is UPSTREAM_CLUSTER:
            parts[metrics.slot] = [metrics, *hosts.get(dict(metrics.labels)["cluster"], ())]
    return parts


def retired_slots(table: SlotTable, snapshot: Snapshot) -> frozenset[int]:
    """Return the first slots of the sets that belong to nothing in ``snapshot``."""
    used = {item.stats_slot for item in snapshot.listeners}
    for cluster in snapshot.clusters.values():
        used.add(cluster.stats_slot)
        used.update(host.stats_slot for host in cluster.hosts)
    used.update(item.tls.stats_slot for item in snapshot.listeners if item.tls)
    used.update(item.tls.stats_slot for item in snapshot.clusters.values() if item.tls)
    return frozenset(
        metrics.slot
        for metrics in table
        if metrics.slot not in used
        and (metrics.layout in (UPSTREAM_HOST, UPSTREAM_CLUSTER, TLS) or _is_listener(metrics))
    )


def _is_listener(metrics: MetricSet) -> bool:
    return metrics.layout is DOWNSTREAM and ("proxy", "global") not in metrics.labels


def _touched(metrics: MetricSet, segments: Sequence[memoryview]) -> bool:
    end = metrics.slot + metrics.layout.size
    return any(any(values[metrics.slot : end]) for values in segments)


def _dotted(metrics: MetricSet) -> str:
    return ".".join(part for label in metrics.labels for part in label)


def _labels(labels: dict[str, Any]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escape(text)}"' for name, text in labels.items()) + "}"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    """Write a number with a decimal point, as MOSN does."""
    return f"{float(value)!r}"
