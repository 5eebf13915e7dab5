"""The cache that a program uses: memory over TTL over disk.

In: keys, values and loaders. Out: values from the fastest tier that has them, and one row for everything that happened.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

from perflab.cache.disk import DiskCache
from perflab.cache.entry import checked_bytes, checked_ttl
from perflab.cache.flight import AsyncSingleFlight, SingleFlight
from perflab.cache.keys import slot_of
from perflab.cache.loading import Load
from perflab.cache.mapping import MISSING
from perflab.cache.memory import MemoryCache
from perflab.cache.moves import Tiers
from perflab.cache.reads import REFUSED, NotedReads
from perflab.cache.stats import tier_stats
from perflab.cache.sweep import Sweep
from perflab.cache.ttl import TTLCache
from perflab.errors import ConfigError, StoreError
from perflab.record import NULL_RECORDER, Recorder, SilentRecorder

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TieredCache"]


class TieredCache(NotedReads):
    """Three tiers behind one mapping.

    An entry is in l1 or in l2, never in both: what l1 evicts is demoted to l2, and a hit in l2 promotes it. Values
    that can be stored on disk are also written to l3, where they outlive memory and the process; a hit in l3 promotes a
    copy. Times to live stay with an entry wherever it goes. Each application read makes one `hit` or `miss` row.

    Parameters
    ----------
    l1, l2, l3
        The tiers; `l3` may be None. The cache takes l1's `on_evict`, and closes the tiers.
    recorder
        Where its rows go; the tiers have their own, normally the same.

    Notes
    -----
    Thread-safe; `moves.Tiers` says how. A hit in l1 takes no lock; `reads.NotedReads` says how. Values from memory are
    the same objects that were set: do not change them.

    Examples
    --------
    >>> cache = TieredCache(MemoryCache(10_000), TTLCache(10_000), None)
    >>> cache.get_or_load("answer", lambda: 42), cache.get("answer"), cache.get("other", "none")
    (42, 42, 'none')
    """

    def __init__(self, l1: MemoryCache, l2: TTLCache, l3: DiskCache | None, recorder: Recorder = NULL_RECORDER) -> None:
        self.l1 = l1
        self.l2 = l2
        self.l3 = l3
        self.recorder = SilentRecorder() if recorder is NULL_RECORDER else recorder
        self._closed = False
        self._flights = SingleFlight()
        self._async_flights = AsyncSingleFlight()
        self._sweep: Sweep | None = None
        self._tiers = Tiers(l1, l2, l3, self.recorder)
        self._follow(l1)
        l1.release = l2.release = partial(self.recorder.settle, wait=False)  # it is called under a tier's lock

    def __setitem__(self, key: Hashable, value: object) -> None:
        self.set(key, value)

    def __delitem__(self, key: Hashable) -> None:
        if not self.delete(key):
            raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        self._check_open()
        return key in self.l1 or key in self.l2 or (self.l3 is not None and key in self.l3)

    def __iter__(self) -> Iterator[Hashable]:
        self._check_open()
        keys: dict[Hashable, Hashable] = {}
        for tier in self._tiers.named().values():
            keys.update((slot_of(key), key) for key in tier)
        return iter(keys.values())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def set(self, key: Hashable, value: object, *, ttl: float | None = None) -> bool:
        """Store a value in memory and, if its type can be stored, on disk; False if no tier took it.

        Parameters
        ----------
        ttl
            Seconds to live in any tier; None: no end of its own (l2 then applies its default), 0: not kept.

        Raises
        ------
        StoreError
            If the key is of a type without canonical bytes; it is a ValueError too.
        ConfigError
            If `ttl` is negative or no number.
        """
        self._check_open()
        return self._tiers.store(key, value, ttl)

    def delete(self, key: Hashable) -> bool:
        """Remove a key from every tier on request; False if none had it."""
        self._check_open()
        return self._tiers.remove(key)

    def get_or_load(
        self,
        key: Hashable,
        loader: Callable[[], Any],
        *,
        ttl: float | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Return the value of a key, calling `loader()` if it is missing; callers in other threads share the call.

        What is written while the loader runs wins: after a `set`, `delete` or `clear` the loaded value goes to those
        who waited for it, and is not stored; who asks after a `delete` has a call of their own.

        Parameters
        ----------
        loader
            Its exception reaches every caller, and is not cached.
        ttl
            Seconds to live of a loaded value, as for `set`.
        timeout
            Seconds to wait for a load that another thread began; None waits as long as it takes.

        Raises
        ------
        TimeoutError
            If another thread's load takes longer than `timeout`.
        StoreError
            If loaders wait for each other's keys in a circle.
        """
        checked_ttl(ttl)
        value = self.get(key, MISSING)
        if value is not MISSING:
            return value
        with self._tiers.loads.join(key) as load:
            return self._flights.run(load, lambda: self._load(load, loader, ttl), timeout=timeout)

    async def get_or_await(
        self, key: Hashable, loader: Callable[[], Awaitable[Any]], *, ttl: float | None = None
    ) -> Any:
        """Return the value of a key, awaiting `loader()` if it is missing; callers in one event loop share the call.

        Callers in another event loop, or in threads, load for themselves; the first value to arrive is stored. For the
        rest it is as `get_or_load`. A cancelled caller leaves the others waiting; the last one ends the load.
        """
        checked_ttl(ttl)
        value = self.get(key, MISSING)
        if value is not MISSING:
            return value
        with self._tiers.loads.join(key) as load:
            return await self._async_flights.run(load, lambda: self._await(load, loader, ttl))

    def touch(self, key: Hashable, ttl: float | None = None) -> bool:
        """Give a key a new time to live in seconds, from now, in every tier; False if none has it."""
        self._check_open()
        return self._tiers.touch(key, ttl)

    def ttl(self, key: Hashable) -> float:
        """Return the seconds until the key's own end, infinite if it has none; KeyError if no tier has it."""
        self._check_open()
        entry = self._tiers.peek(key)
        if entry is not None:
            return entry.deadline - self.l1.timer()
        if self.l3 is None:
            raise KeyError(key)
        return self.l3.ttl(key)

    def get_by_prefix(self, prefix: str) -> dict[str, Any]:
        """Return the text keys that start with a prefix, and their values; each one is an access."""
        keys = [key for key in self if isinstance(key, str) and key.startswith(prefix)]
        found = ((key, self.get(key, MISSING)) for key in keys)
        return {key: value for key, value in found if value is not MISSING}

    def inspect(self, key: Hashable) -> pd.DataFrame:
        """Return where a key is: a row a tier with columns `tier`, `nbytes` (bytes), `ttl_s` (s), `type`; no access."""
        import pandas as pd

        self._check_open()
        rows = []
        for name, tier in self._tiers.named().items():
            entry = tier.entry(key) if isinstance(tier, DiskCache) else tier.peek(key)
            if entry is not None:
                left = min(entry.deadline, entry.expires) - self.l1.timer()
                rows.append((name, entry.nbytes, left, type(entry.value).__name__))
        return pd.DataFrame(rows, columns=["tier", "nbytes", "ttl_s", "type"])

    def clear(self, tier: str = "all") -> int:  # type: ignore[override]  # a mapping's clear tells nothing
        """Remove everything in `"l1"`, `"l2"`, `"l3"` or `"all"`; return how many entries, copies on disk counted too.

        Raises
        ------
        ConfigError
            If there is no such tier.
        """
        self._check_open()
        if tier not in ("l1", "l2", "l3", "all"):
            raise ConfigError(f"tier is {tier!r}; it must be 'l1', 'l2', 'l3' or 'all'")
        return self._tiers.clear(("l1", "l2", "l3") if tier == "all" else (tier,))

    def prefetch(self, keys: Iterable[Hashable]) -> int:
        """Copy keys from disk into memory before they are asked for; return how many. No accesses."""
        self._check_open()
        return sum(self._tiers.peek(key) is None and self._tiers.fetch(key, "prefetch") is not None for key in keys)

    def warm(self, limit_bytes: int) -> int:
        """Copy from disk what fits into free memory, last stored first; return how many entries. No accesses.

        Nothing is evicted for it. It ends at `limit_bytes` bytes of memory, or at the first value that does not fit.
        """
        self._check_open()
        return self._tiers.warm(checked_bytes(limit_bytes, "limit_bytes"))

    def expire(self) -> int:
        """Remove what is due in memory and return how many entries that were."""
        return self.l1.expire() + self.l2.expire()

    def start_sweep(self, interval_s: float) -> None:
        """Remove what is due in memory every `interval_s` seconds in a background thread, until `close`.

        Without it, what is due leaves when it is asked for or when room is needed.

        Raises
        ------
        ConfigError
            If the interval is not above 0.
        """
        self._check_open()
        if self._sweep is None:
            self._sweep = Sweep(self, interval_s)

    def stats(self) -> pd.DataFrame:
        """Return counts, rates and times by tier, computed from the recorded rows; see `stats.tier_stats`."""
        self._check_open()
        held = {name: (tier.nbytes, len(tier)) for name, tier in self._tiers.named().items()}
        return tier_stats(self.recorder.frames.accesses, held)

    def close(self) -> None:
        """Forget what is in memory and close the disk tier; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        if self._sweep is not None:
            self._sweep.close()
        self.l1.follow(tuple)
        self.l1.reset()
        self.l2.reset()
        self.recorder.settle()
        if self.l3 is not None:
            self.l3.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else ", ".join(map(repr, self._tiers.named().values()))
        return f"<TieredCache {state}>"

    def _repr_html_(self) -> str:
        if self._closed:
            return "<p>TieredCache, closed</p>"
        return self.stats().to_html(index=False, na_rep="", float_format="{:.3g}".format, escape=True)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("The cache is closed; make a new one to go on.")

    def _guard(self, key: Hashable) -> AbstractContextManager[object]:
        return self._tiers.guard(key)

    def _look(self, key: Hashable, default: Any) -> Any:
        """Return the value of a key that was not found the quick way: elsewhere, dated, or the first on its tape."""
        if self._closed:
            self._check_open()
        start = perf_counter()
        entry, tier = self._tiers.find(key)
        duration_s = perf_counter() - start
        if entry is None:
            self.recorder.access(key, "miss", None, None, duration_s)
            if default is REFUSED:
                raise KeyError(key)
            return default
        if tier == "l1":
            self._note(entry, duration_s)
        else:
            self.recorder.access(key, "hit", tier, entry.nbytes, duration_s)
        return entry.value

    def _load(self, load: Load, loader: Callable[[], Any], ttl: float | None) -> Any:
        # Another caller's load may have ended between this caller's miss and its turn.
        entry, _ = self._tiers.find(load.key)
        if entry is not None:
            return entry.value
        start = perf_counter()
        value = loader()
        self._keep(load, value, ttl, perf_counter() - start)
        return value

    async def _await(self, load: Load, loader: Callable[[], Awaitable[Any]], ttl: float | None) -> Any:
        entry, _ = self._tiers.find(load.key)
        if entry is not None:
            return entry.value
        start = perf_counter()
        value = await loader()
        self._keep(load, value, ttl, perf_counter() - start)
        return value

    def _keep(self, load: Load, value: object, ttl: float | None, duration_s: float) -> None:
        self.recorder.access(load.key, "load", duration_s=duration_s)
        self._check_open()
        self._tiers.store(load.key, value, ttl, load)
