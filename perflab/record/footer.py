"""Parquet files that are what was written: their pages by Parquet's own checksums, their footer by one of ours.

In: a file. Out: the same with the checksum of its footer; the file opened, unless it is damaged.

Parquet has no checksum for the footer, which says where everything is, and there are damaged ones for which Arrow ends
the process (`std::terminate`, seen in Arrow 26). Ours stands right before the footer, where no reader looks.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import xxhash

if TYPE_CHECKING:
    import pyarrow.parquet as pq

__all__ = ["check_footer", "opened", "seal_footer"]

_MARK = b"perflab: footer\n"
_SEAL_BYTES = len(_MARK) + 16
_FARTHEST_BYTES = 4_000_000
_LENGTH_BYTES = 4
_MAGIC = b"PAR1"


def opened(file: Path) -> pq.ParquetFile:
    """Return a file opened for reading, to be closed by the caller; pages that are damaged fail where they are read.

    Raises
    ------
    OSError, pyarrow.ArrowException
        If it is missing, or damaged.
    """
    import pyarrow.parquet as pq

    check_footer(file)
    return pq.ParquetFile(file, page_checksum_verification=True)


def seal_footer(file: Path) -> None:
    """Put the checksum of the footer before it; OSError if the file cannot be written."""
    with file.open("r+b") as stream:
        start, tail = _footer(stream)
        stream.seek(start)
        stream.write(_MARK + xxhash.xxh3_128_digest(tail) + tail)


def check_footer(file: Path) -> None:
    """Hold the footer of a file against its checksum; a file without one, as others write it, is believed.

    Raises
    ------
    OSError
        If the file is missing, is no Parquet, or its footer is not what was written.
    """
    with file.open("rb") as stream:
        start, tail = _footer(stream)
        stream.seek(max(0, start - _SEAL_BYTES))
        seal = stream.read(_SEAL_BYTES)
        if seal == _MARK + xxhash.xxh3_128_digest(tail):
            return
        # Where the length of the footer is damaged, its seal is elsewhere.
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - _FARTHEST_BYTES))
        if _MARK in stream.read():
            raise OSError(f"the footer of {str(file)!r} does not fit its checksum")


def _footer(stream: BinaryIO) -> tuple[int, bytes]:
    """Return where the footer begins, and it, with its length and the mark of the end."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _LENGTH_BYTES - len(_MAGIC)))
    end = stream.read()
    start = size - len(end) - int.from_bytes(end[:_LENGTH_BYTES], "little")
    if not end.endswith(_MAGIC) or start < len(_MAGIC):
        raise OSError(f"{stream.name!r} is no Parquet file")
    stream.seek(start)
    return start, stream.read()
