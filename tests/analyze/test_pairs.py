"""Comparisons of two arms, on synthetic noise whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from perflab.analyze import pairs
from perflab.record import columns


def machine(n, effect, seed):
    """Simulate a noisy host: slow drift, spells of load and log-normal noise on n interleaved blocks of two arms."""
    rng = np.random.default_rng(seed)
    place = np.arange(2 * n)
    drift = 0.3 * np.sin(place / (0.7 * n) + rng.uniform(0, 6)) + 0.2 * place / (2 * n)
    spell = 0.5 * (rng.random(2 * n) < 0.05)
    seconds = np.exp(drift + spell + 0.05 * rng.standard_normal(2 * n))
    baseline, other = {}, {}
    for block in range(n):
        first, second = (2 * block, 2 * block + 1) if block % 4 in (0, 3) else (2 * block + 1, 2 * block)
        baseline[block], other[block] = seconds[first], seconds[second] * effect
    return baseline, other


def test_equal_arms_on_a_drifting_host_are_rarely_called_different():
    found = [pairs.compare(*machine(48, 1.0, seed)) for seed in range(300)]
    alarms = sum(not comparison.low <= 1 <= comparison.high for comparison in found)
    assert alarms / len(found) <= 0.10  # even without the band of equality
    assert not any(comparison.verdict in ("faster", "slower") for comparison in found)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    covered = 0
    for seed in range(300):
        found = pairs.compare(*machine(48, 0.9, seed))
        covered += found.low <= 0.9 <= found.high
    assert covered / 300 >= 0.90


def test_a_ten_percent_effect_is_found():
    found = [pairs.compare(*machine(96, 0.9, seed)) for seed in range(50)]
    assert sum(comparison.verdict == "faster" for comparison in found) >= 45
    assert not any(comparison.verdict == "slower" for comparison in found)


def test_the_slower_arm_is_found_too():
    assert pairs.compare(*machine(96, 1.3, 1)).verdict == "slower"


def test_blocks_that_one_arm_lacks_are_left_out():
    found = pairs.compare({0: 2.0, 1: 2.0, 5: 9.0}, {1: 1.0, 0: 1.0, 6: 9.0})
    assert (found.pairs, found.ratio) == (2, 0.5)
    assert found.verdict == "unclear"
    assert math.isnan(found.low)


def test_nothing_in_common_is_unclear():
    found = pairs.compare({}, {0: 1.0})
    assert found.pairs == 0
    assert math.isnan(found.ratio)
    assert found.verdict == "unclear"


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.90, 0.969, "faster"),
        (0.90, 0.97, "unclear"),
        (0.97, 1.03, "same"),
        (0.96, 1.03, "unclear"),
        (1.031, 1.2, "slower"),
        (1.03, 1.2, "unclear"),
        (math.nan, math.nan, "unclear"),
    ],
)
def test_the_verdict_needs_the_whole_interval(low, high, verdict):
    assert pairs.judge_ratio(low, high) == verdict


def test_the_noise_floor_in_quads_compares_halves_of_a_quad_alone():
    samples = {0: 1.0, 1: 1.0, 2: 2.0, 3: 2.0}
    assert pairs.noise_floor(samples, quads=True) == 0
    assert pairs.noise_floor({0: 1.0, 1: 2.0, 2: 1.0}) == pytest.approx(1.0)
    assert math.isnan(pairs.noise_floor({0: 1.0, 2: 1.0}))


def test_outliers_are_outside_the_fences():
    values = [1.0, 2.0, 3.0, 4.0, 5.0]  # quartiles 2 and 4: fences at -1 and 7
    assert pairs.outliers([*values, 6.9]).tolist() == [False] * 6
    assert pairs.outliers([*values, 30.0]).tolist() == [False] * 5 + [True]
    assert pairs.outliers([1.0, 1.0, 100.0]).tolist() == [False] * 3


def test_flags_are_an_arms_own_and_drop_nothing():
    rows = [
        {"workload": "w", "state": "any", "arm": arm, "purpose": "time", "pair": pair, "wall_s": seconds}
        for arm, scale in (("baseline", 1.0), ("optimized", 0.01))
        for pair, seconds in enumerate([scale, 1.1 * scale, 0.9 * scale, scale, 5 * scale])
    ]
    rows.append({**rows[0], "pair": -1, "wall_s": 99.0})
    samples = pd.DataFrame(rows).reindex(columns=[column.name for column in columns("samples")])
    flagged = pairs.flag_outliers(samples)
    assert len(flagged) == len(samples)
    assert list(flagged["outlier"].fillna(False)) == [False] * 4 + [True] + [False] * 4 + [True, False]
    assert flagged["outlier"].isna().tolist() == [False] * 10 + [True]
    assert samples["outlier"].isna().all()
