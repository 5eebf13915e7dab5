"""Telling a listener what left a cache, and why.

In: entries with a reason. Out: calls of the listener, in order, when the cache holds no lock any more.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, Literal

from perflab.cache.entry import Entry

__all__ = ["Listener", "Notices", "Reason"]

Reason = Literal["evicted", "expired", "replaced", "invalidated", "cleared", "rejected"]
Listener = Callable[[Hashable, Any, Reason], object]


class Notices:
    """Notices of entries that left; an error of the listener becomes a warning, and the others are told of still.

    Attributes
    ----------
    heard : bool
        False if there is no listener: then `put` does nothing.
    waiting : deque
        What the listener was not told yet.

    Examples
    --------
    >>> notices = Notices(print)
    >>> notices.put(Entry("page", "text", 8), "evicted")
    >>> notices.deliver()
    page text evicted
    """

    __slots__ = ("_listener", "heard", "put", "waiting")

    def __init__(self, listener: Listener | None) -> None:
        self._listener = listener
        self.waiting: deque[tuple[Entry, Reason]] = deque()
        self.heard = listener is not None
        self.put: Callable[[Entry, Reason], None] = _forget if listener is None else self._put

    def deliver(self) -> None:
        """Tell the listener what it was not told yet."""
        while self.waiting and self._listener is not None:
            try:
                entry, reason = self.waiting.popleft()
            except IndexError:
                return  # another thread delivers
            try:
                self._listener(entry.key, entry.value, reason)
            except Exception as error:
                warnings.warn(
                    f"The listener of a cache failed for the key {entry.key!r}, which was {reason}: {error!r}",
                    RuntimeWarning,
                    stacklevel=2,
                )

    def _put(self, entry: Entry, reason: Reason) -> None:
        self.waiting.append((entry, reason))


def _forget(entry: Entry, reason: Reason) -> None:
    """Tell nobody."""
