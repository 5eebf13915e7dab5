"""A disk tier that can only be read, or not even that.

In: a folder that takes no writes. Out: the rows that are in it; every write is an `OSError` that says so.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from perflab.cache.disk.folder import DATABASE
from perflab.cache.disk.forking import keep_inherited
from perflab.cache.disk.room import Left
from perflab.cache.disk.rows import SELECT, connect, rows_of
from perflab.cache.disk.safe_disk import RefusedRowError, SafeDisk

__all__ = ["NoStore", "ReadOnlyStore"]


class NoStore:
    """A folder that cannot be opened at all: everything is a miss."""

    def __init__(self, error: OSError | sqlite3.Error) -> None:
        self._error = error

    def read(self, key: bytes) -> bytes | None:  # noqa: ARG002 (every key is missing)
        """Return None."""
        return None

    def read_many(self, keys: Sequence[bytes]) -> dict[bytes, bytes | RefusedRowError]:  # noqa: ARG002
        """Return nothing."""
        return {}

    def write(self, *arguments: object) -> list[Left]:  # noqa: ARG002
        """Raise the error that opening met."""
        raise self._error.with_traceback(None)

    def remove(self, keys: Sequence[bytes], only: bytes | None = None) -> None:
        """Do nothing: there is nothing."""

    def rows(self, now: float, tags: str = "") -> list[tuple[bytes, int]]:  # noqa: ARG002
        """Return no rows."""
        return []

    def nbytes(self) -> int:
        """Return 0."""
        return 0

    def wipe(self) -> list[tuple[bytes, int]]:
        """Return that nothing was removed."""
        return []

    def close(self) -> None:
        """Do nothing."""

    def forget(self) -> None:
        """Do nothing."""


class ReadOnlyStore:
    """The rows of a folder that takes no writes, because of the error that opening it for writing met.

    Raises
    ------
    sqlite3.Error
        If there is no database that can be read.
    """

    def __init__(self, folder: Path, error: OSError | sqlite3.Error) -> None:
        self._folder = folder
        self._error = error
        self._disk = SafeDisk(str(folder))
        self._connection: sqlite3.Connection | None = _connect(folder)

    def read(self, key: bytes) -> bytes | None:
        """Return the sealed value of a key, or None."""
        row = self._connected().execute(SELECT, (key,)).fetchone()
        if row is None:
            return None
        with contextlib.suppress(FileNotFoundError):
            return self._disk.fetch(row[0], row[1], row[2], False)
        return None

    def read_many(self, keys: Sequence[bytes]) -> dict[bytes, bytes | RefusedRowError]:
        """Return the sealed values of those keys that have one; an error stands for a row that is not believed."""
        found: dict[bytes, bytes | RefusedRowError] = {}
        for key in keys:
            try:
                data = self.read(key)
            except RefusedRowError as error:
                found[key] = error
            else:
                found.update({} if data is None else {key: data})
        return found

    def write(self, *arguments: object) -> list[Left]:  # noqa: ARG002
        """Raise the error that opening met."""
        raise self._error.with_traceback(None)

    def remove(self, keys: Sequence[bytes], only: bytes | None = None) -> None:  # noqa: ARG002
        """Raise the error that opening met if there is such a row."""
        if any(self._connected().execute(SELECT, (key,)).fetchone() is not None for key in keys):
            raise self._error.with_traceback(None)

    def rows(self, now: float, tags: str = "") -> list[tuple[bytes, int]]:
        """Return key and cost of the rows that are not due, last stored first; `tags` as for `rows_of`."""
        return rows_of(self._connected(), now, tags)

    def nbytes(self) -> int:
        """Return the sum of the costs of all rows."""
        return int(self._connected().execute("SELECT COALESCE(SUM(size), 0) FROM Cache").fetchone()[0])

    def wipe(self) -> list[tuple[bytes, int]]:
        """Raise the error that opening met."""
        raise self._error.with_traceback(None)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    def forget(self) -> None:
        """Let go of the connection in a forked child; the next use opens another."""
        keep_inherited(self._connection)
        self._connection = None

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = _connect(self._folder)
        return self._connection


def _connect(folder: Path) -> sqlite3.Connection:
    address = f"file:{quote(str((folder / DATABASE).absolute()))}"
    # A database in WAL mode needs its shared-memory file even to be read; where that cannot be made, the last
    # checkpoint is what can be had. Values carry checksums, so a writer elsewhere cannot make this return a wrong one.
    for mode in ("mode=ro", "immutable=1"):
        connection = connect(f"{address}?{mode}", uri=True)
        try:
            connection.execute("SELECT 1 FROM Cache LIMIT 1").fetchone()
        except sqlite3.Error as error:
            connection.close()
            problem = error
        else:
            return connection
    raise problem
