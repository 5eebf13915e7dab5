"""Two metrics frames side by side, conditions on them, and changes of level over many runs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from perflab.analyze.changes import change_points, pettitt
from perflab.analyze.metrics import Metric, table
from perflab.analyze.runs import compare_metrics, gate, ratios
from perflab.errors import ConfigError


def metric(name, value, low, high, unit="s"):
    return Metric(name, value, low, high, unit, "unavailable" if math.isnan(value) else "measured", "by hand", 10)


A = table([metric("w.time", 2.0, 1.9, 2.1), metric("w.warm.time", 1.0, 0.9, 1.1), metric("x.p95", 1.0, math.nan, 1.2)])
B = table([metric("w.time", 2.4, 2.3, 2.5), metric("w.warm.time", 1.05, 0.95, 1.2), metric("x.p95", 1.0, 0.9, 1.2)])


def test_only_intervals_without_a_common_value_differ():
    found = compare_metrics(A, B).set_index("name")
    assert found["verdict"].to_dict() == {"w.time": "higher", "w.warm.time": "within noise", "x.p95": "no interval"}
    assert compare_metrics(B, A).set_index("name")["verdict"]["w.time"] == "lower"
    assert found["low"]["w.time"] == pytest.approx(2.3 / 2.1)
    assert found["high"]["w.time"] == pytest.approx(2.5 / 1.9)


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        ((1.0, 1.0, 1.0), (1.01, 1.01, 1.01), "no interval"),
        ((1.0, 1.0, 1.0), (3.0, 2.9, 3.1), "no interval"),
        ((3.0, 2.9, 3.1), (1.0, 1.0, 1.0), "no interval"),
        ((1.0, 1.0, 1.0), (1.0, 1.0, 1.0), "within noise"),
        ((1.0, 1.0, 1.0), (1.1, 0.9, 1.3), "within noise"),
        ((0.0, 0.0, 0.0), (0.02, 0.02, 0.02), "no interval"),
    ],
)
def test_a_reading_without_a_width_tells_nothing_of_other_runs(a, b, verdict):
    found = compare_metrics(table([metric("memory.current", *a)]), table([metric("memory.current", *b)]))
    assert found["verdict"].tolist() == [verdict]


def test_a_condition_on_exact_readings_judges_these():
    found = compare_metrics(
        table([metric("cache.memory", 1.0, 1.0, 1.0)]), table([metric("cache.memory", 1.2, 1.2, 1.2)])
    )
    assert gate(found, ["cache.memory_ratio > 1.10"])[0] == 1
    assert gate(found, ["cache.memory_ratio > 1.30"])[0] == 0


def test_a_metric_of_one_run_alone_is_shown_as_such():
    found = compare_metrics(A, table([metric("y.time", 1.0, 1.0, 1.0), metric("w.time", math.nan, 0, 0)]))
    assert found.set_index("name")["verdict"].to_dict() == {
        "w.time": "only in A",
        "w.warm.time": "only in A",
        "x.p95": "only in A",
        "y.time": "only in B",
    }


def test_the_time_ratio_is_the_greatest_of_all_states():
    assert ratios(compare_metrics(A, B))["time_ratio"] == ratios(compare_metrics(A, B))["w.time_ratio"]
    assert "memory_ratio" not in ratios(compare_metrics(A, B))


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("time_ratio > 1.05", 1),  # the whole interval, 1.10 to 1.32
        ("time_ratio > 1.20", 3),
        ("time_ratio > 1.40", 0),
        ("w.warm.time_ratio > 1.05", 3),
        ("no.such_ratio > 1", 1),
    ],
)
def test_a_condition_fails_if_the_whole_interval_meets_it(condition, code):
    assert gate(compare_metrics(A, B), [condition])[0] == code


@pytest.mark.parametrize(("name", "said"), [("w.time", "did you mean w.time_ratio"), ("q", "with _ratio behind them")])
def test_a_condition_on_what_is_no_ratio_says_how_to_name_one(name, said):
    assert gate(compare_metrics(A, B), [f"{name} > 1"])[1][0].endswith(said)


def test_a_condition_that_cannot_be_read_is_refused():
    with pytest.raises(ConfigError, match="position"):
        gate(compare_metrics(A, B), ["time_ratio == 1"])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 20), min_size=10, max_size=40))
def test_pettitts_statistic_is_mann_whitneys_at_the_best_cut(values):
    data = np.array(values, dtype=float)
    n = len(data)
    place, _ = pettitt(data)

    def distance(k):
        return abs(2 * mannwhitneyu(data[:k], data[k:]).statistic - k * (n - k))

    assert distance(place) == pytest.approx(max(map(distance, range(1, n))))


@pytest.mark.parametrize("seed", range(5))
def test_levels_are_found_where_they_begin(seed):
    noise = np.random.default_rng(seed).normal(0, 0.02, 60)
    levels = np.repeat([1.0, 1.2, 1.0], 20)
    found = change_points(list(levels + noise))
    assert {20, 40} <= set(found)
    assert len(found) <= 3  # one series in twenty has a change too many, at this level of significance


def test_noise_alone_has_few_changes():
    random = np.random.default_rng(1)
    alarms = sum(bool(change_points(list(random.normal(1, 0.1, 40)))) for _ in range(200))
    assert alarms <= 10


def test_few_runs_have_no_change():
    assert change_points([1.0] * 14 + [2.0] * 15) == []
