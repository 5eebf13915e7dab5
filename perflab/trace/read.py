"""Trace files of other programs.

In: a path, and perhaps the name of a format. Out: `Trace`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab.errors import ConfigError, SourceError
from perflab.trace.blocks import COMPRESSIONS, Progress, opened
from perflab.trace.labels import Labels
from perflab.trace.lines import Columns, Wrong, column_blocks, is_named, key_blocks
from perflab.trace.numbers import arc_blocks, integer_blocks, oracle_blocks
from perflab.trace.tables import table_blocks
from perflab.trace.trace import UNKNOWN_BYTES, Trace

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["FORMATS", "read_file"]

_SNIFFED_BYTES = 65_536
_LEAST_SOUND = 0.5
"""Where less than this share of the lines is sound, the file is of another format."""


def read_file(
    path: str | os.PathLike[str], kind: str | None = None, *, times: bool = True, progress: Progress | None = None
) -> Trace:
    """Return the trace of a file, compressed (`.gz`, `.xz`, `.zst`) or not.

    Parameters
    ----------
    path
        The file.
    kind
        One of `FORMATS`; None tells by name and content.
    times
        False leaves the times out, of a file in which they go back.
    progress
        Called with the bytes that were read and all bytes of the file, a block at a time.

    Raises
    ------
    SourceError
        If the file cannot be read, is damaged or cut off, is of no known format, or holds no access.
    ConfigError
        If there is no such format.
    """
    file = Path(path)
    if kind is not None and kind not in FORMATS:
        raise ConfigError(f"the format is {kind!r}; it must be one of {', '.join(FORMATS)}")
    wrong = Wrong()
    trace = _joined(FORMATS[kind or _sniffed(file)](file, wrong, progress), file, wrong, times)
    sound = len(trace)
    if not sound or sound < _LEAST_SOUND * (sound + wrong.count):
        raise SourceError(_no_trace(file, wrong))
    return trace


def _no_trace(file: Path, wrong: Wrong) -> str:
    if not wrong.count:
        return f"{str(file)!r} is empty; it holds no access."
    return f"{str(file)!r} is no trace of its format: {wrong.told()}; name another format."


FORMATS: Mapping[str, Callable[[Path, Wrong, Progress | None], Iterator[Columns]]] = {
    "csv": column_blocks,
    "parquet": lambda path, _, progress: table_blocks(path, progress),
    "keys": lambda path, _, progress: key_blocks(path, progress),
    "integers": integer_blocks,
    "oracleGeneral": lambda path, _, progress: oracle_blocks(path, progress),
    "lis": arc_blocks,
}
"""What can be read: CSV and Parquet with named columns (and libCacheSim's CSV of time, key, size), one key a line,
lists of whole numbers, libCacheSim's binary records, ARC's extents."""


def _sniffed(path: Path) -> str:
    """Return the format of a file, by its name, else by how it begins."""
    name = path.name.lower()
    if path.suffix in COMPRESSIONS:
        name = name.removesuffix(path.suffix)
    if "oraclegeneral" in name:
        return "oracleGeneral"
    by_suffix = {".csv": "csv", ".parquet": "parquet", ".lis": "lis"}
    return by_suffix.get(Path(name).suffix) or _by_content(path)


def _by_content(path: Path) -> str:
    with opened(path) as (content, _):
        start = content.read(_SNIFFED_BYTES)
    if b"\0" in start:
        raise SourceError(f"{str(path)!r} is binary; name its format, one of {', '.join(FORMATS)}.")
    lines = start.splitlines()
    if not lines:
        raise SourceError(f"{str(path)!r} is empty; it holds no access.")
    if b"," in lines[0] and is_named(lines[0].decode("utf-8-sig", "replace")):
        return "csv"
    words = [word for line in lines[:-1] or lines for word in line.split()]
    return "integers" if sum(map(bytes.isdigit, words)) > _LEAST_SOUND * len(words) else "keys"


def _joined(blocks: Iterator[Columns], file: Path, wrong: Wrong, times: bool) -> Trace:
    labels, operations = Labels(), Labels()
    parts: dict[str, list[npt.NDArray[Any]]] = {}
    for block in blocks:
        for name, column in _arrays(block, labels, operations):
            parts.setdefault(name, []).append(column)
    import numpy as np

    columns = {name: np.concatenate(parts.pop(name)) for name in list(parts)}
    return Trace(
        columns.get("key", np.zeros(0, dtype=np.int32)),
        labels.in_order(),
        columns.get("size"),
        columns.get("time") if times else None,
        columns.get("cost"),
        columns.get("operation"),
        tuple(map(str, operations.in_order())),
        source=file.name,
        wrong=wrong.told(),
    )


def _arrays(block: Columns, labels: Labels, operations: Labels) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    import numpy as np

    if not block:
        return
    yield "key", labels.numbers(block["key"])
    for name, missing, dtype in (
        ("size", UNKNOWN_BYTES, np.int64),
        ("time", np.nan, np.float64),
        ("cost", np.nan, np.float64),
    ):
        if name in block:
            yield name, _filled(block[name], missing).astype(dtype)
    if "operation" in block:
        yield "operation", operations.numbers(block["operation"])


def _filled(column: Any, missing: float) -> npt.NDArray[Any]:
    import numpy as np

    if isinstance(column, np.ndarray):
        return column
    found: npt.NDArray[Any] = column.fill_null(missing).to_numpy(zero_copy_only=False)
    return found
