"""The TTL tier: values by key that also leave by age.

In: keys and Python values, each with a time to live. Out: the same objects until they are due, or room is needed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

from perflab.cache.memory import MemoryCache
from perflab.cache.weight import entry_weight
from perflab.record import NULL_RECORDER, Recorder

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TTLCache"]


class TTLCache(MemoryCache):
    """A memory tier whose entries are all dated: what is due leaves before anything that is live.

    Parameters
    ----------
    max_bytes, weigh, timer, recorder, tier
        As for `MemoryCache`.
    default_ttl
        Seconds that an entry without a `ttl` of its own stays; 0 keeps nothing.

    Examples
    --------
    >>> now = 0.0
    >>> cache = TTLCache(10_000, default_ttl=60, timer=lambda: now)
    >>> cache["page"] = "text"
    >>> now = 59.0
    >>> cache.ttl("page"), cache.touch("page"), cache.ttl("page")
    (1.0, True, 60.0)
    >>> now = 119.0
    >>> "page" in cache
    False
    """

    def __init__(
        self,
        max_bytes: int,
        *,
        default_ttl: float | None = 3600.0,
        weigh: Callable[[Hashable, object], int] = entry_weight,
        timer: Callable[[], float] = time.monotonic,
        recorder: Recorder = NULL_RECORDER,
        tier: str = "l2",
    ) -> None:
        super().__init__(max_bytes, weigh=weigh, default_ttl=default_ttl, timer=timer, recorder=recorder, tier=tier)

    def ttl(self, key: Hashable) -> float:
        """Return the seconds that an entry has left here; KeyError if there is no live one."""
        entry = self.peek(key)
        if entry is None:
            raise KeyError(key)
        return entry.expires - self.timer()

    def inspect(self) -> pd.DataFrame:
        """Return the live entries, soonest due first: columns `key`, `nbytes` (bytes), `ttl_s` (s), `type`."""
        import pandas as pd

        now = self.timer()
        rows = [(e.key, e.nbytes, e.expires - now, type(e.value).__name__) for e in self.entries()]
        rows.sort(key=lambda row: row[2])
        return pd.DataFrame(
            {name: pd.Series([row[i] for row in rows], dtype=dtype) for i, (name, dtype) in enumerate(_INSPECTED)}
        )


_INSPECTED = (("key", "object"), ("nbytes", "int64"), ("ttl_s", "float64"), ("type", "str"))
