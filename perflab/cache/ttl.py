"""The TTL tier: values by key that also leave by age.

In: keys and Python values, each with a time to live. Out: the same objects until they are due, or room is needed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Self

from perflab.cache.memory import MemoryCache
from perflab.cache.weight import entry_weight
from perflab.errors import ConfigError
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
        self._sweeper: tuple[threading.Thread, threading.Event] | None = None

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

    def start_sweep(self, interval_s: float = 1.0) -> None:
        """Remove what is due every `interval_s` seconds in a background thread until `close`.

        Without it, what is due leaves when it is asked for or when room is needed.

        Raises
        ------
        ConfigError
            If the interval is not above 0.
        """
        if not interval_s > 0:
            raise ConfigError(f"interval_s is {interval_s!r}; it must be seconds, above 0")
        with self._lock:
            if self._sweeper is not None:
                return
            stop = threading.Event()
            thread = threading.Thread(
                target=self._sweep, args=(stop, interval_s), name=f"perflab-{self._tier}-sweep", daemon=True
            )
            self._sweeper = (thread, stop)
            thread.start()

    def close(self) -> None:
        """End the background sweep, if there is one; the entries stay."""
        with self._lock:
            sweeper, self._sweeper = self._sweeper, None
        if sweeper is not None:
            sweeper[1].set()
            sweeper[0].join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _sweep(self, stop: threading.Event, interval_s: float) -> None:
        while not stop.wait(interval_s):
            self.expire()


_INSPECTED = (("key", "object"), ("nbytes", "int64"), ("ttl_s", "float64"), ("type", "str"))
