"""How well the cache answers.

In: the frames `accesses` and `samples`. Out: the metrics `cache.*`, and the hit rate of each measured state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from perflab.analyze import intervals
from perflab.analyze.intervals import Interval, observed
from perflab.analyze.metrics.row import Metric, Unit, measured, unavailable
from perflab.analyze.metrics.select import good_samples, rows_of_optimized, states

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["cache", "greatest_bytes", "hit_rate"]

_UNITS: dict[str, Unit] = {
    "hit_rate": "ratio",
    "miss_rate": "ratio",
    "eviction_rate": "ratio",
    "access_time_mean": "s",
    "access_time_p95": "s",
    "memory": "bytes",
}
_ENOUGH_RUNS = 6
_MEMORY_TIERS = ("l1", "l2")


def cache(accesses: pd.DataFrame, samples: pd.DataFrame, confidence: float = 0.95, *, seed: int = 2026) -> list[Metric]:
    """Return the cache's metrics: of the warm runs where there are some, else of the primary state.

    Only hits and misses are accesses; prefetches, warm-ups and loads are not. With no accesses all is unavailable.
    """
    found = states(good_samples(samples, "time"))
    chosen = "warm" if "warm" in found else next(iter(found), None)
    rows = rows_of_optimized(accesses, samples, chosen)
    where = f"{chosen} runs" if chosen else "all recorded accesses"
    apart = [
        hit_rate(f"cache.{s}.hit_rate", rows_of_optimized(accesses, samples, s), f"{s} runs", confidence, seed=seed)
        for s in found
    ]
    return [*_of_rows(rows, where, confidence, seed), *apart]


def hit_rate(name: str, rows: pd.DataFrame, where: str, confidence: float = 0.95, *, seed: int = 2026) -> Metric:
    """Return hits / (hits + misses) of these rows; unavailable without accesses."""
    return measured(name, "ratio", _share(rows, "hit", confidence, seed), f"hits / accesses, {where}")


def greatest_bytes(events: Iterable[tuple[str, str, str, int]]) -> int:
    """Return the greatest number of bytes that the memory tiers held together.

    Parameters
    ----------
    events
        (event, tier, key, nbytes) in order of time. A set, promotion, demotion, prefetch or warm-up puts the entry
        into the tier that it names; promotions and demotions move it from the other memory tier.

    Examples
    --------
    >>> greatest_bytes([("set", "l1", "a", 5), ("set", "l1", "b", 5), ("evict", "l1", "a", 5), ("set", "l1", "c", 4)])
    10
    """
    held: dict[tuple[str, str], int] = {}
    total = greatest = 0
    for event, tier, key, nbytes in events:
        leaves = _MEMORY_TIERS if event in ("promote", "demote") else (tier,)
        total -= sum(held.pop((left, key), 0) for left in leaves)
        if event in ("set", "promote", "demote", "prefetch", "warm") and tier in _MEMORY_TIERS:
            held[tier, key] = nbytes
            total += nbytes
            greatest = max(greatest, total)
    return greatest


def _of_rows(rows: pd.DataFrame, where: str, confidence: float, seed: int) -> Iterator[Metric]:
    if not rows["event"].isin(["hit", "miss"]).any():
        reason = f"no accesses were recorded, {where}"
        for name, unit in _UNITS.items():
            yield unavailable(f"cache.{name}", unit, reason)
        return
    yield hit_rate("cache.hit_rate", rows, where, confidence, seed=seed)
    yield measured("cache.miss_rate", "ratio", _share(rows, "miss", confidence, seed), f"misses / accesses, {where}")
    yield _eviction_rate(rows, where)
    yield from _access_times(rows, where, confidence, seed)
    yield _memory(rows, where)


def _share(rows: pd.DataFrame, event: str, confidence: float, seed: int) -> Interval:
    read = rows[rows["event"].isin(["hit", "miss"])]
    runs = [run["event"] == event for _, run in read.groupby("run_id", observed=True)]
    counts, totals = [int(run.sum()) for run in runs], [len(run) for run in runs]
    if len(runs) >= _ENOUGH_RUNS:
        return intervals.share_of_clusters(counts, totals, confidence, seed=seed)
    return intervals.share(sum(counts), sum(totals), confidence)


def _eviction_rate(rows: pd.DataFrame, where: str) -> Metric:
    # Several evictions may follow one access: this is a ratio of two counts and no share, so no binomial interval.
    evicted = int((rows["event"] == "evict").sum())
    total = int(rows["event"].isin(["hit", "miss"]).sum())
    counted = observed(evicted / total, total, f"{evicted} for {total} accesses; a count")
    return measured("cache.eviction_rate", "ratio", counted, f"evictions / accesses, {where}")


def _access_times(rows: pd.DataFrame, where: str, confidence: float, seed: int) -> list[Metric]:
    waited = rows.loc[rows["event"].isin(["hit", "miss"]), "duration_s"].dropna().to_numpy(dtype=float)
    what = f"time that callers waited, {where}"
    return [
        measured("cache.access_time_mean", "s", intervals.mean(waited, confidence), what),
        measured("cache.access_time_p95", "s", intervals.quantile(waited, 0.95, confidence, seed=seed), what),
    ]


def _memory(rows: pd.DataFrame, where: str) -> Metric:
    known = rows[rows["tier"].isin(_MEMORY_TIERS) & rows["nbytes"].notna()]
    if not len(known):
        return unavailable("cache.memory", "bytes", f"no sizes of entries in the memory tiers were recorded, {where}")
    greatest = max(greatest_bytes(_events(run)) for _, run in known.groupby("run_id", observed=True))
    replayed = observed(greatest, len(known), f"replay of {len(known)} recorded events")
    return measured("cache.memory", "bytes", replayed, f"greatest bytes in l1 and l2, {where}", "estimated")


def _events(rows: pd.DataFrame) -> Iterator[tuple[str, str, str, int]]:
    ordered = rows.sort_values("t", kind="stable")
    return zip(ordered["event"], ordered["tier"], ordered["key"], ordered["nbytes"], strict=True)
