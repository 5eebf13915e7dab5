"""What the tests of the memory tiers share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import cachetools

from perflab.cache import POLICIES, MemoryCache, TTLCache
from perflab.record import Recorder

Make = Callable[..., MemoryCache]

TIERS: dict[str, Make] = {
    **{f"l1 {name}": partial(MemoryCache, policy=name) for name in POLICIES},
    **{f"l2 {name}": partial(TTLCache, policy=name) for name in POLICIES},
    "l1 cachetools.LFUCache": partial(MemoryCache, policy=cachetools.LFUCache),
    "l1 cachetools.RRCache": partial(MemoryCache, policy=cachetools.RRCache),
}
"""Every memory tier with every policy."""


class Clock:
    """A timer that stands until it is moved."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def length(_: object, value: Any) -> int:
    """Weigh text by its length."""
    return len(value)


def rows(recorder: Recorder) -> list[tuple[str, str, str | None]]:
    """Return key, event and reason of what was recorded."""
    frame = recorder.frames.accesses
    return [(row.key, row.event, row.reason if isinstance(row.reason, str) else None) for row in frame.itertuples()]
