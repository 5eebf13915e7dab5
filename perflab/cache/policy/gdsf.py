"""GDSF: what is small, often read and dear to get again stays.

In: entries with sizes, costs and reads. Out: the entry with the lowest priority.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

from perflab.cache.entry import Entry

__all__ = ["GDSF"]


class _Standing:
    """What the policy knows of an entry."""

    __slots__ = ("entry", "number", "priority", "reads")

    def __init__(self, entry: Entry, number: int) -> None:
        self.entry = entry
        self.number = number
        self.reads = 0
        self.priority = 0.0


class GDSF:
    """Lowest `clock + reads x cost / size` leaves first; the clock is the priority of what left last.

    Cherkasova: Improving WWW proxies performance with Greedy-Dual-Size-Frequency caching policy, HP Labs report
    HPL-98-69R1, 1998. The cost is `Entry.facts.cost`, 1 by default. A read is O(1), an eviction O(log n) amortized: the
    heap hears of a risen priority when the entry comes up in it. Of equal priorities the one stored first leaves.

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
        self._mark = object()
        self._number = 0
        self._standings: dict[int, _Standing] = {}
        self._heap: list[tuple[float, int]] = []

    def add(self, entry: Entry) -> None:
        """Take in an entry with one read."""
        entry.home = self._mark
        self._number += 1
        standing = entry.uses = _Standing(entry, self._number)
        self._standings[self._number] = standing
        self._read(standing)
        heapq.heappush(self._heap, (standing.priority, standing.number))

    def use(self, entries: Iterable[Entry]) -> None:
        """Count reads of entries."""
        mark = self._mark
        for entry in entries:
            if entry.home is mark:
                self._read(entry.uses)

    def remove(self, entry: Entry) -> None:
        """Forget an entry; what is left of it in the heap is two numbers."""
        self._forget(entry.uses)
        if len(self._heap) > 64 and len(self._heap) > 2 * len(self._standings):
            self._heap = [(standing.priority, standing.number) for standing in self._standings.values()]
            heapq.heapify(self._heap)

    def victim(self) -> Entry:
        """Forget and return the entry of the lowest priority, and set the clock to that."""
        while True:
            priority, number = self._heap[0]
            standing = self._standings.get(number)
            if standing is None:
                heapq.heappop(self._heap)
            elif standing.priority > priority:
                heapq.heapreplace(self._heap, (standing.priority, number))
            else:
                heapq.heappop(self._heap)
                self._clock = priority
                return self._forget(standing)

    def __iter__(self) -> Iterator[Entry]:
        standings = sorted(self._standings.values(), key=lambda standing: (standing.priority, standing.number))
        return iter([standing.entry for standing in standings])

    def _read(self, standing: _Standing) -> None:
        standing.reads += 1
        entry = standing.entry
        standing.priority = self._clock + standing.reads * entry.facts.cost / max(1, entry.nbytes)

    def _forget(self, standing: _Standing) -> Entry:
        del self._standings[standing.number]
        entry = standing.entry
        entry.home = entry.uses = None  # `uses` refers to the entry
        return entry

    def __del__(self) -> None:
        """Part what refers to each other."""
        for standing in self._standings.values():
            standing.entry.uses = None
