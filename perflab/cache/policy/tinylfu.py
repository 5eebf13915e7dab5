"""W-TinyLFU: who comes in must be asked for more often than who would have to leave.

In: entries and reads of them. Out: of the newcomer and the least recently used entry, the one with fewer requests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from perflab.cache.entry import Entry
from perflab.cache.policy.ring import Ring, unlink
from perflab.cache.policy.sketch import Sketch

__all__ = ["TinyLFU"]

_WINDOW_SHARE = 100
"""The window may hold one part in so many of the bytes."""
_WINDOW, _PROBATION, _PROTECTED = 1, 2, 3


class TinyLFU:
    """A small window before a segmented LRU; a sketch of past requests decides who passes from one to the other.

    Einziger, Friedman, Manes: TinyLFU: A highly efficient cache admission policy, ACM TOS 13(4), 2017. Shares as in
    Caffeine: 1 % of the bytes held for the window, 80 % of the rest for entries that were read again. Of equal
    estimates the newcomer leaves.

    Examples
    --------
    >>> order, old, new, last = TinyLFU(), Entry("old", 1, 8), Entry("new", 2, 8), Entry("last", 3, 8)
    >>> order.add(old)
    >>> order.use([old, old])
    >>> order.add(new); order.add(last)
    >>> order.victim().key
    'new'
    """

    counted = 15

    def __init__(self) -> None:
        self._rings = {_WINDOW: Ring(), _PROBATION: Ring(), _PROTECTED: Ring()}
        self._bytes = {_WINDOW: 0, _PROBATION: 0, _PROTECTED: 0}
        self._held = 0
        self._newcomer: Entry | None = None
        self._sketch = Sketch(64)
        self._mark = object()

    def add(self, entry: Entry) -> None:
        """Take an entry into the window; what the window has no room for stands for admission."""
        entry.home = self._mark
        self._held += 1
        if self._held > self._sketch.places:
            self._sketch = Sketch(2 * self._held)
        self._sketch.add(hash(entry.key))
        self._enter(entry, _WINDOW)
        total = sum(self._bytes.values())
        while self._bytes[_WINDOW] * _WINDOW_SHARE > total:
            first = self._rings[_WINDOW].first
            if first is None or first is entry:
                break
            self._move(first, _PROBATION)
            self._newcomer = first

    def use(self, entries: Iterable[Entry]) -> None:
        """Count reads of entries and make them the most recent of their part."""
        mark = self._mark
        for entry in entries:
            if entry.home is mark:
                self._sketch.add(hash(entry.key))
                if entry.uses == _WINDOW:
                    self._move(entry, _WINDOW)
                else:
                    self._move(entry, _PROTECTED)
                    self._keep_share()

    def remove(self, entry: Entry) -> None:
        """Forget an entry."""
        entry.home = None
        self._leave(entry)
        self._held -= 1

    def victim(self) -> Entry:
        """Forget and return the newcomer, or the entry in whose place it is admitted."""
        newcomer = self._newcomer
        oldest = self._oldest()
        if newcomer is not None and newcomer is not oldest:
            count = self._sketch.count
            if count(hash(newcomer.key)) <= count(hash(oldest.key)):
                oldest = newcomer
        self._newcomer = None
        self.remove(oldest)
        return oldest

    def __iter__(self) -> Iterator[Entry]:
        return chain(self._rings[_PROBATION], self._rings[_PROTECTED], self._rings[_WINDOW])

    def _oldest(self) -> Entry:
        for part in (_PROBATION, _PROTECTED, _WINDOW):
            first = self._rings[part].first
            if first is not None:
                return first
        raise LookupError("the policy holds nothing")

    def _keep_share(self) -> None:
        # What was read again is at most four fifths of what is behind the window.
        while self._bytes[_PROTECTED] > 4 * self._bytes[_PROBATION]:
            first = self._rings[_PROTECTED].first
            if first is None or first.after is self._rings[_PROTECTED].root:
                break
            self._move(first, _PROBATION)

    def _enter(self, entry: Entry, part: int) -> None:
        entry.uses = part
        self._bytes[part] += entry.nbytes
        self._rings[part].append(entry)

    def _leave(self, entry: Entry) -> None:
        if entry is self._newcomer:
            self._newcomer = None
        self._bytes[entry.uses] -= entry.nbytes
        unlink(entry)

    def _move(self, entry: Entry, part: int) -> None:
        self._leave(entry)
        self._enter(entry, part)
