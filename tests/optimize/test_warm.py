"""Warming from disk, in the store's order and in the last run's."""

from __future__ import annotations

import pytest
from optimize_cases import accesses, small_cache

from perflab.optimize.warm import warm
from perflab.record import Recorder


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def cache(tmp_path, recorder):
    with small_cache(tmp_path / "l3", recorder=recorder) as made:
        for number in range(30):
            made.set(f"key{number}", b"x" * 900)
        made.clear("l1")
        made.clear("l2")
        yield made


def ticking():
    ticks = iter([1.0, 3.5])
    return lambda: next(ticks)


def test_it_loads_up_to_the_limit_and_measures(cache):
    found = warm(cache, 5_000, timer=ticking())
    assert 0 < found.keys == len(cache.l1) + len(cache.l2)
    assert found.nbytes == cache.l1.nbytes + cache.l2.nbytes <= 5_000
    assert found.duration_s == 2.5
    assert found.attempt()["verdict"] == "kept"


def test_the_most_used_keys_of_the_last_run_come_first(cache):
    last_run = accesses(["key9", "key3", "key3", "key7", "key9", "key9", "gone", "gone", "gone", "gone"])
    found = warm(cache, 2_000, accesses=last_run)
    assert found.ordered
    assert set(cache.l1) == {"key9", "key3"}


def test_nothing_of_it_is_an_access_and_nothing_is_evicted(cache, recorder):
    warm(cache, 10**9)
    warm(cache, 10**9, accesses=accesses([f"key{n}" for n in range(30)]))
    events = set(recorder.frames.accesses["event"])
    assert "warm" in events
    assert not events & {"hit", "miss", "evict"}


def test_keys_that_are_no_text_are_found_by_their_text(tmp_path):
    with small_cache(tmp_path / "other") as cache:
        cache.set(("a.py", 3), b"chunk")
        cache.clear("l1")
        assert warm(cache, 10_000, accesses=accesses([("a.py", 3)])).keys == 1
        assert ("a.py", 3) in cache.l1


def test_an_empty_store_or_an_empty_run_loads_nothing(tmp_path, cache):
    assert warm(cache, 10_000, accesses=accesses([])).keys == 0
    with small_cache(tmp_path / "empty") as empty:
        found = warm(empty, 10_000)
        assert (found.keys, found.nbytes, found.attempt()["verdict"]) == (0, 0, "no change")
