"""The memory tier: values by key within bounds of bytes and of entries.

In: keys and Python values. Out: the same objects until room, age or request removes them; each removal is recorded.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Iterable
from typing import Any

from perflab import forked
from perflab.cache.entry import UNBOUNDED, Entry, Facts, checked_bytes, checked_cost, checked_tags, checked_ttl
from perflab.cache.memory.holdings import LEFT_BYTES
from perflab.cache.memory.notices import Listener, Notices
from perflab.cache.memory.plainly import Lock
from perflab.cache.memory.stock import Stock
from perflab.cache.memory.stocked import StockedMapping
from perflab.cache.memory.unwritten import Unwritten, WriteBack
from perflab.cache.memory.weight import entry_weight
from perflab.cache.policy import choose
from perflab.errors import ConfigError, StoreError
from perflab.record import NULL_RECORDER, Recorder

__all__ = ["LEFT_BYTES", "MemoryCache"]


class MemoryCache(StockedMapping):
    """A mapping bounded by bytes and entries, with any policy of eviction.

    Reads through the mapping count as uses, and `in` and `peek` do not. `len`, iteration and `in` see live entries
    alone. Operations are O(1), and O(log n) for entries with a time to live. Safe to use from many threads; a hit on a
    text or whole-number key takes no lock.

    Parameters
    ----------
    max_bytes, max_entries
        Bounds on the sum of the entries' weights, and on their number; with 0 nothing is stored. They hold at every
        moment. One of them has to be given, or come with the policy.
    weigh
        `weigh(key, value)` -> bytes that the entry costs; None is `entry_weight`.
    default_ttl
        Seconds that an entry without a time to live of its own may stay in this tier; None is for ever.
    timer
        Monotonic clock, seconds.
    policy
        A name of `policy.POLICIES`, a function that makes a `Policy`, or a cache of cachetools or a class of them; an
        empty cache of cachetools brings its bound, `getsizeof` and times to live along.
    recorder, tier
        Where `set`, `evict`, `expire`, `reject`, `invalidate` and `write_back` rows go, and the tier that they name.
        Reads are not recorded here: only the tiered cache knows which of them are accesses.
    on_evict
        `on_evict(key, entry)` takes over an entry that leaves for room; then there is no `evict` row and no notice.
    listener
        `listener(key, value, reason)` hears what left and why: `evicted`, `expired`, `replaced`, `invalidated`,
        `cleared`; or was `rejected`. It is called when the tier's lock is free.
    write_back
        `write_back(key, value)` stores what was set with `dirty=True`: at `flush`, and before such an entry is evicted,
        expires or moves elsewhere, while the tier is locked. An entry whose write fails stays.

    Attributes
    ----------
    hot : dict
        As of `Shelf`; a reader who needs no lock notes its hits for `follow`.

    Raises
    ------
    ConfigError
        If a bound or a time to live is no number, or negative; if there is no bound, or no such policy.

    Examples
    --------
    >>> cache = MemoryCache(1_000)
    >>> cache["small"] = b"x" * 300
    >>> cache["large"] = b"x" * 2_000
    >>> list(cache), cache.nbytes <= cache.max_bytes
    (['small'], True)
    >>> newest = MemoryCache(max_entries=2, policy="sieve", listener=lambda *left: print(*left))
    >>> newest.update(a=1, b=2, c=3)
    a 1 evicted
    """

    _entry: type[Entry] = Entry
    """What the tier holds, and nothing else: whoever finds entries in `hot` may count on it."""

    def __init__(
        self,
        max_bytes: int = UNBOUNDED,
        *,
        max_entries: int = UNBOUNDED,
        weigh: Callable[[Hashable, Any], int] | None = None,
        default_ttl: float | None = None,
        timer: Callable[[], float] = time.monotonic,
        policy: object = "lru",
        recorder: Recorder = NULL_RECORDER,
        tier: str = "l1",
        on_evict: Callable[[Hashable, Entry], None] | None = None,
        listener: Listener | None = None,
        write_back: WriteBack | None = None,
    ) -> None:
        chosen = choose(policy)
        own_entries, own_bytes = (UNBOUNDED, chosen.bound) if chosen.weigh else (chosen.bound, UNBOUNDED)
        most_bytes = min(checked_bytes(max_bytes), own_bytes)
        most_entries = min(checked_bytes(max_entries, "max_entries", "entries"), own_entries)
        if most_bytes == most_entries == UNBOUNDED:
            raise ConfigError("max_bytes and max_entries are both missing; a cache needs a bound")
        self.weigh = weigh or chosen.weigh or entry_weight
        self._plain_weigh = entry_weight
        self._quick = self._entry is Entry
        self._tier = tier
        stock = Stock(
            most_bytes,
            most_entries,
            checked_ttl(default_ttl),
            chosen.lifetime,
            chosen.make,
            timer,
            recorder,
            tier,
            Notices(listener),
            Unwritten(write_back),
        )
        self._new = stock.new_entry if self._quick else self._entry
        stock.on_evict = on_evict
        super().__init__(stock, timer)
        forked.watch(self)

    @property
    def on_evict(self) -> Callable[[Hashable, Entry], None] | None:
        """Takes over what leaves for room."""
        return self._stock.on_evict

    @on_evict.setter
    def on_evict(self, on_evict: Callable[[Hashable, Entry], None] | None) -> None:
        self._stock.on_evict = on_evict

    @property
    def max_bytes(self) -> int:
        """The bound on bytes; `UNBOUNDED` for none."""
        return self._stock.max_bytes

    @property
    def max_entries(self) -> int:
        """The bound on entries; `UNBOUNDED` for none."""
        return self._stock.max_entries

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._tier}: {len(self)} entries, {self.nbytes} of {self.max_bytes} bytes>"

    def _set_slowly(
        self,
        key: Hashable,
        value: object,
        *,
        ttl: float | None = None,
        cost: float | None = None,
        tags: Iterable[str] = (),
        dirty: bool = False,
    ) -> bool:
        entry = self._new(key, value, self.weigh(key, value))
        if ttl is not None or cost is not None or tags:
            entry.facts = self._facts(ttl, cost, tags)
        if dirty and self._stock.unwritten.write_back is None:
            raise ConfigError(f"dirty is true for the key {key!r}; that needs a cache with a write_back")
        return self._store(entry, "set", None, dirty)

    def admit(self, entry: Entry, event: str | None = None, reason: str | None = None) -> bool:
        """Store an entry that was made before, with the deadline, cost and tags that it has.

        Parameters
        ----------
        entry
            From `Entry`, or taken from another tier.
        event, reason
            The row to record if it is stored; None records no row.
        """
        if type(entry) is not self._entry:
            entry = self._entry(entry.key, entry.value, entry.nbytes, facts=entry.facts)
        entry.expires = math.inf  # another tier's end
        return self._store(entry, event, reason, False)

    def touch(self, key: Hashable, ttl: float | None = None) -> bool:
        """Give a live entry a new time to live in seconds, from now; None is the default. False if there is none."""
        lifetime = checked_ttl(ttl)
        with self._lock:
            found = self._stock.touch(key, lifetime)
        self._tell()
        return found

    def dirty(self) -> list[tuple[Hashable, Any, int]]:
        """Return keys, values and generations of what is not written back, oldest write first."""
        with self._lock:
            return [(entry.key, entry.value, number) for entry, number in self._stock.unwritten.generations.items()]

    def mark_clean(self, key: Hashable, generation: int) -> bool:
        """Say that a value of `dirty` is written; False if another one was set since, which is still to be written."""
        with self._lock:
            entry = self._stock.shelf.find(key)
            return entry is not None and self._stock.unwritten.clean(entry, generation)

    def flush(self) -> int:
        """Write back what is dirty and return how many values that were; what fails stays dirty, with a warning."""
        with self._lock:
            marked = list(self._stock.unwritten.generations)
        return sum([self._flushed(entry) for entry in marked])

    def resize(self, max_bytes: int | None = None, max_entries: int | None = None) -> None:
        """Change the bounds that are given; entries leave at once until they hold.

        Raises
        ------
        ConfigError
            If a bound is no whole number, or negative.
        StoreError
            If a dirty entry that would have to leave cannot be written back; the old bounds stay.
        """
        with self._lock:
            before = self.max_bytes, self.max_entries
            self._stock.limit(
                before[0] if max_bytes is None else checked_bytes(max_bytes),
                before[1] if max_entries is None else checked_bytes(max_entries, "max_entries", "entries"),
            )
            self._catch_up()
            if not self._stock.make_room(0, 0):
                self._stock.limit(*before)
                raise StoreError("The bounds stay as they were: an entry that would leave could not be written back.")
        self._tell()

    def reorder(self, policy: str) -> None:
        """Go by the policy of this name from now on, and keep what is held; its reads so far are forgotten.

        Raises
        ------
        ConfigError
            If there is no such policy.
        """
        chosen = choose(policy)
        with self._lock:
            self._catch_up()
            self._stock.reorder(chosen.make)

    def live_for(self, ttl: float | None) -> None:
        """Give entries that are stored from now on, without a `ttl` of their own, so many seconds; None is for ever.

        Raises
        ------
        ConfigError
            If it is no number, or negative.
        """
        lifetime = checked_ttl(ttl)
        with self._lock:
            self._stock.live_for(lifetime)

    def reset(self) -> None:
        """Let go of everything without a row, but for what is dirty, which is written: the cache ends."""
        self.flush()
        with self._lock:
            self._stock.clear()

    def after_fork(self) -> None:
        """Go on in a forked child: empty, if another thread was at work here and left things half changed."""
        self._waiting.clear()  # the parent delivers these
        if self._lock.acquire(blocking=False):
            self._lock.release()
            return
        self._lock = Lock()
        self._reads.clear()
        self._stock.clear()

    def _store(self, entry: Entry, event: str | None, reason: str | None, dirty: bool) -> bool:
        with self._lock:
            if self._reads or self._hits is not None:
                self._catch_up()  # what was read before comes before it in the order
            stored = self._stock.store(entry, event, reason, dirty)
        if self._waiting:
            self._tell()
        return stored

    def _flushed(self, entry: Entry) -> bool:
        # Under the lock: a newer value of the key must not be written before this one.
        with self._lock:
            return entry in self._stock.unwritten.generations and self._stock.write(entry, "flush")

    def _facts(self, ttl: float | None, cost: float | None, tags: Iterable[str]) -> Facts:
        deadline = math.inf if ttl is None else self.timer() + checked_ttl(ttl)
        return Facts(deadline, checked_cost(cost), checked_tags(tags))
