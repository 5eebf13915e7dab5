"""Intervals against oracles that are worked out another way."""

from __future__ import annotations

import math

import numpy as np
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
