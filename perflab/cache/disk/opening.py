"""Opening the database of a disk tier, in whatever state it is.

In: a folder. Out: a store that reads and writes, or only reads, or holds nothing; and what had to be done about it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from perflab.cache.disk.folder import DATABASE, claim, delete_database, exclusive, put_aside
from perflab.cache.disk.readonly import NoStore, ReadOnlyStore
from perflab.cache.disk.room import Left
from perflab.cache.disk.rows import BUSY_S, Row
from perflab.cache.disk.safe_disk import RefusedRowError
from perflab.cache.disk.store import SETTINGS, Store
from perflab.errors import StoreError

__all__ = ["SCHEMA_VERSION", "Backend", "is_damage", "open_store", "reason_of"]

SCHEMA_VERSION = 1


class Backend(Protocol):
    """What every store can be asked; errors of sqlite and of the OS come through."""

    def read(self, key: bytes) -> bytes | None: ...
    def read_many(self, keys: Sequence[bytes]) -> dict[bytes, bytes | RefusedRowError]: ...
    def write(
        self, rows: Sequence[Row], now: float, spare: Callable[[bytes], bool], instead: bytes | None, /
    ) -> list[Left]: ...
    def remove(self, keys: Sequence[bytes], only: bytes | None = None) -> None: ...
    def rows(self, now: float, tags: str = "") -> list[tuple[bytes, int]]: ...
    def nbytes(self) -> int: ...
    def wipe(self) -> list[tuple[bytes, int]]: ...
    def close(self) -> None: ...
    def forget(self) -> None: ...


def open_store(
    folder: Path, max_bytes: int, tell: Callable[[str, str], None], *, durable: bool = False, suspect: bool = False
) -> Backend:
    """Open, make or repair the database in a folder.

    Parameters
    ----------
    folder
        Made with mode 0700 if it is missing.
    max_bytes
        Bound of the store.
    tell
        `tell(reason, message)` hears of a database put aside, and of a store that takes no writes.
    durable
        Wait for the medium with each write.
    suspect
        Check every page of the database first: something in it was found to be broken.

    Raises
    ------
    StoreError
        If the folder is not safe to trust, or was written by a newer version or another program.
    """
    try:
        claim(folder)
        if not os.access(folder, os.W_OK):
            raise PermissionError("the folder is read-only")
        with exclusive(folder):
            return _open_or_repair(folder, tell, suspect, functools.partial(Store, folder, max_bytes, durable))
    except (sqlite3.Error, OSError) as error:
        return _without_writes(folder, error, tell)


def is_damage(error: BaseException) -> bool:
    """Tell if an error means that the database itself is broken, not that it is locked, full or out of reach."""
    if isinstance(error, sqlite3.OperationalError):
        return "no such table" in str(error) or "no such column" in str(error)
    return isinstance(error, sqlite3.DatabaseError | sqlite3.InterfaceError)


def reason_of(error: BaseException) -> str:
    """Return why a store failed, in a word or two.

    Examples
    --------
    >>> reason_of(OSError(28, "No space left on device")), reason_of(sqlite3.OperationalError("database is locked"))
    ('disk full', 'busy')
    """
    text = f"{error}".lower()
    for mark, reason in _REASONS:
        if mark in text:
            return reason
    return "damaged" if is_damage(error) else "unusable"


_REASONS = (
    ("no space left", "disk full"),
    ("is full", "disk full"),
    ("quota", "disk full"),
    ("read-only", "read-only"),
    ("readonly", "read-only"),
    ("locked", "busy"),
    ("disk i/o error", "disk error"),
    ("input/output error", "disk error"),
    ("too many open files", "out of file handles"),
    ("file too large", "file size limit"),
    ("is refused", "refused"),
)


def _open_or_repair(
    folder: Path, tell: Callable[[str, str], None], suspect: bool, make: Callable[[], Store]
) -> Backend:
    try:
        return _open(folder / DATABASE, suspect, make)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        aside = put_aside(folder / DATABASE)
        tell(
            "damaged",
            f"The cache database {str(folder / DATABASE)!r} was damaged ({error}); it was put aside as "
            f"{str(aside)!r} and a new one was begun. Delete it when nobody needs it.",
        )
        return _open(folder / DATABASE, False, make)


def _open(path: Path, suspect: bool, make: Callable[[], Store]) -> Backend:
    if os.path.lexists(path):
        _check(path, suspect)
        return _swept(make)
    try:
        _create(path)
        return _swept(make)
    except (sqlite3.OperationalError, OSError):
        delete_database(path)  # on a full disk, half of one would take the last bytes for nothing
        raise


def _swept(make: Callable[[], Store]) -> Store:
    store = make()
    try:
        store.sweep()
    except BaseException:
        store.close()
        raise
    return store


def _check(path: Path, suspect: bool) -> None:
    if path.is_symlink() or not path.is_file():
        raise sqlite3.DatabaseError("it is not a regular file")
    if path.stat().st_size == 0:
        raise sqlite3.DatabaseError("it is empty")
    with contextlib.closing(sqlite3.connect(path, timeout=BUSY_S)) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "Settings" in tables and not _settings_of(connection) <= SETTINGS:
            raise sqlite3.DatabaseError("it has settings that are not its own")
        if suspect and connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("its pages do not fit together")
        if suspect and version < SCHEMA_VERSION:
            raise sqlite3.DatabaseError("it has lost its schema version")
    if version != SCHEMA_VERSION:
        whose = "a newer version of this package" if version > SCHEMA_VERSION else "another program"
        raise StoreError(
            f"The cache database {str(path)!r} has the schema version {version}, of {whose}; allowed is "
            f"{SCHEMA_VERSION}: choose another folder."
        )


def _settings_of(connection: sqlite3.Connection) -> set[object]:
    return {key for (key,) in connection.execute("SELECT key FROM Settings")}


def _create(path: Path) -> None:
    """Make an empty database under a name of its own and rename it: a kill never leaves a half-made one."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    with contextlib.closing(sqlite3.connect(new, isolation_level=None)) as connection:
        connection.execute("PRAGMA auto_vacuum = 1")  # only before the first page is written
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    new.rename(path)


def _without_writes(folder: Path, error: OSError | sqlite3.Error, tell: Callable[[str, str], None]) -> Backend:
    store: Backend
    try:
        store, left = ReadOnlyStore(folder, error), "what is in it can be read"
    except (sqlite3.Error, OSError):
        store, left = NoStore(error), "values stay in memory"
    tell(
        reason_of(error),
        f"The cache folder {str(folder)!r} cannot be written ({error}); {left}, and nothing is stored. "
        "Free space or allow writing, then open the cache again.",
    )
    return store
