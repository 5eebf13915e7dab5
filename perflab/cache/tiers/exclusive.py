"""Where an entry is in memory, and how it moves between the two tiers there.

In: entries that are written, read, or leave l1 for room. Out: each in one of the tiers, with a row for each move.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Hashable
from contextlib import AbstractContextManager

from perflab.cache.entry import Entry
from perflab.cache.memory.notices import Listener, Reason
from perflab.cache.memory.tier import MemoryCache
from perflab.cache.memory.ttl import TTLCache
from perflab.cache.tiers.telling import Telling
from perflab.cache.tiers.writing import DiskWrites
from perflab.record import Recorder

__all__ = ["Exclusive"]


class Exclusive:
    """Two memory tiers, of which one at the most has a key.

    Attributes
    ----------
    lock : context manager
        Held by whoever looks at both.
    admits : bool
        Whether anything new comes in; what is held stays, and is read, either way.
    """

    def __init__(self, l1: MemoryCache, l2: TTLCache, writes: DiskWrites, recorder: Recorder) -> None:
        self._l1 = l1
        self._l2 = l2
        self._writes = writes
        self._recorder = recorder
        self._telling: Telling | None = None
        self.admits = True
        self._inner = threading.RLock()
        self.lock: AbstractContextManager[object] = self._inner
        l1.on_evict = self._demote

    def hand_over(self, back: bool) -> None:
        """Say if values of l2 wait for disk, and so must be written when they leave."""
        self._l2.on_evict = self._leave if back else None

    def after_fork(self) -> None:
        """Make the lock anew in a forked child."""
        self._inner = threading.RLock()
        self.lock = self._inner if self._telling is None else self._telling.anew(self._inner)

    def listen(self, listener: Listener | None) -> None:
        """Tell a listener what leaves memory, and why; None tells nobody any more."""
        with self.lock:
            self._telling = self.lock = Telling(listener, (self._l1, self._l2), self._inner)

    @property
    def heard(self) -> bool:
        """Whether a listener hears what leaves."""
        return self._telling is not None and self._telling.heard

    def tell(self, entry: Entry, reason: Reason) -> None:
        """Tell the listener of an entry that was in neither tier. The caller holds the lock."""
        if self._telling is not None:
            self._telling.put(entry, reason)

    def expire(self) -> int:
        """Remove what is due in memory and return how many entries that were."""
        with self.lock:
            return self._l1.expire() + self._l2.expire()

    def find(self, key: Hashable) -> tuple[Entry | None, str | None]:
        """Return the entry of a key and the tier that had it; one of l2 is promoted. The caller holds the lock."""
        entry = self._l1.peek(key)
        if entry is not None:
            return entry, "l1"
        entry = self._promote(key)
        return entry, None if entry is None else "l2"

    def _promote(self, key: Hashable) -> Entry | None:
        entry = self._l2.entry(key)
        if entry is not None and self.admits and 0 < entry.nbytes <= self._l1.max_bytes:
            self._l2.take(key)
            self._l1.admit(entry, "promote", "from l2")
            self._writes.moved(entry, self._l1)
        return entry

    def tier_for(self, entry: Entry, limit: float) -> MemoryCache | None:
        """Return the tier that has room for an entry; with a limit, free room, and the entry is within the limit."""
        if entry.nbytes > limit or not self.admits:
            return None
        for tier in (self._l1, self._l2):
            room = tier.max_bytes if limit == math.inf else tier.max_bytes - tier.nbytes
            if 0 < entry.nbytes <= room:
                return tier
        return None

    def _demote(self, key: Hashable, entry: Entry) -> None:
        telling = self._telling
        mark = 0 if telling is None else telling.mark()
        if self._l2.max_bytes and self._l2.admit(entry, "demote", "capacity"):
            self._writes.moved(entry, self._l2)
            return
        self._recorder.access(key, "evict", "l1", entry.nbytes, reason="capacity")
        self._writes.leave(entry, "capacity")
        if telling is not None:
            telling.settle(mark, taken=True)
            telling.put(entry, "evicted")

    def _leave(self, key: Hashable, entry: Entry) -> None:
        self._recorder.access(key, "evict", "l2", entry.nbytes, reason="capacity")
        self._writes.leave(entry, "capacity")
        if self._telling is not None:
            self._telling.put(entry, "evicted")

    def place(self, entry: Entry, on_disk: bool) -> bool:
        """Put a new value into memory, or take the old one from there if the policy wants it on disk alone."""
        if not self.admits:
            return self._keep_out(entry, on_disk)
        if on_disk and self._writes.policy == "around":
            self._drop(entry.key)
            return True
        telling = self._telling
        mark = 0 if telling is None else telling.mark()
        taken = self._hold(entry) or on_disk or self._writes.leave(entry, "oversize")
        if telling is not None:
            telling.settle(mark, taken)
        return taken

    def _keep_out(self, entry: Entry, on_disk: bool) -> bool:
        """Let memory have no value of a key, the old one neither; tell if the new one is on disk, waiting ended."""
        self._drop(entry.key)
        if on_disk or self._writes.leave(entry, "pressure"):
            return True
        self._recorder.access(entry.key, "reject", "l1", entry.nbytes, reason="pressure")
        if self._telling is not None:
            self._telling.put(entry, "rejected")
        return False

    def _drop(self, key: Hashable) -> None:
        for name, tier in (("l1", self._l1), ("l2", self._l2)):
            old = tier.take(key)
            if old is not None:
                self._replaced(old, name)

    def _hold(self, entry: Entry) -> bool:
        """Put a new value into the first memory tier that takes it; the other one must not keep an old value."""
        old = self._l2.take(entry.key)
        if self._l1.admit(entry, "set"):
            if old is not None and self._telling is not None:
                self._telling.put(old, "replaced")
            return True
        if entry.deadline > self._l1.timer() and self._l2.admit(entry, "set"):
            self._writes.moved(entry, self._l2)
            return True
        if old is not None:
            self._replaced(old, "l2")
        return False

    def _replaced(self, old: Entry, tier: str) -> None:
        """Tell of an old value that was taken out of memory, where the new one does not go."""
        self._recorder.access(old.key, "invalidate", tier, old.nbytes, reason="replaced")
        if self._telling is not None:
            self._telling.put(old, "replaced")
