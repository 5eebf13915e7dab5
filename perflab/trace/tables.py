"""Traces in Parquet files.

In: a path. Out: columns of keys, times, sizes, costs and operations, a batch at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab.errors import SourceError
from perflab.regular import check_regular
from perflab.trace.blocks import Progress
from perflab.trace.lines import COLUMNS, Columns, check_ranges

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["table_blocks"]

_BATCH_ROWS = 1 << 20


def table_blocks(path: Path, progress: Progress | None = None) -> Iterator[Columns]:
    """Yield the batches of a Parquet file whose columns are named as those of a CSV file; times may be timestamps.

    Raises
    ------
    SourceError
        If the file is no Parquet, no column is called `key`, or a column holds what it must not.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        check_regular(path, links=True)  # a pipe would be waited for
        file = parquet.ParquetFile(path)
        meant = _meant(path, file.schema_arrow.names)
        done = 0
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=list(meant.values())):
            batch.validate(full=True)  # what is no text, as damage makes it, is found here and not where it is used
            done += batch.num_rows
            if progress is not None:
                progress(done, file.metadata.num_rows)
            columns = {name: batch.column(batch.schema.get_field_index(column)) for name, column in meant.items()}
            yield {name: _typed(name, column) for name, column in columns.items()} if batch.num_rows else {}
    except (OSError, pa.ArrowException, ValueError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise SourceError(f"{str(path)!r} cannot be read as a trace in Parquet: {reason}.") from error


def _meant(path: Path, present: Iterable[str]) -> dict[str, str]:
    by_name = {name.strip().lower(): name for name in present}
    meant = {column: next(filter(None, map(by_name.get, names)), "") for column, names in COLUMNS.items()}
    if not meant["key"]:
        raise SourceError(f"{str(path)!r} has the columns {', '.join(by_name)}; one must be called 'key'.")
    return {column: name for column, name in meant.items() if name}


def _typed(name: str, column: Any) -> Any:
    import pyarrow as pa

    if name == "key" and column.null_count:
        raise ValueError("a key is missing")
    if name == "time" and pa.types.is_timestamp(column.type):
        column = _seconds(column)
    kinds = {"time": pa.float64(), "size": pa.int64(), "cost": pa.float64()}
    typed = column.cast(kinds[name]) if name in kinds else _plain(column)
    check_ranges({name: typed})
    return typed


def _seconds(column: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    micros = column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(pa.int64()).cast(pa.float64())
    return pc.divide(micros, 1e6)


def _plain(column: pa.Array) -> Any:
    import pyarrow as pa

    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
