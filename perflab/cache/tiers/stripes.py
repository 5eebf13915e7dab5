"""The locks by which writers of one key take turns.

In: keys. Out: the lock of a key, or all of them for who writes every key.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, ExitStack

from perflab.cache.keys import slot_of

__all__ = ["Stripes"]


class Stripes:
    """A fixed number of reentrant locks; a key's is found by its hash, so keys may share one.

    A holder of one stripe must not wait for another: two of them would wait for each other.

    Examples
    --------
    >>> stripes = Stripes()
    >>> with stripes.all(), stripes.of("page"):
    ...     stripes.of("page") is stripes.of("page")
    True
    """

    def __init__(self, count: int = 64) -> None:
        self._locks = tuple(threading.RLock() for _ in range(count))

    def of(self, key: Hashable) -> AbstractContextManager[object]:
        """Return the lock of a key."""
        return self._locks[hash(slot_of(key)) % len(self._locks)]

    @contextlib.contextmanager
    def all(self) -> Iterator[None]:
        """Hold every lock."""
        with ExitStack() as held:
            for lock in self._locks:
                held.enter_context(lock)
            yield
