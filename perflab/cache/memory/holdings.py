"""What a memory tier holds, and how it leaves on request or by age.

In: keys, entries, and the time. Out: the entries that are held; a row and a notice for each that left. It has no lock:
the tier does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable
from typing import Any

from perflab.cache.entry import UNBOUNDED, Entry
from perflab.cache.memory.notices import Notices, Reason
from perflab.cache.memory.plainly import Store
from perflab.cache.memory.shelf import Shelf
from perflab.cache.memory.unwritten import Unwritten
from perflab.cache.policy import Policy
from perflab.record import Recorder, SilentRecorder

__all__ = ["LEFT_BYTES", "Holdings"]

LEFT_BYTES = 4_000_000
"""So much may have left the cache, and yet be kept alive by rows that name it."""


class Holdings(Store):
    """Entries on a shelf and in an order of eviction, the same ones in both; `Stock` adds how they come in.

    Parameters
    ----------
    max_bytes, max_entries
        Bounds; with 0 nothing is stored.
    ttl_s
        Seconds that an entry without a time to live of its own stays, infinite for ever.
    lifetime
        `lifetime(key, value)` -> such seconds, of a cache that knows them, or None.
    new_policy
        Makes the order of eviction.
    timer
        Monotonic clock, seconds.
    recorder, tier
        Where rows go, and the tier that they name.
    notices, unwritten
        Who hears of what left, and what has to be written before it leaves.

    Attributes
    ----------
    on_evict : callable or None
        Takes over an entry that leaves for room.
    release : callable
        Called when values of `LEFT_BYTES`, or of an eighth of the bound, have left.
    linger_s : float
        Seconds that a due entry is kept where there is room for it, out of sight.
    """

    def __init__(
        self,
        max_bytes: int,
        max_entries: int,
        ttl_s: float,
        lifetime: Callable[[Hashable, Any], float] | None,
        new_policy: Callable[[], Policy],
        timer: Callable[[], float],
        recorder: Recorder,
        tier: str,
        notices: Notices,
        unwritten: Unwritten,
    ) -> None:
        self.shelf = Shelf()
        self._hot, self._told, self._others = self.shelf.hot, self.shelf.told, self.shelf.others
        self._dirty = unwritten.generations
        self._lifetime = lifetime
        self.live_for(ttl_s)
        self._new_policy = new_policy
        self._start()
        self.limit(max_bytes, max_entries)
        self.hear(notices)
        self.unwritten = unwritten
        self.on_evict: Callable[[Hashable, Entry], None] | None = None
        self.release: Callable[[], object] = tuple
        self.linger_s = 0.0
        self._timer = timer
        self._access = recorder.access
        self._forget = SilentRecorder.access
        self._tier = tier

    def _start(self) -> None:
        self._take_order(self._new_policy())
        self.nbytes = self._left_bytes = 0

    def reorder(self, new_policy: Callable[[], Policy]) -> None:
        """Go by another order of eviction from now on; what is held joins it, next to leave first."""
        old, left = self.order, list(self.order)
        self._new_policy = new_policy
        self._take_order(new_policy())
        for entry in left:
            old.remove(entry)
            self._add(entry)

    def _take_order(self, order: Policy) -> None:
        self.order = order
        self._add, self._victim = order.add, order.victim

    def live_for(self, ttl_s: float) -> None:
        """Give entries that come in from now on another time to live, infinite for ever."""
        self._ttl_s = ttl_s
        self._dating = ttl_s != math.inf or self._lifetime is not None

    def limit(self, max_bytes: int, max_entries: int) -> None:
        """Set the bounds; `make_room` then holds them."""
        self.max_bytes, self.max_entries = min(max_bytes, UNBOUNDED), min(max_entries, UNBOUNDED)
        self._largest = self.max_bytes if max_bytes and max_entries else -1
        self._bearable = max(LEFT_BYTES, self.max_bytes // 8)

    def hear(self, notices: Notices) -> None:
        """Notice there from now on what leaves."""
        self.notices = notices
        self._heard = notices.heard

    def live(self, key: Hashable) -> Entry | None:
        """Return the entry of a key that is not due."""
        entry = self.shelf.find(key)
        if entry is None or entry.expires == math.inf:
            return entry
        now = self._timer()
        if entry.expires > now:
            return entry
        if entry.expires + self.linger_s <= now:
            self._expire(entry)
        return None

    def touch(self, key: Hashable, lifetime: float) -> bool:
        """Give a live entry a new time to live, from now; False if there is none, or none any more."""
        entry = self.live(key)
        if entry is None:
            return False
        now = self._timer()
        self.shelf.drop(entry)
        entry.deadline = now + lifetime
        self.date(entry, now)
        self.shelf.put(entry)
        return self.live(key) is not None

    def remove(self, entry: Entry) -> None:
        """Take an entry out, without a row."""
        self.order.remove(entry)
        self.shelf.drop(entry)
        self._count_out(entry.nbytes)

    def forget(self, key: Hashable) -> int:
        """Remove what is held of a key on request; return 1 if that was live, else 0."""
        entry = self.live(key)
        if entry is not None:
            return self.invalidate([entry], "deleted", "invalidated")
        lingering = self.shelf.find(key)
        if lingering is not None:
            self._expire(lingering)
        return 0

    def invalidate(self, entries: Iterable[Entry], row: str, reason: Reason) -> int:
        """Remove entries on request and return how many that were."""
        removed = 0
        for entry in entries:
            self.remove(entry)
            self.unwritten.discard(entry)
            self.record(entry, "invalidate", row)
            self.notices.put(entry, reason)
            removed += 1
        return removed

    def drop_due(self, before: float) -> int:
        """Remove what was due before a time and return how many entries that were."""
        due = self.shelf.due(before)[::-1]
        expired = 0
        try:
            while due:
                expired += self._expire(due[-1])
                due.pop()
        finally:
            for entry in due:  # an interrupt in a write-back
                self.shelf.put_off(entry)
        return expired

    def date(self, entry: Entry, now: float) -> None:
        """Set when an entry leaves this tier: by its own deadline, or by the tier's."""
        deadline = entry.deadline
        if deadline == math.inf:
            lifetime = self._lifetime
            deadline = now + (self._ttl_s if lifetime is None else lifetime(entry.key, entry.value))
        entry.date(deadline, now)

    def write(self, entry: Entry, reason: str) -> bool:
        """Write an entry back if it is dirty; False if that failed."""
        if entry not in self.unwritten.generations:
            return True
        written = self.unwritten.write(entry)
        if written:
            self.record(entry, "write_back", reason)
        return written

    def clear(self) -> list[Entry]:
        """Let go of everything without a row, and return it."""
        removed = list(self.order)
        self.shelf.clear()
        self.unwritten.clear()
        self._start()
        return removed

    def record(self, entry: Entry, event: str, reason: str | None) -> None:
        """Record a row of an entry."""
        self._access(entry.key, event, self._tier, entry.nbytes, None, reason)

    def _count_out(self, nbytes: int) -> None:
        self.nbytes -= nbytes
        self._left_bytes += nbytes
        if self._left_bytes > self._bearable:
            self._let_go()

    def _expire(self, entry: Entry) -> bool:
        if not self.write(entry, "ttl"):
            self.shelf.put_off(entry)
            return False
        self.remove(entry)
        self.record(entry, "expire", "ttl")
        self.notices.put(entry, "expired")
        return True

    def _let_go(self) -> None:
        # What was noted of entries still refers to them, and so to their values.
        self._left_bytes = 0
        self.release()
