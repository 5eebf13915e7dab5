"""Drift: an operation is held against its own history, with an interval; a change is told once."""

from __future__ import annotations

import numpy as np
import pytest

from perflab.optimize.drift import HISTORY, RECENT, Drift


def durations(seed, count, scale=0.01, spread=0.4):
    return np.random.default_rng(seed).lognormal(np.log(scale), spread, count)


def feed(drift, values, name="parse"):
    drift.take((name, float(value)) for value in values)
    return drift.slowest()


def test_a_true_slowdown_is_told_once_with_its_interval():
    drift = Drift(0.25)
    assert feed(drift, durations(1, 400)) is None
    found = feed(drift, durations(2, 4 * RECENT, scale=0.02))
    assert found.operation == "parse"
    assert 0.25 < found.low < found.growth < found.high
    assert found.low < 1.0 < found.high
    assert found.n == HISTORY + RECENT
    assert feed(drift, durations(3, 400, scale=0.02)) is None, "that is what it takes now"


def test_nothing_is_told_of_the_same_distribution():
    """Each trial makes some 20 judgements."""
    told = [feed(Drift(0.0), durations(seed, 800)) is not None for seed in range(100)]
    assert sum(told) <= 5


def test_a_true_change_is_found_in_most_trials():
    def trial(seed):
        drift = Drift(0.1)
        feed(drift, durations(seed, 400))
        return feed(drift, durations(1_000 + seed, 6 * RECENT, scale=0.015)) is not None

    assert sum(trial(seed) for seed in range(100)) >= 80


def test_faster_is_no_slowdown():
    drift = Drift(0.25)
    feed(drift, durations(1, 400))
    assert feed(drift, durations(2, 400, scale=0.001)) is None


def test_one_slow_stretch_is_none():
    drift = Drift(0.25)
    feed(drift, durations(1, 10 * RECENT))
    assert feed(drift, durations(2, RECENT, scale=0.1)) is None
    assert feed(drift, durations(3, 4 * RECENT)) is None


def test_each_operation_has_its_own_history():
    drift = Drift(0.25)
    feed(drift, durations(1, 400, scale=1.0), "slow")
    assert feed(drift, durations(2, 400, scale=0.001), "quick") is None
    assert feed(drift, durations(3, 200, scale=1.0), "quick").operation == "quick"


def test_the_greatest_of_several_is_told():
    drift = Drift(0.25)
    for name in ("a", "b"):
        feed(drift, durations(1, 400), name)
    drift.take(("a", float(value)) for value in durations(2, 200, scale=0.02))
    drift.take(("b", float(value)) for value in durations(3, 200, scale=0.05))
    assert drift.slowest().operation == "b"


def test_little_is_not_judged_and_zero_is_a_duration():
    drift = Drift(0.25)
    assert feed(drift, durations(1, 2 * RECENT - 1, scale=1e-9)) is None
    assert feed(drift, [0.0] * 400) is None


def test_names_are_bounded():
    drift = Drift(0.25)
    for number in range(1_000):
        drift.take([(f"operation-{number}", 0.1)])
    assert len(drift._operations) == 256


@pytest.mark.parametrize("least", [0.25, 0.9])
def test_growth_below_what_counts_is_none(least):
    drift = Drift(least)
    feed(drift, durations(1, 400))
    found = feed(drift, durations(2, 200, scale=0.017))
    assert (found is None) == (least == 0.9)
