"""SIEVE: a queue that a hand goes through.

In: entries and reads of them. Out: the first entry at the hand that was not read since the hand last passed it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from perflab.cache.entry import Entry
from perflab.cache.policy.ring import Ring, unlink

__all__ = ["Sieve"]


class Sieve:
    """Entries stay where they are; a read only marks them, and a hand that meets a mark takes it away and goes on.

    Zhang, Yang, Yue, Vigfusson, Rashmi: SIEVE is Simpler than LRU, NSDI 2024, algorithm 1. A hit costs one store.

    Examples
    --------
    >>> order, a, b = Sieve(), Entry("a", 1, 8), Entry("b", 2, 8)
    >>> order.add(a); order.add(b)
    >>> order.use([a])
    >>> order.victim().key
    'b'
    """

    counted = 1

    def __init__(self) -> None:
        self._ring = Ring()
        self._hand = self._ring.root
        self._mark = object()

    def add(self, entry: Entry) -> None:
        """Take in an entry as the newest, without a mark."""
        entry.home, entry.uses = self._mark, 0
        self._ring.append(entry)

    def use(self, entries: Iterable[Entry]) -> None:
        """Mark entries."""
        mark = self._mark
        for entry in entries:
            if entry.home is mark:
                entry.uses = 1

    def remove(self, entry: Entry) -> None:
        """Forget an entry; a hand that was at it goes on to the next newer one."""
        if entry is self._hand:
            self._hand = entry.after
        entry.home = None
        unlink(entry)

    def victim(self) -> Entry:
        """Move the hand from older to newer entries up to one without a mark; forget and return that."""
        root = self._ring.root
        entry = root.after if self._hand is root else self._hand
        while entry.uses:
            entry.uses = 0
            entry = root.after if entry.after is root else entry.after
        self._hand = entry
        self.remove(entry)
        return entry

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._ring)
