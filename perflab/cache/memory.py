"""The memory tier: values by key within a bound of bytes.

In: keys and Python values. Out: the same objects until room, age or request removes them; each removal is recorded.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager

from perflab.cache.entry import Entry, checked_bytes, checked_ttl
from perflab.cache.mapping import LockedMapping
from perflab.cache.policy import LRU, Policy
from perflab.cache.shelf import Shelf
from perflab.cache.weight import entry_weight
from perflab.record import NULL_RECORDER, Recorder

__all__ = ["LEFT_BYTES", "MemoryCache"]

LEFT_BYTES = 4_000_000
"""So much may have left the cache, and yet be kept alive by rows that name it."""


class MemoryCache(LockedMapping):
    """A mapping bounded by bytes; the least recently used entry leaves first.

    Reads through the mapping count as uses, and `in` does not. `len`, iteration and `in` see live entries alone.
    Operations are O(1), and O(log n) for entries with a time to live. Safe to use from many threads.

    Parameters
    ----------
    max_bytes
        Bound on the sum of the entries' weights; 0 stores nothing. It holds at every moment.
    weigh
        `weigh(key, value)` -> bytes that the entry costs.
    default_ttl
        Seconds that an entry without a time to live of its own may stay in this tier; None is for ever.
    timer
        Monotonic clock, seconds.
    policy
        Makes the order of eviction.
    recorder, tier
        Where `set`, `evict`, `expire`, `reject` and `invalidate` rows go, and the tier that they name. Reads are not
        recorded here: only the tiered cache knows which of them are accesses.
    on_evict
        `on_evict(key, entry)` takes over an entry that leaves for room; then no `evict` row is recorded.

    Attributes
    ----------
    release : callable
        Called when values of `LEFT_BYTES`, or of an eighth of the bound, have left: who noted hits lets go of them.
    hot : dict
        As of `Shelf`; a reader who needs no lock notes its hits for `follow`.

    Raises
    ------
    ConfigError
        If a bound or a time to live is no number, or negative.

    Examples
    --------
    >>> cache = MemoryCache(1_000)
    >>> cache["small"] = b"x" * 300
    >>> cache["large"] = b"x" * 2_000
    >>> list(cache), cache.nbytes <= cache.max_bytes
    (['small'], True)
    """

    def __init__(
        self,
        max_bytes: int,
        *,
        weigh: Callable[[Hashable, object], int] = entry_weight,
        default_ttl: float | None = None,
        timer: Callable[[], float] = time.monotonic,
        policy: Callable[[], Policy] = LRU,
        recorder: Recorder = NULL_RECORDER,
        tier: str = "l1",
        on_evict: Callable[[Hashable, Entry], None] | None = None,
    ) -> None:
        self._max_bytes = checked_bytes(max_bytes)
        self._default_ttl = checked_ttl(default_ttl)
        self.weigh = weigh
        self.timer = timer
        self._new_policy = policy
        self._recorder = recorder
        self._tier = tier
        self.on_evict = on_evict
        self._shelf = Shelf()
        self.hot = self._shelf.hot
        self._order: Policy = policy()
        self._hits: Callable[[], Sequence[Sequence[Entry]]] = tuple
        self.release: Callable[[], object] = tuple
        self._left_bytes = 0
        self._nbytes = 0
        self._lock = threading.RLock()

    @property
    def max_bytes(self) -> int:
        """The bound."""
        return self._max_bytes

    @property
    def nbytes(self) -> int:
        """Sum of the weights of what is held, expired entries included until they are noticed."""
        return self._nbytes

    def __getitem__(self, key: Hashable) -> object:
        entry = self.entry(key)
        if entry is None:
            raise KeyError(key)
        return entry.value

    def __setitem__(self, key: Hashable, value: object) -> None:
        self.set(key, value)

    def __delitem__(self, key: Hashable) -> None:
        entry = self.take(key)
        if entry is None:
            raise KeyError(key)
        self._record(entry, "invalidate", "deleted")

    def __contains__(self, key: object) -> bool:
        return isinstance(key, Hashable) and self.peek(key) is not None

    def __iter__(self) -> Iterator[Hashable]:
        return iter([entry.key for entry in self.entries()])

    def __len__(self) -> int:
        with self._lock:
            self.expire()
            return len(self._order)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._tier}: {len(self)} entries, {self._nbytes} of {self._max_bytes} bytes>"

    def set(self, key: Hashable, value: object, *, ttl: float | None = None) -> bool:
        """Store a value; False if it was not stored, because it is larger than the tier or its `ttl` is 0.

        The old value of the key is gone in either case: a value that was replaced must not be served again.
        """
        lifetime = checked_ttl(ttl)
        entry = Entry(key, value, self.weigh(key, value), self.timer() + lifetime)
        return self.admit(entry, "set")

    def admit(self, entry: Entry, event: str | None = None, reason: str | None = None) -> bool:
        """Store an entry that was made before, with the deadline that it has.

        Parameters
        ----------
        entry
            From `Entry`, or taken from another tier.
        event, reason
            The row to record if it is stored; None records no row.
        """
        with self._lock:
            now = self.timer()
            old = self.take(entry.key)
            self._date(entry, now)
            refusal = self._refusal(entry, now)
            if refusal is not None:
                self._record(entry, "reject", refusal)
                if old is not None:
                    self._record(old, "invalidate", refusal)
                return False
            self._catch_up()  # what was read before comes before it in the order
            self._make_room(self._max_bytes - entry.nbytes, now)
            self._shelf.put(entry)
            self._order.add(entry)
            self._nbytes += entry.nbytes
        if event is not None:
            self._record(entry, event, reason)
        return True

    def entry(self, key: Hashable) -> Entry | None:
        """Return the live entry of a key and count this as a use."""
        with self._lock:
            entry = self.peek(key)
            if entry is not None:
                self._catch_up()
                self._order.use((entry,))
            return entry

    def peek(self, key: Hashable) -> Entry | None:
        """Return the live entry of a key; its place in the order of eviction stays."""
        with self._lock:
            entry = self._shelf.find(key)
            return entry if entry is None or entry.expires == math.inf else self._live(entry)

    def take(self, key: Hashable) -> Entry | None:
        """Remove and return the live entry of a key, without a row: it moves elsewhere, or the caller records why."""
        with self._lock:
            entry = self.peek(key)
            if entry is not None:
                self._remove(entry)
            return entry

    def touch(self, key: Hashable, ttl: float | None = None) -> bool:
        """Give a live entry a new time to live in seconds, from now; None is the default. False if there is none."""
        lifetime = checked_ttl(ttl)
        with self._lock:
            entry = self.peek(key)
            if entry is None:
                return False
            now = self.timer()
            self._shelf.drop(entry)
            entry.deadline = now + lifetime
            self._date(entry, now)
            self._shelf.put(entry)
            return self.peek(key) is not None

    def entries(self) -> list[Entry]:
        """Return the live entries, next to be evicted first where the policy has an order."""
        with self._lock:
            self.expire()
            self._catch_up()
            return list(self._order)

    def holds(self, entry: Entry) -> bool:
        """Tell if an entry lies here at the moment; takes no lock."""
        return self.hot.get(entry.key) is entry or self._shelf.find(entry.key) is entry

    def follow(self, hits: Callable[[], Sequence[Sequence[Entry]]]) -> None:
        """Take the order of eviction from hits that others note: `hits()` gives those since the last call, in order."""
        self._hits = hits

    def catch_up(self) -> None:
        """Bring the order of eviction up to date with the hits that were noted."""
        with self._lock:
            self._catch_up()

    def expire(self) -> int:
        """Remove what is due and return how many entries that were."""
        with self._lock:
            return self._drop_due(self.timer())

    def resize(self, max_bytes: int) -> None:
        """Change the bound; entries leave at once until it holds."""
        checked_bytes(max_bytes)
        with self._lock:
            self._max_bytes = max_bytes
            self._catch_up()
            self._make_room(max_bytes, self.timer())

    def clear(self, reason: str = "cleared") -> int:  # type: ignore[override]  # a mapping's clear tells nothing
        """Remove everything on request and return how many entries that were; nothing is handed to `on_evict`."""
        with self._lock:
            removed = self.entries()
            self.reset()
            self._left_bytes = 0
            self.release()
        for entry in removed:
            self._record(entry, "invalidate", reason)
        return len(removed)

    def reset(self) -> None:
        """Let go of everything without a row: the cache ends."""
        with self._lock:
            self._shelf.clear()
            self._order, self._nbytes = self._new_policy(), 0

    def _guard(self, key: Hashable) -> AbstractContextManager[object]:  # noqa: ARG002 (one lock for all keys)
        return self._lock

    def _catch_up(self) -> None:
        batches = self._hits()
        if len(batches) == 1:
            self._order.use(batches[0])
        elif batches:
            # Of many reads of an entry the last decides.
            last_first = dict.fromkeys(entry for batch in reversed(batches) for entry in reversed(batch))
            self._order.use(reversed(last_first))

    def _date(self, entry: Entry, now: float) -> None:
        entry.expires = entry.deadline if entry.deadline != math.inf else now + self._default_ttl

    def _refusal(self, entry: Entry, now: float) -> str | None:
        if entry.expires <= now:
            return "ttl"
        return "oversize" if self._max_bytes == 0 or entry.nbytes > self._max_bytes else None

    def _live(self, entry: Entry) -> Entry | None:
        if entry.expires > self.timer():
            return entry
        self._remove(entry)
        self._record(entry, "expire", "ttl")
        return None

    def _remove(self, entry: Entry) -> None:
        self._shelf.drop(entry)
        self._order.remove(entry)
        self._nbytes -= entry.nbytes
        self._let_go(entry)

    def _let_go(self, entry: Entry) -> None:
        # What was noted of it still refers to the entry, and so to its value.
        self._left_bytes += entry.nbytes
        if self._left_bytes > max(LEFT_BYTES, self._max_bytes // 8):
            self._left_bytes = 0
            self.release()

    def _drop_due(self, now: float) -> int:
        due = self._shelf.due(now)
        for entry in due:
            self._remove(entry)
            self._record(entry, "expire", "ttl")
        return len(due)

    def _make_room(self, allowed: int, now: float) -> None:
        if self._nbytes > allowed:
            self._drop_due(now)
        while self._nbytes > allowed:
            entry = self._order.victim()
            self._shelf.drop(entry)
            self._nbytes -= entry.nbytes
            self._let_go(entry)
            if self.on_evict is None:
                self._record(entry, "evict", "capacity")
            else:
                self.on_evict(entry.key, entry)

    def _record(self, entry: Entry, event: str, reason: str | None) -> None:
        self._recorder.access(entry.key, event, self._tier, entry.nbytes, reason=reason)
