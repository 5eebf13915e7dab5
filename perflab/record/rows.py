"""Rows of a frame from wherever they are.

In: tables and files, oldest first; columns and filters. Out: one table, typed as the frame's schema says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from perflab.record.arrow import arrow_schema, numbers
from perflab.record.parquet import range_of, read_column, read_file, read_groups, time_range
from perflab.record.where import Where, check_names

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["conform", "gather", "pieces", "visit"]


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


def visit(frame: str, sources: Iterable[pa.Table | Path], see: Callable[[str, pa.ChunkedArray], object]) -> None:
    """Show the columns of a frame one after the other, so that memory holds no more than two; rows are as `gather` has.

    Raises
    ------
    OSError, pyarrow.ArrowException
        If a file is missing, before anything was shown, or damaged.
    """
    import pyarrow.parquet as pq

    with ExitStack() as stack:
        opened = [stack.enter_context(pq.ParquetFile(s)) if isinstance(s, Path) else s for s in sources]
        # One column is read while another is made into what is wanted: Arrow lets Python go on meanwhile.
        ahead = stack.enter_context(ThreadPoolExecutor(1, "perflab-columns"))
        names = arrow_schema(frame).names
        order, coming = None, _begun(ahead, partial(_column, frame, opened, "t"))
        names.remove("t")
        for name, following in pairwise(["t", *names, None]):
            column = coming()
            if following is not None:
                coming = _begun(ahead, partial(_column, frame, opened, following))
            if name == "t" and frame == "accesses":
                order = _order(column)
            see(name, column if order is None else column.take(order))


def _begun(ahead: Executor, read: Callable[[], pa.ChunkedArray]) -> Callable[[], pa.ChunkedArray]:
    try:
        return ahead.submit(read).result
    except RuntimeError:  # the interpreter is ending, and begins no more threads
        return read


def _column(frame: str, opened: Iterable[pa.Table | pq.ParquetFile], name: str) -> pa.ChunkedArray:
    import pyarrow as pa

    schema = _schema(frame, [name])
    tables = [source.select([name]) if isinstance(source, pa.Table) else _read(source, name) for source in opened]
    empty = pa.Table.from_batches([], schema=schema)
    return pa.concat_tables([empty, *(conform(frame, table, [name]) for table in tables)]).column(name)


def _read(file: pq.ParquetFile, name: str) -> pa.Table:
    import pyarrow as pa

    if name not in file.schema_arrow.names:
        return file.read([])
    return pa.table({name: read_column(file, name)})


def _in_order(table: pa.Table) -> pa.Table:
    order = _order(table.column("t"))
    return table if order is None else table.take(order)


def _order(column: pa.ChunkedArray) -> pa.Array | None:
    """Return the order of time if all times are known and it is another; rows of one time stay as they are."""
    import numpy as np

    if column.null_count or len(column) < 2:
        return None
    # `numpy.asarray` of an Arrow array would import pandas.
    times = [np.frombuffer(c.buffers()[1], np.int64, len(c), c.offset * 8) for c in column.chunks if len(c)]
    if all((t[1:] >= t[:-1]).all() for t in times) and all(a[-1] <= b[0] for a, b in pairwise(times)):
        return None
    order = np.argsort(np.concatenate(times), kind="stable")
    return numbers(order, np.zeros(len(order), np.bool_))


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
