"""Intervals over runs, against resampling written out run by run."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perflab.analyze import clusters, intervals


def made(runs=12, size=40, spread=1.0, seed=4):
    """Return runs whose observations lie close together, each run around a place of its own."""
    rng = np.random.default_rng(seed)
    return [rng.normal(rng.normal(10.0, spread), 0.01, size + run) for run in range(runs)]


def resampled(runs, strata, statistic, times=3000):
    """Return the percentile interval of a statistic of whole runs drawn within their stratum, one loop a resample."""
    rng = np.random.default_rng(11)
    members = [[i for i, of in enumerate(strata) if of == stratum] for stratum in dict.fromkeys(strata)]
    found = [
        statistic(np.concatenate([runs[i] for of in members for i in rng.choice(of, len(of))])) for _ in range(times)
    ]
    return np.quantile(found, [0.025, 0.975])


def nearest_rank(values, p=0.95):
    return np.sort(values)[max(1, math.ceil(p * values.size)) - 1]


@pytest.mark.parametrize("strata", [["x"] * 12, ["x"] * 6 + ["y"] * 6])
def test_mean_and_quantile_agree_with_resampling_itself(strata):
    runs = made()
    runs = [run * (50 if of == "y" else 1) for run, of in zip(runs, strata, strict=True)]
    pooled = np.concatenate(runs)
    for found, statistic in (
        (clusters.mean(runs, strata=strata), np.mean),
        (clusters.quantile(runs, 0.95, strata=strata), nearest_rank),
    ):
        low, high = resampled(runs, strata, statistic)
        assert found.value == pytest.approx(statistic(pooled))
        assert found.n == pooled.size
        assert found.low == pytest.approx(low, abs=0.2 * (high - low))
        assert found.high == pytest.approx(high, abs=0.2 * (high - low))
        assert "over runs" in found.method


def test_observations_of_one_run_do_not_narrow_the_interval():
    """A thousand observations that say the same as ten of their run are worth ten."""
    few, many = made(size=10), [np.repeat(run, 100) for run in made(size=10)]
    narrow, wide = clusters.mean(many), clusters.mean(few)
    assert (narrow.high - narrow.low) == pytest.approx(wide.high - wide.low, rel=1e-6)


def test_workloads_that_differ_do_not_widen_the_interval_of_their_mean():
    runs = [np.full(10, 1.0 + run / 1000) for run in range(6)] + [np.full(10, 50.0 + run / 1000) for run in range(6)]
    found = clusters.mean(runs, strata=["fast"] * 6 + ["slow"] * 6)
    assert found.high - found.low < 0.01
    mixed = clusters.mean(runs)
    assert mixed.high - mixed.low > 10


@pytest.mark.parametrize("strata", [["x"] * 5, ["x"] * 6 + ["y"] * 5])
def test_a_stratum_of_too_few_runs_has_no_interval(strata):
    runs = made(len(strata))
    for found in (clusters.mean(runs, strata=strata), clusters.quantile(runs, 0.9, strata=strata)):
        assert math.isnan(found.low)
        assert math.isnan(found.high)
        assert math.isfinite(found.value)
        assert "too few runs" in found.method


def test_the_quantile_is_seeded_and_has_no_bounds_at_the_greatest_value():
    runs = made()
    assert clusters.quantile(runs, 0.95, seed=1) == clusters.quantile(runs, 0.95, seed=1)
    greatest = clusters.quantile([np.array([1.0, 2.0])] * 6, 0.95)
    assert greatest.value == 2.0
    assert math.isnan(greatest.high)


def test_nothing_observed_is_nan_everywhere():
    for found in (clusters.mean([]), clusters.quantile([], 0.95), clusters.share_of_runs([], [])):
        assert found.n == 0
        assert all(math.isnan(number) for number in (found.value, found.low, found.high))


def test_runs_that_differ_widen_the_interval_of_a_share():
    uneven = clusters.share_of_runs([100, 100, 100, 100, 80, 80, 80, 80], [100] * 8)
    assert uneven.value == 0.9
    assert uneven.low < 0.88
    assert uneven.high > 0.92
    apart = clusters.share_of_runs([100, 100, 99, 100, 100, 99] + [81, 80] * 3, [100] * 12, strata=[1] * 6 + [2] * 6)
    assert apart.high - apart.low < 0.01


def test_runs_that_all_agree_are_worth_one_of_them():
    for counts, size in (([100] * 8, 100), ([0] * 12, 37), ([90] * 8, 100)):
        found, one = clusters.share_of_runs(counts, [size] * len(counts)), intervals.share(counts[0], size)
        assert (found.value, found.low, found.high) == (one.value, one.low, one.high)
        assert found.n == size * len(counts)
        assert "all runs agree" in found.method
    apart = clusters.share_of_runs([100] * 6 + [90] * 6, [100] * 12, strata=[1] * 6 + [2] * 6)
    assert "all runs agree" in apart.method
    assert apart.low < 0.95 < apart.high


def test_few_runs_count_as_one_and_one_run_is_its_accesses():
    two = clusters.share_of_runs([90, 92], [100, 100])
    assert (two.value, two.low) == (0.91, intervals.share(91, 100).low)
    assert "too few runs" in two.method
    assert clusters.share_of_runs([90], [100]) == intervals.share(90, 100)


def test_the_interval_of_sampled_clusters_holds_the_share_of_all():
    rng = np.random.default_rng(3)
    sizes = rng.geometric(0.02, 3_000)
    hits = np.maximum(sizes - rng.integers(1, 5, sizes.size), 0)
    truth, held = hits.sum() / sizes.sum(), 0
    for _ in range(300):
        kept = rng.random(sizes.size) < 0.1
        found = clusters.share_of_sampled(hits[kept], sizes[kept], 0.1)
        held += found.low <= truth <= found.high
    assert 270 <= held <= 297  # 95 % of 300, a fixed seed


def test_few_sampled_clusters_have_a_share_and_no_interval():
    found = clusters.share_of_sampled([1, 1], [1, 3], 0.1)
    assert found.value == 0.5
    assert math.isnan(found.low)
    assert math.isnan(clusters.share_of_sampled([], [], 0.1).value)


def test_all_clusters_have_an_exact_share():
    found = clusters.share_of_sampled([1] * 40, [2] * 40, 1.0)
    assert (found.low, found.value, found.high) == (0.5, 0.5, 0.5)
