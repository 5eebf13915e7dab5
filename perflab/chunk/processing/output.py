"""Results written to a file as they come, which appears as a whole or not at all.

In: a path and the results of chunks whose values are bytes or text. Out: the file, in the place of an older one.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from perflab.chunk.processing.result import ChunkResult
from perflab.errors import SourceError

__all__ = ["write_values"]


def write_values(path: str | os.PathLike[str], results: Iterable[ChunkResult[Any]]) -> Path:
    """Write the values to a file, those of failed chunks as the chunk was, and return its path.

    A symbolic link stays one, and what it leads to is replaced; permissions stay as they are.

    Raises
    ------
    SourceError
        If the file cannot be written, or a value is neither bytes nor text.
    """
    target = Path(path)
    with _replacing(target) as file:
        for result in results:
            _write(file, target, _bytes_of(result))
    return target


def _write(file: IO[bytes], target: Path, data: bytes) -> None:
    try:
        file.write(data)
    except OSError as error:
        raise _unwritable(target, error) from error


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[IO[bytes]]:
    try:
        final = target.resolve()
        number, name = tempfile.mkstemp(dir=final.parent, prefix=f".{final.name[:64]}.", suffix=".part")
    except (OSError, ValueError) as error:
        raise _unwritable(target, error) from error
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            _finish(file, final, target)
        os.replace(name, final)  # noqa: PTH105 - both are paths of one folder
    except OSError as error:
        _remove(name)
        raise _unwritable(target, error) from error
    except BaseException:
        _remove(name)
        raise


def _finish(file: IO[bytes], final: Path, target: Path) -> None:
    try:
        file.flush()
        os.fchmod(file.fileno(), _mode(final))
        os.fsync(file.fileno())
    except OSError as error:
        raise _unwritable(target, error) from error


def _mode(final: Path) -> int:
    """Return the permissions of the file that is replaced, or those that a new one would have."""
    with contextlib.suppress(OSError):
        return stat.S_IMODE(final.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _remove(name: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(name)  # noqa: PTH108 - the name comes from mkstemp


def _bytes_of(result: ChunkResult[Any]) -> bytes:
    value = result.chunk.data if result.status == "failed" else result.value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise SourceError(f"{type(value).__name__} is no text that could be written to the output; return bytes or str")


def _unwritable(target: Path, error: Exception) -> SourceError:
    reason = getattr(error, "strerror", None) or error
    return SourceError(f"{str(target)!r} cannot be written: {reason}; name a file in a folder that you may write to")
