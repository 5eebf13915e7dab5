"""Relief: what each step frees is measured, and a step that frees nothing stops."""

from __future__ import annotations

import pytest
from optimize_cases import small_cache

from perflab.host import baseline_rss
from perflab.optimize.relieve import LEAST_BYTES, Relief, malloc_trim

MIB = 1 << 20


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def cache(tmp_path, now):
    with small_cache(tmp_path / "l3", l1=8 * MIB, l2=8 * MIB, timer=lambda: now[0]) as made:
        yield made


def fill(cache, count=15, ttl=None):
    for number in range(count):
        cache.set(number, b"x" * MIB, ttl=ttl)


def relief_of(cache, **rest):
    """Relief over a process whose only memory is the cache's."""
    rss = rest.pop("rss", lambda: 50 * MIB + cache.l1.nbytes + cache.l2.nbytes)
    return Relief(cache, rss=rss, find_trim=lambda: lambda: None, **rest)


def verdicts(rows):
    return {row["knob"]: row["verdict"] for row in rows}


def test_halving_frees_half_of_what_the_tiers_hold(cache):
    fill(cache)
    held = cache.l1.nbytes + cache.l2.nbytes
    rows = relief_of(cache).run()
    assert verdicts(rows)["cache"] == "kept"
    assert cache.l1.nbytes + cache.l2.nbytes <= held / 2
    row = rows[-1]
    assert row["before"] - row["measured"] == held - cache.l1.nbytes - cache.l2.nbytes
    assert (row["metric"], row["unit"], row["noise_floor"]) == ("memory.rss", "bytes", 0.0)


def test_an_l1_alone_is_not_just_moved_to_l2(cache):
    fill(cache, 7)
    assert cache.l2.nbytes == 0
    relief_of(cache).run()
    assert cache.l1.nbytes + cache.l2.nbytes <= 4.1 * MIB


def test_expired_entries_go_first(cache, now):
    fill(cache, 6, ttl=10)
    cache.set("lasting", b"x" * MIB)
    now[0] = 11.0
    rows = relief_of(cache).run()
    assert verdicts(rows)["expired"] == "kept"
    assert rows[1]["before"] - rows[1]["measured"] > 5 * MIB
    assert "lasting" in cache.l1 or "lasting" in cache.l2 or "lasting" in cache.l3


def test_a_step_that_frees_nothing_is_undone_and_switched_off(cache):
    fill(cache)
    bounds = cache.l1.max_bytes, cache.l2.max_bytes
    relief = relief_of(cache, rss=lambda: 99 * MIB)
    assert verdicts(relief.run())["cache"] == "rolled back"
    assert (cache.l1.max_bytes, cache.l2.max_bytes) == bounds
    assert "cache" not in verdicts(relief.run())


def test_less_than_the_noise_is_nothing(cache):
    fill(cache, 4)
    drift = iter(range(10**9, 0, -20 * MIB))
    rows = relief_of(cache, rss=lambda: next(drift)).run()
    assert verdicts(rows)["cache"] == "rolled back"
    assert rows[-1]["noise_floor"] == 20 * MIB


def test_nothing_to_drop_is_no_verdict_on_the_step(cache):
    relief = relief_of(cache)
    assert verdicts(relief.run()) == {"malloc_trim": "rolled back", "expired": "no change", "cache": "no change"}
    fill(cache)
    assert verdicts(relief.run())["cache"] == "kept"


def test_a_tier_is_not_shrunk_below_its_least(cache):
    fill(cache, 1)
    relief = relief_of(cache)
    for _ in range(6):
        relief.run()
    assert min(cache.l1.max_bytes, cache.l2.max_bytes) >= LEAST_BYTES


def test_without_readable_memory_nothing_is_tried(cache):
    fill(cache)
    held = cache.l1.nbytes
    rows = relief_of(cache, rss=lambda: None).run()
    assert set(verdicts(rows).values()) == {"not enough data"}
    assert cache.l1.nbytes == held


def test_without_malloc_trim_the_row_says_unavailable(cache):
    rows = Relief(cache, rss=lambda: 1, find_trim=lambda: None).run()
    assert rows[0]["verdict"] == "no change"
    assert "unavailable" in rows[0]["reason"]


def test_real_memory_really_comes_back(tmp_path):
    if malloc_trim() is None:
        pytest.skip("this C library has no malloc_trim")
    with small_cache(tmp_path / "l3", l1=64 * MIB, l2=4 * MIB) as cache:
        for number in range(6000):
            cache.l1[number] = b"x" * 8_000  # small blocks, which malloc keeps
        before = baseline_rss()
        rows = Relief(cache).run()
        assert verdicts(rows)["cache"] == "kept"
        assert baseline_rss() < before - 10 * MIB
