"""GDSF: what is small, often read and dear to get again stays.

In: entries with sizes, costs and reads. Out: the entry with the lowest priority.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

from perflab.cache.entry import Entry
from perflab.cache.policy.ring import unlink

__all__ = ["GDSF"]


class _Level:
    """The entries of one priority, as a circle through their neighbours: `first` came to it first."""

    __slots__ = ("first", "mark", "priority")

    def __init__(self, priority: float, mark: object) -> None:
        self.priority = priority
        self.mark = mark
        self.first: Entry | None = None

    def append(self, entry: Entry) -> None:
        entry.home = self
        first = self.first
        if first is None:
            self.first = entry.before = entry.after = entry
            return
        last = first.before
        entry.before, entry.after = last, first
        last.after = first.before = entry

    def remove(self, entry: Entry) -> None:
        after = entry.after
        unlink(entry)
        entry.home = entry.before = entry.after = None
        if entry is self.first:
            self.first = None if after is entry else after

    def __iter__(self) -> Iterator[Entry]:
        entry = self.first
        while entry is not None:
            after = entry.after
            yield entry
            entry = None if after is self.first else after


class GDSF:
    """Lowest `clock + reads x cost / size` leaves first; the clock is the priority of what left last.

    Cherkasova: Improving WWW proxies performance with Greedy-Dual-Size-Frequency caching policy, HP Labs report
    HPL-98-69R1, 1998. The cost is `Entry.facts.cost`. Where that is not known it is the mean of those that were, so
    that an entry of unknown cost is no dearer, and no cheaper, than an average one; it is 1 as long as none is known,
    and priorities are put into the new unit when the first one is. Of equal priorities the one that was stored or read
    longest ago leaves. Entries of one priority share a level, and only the levels are in a heap: each step is O(log n)
    in their number, and an entry takes no memory but what its level does.

    Examples
    --------
    >>> order, a, b = GDSF(), Entry("a", 1, 8), Entry("b", 2, 800)
    >>> order.add(a); order.add(b)
    >>> order.victim().key
    'b'
    """

    counted = 15

    def __init__(self) -> None:
        self._clock = 0.0
        self._known = self._costs = 0.0
        self._mark = object()
        self._levels: dict[float, _Level] = {}
        self._heap: list[float] = []  # priorities of all levels, and of some that are gone

    def add(self, entry: Entry) -> None:
        """Take in an entry with one read."""
        entry.uses = 1
        cost = entry.facts.cost
        if cost is not None:
            self._known += 1
            self._costs += cost
            if self._known == 1 and cost > 0:
                self._scale(cost)
        self._enter(entry)

    def use(self, entries: Iterable[Entry]) -> None:
        """Count reads of entries."""
        mark = self._mark
        for entry in entries:
            level = entry.home
            if type(level) is _Level and level.mark is mark:
                self._leave(entry, level)
                entry.uses += 1
                self._enter(entry)

    def remove(self, entry: Entry) -> None:
        """Forget an entry."""
        self._leave(entry, entry.home)

    def victim(self) -> Entry:
        """Forget and return the entry of the lowest priority, and set the clock to that."""
        while self._heap[0] not in self._levels:
            heapq.heappop(self._heap)
        level = self._levels[self._heap[0]]
        self._clock = level.priority
        entry = level.first
        assert entry is not None, "a level without entries is gone"
        self._leave(entry, level)
        return entry

    def __iter__(self) -> Iterator[Entry]:
        for priority in sorted(self._levels):
            yield from self._levels[priority]

    def _enter(self, entry: Entry) -> None:
        cost = entry.facts.cost
        if cost is None:
            cost = self._costs / self._known if self._known else 1.0
        priority = self._clock + entry.uses * cost / max(1, entry.nbytes)
        is_new = priority not in self._levels
        self._level(priority).append(entry)
        if is_new:
            self._push(priority)  # after the level is there, since the heap may be made anew from the levels

    def _scale(self, ratio: float) -> None:
        """Put all priorities into another unit."""
        held, self._levels = list(self), {}
        before = {entry: entry.home.priority for entry in held}
        self._clock *= ratio
        for entry in held:
            entry.home = entry.before = entry.after = None
            self._level(before[entry] * ratio).append(entry)
        self._heap = sorted(self._levels)

    def _level(self, priority: float) -> _Level:
        level = self._levels.get(priority)
        if level is None:
            level = self._levels[priority] = _Level(priority, self._mark)
        return level

    def _push(self, priority: float) -> None:
        heapq.heappush(self._heap, priority)
        if len(self._heap) > 64 and len(self._heap) > 2 * len(self._levels):
            self._heap = sorted(self._levels)

    def _leave(self, entry: Entry, level: _Level) -> None:
        level.remove(entry)
        if level.first is None:
            del self._levels[level.priority]

    def __del__(self) -> None:
        """Part what refers to each other."""
        for level in self._levels.values():
            for entry in level:
                entry.home = entry.before = entry.after = None
            level.first = None
