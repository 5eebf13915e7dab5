"""Warming from disk: up to a limit, measured, and without an access."""

from __future__ import annotations

import pytest
from optimize_cases import small_cache

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


def test_nothing_of_it_is_an_access_and_nothing_is_evicted(cache, recorder):
    warm(cache, 10**9)
    events = set(recorder.frames.accesses["event"])
    assert "warm" in events
    assert not events & {"hit", "miss", "evict"}


def test_a_snapshot_brings_the_hottest_without_an_access(cache, recorder, tmp_path):
    with small_cache(tmp_path / "other", recorder=Recorder()) as other:
        for number in range(4):
            other.set(f"hot{number}", b"y" * 900)
        other.snapshot(tmp_path / "hot")
    found = warm(cache, 2_500, snapshot=tmp_path / "hot", timer=ticking())
    assert (found.keys, found.duration_s) == (2, 2.5)
    assert found.nbytes == cache.l1.nbytes <= 2_500
    assert set(cache.l1) == {"hot3", "hot2"}
    assert not set(recorder.frames.accesses["event"]) & {"hit", "miss", "evict"}


def test_an_empty_store_loads_nothing(tmp_path):
    with small_cache(tmp_path / "empty") as empty:
        found = warm(empty, 10_000)
        assert (found.keys, found.nbytes, found.attempt()["verdict"]) == (0, 0, "no change")
