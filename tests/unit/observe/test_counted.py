"""Sets that come into being while the proxy runs."""

import pytest

from pymosn.observe.counted import CountedSets
from pymosn.observe.metrics import GRPC_METHOD, RPC_METHOD, SlotTable
from pymosn.observe.sinks import Histogram, Metrics, services
from pymosn.observe.slots import HISTOGRAM_SLOTS
from pymosn.proxy.grpc_call import GrpcCall
from pymosn.proxy.methods import MAX_METHODS, MAX_NAME, GrpcMethods, RpcMethods

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
    taken = {method: values for _, method, values in methods.take()}
    assert len(taken) == MAX_METHODS + 1
    assert taken[b"/s/m1"][0] == 2
    assert taken[b"other"][0] == 6
    assert methods.take() == []
    methods.count(b"/s/m1", call, 10)
    assert [(method, values[0]) for _, method, values in methods.take()] == [(b"/s/m1", 1)]


def rpc_counts(methods):
    keys = [key for key, _ in RPC_METHOD.keys][:6]
    return {
        (service, method): dict(zip(keys, values, strict=False))
        for service, method, values in methods.take()
    }


def test_calls_of_rpc_by_status():
    methods = RpcMethods()
    for status in (200, 200, 404, 503, 302):
        methods.count(b"s", b"m", status, answered=True, duration=10)
    methods.count(b"s", b"m", 504, answered=False, duration=10)
    assert rpc_counts(methods) == {
        (b"s", b"m"): {
            "request_total": 6, "request_failed": 3, "status_2xx": 2, "status_3xx": 1,
            "status_4xx": 1, "status_5xx": 2,
        }
    }  # fmt: skip
    assert methods.take() == []


def test_names_that_no_host_has_served_are_not_counted_for():
    methods = RpcMethods()
    methods.count(b"made", b"up", 404, answered=True, duration=1)
    methods.count(b"made", b"up", 200, answered=False, duration=1)
    methods.count(b"", b"up", 404, answered=True, duration=1)
    methods.count(b"s", b"m" * (MAX_NAME + 1), 200, answered=True, duration=1)
    assert {key: found["request_total"] for key, found in rpc_counts(methods).items()} == {
        (b"other", b"other"): 4
    }


def test_so_many_methods_are_counted_for():
    methods = RpcMethods()
    for index in range(MAX_METHODS + 7):
        methods.count(b"s%d" % (index % 9), b"m%d" % index, 200, answered=True, duration=1)
    counts = rpc_counts(methods)
    assert len(counts) == MAX_METHODS + 1
    assert counts[b"other", b"other"]["request_total"] == 7


def test_the_sets_of_a_listener_go_with_it():
    sets = CountedSets(1000)
    sets.add("grpc", LABELS, counted(2, [5, 9]))
    sets.add("grpc", {"listener": "gone", "method": "/a/b"}, counted(3, [1]))
    sets.keep_only(["l"])
    sets.add("grpc", {"listener": "gone", "method": "/a/b"}, counted(3, [1]))
    sets.add("grpc", LABELS, counted(1, [1]))
    found = read(sets)
    assert found["/a/b", "request_total"] == 3
    assert found["/a/b", "request_time"].total == 15
    assert len(list(sets.table)) == 1


def test_the_list_of_services():
    sets = CountedSets(1000)
    sets.add("grpc", {"listener": "l", "method": "/a.B/c"}, counted(2, [1000000]))
    values = [0] * RPC_METHOD.size
    values[:6] = [5, 2, 3, 0, 1, 1]
    sets.add("rpc", {"listener": "l", "service": "s", "method": "m"}, values)
    grpc, rpc = services(Metrics(SlotTable(), list, counted=sets))
    assert (grpc["kind"], grpc["service"], grpc["method"]) == ("grpc", "a.B", "c")
    assert (grpc["requests"], grpc["milliseconds"]["max"]) == (2, 1.0)
    assert (rpc["kind"], rpc["service"], rpc["method"]) == ("rpc", "s", "m")
    assert (rpc["requests"], rpc["failures"]) == (5, 2)
    assert rpc["statuses"] == {"2xx": 3, "4xx": 1, "5xx": 1}
