"""Rows in a form in which they travel between processes.

In: what was taken from the log of a worker. Out: plain values and bytes; at home, what the log there holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from perflab.record.arrow import as_json, as_number, as_text
from perflab.record.frames import Column, columns
from perflab.record.log import Row, Taken
from perflab.record.piece import Rows, Typed

__all__ = ["Packed", "packed", "unpacked"]

Packed = tuple[Sequence[Row], Sequence[Rows | bytes], int]
"""Single rows; columns, where they are many bytes as a compressed Arrow stream; how many rows were dropped."""

_NUMBERS: Mapping[str, type] = {"int": int, "float": float, "bool": bool, "time": int}


def packed(frame: str, taken: Taken) -> Packed:
    """Return rows as they travel: a key, which may be any object, as the text that it is recorded as."""
    loose = _plain_rows(frame, taken.loose) if taken.loose else ()
    return loose, list(map(_pack, taken.held)), taken.dropped


def unpacked(parcel: Packed) -> Taken:
    """Return the rows as a log takes them."""
    loose, held, dropped = parcel
    return Taken(loose, list(map(_unpack, held)), dropped)


def _plain_rows(frame: str, rows: Sequence[Row]) -> list[Row]:
    named = zip(columns(frame), zip(*rows, strict=True), strict=True)
    return list(zip(*(_plain(column, values) for column, values in named), strict=True))


def _plain(column: Column, values: Sequence[Any]) -> Sequence[object]:
    number = _NUMBERS.get(column.dtype)
    if number is None:
        return list(map(as_json if column.is_json else as_text, values))
    if set(map(type, values)) <= {int, float, bool, type(None)}:
        return values
    return [as_number(number, value) for value in values]


def _pack(rows: Rows) -> Rows | bytes:
    if not isinstance(rows, Typed):
        return rows
    import pyarrow as pa

    # Measured on 300,000 operations: 23 ms from worker to home as zstd, 49 ms pickled, 82 ms as a stream as it is.
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.arrow.schema, options=options) as stream:
        stream.write_table(rows.arrow)
    compressed: bytes = sink.getvalue().to_pybytes()
    return compressed


def _unpack(rows: Rows | bytes) -> Rows:
    if not isinstance(rows, bytes):
        return rows
    import pyarrow as pa

    with pa.ipc.open_stream(rows) as stream:
        return Typed(stream.read_all())
