"""Where an entry is, and how it moves between the tiers.

In: keys and values of the tiered cache. Out: entries, each in the one memory tier where it belongs, and a copy on disk.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from contextlib import AbstractContextManager

from perflab.cache.disk.tier import DiskCache
from perflab.cache.entry import NO_FACTS, Entry, Facts, checked_ttl
from perflab.cache.keys import slot_of
from perflab.cache.loading.absences import Absences
from perflab.cache.loading.loads import Load, Loads
from perflab.cache.memory.notices import Listener
from perflab.cache.memory.tier import MemoryCache
from perflab.cache.memory.ttl import TTLCache
from perflab.cache.tiers.exclusive import Exclusive
from perflab.cache.tiers.stripes import Stripes
from perflab.cache.tiers.writing import DiskWrites, WritePolicy
from perflab.errors import StoreError
from perflab.forked import watch
from perflab.record import Recorder

__all__ = ["CLOSED", "Tiers"]

CLOSED = "The cache is closed; make a new one to go on."


class Tiers:
    """Two memory tiers, exclusive of each other, over an optional disk tier; `writing` says what it has copies of.

    Disk is read and written outside of the lock of the memory tiers. A reader that fetched a value from disk drops its
    promotion if the key was written meanwhile, so a replaced value never comes back; a loaded value goes the same way.
    """

    def __init__(self, l1: MemoryCache, l2: TTLCache, l3: DiskCache | None, recorder: Recorder) -> None:
        self.l1 = l1
        self.l2 = l2
        self.l3 = l3
        # Writers of one key take turns, so that memory and disk end with the same value.
        self._stripes = Stripes()
        # Keys that someone is fetching from disk; a writer takes the mark away, and the fetched value is not promoted.
        self._fetching: dict[Hashable, object] = {}
        self.loads = Loads()
        self.absences = Absences(l1.timer)
        self.writes = DiskWrites(l3, (l1, l2), recorder)
        self.memory = Exclusive(l1, l2, self.writes, recorder)
        self._closed = False
        watch(self)

    def listen(self, listener: Listener | None) -> None:
        """Tell a listener what leaves memory, and why; None tells nobody any more."""
        with self._stripes.all():
            self.memory.listen(listener)

    def named(self) -> dict[str, MemoryCache | DiskCache]:
        """Return the tiers by name, fastest first."""
        tiers: dict[str, MemoryCache | DiskCache] = {"l1": self.l1, "l2": self.l2}
        return tiers if self.l3 is None else {**tiers, "l3": self.l3}

    def guard(self, key: Hashable) -> AbstractContextManager[object]:
        """Return the lock that writers of a key hold."""
        return self._stripes.of(key)

    def entry(self, key: Hashable, value: object, facts: Facts) -> Entry:
        """Return an entry for the memory tiers."""
        return Entry(key, value, self.l1.weigh(key, value), facts=NO_FACTS if facts == NO_FACTS else facts)

    def find(self, key: Hashable) -> tuple[Entry | None, str | None]:
        """Return the entry of a key and the tier that had it; promote it.

        A hit in l1 does not change its order of eviction: the caller notes it, and l1 catches up with what was noted.
        """
        entry = self.l1.peek(key)
        if entry is not None:
            return entry, "l1"
        with self.memory.lock:
            # Another thread may have moved it from l2 to l1 since.
            entry, tier = self.memory.find(key)
        if entry is not None:
            return entry, tier
        entry = self.fetch(key, "promote")
        return entry, None if entry is None else "l3"

    def find_many(self, keys: Sequence[Hashable]) -> list[tuple[Entry | None, str | None]]:
        """Do the same for several keys, with one look at each tier."""
        with self.memory.lock:
            found = [self.memory.find(key) for key in keys]
        missing = [number for number, (entry, _) in enumerate(found) if entry is None]
        fetched = self._fetch_many([keys[number] for number in missing])
        for number, entry in zip(missing, fetched, strict=True):
            found[number] = (entry, None if entry is None else "l3")
        return found

    def peek(self, key: Hashable) -> Entry | None:
        """Return the entry of a key in memory; its place in the order of eviction stays."""
        with self.memory.lock:
            entry = self.l1.peek(key) or self.l2.peek(key)
            if entry is None:
                self.writes.settle((key,))
            return entry

    def fetch(self, key: Hashable, event: str, limit: float = math.inf) -> Entry | None:
        """Copy a key from disk into the memory tier that has room for it, and return it.

        With a limit, only what fits into it and into free memory is copied and returned.
        """
        if self.l3 is None:
            return None
        self.writes.settle((key,))
        mark = self.mark(key)
        return self._arrive(key, mark, self.l3.entry(key), event, limit)

    def store(
        self, key: Hashable, value: object, ttl: float | None, load: Load | None = None, *, facts: Facts = NO_FACTS
    ) -> bool:
        """Put a value into the tiers, in place of what was there; False if none took it.

        `facts` tell all but the deadline, which is `ttl` seconds from now.
        A value that comes from a load is dropped if the load's mark is gone: someone has written the key since.
        """
        entry = self.entry(key, value, self.facts(ttl, facts))
        with self.guard(key):
            self._refuse_closed()
            if load is not None and not self.loads.stands(load):
                return False
            on_disk = False if self.writes.keeps_off(entry) else self.writes.put([entry], ttl)[0]
            with self.memory.lock:
                self._written(key)
                return self.memory.place(entry, on_disk)

    def store_many(self, items: Iterable[tuple[Hashable, object]], ttl: float | None) -> list[bool]:
        """Put several values into the tiers, and tell of each key if one took it; disk is written once."""
        facts = self.facts(ttl)
        # A key that cannot be stored is refused before anything is; of one that comes twice the last value counts.
        entries = list({slot_of(key): self.entry(key, value, facts) for key, value in items}.values())
        with self._stripes.all():
            self._refuse_closed()
            on_disk = self.writes.put(entries, ttl)
            with self.memory.lock:
                for entry in entries:
                    self._written(entry.key)
                return [self.memory.place(entry, stored) for entry, stored in zip(entries, on_disk, strict=True)]

    def restore(self, entry: Entry, tier: MemoryCache) -> bool:
        """Put an entry from elsewhere into the free room of a tier; False if there is none, or memory has the key.

        If disk has the key, its value may be newer and is taken.
        """
        with self.guard(entry.key):
            found = None if self.l3 is None else self.l3.entry(entry.key)
            if found is not None:
                cost = entry.facts.cost if found.facts.cost is None else found.facts.cost
                entry = self.entry(entry.key, found.value, found.facts._replace(cost=cost))
            with self.memory.lock:
                held, room = self.peek(entry.key) is not None, tier.max_bytes - tier.nbytes
                if held or entry.nbytes > room or not self.memory.admits:
                    return False
                return tier.admit(entry)

    def facts(self, ttl: float | None, facts: Facts = NO_FACTS) -> Facts:
        """Return what is told of a value that has so many seconds to live from now."""
        lifetime = checked_ttl(ttl)
        return facts if lifetime == math.inf else facts._replace(deadline=self.l1.timer() + lifetime)

    def mark(self, key: Hashable) -> object:
        """Return a mark of a key that is being fetched; it stands until somebody writes the key or fetches it too."""
        mark = object()
        with self.memory.lock:
            self._fetching[slot_of(key)] = mark
        return mark

    def unmark(self, key: Hashable, mark: object) -> None:
        """Take a mark away, if it stands."""
        with self.memory.lock:
            if self._fetching.get(slot_of(key)) is mark:
                del self._fetching[slot_of(key)]

    def is_marked(self, key: Hashable, mark: object) -> bool:
        """Tell if a mark stands; the cache being closed takes all away."""
        return self._fetching.get(slot_of(key)) is mark and not self._closed

    def remove(self, key: Hashable) -> bool:
        """Remove a key from every tier on request; False if none had it."""
        with self.guard(key):
            waited = self.writes.forget((key,))
            lone = self._told_of(key)
            found = self.l3 is not None and self.l3.delete(key)
            with self.memory.lock:
                self._written(key)
                held = any([_deleted(self.l1, key), _deleted(self.l2, key)])
                if lone is not None and not held:
                    self.memory.tell(lone, "invalidated")
                return held or found or waited

    def stale(self, key: Hashable) -> Entry | None:
        """Return the entry of a key that is due and still in memory, or the live one."""
        with self.memory.lock:
            return self.l1.stale(key) or self.l2.stale(key)

    def tagged(self, tag: str) -> list[Hashable]:
        """Return the keys that have a tag in any tier."""
        self.writes.settle()
        with self.memory.lock:
            held: list[Hashable] = [*self.l1.tagged(tag), *self.l2.tagged(tag)]
        return held if self.l3 is None else [*held, *self.l3.tagged(tag)]

    def touch(self, key: Hashable, ttl: float | None) -> bool:
        """Give a key a new time to live in every tier; False if none has it."""
        lifetime = checked_ttl(ttl)
        with self.guard(key):
            self.writes.settle((key,))
            on_disk = self.l3 is not None and self.l3.touch(key, ttl)
            with self.memory.lock:
                self._fetching.pop(slot_of(key), None)
                found = any([self.l1.touch(key, ttl), self.l2.touch(key, ttl), on_disk])
                # A touch that found nothing has written nothing; with 0 seconds it is a request to forget the key.
                if found or lifetime <= 0:
                    self.loads.end(key)
                return found

    def expire(self) -> int:
        """Remove what is due in memory and return how many entries that were."""
        removed = self.memory.expire()
        self.writes.settle()
        return removed

    def clear(self, names: Sequence[str]) -> int:
        """Remove everything in some tiers; return how many entries, copies on disk counted too."""
        with self._stripes.all():
            self._clear_waiting(names)
            removed = self.l3.clear() if self.l3 is not None and "l3" in names else 0
            with self.memory.lock:
                self._fetching.clear()
                self.loads.end_all()
                self.absences.clear()
                return removed + sum(self.named()[name].clear() for name in names if name in ("l1", "l2"))

    def write(self, policy: WritePolicy) -> None:
        """Write by another policy from now on; what waits is written first."""
        with self._stripes.all():
            self.writes.flush()
            self.writes.policy = policy
            self.memory.hand_over(self.writes.back)

    def close(self) -> None:
        """Write what waits for disk, and take nothing more."""
        with self._stripes.all():
            self._closed = True
            self.writes.flush()

    def after_fork(self) -> None:
        """Make the locks anew in a forked child, and forget what other threads of the parent were doing."""
        self.memory.after_fork()
        self._stripes = Stripes()
        self._fetching = {}
        self.loads.after_fork()
        self.absences.after_fork()
        self.writes.after_fork()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StoreError(CLOSED)

    def _clear_waiting(self, names: Sequence[str]) -> None:
        """Without disk among the tiers that are cleared, disk must keep what it would have had with write-through."""
        if "l3" not in names:
            self.writes.flush()
            return
        self.writes.settle()
        if "l1" in names:
            self.writes.forget_all()

    def _fetch_many(self, keys: Sequence[Hashable]) -> list[Entry | None]:
        if self.l3 is None or not keys:
            return [None] * len(keys)
        self.writes.settle(keys)
        marks = [self.mark(key) for key in keys]
        found = zip(keys, marks, self.l3.entries(keys), strict=True)
        return [self._arrive(key, mark, entry, "promote", math.inf) for key, mark, entry in found]

    def _told_of(self, key: Hashable) -> Entry | None:
        """Return the entry of a key that lies on disk alone, if somebody wants to hear of its removal."""
        if self.l3 is None or not self.memory.heard or self.peek(key) is not None:
            return None
        return self.l3.entry(key)

    def _arrive(self, key: Hashable, mark: object, found: Entry | None, event: str, limit: float) -> Entry | None:
        slot = slot_of(key)
        if found is None:
            self._fetching.pop(slot, None)
            return None
        entry = self.entry(key, found.value, found.facts)
        with self.memory.lock:
            unchanged = self._fetching.get(slot) is mark
            if unchanged:
                del self._fetching[slot]
            held = self.peek(key)
            if held is not None:
                return held  # it was set before the mark was, and may have moved on to l2
            tier = self.memory.tier_for(entry, limit)
            if unchanged and tier is not None:
                tier.admit(entry, event, "from l3")
            return entry if limit == math.inf or tier is not None else None

    def _written(self, key: Hashable) -> None:
        self._fetching.pop(slot_of(key), None)
        self.loads.end(key)
        self.absences.forget(key)


def _deleted(tier: MemoryCache, key: Hashable) -> bool:
    try:
        del tier[key]
    except KeyError:
        return False
    return True
