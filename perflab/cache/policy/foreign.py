"""Caches of cachetools in the place of a policy.

In: a `cachetools.Cache`. Out: their order of eviction, for a memory tier to use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from perflab.cache.entry import Entry

if TYPE_CHECKING:
    import cachetools

__all__ = ["Foreign"]


class Foreign:
    """Asks a cache of cachetools who leaves first; it holds entries as keys, and is emptied before.

    Examples
    --------
    >>> import cachetools
    >>> order, a, b = Foreign(cachetools.LFUCache(100)), Entry("a", 1, 8), Entry("b", 2, 8)
    >>> order.add(a); order.add(b)
    >>> order.use([a])
    >>> order.victim().key
    'b'
    """

    counted = 15

    def __init__(self, cache: cachetools.Cache[Any, Any]) -> None:
        cache.clear()
        self._cache = cache
        self._mark = object()

    def add(self, entry: Entry) -> None:
        """Take in an entry."""
        entry.home = self._mark
        self._cache[entry] = entry.value

    def use(self, entries: Iterable[Entry]) -> None:
        """Look entries up, as a read of the cache would."""
        for entry in entries:
            if entry.home is self._mark:
                self._cache[entry]

    def remove(self, entry: Entry) -> None:
        """Forget an entry."""
        entry.home = None
        del self._cache[entry]

    def victim(self) -> Entry:
        """Forget and return the entry that the cache would evict."""
        entry: Entry = self._cache.popitem()[0]
        entry.home = None
        return entry

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._cache)
