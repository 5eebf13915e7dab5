"""Fill the memory tiers from disk when a system starts.

In: a tiered cache with entries in l3, and what the last run accessed. Out: the most used entries in memory, measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perflab.optimize.result import attempt
from perflab.record.arrow import as_text

if TYPE_CHECKING:
    import pandas as pd

    from perflab.cache.tiered import TieredCache

__all__ = ["Warmed", "warm"]


@dataclass(frozen=True, slots=True)
class Warmed:
    """What a warm-up loaded: entries, bytes by the memory tiers' weight, and the wall seconds that it took."""

    keys: int
    nbytes: int
    duration_s: float
    ordered: bool

    def attempt(self) -> dict[str, Any]:
        """Return this as a row of `optimizations`."""
        order = "most used in the last run first" if self.ordered else "in the store's order"
        return attempt(
            "cache_warming_enabled",
            "kept" if self.keys else "no change",
            f"{self.keys} entries were copied from disk, {order}." if self.keys else "l3 had nothing to copy.",
            old=False,
            new=True,
            metric="cache.warm.bytes",
            unit="bytes",
            before=0.0,
            measured=float(self.nbytes),
        )


def warm(
    cache: TieredCache,
    limit_bytes: int,
    *,
    accesses: pd.DataFrame | None = None,
    timer: Callable[[], float] = time.perf_counter,
) -> Warmed:
    """Copy entries from l3 into the memory tiers, nothing of it counted as an access.

    Parameters
    ----------
    cache
        The tiers; without an l3 nothing is loaded.
    limit_bytes
        What may be loaded, by the memory tiers' weight; never more than they have room for. With `accesses` the last
        entry may pass it.
    accesses
        Accesses of an earlier run. The keys used most come first, the later used one among equals; keys that were not
        used are not loaded. Without it entries come in the store's order.
    timer
        Seconds.
    """
    started_s, before = timer(), _held(cache)
    if cache.l3 is None:
        keys = 0
    elif accesses is None:
        keys = cache.warm(limit_bytes)
    else:
        keys = _warm_in_order(cache, before + limit_bytes, _by_use(cache.l3, accesses))
    return Warmed(keys, max(0, _held(cache) - before), timer() - started_s, ordered=accesses is not None)


def _held(cache: TieredCache) -> int:
    return cache.l1.nbytes + cache.l2.nbytes


def _warm_in_order(cache: TieredCache, limit: int, keys: Iterator[Hashable]) -> int:
    limit = min(limit, cache.l1.max_bytes + cache.l2.max_bytes)
    loaded = 0
    for key in keys:
        if _held(cache) >= limit:
            break
        loaded += cache.prefetch([key])
    return loaded


def _by_use(stored: Iterable[Hashable], accesses: pd.DataFrame) -> Iterator[Hashable]:
    """Yield the stored keys that were used, most used first; rows hold keys as text, the store holds the keys."""
    used = accesses.loc[accesses["event"].isin(["hit", "miss"]), "key"].astype(object)
    ranked = used.to_frame("key").assign(place=range(len(used))).groupby("key")["place"].agg(["size", "max"])
    ranked = ranked.sort_values(["size", "max"], ascending=False)
    by_text = {as_text(key): key for key in stored}
    return (by_text[text] for text in ranked.index if text in by_text)
