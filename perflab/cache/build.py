"""The tiers as the config wants them.

In: a `Config` and a recorder. Out: a `TieredCache`, ready to use.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable

from perflab.cache.disk.tier import DiskCache
from perflab.cache.entry import UNBOUNDED
from perflab.cache.memory.tier import MemoryCache
from perflab.cache.memory.ttl import TTLCache
from perflab.cache.tiers.tiered import TieredCache
from perflab.config import CacheSettings, Config
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
        If `cache.l3_dir` or `cache.l3_pickle_key` is not safe to trust.

    Examples
    --------
    >>> with build_tiers(Config(cache={"l3_enabled": False})) as cache:
    ...     cache.set("page", "text"), cache.l1.max_bytes, cache.l3
    (True, 52428800, None)
    """
    settings = config.cache
    l1 = MemoryCache(
        config.l1_bytes,
        max_entries=_bound(settings.l1_entries),
        policy=settings.l1_policy,
        timer=timer,
        recorder=recorder,
    )
    l2 = TTLCache(
        config.l2_bytes,
        max_entries=_bound(settings.l2_entries),
        policy=settings.l2_policy,
        default_ttl=settings.l2_ttl_s,
        sliding=settings.l2_sliding,
        timer=timer,
        recorder=recorder,
    )
    l3 = _disk(disk, settings, l1, timer, wall, recorder) if settings.l3_enabled else None
    cache = TieredCache(l1, l2, l3, recorder)
    cache.write_policy = settings.write_policy
    cache.stale_s, cache.refresh_ratio = settings.stale_s, settings.refresh_ratio
    cache.start_sweep(SWEEP_S)
    return cache


def _bound(entries: int | None) -> int:
    return UNBOUNDED if entries is None else entries


def _disk(
    make: type[DiskCache],
    settings: CacheSettings,
    l1: MemoryCache,
    timer: Callable[[], float],
    wall: Callable[[], float],
    recorder: Recorder,
) -> DiskCache:
    # Weak, since the tiers know of each other: a cache that is forgotten goes at once, and its private folder with it.
    first = weakref.ref(l1)
    return make(
        settings.l3_dir,
        settings.l3_bytes,
        write=settings.l3_write,
        durable=settings.l3_durable,
        compress_bytes=settings.l3_compress_bytes,
        pickle_key=settings.l3_pickle_key,
        # Hits in memory never reach the disk, which would take their keys for unread.
        in_use=lambda key: (held := first()) is not None and key in held,
        timer=timer,
        wall=wall,
        recorder=recorder,
    )
