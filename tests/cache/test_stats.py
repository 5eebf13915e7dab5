"""The tiers' table, from frames with known content."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from perflab.cache import MemoryCache, TieredCache, TTLCache
from perflab.cache.stats import access_seconds, tier_stats
from perflab.record import Recorder


def reads(hits: int, misses: int, hit_s: list[float], miss_s: list[float]) -> pd.DataFrame:
    known = [*hit_s, *[np.nan] * (hits - len(hit_s)), *miss_s, *[np.nan] * (misses - len(miss_s))]
    return pd.DataFrame(
        {
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
