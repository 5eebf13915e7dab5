"""Least frequently used.

In: entries and reads of them. Out: the entry with the fewest reads; of several, the one whose last read is longest ago.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from perflab.cache.entry import Entry
from perflab.cache.policy.ring import Ring, unlink

__all__ = ["LFU"]


class _Level(Ring):
    """The entries with one number of uses, and the levels with the next lower and higher number that have any."""

    __slots__ = ("higher", "lower", "number")

    def __init__(self, number: int, lower: _Level | None = None, higher: _Level | None = None) -> None:
        super().__init__()
        self.number = number
        self.lower = lower
        self.higher = higher


class LFU:
    """Least frequently used leaves first, of several the least recently used.

    Shah, Mitra, Matani: An O(1) algorithm for implementing the LFU cache eviction scheme, 2010: a list of levels, each
    a list of entries.

    Examples
    --------
    >>> order, a, b = LFU(), Entry("a", 1, 8), Entry("b", 2, 8)
    >>> order.add(a); order.add(b)
    >>> order.use([a, a, b])
    >>> order.victim().key
    'b'
    """

    counted = 15

    def __init__(self) -> None:
        self._bottom = _Level(0)
        self._mark = object()

    def add(self, entry: Entry) -> None:
        """Take in an entry with one use."""
        entry.home = self._mark
        self._raise(entry, self._bottom)

    def use(self, entries: Iterable[Entry]) -> None:
        """Count reads of entries."""
        mark = self._mark
        for entry in entries:
            if entry.home is mark:
                level = entry.uses
                unlink(entry)
                self._raise(entry, level)
                self._drop_empty(level)

    def remove(self, entry: Entry) -> None:
        """Forget an entry."""
        entry.home = None
        unlink(entry)
        self._drop_empty(entry.uses)
        entry.uses = None

    def victim(self) -> Entry:
        """Forget and return an entry of the lowest level."""
        entry: Entry = self._bottom.higher.root.after  # type: ignore[union-attr]  # there is an entry in some level
        self.remove(entry)
        return entry

    def __iter__(self) -> Iterator[Entry]:
        level = self._bottom.higher
        while level is not None:
            yield from level
            level = level.higher

    def __del__(self) -> None:
        """Part all levels, which refer to each other."""
        level: _Level | None = self._bottom
        while level is not None:
            # The collector may have parted a level already.
            with contextlib.suppress(AttributeError):
                for entry in level:
                    entry.uses = None
            higher, level.higher, level.lower = level.higher, None, None
            level = higher

    def _raise(self, entry: Entry, level: _Level) -> None:
        above = level.higher
        if above is None or above.number != level.number + 1:
            above = _Level(level.number + 1, level, above)
            level.higher = above
            if above.higher is not None:
                above.higher.lower = above
        entry.uses = above
        above.append(entry)

    def _drop_empty(self, level: _Level) -> None:
        if level.first is None and level.lower is not None:
            level.lower.higher = level.higher
            if level.higher is not None:
                level.higher.lower = level.lower
            level.lower = level.higher = None
