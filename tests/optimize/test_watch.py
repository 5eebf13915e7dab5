"""Watching what was applied: more waiting is a regression, other keys expire the proof, quiet accesses end it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tuned_cases import observed_of, zipf_keys

from perflab.optimize.setting import MemorySetting
from perflab.optimize.watch import LEAST_WATCHED, MOST_WATCHED, Watch

OLD, NEW = MemorySetting("lru", 10_000, 0, 60.0), MemorySetting("sieve", 10_000, 0, 60.0)


def answered(count: int, rate: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(count) < rate


def watch_of(rate: float) -> Watch:
    return Watch(OLD, NEW, observed_of(zipf_keys(9_000, 1), prices=0.01, in_memory=answered(9_000, rate, 1)))


def since_of(count: int, rate: float, *, other_keys: bool = False):
    keys = zipf_keys(count, 2) + (50_000 if other_keys else 0)
    return observed_of(keys, prices=0.01, in_memory=answered(count, rate, 2))


@pytest.mark.parametrize("count", [LEAST_WATCHED, 2_000])
def test_accesses_that_wait_longer_are_a_regression(count):
    found = watch_of(0.9).look(since_of(count, 0.6))
    assert (found.verdict, found.n) == ("regressed", count)
    assert 1.03 < found.low < found.ratio < found.high
    assert found.measured < found.before
    assert found.measured_low <= found.measured <= found.measured_high


@pytest.mark.parametrize("rate", [0.8, 0.95])
def test_accesses_that_wait_as_long_or_less_are_waited_for_until_they_are_enough(rate):
    watch = watch_of(0.8)
    assert watch.look(since_of(1_000, rate)).verdict == "waiting"
    assert watch.look(since_of(MOST_WATCHED, rate)).verdict == "held"


def test_loads_that_are_slower_for_everybody_are_not_the_settings_doing():
    since = since_of(2_000, 0.8)
    slower = replace(since, prices=since.prices * 3)
    assert watch_of(0.8).look(slower).verdict == "waiting"
    assert watch_of(0.8).look(slower).ratio == pytest.approx(watch_of(0.8).look(since).ratio, rel=0.01)


def test_equal_traffic_is_seldom_taken_for_a_regression():
    verdicts = []
    for seed in range(40):
        before, since = (answered(1_000, 0.8, seed + 100 * part) for part in (1, 2))
        watch = Watch(OLD, NEW, observed_of(zipf_keys(1_000, seed), in_memory=before))
        verdicts.append(watch.look(observed_of(zipf_keys(1_000, seed + 50), in_memory=since)).verdict)
    assert verdicts.count("regressed") <= 1


def test_other_keys_expire_the_proof_whatever_they_wait():
    watch = watch_of(0.8)
    found = watch.look(since_of(1_000, 0.2, other_keys=True))
    assert found.verdict == "expired"
    assert watch.bound_to in found.reason


def test_it_is_looked_at_again_after_twice_as_many():
    watch = watch_of(0.8)
    assert (watch.due, watch.seen(700).due) == (LEAST_WATCHED, 1_400)
