"""Merging segments and writing them, against segments that no worker wrote."""

import json
from collections.abc import Sequence

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pymosn.observe.metrics import (
    DOWNSTREAM,
    UPSTREAM_CLUSTER,
    UPSTREAM_HOST,
    DownstreamStats,
    SlotTable,
)
from pymosn.observe.sinks import (
    Exclusions,
    Metrics,
    console_json,
    matching_lines,
    retired_slots,
)
from pymosn.observe.slots import Slots
from pymosn.snapshot import Cluster, Host, Listener, Snapshot

MS = 1_000_000


class World:
    """Two workers, a listener, a cluster with two hosts."""

    def __init__(self) -> None:
        self.table = SlotTable(4096)
        self.listener = self.table.slot(DOWNSTREAM, listener="web")
        self.other = self.table.slot(DOWNSTREAM, listener="other")
        self.table.slot(DOWNSTREAM, proxy="global")
        self.cluster = self.table.slot(UPSTREAM_CLUSTER, cluster="c")
        self.hosts = [
            self.table.slot(UPSTREAM_HOST, cluster="c", host=host) for host in ("a:1", "b:1")
        ]
        self.workers = [Slots(memoryview(bytearray(4096 * 8))) for _ in range(2)]
        self.metrics = Metrics(self.table, self.segments)

    def segments(self) -> Sequence[memoryview]:
        return [worker.values for worker in self.workers]

    def count(self, worker: int, slot: int, key: str, amount: int) -> None:
        layout = DOWNSTREAM if slot in (self.listener, self.other) else UPSTREAM_CLUSTER
        self.workers[worker].values[slot + layout.offset(key)] += amount

    def observe(self, worker: int, duration: int) -> None:
        stats = DownstreamStats(self.workers[worker], self.listener)
        stats.request_finished(200, duration, 0, False)

    def samples(self, percentiles: Sequence[int] = ()) -> dict[str, float]:
        text = "".join(self.metrics.families(percentiles).text())
        found = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))
                found[f"{sample.name}{{{labels}}}"] = sample.value
        return found


@pytest.fixture
def world() -> World:
    return World()


def test_counters_are_added_over_workers_and_into_totals(world: World) -> None:
    world.count(0, world.listener, "request_total", 3)
    world.count(1, world.listener, "request_total", 4)
    world.count(1, world.other, "request_total", 10)
    samples = world.samples()
    assert samples["downstream_request_total{listener=web}"] == 7
    assert samples["downstream_request_total{proxy=global}"] == 17


def test_a_cluster_is_the_sum_of_its_hosts_and_itself(world: World) -> None:
    world.count(0, world.hosts[0], "request_total", 1)
    world.count(1, world.hosts[1], "request_total", 2)
    world.count(0, world.cluster, "request_retry", 5)
    samples = world.samples()
    assert samples["upstream_request_total{cluster=c,host=b:1}"] == 2
    assert samples["upstream_request_total{cluster=c}"] == 3
    assert samples["upstream_request_retry_total{cluster=c}"] == 5


def test_histograms(world: World) -> None:
    world.observe(0, 2 * MS)
    world.observe(1, 7 * MS)
    world.observe(1, 70_000 * MS)
    samples = world.samples([50])
    label = "listener=web"
    assert samples[f"downstream_request_time_min{{{label}}}"] == 2 * MS
    assert samples[f"downstream_request_time_max{{{label}}}"] == 70_000 * MS
    assert samples["downstream_request_time_seconds_bucket{le=0.0025,listener=web}"] == 1
    assert samples["downstream_request_time_seconds_bucket{le=60.0,listener=web}"] == 2
    assert samples["downstream_request_time_seconds_bucket{le=+Inf,listener=web}"] == 3
    assert samples[f"downstream_request_time_seconds_count{{{label}}}"] == 3
    assert samples[f"downstream_request_time_seconds_sum{{{label}}}"] == pytest.approx(70.009)
    median = samples[f"downstream_request_time{{{label},percentile=P50}}"]
    assert 5 * MS <= median <= 10 * MS
    assert samples["downstream_request_time_seconds_count{proxy=global}"] == 3


def test_the_text_is_mosns(world: World) -> None:
    world.count(0, world.listener, "connection_active", 2)
    text = "".join(world.metrics.families().text())
    assert "# TYPE downstream_connection_active gauge\n" in text
    assert 'downstream_connection_active{listener="web"} 2.0\n' in text
    assert text.count("# TYPE upstream_request_total counter\n") == 1


def test_labels_are_escaped() -> None:
    table = SlotTable(1024)
    table.slot(DOWNSTREAM, listener='we"b\\\n')
    segment = memoryview(bytearray(1024 * 8)).cast("q")
    text = "".join(Metrics(table, lambda: [segment]).families().text())
    assert 'listener="we\\"b\\\\\\n"' in text
    list(text_string_to_metric_families(text))


@pytest.mark.parametrize(
    ("exclusions", "left"),
    [
        (Exclusions(reject_all=True), set()),
        (Exclusions(labels=["host"]), {"listener", "proxy", "cluster"}),
        (Exclusions(labels=["cluster"]), {"listener", "proxy"}),
    ],
)
def test_exclusions(world: World, exclusions: Exclusions, left: set[str]) -> None:
    world.metrics.exclusions = exclusions
    assert {found.labels[-1][0] for found, _, _ in world.metrics.text_values()} == left


def test_excluded_keys(world: World) -> None:
    world.metrics.exclusions = Exclusions(keys=["request_total", "request_time"])
    keys = {key for _, key, _ in world.metrics.text_values()}
    assert "request_reset" in keys
    assert not {"request_total", "request_time_min"} & keys


def test_lazily(world: World) -> None:
    world.metrics.lazy = True
    assert list(world.metrics.text_values()) == []
    world.count(0, world.hosts[0], "request_total", 1)
    shown = {found.labels for found, _, _ in world.metrics.text_values()}
    assert shown == {(("cluster", "c"),), (("cluster", "c"), ("host", "a:1"))}


def test_what_is_gone_is_not_shown_but_counts(world: World) -> None:
    world.count(0, world.other, "request_total", 5)
    world.count(0, world.hosts[1], "request_total", 2)
    host = Host(address="a:1", stats_slot=world.hosts[0])
    snapshot = Snapshot(
        listeners=[Listener(name="web", address="x", stats_slot=world.listener)],
        clusters={"c": Cluster(name="c", hosts=[host], stats_slot=world.cluster)},
    )
    world.metrics.retired = retired_slots(world.table, snapshot)
    samples = world.samples()
    assert "downstream_request_total{listener=other}" not in samples
    assert "upstream_request_total{cluster=c,host=b:1}" not in samples
    assert samples["downstream_request_total{proxy=global}"] == 5
    assert samples["upstream_request_total{cluster=c}"] == 2


def test_the_console_form(world: World) -> None:
    world.count(0, world.hosts[0], "request_total", 1)
    document = json.loads(console_json(world.metrics))
    assert document["upstream"]["cluster.c.host.a:1"]["request_total"] == "1"
    assert document["downstream"]["listener.web"]["request_time_min"] == "0"
    only = json.loads(console_json(world.metrics, "upstream.cluster.c"))
    assert set(only["upstream"]) == {"cluster.c", "cluster.c.host.a:1", "cluster.c.host.b:1"}
    assert console_json(world.metrics, "nothing") == "{}"


def test_globs(world: World) -> None:
    world.count(0, world.hosts[0], "request_total", 1)
    found = list(matching_lines(world.metrics, "upstream.*.request_total"))
    assert found == [
        "upstream.cluster.c.request_total:1",
        "upstream.cluster.c.host.a:1.request_total:1",
        "upstream.cluster.c.host.b:1.request_total:0",
    ]
