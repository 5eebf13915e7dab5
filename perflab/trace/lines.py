"""Traces as text: one access a line, alone or in columns.

In: lines of bytes. Out: columns of keys, times, sizes, costs and operations; wrong lines are counted and named.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab.errors import SourceError
from perflab.trace.blocks import Progress, line_blocks
from perflab.trace.trace import WrongLines

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["COLUMNS", "Columns", "Wrong", "check_ranges", "column_blocks", "is_named", "key_blocks"]

Columns = dict[str, Any]
"""`key`, and some of `time` (float64, s), `size` (int64, bytes), `cost` (float64, s) and `operation`: arrays of one
length, of numpy or Arrow; nothing at all for a block without accesses."""

COLUMNS: dict[str, tuple[str, ...]] = {
    "key": ("key", "obj_id", "object", "object_id", "obj", "id"),
    "time": ("time", "timestamp", "clock_time", "t"),
    "size": ("size", "obj_size", "nbytes", "bytes"),
    "cost": ("cost", "cost_s", "load_s"),
    "operation": ("operation", "op"),
}
"""What a column may be called, in small letters."""

_UNNAMED = ("time", "key", "size")
_NAMED_FIRST = 5
_NO_DELIMITER = b"\x01"


@dataclass
class Wrong:
    """Counts the lines that are passed over."""

    count: int = 0
    first: list[tuple[int, str]] = field(default_factory=list)

    def add(self, number: int, reason: str) -> None:
        """Count one line."""
        self.count += 1
        if len(self.first) < _NAMED_FIRST:
            self.first.append((number, reason))

    def told(self) -> WrongLines:
        """Return what was counted."""
        return WrongLines(self.count, tuple(self.first))


def key_blocks(path: Path, progress: Progress | None = None) -> Iterator[Columns]:
    """Yield the lines of a file as keys; blank lines are no accesses."""
    for _, lines in line_blocks(path, progress):
        yield {"key": _keys(lines)}


def _keys(lines: bytes) -> pa.Array:
    import pyarrow as pa

    if _NO_DELIMITER in lines:  # which then would part columns
        return pa.array([line for line in lines.splitlines() if line], pa.binary())
    return _parsed(lines, ["key"], delimiter=_NO_DELIMITER.decode(), quote=False)["key"]


def column_blocks(path: Path, wrong: Wrong, progress: Progress | None = None) -> Iterator[Columns]:
    """Yield the columns of a CSV file with names in its first line, or `time, key, size` without names.

    Raises
    ------
    SourceError
        If no column is called `key`, or the first line has neither names nor three numbers.
    """
    names: list[str] | None = None
    for number, lines in line_blocks(path, progress):
        if names is None:
            first, _, after = lines.partition(b"\n")
            names = _column_names(path, first.decode("utf-8-sig", "replace"))
            if is_named(first.decode("utf-8-sig", "replace")):
                number, lines = number + 1, after
        if lines:
            yield _typed(lines, number, names, wrong)


def is_named(line: str) -> bool:
    """Return whether a line names a column of keys."""
    return any(name in COLUMNS["key"] for name in _fields(line))


def _column_names(path: Path, line: str) -> list[str]:
    """Return what the columns are, by the first line; columns that nobody asks for have empty names."""
    fields = _fields(line)
    if is_named(line):
        meant = {name: column for column, names in COLUMNS.items() for name in names}
        found = [meant.get(name, "") for name in fields]
        return [name if name not in found[:place] else "" for place, name in enumerate(found)]
    if len(fields) >= len(_UNNAMED) and all(_is_number(fields[place]) for place in (0, 2)):
        return [*_UNNAMED, *[""] * (len(fields) - len(_UNNAMED))]
    raise SourceError(
        f"{str(path)!r} begins with {line[:60]!r}, which names no column 'key' and is no line of time, key and size; "
        "put a line of names before it, such as key,time,size."
    )


def _fields(line: str) -> list[str]:
    return [name.strip().lower() for name in _split(line.lstrip("#").strip())]


def _split(line: str) -> list[str]:
    """Return the fields of a line; one that is no CSV, as with a lone carriage return, is one field."""
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return [line]


def _typed(lines: bytes, number: int, names: Sequence[str], wrong: Wrong) -> Columns:
    """Return the columns without the wrong lines; a block that has none is not looked at line by line."""
    import pyarrow as pa

    try:
        return _read(lines, names)
    except (pa.ArrowInvalid, ValueError):
        kept = []
        for place, line in enumerate(lines.splitlines()):
            reason = _flaw(line.decode("utf-8", "replace"), names)
            if reason:
                wrong.add(number + place, reason)
            elif line.strip():
                kept.append(line)
        return _read(b"\n".join([*kept, b""]), names) if kept else {}


def _read(lines: bytes, names: Sequence[str]) -> Columns:
    columns = _parsed(lines, [name or f"\x00{place}" for place, name in enumerate(names)], delimiter=",", quote=True)
    return _numeric({name: columns[name] for name in names if name})


def _numeric(columns: Columns) -> Columns:
    """Return the columns with `time` and `cost` as float64 and `size` as int64; empty texts are null.

    Raises
    ------
    pyarrow.ArrowInvalid
        If a text is no such number.
    ValueError
        If a number is out of its range.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    found = dict(columns)
    for name, kind in (("time", pa.float64()), ("size", pa.int64()), ("cost", pa.float64())):
        if name in found:
            text = pc.utf8_trim_whitespace(found[name].cast(pa.string()))
            found[name] = pc.if_else(pc.equal(text, ""), None, text).cast(kind)
    check_ranges(found)
    if pc.any(pc.equal(pc.binary_length(found["key"]), 0)).as_py():
        raise ValueError("a key is missing")
    return found


def check_ranges(columns: Columns) -> None:
    """Refuse columns with a size or cost below 0, or a time that is missing or not finite, by a ValueError."""
    import pyarrow.compute as pc

    for name in ("size", "cost"):
        if name in columns and pc.any(pc.less(columns[name], 0)).as_py():
            raise ValueError(f"a {name} is below 0")
    if "time" in columns and (columns["time"].null_count or not pc.all(pc.is_finite(columns["time"])).as_py()):
        raise ValueError("a time is missing or not finite")


_ALLOWED: dict[str, tuple[Callable[[str], float], str]] = {
    "time": (float, "a number of seconds"),
    "size": (int, "a whole number of bytes, 0 or more"),
    "cost": (float, "a number of seconds, 0 or more"),
}


def _flaw(line: str, names: Sequence[str]) -> str:
    """Return what is wrong with a line, or nothing."""
    if not line.strip():
        return ""
    fields = _split(line)
    if len(fields) != len(names):
        return f"{len(fields)} columns where {len(names)} are expected"
    flaws = (_flaw_of(name, text.strip()) for name, text in zip(names, fields, strict=True) if name)
    return next(filter(None, flaws), "")


def _flaw_of(name: str, text: str) -> str:
    if name == "key" and not text:
        return "the key is empty"
    if name not in _ALLOWED or (not text and name != "time"):
        return ""
    read, allowed = _ALLOWED[name]
    try:
        value = read(text)
        sound = math.isfinite(value) and (name == "time" or value >= 0) and "_" not in text and value < 2**63
    except (ValueError, OverflowError):
        sound = False
    return "" if sound else f"{name} is {text[:30]!r}, not {allowed}"


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _parsed(lines: bytes, names: Sequence[str], *, delimiter: str, quote: bool) -> dict[str, pa.Array]:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    table = arrow_csv.read_csv(
        pa.py_buffer(lines),
        arrow_csv.ReadOptions(column_names=list(names), use_threads=False, block_size=len(lines) + 1),
        arrow_csv.ParseOptions(delimiter=delimiter, quote_char='"' if quote else False),
        arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.binary()), strings_can_be_null=False, check_utf8=False
        ),
    )
    return {name: table[name].combine_chunks() for name in names}
