"""Intervals against oracles that are worked out another way."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.analyze import intervals

floats = st.floats(-1e6, 1e6)


def binomial_bounds(values, confidence):
    """Return the innermost symmetric order statistics that cover the median with the confidence, by counting."""
    ordered, n = sorted(values), len(values)
    best = (math.nan, math.nan)
    for k in range(1, n // 2 + 1):
        outside = 2 * sum(math.comb(n, i) for i in range(k)) / 2**n
        if 1 - outside >= confidence:
            best = ordered[k - 1], ordered[n - k]
    return best


@settings(deadline=None, max_examples=100)
@given(st.lists(floats, min_size=1, max_size=60), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_the_median_has_the_binomial_order_statistics(values, confidence):
    found = intervals.median(values, confidence)
    low, high = binomial_bounds(values, confidence)
    assert found.n == len(values)
    assert math.isclose(found.value, float(np.median(values)), abs_tol=1e-9)
    if math.isnan(low):
        assert math.isnan(found.low)
        assert math.isnan(found.high)
        assert "too few" in found.method
    else:
        assert (found.low, found.high) == (low, high)


def test_six_observations_are_the_fewest_with_a_95_percent_interval():
    assert math.isnan(intervals.median([1.0] * 5).low)
    assert intervals.median([1.0] * 6).low == 1.0


def test_nothing_observed_is_nan_everywhere():
    for found in (
        intervals.median([]),
        intervals.few([]),
        intervals.share(0, 0),
    ):
        assert found.n == 0
        assert all(math.isnan(number) for number in (found.value, found.low, found.high))


def test_few_runs_have_their_range_and_say_so():
    assert intervals.few([3.0, 1.0, 2.0]).low == 1.0
    assert "not a 95 % interval" in intervals.few([3.0, 1.0]).method
    assert math.isnan(intervals.few([3.0]).low)
    assert "exact" in intervals.few([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).method


def test_a_share_has_wilsons_interval():
    n, p, z = 100, 0.9, 1.959964
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    found = intervals.share(90, 100)
    assert math.isclose(found.low, centre - half, rel_tol=1e-6)
    assert math.isclose(found.high, centre + half, rel_tol=1e-6)


def test_a_lower_bound_has_no_upper_one():
    found = intervals.at_least(7, 3, "greatest of 3")
    assert (found.value, found.low, found.n) == (7.0, 7.0, 3)
    assert math.isnan(found.high)


positive = st.floats(1e-3, 1e3)


@settings(deadline=None, max_examples=100)
@given(st.lists(positive, min_size=8, max_size=30), st.lists(positive, min_size=8, max_size=30))
def test_a_shift_beyond_the_bounds_is_seen_by_the_rank_sum_test_and_one_within_is_not(before, after):
    """At the bounds the count of pairs below, which is the test's U, is what the normal approximation allows."""
    found = intervals.shift_ratio(before, after, 0.95)
    assert found.low <= found.value <= found.high
    pairs = np.divide.outer(np.array(after), np.array(before)).ravel()
    middle, spread = len(pairs) / 2, math.sqrt(len(pairs) * (len(before) + len(after) + 1) / 12)
    below = np.count_nonzero(pairs < found.low * (1 - 1e-9))
    not_above = np.count_nonzero(pairs <= found.low * (1 + 1e-9))
    assert below <= middle - 1.9599 * spread
    assert not_above >= middle - 1.96 * spread - 1
    assert found.value == pytest.approx(np.exp(np.median(np.log(pairs))))


@settings(deadline=None, max_examples=50)
@given(st.lists(positive, min_size=8, max_size=30), st.lists(positive, min_size=8, max_size=30))
def test_the_other_way_round_a_shift_is_the_reciprocal(before, after):
    there, back = intervals.shift_ratio(before, after), intervals.shift_ratio(after, before)
    assert (1 / back.value, 1 / back.high, 1 / back.low) == pytest.approx((there.value, there.low, there.high))


def test_a_true_shift_is_within_the_bounds_as_often_as_they_say():
    random = np.random.default_rng(7)
    inside = 0
    for _ in range(400):
        found = intervals.shift_ratio(random.lognormal(0, 0.5, 60), 2 * random.lognormal(0, 0.5, 25), 0.95)
        inside += found.low <= 2 <= found.high
    assert 0.93 <= inside / 400 <= 0.98


def test_too_few_have_no_bounds():
    found = intervals.shift_ratio([1.0, 2.0], [3.0])
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert intervals.shift_ratio([], [1.0]).n == 0
