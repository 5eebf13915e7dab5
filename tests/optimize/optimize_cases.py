"""Caches and frames that the optimizers' tests share."""

from __future__ import annotations

import pandas as pd

from perflab.cache import DiskCache, MemoryCache, TieredCache, TTLCache
from perflab.record import Recorder


def small_cache(folder, *, l1=20_000, l2=20_000, timer=lambda: 0.0, recorder=None):
    """A tiered cache on a fixed clock."""
    recorder = recorder or Recorder()
    return TieredCache(
        MemoryCache(l1, timer=timer, recorder=recorder),
        TTLCache(l2, timer=timer, recorder=recorder),
        DiskCache(folder, timer=timer, recorder=recorder),
        recorder,
    )


def accesses(keys, nbytes=1_000):
    """An accesses frame in which each key misses once, is set, and hits from then on."""
    rows, seen = [], set()
    for key in keys:
        if key in seen:
            rows.append((str(key), "hit", nbytes))
        else:
            seen.add(key)
            rows += [(str(key), "miss", None), (str(key), "set", nbytes)]
    frame = pd.DataFrame(rows, columns=["key", "event", "nbytes"])
    return frame.astype({"key": "str", "event": "category", "nbytes": "Int64"})
