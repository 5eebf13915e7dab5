from __future__ import annotations

import math

import numpy as np
import pandas as pd
import present_frames as made
import pytest
from test_report import hostile

from perflab.present.families import BUCKETS_S, Family, families
from perflab.present.report import ReportData
from perflab.record.semconv import NAMES

NO_METRICS, NO_TARGETS = made.metrics().head(0), made.targets().head(0)


def of_metrics(rows: list[tuple[str, float, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["name", "value", "unit"])


def told(data: ReportData) -> dict[str, Family]:
    found = families(data)
    assert len({family.name for family in found}) == len(found)
    return {family.name: family for family in found}


def values(family: Family) -> dict[tuple[tuple[str, str], ...], float]:
    return {sample.labels: sample.value for sample in family.samples}


def test_counts_are_counts_over_the_frames() -> None:
    data = made.typical()
    accesses = data.tables["accesses"]
    found = values(told(data)["perflab.cache.events"])
    assert sum(found.values()) == len(accesses)
    hits = accesses[(accesses["event"] == "hit") & (accesses["tier"] == "l3")]
    assert found[(("event", "hit"), ("tier", "l3"))] == len(hits) > 0


def test_a_histogram_counts_the_durations_at_or_below_each_bound() -> None:
    data = made.typical()
    operations = data.tables["operations"]
    for sample in told(data)["perflab.operation.duration"].samples:
        ((_, name),) = sample.labels
        seconds = operations.loc[operations["name"] == name, "duration_s"].dropna()
        assert sample.value == pytest.approx(seconds.sum())
        assert sample.buckets == (*[int((seconds <= bound).sum()) for bound in BUCKETS_S], len(seconds))


def test_of_each_resource_the_last_known_sample_is_told() -> None:
    rows = {"rss_bytes": [1, 2, None], "cpu_ratio": [0.1, 0.2, 0.3], "threads": [None, None, None]}
    data = ReportData({}, NO_METRICS, NO_TARGETS, {"resources": made.frame("resources", rows)})
    found = told(data)
    assert values(found["process.memory.usage"]) == {(): 2.0}
    assert values(found["system.cpu.utilization"]) == {(): 0.3}
    assert found["process.thread.count"].samples == ()


def test_metrics_of_a_workload_say_which_in_which_state_and_by_which_arm() -> None:
    of_workloads = [("documents.time", 2.0, "s"), ("documents.time_naive", 9.0, "s"), ("documents.warm.time", 0.5, "s")]
    of_caches = [("cache.hit_rate", 0.75, "ratio"), ("cache.memory", math.nan, "bytes")]
    rows = [*of_workloads, *of_caches, ("parse.p95", 0.1, "s")]
    found = told(ReportData({}, of_metrics(rows), NO_TARGETS, {}))
    assert values(found["perflab.workload.duration"]) == {
        (("workload", "documents"), ("arm", "optimized")): 2.0,
        (("workload", "documents"), ("arm", "baseline")): 9.0,
        (("workload", "documents"), ("state", "warm"), ("arm", "optimized")): 0.5,
    }
    assert values(found["perflab.cache.hit_ratio"]) == {(): 0.75}
    assert found["perflab.cache.memory.usage"].samples == ()  # not measured is not 0
    assert not any(sample.value == 0.1 for family in found.values() for sample in family.samples)


def test_each_target_has_one_verdict() -> None:
    data = made.typical()
    found = told(data)
    verdicts = {dict(s.labels)["target"]: dict(s.labels)["verdict"] for s in found["perflab.target.verdict"].samples}
    assert verdicts == dict(zip(data.targets["expression"], data.targets["verdict"], strict=True))
    passed = {dict(sample.labels)["target"] for sample in found["perflab.target.passed"].samples if sample.value == 1}
    assert passed == set(data.targets.loc[data.targets["verdict"] == "pass", "expression"])


def test_every_metric_with_a_name_of_its_own_has_a_family_even_before_it_is_measured() -> None:
    empty = told(ReportData({}, NO_METRICS, NO_TARGETS, {}))
    full = told(made.typical())
    assert set(empty) == set(full)
    named = {known.name for known in NAMES if known.frame in ("metrics", "resources") and known.kind != "attribute"}
    assert named <= set(empty)
    assert [family.name for family in empty.values() if family.samples] == ["perflab.run.info", "perflab.rows.dropped"]


def test_labels_hold_hostile_text_inert_and_short() -> None:
    labels = [value for family in families(hostile()) for sample in family.samples for _, value in sample.labels]
    assert any("HYPERLINK" in value for value in labels)
    assert all(len(value) <= 120 and value.isprintable() for value in labels)


def test_dropped_rows_are_told() -> None:
    accesses = made.empty()["accesses"]
    accesses.attrs["rows_dropped"] = 7
    found = told(ReportData({}, NO_METRICS, NO_TARGETS, {"accesses": accesses}))
    assert values(found["perflab.rows.dropped"]) == {(): 7.0}


def test_operations_without_a_duration_are_counted_nowhere() -> None:
    rows = {"name": ["a", "a"], "duration_s": [np.nan, 0.2], "ok": pd.array([None, False], "boolean")}
    data = ReportData({}, NO_METRICS, NO_TARGETS, {"operations": made.frame("operations", rows)})
    (sample,) = told(data)["perflab.operation.duration"].samples
    assert sample.buckets[-1] == 1
    assert values(told(data)["perflab.operation.errors"]) == {(("operation", "a"),): 1.0}
