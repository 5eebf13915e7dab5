"""Policies with one queue: first in, first out, and least recently used.

In: entries and reads of them. Out: the entry at the front. `perflab._writes` does the same in C where it was built.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from perflab.cache.entry import Entry
from perflab.cache.policy.ring import Ring, unlink

__all__ = ["FIFO", "LRU", "PythonFIFO", "PythonLRU"]


class PythonFIFO:
    """What was stored longest ago leaves first, read or not.

    Examples
    --------
    >>> order, a, b = PythonFIFO(), Entry("a", 1, 8), Entry("b", 2, 8)
    >>> order.add(a); order.add(b)
    >>> order.use([a])
    >>> order.victim().key
    'a'
    """

    counted = 1

    def __init__(self) -> None:
        self._ring = Ring()
        self._mark = object()

    def add(self, entry: Entry) -> None:
        """Take in an entry as the last."""
        entry.home = self._mark
        root = self._ring.root
        last = root.before
        entry.before = last
        entry.after = root
        last.after = root.before = entry

    def use(self, entries: Iterable[Entry]) -> None:
        """Do nothing: reads do not count."""

    def remove(self, entry: Entry) -> None:
        """Forget an entry."""
        entry.home = None
        unlink(entry)

    def victim(self) -> Entry:
        """Forget and return the entry at the front."""
        root = self._ring.root
        entry: Entry = root.after
        root.after = after = entry.after
        after.before = root
        entry.home = entry.before = entry.after = None
        return entry

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._ring)


class PythonLRU(PythonFIFO):
    """Least recently used leaves first.

    Examples
    --------
    >>> order, a, b = PythonLRU(), Entry("a", 1, 8), Entry("b", 2, 8)
    >>> order.add(a); order.add(b)
    >>> order.use([a])
    >>> order.victim().key
    'b'
    """

    def use(self, entries: Iterable[Entry]) -> None:
        """Make entries the most recent, the last of them the most."""
        root, mark = self._ring.root, self._mark
        for entry in entries:
            if entry.home is not mark:
                continue
            before, after = entry.before, entry.after
            before.after = after
            after.before = before
            last = root.before
            entry.before = last
            entry.after = root
            last.after = root.before = entry


if TYPE_CHECKING:
    FIFO, LRU = PythonFIFO, PythonLRU
else:
    try:
        from perflab._writes import FIFO, LRU
    except ImportError:
        FIFO, LRU = PythonFIFO, PythonLRU
