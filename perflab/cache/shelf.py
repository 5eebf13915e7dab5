"""Where the entries of a memory tier lie.

In: entries, keys, a time. Out: the entry of a key, and the entries that are due.
"""

from __future__ import annotations

import math
from collections.abc import Hashable

from perflab.cache.deadlines import Deadlines
from perflab.cache.entry import Entry
from perflab.cache.keys import slot_of

__all__ = ["Shelf"]


class Shelf:
    """Entries by key; those that most reads ask for lie apart from the others.

    Attributes
    ----------
    hot : dict
        Entries that never expire, by key, of text and whole-number keys; always the same object. A reader who needs no
        lock may look here, and must compare the key's type: `True` finds `1`.

    Examples
    --------
    >>> shelf = Shelf()
    >>> shelf.put(Entry("a", 1, 8)); shelf.put(Entry("b", 2, 8, expires=5.0))
    >>> shelf.find("a").value, list(shelf.hot), [entry.key for entry in shelf.due(6.0)]
    (1, ['a'], ['b'])
    """

    def __init__(self) -> None:
        self.hot: dict[Hashable, Entry] = {}
        self._others: dict[Hashable, Entry] = {}
        self._deadlines = Deadlines()

    def find(self, key: Hashable) -> Entry | None:
        """Return the entry of a key, due or not."""
        kind = type(key)
        if kind is str or kind is int:
            return self.hot.get(key) or self._others.get(key)
        return self._others.get(slot_of(key))

    def put(self, entry: Entry) -> None:
        """Take in an entry whose key has none."""
        key = entry.key
        if entry.expires == math.inf and (type(key) is str or type(key) is int):
            self.hot[key] = entry
            return
        slot = slot_of(key)
        self._others[slot] = entry
        self._deadlines.put(slot, entry.expires)

    def drop(self, entry: Entry) -> None:
        """Give away an entry that lies here."""
        if self.hot.get(entry.key) is entry:
            del self.hot[entry.key]
            return
        slot = slot_of(entry.key)
        del self._others[slot]
        self._deadlines.discard(slot)

    def due(self, now: float) -> list[Entry]:
        """Return the entries whose time has come, each once; the caller drops them."""
        return [self._others[slot] for slot in self._deadlines.due(now)]

    def clear(self) -> None:
        """Give away everything."""
        self.hot.clear()
        self._others.clear()
        self._deadlines = Deadlines()
