"""The database of the disk tier: diskcache's schema and files, without its pickles.

In: keys and sealed values as bytes. Out: the same bytes, within a bound; sqlite and OS errors go to the caller.
"""

from __future__ import annotations

import contextlib
import math
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import diskcache
from diskcache.core import MODE_BINARY, MODE_RAW

from perflab.cache.envelope import row_cost
from perflab.cache.folder import DATABASE, VALUE_FILE, orphans, value_files
from perflab.errors import StoreError

__all__ = ["BUSY_S", "RefusedRowError", "SafeDisk", "Store", "rows_of"]

BUSY_S = 4.0
"""Seconds to wait for another process that writes."""

FILE_BYTES = 32_768
_INHERITED: list[sqlite3.Connection] = []
_SETTINGS = {
    "statistics": 0,  # 1 would make every read a write
    "eviction_policy": "least-recently-stored",
    "cull_limit": 0,  # `_make_room` keeps the bound exactly and tells which rows left
    "sqlite_mmap_size": 0,  # a mapped file that someone truncates kills the process
    "sqlite_cache_size": 2_000,
    "disk_min_file_size": FILE_BYTES,
}


class RefusedRowError(StoreError):
    """A row, or its file, is not what this package writes; `reason` says in a word why."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class SafeDisk(diskcache.Disk):  # type: ignore[misc]  # diskcache ships no types
    """Bytes in, bytes out. Every mode of diskcache that would unpickle, decode or leave the folder is refused."""

    def put(self, key: bytes) -> tuple[bytes, bool]:
        """Return the database's form of a key."""
        if type(key) is not bytes:
            raise StoreError(f"A key of type {type(key).__qualname__} reached the database; only bytes may.")
        return key, True

    def get(self, key: object, raw: object) -> bytes:
        """Return a key from the database's form."""
        if raw != 1 or type(key) is not bytes:
            raise RefusedRowError("A row has a key that is not plain bytes.", "mode")
        return key

    def store(self, value: bytes, read: bool, key: bytes = b"") -> tuple[int, int, str | None, bytes | None]:
        """Return size, mode, file name and database value of a sealed value; a large one is written to a file."""
        if read or type(value) is not bytes:
            raise StoreError(f"A value of type {type(value).__qualname__} reached the database; only bytes may.")
        cost = row_cost(key, value)
        if len(value) < self.min_file_size:
            return cost, MODE_RAW, None, value
        name, path = self.filename(key, value)
        self._write_private(Path(path), value)
        return cost, MODE_BINARY, name, None

    def fetch(self, mode: int, filename: str | None, value: object, read: bool) -> bytes:
        """Return the sealed value of a row.

        Raises
        ------
        RefusedRowError
            If the row is of another mode than bytes, or names a file outside of the folder.
        OSError
            If the file cannot be read.
        """
        if not read and mode == MODE_RAW and type(value) is bytes and filename is None:
            return value
        if not read and mode == MODE_BINARY and isinstance(filename, str) and VALUE_FILE.fullmatch(filename):
            handle = os.open(Path(self._directory, filename), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(handle, "rb") as file:
                return file.read()
        raise RefusedRowError(f"A row of mode {mode!r} is not plain bytes; it was not read.", "mode")

    def filename(self, key: object = None, value: object = None) -> tuple[str, str]:  # noqa: ARG002 (diskcache's)
        """Return a new file name, relative and full; it tells which process writes it."""
        digits = os.urandom(16).hex()
        name = f"{digits[:2]}/{digits[2:4]}/{os.getpid()}-{digits[4:]}.val"
        return name, str(Path(self._directory, name))

    def _write_private(self, path: Path, value: bytes) -> None:
        handle = self._create(path)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(value)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def _create(self, path: Path) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        # Another process that empties its last value file removes the folders above it, also just made ones.
        for _ in range(9):
            path.parent.parent.mkdir(mode=0o700, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                path.parent.mkdir(mode=0o700, exist_ok=True)
                return os.open(path, flags, 0o600)
        return os.open(path, flags, 0o600)


class Store(diskcache.Cache):  # type: ignore[misc]  # diskcache ships no types
    """A diskcache database that holds bytes alone, through one connection a process.

    diskcache keeps a connection a thread, which nobody closes when the thread ends. Callers hold a lock instead.
    `_con`, `_sql` and `_row_*` are diskcache 5.6.3's own; the class replaces what reads or writes values.

    Parameters
    ----------
    folder
        A private folder whose database exists.
    max_bytes
        Bound on the sum of `row_cost` over all rows.
    """

    _connection: sqlite3.Connection | None = None
    _connection_pid = 0

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        try:
            super().__init__(str(folder), disk=SafeDisk, timeout=BUSY_S, size_limit=max_bytes, **_SETTINGS)
        except BaseException:
            self.close()
            raise

    @property
    def _con(self) -> sqlite3.Connection:
        if self._connection is not None and self._connection_pid != os.getpid():
            # sqlite forbids to use, and to close, a connection that came through a fork.
            _INHERITED.append(self._connection)
            self._connection = None
        if self._connection is None:
            self._connection_pid = os.getpid()
            self._connection = sqlite3.connect(
                self._folder / DATABASE, timeout=BUSY_S, isolation_level=None, check_same_thread=False
            )
            self._apply_pragmas(self._connection)
        return self._connection

    def _apply_pragmas(self, connection: sqlite3.Connection) -> None:
        try:
            settings = connection.execute("SELECT key, value FROM Settings").fetchall()
        except sqlite3.OperationalError:
            return  # a new database: diskcache makes the table next
        for key, value in settings:
            if key.startswith("sqlite_"):
                self.reset(key, value, update=False)

    @property
    def _sql_retry(self) -> Any:
        # sqlite waits BUSY_S by itself; diskcache would go on for a minute.
        return self._sql

    def read(self, key: bytes) -> bytes | None:
        """Return the sealed value of a key; raises `RefusedRowError` for what this package did not write."""
        select = "SELECT mode, filename, value FROM Cache WHERE key = ? AND raw = 1"
        # A file may go between the two reads because another process replaced the value: then the row changed too.
        for _ in range(3):
            row = self._sql(select, (key,)).fetchone()
            if row is None:
                return None
            with contextlib.suppress(FileNotFoundError):
                return bytes(self._disk.fetch(*row, False))
        raise RefusedRowError("The file of a row is missing.", "missing")

    def write(self, key: bytes, data: bytes, now: float, expires: float) -> list[tuple[bytes, int]]:
        """Store a sealed value and return key and cost of each row that had to leave for it."""
        cost, mode, filename, value = self._disk.store(data, False, key=key)
        columns = (expires if math.isfinite(expires) else None, None, cost, mode, filename, value)
        try:
            with self._writing() as unneeded:
                row = self._sql("SELECT rowid, filename FROM Cache WHERE key = ? AND raw = 1", (key,)).fetchone()
                if row is None:
                    self._row_insert(key, True, now, columns)
                else:
                    self._row_update(row[0], now, columns)
                    unneeded.append(row[1])
                removed = self._make_room(unneeded)
        except BaseException:
            if filename is not None:
                self._disk.remove(filename)
            raise
        return removed

    def remove(self, key: bytes) -> bool:
        """Remove a key; False if there is no row."""
        if self._sql("SELECT 1 FROM Cache WHERE key = ? AND raw = 1", (key,)).fetchone() is None:
            return False  # asking first spares a write transaction
        with self._writing() as unneeded:
            rows = self._sql("SELECT filename FROM Cache WHERE key = ? AND raw = 1", (key,)).fetchall()
            self._sql("DELETE FROM Cache WHERE key = ? AND raw = 1", (key,))
            unneeded.extend(name for (name,) in rows)
        return bool(rows)

    def rows(self, now: float) -> list[tuple[bytes, int]]:
        """Return key and cost of the rows that are not due, last stored first."""
        return rows_of(self._con, now)

    def nbytes(self) -> int:
        """Return the sum of the costs of all rows."""
        return int(self.reset("size"))

    def wipe(self) -> list[tuple[bytes, int]]:
        """Remove every row and return key and cost of each."""
        with self._writing() as unneeded:
            rows = self._sql("SELECT key, size, filename FROM Cache").fetchall()
            self._sql("DELETE FROM Cache")
            unneeded.extend(name for *_, name in rows)
        return [(key, size) for key, size, _ in rows if type(key) is bytes]

    def sweep(self) -> int:
        """Remove the value files that a killed process left without a row; return how many."""
        # Files first, rows second: a file whose row appears in between is then seen as referenced.
        files = value_files(self._folder)
        if not files:
            return 0
        named = {name for (name,) in self._sql("SELECT filename FROM Cache WHERE filename IS NOT NULL")}
        left = orphans(files, named)
        for name in left:
            self._disk.remove(name)
        return len(left)

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        connection, self._connection = self._connection, None
        if connection is not None and self._connection_pid == os.getpid():
            connection.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Store cannot be pickled; open the folder again")

    @contextlib.contextmanager
    def _writing(self) -> Iterator[list[str | None]]:
        """One transaction; the files named in the list are removed after it is committed."""
        self._sql("BEGIN IMMEDIATE")
        unneeded: list[str | None] = []
        try:
            yield unneeded
            self._sql("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._con.rollback()
            raise
        for name in unneeded:
            if name is not None and VALUE_FILE.fullmatch(name):
                self._disk.remove(name)

    def _make_room(self, unneeded: list[str | None]) -> list[tuple[bytes, int]]:
        removed: list[tuple[bytes, int]] = []
        over = self.nbytes() - self.size_limit
        while over > 0:
            oldest = "SELECT rowid, key, size, filename FROM Cache ORDER BY store_time, rowid LIMIT 1"
            rowid, key, size, filename = self._sql(oldest).fetchone()
            self._sql("DELETE FROM Cache WHERE rowid = ?", (rowid,))
            unneeded.append(filename)
            removed.append((key, size))
            over -= size
        return removed


def rows_of(connection: sqlite3.Connection, now: float) -> list[tuple[bytes, int]]:
    """Return key and cost of the rows that are not due at a wall time, last stored first."""
    select = (
        "SELECT key, size FROM Cache WHERE raw = 1 AND (expire_time IS NULL OR expire_time > ?)"
        " ORDER BY store_time DESC, rowid DESC"
    )
    return [(key, size) for key, size in connection.execute(select, (now,)) if type(key) is bytes]
