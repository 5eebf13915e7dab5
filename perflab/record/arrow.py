"""Recorded rows as typed columns.

In: tuples in the order of a frame's columns. Out: Arrow tables typed as `frames.SCHEMA` says.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from perflab.record.frames import columns

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["arrow_schema", "as_text", "conform", "to_table"]

LONGEST_TEXT = 512


def as_text(value: object) -> str | None:
    """Return a key, or any other value, as text that every format can hold; long text ends with its digest.

    Examples
    --------
    >>> as_text("a.py"), as_text(("a.py", 3))
    ('a.py', "('a.py', 3)")
    """
    if value is None:
        return None
    text = value if type(value) is str else _printed(value)
    if len(text) > LONGEST_TEXT:
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        text = f"{text[: LONGEST_TEXT - 20]}...{digest}"
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _printed(value: object) -> str:
    try:
        return str(value) if isinstance(value, str) else repr(value)
    except Exception as error:  # a key's own __repr__ may do anything; recording must not fail for it
        return f"<{type(value).__name__} whose repr raised {type(error).__name__}>"


@cache
def arrow_schema(frame: str) -> pa.Schema:
    """Return the Arrow schema of a frame; each field's metadata has its unit and meaning."""
    import pyarrow as pa

    types: dict[str, Any] = {
        "category": pa.dictionary(pa.int32(), pa.string()),
        "string": pa.string(),
        "int": pa.int64(),
        "float": pa.float64(),
        "bool": pa.bool_(),
        "time": pa.timestamp("us", tz="UTC"),
    }
    fields = [
        pa.field(column.name, types[column.dtype], metadata={"unit": column.unit, "meaning": column.meaning})
        for column in columns(frame)
    ]
    return pa.schema(fields, metadata={"frame": frame})


def to_table(frame: str, rows: Sequence[tuple[object, ...]]) -> pa.Table:
    """Return rows as a table; a row's values stand in the order of `frames.columns(frame)`.

    `t` is given in nanoseconds since 1970 (UTC); every other value may be None.
    """
    import pyarrow as pa

    schema = arrow_schema(frame)
    if not rows:
        return schema.empty_table()
    arrays = [
        pa.array(_CONVERT[column.dtype](values), type=field.type)
        for column, field, values in zip(columns(frame), schema, zip(*rows, strict=True), strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _texts(values: Sequence[object]) -> Sequence[object]:
    if set(map(type, values)) <= {str, type(None)}:
        texts = {value: as_text(value) for value in set(values)}
        return values if all(map(operator.is_, texts, texts.values())) else [texts[value] for value in values]
    # Other keys may be slow to print and need no honest hash; `values` keeps each alive, so its id stands for it.
    known = {id(value): value for value in values}
    printed = {number: as_text(value) for number, value in known.items()}
    return [printed[id(value)] for value in values]


def _known(values: Sequence[Any], convert: type) -> Sequence[object]:
    if set(map(type, values)) <= {convert, type(None)}:
        return values
    import pandas as pd

    return [None if pd.isna(value) else convert(value) for value in values]


def _numbers(values: Sequence[Any]) -> Sequence[object]:
    return [None if value is None or value != value else value for value in _known(values, float)]


_CONVERT: dict[str, Callable[[Sequence[Any]], Sequence[object]]] = {
    "category": _texts,
    "string": _texts,
    "int": lambda values: _known(values, int),
    "float": _numbers,
    "bool": lambda values: _known(values, bool),
    "time": lambda values: [value // 1000 for value in values],
}


def conform(frame: str, table: pa.Table) -> pa.Table:
    """Return a table read from elsewhere with the columns and types of the frame; unknown columns are dropped.

    Columns that an older version did not record are missing values.
    """
    import pyarrow as pa

    schema = arrow_schema(frame)
    arrays = [
        table.column(field.name).cast(field.type)
        if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)
