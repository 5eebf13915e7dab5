"""Entries that are newer than what lies behind the cache.

In: entries as they are set. Out: each handed to the write-back once; a newer value is never taken for written.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable
from typing import Any

from perflab.cache.entry import Entry

__all__ = ["Unwritten", "WriteBack"]

WriteBack = Callable[[Hashable, Any], object]


class Unwritten:
    """Marks of dirty entries, each with a generation: the number of the write that it stands for.

    Attributes
    ----------
    generations : dict
        The marked entries, oldest write first.

    Examples
    --------
    >>> unwritten, entry = Unwritten(print), Entry("page", "text", 8)
    >>> unwritten.mark(entry)
    >>> unwritten.write(entry), unwritten.generations
    page text
    (True, {})
    """

    def __init__(self, write_back: WriteBack | None) -> None:
        self.write_back = write_back
        self.generations: dict[Entry, int] = {}
        self._number = 0

    def mark(self, entry: Entry) -> None:
        """Say that an entry is not written."""
        self._number += 1
        self.generations[entry] = self._number

    def clean(self, entry: Entry, generation: int) -> bool:
        """Take the mark of that generation away; False if there is none, or one of another write."""
        if self.generations.get(entry) != generation:
            return False
        del self.generations[entry]
        return True

    def discard(self, entry: Entry) -> None:
        """Forget an entry: it was replaced, or removed on request."""
        self.generations.pop(entry, None)

    def clear(self) -> None:
        """Forget all entries."""
        self.generations.clear()

    def write(self, entry: Entry) -> bool:
        """Hand an entry to the write-back if it is marked; False, and a warning, if that failed."""
        if entry not in self.generations or self.write_back is None:
            return True
        generation = self.generations[entry]
        try:
            self.write_back(entry.key, entry.value)
        except Exception as error:
            warnings.warn(
                f"The write-back of a cache failed for the key {entry.key!r}; it stays and is tried again: {error!r}",
                RuntimeWarning,
                stacklevel=2,
            )
            return False
        self.clean(entry, generation)
        return True
