"""Values of chunks in a cache, looked for and stored many at once.

In: keys and values as they come. Out: the known values; a cache that has all values once `flush` has returned.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from perflab.errors import StoreError

__all__ = ["MISSING", "ChunkCache", "Kept"]

MISSING = object()

_MOST_WAITING = 256
_LONGEST_WAIT_S = 1.0


class ChunkCache(Protocol):
    """What is asked of a cache; any tier of perflab has it. `get_many` and `set_many` are used if it has them."""

    def get(self, key: Any, default: Any = None) -> Any: ...

    def set(self, key: Any, value: Any) -> object: ...


class Kept:
    """A cache with values on their way to it, which are as good as stored for whoever asks here.

    Parameters
    ----------
    cache
        Where the values go: when 256 wait, at the first one a second after the last time, and at `flush`.
    what
        Names the values in a warning.
    clock
        Seconds that never go back.
    """

    def __init__(self, cache: ChunkCache, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._cache = cache
        self._what = what
        self._clock = clock
        self._waiting: dict[Any, Any] = {}
        self._stored_at = clock()
        self._warned = False

    def get_many(self, keys: Sequence[Any]) -> list[Any]:
        """Return the values of some keys, `MISSING` for those that are not known."""
        waiting = self._waiting
        asked = [key for key in keys if key not in waiting]
        many = getattr(self._cache, "get_many", None)
        if many is None or len(asked) == 1:
            found = [self._cache.get(key, MISSING) for key in asked]
        else:
            found = many(asked, MISSING)
        known = dict(zip(asked, found, strict=True))
        return [waiting[key] if key in waiting else known[key] for key in keys]

    def put(self, key: Any, value: Any) -> None:
        """Store a value, now or with others soon."""
        self._waiting[key] = value
        if len(self._waiting) >= _MOST_WAITING or self._clock() - self._stored_at >= _LONGEST_WAIT_S:
            self.flush()

    def flush(self) -> None:
        """Store what waits; a value that cannot be stored costs one warning and no other value."""
        waiting, self._waiting = self._waiting, {}
        many = getattr(self._cache, "set_many", None)
        try:
            if many is not None:
                many(waiting)
            else:
                self._one_by_one(waiting.items())
        except StoreError:
            self._one_by_one(waiting.items())
        self._stored_at = self._clock()

    def _one_by_one(self, items: Iterable[tuple[Any, Any]]) -> None:
        for key, value in items:
            try:
                self._cache.set(key, value)
            except StoreError as error:
                self._warn(error)

    def _warn(self, error: StoreError) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"results of {self._what!r} are not cached: {error}", RuntimeWarning, stacklevel=_stack_level()
            )


def _stack_level() -> int:
    """Return the stack level, for a warning, of the nearest caller that is not perflab's."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).startswith("perflab."):
        level, frame = level + 1, frame.f_back
    return level
