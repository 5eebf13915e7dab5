"""Relief: what each step frees is measured, and a step that frees nothing rests."""

from __future__ import annotations

import pytest
from optimize_cases import small_cache

from perflab.host import baseline_rss
from perflab.optimize.relieve import LEAST_BYTES, Relief, malloc_trim
from perflab.optimize.resident import LEAST_EFFECT_BYTES

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
    rest = {"find_trim": lambda: lambda: None, "sleep": lambda _: None, **rest}
    return Relief(cache, rss=rss, **rest)


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


def test_a_step_that_frees_nothing_is_undone_and_rests_after_the_second_time(cache):
    fill(cache)
    bounds = cache.l1.max_bytes, cache.l2.max_bytes
    relief = relief_of(cache, rss=lambda: 99 * MIB)
    for _ in range(2):
        assert verdicts(relief.run())["cache"] == "rolled back"
        assert (cache.l1.max_bytes, cache.l2.max_bytes) == bounds
    assert [set(verdicts(relief.run())) for _ in range(3)] == [{"expired"}] * 3


def test_a_step_that_is_switched_off_says_so(cache):
    fill(cache)
    relief = relief_of(cache, rss=lambda: 99 * MIB)
    first, second = ({row["knob"]: row["reason"] for row in relief.run()} for _ in range(2))
    assert "switched off" not in first["cache"]
    assert second["cache"].endswith("It is switched off until the tiers hold twice as much.")


def test_bounds_come_back_as_they_were_before_the_first_time(cache):
    fill(cache)
    bounds = cache.l1.max_bytes, cache.l2.max_bytes
    relief = relief_of(cache)
    assert relief.end() == []
    for _ in range(2):
        assert verdicts(relief.run())["cache"] == "kept"
    lowered = cache.l1.max_bytes, cache.l2.max_bytes
    (row,) = relief.end()
    assert (cache.l1.max_bytes, cache.l2.max_bytes) == bounds
    assert (row["knob"], row["verdict"]) == ("cache", "rolled back")
    assert (row["old"], row["new"]) == (str(list(lowered)), str(list(bounds)))
    assert relief.end() == []


def test_bounds_that_somebody_else_set_stay(cache):
    fill(cache)
    relief = relief_of(cache)
    relief.run()
    cache.l1.resize(3 * MIB)
    (row,) = relief.end()
    assert cache.l1.max_bytes == 3 * MIB
    assert row["verdict"] == "no change"


def test_bounds_that_were_undone_do_not_come_back(cache):
    fill(cache)
    relief = relief_of(cache, rss=lambda: 99 * MIB)
    assert verdicts(relief.run())["cache"] == "rolled back"
    assert relief.end() == []


def test_a_resting_step_is_tried_again_when_the_tiers_hold_twice_as_much(cache):
    fill(cache)
    freeing = [False]
    relief = relief_of(cache, rss=lambda: 50 * MIB + freeing[0] * (cache.l1.nbytes + cache.l2.nbytes))
    for _ in range(2):
        relief.run()
    held = cache.l1.nbytes + cache.l2.nbytes
    freeing[0] = True
    cache.set("little", b"x" * MIB)
    assert "cache" not in verdicts(relief.run())
    fill(cache)
    assert cache.l1.nbytes + cache.l2.nbytes >= 2 * held
    assert verdicts(relief.run())["cache"] == "kept"


def test_one_allocation_of_another_thread_stops_nothing(cache):
    fill(cache)
    elsewhere = [0]

    def allocate():
        elsewhere[0] += 64 * MIB if elsewhere[0] == 0 else 0

    def rss():
        return 50 * MIB + elsewhere[0] + cache.l1.nbytes + cache.l2.nbytes

    trims = iter([lambda: None, lambda: None, allocate])
    relief = relief_of(cache, rss=rss, find_trim=lambda: lambda: next(trims, lambda: None)())
    first = relief.run()
    assert verdicts(first)["cache"] == "rolled back"
    assert "bytes more" in first[-1]["reason"]
    assert verdicts(relief.run())["cache"] == "kept"


@pytest.mark.parametrize(
    ("freed", "verdict"),
    [(12_288, "rolled back"), (LEAST_EFFECT_BYTES, "rolled back"), (LEAST_EFFECT_BYTES + 1, "kept")],
)
def test_a_few_pages_are_no_effect(cache, freed, verdict):
    resident = [99 * MIB]

    def trim():
        resident[0] -= freed

    relief = relief_of(cache, rss=lambda: resident[0], find_trim=lambda: trim)
    assert verdicts(relief.run())["malloc_trim"] == verdict


def test_a_step_without_effect_does_not_go_on_every_time(cache):
    relief = relief_of(cache, rss=lambda: 99 * MIB)
    tried = [verdicts(relief.run()).get("malloc_trim") for _ in range(5)]
    assert tried == ["rolled back", "rolled back", None, None, None]
    fill(cache)
    assert verdicts(relief.run())["malloc_trim"] == "rolled back"


def test_less_than_the_noise_is_nothing(cache):
    fill(cache, 4)
    drift = iter(range(10**10, 0, -20 * MIB))
    waits = []
    row = relief_of(cache, rss=lambda: next(drift), sleep=waits.append).run()[0]
    assert row["before"] - row["measured"] == 100 * MIB
    assert row["noise_floor"] == 80 * MIB, "five reads"
    swings = iter([50 * MIB, 70 * MIB, 50 * MIB, 70 * MIB, 50 * MIB, *[45 * MIB] * 100])
    row = relief_of(cache, rss=lambda: next(swings), sleep=waits.append).run()[0]
    assert (row["verdict"], row["noise_floor"]) == ("rolled back", 20 * MIB)
    assert min(waits) > 0, "reads microseconds apart always agree"


def test_the_words_are_what_was_done(cache):
    fill(cache, 4)
    bounds, held = (cache.l1.max_bytes, cache.l2.max_bytes), cache.l1.nbytes
    row = relief_of(cache).run()[-1]
    assert "half of what each held" in row["reason"]
    assert row["old"] == str(list(bounds))
    assert row["new"] == str([held // 2, LEAST_BYTES])


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
