"""What a memory tier holds, within its bounds.

In: entries. Out: those that fit, and a row and a notice for each that left for room, was replaced or refused. It has no
lock: the tier does.
"""

from __future__ import annotations

import math
from collections.abc import Hashable

from perflab.cache.entry import NO_FACTS, Entry
from perflab.cache.memory.holdings import Holdings
from perflab.errors import StoreError

__all__ = ["Stock"]


class Stock(Holdings):
    """Holdings that entries come into, and leave for room."""

    def store(self, entry: Entry, event: str | None, reason: str | None, dirty: bool) -> bool:
        """Put an entry in place of the one of its key; False, and nothing of the key is left, if it must not be."""
        stored = None if dirty else self._store_plain(entry, event, reason)
        return self._store_any(entry, event, reason, dirty) if stored is None else stored

    def _store_any(
        self, entry: Entry, event: str | None, reason: str | None, dirty: bool, old: Entry | None = None
    ) -> bool:
        key, hot = entry.key, self._hot
        nbytes = entry.nbytes if type(entry.nbytes) is int else self._weighed(entry)
        # The common case goes round the shelf: a call costs as much as all else that is done there.
        plain = entry.facts is NO_FACTS and (type(key) is str or type(key) is int) and not self._dating
        refusal = None if plain and 0 <= nbytes <= self._largest else self._refusal(entry)
        old = self._taken_out(key) or old
        while refusal is None and not self._has_room(nbytes):
            if not self.make_room(nbytes, 1):
                refusal = "write_back"
            old = self._taken_out(key) or old  # who hears of an eviction may have stored this very key
        if refusal is not None:
            self._refuse(entry, old, refusal)
            return False
        if plain:
            hot[key] = entry
        else:
            self.shelf.put(entry)
        self._add(entry)
        self.nbytes += nbytes
        if old is not None:
            self._replaced(old)
        if dirty:
            self.unwritten.mark(entry)
        if event is not None:
            self._access(key, event, self._tier, nbytes, None, reason)
        return True

    def _finish_store(self, entry: Entry, old: Entry | None, event: str | None, reason: str | None) -> bool:
        """Do the rest for `_store_plain`, which took the old entry out and then met one that is not plain."""
        return self._store_any(entry, event, reason, False, old)

    def _has_room(self, nbytes: int) -> bool:
        entries = len(self._hot) + len(self._others)
        return self.nbytes + nbytes <= self.max_bytes and entries < self.max_entries

    def _taken_out(self, key: Hashable) -> Entry | None:
        """Remove and return what is held of a key; what is due expires instead."""
        old = self.shelf.find(key)
        return None if old is None else self._set_aside(old)

    def make_room(self, nbytes: int, entries: int) -> bool:
        """Evict until so much more fits, what is due first; False if something cannot be written and has to stay."""
        hot, others, dirty = self._hot, self._others, self.unwritten.generations
        allowed, most = self.max_bytes - nbytes, self.max_entries - entries
        if others and (self.nbytes > allowed or len(hot) + len(others) > most):
            self.drop_due(self._timer())
        while self.nbytes > allowed or len(hot) + len(others) > most:
            entry = self._victim()
            if dirty and not self._may_leave(entry):
                return False
            self._evicted(entry)
        return True

    def _evicted(self, entry: Entry) -> None:
        """Do what is to be done for an entry that the policy has let go of, for room."""
        key, nbytes = entry.key, entry.nbytes
        if entry.facts is NO_FACTS and self._hot.get(key) is entry:
            del self._hot[key]
        elif self.shelf.find(key) is entry:
            self.shelf.drop(entry)
        else:
            return  # an interrupt fell between the two that know it
        self._count_out(nbytes)
        if self.on_evict is not None:
            self.on_evict(key, entry)
            return
        self._access(key, "evict", self._tier, nbytes, None, "capacity")
        if self._heard:
            self.notices.put(entry, "evicted")

    def _weighed(self, entry: Entry) -> int:
        """Make the weight of an entry a whole number of bytes, the next one."""
        try:
            entry.nbytes = math.ceil(entry.nbytes)
        except (TypeError, ValueError, OverflowError) as error:
            raise StoreError(
                f"The weight of the key {entry.key!r} is {entry.nbytes!r}; it must be a number."
            ) from error
        return entry.nbytes

    def _set_aside(self, old: Entry) -> Entry | None:
        """Remove the entry that is replaced; one that is due expires instead."""
        if old.expires != math.inf and old.expires <= self._timer() and self._expire(old):
            return None
        self.remove(old)
        return old

    def _may_leave(self, victim: Entry) -> bool:
        """Write a victim back; if that fails, or is interrupted, it stays."""
        written = False
        try:
            written = self.write(victim, "capacity")
        finally:
            if not written:
                self._add(victim)
        return written

    def _refusal(self, entry: Entry) -> str | None:
        """Date an entry, and return why it must not be stored, or None."""
        if entry.nbytes < 0:
            raise StoreError(f"The weight of the key {entry.key!r} is {entry.nbytes}; it must be 0 or more bytes.")
        if self._dating or entry.facts is not NO_FACTS:
            now = self._timer()
            self.date(entry, now)
            if entry.expires <= now:
                return "ttl"
        return None if entry.nbytes <= self._largest else "oversize"

    def _replaced(self, old: Entry) -> None:
        self.unwritten.discard(old)
        self.notices.put(old, "replaced")

    def _refuse(self, entry: Entry, old: Entry | None, refusal: str) -> None:
        self.record(entry, "reject", refusal)
        self.notices.put(entry, "rejected")
        if old is not None:
            self.write(old, refusal)
            self.record(old, "invalidate", refusal)
            self.notices.put(old, "invalidated")
