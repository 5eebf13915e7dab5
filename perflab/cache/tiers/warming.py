"""The hot set: what memory holds, and taking it into another memory.

In: the tiers, a snapshot, a bound of bytes. Out: as many of its entries in memory as fit, those first that save most,
without an eviction and without an access.
"""

from __future__ import annotations

from collections.abc import Sequence

from perflab.cache.entry import Entry, Facts
from perflab.cache.memory.tier import MemoryCache
from perflab.cache.tiers.moves import Tiers
from perflab.cache.tiers.snapshot import Kept
from perflab.cache.tiers.worth import Heat, ranked
from perflab.record import Recorder

__all__ = ["hottest", "restore"]


def hottest(tiers: Tiers) -> list[Entry]:
    """Return what memory holds, by the order of eviction the last to leave first."""
    return [*reversed(tiers.l1.entries()), *reversed(tiers.l2.entries())]


def restore(tiers: Tiers, kept: Sequence[Kept], limit_bytes: float, recorder: Recorder) -> int:
    """Take entries, hottest first, into what the limit and free memory have room for; return how many.

    Chosen is what saves most seconds per byte. Of that the coldest goes in first, so the order of heat is as it was.
    """
    now = tiers.l1.timer()
    missing = [each for each in kept if tiers.peek(each.key) is None]
    entries = [tiers.entry(each.key, each.value, Facts(now + each.ttl, each.cost)) for each in missing]
    heats = [Heat(each.uses, each.cost, place / len(missing)) for place, each in enumerate(missing)]
    order = ranked([(heat, entry.nbytes) for heat, entry in zip(heats, entries, strict=True)])
    chosen = _that_fit(tiers, entries, order, limit_bytes)
    # Of what was chosen, the hottest lies in the first tier.
    placed = _that_fit(tiers, entries, sorted(place for place, _ in chosen), limit_bytes)
    return sum(_restored(tiers, entries[place], tier, recorder) for place, tier in reversed(placed))


def _restored(tiers: Tiers, entry: Entry, tier: MemoryCache, recorder: Recorder) -> bool:
    taken = tiers.restore(entry, tier)
    if taken:
        name = "l1" if tier is tiers.l1 else "l2"
        recorder.access(entry.key, "warm", name, entry.nbytes, entry.facts.cost, "snapshot")
    return taken


def _that_fit(
    tiers: Tiers, entries: Sequence[Entry], order: Sequence[int], limit_bytes: float
) -> list[tuple[int, MemoryCache]]:
    """Return the places of those that fit, and where each goes; one too large for what is left is passed over."""
    free = {"l1": tiers.l1.max_bytes - tiers.l1.nbytes, "l2": tiers.l2.max_bytes - tiers.l2.nbytes}
    left, chosen = limit_bytes, []
    for place in order:
        nbytes = entries[place].nbytes
        name = next((name for name, room in free.items() if 0 < nbytes <= min(room, left)), None)
        if name is not None:
            free[name] -= nbytes
            left -= nbytes
            chosen.append((place, tiers.l1 if name == "l1" else tiers.l2))
    return chosen
