"""Reasons to doubt: each is told where it holds, and none where nothing is uncommon."""

from __future__ import annotations

import pandas as pd
import pytest

from perflab.analyze.pairs import compare
from perflab.analyze.stability import doubts

PAIRS = 24


def samples(baseline=1.0, optimized=0.5, **columns):
    """Return samples of two steady arms; a column may be a number or a function of the pair."""
    rows = []
    for pair in range(PAIRS):
        for arm, seconds in (("baseline", baseline), ("optimized", optimized)):
            taken = seconds(pair) if callable(seconds) else seconds
            rows.append({"arm": arm, "pair": pair, "wall_s": taken * (1 + 0.001 * (pair % 5))})
    common = {"workload": "w", "state": "any", "workers": pd.NA, "purpose": "time", "error": None}
    return pd.DataFrame(rows).assign(**common, **columns)


def said(frame):
    arms = {arm: rows.set_index("pair")["wall_s"].to_dict() for arm, rows in frame.groupby("arm")}
    return doubts(frame, compare(arms["baseline"], arms["optimized"]))


def test_nothing_is_said_of_steady_samples():
    assert said(samples(others_cpu_ratio=0.02, steal_ratio=0.0)) == []


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (samples(others_cpu_ratio=0.4), "other programs used 40% of all cores"),
        (samples(steal_ratio=0.05), "the hypervisor took 5% of the CPU time"),
        (samples(baseline=lambda pair: 1.0 + 0.2 * (pair % 2)), "the baseline differs from itself by 20%"),
        (samples(optimized=lambda pair: 0.5 if pair < 12 else 0.6), "the optimized took 20% more time in the second"),
        (samples(optimized=lambda pair: 5.0 if pair % 5 == 2 else 0.5), "of the samples are outliers"),
        (samples(optimized=lambda pair: 0.5 + 0.1 * (pair % 3)), "the interval is"),
    ],
)
def test_what_is_uncommon_is_named(frame, reason):
    assert any(reason in sentence for sentence in said(frame)), said(frame)


def test_warm_ups_and_memory_runs_raise_no_doubt():
    frame = samples(others_cpu_ratio=0.0)
    odd = frame.assign(others_cpu_ratio=0.9, wall_s=99.0)
    steady = compare(*(rows.set_index("pair")["wall_s"].to_dict() for _, rows in frame.groupby("arm")))
    assert doubts(pd.concat([frame, odd.assign(pair=-1), odd.assign(purpose="memory")]), steady) == []
