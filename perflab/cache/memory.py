"""The memory tier: values by key within bounds of bytes and of entries.

In: keys and Python values. Out: the same objects until room, age or request removes them; each removal is recorded.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from perflab.cache import forked
from perflab.cache.entry import UNBOUNDED, Entry, Facts, checked_bytes, checked_ttl
from perflab.cache.mapping import MISSING, LockedMapping
from perflab.cache.notices import Listener, Notices
from perflab.cache.policy import choose
from perflab.cache.stock import LEFT_BYTES, Stock
from perflab.cache.unwritten import Unwritten, WriteBack
from perflab.cache.weight import entry_weight
from perflab.errors import ConfigError, StoreError
from perflab.record import NULL_RECORDER, Recorder

__all__ = ["LEFT_BYTES", "MemoryCache"]

_READS = 256
"""Reads that are gathered before the policy is told of them."""


class MemoryCache(LockedMapping):
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
        self.timer = timer
        self._tier = tier
        self._new_entry: Callable[[Hashable, object, int], Entry] = Entry
        notices = Notices(listener)
        self._tell = notices.deliver
        self._waiting = notices.waiting
        self._stock = Stock(
            most_bytes,
            most_entries,
            checked_ttl(default_ttl),
            chosen.lifetime,
            chosen.make,
            timer,
            recorder,
            tier,
            notices,
            Unwritten(write_back),
        )
        self._stock.on_evict = on_evict
        self.hot = self._stock.shelf.hot
        self._others = self._stock.shelf.others
        self._reads: list[Entry] = []
        self._most_reads = _READS
        self._hits: Callable[[], Sequence[Sequence[Entry]]] | None = None
        self._lock = threading.RLock()
        forked.watch(self)

    @property
    def on_evict(self) -> Callable[[Hashable, Entry], None] | None:
        """Takes over what leaves for room."""
        return self._stock.on_evict

    @on_evict.setter
    def on_evict(self, on_evict: Callable[[Hashable, Entry], None] | None) -> None:
        self._stock.on_evict = on_evict

    @property
    def release(self) -> Callable[[], object]:
        """Called when values of `LEFT_BYTES`, or of an eighth of the bound, have left: who noted hits drops them."""
        return self._stock.release

    @release.setter
    def release(self, release: Callable[[], object]) -> None:
        self._stock.release = release

    @property
    def max_bytes(self) -> int:
        """The bound on bytes; `UNBOUNDED` for none."""
        return self._stock.max_bytes

    @property
    def max_entries(self) -> int:
        """The bound on entries; `UNBOUNDED` for none."""
        return self._stock.max_entries

    @property
    def nbytes(self) -> int:
        """Sum of the weights of what is held, expired entries included until they are noticed."""
        return self._stock.nbytes

    def __getitem__(self, key: Hashable) -> Any:
        value = self.get(key, MISSING)
        if value is MISSING:
            raise KeyError(key)
        return value

    def get(self, key: Hashable, default: Any = None) -> Any:
        """Return the value of a key, or the default; this is a use of the entry."""
        entry = self.hot.get(key)
        if entry is not None and type(entry.key) is type(key):
            reads = self._reads
            reads.append(entry)
            if len(reads) >= self._most_reads:
                self.catch_up()
            return entry.value
        if entry is None and not self._others:
            return default
        entry = self.entry(key)
        return default if entry is None else entry.value

    def __delitem__(self, key: Hashable) -> None:
        if not self.invalidate(key):
            raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, Hashable) and self.peek(key) is not None

    def __iter__(self) -> Iterator[Hashable]:
        return iter([entry.key for entry in self.entries()])

    def __len__(self) -> int:
        if self._stock.linger_s or self._stock.unwritten.generations:
            return len(self.entries())  # some that are due may be here still
        self.expire()
        return len(self._stock.shelf)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._tier}: {len(self)} entries, {self.nbytes} of {self.max_bytes} bytes>"

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
            Names for `invalidate`.
        dirty
            The value has still to be written back.

        Raises
        ------
        ConfigError
            If `ttl` is no number, or negative, or `dirty` is true and there is no `write_back`.
        StoreError
            If the weight of the value is negative.
        """
        entry = self._new_entry(key, value, self.weigh(key, value))
        if ttl is not None or cost is not None or tags:
            entry.facts = self._facts(ttl, cost, tags)
        if dirty and self._stock.unwritten.write_back is None:
            raise ConfigError(f"dirty is true for the key {key!r}; that needs a cache with a write_back")
        return self._store(entry, "set", None, dirty)

    # An alias, since a call costs a tenth of a set; nobody sees what it returns.
    __setitem__ = set  # type: ignore[assignment]  # noqa: A003

    def admit(self, entry: Entry, event: str | None = None, reason: str | None = None) -> bool:
        """Store an entry that was made before, with the deadline, cost and tags that it has.

        Parameters
        ----------
        entry
            From `Entry`, or taken from another tier.
        event, reason
            The row to record if it is stored; None records no row.
        """
        return self._store(entry, event, reason, False)

    def entry(self, key: Hashable) -> Entry | None:
        """Return the live entry of a key and count this as a use."""
        with self._lock:
            entry = self._stock.live(key)
            if entry is not None:
                self._reads.append(entry)
                if len(self._reads) >= self._most_reads:
                    self._catch_up()
        if self._waiting:
            self._tell()
        return entry

    def peek(self, key: Hashable) -> Entry | None:
        """Return the live entry of a key; its place in the order of eviction stays."""
        with self._lock:
            entry = self._stock.live(key)
        if self._waiting:
            self._tell()
        return entry

    def take(self, key: Hashable) -> Entry | None:
        """Remove and return the live entry of a key, without a row: it moves elsewhere, or the caller records why.

        Raises
        ------
        StoreError
            If it has to be written back first and that fails; then it stays.
        """
        with self._lock:
            entry = self._stock.live(key)
            if entry is not None:
                if not self._stock.write(entry, "taken"):
                    raise StoreError(f"The key {key!r} cannot be taken out: its value could not be written back.")
                self._stock.remove(entry)
        if self._waiting:
            self._tell()
        return entry

    def touch(self, key: Hashable, ttl: float | None = None) -> bool:
        """Give a live entry a new time to live in seconds, from now; None is the default. False if there is none."""
        lifetime = checked_ttl(ttl)
        with self._lock:
            found = self._stock.touch(key, lifetime)
        self._tell()
        return found

    def get_by_prefix(self, prefix: str) -> dict[str, Any]:
        """Return the text keys that start with a prefix, and their values; each is a use. It goes over all keys."""
        with self._lock:
            keys = [str(entry.key) for entry in self._stock.shelf.starting(prefix)]
            found = {key: self.get(key, MISSING) for key in keys}
            return {key: value for key, value in found.items() if value is not MISSING}

    def invalidate(self, key: Hashable = MISSING, *, tag: str | None = None, prefix: str | None = None) -> int:
        """Remove a key, all keys with a tag, or all text keys with a prefix; return how many entries that were.

        What is dirty is not written: it is not wanted any more.
        """
        with self._lock:
            self._drop_due()
            removed = 0 if key is MISSING else self._stock.forget(key)
            if tag is not None:
                removed += self._stock.invalidate(self._stock.shelf.tagged(tag), "tag", "invalidated")
            if prefix is not None:
                removed += self._stock.invalidate(self._stock.shelf.starting(prefix), "prefix", "invalidated")
        self._tell()
        return removed

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
        return sum([self._stock.write(entry, "flush") for entry in marked])

    def entries(self) -> list[Entry]:
        """Return the live entries, next to be evicted first where the policy has an order."""
        with self._lock:
            self._drop_due()
            self._catch_up()
            now = self.timer()
            live = [entry for entry in self._stock.order if entry.expires > now]
        self._tell()
        return live

    def holds(self, entry: Entry) -> bool:
        """Tell if an entry whose hits can be noted lies here at the moment; takes no lock."""
        return self.hot.get(entry.key) is entry

    def follow(self, hits: Callable[[], Sequence[Sequence[Entry]]]) -> None:
        """Take the order of eviction from hits that others note: `hits()` gives those since the last call, in order."""
        with self._lock:
            self._catch_up()
            self._hits = hits
            self._most_reads = 1  # reads of its own have to come in order with those

    def catch_up(self) -> None:
        """Bring the order of eviction up to date with the hits that were noted."""
        with self._lock:
            self._catch_up()

    def expire(self) -> int:
        """Remove what is due and return how many entries that were."""
        with self._lock:
            expired = self._drop_due()
        self._tell()
        return expired

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

    def clear(self, reason: str = "cleared") -> int:  # type: ignore[override]  # a mapping's clear tells nothing
        """Remove everything on request and return how many entries that were; nothing is handed to `on_evict`."""
        with self._lock:
            self._drop_due()
            removed = self._stock.invalidate(list(self._stock.order), reason, "cleared")
            self._stock.clear()
            self.release()
        self._tell()
        return removed

    def reset(self) -> None:
        """Let go of everything without a row, but for what is dirty, which is written: the cache ends."""
        self.flush()
        with self._lock:
            self._stock.clear()

    def after_fork(self) -> None:
        """Go on in a forked child: empty, if another thread was at work here and left things half changed."""
        if self._lock.acquire(blocking=False):
            self._lock.release()
            return
        self._lock = threading.RLock()
        self._reads.clear()
        self._stock.clear()

    def _guard(self, key: Hashable) -> AbstractContextManager[object]:  # noqa: ARG002 (one lock for all keys)
        return self._lock

    def _store(self, entry: Entry, event: str | None, reason: str | None, dirty: bool) -> bool:
        with self._lock:
            if self._reads or self._hits is not None:
                self._catch_up()  # what was read before comes before it in the order
            stored = self._stock.store(entry, event, reason, dirty)
        if self._waiting:
            self._tell()
        return stored

    def _drop_due(self) -> int:
        return self._stock.drop_due(self.timer() - self._stock.linger_s)

    def _catch_up(self) -> None:
        if self._hits is not None:
            for batch in self._hits():
                self._use(batch)
        reads = self._reads
        if reads:
            batch = reads[:]
            del reads[: len(batch)]  # others may append meanwhile
            self._use(batch)

    def _use(self, entries: Sequence[Entry]) -> None:
        self._stock.order.use(entries)

    def _facts(self, ttl: float | None, cost: float | None, tags: Iterable[str]) -> Facts:
        deadline = math.inf if ttl is None else self.timer() + checked_ttl(ttl)
        return Facts(deadline, 1.0 if cost is None else cost, tuple(tags))
