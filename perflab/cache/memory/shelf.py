"""Where the entries of a memory tier lie.

In: entries, keys, a time. Out: the entry of a key, the entries that are due, those of a tag or a prefix.
"""

from __future__ import annotations

import math
from collections.abc import Hashable

from perflab.cache.entry import NO_FACTS, Entry
from perflab.cache.keys import place_of
from perflab.cache.memory.deadlines import Deadlines
from perflab.cache.memory.tags import Tags

__all__ = ["Shelf"]


class Shelf:
    """Entries by key; those that most reads ask for lie apart from the others.

    Attributes
    ----------
    hot : dict
        Entries that never expire, by key, of text and whole-number keys; always the same object. A reader who needs no
        lock may look here, and must compare the key's type: `True` finds `1`.
    told : dict
        Those of them that have facts; always the same object.
    others : dict
        All other entries, by `keys.place_of`; always the same object.

    Examples
    --------
    >>> shelf = Shelf()
    >>> shelf.put(Entry("a", 1, 8)); shelf.put(Entry("b", 2, 8, expires=5.0))
    >>> shelf.find("a").value, list(shelf.hot), [entry.key for entry in shelf.due(6.0)], len(shelf)
    (1, ['a'], ['b'], 2)
    """

    def __init__(self) -> None:
        self.hot: dict[Hashable, Entry] = {}
        self.told: dict[Hashable, Entry] = {}
        self.others: dict[Hashable, Entry] = {}
        self._deadlines = Deadlines()
        self._tags = Tags()

    def find(self, key: Hashable) -> Entry | None:
        """Return the entry of a key, due or not."""
        kind = type(key)
        if kind is str or kind is int:
            return self.hot.get(key) or self.others.get(key)
        return self.others.get(place_of(key))

    def put(self, entry: Entry) -> None:
        """Take in an entry whose key has none."""
        key = entry.key
        if entry.facts is not NO_FACTS:
            self._tags.add(entry)
        if entry.expires == math.inf and (type(key) is str or type(key) is int):
            self.hot[key] = entry
            if entry.facts is not NO_FACTS:
                self.told[key] = entry
            return
        slot = place_of(key)
        self.others[slot] = entry
        self._deadlines.put(slot, entry.expires)

    def drop(self, entry: Entry) -> None:
        """Give away an entry that lies here."""
        key = entry.key
        if entry.facts is not NO_FACTS:
            self._tags.discard(entry)
        if self.hot.get(key) is entry:
            del self.hot[key]
            self.told.pop(key, None)
            return
        slot = place_of(key)
        del self.others[slot]
        self._deadlines.discard(slot)

    def due(self, now: float) -> list[Entry]:
        """Return the entries whose time has come, each once; the caller drops them, or puts them off."""
        entries = [self.others[slot] for slot in self._deadlines.due(now)]
        for entry in entries:
            if entry.expires > now:
                self.put_off(entry)  # it was renewed by a read
        return [entry for entry in entries if entry.expires <= now]

    def put_off(self, entry: Entry) -> None:
        """Return an entry from `due` once more."""
        self._deadlines.put(place_of(entry.key), entry.expires)

    def tagged(self, tag: str) -> list[Entry]:
        """Return the entries of a tag, due or not."""
        return self._tags.of(tag)

    def starting(self, prefix: str) -> list[Entry]:
        """Return the entries of text keys that start with a prefix, due or not; goes over all keys."""
        found = [*self.hot.values(), *self.others.values()]
        return [entry for entry in found if type(entry.key) is str and entry.key.startswith(prefix)]

    def __len__(self) -> int:
        return len(self.hot) + len(self.others)

    def clear(self) -> None:
        """Give away everything."""
        self.hot.clear()
        self.told.clear()
        self.others.clear()
        self._deadlines = Deadlines()
        self._tags = Tags()
