"""The tiers' table, from frames with known content."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from perflab.analyze.questions.savings import saved_seconds
from perflab.cache import DiskCache, MemoryCache, TieredCache, TTLCache
from perflab.cache.tiers.stats import access_seconds, tier_stats
from perflab.record import Recorder


def reads(hits: int, misses: int, hit_s: list[float], miss_s: list[float]) -> pd.DataFrame:
    known = [*hit_s, *[np.nan] * (hits - len(hit_s)), *miss_s, *[np.nan] * (misses - len(miss_s))]
    return pd.DataFrame(
        {
            "key": "k",
            "event": ["hit"] * hits + ["miss"] * misses,
            "tier": pd.Categorical(["l1"] * hits + [None] * misses),
            "nbytes": pd.array([None] * (hits + misses), "Int64"),
            "duration_s": known,
        }
    )


def test_where_all_are_timed_all_count() -> None:
    assert access_seconds(reads(2, 1, [1.0, 2.0], [9.0])).tolist() == [1.0, 2.0, 9.0]


def test_timed_misses_do_not_outweigh_a_sample_of_hits() -> None:
    frame = reads(990, 10, [1e-6] * 10, [1e-3] * 10)
    plain, fair = frame["duration_s"].mean(), access_seconds(frame).mean()
    assert plain == pytest.approx(5.005e-4)
    assert fair == pytest.approx((20 * 1e-6 + 1e-3) / 21)  # one miss beside twenty hits: the least that there can be
    assert np.median(access_seconds(frame)) == 1e-6


def test_a_kind_that_was_never_timed_leaves_the_whole_unknown() -> None:
    frame = reads(5, 2, [], [1e-3, 1e-3])
    assert len(access_seconds(frame)) == 0
    table = tier_stats(frame, {"l1": (0, 0)}).set_index("tier")
    assert math.isnan(table.loc["all", "mean_access_s"])
    assert math.isnan(table.loc["l1", "p95_access_s"])


@pytest.mark.parametrize("timestamps", ["exact", "chunk", "off"])
def test_a_cache_times_some_of_its_hits(timestamps: str) -> None:
    from perflab.config import RecordSettings

    recorder = Recorder(settings=RecordSettings(timestamps=timestamps, chunk_rows=64))
    cache = TieredCache(MemoryCache(1_000_000, recorder=recorder), TTLCache(0, recorder=recorder), None, recorder)
    cache["a"] = 1
    for _ in range(1_000):
        cache.get("a")
    table = cache.stats().set_index("tier")
    assert (table.loc["l1", "accesses"], table.loc["l1", "hits"], table.loc["l1", "misses"]) == (1_000, 1_000, 0)
    timed = recorder.frames.accesses.query("event == 'hit'")["duration_s"].notna().sum()
    assert 1 <= timed < 1_000
    assert 0 < table.loc["all", "mean_access_s"] < 1


def used(folder: Path) -> TieredCache:
    """Return a cache in which everything that stats() counts has happened, in each tier."""
    now, recorder = [0.0], Recorder()
    cache = TieredCache(
        MemoryCache(3, weigh=lambda *_: 1, timer=lambda: now[0], recorder=recorder),
        TTLCache(3, weigh=lambda *_: 1, timer=lambda: now[0], recorder=recorder),
        DiskCache(folder, 4_000, timer=lambda: now[0], wall=lambda: now[0], recorder=recorder),
        recorder,
    )
    for number in range(200):
        now[0] += 1
        key = f"k{number * number % 17}"
        if number % 5:
            cache.get_or_load(key, lambda number=number: number, ttl=40 if number % 3 else None)
        elif number % 2:
            cache.set(key, number, ttl=5)
        else:
            cache.get_many([key, "absent"])
        cache.expire()
    return cache


def test_every_figure_equals_a_plain_count_over_the_rows(tmp_path: Path) -> None:
    with used(tmp_path / "c") as cache:
        table = cache.stats().set_index("tier")
        rows = cache.recorder.rows("accesses").to_pylist()
        held = {name: (tier.nbytes, len(tier)) for name, tier in cache._tiers.named().items()}
    loads: dict[str, list[float]] = {}
    for row in rows:
        if row["event"] == "load":
            loads.setdefault(row["key"], []).append(row["duration_s"])
    asked = sum(row["event"] in ("hit", "miss") for row in rows)
    assert asked == 200 * 4 // 5 + 2 * 20
    for tier in ("l1", "l2", "l3", "all"):
        mine = [row for row in rows if tier in (row["tier"], "all")]
        hits = [row for row in mine if row["event"] == "hit"]
        expected = {
            "accesses": asked,
            "hits": len(hits),
            "misses": asked - len(hits),
            "evictions": sum(row["event"] == "evict" for row in mine),
            "expiries": sum(row["event"] == "expire" for row in mine),
            "bytes": sum(nbytes for nbytes, _ in held.values()) if tier == "all" else held[tier][0],
            "entries": sum(entries for _, entries in held.values()) if tier == "all" else held[tier][1],
        }
        assert {name: table.loc[tier, name] for name in expected} == expected
        assert table.loc[tier, "hit_rate"] == len(hits) / asked
        known = [loads[row["key"]] for row in hits if row["key"] in loads]
        assert table.loc[tier, "saved_s"] == pytest.approx(sum(sum(times) / len(times) for times in known))
        if tier in ("l2", "l3"):  # all timed
            seconds = sorted(row["duration_s"] for row in hits)
            assert table.loc[tier, "mean_access_s"] == pytest.approx(sum(seconds) / len(seconds))
            assert table.loc[tier, "p95_access_s"] == pytest.approx(np.quantile(seconds, 0.95))
        asked = sum(row["event"] in ("hit", "miss") for row in rows) if tier == "l3" else asked - len(hits)
    assert (table.loc["all", ["hits", "misses", "evictions", "expiries"]] > 0).all()
    assert (table.loc[["l1", "l2", "l3"], "hits"] > 0).all(), "a tier that does nothing proves nothing"


def test_saved_seconds_are_those_of_the_questions_before_what_hits_took(tmp_path: Path) -> None:
    with used(tmp_path / "c") as cache:
        by_key = saved_seconds(cache.recorder.frames.accesses)
        saved = cache.stats().set_index("tier").loc["all", "saved_s"]
    gross = by_key["saved_s"] + (by_key["hits"] * by_key["hit_s"]).fillna(0)
    assert saved == pytest.approx(gross.sum())


def test_what_no_load_tells_of_is_missing_and_without_hits_nothing_is_saved() -> None:
    cache = TieredCache(MemoryCache(10_000), TTLCache(10_000), None, Recorder())
    assert (cache.stats()["saved_s"] == 0).all()
    cache["a"] = 1
    cache.get("a")
    table = cache.stats().set_index("tier")
    assert math.isnan(table.loc["l1", "saved_s"])
    assert math.isnan(table.loc["all", "saved_s"])
    assert table.loc["l2", "saved_s"] == 0
