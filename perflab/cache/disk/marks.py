"""Which keys were read lately, kept in memory so that a read of the disk tier never writes.

In: keys as they are read. Out: whether a key was, asked when something has to leave.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from perflab.cache.keys import decode_key
from perflab.errors import StoreError

__all__ = ["ReadMarks"]


class ReadMarks:
    """A set of keys in two generations; when the young one is full, it becomes the old one, and that is forgotten.

    Parameters
    ----------
    in_use
        `in_use(key)` tells of a key that is not marked if it was read elsewhere.
    limit
        Keys a generation.

    Examples
    --------
    >>> marks = ReadMarks()
    >>> marks.note(b"page")
    >>> marks.take(b"page"), marks.take(b"page"), marks.take(b"other")
    (True, False, False)
    """

    def __init__(self, in_use: Callable[[Hashable], bool] | None = None, limit: int = 50_000) -> None:
        self._in_use = in_use
        self._limit = limit
        self._young: set[bytes] = set()
        self._old: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def note(self, key: bytes) -> None:
        """Mark a key as read."""
        self._young.add(key)
        if len(self._young) >= self._limit:
            self._old, self._young = self._young, set()

    def take(self, key: bytes) -> bool:
        """Tell if a key is marked or in use, and take the mark away."""
        marked = key in self._young or key in self._old
        self._young.discard(key)
        self._old.discard(key)
        return marked or (self._in_use is not None and _ask(self._in_use, key))


def _ask(in_use: Callable[[Hashable], bool], key: bytes) -> bool:
    try:
        return in_use(decode_key(key))
    except (StoreError, TypeError):
        return False  # a key that this package did not write
