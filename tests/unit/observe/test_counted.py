"""Sets that come into being while the proxy runs."""

import pytest

from pymosn.observe.counted import CountedSets
from pymosn.observe.metrics import GRPC_METHOD, SlotTable
from pymosn.observe.sinks import Histogram, Metrics
from pymosn.observe.slots import HISTOGRAM_SLOTS
from pymosn.proxy.grpc import MAX_METHODS, MAX_NAME, GrpcMethods
from pymosn.proxy.grpc_call import GrpcCall

LABELS = {"listener": "l", "method": "/a/b"}
TIME = GRPC_METHOD.offset("request_time")


def counted(total, durations):
    """What a worker reports for so many calls."""
    values = [0] * GRPC_METHOD.size
    values[0] = total
    values[TIME : TIME + 4] = [len(durations), sum(durations), min(durations), max(durations)]
    values[TIME + 4] = len(durations)
    return values


def read(sets):
    metrics = Metrics(SlotTable(), list, counted=sets)
    return {(dict(m.labels)["method"], key): value for m, key, _, value in metrics.values()}


def test_reports_add_up():
    sets = CountedSets(1000)
    sets.add("grpc", LABELS, counted(2, [5, 9]))
    sets.add("grpc", LABELS, counted(1, [3]))
    sets.add("grpc", {**LABELS, "method": "/a/c"}, counted(7, [1]))
    found = read(sets)
    assert found["/a/b", "request_total"] == 3
    assert found["/a/c", "request_total"] == 7
    histogram = found["/a/b", "request_time"]
    assert isinstance(histogram, Histogram)
    assert (histogram.count, histogram.total) == (3, 17)
    assert (histogram.minimum, histogram.maximum) == (3, 9)
    assert histogram.buckets[0] == 3


def test_what_does_not_fit_is_lost():
    sets = CountedSets(GRPC_METHOD.size)
    sets.add("grpc", LABELS, counted(1, [1]))
    sets.add("grpc", {**LABELS, "method": "/a/c"}, counted(1, [1]))
    assert {method for method, _ in read(sets)} == {"/a/b"}


def test_a_report_of_another_form_is_refused():
    with pytest.raises(ValueError, match="slots"):
        CountedSets(1000).add("grpc", LABELS, [0] * HISTOGRAM_SLOTS)


def test_methods_are_counted_when_an_upstream_knows_them():
    """``GrpcCall`` is the proxy's alone to fill in, so only calls of unknown end can be made."""
    methods = GrpcMethods()
    call = GrpcCall()
    assert call.status == 0
    for index in range(MAX_METHODS + 5):
        methods.count(b"/s/m%d" % index, call, 10)
    methods.count(b"/" + b"x" * MAX_NAME, call, 10)
    methods.count(b"/s/m1", call, 10)
    taken = dict(methods.take())
    assert len(taken) == MAX_METHODS + 1
    assert taken["/s/m1"][0] == 2
    assert taken["other"][0] == 6
    assert methods.take() == []
    methods.count(b"/s/m1", call, 10)
    assert dict(methods.take())["/s/m1"][0] == 1
