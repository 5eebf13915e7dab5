"""The disk tier: values that outlive the process, in a folder that may be damaged, full or planted.

In: keys and plain values. Out: equal values, or a miss; never a wrong value, and never an error of sqlite or the OS.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal, Self

from perflab.cache.codec.packing import COMPRESS_BYTES, Packing
from perflab.cache.codec.signed import signer_for
from perflab.cache.disk.envelope import row_cost
from perflab.cache.disk.folder import expanded
from perflab.cache.disk.marks import ReadMarks
from perflab.cache.disk.private import PrivateFolder
from perflab.cache.disk.reading import DiskReads
from perflab.cache.disk.rowlog import RowLog
from perflab.cache.entry import Entry, checked_bytes, checked_cost, checked_tags, checked_ttl
from perflab.cache.keys import encode_key
from perflab.errors import ConfigError
from perflab.record import NULL_RECORDER, Recorder

if TYPE_CHECKING:
    from perflab.cache.disk.opening import Backend
    from perflab.cache.disk.rows import Row
    from perflab.cache.disk.sealed import SealedRows

__all__ = ["BEHIND_BYTES", "BEHIND_S", "DiskCache"]

BEHIND_BYTES = 8_000_000
BEHIND_S = 0.2


class DiskCache(DiskReads):
    """A mapping on disk, bounded by bytes; what was stored longest ago and not read since leaves first.

    Values are encoded by `codec`, never pickled, and checked by a checksum over key, times and value before they are
    believed. What does not fit is moved out of the way and recorded as `quarantine`. A folder that is full,
    read-only or broken makes the cache pass-through: `set` returns False, one warning says why, reads go on.
    Entries survive a killed process; a power cut may cost the latest ones, unless `durable`.

    Parameters
    ----------
    folder
        Where to store; made with mode 0700 if it is missing; a leading `~` is the home folder. None: a private folder,
        removed by `close`, or at the next start of a process if this one is killed.
    max_bytes
        Bound on values, keys and rows together. sqlite's journal may add 4 MB, or 16 MB to a large cache.
    write
        `"through"`: a set returns when the value is stored. `"behind"`: it returns at once, and a thread stores what
        was set in batches; this process sees it meanwhile, others do not, and a killed process loses it. What `flush`
        returned True for is stored. A batch that fails is warned of and recorded as one `reject` for each entry.
    behind_bytes, behind_s
        Bound on what waits to be written, and the seconds for which a batch is gathered.
    durable
        Wait for the medium with each write, so that a power cut costs nothing that was acknowledged either.
    compress_bytes
        Values from this size, encoded, are compressed with zstd where that helps; infinite for never.
    pickle_key
        A secret, or the file that holds it (made if missing), outside of the folder. With it, values of other types
        are pickled, signed with HMAC-SHA256, and unpickled only if the signature fits. None: pickles are refused.
    in_use
        `in_use(key)` tells that a key was read elsewhere, as in memory; then it is spared like one that was read here.
    timer, wall
        Monotonic clock and wall clock, seconds. A time to live goes by `timer` for what this object stored, and by
        `created <= wall() < expires` for what others stored.
    recorder, tier
        Where `set`, `write_back`, `evict`, `expire`, `reject`, `invalidate` and `quarantine` rows go, and the tier
        they name.

    Raises
    ------
    StoreError
        If the folder is in the home of an unknown user, is a symbolic link, belongs to another user, is writable by
        everyone, or was written by a newer version, or the key file is not private; and, later, for use after
        `close`, and for keys and values of a type that cannot be stored.

    Examples
    --------
    >>> with DiskCache() as cache:
    ...     cache["page", 1] = {"title": "one", "sizes": [1.5, None]}
    ...     cache["page", 1]
    {'title': 'one', 'sizes': [1.5, None]}
    >>> with DiskCache(write="behind") as cache:
    ...     cache.set_many({"a": 1, "b": 2}, ttl=60), cache.flush(), cache.get_many(["b", "c"])
    (2, True, [2, None])
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        max_bytes: int = 1_000_000_000,
        *,
        write: Literal["through", "behind"] = "through",
        behind_bytes: int = BEHIND_BYTES,
        behind_s: float = BEHIND_S,
        durable: bool = False,
        compress_bytes: float = COMPRESS_BYTES,
        pickle_key: bytes | os.PathLike[str] | None = None,
        in_use: Callable[[Hashable], bool] | None = None,
        timer: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        recorder: Recorder = NULL_RECORDER,
        tier: str = "l3",
    ) -> None:
        self._max_bytes = checked_bytes(max_bytes)
        self._queue = _checked_queue(write, behind_bytes, behind_s)
        self._durable = durable
        self._timer = timer
        self._wall = wall
        self._tier = tier
        self._log = RowLog(recorder, tier)
        self._marks = ReadMarks(in_use)
        self._private: PrivateFolder | None = None
        if folder is None:
            self._private = PrivateFolder()
            folder = self._private.path
        try:
            self.folder = expanded(folder)
            self._packing = Packing(compress_bytes, signer_for(pickle_key, self.folder))
            self._rows = self._open()
        except BaseException:
            if self._private is not None:
                self._private.remove()
            raise
        self._end = weakref.finalize(self, self._rows.abandon)

    @property
    def max_bytes(self) -> int:
        """The bound."""
        return self._max_bytes

    @property
    def shared(self) -> bool:
        """False if the folder is a private one, which no other process will look for."""
        return self._private is None

    def __setitem__(self, key: Hashable, value: object) -> None:
        self.set(key, value)

    def __delitem__(self, key: Hashable) -> None:
        if not self.delete(key):
            raise KeyError(key)

    def __repr__(self) -> str:
        return f"<DiskCache {self._tier}: {str(self.folder)!r}, at most {self._max_bytes} bytes>"

    def set(
        self,
        key: Hashable,
        value: object,
        *,
        ttl: float | None = None,
        cost: float | None = None,
        tags: Iterable[str] = (),
    ) -> bool:
        """Store a value; False if it could not be stored, and then the old value of the key is gone too.

        `cost` and `tags`, as of `MemoryCache.set`, are kept with it.

        Raises
        ------
        StoreError
            If key or value is of a type that cannot be stored; the old value stays.
        """
        lifetime = checked_ttl(ttl)
        row = self._row(key, value, lifetime, checked_cost(cost), checked_tags(tags))
        return self._fits(row, lifetime) and self._rows.put((row,))

    def set_many(
        self, items: Mapping[Any, object] | Iterable[tuple[Hashable, object]], *, ttl: float | None = None
    ) -> int:
        """Store many values in one transaction, and return how many that are; of equal keys the last one counts.

        Raises
        ------
        StoreError
            If a key or a value is of a type that cannot be stored; then none is, and the old values stay.
        """
        pairs = items.items() if isinstance(items, Mapping) else items
        return self.put([Entry(key, value, 0) for key, value in pairs], checked_ttl(ttl))

    def put(self, entries: Iterable[Entry], lifetime: float = math.inf) -> int:
        """Do the same for entries, with the costs and tags that they have; `lifetime` in seconds is that of all."""
        made = [self._row(entry.key, entry.value, lifetime, entry.facts.cost, entry.facts.tags) for entry in entries]
        rows = {row.key: row for row in made}
        fitting = [row for row in rows.values() if self._fits(row, lifetime)]
        return len(fitting) if fitting and self._rows.put(fitting) else 0

    def delete(self, key: Hashable) -> bool:
        """Remove a key on request; False if it had no live value."""
        return self.discard(key, "deleted")

    def discard(self, key: Hashable, reason: str) -> bool:
        """Remove what is stored for a key and record `reason`; False if it had no live value."""
        encoded = encode_key(key)
        with self._rows.store.lock:
            found = self._rows.find(encoded)
            self._rows.drop(encoded)
        if found is not None:
            self._log.record(key, "invalidate", row_cost(encoded, found[0]), reason)
        return found is not None

    def touch(self, key: Hashable, ttl: float | None = None) -> bool:
        """Give a live value a new time to live in seconds, from now; None is for ever. False if there is none."""
        return self._rows.touch(encode_key(key), checked_ttl(ttl), key)

    def clear(self, reason: str = "cleared") -> int:  # type: ignore[override]  # a mapping's clear tells nothing
        """Remove everything on request and return how many live entries that were."""
        with self._rows.store.lock:
            live = self.costs()
            self._rows.store.clear()
        for key, cost in live:
            self._log.record(key, "invalidate", cost, reason)
        return len(live)

    def flush(self) -> bool:
        """Write what waits; True if all that was set since the last flush is stored, and so outlives a kill."""
        return self._rows.flush()

    def close(self) -> None:
        """Write what waits, close the database, and remove the folder if it is private; a second call does nothing."""
        self._rows.close()
        self._end.detach()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def beneath(self, change: Callable[[Backend], object]) -> AbstractContextManager[None]:
        """Have the database changed until the end of the context; see `GuardedStore.beneath`."""
        return self._rows.store.beneath(change)

    @contextlib.contextmanager
    def stepped(self, seconds: float, seen: Callable[[], object] = lambda: None) -> Iterator[None]:
        """Let this tier's wall clock go ahead by so many seconds, or behind, until the end.

        `seen` is called at each look at the clock.
        """
        before = self._wall

        def wall() -> float:
            seen()
            return before() + seconds

        self._wall = self._rows.wall = wall
        try:
            yield
        finally:
            self._wall = self._rows.wall = before

    def _open(self) -> SealedRows:
        # diskcache and sqlite are loaded with the first disk tier, not with the package.
        from perflab.cache.disk.guard import GuardedStore
        from perflab.cache.disk.sealed import SealedRows

        store = GuardedStore(self.folder, self._max_bytes, self._log.report, self._marks.take, durable=self._durable)
        remove = None if self._private is None else self._private.remove
        rows = SealedRows(store, self._log, self._timer, self._wall, remove)
        if self._queue is not None:
            rows.write_behind(*self._queue)
        return rows

    def _guard(self, key: Hashable) -> AbstractContextManager[object]:  # noqa: ARG002 (one lock for all keys)
        return self._rows.store.lock

    def _row(self, key: Hashable, value: object, lifetime: float, cost: float | None, tags: tuple[str, ...]) -> Row:
        encoded = encode_key(key)
        return self._rows.seal(encoded, self._packing.pack(value, key, encoded), lifetime, key, cost, tags)

    def _fits(self, row: Row, lifetime: float) -> bool:
        """Tell if a row can be stored at all; if not, its key has no value any more."""
        if lifetime > 0 and row.cost <= self._max_bytes:
            return True
        reason = "oversize" if lifetime > 0 else "ttl"
        self._log.record(row.name, "reject", row.cost, reason)
        self.discard(row.name, reason)
        return False


def _checked_queue(write: str, max_bytes: int, delay_s: float) -> tuple[int, float] | None:
    if write not in ("through", "behind"):
        raise ConfigError(f"write is {write!r}; it must be 'through' or 'behind'")
    bound, delay = checked_bytes(max_bytes, "behind_bytes"), checked_ttl(delay_s)
    return (bound, min(delay, threading.TIMEOUT_MAX)) if write == "behind" else None
