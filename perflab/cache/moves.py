"""Where an entry is, and how it moves between the tiers.

In: keys and values of the tiered cache. Out: entries, each in the one memory tier where it belongs, and a copy on disk.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Hashable
from contextlib import AbstractContextManager, ExitStack

from perflab.cache.disk import DiskCache
from perflab.cache.entry import Entry, checked_ttl
from perflab.cache.keys import slot_of
from perflab.cache.loading import Load, Loads
from perflab.cache.memory import MemoryCache
from perflab.cache.ttl import TTLCache
from perflab.errors import StoreError
from perflab.record import Recorder

__all__ = ["Tiers"]


class Tiers:
    """Two memory tiers, exclusive of each other, over an optional disk tier that has a copy of what it can hold.

    Disk is read and written outside of the lock of the memory tiers. A reader that fetched a value from disk drops its
    promotion if the key was written meanwhile, so a replaced value never comes back; a loaded value goes the same way.
    """

    def __init__(self, l1: MemoryCache, l2: TTLCache, l3: DiskCache | None, recorder: Recorder) -> None:
        self.l1 = l1
        self.l2 = l2
        self.l3 = l3
        self._recorder = recorder
        self._lock = threading.RLock()
        # Writers of one key take turns, so that memory and disk end with the same value; a key's stripe is its hash.
        self._stripes = tuple(threading.RLock() for _ in range(64))
        # Keys that someone is fetching from disk; a writer takes the mark away, and the fetched value is not promoted.
        self._fetching: dict[Hashable, object] = {}
        self.loads = Loads()
        l1.on_evict = self._demote

    def named(self) -> dict[str, MemoryCache | DiskCache]:
        """Return the tiers by name, fastest first."""
        tiers: dict[str, MemoryCache | DiskCache] = {"l1": self.l1, "l2": self.l2}
        return tiers if self.l3 is None else {**tiers, "l3": self.l3}

    def guard(self, key: Hashable) -> AbstractContextManager[object]:
        """Return the lock that writers of a key hold."""
        return self._stripes[hash(slot_of(key)) % len(self._stripes)]

    def find(self, key: Hashable) -> tuple[Entry | None, str | None]:
        """Return the entry of a key and the tier that had it; promote it.

        A hit in l1 does not change its order of eviction: the caller notes it, and l1 catches up with what was noted.
        """
        entry = self.l1.peek(key)
        if entry is not None:
            return entry, "l1"
        with self._lock:
            # Another thread may have moved it from l2 to l1 since.
            entry = self.l1.peek(key)
            if entry is not None:
                return entry, "l1"
            entry = self._promote(key)
        if entry is not None:
            return entry, "l2"
        entry = self.fetch(key, "promote")
        return entry, None if entry is None else "l3"

    def peek(self, key: Hashable) -> Entry | None:
        """Return the entry of a key in memory; its place in the order of eviction stays."""
        with self._lock:
            return self.l1.peek(key) or self.l2.peek(key)

    def fetch(self, key: Hashable, event: str, limit: float = math.inf) -> Entry | None:
        """Copy a key from disk into the memory tier that has room for it, and return it.

        With a limit, only what fits into it and into free memory is copied and returned.
        """
        if self.l3 is None:
            return None
        slot, mark = slot_of(key), object()
        with self._lock:
            self._fetching[slot] = mark
        found = self.l3.entry(key)
        if found is None:
            self._fetching.pop(slot, None)
            return None
        entry = Entry(key, found.value, self.l1.weigh(key, found.value), found.deadline)
        with self._lock:
            unchanged = self._fetching.get(slot) is mark
            if unchanged:
                del self._fetching[slot]
            held = self.peek(key)
            if held is not None:
                return held  # it was set before the mark was, and may have moved on to l2
            tier = self._tier_for(entry, limit)
            if unchanged and tier is not None:
                tier.admit(entry, event, "from l3")
            return entry if limit == math.inf or tier is not None else None

    def warm(self, limit_bytes: int) -> int:
        """Copy from disk, last stored first, what fits into the limit and into free memory; return how many entries."""
        left, copied = limit_bytes, 0
        for key in () if self.l3 is None else self.l3:
            if self.peek(key) is not None:
                continue
            entry = self.fetch(key, "warm", left)
            if entry is None:
                break
            left, copied = left - entry.nbytes, copied + 1
        return copied

    def store(self, key: Hashable, value: object, ttl: float | None, load: Load | None = None) -> bool:
        """Put a value into memory and onto disk, in place of what was there; False if no tier took it.

        A value that comes from a load is dropped if the load's mark is gone: someone has written the key since.
        """
        deadline = self.l1.timer() + checked_ttl(ttl)
        entry = Entry(key, value, self.l1.weigh(key, value), deadline)
        with self.guard(key):
            if load is not None and not self.loads.stands(load):
                return False
            on_disk = self._write_through(key, value, ttl)
            with self._lock:
                self._written(key)
                in_memory = self._hold(entry)
        return on_disk or in_memory

    def remove(self, key: Hashable) -> bool:
        """Remove a key from every tier on request; False if none had it."""
        with self.guard(key):
            found = self.l3 is not None and self.l3.delete(key)
            with self._lock:
                self._written(key)
                return any([_deleted(self.l1, key), _deleted(self.l2, key), found])

    def touch(self, key: Hashable, ttl: float | None) -> bool:
        """Give a key a new time to live in every tier; False if none has it."""
        lifetime = checked_ttl(ttl)
        with self.guard(key):
            on_disk = self.l3 is not None and self.l3.touch(key, ttl)
            with self._lock:
                self._fetching.pop(slot_of(key), None)
                found = any([self.l1.touch(key, ttl), self.l2.touch(key, ttl), on_disk])
                # A touch that found nothing has written nothing; with 0 seconds it is a request to forget the key.
                if found or lifetime <= 0:
                    self.loads.end(key)
                return found

    def clear(self, names: tuple[str, ...]) -> int:
        """Remove everything in some tiers; return how many entries, copies on disk counted too."""
        with ExitStack() as writing:
            # It writes every key, so it takes every turn; no writer waits for a second stripe while it holds one.
            for stripe in self._stripes:
                writing.enter_context(stripe)
            removed = self.l3.clear() if self.l3 is not None and "l3" in names else 0
            with self._lock:
                self._fetching.clear()
                self.loads.end_all()
                return removed + sum(self.named()[name].clear() for name in names if name in ("l1", "l2"))

    def _written(self, key: Hashable) -> None:
        self._fetching.pop(slot_of(key), None)
        self.loads.end(key)

    def _promote(self, key: Hashable) -> Entry | None:
        entry = self.l2.entry(key)
        if entry is not None and 0 < entry.nbytes <= self.l1.max_bytes:
            self.l2.take(key)
            self.l1.admit(entry, "promote", "from l2")
        return entry

    def _tier_for(self, entry: Entry, limit: float) -> MemoryCache | None:
        if entry.nbytes > limit:
            return None
        for tier in (self.l1, self.l2):
            room = tier.max_bytes if limit == math.inf else tier.max_bytes - tier.nbytes
            if 0 < entry.nbytes <= room:
                return tier
        return None

    def _demote(self, key: Hashable, entry: Entry) -> None:
        if not self.l2.admit(entry, "demote", "capacity"):
            self._recorder.access(key, "evict", "l1", entry.nbytes, reason="capacity")

    def _hold(self, entry: Entry) -> bool:
        """Put a new value into the first memory tier that takes it; the other one must not keep an old value."""
        old = self.l2.take(entry.key)
        if self.l1.admit(entry, "set"):
            return True
        if entry.deadline > self.l1.timer() and self.l2.admit(entry, "set"):
            return True
        if old is not None:
            self._recorder.access(entry.key, "invalidate", "l2", old.nbytes, reason="replaced")
        return False

    def _write_through(self, key: Hashable, value: object, ttl: float | None) -> bool:
        if self.l3 is None:
            return False
        try:
            return self.l3.set(key, value, ttl=ttl)
        except StoreError:
            self._recorder.access(key, "reject", "l3", reason="type")
            self.l3.discard(key, "replaced")
            return False


def _deleted(tier: MemoryCache, key: Hashable) -> bool:
    try:
        del tier[key]
    except KeyError:
        return False
    return True
