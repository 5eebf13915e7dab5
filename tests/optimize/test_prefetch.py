"""The prefetcher over a real tiered cache."""

from __future__ import annotations

import threading

import pytest
from optimize_cases import small_cache

from perflab.optimize.prefetch import Prefetcher
from perflab.record import Recorder


@pytest.fixture
def cache(tmp_path):
    with small_cache(tmp_path / "l3") as made:
        yield made


def work_off(prefetcher):
    count = 0
    while prefetcher.step():
        count += 1
    return count


def teach(prefetcher, pair=("a", "b"), turns=4):
    for turn in range(turns):
        for key in (*pair, *(("filler", turn, x) for x in range(10))):
            prefetcher.observe(key, stream="main")
    work_off(prefetcher)


def on_disk_only(cache, *keys):
    for key in keys:
        cache.set(key, "value of " + key)
    cache.clear("l1")
    cache.clear("l2")


def test_an_expected_key_is_promoted_from_disk_before_it_is_read(cache):
    on_disk_only(cache, "a", "b", "unrelated")
    prefetcher = Prefetcher(cache)
    teach(prefetcher, turns=4)
    cache.clear("l1")
    prefetcher.observe("a", stream="main")
    work_off(prefetcher)
    assert "b" in cache.l1
    assert "unrelated" not in cache.l1
    prefetcher.observe("b", stream="main")
    work_off(prefetcher)
    assert prefetcher.used >= 1


def test_prefetching_is_recorded_and_is_no_access(tmp_path):
    recorder = Recorder()
    with small_cache(tmp_path / "l3", recorder=recorder) as cache:
        on_disk_only(cache, "a", "b")
        teach(Prefetcher(cache))
        events = recorder.frames.accesses["event"].value_counts()
    assert events["prefetch"] == 1
    assert events.get("hit", 0) + events.get("miss", 0) == 0


def test_a_key_that_no_tier_holds_is_not_issued(cache):
    prefetcher = Prefetcher(cache)
    teach(prefetcher)
    assert prefetcher.issued == 0
    assert prefetcher.attempt()["verdict"] == "not enough data"


def test_a_key_in_memory_is_not_issued(cache):
    cache.set("b", "here")
    prefetcher = Prefetcher(cache)
    teach(prefetcher)
    assert prefetcher.issued == 0


def test_announced_keys_are_promoted_at_once(cache):
    on_disk_only(cache, "b")
    prefetcher = Prefetcher(cache)
    prefetcher.announce("a", ["b"])
    prefetcher.observe("a")
    work_off(prefetcher)
    assert "b" in cache.l1


def test_wrong_predictions_close_the_gate_and_the_row_says_so(cache):
    keys = [f"never{n}" for n in range(40)]
    on_disk_only(cache, *keys)
    prefetcher = Prefetcher(cache)
    for number, key in enumerate(keys):
        prefetcher.announce(("cause", number), [key])
        prefetcher.observe(("cause", number))
    for number in range(1100):
        prefetcher.observe(("other", number))
    work_off(prefetcher)
    row = prefetcher.attempt()
    assert not prefetcher.enabled
    assert (row["verdict"], row["measured"], row["low"]) == ("rolled back", 0.0, 0.0)
    assert 0 < row["high"] < 0.1


def test_a_full_queue_drops_and_counts(cache):
    prefetcher = Prefetcher(cache, queue_size=5)
    for number in range(8):
        prefetcher.observe(number)
    assert prefetcher.dropped == 3
    assert work_off(prefetcher) == 5


def test_while_it_runs_it_listens_and_afterwards_nothing_is_left(cache):
    on_disk_only(cache, "b")
    before, recorder = set(threading.enumerate()), cache.recorder
    done = threading.Event()
    promote = cache.prefetch

    def prefetch(keys):
        count = promote(keys)
        done.set()
        return count

    cache.prefetch = prefetch
    with Prefetcher(cache) as prefetcher:
        prefetcher.start()
        prefetcher.announce("a", ["b"])
        cache.get("a")
        assert done.wait(60)
        assert "b" in cache.l1
        assert cache.stats() is not None
    prefetcher.close()
    assert cache.recorder is recorder
    assert set(threading.enumerate()) <= before
    assert (recorder.frames.accesses["event"] == "miss").sum() == 1


def test_a_failing_tier_is_one_warning_and_it_goes_on(cache, recwarn):
    on_disk_only(cache, "b")
    failed = []
    twice = threading.Event()

    def prefetch(_):
        failed.append(1)
        if len(failed) == 2:
            twice.set()
        raise OSError("disk gone")

    cache.prefetch = prefetch
    with Prefetcher(cache) as prefetcher:
        prefetcher.announce("a", ["b"])
        prefetcher.observe("a")
        prefetcher.observe("a")
        assert twice.wait(60)
    assert ["disk gone" in str(warning.message) for warning in recwarn] == [True]
