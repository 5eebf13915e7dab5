"""Bounds of means over accesses: they hold the truth, widen where accesses are alike, and pair what belongs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perflab.analyze.resample import Segments, mean_bounds, ratio_bounds


def test_bounds_hold_the_mean_and_are_wider_where_hits_come_in_runs():
    random = np.random.default_rng(2)
    even = random.random(4_000) < 0.7
    runs = np.sort(even.reshape(8, -1), axis=1).ravel()
    for hits in (even, runs):
        low, high = mean_bounds(hits)
        assert low <= hits.mean() <= high
    assert np.diff(mean_bounds(runs)) > 2 * np.diff(mean_bounds(even))


@pytest.mark.parametrize("count", [1, 7, 20, 1_003])
def test_sums_and_lengths_are_those_of_all_values(count):
    values = np.random.default_rng(count).random(count)
    found = Segments.of(values)
    assert found.sums.sum() == pytest.approx(values.sum())
    assert (found.lengths.sum(), found.mean) == (count, pytest.approx(values.mean()))


def test_bounds_cover_the_true_mean_about_as_often_as_they_say():
    random = np.random.default_rng(5)
    covered = 0
    for trial in range(200):
        low, high = mean_bounds(random.random(2_000) < 0.3, seed=trial)
        covered += low <= 0.3 <= high
    assert 170 <= covered <= 200


def test_a_pair_that_moves_together_has_narrow_bounds_and_equal_ones_have_none():
    random = np.random.default_rng(7)
    waits = Segments.of(random.exponential(size=2_000) * np.repeat(random.random(20), 100))
    tenth = Segments(waits.sums * 0.9, waits.lengths)
    assert ratio_bounds(waits, waits, paired=True) == (1.0, 1.0)
    low, high = ratio_bounds(tenth, waits, paired=True)
    assert low == pytest.approx(0.9)
    assert high == pytest.approx(0.9)
    low, high = ratio_bounds(tenth, waits, paired=False)
    assert low < 0.85
    assert high > 0.95
    assert all(map(math.isnan, ratio_bounds(waits, Segments(waits.sums * 0, waits.lengths), paired=True)))
