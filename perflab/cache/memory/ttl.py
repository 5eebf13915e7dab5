"""The TTL tier: values by key that also leave by age.

In: keys and Python values, each with a time to live. Out: the same objects until they are due, or room is needed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any

from perflab.cache.entry import UNBOUNDED, Entry
from perflab.cache.loading.flight import SingleFlight
from perflab.cache.loading.loads import Load, Loads
from perflab.cache.loading.refresh import Refreshes, in_thread
from perflab.cache.mapping import MISSING
from perflab.cache.memory.aged import AgedEntry
from perflab.cache.memory.notices import Listener, Reason
from perflab.cache.memory.tier import MemoryCache
from perflab.cache.memory.unwritten import WriteBack
from perflab.errors import ConfigError
from perflab.record import NULL_RECORDER, Recorder

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TTLCache"]


class TTLCache(MemoryCache):
    """A memory tier whose entries are all dated: what is due leaves before anything that is live.

    Parameters
    ----------
    max_bytes, max_entries, weigh, timer, policy, recorder, tier, on_evict, listener, write_back
        As for `MemoryCache`.
    default_ttl
        Seconds that an entry without a `ttl` of its own stays; 0 keeps nothing, None is for ever.
    sliding
        Each read gives an entry the whole of its time to live again.
    stale_s
        So many seconds after an entry was due, `get_or_load` may still return it if the loader fails. Until then it
        takes room, and is the first to leave if that is needed.
    refresh_ratio
        From when this share of its time to live is left, `get_or_load` returns an entry and has it loaded anew; 0..1.
    on_expire
        `on_expire(key, value)` hears what left by age, when the tier's lock is free.
    spawn
        `spawn(work)` runs a refresh in the background; by default in a daemon thread.

    Raises
    ------
    ConfigError
        As for `MemoryCache`, and if `stale_s` or `refresh_ratio` is out of range.

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

    _entry = AgedEntry

    def __init__(
        self,
        max_bytes: int = UNBOUNDED,
        *,
        max_entries: int = UNBOUNDED,
        default_ttl: float | None = 3600.0,
        sliding: bool = False,
        stale_s: float = 0.0,
        refresh_ratio: float = 0.0,
        weigh: Callable[[Hashable, Any], int] | None = None,
        timer: Callable[[], float] = time.monotonic,
        policy: object = "lru",
        recorder: Recorder = NULL_RECORDER,
        tier: str = "l2",
        on_evict: Callable[[Hashable, Entry], None] | None = None,
        on_expire: Callable[[Hashable, Any], object] | None = None,
        listener: Listener | None = None,
        write_back: WriteBack | None = None,
        spawn: Callable[[Callable[[], None]], object] = in_thread,
    ) -> None:
        super().__init__(
            max_bytes,
            max_entries=max_entries,
            weigh=weigh,
            default_ttl=default_ttl,
            timer=timer,
            policy=policy,
            recorder=recorder,
            tier=tier,
            on_evict=on_evict,
            listener=listener if on_expire is None else _both(on_expire, listener),
            write_back=write_back,
        )
        if not 0 <= refresh_ratio <= 1:
            raise ConfigError(f"refresh_ratio is {refresh_ratio!r}; it must be a ratio from 0 to 1")
        self.keep_stale(stale_s)
        self._sliding = sliding
        if sliding:
            self._most_reads = 1  # so that each hit passes by the renewal
        self._refresh_ratio = refresh_ratio
        self._recorder = recorder
        self._loads = Loads()
        self._flights = SingleFlight()
        self._refreshes = Refreshes(spawn)

    def get(self, key: Hashable, default: Any = None) -> Any:
        """Return the value of a key, or the default; this is a use of the entry."""
        kind = type(key)
        if kind is str or kind is int:
            try:
                dated: Any = self._others[key]
                now = self.timer()
                if now < dated.expires:
                    dated.last = now
                    reads = self._reads
                    reads.append(dated)
                    if len(reads) >= self._most_reads:
                        self._after_hit(dated, now)
                    return dated.value
            except KeyError:
                pass
        entry = self.entry(key)
        return default if entry is None else entry.value

    def entry(self, key: Hashable) -> Entry | None:
        """Return the live entry of a key and count this as a use."""
        entry = super().entry(key)
        if isinstance(entry, AgedEntry):
            entry.last = self.timer()
            if self._sliding:
                entry.renew(entry.last)
        return entry

    def ttl(self, key: Hashable) -> float:
        """Return the seconds that an entry has left here; KeyError if there is no live one."""
        entry = self.peek(key)
        if entry is None:
            raise KeyError(key)
        return entry.expires - self.timer()

    def get_or_load(self, key: Hashable, loader: Callable[[], Any], *, ttl: float | None = None) -> Any:
        """Return the value of a key, calling `loader()` if it is missing; callers in other threads share the call.

        A value that is set or deleted while the loader runs wins. With `stale_s`, a loader that fails is answered by
        the value that was due last, and a warning says so; with `refresh_ratio`, a value that is due soon is returned
        and loaded anew in the background.

        Raises
        ------
        Exception
            What the loader raised, if there is no such value.
        """
        value = self.get(key, MISSING)
        if value is MISSING:
            with self._loads.join(key) as load:
                return self._flights.run(load, lambda: self._fetch(load, loader, ttl))
        entry = self.peek(key) if self._refresh_ratio else None
        if isinstance(entry, AgedEntry) and entry.left(self.timer()) <= self._refresh_ratio:
            self._refreshes.start(key, lambda: self._refresh(key, loader, ttl))
        return value

    def inspect(self) -> pd.DataFrame:
        """Return the live entries, soonest due first; nothing is counted as a use.

        Returns
        -------
        DataFrame
            Columns `key`, `nbytes` (bytes), `ttl_s` (s left), `type`, `value`, `age_s` (s since it was stored here),
            `accesses` (reads here since then) and `idle_s` (s since the last of them, NaN without any).
        """
        import pandas as pd

        entries = self.entries()
        now = self.timer()
        rows = sorted((entry.row(now) for entry in entries if isinstance(entry, AgedEntry)), key=lambda row: row[2])
        return pd.DataFrame(
            {name: pd.Series([row[i] for row in rows], dtype=dtype) for i, (name, dtype) in enumerate(_INSPECTED)}
        )

    def invalidate(self, key: Hashable = MISSING, *, tag: str | None = None, prefix: str | None = None) -> int:
        """Remove a key, all keys with a tag, or all text keys with a prefix; return how many entries that were."""
        if key is MISSING:
            self._loads.end_all()
        elif self._loads:
            self._loads.end(key)
        return super().invalidate(key, tag=tag, prefix=prefix)

    def clear(self, reason: str = "cleared") -> int:  # type: ignore[override]  # a mapping's clear tells nothing
        """Remove everything on request and return how many entries that were."""
        self._loads.end_all()
        return super().clear(reason)

    def after_fork(self) -> None:
        """Go on in a forked child, where no load and no refresh is under way."""
        super().after_fork()
        self._loads = Loads()
        self._refreshes.after_fork()

    def _store(self, entry: Entry, event: str | None, reason: str | None, dirty: bool) -> bool:
        if self._loads:
            self._loads.end(entry.key)
        if isinstance(entry, AgedEntry):
            entry.begin(self.timer())
        return super()._store(entry, event, reason, dirty)

    def _use(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if isinstance(entry, AgedEntry):
                entry.reads += 1
        super()._use(entries)

    def _after_hit(self, entry: AgedEntry, now: float) -> None:
        if self._sliding:
            entry.renew(now)
        self.catch_up()

    def _fetch(self, load: Load, loader: Callable[[], Any], ttl: float | None) -> Any:
        # Another caller's load may have ended between this caller's miss and its turn.
        entry = self.peek(load.key)
        return self._load(load, loader, ttl) if entry is None else entry.value

    def _load(self, load: Load, loader: Callable[[], Any], ttl: float | None) -> Any:
        start = time.perf_counter()
        try:
            value = loader()
        except Exception as error:
            entry = self.stale(load.key)
            if entry is None:
                raise
            self._refreshes.warn(load.key, "the value that was due last is served", error)
            self._recorder.access(load.key, "load", self._tier, entry.nbytes, time.perf_counter() - start, "stale")
            return entry.value
        self._recorder.access(load.key, "load", self._tier, None, time.perf_counter() - start)
        with self._lock:
            if self._loads.stands(load):
                self.set(load.key, value, ttl=ttl)
        return value

    def _refresh(self, key: Hashable, loader: Callable[[], Any], ttl: float | None) -> None:
        with self._loads.join(key) as load:
            self._flights.run(load, lambda: self._load(load, loader, ttl))


def _both(on_expire: Callable[[Hashable, Any], object], listener: Listener | None) -> Listener:
    def told(key: Hashable, value: Any, reason: Reason) -> None:
        if reason == "expired":
            on_expire(key, value)
        if listener is not None:
            listener(key, value, reason)

    return told


_INSPECTED = (
    ("key", "object"),
    ("nbytes", "int64"),
    ("ttl_s", "float64"),
    ("type", "str"),
    ("value", "object"),
    ("age_s", "float64"),
    ("accesses", "int64"),
    ("idle_s", "float64"),
)
