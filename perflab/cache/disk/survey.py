"""The folder of a disk tier, looked at and cleaned from outside of a program.

In: a folder. Out: what lies in it and what of that is damaged; with `prune`, less of it.
"""

from __future__ import annotations

import contextlib
import math
import os
import sqlite3
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from perflab.cache.disk.envelope import OtherVersionError, opened
from perflab.cache.disk.folder import DATABASE, claim
from perflab.cache.disk.guard import GuardedStore
from perflab.cache.disk.opening import Backend, reason_of
from perflab.cache.disk.readonly import NoStore, ReadOnlyStore
from perflab.cache.disk.rowlog import RowLog, named
from perflab.cache.disk.sealed import SealedRows
from perflab.errors import StoreError
from perflab.record import NULL_RECORDER

__all__ = ["Damage", "Survey", "prune", "survey", "verify"]

_NOBODY = bytes(8)
"""The origin of no entry, so that all are judged by the wall clock."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What lies in the folder of a disk tier.

    Attributes
    ----------
    folder : pathlib.Path
        It need not exist.
    entries, nbytes : int
        Values that are not past their time to live, and the bytes that they count with.
    due : int
        Values past it, which leave when they are met.
    disk_bytes : int
        Bytes of all files in the folder.
    put_aside : int
        Databases that were damaged and put aside.
    problem : str
        Why the database cannot be read; empty if it can, or if there is none.
    """

    folder: Path
    entries: int = 0
    nbytes: int = 0
    due: int = 0
    disk_bytes: int = 0
    put_aside: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Damage:
    """A value that would be refused: its key, as text, and why."""

    key: str
    reason: str


def survey(folder: Path, *, wall: Callable[[], float] = time.time) -> Survey:
    """Return what lies in a folder; nothing is changed, and a program that uses it goes on.

    Raises
    ------
    StoreError
        If the folder is not safe to trust.
    """
    if not folder.is_dir():
        return Survey(folder)
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    disk_bytes, aside = sum(map(_bytes_of, files)), len(_put_aside(folder))
    try:
        with _looking_at(folder) as store:
            live, everything = store.rows(wall()), len(store.rows(-math.inf))
    except (sqlite3.Error, OSError) as error:
        return Survey(folder, disk_bytes=disk_bytes, put_aside=aside, problem=reason_of(error))
    nbytes = sum(cost for _, cost in live)
    return Survey(folder, len(live), nbytes, everything - len(live), disk_bytes, aside)


def verify(folder: Path, *, wall: Callable[[], float] = time.time) -> tuple[int, list[Damage]]:
    """Read every value, hold it against its checksum, and return how many there are and which are damaged.

    Nothing is changed. What another version of this package wrote is no damage.

    Raises
    ------
    StoreError
        If the folder is not safe to trust.
    """
    if not folder.is_dir():
        return 0, []
    try:
        with _looking_at(folder) as store:
            keys = [key for key, _ in store.rows(-math.inf)]
            judged = (_damage(store, key, wall()) for key in keys)
            return len(keys), [damage for damage in judged if damage is not None]
    except (sqlite3.Error, OSError) as error:
        return 0, [Damage(DATABASE, reason_of(error))]


def prune(
    folder: Path, keep_bytes: float = math.inf, *, wall: Callable[[], float] = time.time
) -> tuple[Survey, Survey]:
    """Remove what is past its time to live, damaged, left by killed programs or put aside; return before and after.

    Parameters
    ----------
    folder
        Programs that use it go on.
    keep_bytes
        Of what is left, remove what was stored longest ago until the rest counts with no more than so many bytes.

    Raises
    ------
    StoreError
        If the folder is not safe to trust, cannot be written, or was written by a newer version.
    """
    before = survey(folder, wall=wall)
    if folder.is_dir():
        _clean(folder, keep_bytes, wall)
    return before, survey(folder, wall=wall)


def _clean(folder: Path, keep_bytes: float, wall: Callable[[], float]) -> None:
    log = RowLog(NULL_RECORDER, "l3")
    store = GuardedStore(folder, 1 << 50, log.report, lambda _: False)  # what a kill left is swept at opening
    rows = SealedRows(store, log, time.monotonic, wall, None)
    with contextlib.closing(rows), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is damaged is expected here, and counted
        if not store.writable:
            raise StoreError(f"The cache folder {str(folder)!r} cannot be written, so nothing was removed.")
        held = 0
        for key, cost in store.rows(-math.inf):  # last stored first
            held += cost
            if held > keep_bytes:
                rows.drop(key)
            elif rows.find(key) is None:  # what is due or damaged has left
                held -= cost
    for path in _put_aside(folder):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _looking_at(folder: Path) -> Iterator[Backend]:
    claim(folder)
    refusal = PermissionError("the folder is only looked at")
    exists = os.path.lexists(folder / DATABASE)
    store: Backend = ReadOnlyStore(folder, refusal) if exists else NoStore(refusal)
    with contextlib.closing(store):
        yield store


def _damage(store: Backend, key: bytes, now: float) -> Damage | None:
    try:
        data = store.read(key)
        if data is not None:
            opened(data, key, _NOBODY, 0.0, now)
        elif any(key == known for known, _ in store.rows(-math.inf)):  # else another process has removed it meanwhile
            return Damage(str(named(key)), "The file of a row is missing.")
    except OtherVersionError:
        return None
    except StoreError as error:
        return Damage(str(named(key)), str(error))
    return None


def _put_aside(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{DATABASE}.quarantine-*"))


def _bytes_of(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0
