"""Folders and files of one's own: what perflab keeps is readable by its owner alone, whatever the umask.

In: a path. Out: a private folder or file, or the reason why one that is there is not safe to trust.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

__all__ = ["make_folder", "open_own", "refusal"]

_FOLDER, _FILE = 0o700, 0o600


def make_folder(path: Path) -> None:
    """Make a folder that only its owner may enter, and those above it that are missing; one that is there stays.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    if not os.path.lexists(path.parent):
        make_folder(path.parent)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=_FOLDER)
        path.chmod(_FOLDER)  # a umask may have taken rights of the owner away


def open_own(path: Path, flags: int = os.O_WRONLY) -> int:
    """Return a handle of a file with mode 0600, made if it is missing; a link is not followed, a pipe not waited for.

    Raises
    ------
    OSError
        If it cannot be opened.
    """
    handle = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, _FILE)
    try:
        os.fchmod(handle, _FILE)
    except BaseException:
        os.close(handle)
        raise
    return handle


def refusal(path: Path) -> str | None:
    """Return why a folder is not safe to trust, with owner, mode and remedy; None if it is.

    Raises
    ------
    OSError
        If there is none.
    """
    found = path.lstat()
    problem = _problem(found)
    if problem is None:
        return None
    mode = stat.filemode(found.st_mode)
    return f"{problem[0]} (owner uid {found.st_uid}, mode {mode}); {problem[1]}"


def _problem(found: os.stat_result) -> tuple[str, str] | None:
    if stat.S_ISLNK(found.st_mode):
        return "it is a symbolic link", "give the folder that it points to"
    if not stat.S_ISDIR(found.st_mode):
        return "it is not a folder", "choose another path or move the file away"
    if found.st_uid != os.geteuid():
        return f"it belongs to another user than uid {os.geteuid()}", "choose a folder of your own or change its owner"
    if found.st_mode & stat.S_IWOTH:
        return "everyone may write to it", "take that right away with chmod o-w, or choose another folder"
    return None
