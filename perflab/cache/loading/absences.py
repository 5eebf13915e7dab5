"""Negative caching: which keys have nothing behind them.

In: a key and the error by which its loader said so. Out: that error again, for as long as it is remembered.
"""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from perflab.cache.keys import slot_of

__all__ = ["Absences"]


class Absences:
    """Errors by key, each for a time; past `limit` keys the one noted longest ago is forgotten.

    Parameters
    ----------
    timer
        Monotonic clock, seconds.
    limit
        Greatest number of keys, so that asking for ever new keys costs no memory.

    Examples
    --------
    >>> now = 0.0
    >>> absences = Absences(lambda: now)
    >>> absences.note("page", KeyError("page"), ttl=5)
    >>> absences.find("page"), absences.find("other")
    (KeyError('page'), None)
    >>> now = 5.0
    >>> absences.find("page")
    """

    def __init__(self, timer: Callable[[], float], limit: int = 10_000) -> None:
        self._timer = timer
        self._limit = limit
        self._lock = threading.Lock()
        self._errors: OrderedDict[Hashable, tuple[float, Exception]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._errors)

    def note(self, key: Hashable, error: Exception, ttl: float) -> None:
        """Remember for `ttl` seconds that there is nothing."""
        slot = slot_of(key)
        with self._lock:
            self._errors.pop(slot, None)
            self._errors[slot] = (self._timer() + ttl, _bare(error))
            if len(self._errors) > self._limit:
                self._errors.popitem(last=False)

    def find(self, key: Hashable) -> Exception | None:
        """Return an error to raise if it is remembered that there is nothing, else None."""
        if not self._errors:
            return None
        slot = slot_of(key)
        with self._lock:
            deadline, error = self._errors.get(slot, _UNKNOWN)
            if deadline > self._timer():
                return _bare(error)
            self._errors.pop(slot, None)
            return None

    def forget(self, key: Hashable) -> None:
        """Forget what was noted of a key: it is being written."""
        if self._errors:
            with self._lock:
                self._errors.pop(slot_of(key), None)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._errors.clear()

    def after_fork(self) -> None:
        """Make the lock anew in a forked child: a thread of the parent may hold it."""
        self._lock = threading.Lock()


_UNKNOWN = (float("-inf"), Exception())


def _bare(error: Exception) -> Exception:
    """Return a copy without traceback and cause, which would keep alive what the frames hold."""
    try:
        bare = copy.copy(error)
    except Exception:  # its class cannot be made from its arguments
        bare = error
    # Copies have none of these, but where a library, such as tblib, has taught errors to travel with them.
    bare.__cause__ = bare.__context__ = None
    return bare.with_traceback(None)
