"""The mapping over what a memory tier holds: looking, and taking away.

In: keys, tags and prefixes. Out: values, and entries that are gone. A hit on a text or whole-number key takes no lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from perflab.cache.entry import Entry, checked_ttl
from perflab.cache.mapping import MISSING, LockedMapping
from perflab.cache.memory.notices import Notices
from perflab.cache.memory.plainly import Lock, Stocked
from perflab.cache.memory.stock import Stock
from perflab.errors import StoreError

__all__ = ["StockedMapping"]

_READS = 256
"""Reads that are gathered before the policy is told of them."""


class StockedMapping(Stocked, LockedMapping):
    """A mapping over a stock, with its lock; whoever extends it adds how values come in.

    Reads are noted in a list, and told to the policy when that is full, or before anything changes the order otherwise.

    Parameters
    ----------
    stock
        What is held.
    timer
        Monotonic clock, seconds.

    Attributes
    ----------
    hot : dict
        As of `Shelf`; a reader who needs no lock notes its hits for `follow`.
    dated : dict
        The others of `Shelf`, those that expire among them: likewise.
    """

    def __init__(self, stock: Stock, timer: Callable[[], float]) -> None:
        self.timer = timer
        self.hot = stock.shelf.hot
        self._others = self.dated = stock.shelf.others
        self._stock = stock
        self._tell: Callable[[], None] = stock.notices.deliver
        self._waiting = stock.notices.waiting
        self._reads: list[Entry] = []
        self._most_reads = _READS
        self._hits: Callable[[], Sequence[Sequence[Entry]]] | None = None
        self._lock = Lock()

    @property
    def release(self) -> Callable[[], object]:
        """Called when values of `LEFT_BYTES`, or of an eighth of the bound, have left: who noted hits drops them."""
        return self._stock.release

    @release.setter
    def release(self, release: Callable[[], object]) -> None:
        self._stock.release = release

    @property
    def counted(self) -> int:
        """How many reads of one entry, told at once, make a difference to the policy."""
        return self._stock.order.counted

    @property
    def nbytes(self) -> int:
        """Sum of the weights of what is held, expired entries included until they are noticed."""
        return self._stock.nbytes

    def __getitem__(self, key: Hashable) -> Any:
        value = self.get(key, MISSING)
        if value is MISSING:
            raise KeyError(key)
        return value

    def _get_slowly(self, key: Hashable, default: Any) -> Any:
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

    def _delete(self, key: Hashable) -> None:
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

    def keep_stale(self, seconds: float) -> None:
        """Keep what is due for so many seconds more, out of sight, where there is room: `stale` finds it."""
        self._stock.linger_s = checked_ttl(seconds)

    def stale(self, key: Hashable) -> Entry | None:
        """Return the live entry of a key, or the one that is kept after its end, by `keep_stale`."""
        with self._lock:
            entry = self._stock.shelf.find(key)
            return None if entry is None or entry.expires + self._stock.linger_s <= self.timer() else entry

    def take(self, key: Hashable) -> Entry | None:
        """Remove and return the live entry of a key, without a row: it moves elsewhere, or the caller records why.

        One that is due expires.

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
                self._catch_up()
                self._stock.remove(entry)
            elif self._stock.linger_s:
                self._stock.forget(key)
        if self._waiting:
            self._tell()
        return entry

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

    def tagged(self, tag: str) -> list[Hashable]:
        """Return the keys that have a tag."""
        with self._lock:
            return [entry.key for entry in self._stock.shelf.tagged(tag)]

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
        """Tell if an entry lies here at the moment; takes no lock."""
        return self.hot.get(entry.key) is entry or self._stock.shelf.find(entry.key) is entry

    def follow(self, hits: Callable[[], Sequence[Sequence[Entry]]]) -> None:
        """Take the order of eviction from hits that others note: `hits()` gives those since the last call, in order."""
        with self._lock:
            self._catch_up()
            self._hits = hits
            self._most_reads = 1  # reads of its own have to come in order with those

    def notify(self, notices: Notices) -> None:
        """Notice what leaves in a place of others, who deliver it."""
        with self._lock:
            self._stock.hear(notices)
            self._tell, self._waiting = _nothing, deque()

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

    def clear(self, reason: str = "cleared") -> int:  # type: ignore[override]  # a mapping's clear tells nothing
        """Remove everything on request and return how many entries that were; nothing is handed to `on_evict`."""
        with self._lock:
            self._drop_due()
            removed = self._stock.invalidate(list(self._stock.order), reason, "cleared")
            self._stock.clear()
            self.release()
        self._tell()
        return removed

    def _guard(self, key: Hashable) -> AbstractContextManager[object]:  # noqa: ARG002 (one lock for all keys)
        return self._lock

    def _drop_due(self) -> int:
        self._catch_up()  # a noted read keeps its value alive
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


def _nothing() -> None: ...
