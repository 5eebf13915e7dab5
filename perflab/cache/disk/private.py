"""Private folders of the disk tier, which go with the process that made them.

In: the temporary folder. Out: a folder of one's own, locked while its process lives; those of killed ones are removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import stat
import tempfile
from pathlib import Path

from perflab.cache.disk.folder import alive

__all__ = ["PrivateFolder", "remove_dead"]

LOCK = "owner.lock"
_PREFIX = "perflab-l3-"
_NAME = re.compile(rf"{_PREFIX}[0-9]{{1,10}}-\w{{8}}")


class PrivateFolder:
    """A folder with mode 0700 in the temporary folder, whose name tells the process that made it.

    A lock on a file inside says that someone lives in it. Unlike a process id, a lock is never someone else's: it goes
    with the last process that has it, however that ends, and a forked child has it too.

    Parameters
    ----------
    parent
        The folder to make it in; None is the system's temporary one. Dead folders in it are removed first.
    """

    def __init__(self, parent: Path | None = None) -> None:
        parent = parent or Path(tempfile.gettempdir())
        remove_dead(parent)
        self._pid = os.getpid()
        self._handle: int | None = None
        self.path = self._make(parent)

    def remove(self) -> None:
        """Delete the folder with all that is in it; in a forked child, to whom it does not belong, do nothing."""
        if os.getpid() != self._pid:
            return
        shutil.rmtree(self.path, ignore_errors=True)
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    def _make(self, parent: Path) -> Path:
        while True:
            path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{self._pid}-", dir=parent))
            try:
                self._handle = _locked(path / LOCK, os.O_CREAT, fcntl.LOCK_EX)
            except FileNotFoundError:
                continue  # another process took it for a dead one before it was locked
            except OSError:
                return path  # a full disk, or one without locks: nobody else can lock it either
            if (path / LOCK).exists():
                return path
            os.close(self._handle)


def remove_dead(parent: Path) -> int:
    """Remove the private folders of this user whose processes are gone; return how many.

    Only folders with this package's name for them, mode 0700 and this user as the owner are looked at.
    """
    with contextlib.suppress(OSError), os.scandir(parent) as found:
        return sum(_removed(Path(item.path)) for item in found if _NAME.fullmatch(item.name))
    return 0


def _removed(path: Path) -> bool:
    if not _is_ours(path):
        return False
    handle = None
    try:
        handle = _locked(path / LOCK, 0, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        # It is just being made, or a cleaner of old files took the lock from a process that lives.
        if alive(int(path.name.removeprefix(_PREFIX).partition("-")[0])):
            return False
    except OSError:
        return False  # its process lives
    try:
        shutil.rmtree(path, ignore_errors=True)
    finally:
        if handle is not None:
            os.close(handle)
    return not path.exists()


def _is_ours(path: Path) -> bool:
    try:
        facts = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid() and stat.S_IMODE(facts.st_mode) == 0o700


def _locked(path: Path, flags: int, how: int) -> int:
    handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o600)
    try:
        fcntl.flock(handle, how)
    except BaseException:
        os.close(handle)
        raise
    return handle
