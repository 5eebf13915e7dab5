"""The folder of a disk tier: who may own it, what is put aside, what a killed writer left.

In: a path. Out: a private folder, or a refusal that says why; damaged files under another name.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from perflab.errors import StoreError
from perflab.owned import make_folder, refusal

__all__ = [
    "DATABASE",
    "alive",
    "claim",
    "delete_database",
    "delete_files",
    "exclusive",
    "expanded",
    "orphans",
    "put_aside",
    "value_files",
]

DATABASE = "cache.db"
LOCK_S = 4.0
"""Seconds to wait for another process that opens the same cache."""

_TURN_S = 0.01
VALUE_FILE = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/(?P<pid>\d+)-[0-9a-f]{28}\.val")


def expanded(folder: str | os.PathLike[str]) -> Path:
    """Return a folder with a leading `~` spelt out.

    Raises
    ------
    StoreError
        If it is in the home of an unknown user.
    """
    try:
        return Path(folder).expanduser()
    except RuntimeError as error:
        raise StoreError(
            f"The cache folder {os.fspath(folder)!r} is in the home of an unknown user; give a full path."
        ) from error


def claim(path: Path) -> None:
    """Make a private folder, or check that an existing one is safe to trust.

    Raises
    ------
    StoreError
        If it is a symbolic link, no folder, owned by another user, or writable by everyone; the text names path,
        owner, mode and remedy.
    OSError
        If it is missing and cannot be made.
    """
    make_folder(path)
    reason = refusal(path)
    if reason is not None:
        raise StoreError(f"The cache folder {str(path)!r} is refused: {reason}.")


@contextlib.contextmanager
def exclusive(path: Path, sleep: Callable[[float], object] = time.sleep) -> Iterator[None]:
    """Hold the folder's lock, so that one process at a time opens, makes or puts aside the database.

    Raises
    ------
    OSError
        If another process has held it for `LOCK_S`: it was stopped while it opened the cache.
    """
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(handle, sleep)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, sleep: Callable[[float], object]) -> None:
    for _ in range(round(LOCK_S / _TURN_S)):
        with contextlib.suppress(BlockingIOError):
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        sleep(_TURN_S)
    raise BlockingIOError("another process keeps the folder locked")


def put_aside(path: Path) -> Path:
    """Rename a damaged database, with the files that belong to it, to `<name>.quarantine-<n>`; return its new path."""
    aside = next(
        candidate
        for number in range(1, 1_000_000)
        if not os.path.lexists(candidate := path.with_name(f"{path.name}.quarantine-{number}"))
    )
    for suffix in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside


def delete_files(path: Path) -> None:
    """Delete the database and the value files of a folder; what was put aside stays."""
    for name in value_files(path):
        (path / name).unlink(missing_ok=True)
    delete_database(path / DATABASE)


def delete_database(path: Path) -> None:
    """Delete a database with the files that belong to it, also those of one that was never finished."""
    for suffix in (".new-journal", ".new", "-wal", "-shm", ""):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def value_files(path: Path) -> list[str]:
    """Return the value files in a folder, by their names relative to it."""
    found = (str(file.relative_to(path)) for file in path.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*.val"))
    return [name for name in found if VALUE_FILE.fullmatch(name)]


def orphans(files: list[str], referenced: set[str]) -> list[str]:
    """Return the value files that no row names and no running process can be about to name.

    A writer puts its process id into the file's name and adds the row after the file: between the two a kill leaves
    a file that nobody will ever read.
    """
    pids = {name: int(match["pid"]) for name in files if (match := VALUE_FILE.fullmatch(name))}
    return [name for name, pid in pids.items() if name not in referenced and not alive(pid)]


def alive(pid: int) -> bool:
    """Tell if there may be such a process: also true of another user's, and of what is no process id at all."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
