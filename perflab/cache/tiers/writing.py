"""When values go to disk: at once, when they leave memory, or to disk alone.

In: entries that are written, and those that leave memory. Out: their copies on disk, as the policy promises them.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Hashable, Iterable, Sequence
from typing import Literal

from perflab.cache.disk.tier import DiskCache
from perflab.cache.entry import Entry, checked_ttl
from perflab.cache.keys import slot_of
from perflab.cache.memory.tier import MemoryCache
from perflab.errors import ConfigError, StoreError
from perflab.record import Recorder

__all__ = ["BATCH", "DiskWrites", "WritePolicy", "checked_policy"]

WritePolicy = Literal["through", "back", "around"]

_POLICIES: dict[str, WritePolicy] = {"through": "through", "back": "back", "around": "around"}

BATCH = 256
"""Entries that are written to disk at a time when many are due; readers of disk wait that long."""


def checked_policy(policy: str) -> WritePolicy:
    """Return a write policy; ConfigError if there is none of that name.

    Examples
    --------
    >>> checked_policy("back")
    'back'
    """
    found = _POLICIES.get(policy)
    if found is not None:
        return found
    raise ConfigError(f"write_policy is {policy!r}; it must be 'through', 'back' or 'around'")


class DiskWrites:
    """The disk tier's copies, and the entries of which memory has something newer.

    `through`
        An acknowledged value is on disk: it survives a killed process.
    `back`
        An acknowledged value is in memory, and goes to disk when it leaves memory for room or by l2's default time to
        live, when it was loaded and others share the folder, at `flush` and at `close`. A killed process loses what was
        not flushed; it is missing then, never old, because the copy on disk goes when the key is written.
    `around`
        An acknowledged value is on disk, and comes into memory when it is first read. What disk does not take goes to
        memory.

    Parameters
    ----------
    l3
        The disk tier; without one there is nothing to write.
    memory
        The tiers above it.
    recorder
        Where `write_back` rows go.
    """

    def __init__(self, l3: DiskCache | None, memory: Sequence[MemoryCache], recorder: Recorder) -> None:
        self.policy: WritePolicy = "through"
        self._l3 = l3
        self._memory = memory
        self._recorder = recorder
        self._dirty: dict[Hashable, Entry] = {}
        # Taken after the locks of the memory tiers, from which entries come here, and before that of the disk tier.
        self._lock = threading.RLock()

    @property
    def back(self) -> bool:
        """Whether values wait in memory."""
        return self.policy == "back" and self._l3 is not None

    def put(self, entries: Sequence[Entry], ttl: float | None) -> list[bool]:
        """Store values that are written now, as far as they do not wait; tell of each if it is on disk."""
        if self._l3 is None:
            return [False] * len(entries)
        if self.policy == "back":
            return [self._postpone(self._l3, entry) for entry in entries]
        self.forget(entry.key for entry in entries)
        return self._store(self._l3, entries, ttl)

    def keeps_off(self, entry: Entry) -> bool:
        """Tell if an entry must not go to disk; then nothing of its key is there, and nothing waits."""
        if not entry.facts.memory_only:
            return False
        self.forget((entry.key,))
        if self._l3 is not None:
            self._l3.discard(entry.key, "replaced")
        return True

    def forget(self, keys: Iterable[Hashable]) -> bool:
        """Let nothing that waits be written for these keys; tell if something live did."""
        if not self._dirty:
            return False
        with self._lock:
            waiting = [self._dirty.pop(slot_of(key), None) for key in keys]
            now = self._memory[0].timer()
            return any(entry is not None and entry.deadline > now for entry in waiting)

    def forget_all(self) -> None:
        """Let nothing that waits be written."""
        with self._lock:
            self._dirty.clear()

    def leave(self, entry: Entry, reason: str) -> bool:
        """Write an entry that leaves memory, if it waits; tell if it is on disk then."""
        if not self._dirty:
            return False
        with self._lock:
            return self._dirty.get(slot_of(entry.key)) is entry and self._write([entry], reason)[0]

    def moved(self, entry: Entry, tier: MemoryCache) -> None:
        """Take note that an entry, or the one that this tier made of it, lies there now; its end may change there."""
        if not self._dirty:
            return
        held = tier.peek(entry.key)
        with self._lock:  # a newer value may come to wait at this moment
            if held is not None and self._waits(entry):
                self._dirty[slot_of(entry.key)] = held

    def settle(self, keys: Iterable[Hashable] | None = None) -> None:
        """Write what waits and is in memory no more: it went by age, of which nobody tells."""
        if not self._dirty:
            return
        slots = list(self._dirty) if keys is None else map(slot_of, keys)
        for entry in filter(None, map(self._dirty.get, slots)):
            if not any(tier.peek(entry.key) is entry for tier in self._memory):
                self.leave(entry, "ttl")

    def publish(self, key: Hashable) -> None:
        """Let other processes see what this one has of a key."""
        entry = self._dirty.get(slot_of(key))
        if entry is not None:
            self.leave(entry, "load")
        if self._l3 is not None:
            self._l3.flush()

    def flush(self) -> int:
        """Write everything that waits and return how many values were written.

        What disk does not take now, waits on until it leaves memory.
        """
        left = list(self._dirty.values())
        written = 0
        for start in range(0, len(left), BATCH):
            with self._lock:
                batch = [entry for entry in left[start : start + BATCH] if self._waits(entry)]
                done = self._write(batch, "flush")
                written += sum(done)
                now = self._memory[0].timer()
                left_over = [entry for entry, stored in zip(batch, done, strict=True) if not stored]
                self._dirty.update((slot_of(entry.key), entry) for entry in left_over if entry.deadline > now)
        return written

    def after_fork(self) -> None:
        """Make the lock anew in a forked child, which leaves to its parent what waits to be written."""
        self._lock = threading.RLock()
        self._dirty = {}

    def _postpone(self, l3: DiskCache, entry: Entry) -> bool:
        slot = slot_of(entry.key)
        with self._lock:
            if slot not in self._dirty:
                l3.discard(entry.key, "replaced")
            self._dirty[slot] = entry
        return False

    def _waits(self, entry: Entry) -> bool:
        return self._dirty.get(slot_of(entry.key)) is entry

    def _write(self, entries: Sequence[Entry], reason: str) -> list[bool]:
        """Write entries that waited, and let them wait no more."""
        for entry in entries:
            self._dirty.pop(slot_of(entry.key), None)
        done: set[Entry] = set()
        now = self._memory[0].timer()
        for lifetime, alike in _by_lifetime(entries, now).items():
            done.update(self._write_alike(alike, None if lifetime == math.inf else lifetime, reason))
        return [entry in done for entry in entries]

    def _write_alike(self, entries: Sequence[Entry], ttl: float | None, reason: str) -> list[Entry]:
        stored = [] if self._l3 is None else self._store(self._l3, entries, ttl)
        done = [entry for entry, kept in zip(entries, stored, strict=False) if kept]
        for entry in done:
            self._recorder.access(entry.key, "write_back", "l3", entry.nbytes, reason=reason)
        return done

    def _store(self, l3: DiskCache, entries: Sequence[Entry], ttl: float | None) -> list[bool]:
        """Store entries, together if they can be; tell which are on disk. Of the others the old value is gone too."""
        if len(entries) > 1:
            with contextlib.suppress(StoreError):
                count = l3.put(entries, checked_ttl(ttl))
                return [count == len(entries) or entry.key in l3 for entry in entries]
        return [self._store_one(l3, entry, ttl) for entry in entries]

    def _store_one(self, l3: DiskCache, entry: Entry, ttl: float | None) -> bool:
        try:
            return l3.set(entry.key, entry.value, ttl=ttl, cost=entry.facts.cost, tags=entry.facts.tags)
        except StoreError:
            self._recorder.access(entry.key, "reject", "l3", reason="type")
            l3.discard(entry.key, "replaced")
            return False


def _by_lifetime(entries: Iterable[Entry], now: float) -> dict[float, list[Entry]]:
    """Return the live entries by the seconds that they have left: disk takes those that have the same in one go."""
    groups: dict[float, list[Entry]] = {}
    for entry in entries:
        if entry.deadline > now:
            groups.setdefault(entry.deadline - now, []).append(entry)
    return groups
