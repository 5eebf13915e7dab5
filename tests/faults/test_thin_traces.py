"""Traces that tell nothing: no recommendation is made of them, and none that they allow is false."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contract import pipeline

import perflab
from perflab.errors import SourceError
from perflab.trace import Trace

NOT_ENOUGH = "not enough data"


def trace(keys: list[int], costs: list[float] | None = None) -> Trace:
    labels = [f"key {number}" for number in range(max(keys, default=-1) + 1)]
    sizes, times = np.full(len(keys), 100), np.arange(len(keys), dtype=float)
    return Trace(np.array(keys, dtype=np.int32), labels, sizes, times, None if costs is None else np.array(costs))


def check_no_recommendation(made: Trace) -> None:
    found = perflab.whatif(made)
    recommendation = found.recommend()
    assert (recommendation.verdict, recommendation.setting) == (NOT_ENOUGH, None), recommendation
    assert NOT_ENOUGH in str(recommendation)
    found.frame()
    assert found._repr_html_()


@pytest.mark.fault("trace empty")
def test_of_an_empty_trace_nothing_is_recommended(tmp_path: Path) -> None:
    check_no_recommendation(trace([]))
    (tmp_path / "empty.csv").write_text("time,key,size\n")
    with pytest.raises(SourceError, match="empty"):
        perflab.read_trace(tmp_path / "empty.csv")


@pytest.mark.fault("trace of one key")
@pytest.mark.parametrize("count", [1, 2, 5_000])
def test_of_one_key_nothing_is_recommended(count: int) -> None:
    check_no_recommendation(trace([0] * count))


@pytest.mark.fault("trace of misses alone")
@pytest.mark.parametrize("count", [2, 5_000])
def test_of_misses_alone_nothing_is_recommended(count: int) -> None:
    made = trace(list(range(count)))
    check_no_recommendation(made)
    assert perflab.whatif(made).hit_rate("lru", 10**9) == 0


@pytest.mark.fault("trace with NaN costs")
@pytest.mark.parametrize("cost", [math.nan, math.inf, -math.inf, -1.0])
def test_costs_that_are_none_are_left_out_and_change_no_answer(cost: float) -> None:
    keys = [number % 60 for number in range(3_000)]
    plain, odd = perflab.whatif(trace(keys)), perflab.whatif(trace(keys, [cost] * len(keys)))
    assert odd.hit_rate("lru", 3_000) == plain.hit_rate("lru", 3_000)
    for policy in ("lru", "gdsf"):
        rate = odd.hit_rate(policy, 6_000)
        assert 0 <= rate <= 1
    frame = odd.frame()
    assert not frame.select_dtypes("number").isin([math.inf, -math.inf]).any().any()


@pytest.mark.fault("trace empty")
@pytest.mark.fault("trace of one key")
@pytest.mark.fault("trace of misses alone")
@pytest.mark.parametrize(
    "keys", [[], ["one"] * 50, [f"key {number}" for number in range(50)]], ids=["none", "one", "once"]
)
def test_a_system_with_such_accesses_changes_no_setting(tmp_path: Path, keys: list[Any]) -> None:
    with pipeline(tmp_path / "c", l1_bytes=100_000) as system:
        for key in keys:
            system.cache.get(key)
        before = system.config
        result = system.optimize()
        assert {row["verdict"] for row in result.rows} <= {NOT_ENOUGH, "no change"}
        assert system.config == before
        assert system.report(tmp_path / "report.md").read_text().count("unavailable") > 0
