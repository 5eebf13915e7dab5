"""What happens when the disk tier's database fails.

In: reads and writes of bytes by key. Out: the store's answer, or the answer of an empty cache; what went wrong is
recorded and warned of once, and a row that could not be replaced is never believed again.
"""

from __future__ import annotations

import contextlib
import math
import os
import sqlite3
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from perflab.cache.folder import DATABASE, delete_files, exclusive
from perflab.cache.opening import Backend, is_damage, open_store, reason_of
from perflab.cache.store import RefusedRowError
from perflab.errors import StoreError

__all__ = ["GuardedStore"]

T = TypeVar("T")


class GuardedStore:
    """A store whose failures cost hits, never an exception in the caller's work.

    Parameters
    ----------
    folder, max_bytes
        As for `open_store`.
    report
        `report(key_bytes or None, event, reason)` hears of each failure, for the record.
    """

    def __init__(self, folder: Path, max_bytes: int, report: Callable[[bytes | None, str, str], None]) -> None:
        self.folder = folder
        self.lock = threading.RLock()
        self._max_bytes = max_bytes
        self._report = report
        self._warned: set[str] = set()
        self._obsolete: set[bytes] = set()
        self._store: Backend | None = open_store(folder, max_bytes, self._tell)

    def read(self, key: bytes) -> bytes | None:
        """Return the sealed value of a key, or None if there is none that can be had."""
        if key in self._obsolete:
            return None
        try:
            return self._attempt(lambda store: store.read(key), None, key)
        except RefusedRowError as error:
            self.quarantine(key, error.reason, error)
            return None

    def write(self, key: bytes, data: bytes, now: float, expires: float) -> list[tuple[bytes, int]] | None:
        """Store a sealed value; return the rows that left for it, or None if it is not stored."""
        removed = self._attempt(lambda store: store.write(key, data, now, expires), None, key)
        if removed is None:
            self.drop(key)
        else:
            self._obsolete.discard(key)
        return removed

    def drop(self, key: bytes) -> None:
        """Remove a row; if that cannot be done, this process treats it as removed."""
        with self.lock:
            if self._attempt(lambda store: store.remove(key), None, key) is None:
                self._obsolete.add(key)

    def quarantine(self, key: bytes, reason: str, error: Exception) -> None:
        """Remove a row that must not be believed, and say so."""
        self._report(key, "quarantine", reason)
        self._warn(
            f"quarantine: {reason}",
            f"A value in the cache {str(self.folder)!r} was refused, removed and counted as a miss: {error}",
        )
        self.drop(key)

    def rows(self, now: float) -> list[tuple[bytes, int]]:
        """Return key and cost of the rows that are not due, last stored first."""
        rows = self._attempt(lambda store: store.rows(now), None)
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

    def _attempt(self, action: Callable[[Backend], T], otherwise: T, key: bytes | None = None) -> T:
        with self.lock:
            for repaired in (False, True):
                try:
                    return action(self._opened())
                except (sqlite3.Error, OSError) as error:
                    if repaired or not self._repair(error):
                        self._fail(error, key)
                        break
            return otherwise

    def _opened(self) -> Backend:
        if self._store is None:
            raise StoreError(f"The cache in {str(self.folder)!r} is closed; open it again to use it.")
        return self._store

    def _repair(self, error: sqlite3.Error | OSError) -> bool:
        """Put a broken database aside, or follow one that was deleted; False if the error is of another kind."""
        vanished = not os.path.lexists(self.folder / DATABASE)
        if not (is_damage(error) or vanished):
            return False
        self._reopen(suspect=not vanished)
        return True

    def _reopen(self, *, suspect: bool = False) -> None:
        with contextlib.suppress(sqlite3.Error, OSError):
            self._opened().close()
        self._store = open_store(self.folder, self._max_bytes, self._tell, suspect=suspect)

    def _begin_anew(self) -> None:
        with contextlib.suppress(sqlite3.Error, OSError):
            self._opened().close()
            with exclusive(self.folder):
                delete_files(self.folder)
        self._reopen()

    def _fail(self, error: sqlite3.Error | OSError, key: bytes | None) -> None:
        reason = reason_of(error)
        self._report(key, "reject", reason)
        self._warn(
            reason,
            f"The cache folder {str(self.folder)!r} failed ({reason}: {error}); what it cannot store or read is "
            "computed again. Free space, allow access or choose another folder.",
        )

    def _tell(self, reason: str, message: str) -> None:
        self._report(None, "quarantine" if reason == "damaged" else "reject", reason)
        self._warn(reason, message)

    def _warn(self, reason: str, message: str) -> None:
        if reason not in self._warned:
            self._warned.add(reason)
            warnings.warn(message, RuntimeWarning, stacklevel=2)
