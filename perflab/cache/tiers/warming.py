"""Filling memory before anyone asks: from disk, or from a snapshot.

In: the tiers and a bound of bytes. Out: as many entries in memory as fit, without an eviction and without an access.
"""

from __future__ import annotations

from collections.abc import Iterable

from perflab.cache.entry import Entry, Facts
from perflab.cache.memory.tier import MemoryCache
from perflab.cache.tiers.moves import Tiers
from perflab.cache.tiers.snapshot import Kept

__all__ = ["hottest", "restore", "warm"]


def hottest(tiers: Tiers) -> list[Entry]:
    """Return what memory holds, by the order of eviction the last to leave first."""
    return [*reversed(tiers.l1.entries()), *reversed(tiers.l2.entries())]


def warm(tiers: Tiers, limit_bytes: float) -> int:
    """Copy from disk, last stored first, what fits into the limit and into free memory; return how many entries."""
    left, copied = limit_bytes, 0
    for key in () if tiers.l3 is None else tiers.l3:
        if tiers.peek(key) is not None:
            continue
        entry = tiers.fetch(key, "warm", left)
        if entry is None:
            break
        left, copied = left - entry.nbytes, copied + 1
    return copied


def restore(tiers: Tiers, kept: Iterable[Kept], limit_bytes: float) -> int:
    """Take entries, hottest first, into what the limit and free memory have room for; return how many.

    The coldest goes in first, so the order of heat is as it was.
    """
    now = tiers.l1.timer()
    missing = (each for each in kept if tiers.peek(each.key) is None)
    entries = [tiers.entry(each.key, each.value, Facts(now + each.ttl, each.cost)) for each in missing]
    return sum(tiers.restore(entry, tier) for entry, tier in reversed(_that_fit(tiers, entries, limit_bytes)))


def _that_fit(tiers: Tiers, entries: Iterable[Entry], limit_bytes: float) -> list[tuple[Entry, MemoryCache]]:
    free = {"l1": tiers.l1.max_bytes - tiers.l1.nbytes, "l2": tiers.l2.max_bytes - tiers.l2.nbytes}
    chosen: list[tuple[Entry, MemoryCache]] = []
    left = limit_bytes
    for entry in entries:
        name = next((name for name, room in free.items() if 0 < entry.nbytes <= min(room, left)), None)
        if name is None:
            break
        free[name] -= entry.nbytes
        left -= entry.nbytes
        chosen.append((entry, tiers.l1 if name == "l1" else tiers.l2))
    return chosen
