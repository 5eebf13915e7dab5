"""The tiers as the config wants them.

In: a `Config` and a recorder. Out: a `TieredCache`, ready to use.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from perflab.cache.disk import DiskCache
from perflab.cache.memory import MemoryCache
from perflab.cache.tiered import TieredCache
from perflab.cache.ttl import TTLCache
from perflab.config import Config
from perflab.record import NULL_RECORDER, Recorder

__all__ = ["SWEEP_S", "build_tiers"]

SWEEP_S = 60.0
"""Seconds between sweeps of memory: rare enough to cost nothing, and far below the hour that l2 keeps by default."""


def build_tiers(
    config: Config,
    recorder: Recorder = NULL_RECORDER,
    *,
    disk: type[DiskCache] = DiskCache,
    timer: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
) -> TieredCache:
    """Return the three tiers with the config's bounds; without `cache.l3_dir`, disk is a private folder until `close`.

    A daemon thread removes what is due from memory every `SWEEP_S` seconds, until `close`. `disk` is the class of l3.

    Raises
    ------
    StoreError
        If `cache.l3_dir` is not safe to trust.

    Examples
    --------
    >>> with build_tiers(Config(cache={"l3_enabled": False})) as cache:
    ...     cache.set("page", "text"), cache.l1.max_bytes, cache.l3
    (True, 52428800, None)
    """
    settings = config.cache
    l3 = None
    if settings.l3_enabled:
        l3 = disk(settings.l3_dir, settings.l3_bytes, timer=timer, wall=wall, recorder=recorder)
    l1 = MemoryCache(config.l1_bytes, timer=timer, recorder=recorder)
    l2 = TTLCache(config.l2_bytes, default_ttl=settings.l2_ttl_s, timer=timer, recorder=recorder)
    cache = TieredCache(l1, l2, l3, recorder)
    cache.start_sweep(SWEEP_S)
    return cache
