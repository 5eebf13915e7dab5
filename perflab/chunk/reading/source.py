"""Files, pipes and URLs, opened for one reading from start to end.

In: a path, an open binary file such as a pipe, or an fsspec URL. Out: a `Source` that reads whole blocks, or a
`SourceError` that names what is wrong.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import IO, Any, BinaryIO, Protocol

from perflab.errors import SourceError
from perflab.redact import redacted

__all__ = ["Readable", "Source", "SourceLike", "open_source", "opened", "shown"]


class Readable(Protocol):
    """An open binary file: a pipe, a socket's file, standard input."""

    def read(self, size: int = -1, /) -> bytes | None: ...


SourceLike = str | PurePath | Readable
"""What can be read: a path, an fsspec URL such as `s3://bucket/key`, an open binary file."""


@dataclass(slots=True)
class Source:
    """Something that is read once, from start to end.

    Attributes
    ----------
    name
        The path or URL as the caller gave it; of an open file its name, empty if it has none.
    nbytes
        How many bytes have been read.
    """

    name: str
    _read: Callable[[int], bytes | None]
    _number: int | None = None
    nbytes: int = 0
    _before: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        self._before = self._state()

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer only at the end; a pipe is waited for."""
        parts, wanted = [], size
        while wanted and (part := self._part(wanted)):
            parts.append(part)
            wanted -= len(part)
        self.nbytes += size - wanted
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def change(self) -> str | None:
        """Return one sentence if the file is not what it was when it was opened, None if it is or nothing tells."""
        if self._before is None or (self._state() == self._before and self.nbytes == self._before[0]):
            return None
        return (
            f"{self.name} changed while it was read: it had {self._before[0]} bytes and {self.nbytes} were read; "
            "process it again"
        )

    def _part(self, size: int) -> bytes:
        try:
            part = self._read(size)
        except OSError as error:
            reason = error.strerror or str(error)
            raise SourceError(f"{self.name!r} cannot be read on: {reason}; check the disk or the connection") from error
        if isinstance(part, bytes | bytearray | memoryview):
            return bytes(part)
        raise SourceError(f"{self.name!r} gave {type(part).__name__} where bytes are needed; open it blocking, as 'rb'")

    def _state(self) -> tuple[int, int] | None:
        if self._number is None:
            return None
        found = os.fstat(self._number)
        return found.st_size, found.st_mtime_ns


@contextmanager
def opened(source: SourceLike) -> Iterator[Source]:
    """Open what a path or a URL names, or take an open file, which stays open.

    Raises
    ------
    SourceError
        If it is missing, unreadable, or a path of something else than a regular file.

    Examples
    --------
    >>> import io
    >>> with opened(io.BytesIO(b"abc")) as source:
    ...     source.read(2), source.read(2), source.nbytes
    (b'ab', b'c', 3)
    """
    if isinstance(source, str | PurePath):
        with _open_url(source) if "://" in str(source) else open_source(source) as file:
            number = None if "://" in str(source) else file.fileno()
            yield Source(shown(source), file.read, number)
    else:
        yield Source(shown(source), source.read)


def shown(source: SourceLike) -> str:
    """Return the name of a source: the path, a URL without passwords, an open file's name; empty if there is none."""
    if isinstance(source, str | PurePath):
        return redacted(str(source)) if "://" in str(source) else str(source)
    name = getattr(source, "name", "")
    return name if isinstance(name, str) else ""


_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


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


def _open_url(url: str | PurePath) -> IO[Any]:
    import fsspec  # type: ignore[import-untyped]  # ships no type information

    try:
        file: IO[Any] = fsspec.open(str(url), "rb").open()
    except Exception as error:  # each of fsspec's file systems has errors of its own
        reason = getattr(error, "strerror", None) or error
        raise SourceError(
            f"{shown(url)!r} cannot be opened: {redacted(str(reason))}; name a file that you may read"
        ) from error
    return file
