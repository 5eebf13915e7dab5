"""The cache that a program uses: memory over TTL over disk.

In: keys, values and loaders. Out: values from the fastest tier that has them, and one row for everything that happened.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

from perflab.cache.disk.tier import DiskCache
from perflab.cache.mapping import MISSING
from perflab.cache.memory.sweep import Sweep
from perflab.cache.memory.tier import MemoryCache
from perflab.cache.memory.ttl import TTLCache
from perflab.cache.tiers.ahead import Ahead
from perflab.cache.tiers.moves import Tiers
from perflab.cache.tiers.options import TierOptions
from perflab.cache.tiers.reads import REFUSED
from perflab.cache.tiers.readthrough import ReadThrough
from perflab.cache.tiers.snapshot import read_snapshot, write_snapshot
from perflab.cache.tiers.stats import tier_stats
from perflab.cache.tiers.terms import Terms
from perflab.cache.tiers.warming import hottest, restore
from perflab.cache.tiers.worth import heat_of
from perflab.record import NULL_RECORDER, Recorder, SilentRecorder

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TieredCache"]


class TieredCache(TierOptions):
    """Three tiers behind one mapping.

    An entry is in l1 or in l2, never in both: what l1 evicts is demoted to l2, and a hit in l2 promotes it. Values
    that can be stored on disk are also written to l3, where they outlive memory and the process; `write_policy` says
    when. A hit in l3 promotes a copy. Times to live stay with an entry wherever it goes. Each application read makes
    one `hit` or `miss` row.

    Parameters
    ----------
    l1, l2, l3
        The tiers; `l3` may be None. The cache takes l1's `on_evict`, for write-back l2's too, and closes the tiers.
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
        self._sweep: Sweep | None = None
        self._tiers = Tiers(l1, l2, l3, self.recorder)
        self._through = ReadThrough(self._tiers, self.recorder)
        self._follow(l1)
        l1.release = l2.release = partial(self.recorder.settle, wait=False)  # it is called under a tier's lock

    def get_or_load(
        self,
        key: Hashable,
        loader: Callable[[], Any],
        *,
        ttl: float | None = None,
        cost: float | None = None,
        timeout: float | None = None,
        negative_ttl: float | None = None,
        missing: type[Exception] | tuple[type[Exception], ...] = KeyError,
        tags: Iterable[str] = (),
        tier: str = "l3",
        side_effect_free: bool = False,
    ) -> Any:
        """Return the value of a key, calling `loader()` if it is missing; callers in other threads share the call.

        So do processes, if l3 is in a folder that they share and can hold the value. What is written while the loader
        runs wins: after a `set`, `delete` or `clear` the loaded value goes to those who waited for it, and is not
        stored; who asks after a `delete` has a call of their own.

        Parameters
        ----------
        loader
            Its exception reaches every caller in the process, and is not cached. If it is interrupted, or its process
            is killed, one of the others loads instead.
        ttl
            Seconds to live of a loaded value, as for `set`.
        cost
            What a load costs, for eviction by cost: seconds, or any weight; None takes the seconds that it took.
        timeout
            Seconds to wait for a load that another thread or process began; None waits as long as it takes. A load that
            outlasts it counts as hung: the next call begins another.
        negative_ttl
            Seconds to remember that there is nothing: None as a value, in all tiers; an error of the type `missing` in
            this process, where it is raised again without a call. By default None is a value like any other.
        missing
            The errors by which the loader says that there is nothing.
        tags
            Names for `invalidate` of a loaded value; text is one name.
        tier
            `"l1"`: a loaded value is kept in memory alone, in l1 and what it demotes in l2; `"l3"`: on disk too.
        side_effect_free
            The loader does nothing but return the value, so that it may be called again before anybody asks, in
            another thread; it is remembered for that. See `perflab.optimize.Prefetcher`.

        Raises
        ------
        TimeoutError
            If another caller's load takes longer than `timeout`.
        StoreError
            If loaders of this process wait for each other's keys in a circle; those of several processes end it by
            loading for themselves (`loading.turns.NESTED_S`).
        ConfigError
            If a time or the cost is negative or no number, or a tag no text, or the tier another one, and a load is
            needed.
        """
        value = self.get(key, MISSING)
        if value is not MISSING:
            if self._refresh_ratio and ttl is not None and self._through.is_due(key, ttl, self._refresh_ratio):
                terms = Terms(ttl, cost, timeout, negative_ttl, tags, tier, missing, side_effect_free)
                self._through.refresh(key, loader, terms)
            return value
        terms = Terms(ttl, cost, timeout, negative_ttl, tags, tier, missing, side_effect_free)
        return self._through.load(key, loader, terms)

    async def aget_or_load(
        self,
        key: Hashable,
        loader: Callable[[], Awaitable[Any]],
        *,
        ttl: float | None = None,
        cost: float | None = None,
        timeout: float | None = None,
        negative_ttl: float | None = None,
        missing: type[Exception] | tuple[type[Exception], ...] = KeyError,
        tags: Iterable[str] = (),
        tier: str = "l3",
    ) -> Any:
        """Return the value of a key, awaiting `loader()` if it is missing; callers in one event loop share the call.

        Callers in another event loop of the process, or in its threads, load for themselves; the first value to arrive
        is stored. A cancelled caller leaves the others waiting; the last one ends the load. `timeout` holds for whoever
        began the load too. For the rest it is as `get_or_load`.
        """
        value = self.get(key, MISSING)
        if value is not MISSING:
            if self._refresh_ratio and ttl is not None and self._through.is_due(key, ttl, self._refresh_ratio):
                terms = Terms(ttl, cost, timeout, negative_ttl, tags, tier, missing)
                self._through.refresh_async(key, loader, terms)
            return value
        return await self._through.load_async(key, loader, Terms(ttl, cost, timeout, negative_ttl, tags, tier, missing))

    @property
    def ahead(self) -> Ahead:
        """What fetches keys before they are asked for."""
        self._check_open()
        return self._through.ahead

    def prefetch(self, keys: Iterable[Hashable]) -> int:
        """Bring keys into memory before they are asked for; return how many came. No accesses.

        They come from disk, or by the loader that `get_or_load` was given for them with `side_effect_free=True`.
        """
        ahead = self.ahead
        if not self.admits:
            return 0
        return sum(ahead.fetch(key, ahead.reloads.find(key)).outcome == "came" for key in keys)

    def snapshot(
        self, path: str | os.PathLike[str], *, limit_bytes: float = math.inf, wall: Callable[[], float] = time.time
    ) -> int:
        """Write what is in memory to one file, hottest first, and return how many entries; no accesses.

        Keys, values, what is left of times to live, costs, and how often each was read are kept. See
        `snapshot.write_snapshot`.

        Raises
        ------
        StoreError
            If the file cannot be written; an older one is as it was.
        """
        self._check_open()
        entries, heat = hottest(self._tiers), heat_of(self.recorder.frames.accesses)
        return write_snapshot(path, entries, heat, limit_bytes=limit_bytes, timer=self.l1.timer, wall=wall)

    def restore(
        self, path: str | os.PathLike[str], *, limit_bytes: float = math.inf, wall: Callable[[], float] = time.time
    ) -> int:
        """Take a snapshot into free memory, and return how many entries; no accesses.

        What is expected to save most seconds per byte comes first: by how often an entry was read and how long ago,
        what its load costs, and its bytes. Nothing is evicted for it, and no key that is in memory is changed. Keys
        that l3 has get its values, which may be newer; those that were deleted since come back.

        Raises
        ------
        StoreError
            If the file is no snapshot, or is damaged; the cache is as it was.
        """
        self._check_open()
        return restore(self._tiers, read_snapshot(path, wall=wall), limit_bytes, self.recorder)

    def expire(self) -> int:
        """Remove what is due in memory and return how many entries that were."""
        return self._tiers.expire()

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

    def flush(self) -> int:
        """Write to disk what waits for it; return how many values waited in memory, as they do with `"back"` alone."""
        self._check_open()
        written = self._tiers.writes.flush()
        if self.l3 is not None:
            self.l3.flush()
        return written

    def close(self) -> None:
        """Write what waits for disk, forget what is in memory, close the disk tier; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._tiers.close()
        if self._sweep is not None:
            self._sweep.close()
        self.l1.follow(tuple)
        self.l1.reset()
        self.l2.reset()
        self.recorder.settle()
        if self.l3 is not None:
            self.l3.close()

    @contextlib.contextmanager
    def before_loads(self, act: Callable[[Hashable], object]) -> Iterator[None]:
        """Have `act(key)` called before each loader, as if it were part of it, until the end of the context."""
        before, self._through.before_load = self._through.before_load, act
        try:
            yield
        finally:
            self._through.before_load = before

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
