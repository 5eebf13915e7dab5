"""How well the cache answers.

In: the frames `accesses` and `samples`. Out: the metrics `cache.*`: of all workloads, of each state, of each workload.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from perflab.analyze import clusters
from perflab.analyze.intervals import Interval, observed
from perflab.analyze.metrics.row import Metric, Unit, measured, unavailable
from perflab.analyze.metrics.select import good_samples, rows_of_optimized, slug, states, workloads
from perflab.cache.tiers.stats import access_seconds

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["cache", "greatest_bytes"]

_UNITS: dict[str, Unit] = {
    "hit_rate": "ratio",
    "miss_rate": "ratio",
    "eviction_rate": "ratio",
    "access_time_mean": "s",
    "access_time_p95": "s",
    "memory": "bytes",
}
_RUNS = {
    "cold": "cold runs: empty cache",
    "warm": "warm runs: unchanged input",
    "incremental": "incremental runs: edited input",
}
_ACCESSES = ("hit", "miss")
_MEMORY_TIERS = ("l1", "l2")


@dataclass(frozen=True, slots=True)
class _Rows:
    """Events of some runs, what these runs are, and the stratum that each is of.

    `sampled` is the share of the keys that was recorded, `dropped` the oldest rows of all that are there no more.
    """

    events: pd.DataFrame
    where: str
    strata: Mapping[str, Hashable]
    confidence: float
    seed: int
    sampled: float
    dropped: int

    @property
    def how(self) -> Literal["measured", "estimated"]:
        return "measured" if self.sampled == 1 else "estimated"

    def reads(self) -> pd.DataFrame:
        return self.events[self.events["event"].isin(_ACCESSES)]


def cache(accesses: pd.DataFrame, samples: pd.DataFrame, confidence: float = 0.95, *, seed: int = 2026) -> list[Metric]:
    """Return the cache's metrics: of the warm runs where there are some, else of the primary state.

    Only hits and misses are accesses; prefetches, warm-ups and loads are not. With no accesses all is unavailable.
    Accesses of one run depend on each other, and workloads differ: intervals come of resampling the runs of each
    workload, and without enough runs there are none. Where `attrs` of the accesses say that a share of the keys was
    recorded, all is estimated for all keys.
    """
    sampled, dropped = float(accesses.attrs.get("sample_ratio", 1.0)), int(accesses.attrs.get("rows_dropped", 0))

    def rows_of(state: str | None, of: pd.DataFrame) -> _Rows:
        where = "all recorded accesses" if state is None else _RUNS.get(state, f"{state} runs")
        where += f" to {sampled:.3g} of the keys" if sampled < 1 else ""
        where += f" but the oldest, {dropped} rows that were dropped" if dropped else ""
        return _Rows(rows_of_optimized(accesses, of, state), where, _strata(of), confidence, seed, sampled, dropped)

    found = states(good_samples(samples, "time"))
    rows = [*_of_rows(rows_of(_chosen(found), samples))]
    rows += [_share(f"cache.{state}.hit_rate", "hit", rows_of(state, samples)) for state in found]
    for name in workloads(good_samples(samples, "time")):
        own = samples[samples["workload"] == name]
        rows += _of_workload(slug(name), {state: rows_of(state, own) for state in states(good_samples(own, "time"))})
    return rows


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


def _chosen(found: Iterable[str]) -> str | None:
    return "warm" if "warm" in found else next(iter(found), None)


def _strata(samples: pd.DataFrame) -> dict[str, Hashable]:
    """Return workload, state and workers by the run that a sample recorded."""
    known = samples[samples["arm_run_id"].notna()]
    kinds = zip(known["workload"], known["state"], known["workers"].fillna(0), strict=True)
    return dict(zip(known["arm_run_id"], kinds, strict=True))


def _of_rows(rows: _Rows) -> Iterator[Metric]:
    if not len(rows.reads()):
        reason = f"no accesses were recorded, {rows.where}"
        for name, unit in _UNITS.items():
            yield unavailable(f"cache.{name}", unit, reason)
        return
    yield _share("cache.hit_rate", "hit", rows)
    yield _share("cache.miss_rate", "miss", rows)
    yield _eviction_rate(rows)
    yield from _access_times("cache", rows)
    yield _memory(rows)


def _of_workload(prefix: str, by_state: Mapping[str, _Rows]) -> Iterator[Metric]:
    chosen = _chosen(by_state)
    for state, rows in by_state.items():
        if len(rows.reads()):
            name = f"{prefix}.cache" if state == chosen else f"{prefix}.cache.{state}"
            yield _share(f"{name}.hit_rate", "hit", rows)
            yield from _access_times(name, rows)


def _share(name: str, event: str, rows: _Rows) -> Metric:
    what = f"{'hits' if event == 'hit' else 'misses'} / accesses, {rows.where}"
    if rows.sampled < 1:
        return measured(name, "ratio", _share_of_keys(event, rows), what, rows.how)
    by_run = {run: read["event"] == event for run, read in rows.reads().groupby("run_id", observed=True)}
    counts, totals = [int(run.sum()) for run in by_run.values()], [len(run) for run in by_run.values()]
    strata = [rows.strata.get(str(run)) for run in by_run]
    found = clusters.share_of_runs(counts, totals, rows.confidence, strata=strata, seed=rows.seed)
    return measured(name, "ratio", found, what)


def _share_of_keys(event: str, rows: _Rows) -> Interval:
    read = rows.reads()
    by_key = (read["event"] == event).groupby([read["run_id"], read["key"]], observed=True).agg(["sum", "count"])
    return clusters.share_of_sampled(
        by_key["sum"].to_numpy(), by_key["count"].to_numpy(), rows.sampled, rows.confidence
    )


def _eviction_rate(rows: _Rows) -> Metric:
    # Several evictions may follow one access: this is a ratio of two counts and no share, so no binomial interval.
    evicted, total = int((rows.events["event"] == "evict").sum()), len(rows.reads())
    counted = observed(evicted / total, total, f"{evicted} for {total} accesses; a count")
    found = counted if rows.sampled == 1 else replace(counted, low=math.nan, high=math.nan)
    return measured("cache.eviction_rate", "ratio", found, f"evictions / accesses, {rows.where}", rows.how)


def _access_times(prefix: str, rows: _Rows) -> list[Metric]:
    read = rows.reads()
    found = {run: access_seconds(accesses) for run, accesses in read.groupby("run_id", observed=True)}
    by_run = {run: seconds for run, seconds in found.items() if len(seconds)}
    runs, strata = list(by_run.values()), [rows.strata.get(str(run)) for run in by_run]
    mean = clusters.mean(runs, rows.confidence, strata=strata, seed=rows.seed)
    p95 = clusters.quantile(runs, 0.95, rows.confidence, strata=strata, seed=rows.seed)
    what = f"time that callers waited, {_timed(read)}{rows.where}"
    return [
        measured(f"{prefix}.access_time_mean", "s", mean, what, rows.how),
        measured(f"{prefix}.access_time_p95", "s", p95, what, rows.how),
    ]


def _timed(read: pd.DataFrame) -> str:
    timed = int(read["duration_s"].notna().sum())
    return "" if timed == len(read) else f"{timed} of {len(read)} accesses were timed, "


def _memory(rows: _Rows) -> Metric:
    known = rows.events[rows.events["tier"].isin(_MEMORY_TIERS) & rows.events["nbytes"].notna()]
    if not len(known):
        reason = f"no sizes of entries in the memory tiers were recorded, {rows.where}"
        return unavailable("cache.memory", "bytes", reason)
    greatest = max(greatest_bytes(_events(run)) for _, run in known.groupby("run_id", observed=True))
    replayed = observed(greatest / rows.sampled, len(known), f"replay of {len(known)} recorded events")
    if rows.sampled < 1:
        replayed = replace(replayed, low=math.nan, high=math.nan, method=f"{replayed.method}, scaled up")
    elif rows.dropped:
        replayed = replace(replayed, high=math.nan, method=f"{replayed.method}, a lower bound")
    return measured("cache.memory", "bytes", replayed, f"greatest bytes in l1 and l2, {rows.where}", "estimated")


def _events(rows: pd.DataFrame) -> Iterator[tuple[str, str, str, int]]:
    ordered = rows.sort_values("t", kind="stable")
    return zip(ordered["event"], ordered["tier"], ordered["key"], ordered["nbytes"], strict=True)
