"""Reads and writes of a memory tier that are simple, as most of them are.

In: keys and values without a time to live, tags or anything that has to be told or written. Out: each read or stored at
once, if `perflab._writes` was built; else by the ways that all others go.
"""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Any

from perflab.cache.entry import Entry

__all__ = ["Lock", "PythonStocked", "PythonStore", "Stocked", "Store"]


class PythonStore:
    """`perflab._writes.Store` where that was not built.

    There `nbytes`, `max_bytes`, `max_entries`, `_largest`, `_left_bytes` and `_bearable` are integers of 64 bits, and
    `_dating` and `_heard` are `bool`.
    """

    def _store_plain(self, entry: Any, event: str | None, reason: str | None, /) -> bool | None:  # noqa: ARG002 (for C)
        """Return whether an entry was stored; None, and nothing was done, if that needs more than is done here."""
        return None

    def new_entry(self, key: Hashable, value: object, nbytes: int, /) -> Any:
        """Return an entry without facts."""
        return Entry(key, value, nbytes)


class PythonStocked:
    """`perflab._writes.Stocked` where that was not built.

    There a text or whole-number key is looked for, and stored without a keyword, in one go that takes no lock, as long
    as nobody holds it, no listener hears of it, and the policy is a queue that is done in C.
    """

    weigh: Callable[[Hashable, Any], int]
    _plain_weigh: object
    _quick: bool

    def get(self, key: Hashable, default: Any = None) -> Any:
        """Return the value of a key, or the default; this is a use of the entry."""
        return self._get_slowly(key, default)

    def set(
        self,
        key: Hashable,
        value: object,
        *,
        ttl: float | None = None,
        cost: float | None = None,
        tags: Iterable[str] = (),
        dirty: bool = False,
    ) -> bool:
        """Store a value; False if it was not stored, because it is larger than the tier or its `ttl` is 0.

        The old value of the key is gone in either case: a value that was replaced must not be served again.

        Parameters
        ----------
        ttl
            Seconds to live.
        cost
            What it takes to get the value again, for the policies that weigh it; in one unit for all entries.
        tags
            Names for `invalidate`; text is one name.
        dirty
            The value has still to be written back.

        Raises
        ------
        ConfigError
            If `ttl` or `cost` is no number, or negative, or `dirty` is true and there is no `write_back`.
        StoreError
            If the weight of the value is negative.
        """
        return self._set_slowly(key, value, ttl=ttl, cost=cost, tags=tags, dirty=dirty)

    def __setitem__(self, key: Hashable, value: object) -> None:
        self._set_slowly(key, value)

    def __delitem__(self, key: Hashable) -> None:
        self._delete(key)

    @abstractmethod
    def _get_slowly(self, key: Hashable, default: Any) -> Any:
        """Return the value of a key, or the default, whatever key it is."""

    @abstractmethod
    def _set_slowly(self, *args: Any, **told: Any) -> bool:
        """Store a value, whatever is told of it."""

    @abstractmethod
    def _delete(self, key: Hashable) -> None:
        """Remove a key; KeyError if there is none."""


if TYPE_CHECKING:
    Store = PythonStore
    Stocked = PythonStocked
    Lock = threading.RLock
else:
    try:
        from perflab._writes import Lock, Stocked, Store
    except ImportError:
        Store, Stocked, Lock = PythonStore, PythonStocked, threading.RLock
