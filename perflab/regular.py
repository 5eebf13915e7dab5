"""Regular files, read without waiting and within a bound.

In: a path. Out: its bytes; a pipe, a device or a file of absurd size is an error that says so.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

__all__ = ["check_regular", "read_regular"]

_KINDS = (
    (stat.S_ISDIR, "it is a folder"),
    (stat.S_ISLNK, "it is a symbolic link"),
    (stat.S_ISFIFO, "it is a pipe"),
    (stat.S_ISSOCK, "it is a socket"),
    (stat.S_ISCHR, "it is a device"),
    (stat.S_ISBLK, "it is a device"),
)


def read_regular(path: str | os.PathLike[str], limit_bytes: int) -> bytes:
    """Return the content of a file; symbolic links are followed.

    Raises
    ------
    OSError
        If it cannot be read, is no regular file, or holds more than `limit_bytes`.
    ValueError
        If the path has a NUL in it.
    """
    # Without O_NONBLOCK, a pipe would be waited for.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        _check(os.fstat(handle).st_mode, path)
        content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise OSError(errno.EFBIG, f"it has more than {limit_bytes:,} bytes", os.fspath(path))
    return content


def check_regular(path: Path, *, links: bool = False) -> None:
    """Raise an OSError if a path is no regular file; a symbolic link to one is none, unless `links` are followed."""
    _check((path.stat() if links else path.lstat()).st_mode, path)


def _check(mode: int, path: str | os.PathLike[str]) -> None:
    if not stat.S_ISREG(mode):
        kind = next((kind for test, kind in _KINDS if test(mode)), "it is no regular file")
        raise OSError(errno.EINVAL, kind, os.fspath(path))
