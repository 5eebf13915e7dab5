"""A disk tier that can only be read, or not even that.

In: a folder that takes no writes. Out: the rows that are in it; every write is an `OSError` that says so.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from perflab.cache.folder import DATABASE
from perflab.cache.store import SafeDisk, rows_of

__all__ = ["NoStore", "ReadOnlyStore"]


class NoStore:
    """A folder that cannot be opened at all: everything is a miss."""

    def __init__(self, error: OSError | sqlite3.Error) -> None:
        self._error = error

    def read(self, key: bytes) -> bytes | None:  # noqa: ARG002 (every key is missing)
        """Return None."""
        return None

    def write(self, key: bytes, data: bytes, now: float, expires: float) -> list[tuple[bytes, int]]:  # noqa: ARG002
        """Raise the error that opening met."""
        raise self._error

    def remove(self, key: bytes) -> bool:  # noqa: ARG002
        """Return False."""
        return False

    def rows(self, now: float) -> list[tuple[bytes, int]]:  # noqa: ARG002
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


class ReadOnlyStore:
    """The rows of a folder that takes no writes.

    Raises
    ------
    sqlite3.Error
        If there is no database that can be read.
    """

    def __init__(self, folder: Path) -> None:
        self._disk = SafeDisk(str(folder))
        self._connection = _connect(folder)

    def read(self, key: bytes) -> bytes | None:
        """Return the sealed value of a key, or None."""
        select = "SELECT mode, filename, value FROM Cache WHERE key = ? AND raw = 1"
        row = self._connection.execute(select, (key,)).fetchone()
        if row is None:
            return None
        mode, filename, value = row
        with contextlib.suppress(FileNotFoundError):
            return self._disk.fetch(mode, filename, value, False)
        return None

    def write(self, key: bytes, data: bytes, now: float, expires: float) -> list[tuple[bytes, int]]:  # noqa: ARG002
        """Raise an OSError: the folder is read-only."""
        raise _refusal()

    def remove(self, key: bytes) -> bool:
        """Return False if there is no such row; raise an OSError if there is one."""
        if self._connection.execute("SELECT 1 FROM Cache WHERE key = ? AND raw = 1", (key,)).fetchone() is None:
            return False
        raise _refusal()

    def rows(self, now: float) -> list[tuple[bytes, int]]:
        """Return key and cost of the rows that are not due, last stored first."""
        return rows_of(self._connection, now)

    def nbytes(self) -> int:
        """Return the sum of the costs of all rows."""
        return int(self._connection.execute("SELECT COALESCE(SUM(size), 0) FROM Cache").fetchone()[0])

    def wipe(self) -> list[tuple[bytes, int]]:
        """Raise an OSError: the folder is read-only."""
        raise _refusal()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _refusal() -> OSError:
    return OSError(errno.EROFS, os.strerror(errno.EROFS))


def _connect(folder: Path) -> sqlite3.Connection:
    address = f"file:{quote(str((folder / DATABASE).absolute()))}"
    # A database in WAL mode needs its shared-memory file even to be read; where that cannot be made, the last
    # checkpoint is what can be had. Values carry checksums, so a writer elsewhere cannot make this return a wrong one.
    for mode in ("mode=ro", "immutable=1"):
        connection = sqlite3.connect(f"{address}?{mode}", uri=True, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("SELECT 1 FROM Cache LIMIT 1").fetchone()
        except sqlite3.Error as error:
            connection.close()
            problem = error
        else:
            return connection
    raise problem
