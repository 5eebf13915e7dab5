"""Tuning l1: predicted from stack distances, proved by a replay, applied only then."""

from __future__ import annotations

import numpy as np
import pytest
from optimize_cases import accesses, small_cache

from perflab.analyze.reuse import requests
from perflab.optimize.tune import replay, tune

LOOP = list(range(30)) * 20


@pytest.fixture
def cache(tmp_path):
    with small_cache(tmp_path / "l3", l1=10_000, l2=90_000) as made:
        yield made


def test_a_loop_that_does_not_fit_gets_the_size_that_it_needs(cache):
    row = tune(accesses(LOOP), cache, target_hit_rate=0.9, memory_bytes=100_000)
    assert row["verdict"] == "kept"
    assert (row["old"], row["new"]) == ("10000", "30000")
    assert (row["before"], row["predicted"], row["measured"]) == (0.0, 0.95, 0.95)
    assert row["before"] < row["low"] <= row["measured"] <= row["high"]
    assert row["noise_floor"] == 0.0
    assert (cache.l1.max_bytes, cache.l2.max_bytes) == (30_000, 70_000)


def test_the_best_within_the_memory_is_taken_if_the_target_is_out_of_reach(cache):
    random = np.random.default_rng(5)
    keys = random.zipf(1.2, 3000) % 500
    row = tune(accesses(keys), cache, target_hit_rate=1.0, memory_bytes=100_000)
    assert row["verdict"] == "kept"
    assert 10_000 < cache.l1.max_bytes <= 100_000
    assert cache.l1.max_bytes + cache.l2.max_bytes <= 100_000
    assert row["predicted"] == pytest.approx(row["measured"], abs=1e-12)


def test_what_l2_holds_is_not_taken_from_it(cache):
    for number in range(60):
        cache.l2[number] = b"x" * 1_000
    held = cache.l2.nbytes
    row = tune(accesses(LOOP), cache, target_hit_rate=0.9, memory_bytes=100_000)
    assert row["verdict"] == "no change"
    assert cache.l2.nbytes == held


def test_a_target_that_is_reached_changes_nothing(cache):
    row = tune(accesses([1, 2, 3] * 100), cache, target_hit_rate=0.9, memory_bytes=100_000)
    assert (row["verdict"], cache.l1.max_bytes) == ("no change", 10_000)
    assert row["measured"] is None


def test_all_misses_change_nothing(cache):
    row = tune(accesses(range(400)), cache, target_hit_rate=0.9, memory_bytes=100_000)
    assert (row["verdict"], cache.l1.max_bytes) == ("no change", 10_000)


@pytest.mark.parametrize("count", [0, 199])
def test_too_few_accesses_are_not_enough_data(cache, count):
    row = tune(accesses([1] * count), cache, target_hit_rate=0.9, memory_bytes=100_000)
    assert row["verdict"] == "not enough data"
    assert str(count) in row["reason"]


def test_a_gain_that_the_replay_does_not_show_is_not_applied(cache):
    # The only reuse of the large distance is in one segment of twenty: the interval reaches zero.
    keys = [*range(30), *range(30), *(f"once{n}" for n in range(1200))]
    row = tune(accesses(keys), cache, target_hit_rate=0.9, memory_bytes=100_000)
    assert row["verdict"] == "rolled back"
    assert row["measured"] > row["before"]
    assert row["low"] == row["before"]
    assert (cache.l1.max_bytes, cache.l2.max_bytes) == (10_000, 90_000)


def test_an_access_whose_size_was_never_recorded_misses_at_every_size(cache):
    frame = accesses(["stored"] * 200)
    frame.loc[frame["event"] != "miss", "nbytes"] = None
    row = tune(frame, cache, target_hit_rate=0.9, memory_bytes=100_000)
    assert (row["verdict"], row["predicted"]) == ("no change", 0.0)


def test_a_replay_of_equal_sizes_shows_no_difference():
    found = replay(requests(accesses(LOOP)), 20_000, 20_000)
    assert found.present == found.candidate == found.low == found.high
    assert found.noise_floor == 0.0
