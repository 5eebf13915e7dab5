"""The mapping that every tier is.

In: a mapping's five methods and the lock of a key. Out: the other methods of `MutableMapping`, safe among threads.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, MutableMapping
from contextlib import AbstractContextManager
from typing import Any, NoReturn

from perflab.errors import PerflabError

__all__ = ["MISSING", "LockedMapping"]

MISSING: Any = object()
"""Stands for "no value" where None may be one: `cache.get(key, MISSING) is MISSING`."""


class LockedMapping(MutableMapping[Hashable, Any]):
    """A `MutableMapping` whose `pop`, `popitem` and `setdefault` are one step each, not a read and a write.

    The ones it replaces raise KeyError out of `pop(key, None)` when another thread removes the key in between.
    """

    digest_as = "cache"

    @abstractmethod
    def _guard(self, key: Hashable) -> AbstractContextManager[object]:
        """Return the reentrant lock that writers of a key hold."""

    def __reduce__(self) -> NoReturn:
        raise PerflabError(
            f"A {type(self).__name__} stays in its process; in another one it would be another cache. "
            "Let the function that goes there return what is to be cached."
        )

    def pop(self, key: Hashable, default: Any = MISSING) -> Any:
        """Remove a key and return its value, or the default; KeyError without one."""
        with self._guard(key):
            value = self.get(key, MISSING)
            if value is not MISSING:
                del self[key]
                return value
        if default is MISSING:
            raise KeyError(key)
        return default

    def popitem(self) -> tuple[Hashable, Any]:
        """Remove and return some key and its value; KeyError if there is none."""
        for key in self:
            value = self.pop(key, _GONE)
            if value is not _GONE:
                return key, value
        raise KeyError("the cache is empty")

    def setdefault(self, key: Hashable, default: Any = None) -> Any:
        """Return the value of a key; if there is none, store the default and return it."""
        with self._guard(key):
            value = self.get(key, MISSING)
            if value is MISSING:
                self[key] = value = default
            return value


_GONE: Any = object()
