"""Tiered caches with a fake clock, small enough that everything moves."""

from __future__ import annotations

from pathlib import Path

from perflab.cache import DiskCache, MemoryCache, TieredCache, TTLCache
from perflab.record import Recorder


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Unsupported:
    """A value that only memory can hold."""


def size(_: object, value: object) -> int:
    return len(value) if isinstance(value, str | bytes) else 1


def make(
    l1: int = 3, l2: int = 3, *, disk: Path | None = None, clock: Clock | None = None, recorder: Recorder | None = None
) -> TieredCache:
    timer, recorder = clock or Clock(), recorder or Recorder()
    return TieredCache(
        MemoryCache(l1, weigh=size, timer=timer, recorder=recorder),
        TTLCache(l2, weigh=size, timer=timer, recorder=recorder, default_ttl=3_600),
        None if disk is None else DiskCache(disk, timer=timer, wall=timer, recorder=recorder),
        recorder,
    )


def events(cache: TieredCache) -> list[tuple[str, str, str | None]]:
    frame = cache.recorder.frames.accesses
    named = frame.astype(object).where(frame.notna(), None)
    return [(row.key, row.event, row.tier) for row in named.itertuples()]
