"""Which entry leaves first.

In: the entries of a memory tier and the reads of them. Out: the victim when room is needed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Protocol

from perflab.cache.entry import Entry

__all__ = ["LRU", "Policy"]


class Policy(Protocol):
    """Entries in an order of eviction; every operation is O(1) an entry."""

    def add(self, entry: Entry) -> None:
        """Take in an entry."""

    def use(self, entries: Iterable[Entry]) -> None:
        """Count reads of entries, in order; one that left meanwhile is passed over."""

    def remove(self, entry: Entry) -> None:
        """Forget an entry."""

    def victim(self) -> Entry:
        """Forget and return the entry that should leave first."""

    def __iter__(self) -> Iterator[Entry]: ...

    def __len__(self) -> int: ...


class LRU:
    """Least recently used leaves first.

    `OrderedDict.popitem` takes the oldest in constant time, which `next(iter(dict))` does not: a plain dict scans the
    slots of everything deleted before it.

    Examples
    --------
    >>> order, a, b = LRU(), Entry("a", 1, 8), Entry("b", 2, 8)
    >>> order.add(a); order.add(b)
    >>> order.use([a])
    >>> order.victim().key
    'b'
    """

    def __init__(self) -> None:
        self._order: OrderedDict[Entry, None] = OrderedDict()

    def add(self, entry: Entry) -> None:
        """Take in an entry as the most recent."""
        self._order[entry] = None

    def use(self, entries: Iterable[Entry]) -> None:
        """Make entries the most recent, the last of them the most."""
        move_to_end = self._order.move_to_end
        for entry in entries:
            try:
                move_to_end(entry)
            except KeyError:
                continue

    def remove(self, entry: Entry) -> None:
        """Forget an entry."""
        del self._order[entry]

    def victim(self) -> Entry:
        """Forget and return the least recent entry."""
        return self._order.popitem(last=False)[0]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._order)

    def __len__(self) -> int:
        return len(self._order)
