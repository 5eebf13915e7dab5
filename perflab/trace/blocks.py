"""Files a block at a time, whether compressed or not.

In: a path. Out: blocks of bytes, cut behind the end of a line or of a record.
"""

from __future__ import annotations

import gzip
import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from perflab.errors import SourceError

__all__ = ["COMPRESSIONS", "Progress", "line_blocks", "opened", "record_blocks"]

Progress = Callable[[int, int], object]
"""Called with the bytes of the file that were read, and with all of them."""

COMPRESSIONS = (".gz", ".xz", ".zst")

_BLOCK_BYTES = 8_000_000
_LONGEST_LINE = 64_000_000


@contextmanager
def opened(path: Path) -> Iterator[tuple[Any, IO[bytes]]]:
    """Yield what reads the content of a file, and the file itself; one sentence where either cannot be read.

    Raises
    ------
    SourceError
        If the file is missing, unreadable, no regular file, or its compressed content is damaged or ends early.
    """
    if "\0" in str(path):
        raise SourceError(f"{str(path)!r} is no path: it has a NUL in it; name a file that holds a trace.")
    with ExitStack() as stack:
        try:
            if "\0" in str(path):
                raise SourceError(f"{str(path)!r} is no path: it has a NUL in it; name a file that holds a trace.")
            if path.exists() and not path.is_file():
                raise SourceError(f"{str(path)!r} is no file; name a file that holds a trace.")
            raw = stack.enter_context(path.open("rb"))
            yield stack.enter_context(_reader(path, raw)), raw
        except EOFError as error:
            raise SourceError(
                f"{str(path)!r} ends early: its compressed content is cut off; fetch it again."
            ) from error
        except (gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
            raise SourceError(f"{str(path)!r} is damaged: {error}; fetch it again.") from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise SourceError(f"{str(path)!r} cannot be read: {reason}; name a whole file.") from error


def line_blocks(path: Path, progress: Progress | None = None) -> Iterator[tuple[int, bytes]]:
    """Yield the number of a block's first line, from 1, and whole lines of the file."""
    number, rest = 1, b""
    for block in _blocks(path, progress):
        end = block.rfind(b"\n") + 1
        if not end:
            rest += block
            if len(rest) > _LONGEST_LINE:
                raise SourceError(
                    f"{str(path)!r} has a line of more than {_LONGEST_LINE:,} bytes (line {number:,}); "
                    "it is no trace with one access a line."
                )
            continue
        lines = rest + block[:end]
        rest = block[end:]
        yield number, lines
        number += lines.count(b"\n")
    if rest:
        yield number, rest + b"\n"


def record_blocks(path: Path, nbytes: int, progress: Progress | None = None) -> Iterator[bytes]:
    """Yield whole records of so many bytes each.

    Raises
    ------
    SourceError
        If the file ends inside a record.
    """
    rest, records = b"", 0
    for block in _blocks(path, progress):
        data = rest + block
        whole = len(data) // nbytes * nbytes
        rest = data[whole:]
        records += whole // nbytes
        yield data[:whole]
    if rest:
        raise SourceError(
            f"{str(path)!r} ends inside its record {records + 1:,}: {len(rest)} of {nbytes} bytes are there; "
            "the file is cut off or of another format."
        )


def _blocks(path: Path, progress: Progress | None) -> Iterator[bytes]:
    with opened(path) as (content, raw):
        total = os.fstat(raw.fileno()).st_size
        while block := content.read(_BLOCK_BYTES):
            if progress is not None:
                progress(raw.tell(), total)
            yield block


def _reader(path: Path, raw: IO[bytes]) -> Any:
    if path.suffix == ".gz":
        return gzip.GzipFile(fileobj=raw)
    if path.suffix == ".xz":
        return lzma.LZMAFile(raw)
    if path.suffix == ".zst":
        import pyarrow as pa

        return pa.CompressedInputStream(pa.PythonFile(raw), "zstd")
    return raw
