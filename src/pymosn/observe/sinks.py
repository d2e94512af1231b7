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

from pymosn.observe.metrics import (
    BUCKETS,
    COUNTER,
    GAUGE,
    HISTOGRAM,
    HISTOGRAM_SLOTS,
    MetricSet,
    SlotTable,
)

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_FOREIGN: Final = re.compile(r"[^a-zA-Z0-9_:]")
_NANOSECONDS: Final = 1e9

Sample = tuple[str, dict[str, str], float]
"""Suffix of the name, labels, value."""


class Histogram:
    """A histogram merged over all workers; durations in nanoseconds."""

    __slots__ = ("buckets", "count", "maximum", "minimum", "total")

    def __init__(self, segments: Sequence[memoryview], slot: int) -> None:
        self.count = self.total = self.minimum = self.maximum = 0
        self.buckets = [0] * (len(BUCKETS) + 1)
        for values in segments:
            if not values[slot]:
                continue
            low, high = values[slot + 2], values[slot + 3]
            self.minimum = min(self.minimum, low) if self.count else low
            self.maximum = max(self.maximum, high)
            self.count += values[slot]
            self.total += values[slot + 1]
            for index in range(HISTOGRAM_SLOTS - 4):
                self.buckets[index] += values[slot + 4 + index]

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
    ) -> None:
        self._table = table
        self._segments = segments
        self.exclusions = exclusions or Exclusions()
        self.lazy = False
        """Leave out sets that nothing was ever counted in."""

    def values(self) -> Iterator[tuple[MetricSet, str, str, int | Histogram]]:
        """Yield ``(set, key, kind, value)`` for everything that is wanted."""
        segments = self._segments()
        for metrics in self._table:
            if self.exclusions.excludes_set(metrics) or (
                self.lazy and not _touched(metrics, segments)
            ):
                continue
            for key, kind in metrics.layout.keys:
                if self.exclusions.excludes_key(key):
                    continue
                slot = metrics.slot + metrics.layout.offset(key)
                if kind == HISTOGRAM:
                    yield metrics, key, kind, Histogram(segments, slot)
                else:
                    yield metrics, key, kind, sum(values[slot] for values in segments)

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
