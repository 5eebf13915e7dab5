"""The database of the disk tier: diskcache's schema and files, without its pickles.

In: keys and sealed values as bytes. Out: the same bytes, within a bound; sqlite and OS errors go to the caller.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import diskcache
from diskcache.core import DEFAULT_SETTINGS, METADATA, MODE_RAW

from perflab.cache.disk.folder import DATABASE, VALUE_FILE, orphans, value_files
from perflab.cache.disk.forking import keep_inherited
from perflab.cache.disk.room import Left, make_room
from perflab.cache.disk.rows import (
    BUSY_S,
    COST,
    SELECT,
    Columns,
    Row,
    connect,
    insert,
    recount,
    rows_of,
    select,
    state_of,
)
from perflab.cache.disk.safe_disk import FILE_BYTES, RefusedRowError, SafeDisk
from perflab.errors import StoreError

__all__ = ["SETTINGS", "ChangedRowError", "LostDatabaseError", "Store"]

_PAGE_BYTES = 4_096
_SETTINGS = {
    **DEFAULT_SETTINGS,
    "statistics": 0,  # 1 would make every read a write
    "eviction_policy": "least-recently-stored",
    "cull_limit": 0,  # `_make_room` keeps the bound exactly and tells which rows left
    "sqlite_mmap_size": 0,  # a mapped file that someone truncates kills the process
    "sqlite_cache_size": 4_000,
    "disk_min_file_size": FILE_BYTES,
}

SETTINGS = frozenset({*_SETTINGS, *METADATA, "sqlite_wal_autocheckpoint"})
"""The names in diskcache's table of settings; it would set any other as an attribute of itself."""


class ChangedRowError(StoreError):
    """A row is not what it was when it was read; its value stays."""


class LostDatabaseError(sqlite3.OperationalError):
    """The file of the open database has no name any more: whoever opens the folder finds another one, or none."""


class Store(diskcache.Cache):  # type: ignore[misc]  # diskcache ships no types
    """A diskcache database that holds bytes alone, through one connection a process.

    diskcache keeps a connection a thread, which nobody closes when the thread ends. Callers hold a lock instead.
    `_con` and `_sql` are diskcache 5.6.3's own; the class replaces what reads or writes values.

    Parameters
    ----------
    folder
        A private folder whose database exists.
    max_bytes
        Bound on the sum of `row_cost` over all rows.
    durable
        Wait for the medium with each write.
    """

    _connection: sqlite3.Connection | None = None
    _fetch: Callable[..., Any] | None = None
    _opened: os.stat_result

    def __init__(self, folder: Path, max_bytes: int, durable: bool) -> None:
        self._folder = folder
        # Each connection has them from here and not from the database: what others wrote there would be executed.
        self._settings = {**_SETTINGS, "size_limit": max_bytes, **_for_size(max_bytes)}
        try:
            super().__init__(str(folder), disk=SafeDisk, timeout=BUSY_S, **self._settings)
        except BaseException:
            self.close()
            raise
        if durable:  # from now on: making the tables is a few dozen transactions, and costs nobody a value
            self._disk.durable = True
            self._settings["sqlite_synchronous"] = self.reset("sqlite_synchronous", 2, update=False)

    @property
    def _con(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = connect(self._folder / DATABASE)
            self._opened = (self._folder / DATABASE).stat()
            for key, value in self._settings.items():
                if key.startswith("sqlite_"):
                    self.reset(key, value, update=False)
            self._fetch = self._connection.cursor().execute
        return self._connection

    @property
    def _sql_retry(self) -> Any:
        # sqlite waits BUSY_S by itself; diskcache would go on for a minute.
        return self._sql

    def read(self, key: bytes) -> bytes | None:
        """Return the sealed value of a key; raises `RefusedRowError` for what this package did not write."""
        fetch = self._fetch or self._con.cursor().execute
        row = fetch(SELECT, (key,)).fetchone()
        if row is None:
            return None
        mode, filename, value = row
        # The plainest case, in line: it is what a small value's read consists of.
        if mode == MODE_RAW and filename is None and type(value) is bytes:
            return value
        return self._read_row(key, row)

    def read_many(self, keys: Sequence[bytes]) -> dict[bytes, bytes | RefusedRowError]:
        """Return the sealed values of those keys that have one; an error stands for a row that is not believed."""
        found: dict[bytes, bytes | RefusedRowError] = {}
        for key, *row in select(self._con, "key, mode, filename, value", keys):
            try:
                data = self._read_row(key, tuple(row))
            except RefusedRowError as error:
                found[key] = error
            else:
                found.update({} if data is None else {key: data})
        return found

    def write(
        self, rows: Sequence[Row], now: float, spare: Callable[[bytes], bool], instead: bytes | None = None
    ) -> list[Left]:
        """Store sealed values, one a key, in one transaction, all or none; return the rows that left for them.

        Parameters
        ----------
        now, spare
            As for `make_room`.
        instead
            What must be stored for the first key; `ChangedRowError` if it is not, and then nothing is done.
        """
        stored: list[tuple[Row, Columns]] = []
        try:
            for row in rows:
                stored.append((row, Columns(*self._disk.store(row.data, False, key=row.key))))  # noqa: PERF401 (a file that fails must not hide those before it)
            with self._writing() as unneeded:
                if instead is not None and self.read(rows[0].key) != instead:
                    raise ChangedRowError("Another process has stored something else.")
                last, nbytes = state_of(self._con)
                if nbytes > self.size_limit:
                    nbytes = recount(self._con)  # the bound was lowered, or the sum is not ours
                nbytes += sum(columns.size for _, columns in stored)
                for name, size in select(self._con, f"filename, {COST}", [row.key for row in rows]):
                    unneeded.append(name)
                    nbytes -= size
                insert(self._con, stored, last, now)
                left = make_room(self._con, nbytes - self.size_limit, now, last, spare)
                unneeded += [row.filename for row in left]
        except BaseException:
            for _, columns in stored:
                if columns.filename is not None:
                    self._disk.remove(columns.filename)
            raise
        return left

    def remove(self, keys: Sequence[bytes], only: bytes | None = None) -> None:
        """Remove the rows of these keys; with `only`, if that is what is stored for the first one."""
        if next(select(self._con, "1", keys), None) is None:
            return  # asking first spares a write transaction
        with self._writing() as unneeded:
            if only is not None and self.read(keys[0]) != only:
                return
            unneeded += [name for (name,) in select(self._con, "filename", keys)]
            self._con.executemany("DELETE FROM Cache WHERE key = ? AND raw = 1", [(key,) for key in keys])

    def rows(self, now: float, tags: str = "") -> list[tuple[bytes, int]]:
        """Return key and cost of the rows that are not due, last stored first; `tags` as for `rows_of`."""
        return rows_of(self._con, now, tags)

    def nbytes(self) -> int:
        """Return the sum of the costs of all rows."""
        return state_of(self._con)[1]

    def wipe(self) -> list[tuple[bytes, int]]:
        """Remove every row and return key and cost of each."""
        with self._writing() as unneeded:
            rows = self._sql("SELECT key, size, filename FROM Cache").fetchall()
            self._sql("DELETE FROM Cache")
            recount(self._con)
            # Of a commit that changes nothing sqlite writes nothing: it would neither fail where syncs do, nor go over
            # what a commit whose sync failed has left in the journal, which who opens the folder next would find.
            self._sql("UPDATE Settings SET value = value + 1 WHERE key = 'hits'")
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
        connection, self._connection, self._fetch = self._connection, None, None
        if connection is not None:
            connection.close()

    def forget(self) -> None:
        """Let go of the connection in a forked child: sqlite forbids to use it there, and to close it."""
        keep_inherited(self._connection)
        self._connection, self._fetch = None, None

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Store cannot be pickled; open the folder again")

    def _read_row(self, key: bytes, row: tuple[Any, ...] | None) -> bytes | None:
        # A file may go between the two reads because another process replaced the value: then the row changed too.
        for _ in range(3):
            if row is None:
                return None
            with contextlib.suppress(FileNotFoundError):
                return bytes(self._disk.fetch(*row, False))
            row = self._sql(SELECT, (key,)).fetchone()
        raise RefusedRowError("The file of a row is missing.", "missing")

    @contextlib.contextmanager
    def _writing(self) -> Iterator[list[str | None]]:
        """One transaction; the files named in the list are removed after it is committed."""
        self._sql("BEGIN IMMEDIATE")
        unneeded: list[str | None] = []
        try:
            yield unneeded
            self._refuse_lost()
            self._sql("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._con.rollback()
            raise
        for name in unneeded:
            if isinstance(name, str) and VALUE_FILE.fullmatch(name):
                self._disk.remove(name)

    def _refuse_lost(self) -> None:
        # sqlite goes on in a file that was deleted or moved away, where nobody would find what was acknowledged.
        try:
            found = (self._folder / DATABASE).stat()
        except FileNotFoundError:
            raise LostDatabaseError("the database was deleted") from None
        if not os.path.samestat(found, self._opened):
            raise LostDatabaseError("another database has taken the place of the open one")


def _for_size(max_bytes: int) -> dict[str, int]:
    # A longer journal is emptied less often, which large batches gain by.
    return {"sqlite_wal_autocheckpoint": min(max(max_bytes // 64 // _PAGE_BYTES, 1_000), 4_000)}
