"""What a memory tier holds, within its bounds.

In: entries, the reads of them, and the time. Out: the entries that are held; a row and a notice for each that left. It
has no lock: the tier does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable
from typing import Any

from perflab.cache.entry import NO_FACTS, Entry
from perflab.cache.notices import Notices, Reason
from perflab.cache.policy import Policy
from perflab.cache.shelf import Shelf
from perflab.cache.unwritten import Unwritten
from perflab.errors import StoreError
from perflab.record import Recorder

__all__ = ["LEFT_BYTES", "Stock"]

LEFT_BYTES = 4_000_000
"""So much may have left the cache, and yet be kept alive by rows that name it."""


class Stock:
    """Entries on a shelf and in an order of eviction, the same ones in both.

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
        self._ttl_s = ttl_s
        self._lifetime = lifetime
        self._dating = ttl_s != math.inf or lifetime is not None
        self._new_policy = new_policy
        self._start()
        self.limit(max_bytes, max_entries)
        self.notices = notices
        self.unwritten = unwritten
        self.on_evict: Callable[[Hashable, Entry], None] | None = None
        self.release: Callable[[], object] = tuple
        self.linger_s = 0.0
        self._timer = timer
        self._recorder = recorder
        self._access = recorder.access
        self._tier = tier

    def _start(self) -> None:
        self.order = order = self._new_policy()
        self._add, self._victim = order.add, order.victim
        self.nbytes = self._left_bytes = 0

    def limit(self, max_bytes: int, max_entries: int) -> None:
        """Set the bounds; `make_room` then holds them."""
        self.max_bytes, self.max_entries = max_bytes, max_entries
        self._largest = max_bytes if max_bytes and max_entries else -1

    def store(self, entry: Entry, event: str | None, reason: str | None, dirty: bool) -> bool:
        """Put an entry in place of the one of its key; False, and nothing of the key is left, if it must not be."""
        shelf, nbytes, key, kind = self.shelf, entry.nbytes, entry.key, type(entry.key)
        if nbytes < 0:
            raise StoreError(f"The weight of the key {key!r} is {nbytes}; it must be 0 or more bytes.")
        hot = shelf.hot
        old = hot.get(key) if (kind is str or kind is int) and not shelf.others else shelf.find(key)
        if old is not None:
            old = self._set_aside(old)
        if self._dating or entry.facts is not NO_FACTS:
            self.date(entry, self._timer())
        simple = nbytes <= self._largest and entry.expires == math.inf
        refusal = None if simple else self._refusal(entry)
        full = self.nbytes + nbytes > self.max_bytes or len(hot) + len(shelf.others) >= self.max_entries
        if refusal is None and full and not self.make_room(nbytes, 1):
            refusal = "write_back"
        if refusal is not None:
            self._refuse(entry, old, refusal)
            return False
        shelf.put(entry)
        self._add(entry)
        self.nbytes += nbytes
        if old is not None:
            self.unwritten.discard(old)
            self.notices.put(old, "replaced")
        if dirty:
            self.unwritten.mark(entry)
        if event is not None:
            self._access(key, event, self._tier, nbytes, None, reason)
        return True

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
        self.shelf.drop(entry)
        self.order.remove(entry)
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
        return sum([self._expire(entry) for entry in self.shelf.due(before)])

    def date(self, entry: Entry, now: float) -> None:
        """Set when an entry leaves this tier: by its own deadline, or by the tier's."""
        deadline = entry.deadline
        if deadline == math.inf:
            lifetime = self._lifetime
            deadline = now + (self._ttl_s if lifetime is None else lifetime(entry.key, entry.value))
        entry.date(deadline, now)

    def make_room(self, nbytes: int, entries: int) -> bool:
        """Evict until so much more fits, what is due first; False if something cannot be written and has to stay."""
        shelf, dirty = self.shelf, self.unwritten.generations
        hot, others = shelf.hot, shelf.others
        allowed, most = self.max_bytes - nbytes, self.max_entries - entries
        if others and (self.nbytes > allowed or len(shelf) > most):
            self.drop_due(self._timer())
        while self.nbytes > allowed or len(hot) + len(others) > most:
            entry = self._victim()
            if dirty and not self.write(entry, "capacity"):
                self._add(entry)
                return False
            shelf.drop(entry)
            self._count_out(entry.nbytes)
            if self.on_evict is None:
                self._access(entry.key, "evict", self._tier, entry.nbytes, None, "capacity")
                self.notices.put(entry, "evicted")
            else:
                self.on_evict(entry.key, entry)
        return True

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

    def _set_aside(self, old: Entry) -> Entry | None:
        """Remove the entry that is replaced; one that is due expires instead."""
        if old.expires != math.inf and old.expires <= self._timer() and self._expire(old):
            return None
        self.remove(old)
        return old

    def _refusal(self, entry: Entry) -> str | None:
        if entry.expires <= self._timer():
            return "ttl"
        return None if entry.nbytes <= self._largest else "oversize"

    def _refuse(self, entry: Entry, old: Entry | None, refusal: str) -> None:
        self.record(entry, "reject", refusal)
        self.notices.put(entry, "rejected")
        if old is not None:
            self.write(old, refusal)
            self.record(old, "invalidate", refusal)
            self.notices.put(old, "invalidated")

    def _expire(self, entry: Entry) -> bool:
        if not self.write(entry, "ttl"):
            self.shelf.put_off(entry)
            return False
        self.remove(entry)
        self.record(entry, "expire", "ttl")
        self.notices.put(entry, "expired")
        return True

    def _count_out(self, nbytes: int) -> None:
        self.nbytes -= nbytes
        # What was noted of it still refers to the entry, and so to its value.
        left = self._left_bytes = self._left_bytes + nbytes
        if left > LEFT_BYTES and left > self.max_bytes // 8:
            self._left_bytes = 0
            self.release()
