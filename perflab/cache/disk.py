"""The disk tier: values that outlive the process, in a folder that may be damaged, full or planted.

In: keys and plain values. Out: equal values, or a miss; never a wrong value, and never an error of sqlite or the OS.
"""

from __future__ import annotations

import math
import os
import time
import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from perflab.cache import codec
from perflab.cache.entry import Entry, checked_bytes, checked_ttl
from perflab.cache.envelope import HEADER_BYTES, Envelope, row_cost
from perflab.cache.keys import decode_key, encode_key
from perflab.cache.mapping import LockedMapping
from perflab.cache.private import PrivateFolder
from perflab.errors import StoreError
from perflab.record import NULL_RECORDER, Recorder

if TYPE_CHECKING:
    from perflab.cache.guard import GuardedStore

__all__ = ["DiskCache"]


class DiskCache(LockedMapping):
    """A mapping on disk, bounded by bytes; the entry stored longest ago leaves first.

    Values are encoded by `codec`, never pickled, and checked by a checksum over key, times and value before they are
    believed. What does not fit is moved out of the way and recorded as `quarantine`. A folder that is full,
    read-only or broken makes the cache pass-through: `set` returns False, one warning says why, reads go on.
    Entries survive a killed process; a power cut may cost the latest ones.

    Parameters
    ----------
    folder
        Where to store; made with mode 0700 if it is missing; a leading `~` is the home folder. None: a private folder,
        removed by `close`, or at the next start of a process if this one is killed.
    max_bytes
        Bound on values, keys and rows together. sqlite's journal may add up to 4 MB.
    timer, wall
        Monotonic clock and wall clock, seconds. A time to live goes by `timer` for what this object stored, and by
        `created <= wall() < expires` for what others stored.
    recorder, tier
        Where `set`, `evict`, `expire`, `reject`, `invalidate` and `quarantine` rows go, and the tier they name.

    Raises
    ------
    StoreError
        If the folder is in the home of an unknown user, is a symbolic link, belongs to another user, is writable by
        everyone, or was written by a newer version; and, later, for use after `close`, and for keys and values of a
        type that cannot be stored.

    Examples
    --------
    >>> with DiskCache() as cache:
    ...     cache["page", 1] = {"title": "one", "sizes": [1.5, None]}
    ...     cache["page", 1]
    {'title': 'one', 'sizes': [1.5, None]}
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        max_bytes: int = 1_000_000_000,
        *,
        timer: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        recorder: Recorder = NULL_RECORDER,
        tier: str = "l3",
    ) -> None:
        self._max_bytes = checked_bytes(max_bytes)
        self._timer = timer
        self._wall = wall
        self._recorder = recorder
        self._tier = tier
        # Names this object in what it stores: for its own entries the monotonic timer is the better clock.
        self._origin = os.urandom(8)
        self._remove_folder: Callable[[], object] | None = None
        if folder is None:
            private = PrivateFolder()
            self._remove_folder = weakref.finalize(self, private.remove)
            folder = private.path
        self.folder = _expanded(folder)
        self._store = self._open()

    @property
    def max_bytes(self) -> int:
        """The bound."""
        return self._max_bytes

    @property
    def shared(self) -> bool:
        """False if the folder is a private one, which no other process will look for."""
        return self._remove_folder is None

    @property
    def nbytes(self) -> int:
        """Sum of what the rows cost, due ones included until they are noticed."""
        return self._store.nbytes()

    def __getitem__(self, key: Hashable) -> object:
        entry = self.entry(key)
        if entry is None:
            raise KeyError(key)
        return entry.value

    def __setitem__(self, key: Hashable, value: object) -> None:
        self.set(key, value)

    def __delitem__(self, key: Hashable) -> None:
        if not self.delete(key):
            raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, Hashable) and self._live(key, encode_key(key)) is not None

    def __iter__(self) -> Iterator[Hashable]:
        return iter([key for key, _ in self.costs()])

    def __len__(self) -> int:
        return len(self._store.rows(self._wall()))

    def __repr__(self) -> str:
        return f"<DiskCache {self._tier}: {str(self.folder)!r}, at most {self._max_bytes} bytes>"

    def entry(self, key: Hashable) -> Entry | None:
        """Return the live entry of a key with its cost here and its deadline by the timer, or None."""
        encoded = encode_key(key)
        found = self._live(key, encoded)
        if found is None:
            return None
        try:
            value = codec.decode(found.envelope.payload)
        except StoreError as error:
            self._store.quarantine(encoded, "codec", error)
            return None
        return Entry(key, value, found.cost, self._timer() + found.remaining)

    def set(self, key: Hashable, value: object, *, ttl: float | None = None) -> bool:
        """Store a value; False if it could not be stored, and then the old value of the key is gone too.

        Raises
        ------
        StoreError
            If key or value is of a type that cannot be stored; the old value stays.
        """
        encoded, lifetime = encode_key(key), checked_ttl(ttl)
        payload = codec.encode(value, key)
        cost = row_cost(encoded, payload) + HEADER_BYTES
        refusal = "ttl" if lifetime <= 0 else "oversize" if cost > self._max_bytes else None
        if refusal is None:
            return self._write(key, encoded, payload, lifetime, "set")
        self._record(key, "reject", cost, refusal)
        self.discard(key, refusal)
        return False

    def entries(self, keys: Iterable[Hashable]) -> list[Entry | None]:
        """Return the live entries of many keys, in their order, with None for those that have none."""
        return [self.entry(key) for key in keys]

    def set_many(self, items: Iterable[tuple[Hashable, object]], *, ttl: float | None = None) -> int:
        """Store many values and return how many that are.

        Raises
        ------
        StoreError
            If a key or a value is of a type that cannot be stored; then none is, and the old values stay.
        """
        pairs = list(items)
        for key, value in pairs:
            encode_key(key)
            codec.encode(value, key)
        return sum(self.set(key, value, ttl=ttl) for key, value in pairs)

    def flush(self) -> bool:
        """Return that everything which was set is stored: nothing waits here."""
        return True

    def delete(self, key: Hashable) -> bool:
        """Remove a key on request; False if it had no live value."""
        return self.discard(key, "deleted")

    def discard(self, key: Hashable, reason: str) -> bool:
        """Remove what is stored for a key and record `reason`; False if it had no live value."""
        encoded = encode_key(key)
        with self._store.lock:
            found = self._live(key, encoded)
            self._store.drop(encoded)
        if found is not None:
            self._record(key, "invalidate", found.cost, reason)
        return found is not None

    def touch(self, key: Hashable, ttl: float | None = None) -> bool:
        """Give a live value a new time to live in seconds, from now; None is for ever. False if there is none."""
        lifetime, encoded = checked_ttl(ttl), encode_key(key)
        with self._store.lock:
            found = self._live(key, encoded)
            if found is None:
                return False
            if lifetime > 0:
                return self._write(key, encoded, found.envelope.payload, lifetime, None)
            self._store.drop(encoded)
        self._record(key, "expire", found.cost, "ttl")
        return False

    def ttl(self, key: Hashable) -> float:
        """Return the seconds that a value has left, infinite for no end; KeyError if there is no live one."""
        found = self._live(key, encode_key(key))
        if found is None:
            raise KeyError(key)
        return found.remaining

    def costs(self) -> list[tuple[Hashable, int]]:
        """Return every key whose end, by the wall clock, is ahead, with its cost in bytes; last stored first."""
        costs: list[tuple[Hashable, int]] = []
        for encoded, cost in self._store.rows(self._wall()):
            try:
                costs.append((decode_key(encoded), cost))
            except (StoreError, TypeError) as error:
                self._store.quarantine(encoded, "key", error)
        return costs

    def clear(self, reason: str = "cleared") -> int:  # type: ignore[override]  # a mapping's clear tells nothing
        """Remove everything on request and return how many live entries that were."""
        with self._store.lock:
            live = self.costs()
            self._store.clear()
        for key, cost in live:
            self._record(key, "invalidate", cost, reason)
        return len(live)

    def close(self) -> None:
        """Close the database, and remove the folder if it is private; a second call does nothing."""
        self._store.close()
        if self._remove_folder is not None:
            self._remove_folder()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _open(self) -> GuardedStore:
        # diskcache and sqlite are loaded with the first disk tier, not with the package.
        from perflab.cache.guard import GuardedStore

        return GuardedStore(self.folder, self._max_bytes, self._report)

    def _guard(self, key: Hashable) -> AbstractContextManager[object]:  # noqa: ARG002 (one lock for all keys)
        return self._store.lock

    def _live(self, key: Hashable, encoded: bytes) -> _Found | None:
        with self._store.lock:
            data = self._store.read(encoded)
            if data is None:
                return None
            try:
                envelope = Envelope.open(data, encoded)
            except StoreError as error:
                self._store.quarantine(encoded, "checksum", error)
                return None
            remaining = envelope.remaining(self._origin, self._timer(), self._wall())
            found = _Found(envelope, remaining, row_cost(encoded, data))
            if remaining > 0:
                return found
            if remaining == -math.inf:
                return None  # from the future: the clock was set back, and may be set right again
            self._store.drop(encoded)
        self._record(key, "expire", found.cost, "ttl")
        return None

    def _write(self, key: Hashable, encoded: bytes, payload: bytes, lifetime: float, event: str | None) -> bool:
        now = self._wall()
        data = Envelope(self._origin, now, now + lifetime, self._timer() + lifetime, payload).seal(encoded)
        removed = self._store.write(encoded, data, now, now + lifetime)
        if removed is not None and event is not None:
            self._record(key, event, row_cost(encoded, data), None)
        for other, cost in removed or ():
            self._record(_named(other), "evict", cost, "capacity")
        return removed is not None

    def _report(self, encoded: bytes | None, event: str, reason: str) -> None:
        self._record(None if encoded is None else _named(encoded), event, None, reason)

    def _record(self, key: Hashable, event: str, nbytes: int | None, reason: str | None) -> None:
        self._recorder.access(key, event, self._tier, nbytes, reason=reason)


@dataclass(frozen=True, slots=True)
class _Found:
    envelope: Envelope
    remaining: float
    cost: int


def _named(encoded: bytes) -> Hashable:
    try:
        return decode_key(encoded)
    except (StoreError, TypeError):
        return encoded.hex()


def _expanded(folder: str | os.PathLike[str]) -> Path:
    try:
        return Path(folder).expanduser()
    except RuntimeError as error:
        raise StoreError(
            f"The cache folder {os.fspath(folder)!r} is in the home of an unknown user; give a full path."
        ) from error
