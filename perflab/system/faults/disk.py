"""Faults of the disk tier: errors of its database, damaged files, a folder that is gone, a clock that was set.

In: a system, or the folder that an earlier one left. Out: the fault, while its context lasts.
"""

from __future__ import annotations

import contextlib
import errno
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab.system.faults.fault import Count, Within

if TYPE_CHECKING:
    from perflab.system.performance import PerformanceSystem

__all__ = ["failing", "flip_values", "full", "overwrite_header", "read_only", "remove_folder", "stepped", "unsynced"]

_DATABASE = "cache.db"
_VALUES = "??/??/*.val"
_HEADER_BYTES = 100


def full() -> Exception:
    """Return what sqlite raises where a disk has no room."""
    return sqlite3.OperationalError("database or disk is full")


def read_only() -> Exception:
    """Return what sqlite raises where it may not write."""
    return sqlite3.OperationalError("attempt to write a readonly database")


def unsynced() -> Exception:
    """Return what a write ends with whose data could not be brought to the medium."""
    return OSError(errno.EIO, "Input/output error")


def failing(error: Callable[[], Exception]) -> Within:
    """Return the fault that each write of the disk tier's database raises an error."""

    @contextlib.contextmanager
    def within(system: PerformanceSystem, count: Count) -> Iterator[None]:
        assert system.cache.l3 is not None, "asked for before"

        def refuse(*_: Any, **__: Any) -> None:
            count.add()
            raise error()

        def change(store: Any) -> None:
            store.write = store.remove = refuse

        with system.cache.l3.beneath(change):
            yield

    return within


def stepped(seconds: float) -> Within:
    """Return the fault that the wall clock was set since the values were stored."""

    @contextlib.contextmanager
    def within(system: PerformanceSystem, count: Count) -> Iterator[None]:
        assert system.cache.l3 is not None, "asked for before"
        with system.cache.l3.stepped(seconds, count.add):
            yield

    return within


@contextlib.contextmanager
def remove_folder(system: PerformanceSystem, count: Count) -> Iterator[None]:
    """Remove the folder of the disk tier from under a system at work."""
    assert system.cache.l3 is not None, "asked for before"
    folder = system.cache.l3.folder
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        count.add()
    yield


def flip_values(folder: Path) -> int:
    """Flip one bit at the end of every value of a disk tier; return how many there were."""
    flipped = 0
    with contextlib.closing(sqlite3.connect(folder / _DATABASE)) as database, database:
        rows = database.execute("SELECT rowid, value FROM Cache WHERE value IS NOT NULL").fetchall()
        for row, value in rows:
            database.execute("UPDATE Cache SET value = ? WHERE rowid = ?", (_flipped(bytes(value)), row))
            flipped += 1
    for file in folder.glob(_VALUES):
        file.write_bytes(_flipped(file.read_bytes()))
        flipped += 1
    return flipped


def overwrite_header(folder: Path) -> int:
    """Overwrite the first bytes of the database; return 1 if they are another file's now."""
    path = folder / _DATABASE
    if not path.exists():
        return 0
    with path.open("r+b") as file:
        file.write(b"\xa5" * _HEADER_BYTES)
    return int(not path.read_bytes()[:16].startswith(b"SQLite"))


def _flipped(value: bytes) -> bytes:
    return value[:-1] + bytes((value[-1] ^ 1,)) if value else value
