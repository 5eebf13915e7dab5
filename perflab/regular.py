"""The text of a small file that somebody names: never waited for, and never more than a bound.

In: a path. Out: its text, or an `OSError` that says what else is there.
"""

from __future__ import annotations

import errno
import os
import stat

__all__ = ["read_regular"]


def read_regular(path: str | os.PathLike[str], most_bytes: int) -> str:
    """Return the text of a regular file, UTF-8.

    Raises
    ------
    OSError
        If it cannot be read, is a pipe, a device or a folder, or has more than `most_bytes`.
    UnicodeDecodeError
        If it is no UTF-8.

    Examples
    --------
    >>> read_regular("/dev/zero", 100)
    Traceback (most recent call last):
    ...
    OSError: [Errno 22] it is no regular file
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe would wait for who writes
    except ValueError as error:
        raise OSError(errno.EINVAL, "the path has a NUL in it") from error
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        if found.st_size > most_bytes:
            raise OSError(errno.EFBIG, f"it has {found.st_size:,} bytes, allowed are {most_bytes:,}")
        with open(handle, "rb", closefd=False) as file:
            return file.read(most_bytes).decode("utf-8")
    finally:
        os.close(handle)
