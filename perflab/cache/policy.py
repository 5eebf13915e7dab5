"""Which entry leaves first.

In: the entries of a memory tier and the reads of them. Out: the victim when room is needed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Protocol

from perflab.cache.entry import Entry

__all__ = ["LRU", "Policy"]


class Policy(Protocol):
    """Entries by slot, in an order of eviction; every operation is O(1)."""

    def get(self, slot: Hashable) -> Entry | None:
        """Return the entry of a slot and count this as a use."""

    def peek(self, slot: Hashable) -> Entry | None:
        """Return the entry of a slot; its place in the order stays."""

    def put(self, slot: Hashable, entry: Entry) -> None:
        """Add the entry of a slot that is free."""

    def swap(self, slot: Hashable, entry: Entry) -> None:
        """Replace the entry of a slot that is taken; its place in the order stays."""

    def pop(self, slot: Hashable) -> Entry | None:
        """Remove and return the entry of a slot."""

    def victim(self) -> Entry:
        """Remove and return the entry that should leave first."""

    def __iter__(self) -> Iterator[Hashable]: ...

    def __len__(self) -> int: ...


class LRU:
    """Least recently used leaves first.

    The entries live in the order itself. `OrderedDict.popitem` takes the oldest in constant time, which
    `next(iter(dict))` does not: a plain dict scans the slots of everything deleted before it.

    Examples
    --------
    >>> order = LRU()
    >>> order.put("a", Entry("a", 1, 8)); order.put("b", Entry("b", 2, 8))
    >>> order.get("a").value, order.victim().key
    (1, 'b')
    """

    def __init__(self) -> None:
        self._entries: OrderedDict[Hashable, Entry] = OrderedDict()

    def get(self, slot: Hashable) -> Entry | None:
        """Return the entry of a slot and make it the most recent."""
        entry = self._entries.get(slot)
        if entry is not None:
            self._entries.move_to_end(slot)
        return entry

    def peek(self, slot: Hashable) -> Entry | None:
        """Return the entry of a slot; its recency stays."""
        return self._entries.get(slot)

    def put(self, slot: Hashable, entry: Entry) -> None:
        """Add the entry of a free slot as the most recent."""
        self._entries[slot] = entry

    def swap(self, slot: Hashable, entry: Entry) -> None:
        """Replace the entry of a taken slot; its recency stays."""
        self._entries[slot] = entry

    def pop(self, slot: Hashable) -> Entry | None:
        """Remove and return the entry of a slot."""
        return self._entries.pop(slot, None)

    def victim(self) -> Entry:
        """Remove and return the least recent entry."""
        return self._entries.popitem(last=False)[1]

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
