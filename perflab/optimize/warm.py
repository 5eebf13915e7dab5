"""Fill the memory tiers before anyone asks: from a snapshot of the hot set, or from disk.

In: a tiered cache, and a snapshot or entries in l3. Out: those that fit in memory, with what that took.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perflab.optimize.result import attempt

if TYPE_CHECKING:
    from perflab.cache import TieredCache

__all__ = ["Warmed", "warm"]


@dataclass(frozen=True, slots=True)
class Warmed:
    """What a warm-up loaded: entries, bytes by the memory tiers' weight, and the wall seconds that it took."""

    keys: int
    nbytes: int
    duration_s: float

    def attempt(self) -> dict[str, Any]:
        """Return this as a row of `optimizations`."""
        return attempt(
            "cache_warming_enabled",
            "kept" if self.keys else "no change",
            f"{self.keys} entries were copied from disk." if self.keys else "There was nothing to copy from disk.",
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
    snapshot: str | os.PathLike[str] | None = None,
    timer: Callable[[], float] = time.perf_counter,
) -> Warmed:
    """Copy entries into the memory tiers; nothing of it is counted as an access, and nothing is evicted for it.

    Parameters
    ----------
    cache
        The tiers.
    limit_bytes
        What may be loaded, by the memory tiers' weight; never more than they have room for.
    snapshot
        A file of `TieredCache.snapshot`: its entries come in, hottest first. None copies from l3, last stored first.
    timer
        Seconds.

    Raises
    ------
    StoreError
        If the snapshot is none, or is damaged.
    """
    started_s, before = timer(), _held(cache)
    keys = cache.warm(limit_bytes) if snapshot is None else cache.restore(snapshot, limit_bytes=limit_bytes)
    return Warmed(keys, max(0, _held(cache) - before), timer() - started_s)


def _held(cache: TieredCache) -> int:
    return cache.l1.nbytes + cache.l2.nbytes
