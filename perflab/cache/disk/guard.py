"""What happens when the disk tier's database fails.

In: reads and writes of bytes by key. Out: the store's answer, or the answer of an empty cache; what went wrong is
recorded and warned of once, and a row that could not be replaced is never believed again.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import sqlite3
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from perflab.cache.disk.folder import DATABASE, delete_files, exclusive
from perflab.cache.disk.forking import enlist
from perflab.cache.disk.opening import Backend, is_damage, open_store, reason_of
from perflab.cache.disk.readonly import NoStore
from perflab.cache.disk.room import Left
from perflab.cache.disk.rows import Row
from perflab.cache.disk.safe_disk import RefusedRowError
from perflab.cache.disk.store import LostDatabaseError, Store
from perflab.errors import StoreError

__all__ = ["GuardedStore"]

T = TypeVar("T")


class GuardedStore:
    """A store whose failures cost hits, never an exception in the caller's work.

    Parameters
    ----------
    folder, max_bytes, durable
        As for `open_store`.
    report
        `report(key_bytes or None, event, reason)` hears of each failure, for the record.
    spare
        As for `make_room`.
    """

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        report: Callable[[bytes | None, str, str], None],
        spare: Callable[[bytes], bool],
        *,
        durable: bool = False,
    ) -> None:
        self.folder = folder
        self.lock = threading.RLock()
        self._open = functools.partial(open_store, folder, max_bytes, self._tell, durable=durable)
        self._report = report
        self._spare = spare
        self._warned: set[str] = set()
        self._obsolete: set[bytes] = set()
        self._failure = ""
        self._store: Backend | None = self._open()
        enlist(self)

    @property
    def writable(self) -> bool:
        """Whether the folder takes writes; a disk that is full for a while does."""
        return isinstance(self._opened(), Store)

    def read(self, key: bytes) -> bytes | None:
        """Return the sealed value of a key, or None if there is none that can be had."""
        with self.lock:
            if key in self._obsolete:
                return None
            try:
                # Not by `_attempt`: this is the path of a hit, and a closure and two calls are a tenth of it.
                return self._opened().read(key)
            except RefusedRowError as error:
                self.quarantine(key, error.reason, error)
            except (sqlite3.Error, OSError) as error:
                return self._again(error, lambda store: store.read(key), None, (key,))
        return None

    def read_many(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the sealed values of those keys that have one."""
        with self.lock:
            wanted = [key for key in keys if key not in self._obsolete]
            nothing: dict[bytes, bytes | RefusedRowError] = {}
            found = self._attempt(lambda store: store.read_many(wanted), nothing, keys)
            for key, error in found.items():
                if isinstance(error, RefusedRowError):
                    self.quarantine(key, error.reason, error)
        return {key: data for key, data in found.items() if isinstance(data, bytes)}

    def write(self, rows: Sequence[Row], now: float, instead: bytes | None = None) -> list[Left] | None:
        """Store sealed values, all or none; return the rows that left for them, or None if they are not stored.

        What was stored for their keys is then not believed any more. `instead` is as for `Store.write`.
        """
        keys = [row.key for row in rows]
        with self.lock:
            left = self._attempt(lambda store: store.write(rows, now, self._spare, instead), None, keys)
            if left is not None:
                self._obsolete.difference_update(keys)
                self._remove_obsolete()
            elif self._failure == "busy":
                self._obsolete.update(keys)  # to ask again would be to wait again
            else:
                self.drop(keys)
        return left

    def drop(self, keys: Sequence[bytes], only: bytes | None = None) -> None:
        """Remove rows, with `only` if that is what is stored; what cannot be removed this process treats as removed."""
        with self.lock:
            if not self._attempt(lambda store: _removed(store, keys, only), False, keys):
                self._obsolete.update(keys)

    def quarantine(self, key: bytes, reason: str, error: Exception, only: bytes | None = None) -> None:
        """Remove a row that must not be believed, and say so."""
        self._report(key, "quarantine", reason)
        self._warn(
            f"quarantine: {reason}",
            f"A value in the cache {str(self.folder)!r} was refused, removed and counted as a miss: "
            f"{str(error).removesuffix('.')}; check the disk, and who may write to the folder.",
        )
        self.drop((key,), only)

    def rows(self, now: float, tags: str = "") -> list[tuple[bytes, int]]:
        """Return key and cost of the rows that are not due, last stored first; `tags` as for `rows_of`."""
        rows = self._attempt(lambda store: store.rows(now, tags), None)
        return [row for row in rows or () if row[0] not in self._obsolete]

    def nbytes(self) -> int:
        """Return the sum of the costs of all rows."""
        return self._attempt(lambda store: store.nbytes(), 0)

    def clear(self) -> None:
        """Remove every row; a database that cannot even be emptied, as on a full disk, is deleted and begun anew."""
        with self.lock:
            if self._attempt(lambda store: store.wipe(), None) is None:
                self._begin_anew()
            self._obsolete.clear()
            self._obsolete.update(key for key, _ in self.rows(-math.inf))

    def close(self) -> None:
        """Close the database; a second call does nothing, any other use is refused with a StoreError."""
        with self.lock:
            store, self._store = self._store, None
            if store is not None:
                with contextlib.suppress(sqlite3.Error, OSError):
                    store.close()

    @contextlib.contextmanager
    def beneath(self, change: Callable[[Backend], object]) -> Iterator[None]:
        """Have every database that this opens changed, until the end: how a disk that fails is caused on purpose.

        `change(store)` may replace methods of the store, which is closed and opened anew at the end.
        """
        whole = self._open

        def changed(**options: bool) -> Backend:
            store = whole(**options)
            change(store)
            return store

        with self.lock:
            self._open = changed  # type: ignore[assignment]  # a function where a partial was
            change(self._opened())
        try:
            yield
        finally:
            with self.lock:
                self._open = whole
                if self._store is not None:
                    self._reopen()

    def hold(self) -> None:
        """Wait until nothing is in flight, before a fork."""
        self.lock.acquire()

    def release(self) -> None:
        """Go on after a fork, in the parent."""
        self.lock.release()

    def renew(self) -> None:
        """Go on after a fork, in the child."""
        self.lock = threading.RLock()
        if self._store is not None:
            self._store.forget()

    def _attempt(self, action: Callable[[Backend], T], otherwise: T, keys: Sequence[bytes] = ()) -> T:
        with self.lock:
            try:
                return action(self._opened())
            except (sqlite3.Error, OSError) as error:
                return self._again(error, action, otherwise, keys)

    def _again(
        self, error: sqlite3.Error | OSError, action: Callable[[Backend], T], otherwise: T, keys: Sequence[bytes]
    ) -> T:
        if self._repair(error):
            try:
                return action(self._opened())
            except (sqlite3.Error, OSError) as second:
                error = second
        self._fail(error, keys)
        return otherwise

    def _opened(self) -> Backend:
        if self._store is None:
            raise StoreError(f"The cache in {str(self.folder)!r} is closed; open it again to use it.")
        return self._store

    def _repair(self, error: sqlite3.Error | OSError) -> bool:
        """Put a broken database aside, or leave one that was deleted; False if the error is of another kind."""
        vanished = isinstance(error, LostDatabaseError) or not os.path.lexists(self.folder / DATABASE)
        if not (is_damage(error) or vanished):
            return False
        self._reopen(suspect=not vanished)
        return True

    def _reopen(self, *, suspect: bool = False) -> None:
        with contextlib.suppress(sqlite3.Error, OSError):
            self._opened().close()
        try:
            self._store = self._open(suspect=suspect)
        except StoreError as error:  # who opened the cache would have been told; who uses it goes on without
            self._store = NoStore(OSError(str(error)))
            self._tell(reason_of(error), f"{str(error).removesuffix('.')}; until then nothing is stored.")

    def _begin_anew(self) -> None:
        with contextlib.suppress(sqlite3.Error, OSError):
            self._opened().close()
            with exclusive(self.folder):
                delete_files(self.folder)
        self._reopen()

    def _remove_obsolete(self) -> None:
        """Make up for removals that failed, now that writes succeed again."""
        if self._obsolete:
            with contextlib.suppress(sqlite3.Error, OSError):
                self._opened().remove(list(self._obsolete))
                self._obsolete.clear()

    def _fail(self, error: sqlite3.Error | OSError, keys: Sequence[bytes]) -> None:
        reason = self._failure = reason_of(error)
        for key in keys or (None,):
            self._report(key, "reject", reason)
        self._warn(
            reason,
            f"The cache folder {str(self.folder)!r} failed ({reason}: {error}); what it cannot store or read is "
            "computed again. Free space, allow access, raise the limit or choose another folder.",
        )

    def _tell(self, reason: str, message: str) -> None:
        self._report(None, "quarantine" if reason == "damaged" else "reject", reason)
        self._warn(reason, message)

    def _warn(self, reason: str, message: str) -> None:
        if reason not in self._warned:
            self._warned.add(reason)
            warnings.warn(message, RuntimeWarning, stacklevel=2)


def _removed(store: Backend, keys: Sequence[bytes], only: bytes | None) -> bool:
    store.remove(keys, only)
    return True
