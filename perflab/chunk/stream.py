"""Chunks of files on disk, in memory that does not grow with the file.

In: a path. Out: chunks in order, or a `SourceError` that names what is wrong with the path.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from typing import BinaryIO

from perflab.chunk.chunk import Chunk
from perflab.chunk.split import Note, Splitter
from perflab.errors import SourceError

__all__ = ["chunks", "confined", "open_source"]

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def chunks(
    path: str | PurePath,
    *,
    language: str | None = None,
    max_bytes: int = 2000,
    window_bytes: int = 524_288,
    timeout_s: float = 5.0,
    note: Note | None = None,
    timer: Callable[[], float] = time.monotonic,
) -> Iterator[Chunk]:
    """Yield the chunks of a file, the same as `split` gives for its bytes.

    One window of the file and its syntax tree are in memory at a time. The parameters are those of `split`; `timer`
    is a clock in seconds.

    Raises
    ------
    SourceError
        At the first chunk, if the file is missing, unreadable or no regular file.
    ConfigError
        If the language is unknown or a size is too small.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name, "m.py")
    >>> _ = path.write_bytes(b"def f():\\n    return 1\\n")
    >>> [chunk.name for chunk in chunks(path)]
    ['f']
    >>> folder.cleanup()
    """
    splitter = Splitter(
        str(path),
        language,
        max_bytes=max_bytes,
        window_bytes=window_bytes,
        timeout_s=timeout_s,
        note=note,
        timer=timer,
    )
    with open_source(path) as file:
        try:
            yield from splitter.chunks(file.read)
        except OSError as error:
            raise SourceError(f"{str(path)!r} cannot be read on: {error.strerror}; check the disk") from error


def open_source(path: str | PurePath) -> BinaryIO:
    """Open a regular file for reading; a pipe or a device is refused and never waited for.

    Raises
    ------
    SourceError
        If the file is missing, unreadable or no regular file.
    """
    shown = repr(str(path))
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise SourceError(f"{shown} does not exist; name a file") from error
    except ValueError as error:
        raise SourceError(f"{shown} is no path: it has a NUL in it; name a file") from error
    except OSError as error:
        raise SourceError(f"{shown} cannot be opened: {error.strerror}; name a file that you may read") from error
    mode = os.fstat(number).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(number, "rb")
    os.close(number)
    kind = next((kind for test, kind in _KINDS if test(mode)), "no regular file")
    raise SourceError(f"{shown} is {kind}; name a regular file")


def confined(path: str | PurePath, root: str | PurePath) -> Path:
    """Return the resolved path if it lies inside a folder, symbolic links followed.

    Parameters
    ----------
    path
        Absolute, or relative to `root`.
    root
        The folder.

    Raises
    ------
    SourceError
        If the path has `..` or a NUL in it, or ends up outside the folder, by a link for example.

    Examples
    --------
    >>> confined("pkg/m.py", "/srv/code").as_posix()
    '/srv/code/pkg/m.py'
    """
    shown, folder = repr(str(path)), repr(str(root))
    if "\0" in str(path):
        raise SourceError(f"{shown} has a NUL in it; name a file inside {folder}")
    if ".." in PurePath(path).parts:
        raise SourceError(f"{shown} has '..' in it; name a file inside {folder} without it")
    try:
        base = Path(root).resolve()
        resolved = (base / path).resolve()
    except (OSError, RuntimeError) as error:
        raise SourceError(f"{shown} cannot be followed: {error}; name a file inside {folder}") from error
    if not resolved.is_relative_to(base):
        raise SourceError(f"{shown} lies outside {folder}, at {str(resolved)!r}; name a file inside it")
    return resolved
