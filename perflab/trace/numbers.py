"""Traces that are nothing but numbers: lists of whole numbers, ARC's `.lis`, libCacheSim's binary records.

In: a path. Out: blocks of keys, with times and sizes where the format has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab.errors import SourceError
from perflab.trace.blocks import Progress, line_blocks, record_blocks
from perflab.trace.lines import Columns, Wrong

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["arc_blocks", "integer_blocks", "oracle_blocks"]

_LARGEST = (1 << 64) - 1
_MOST_BLOCKS = 1_000_000
_ARC_FIELDS = 4

_RECORD = [("time", "<u4"), ("key", "<u8"), ("size", "<u4"), ("next", "<i8")]


def oracle_blocks(path: Path, progress: Progress | None = None) -> Iterator[Columns]:
    """Yield libCacheSim's oracleGeneral: 24 bytes an access, uint32 s, uint64 key, uint32 bytes, int64 next access.

    Raises
    ------
    SourceError
        If the file ends inside a record.
    """
    import numpy as np

    for block in record_blocks(path, np.dtype(_RECORD).itemsize, progress):
        records = np.frombuffer(block, dtype=_RECORD)
        yield {name: records[name] for name in ("key", "time", "size")}


def integer_blocks(path: Path, wrong: Wrong, progress: Progress | None = None) -> Iterator[Columns]:
    """Yield whole numbers from 0 to 2**64 - 1 between blanks; a `*` alone, as LIRS has it, is passed over."""
    for number, lines in line_blocks(path, progress):
        yield {"key": _integers(lines, number, wrong)}


def arc_blocks(path: Path, wrong: Wrong, progress: Progress | None = None) -> Iterator[Columns]:
    """Yield ARC's traces: lines of first block, number of blocks, and two numbers that mean nothing here.

    Megiddo and Modha: ARC: a self-tuning, low overhead replacement cache, FAST 2003.
    """
    for number, lines in line_blocks(path, progress):
        yield {"key": _expanded(_starts_and_counts(lines, number, wrong))}


def _integers(lines: bytes, number: int, wrong: Wrong) -> npt.NDArray[Any]:
    """Return the numbers; a block that is not made of numbers alone is looked at line by line."""
    import numpy as np

    quick = _quickly(lines)
    if quick is not None:
        return quick
    kept: list[int] = []
    for place, line in enumerate(lines.splitlines()):
        words = [word for word in line.split() if word != b"*"]
        if all(word.isdigit() and int(word) <= _LARGEST for word in words):
            kept.extend(map(int, words))
        else:
            shown = line[:30].decode("utf-8", "replace")
            wrong.add(number + place, f"{shown!r} is not made of whole numbers from 0 to 2**64 - 1")
    return np.array(kept, dtype=np.uint64)


def _quickly(lines: bytes) -> npt.NDArray[np.int64] | None:
    import numpy as np
    import pyarrow as pa
    from pyarrow import csv

    text = b"\n".join(lines.split()) if any(blank in lines for blank in (b" ", b"\t", b"\r")) else lines
    try:
        column = csv.read_csv(
            pa.py_buffer(text),
            csv.ReadOptions(column_names=["key"], use_threads=False, block_size=len(text) + 1),
            convert_options=csv.ConvertOptions(column_types={"key": pa.int64()}, null_values=[]),
        )["key"]
    except pa.ArrowInvalid:
        return None
    keys: npt.NDArray[np.int64] = column.to_numpy()
    return keys if not len(keys) or np.min(keys) >= 0 else None


def _starts_and_counts(lines: bytes, number: int, wrong: Wrong) -> npt.NDArray[np.int64]:
    import numpy as np

    kept = []
    for place, line in enumerate(lines.splitlines()):
        words = line.split()
        if not words:
            continue
        sound = len(words) == _ARC_FIELDS and all(word.isdigit() for word in words[:2])
        if sound and int(words[0]) < 1 << 62 and 0 < int(words[1]) <= _MOST_BLOCKS:
            kept.append((int(words[0]), int(words[1])))
        else:
            shown = line[:30].decode("utf-8", "replace")
            wrong.add(number + place, f"{shown!r} is not four numbers with 1 to {_MOST_BLOCKS:,} blocks")
    return np.array(kept, dtype=np.int64).reshape(-1, 2)


def _expanded(extents: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    import numpy as np

    starts, counts = extents[:, 0], extents[:, 1]
    total = int(counts.sum())
    if total > (1 << 31) - 1:
        raise SourceError(f"The trace has {total:,} accesses in one block of lines; take a part of it.")
    before = np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(starts, counts) + np.arange(total) - before
