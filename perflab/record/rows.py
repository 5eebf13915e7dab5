"""Rows of a frame from wherever they are.

In: tables and files, oldest first; columns and filters. Out: one table, typed as the frame's schema says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from perflab.record.arrow import arrow_schema, numbers
from perflab.record.order import order_of
from perflab.record.parquet import range_of, read_file, read_groups, time_range
from perflab.record.where import Where, check_names

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["conform", "gather", "pieces"]


def gather(
    frame: str, sources: Iterable[pa.Table | Path], columns: Sequence[str] | None = None, where: Where | None = None
) -> pa.Table:
    """Return rows of a frame; those of `accesses` in order of time, which threads do not hand over in.

    Parameters
    ----------
    sources
        Tables, and Parquet files of which no more is read than is wanted.
    columns
        Names, in the order in which they are wanted; None wants all.
    where
        Which rows; spans in it count from the oldest and the newest row of all sources.

    Raises
    ------
    ConfigError
        If there is no such frame or column.
    OSError, pyarrow.ArrowException
        If a file is missing or damaged.
    """
    import pyarrow as pa

    check_names(frame, columns)
    found = list(sources)
    if where is not None and where.relative:
        ranges = [known for source in found if (known := _range(source)) is not None]
        # Without any time no row is in a range, whichever it is.
        where = where.between(
            min((least for least, _ in ranges), default=0), max((most for _, most in ranges), default=0)
        )
    asked = columns
    if frame == "accesses" and columns is not None and "t" not in columns:
        columns = [*columns, "t"]
    tables = [conform(frame, _rows(source, columns, where), columns) for source in found]
    table = pa.concat_tables([pa.Table.from_batches([], schema=_schema(frame, columns)), *tables])
    if frame == "accesses":
        table = _in_order(table)
    return table if columns is asked else table.select(asked)


def _in_order(table: pa.Table) -> pa.Table:
    import numpy as np

    order = order_of(table.column("t").chunks)
    return table if order is None else table.take(numbers(order, np.zeros(len(order), np.bool_)))


def pieces(frame: str, sources: Iterable[pa.Table | Path]) -> Iterator[pa.Table]:
    """Yield the rows of tables and files one piece after the other, typed as the frame's schema says.

    Raises
    ------
    OSError, pyarrow.ArrowException
        If a file is missing or damaged.
    """
    for source in sources:
        for table in read_groups(source) if isinstance(source, Path) else (source,):
            yield conform(frame, table)


def conform(frame: str, table: pa.Table, columns: Sequence[str] | None = None) -> pa.Table:
    """Return a table read from elsewhere with the columns and types of the frame; unknown columns are dropped.

    Columns that an older version did not record are missing values.
    """
    import pyarrow as pa

    schema = _schema(frame, columns)
    arrays = [
        table.column(field.name).cast(field.type)
        if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _schema(frame: str, columns: Sequence[str] | None) -> pa.Schema:
    import pyarrow as pa

    whole = arrow_schema(frame)
    return whole if columns is None else pa.schema([whole.field(name) for name in columns], metadata=whole.metadata)


def _rows(source: pa.Table | Path, columns: Sequence[str] | None, where: Where | None) -> pa.Table:
    if isinstance(source, Path):
        return read_file(source, columns, where)
    if where is None:
        return source
    needed = [name for name in source.column_names if columns is None or name in columns or name in where.columns]
    return where.filtered(source.select(needed))


def _range(source: pa.Table | Path) -> tuple[int, int] | None:
    return time_range(source) if isinstance(source, Path) else range_of(source)
