"""Rows as Parquet files: small on disk, readable by everything that reads Parquet.

In: tables; a file, columns and filters. Out: a file; the rows of it that are wanted, of few row groups if possible.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab.owned import open_own
from perflab.record.arrow import indexed, truths
from perflab.record.dictionaries import compact, joined
from perflab.record.footer import opened, seal_footer
from perflab.record.texts import Texts
from perflab.record.where import Where

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["ROW_GROUP", "column_pieces", "range_of", "read_file", "read_groups", "time_range", "write_file"]

ROW_GROUP = 1 << 17
"""Rows a row group. Its dictionaries are its own: fewer rows repeat them more often, more rows cost memory to write and
leave less to skip. With up to 65,536 distinct keys an index has two whole bytes, in which zstd finds more."""

_LEVEL = 3
_SURELY_WHOLE = 32
_FEW = 255


def write_file(file: Path, tables: Iterable[pa.Table], schema: pa.Schema) -> None:
    """Write tables one after the other into a file; a reader sees the old file or the whole new one.

    No more than about a row group is in memory, so `tables` may be read as they are asked for.

    Raises
    ------
    OSError
        If it cannot be written; nothing is left behind.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _replacing(file) as hidden:
        with pq.ParquetWriter(hidden, schema, **_encodings(schema)) as writer:
            for rows in _row_groups(tables):
                arrays = [_small(column) if _is_text(column.type) else column for column in rows.columns]
                writer.write_table(pa.Table.from_arrays(arrays, schema=rows.schema), row_group_size=ROW_GROUP)
                # The allocator would keep what each row group took, 40 MB and more in the end.
                pa.default_memory_pool().release_unused()
        seal_footer(hidden)


def read_file(file: Path, columns: Sequence[str] | None = None, where: Where | None = None) -> pa.Table:
    """Return rows of a Parquet file.

    Parameters
    ----------
    columns
        Names, in the order in which they are wanted; one that the file does not have is left out. None wants all.
    where
        Which rows; row groups whose statistics say that they hold none are not read.
    """
    # `pyarrow.parquet.read_table` and `pyarrow.dataset` would import pandas, for half a second.
    with opened(file) as stored:
        held = stored.schema_arrow.names
        if where is None:
            return stored.read(None if columns is None else [name for name in columns if name in held])
        wanted = held if columns is None else [name for name in columns if name in held]
        needed = [name for name in held if name in wanted or name in where.columns]
        return where.filtered(stored.read_row_groups(_groups(stored, where), needed)).select(wanted)


def read_groups(file: Path) -> Iterator[pa.Table]:
    """Yield the rows of a Parquet file, one row group after the other, so that memory holds no more than one."""
    with opened(file) as stored:
        for group in range(stored.num_row_groups):
            yield stored.read_row_group(group)


def column_pieces(stored: pq.ParquetFile, field: pa.Field) -> Iterator[pa.Array]:
    """Yield one column of an open file, row group by row group; one that the file lacks is missing values.

    Groups whose statistics say that all rows are alike are not read. Those are many: of which run a row is always, its
    thread and operation often.
    """
    held = field.name in stored.schema_arrow.names
    kind = stored.schema_arrow.field(field.name).type if held else field.type
    for group in range(stored.num_row_groups):
        alike, value = _alike(stored, group, field.name, kind) if held else (True, None)
        if alike:
            # Groups of one size share one array: ten million rows that are missing would be 80 MB of zeros.
            yield _repeated(kind, value, stored.metadata.row_group(group).num_rows)
        else:
            yield from stored.read_row_group(group, [field.name], use_threads=False).column(0).chunks


@lru_cache(64)
def _repeated(kind: pa.DataType, value: str | bool | None, rows: int) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    if value is None:
        return pa.nulls(rows, kind)
    if isinstance(value, bool):
        return truths(np.full(rows, value))
    return indexed(np.zeros(rows, np.int32), Texts.of([value]).arrow())


def _alike(stored: pq.ParquetFile, group: int, name: str, kind: pa.DataType) -> tuple[bool, str | bool | None]:
    """Return whether the statistics of a group tell its rows, and what each is: missing, a truth value, a text."""
    facts = stored.metadata.row_group(group)
    known = facts.column(stored.schema_arrow.get_field_index(name)).statistics
    if known is None or not known.has_null_count:
        return False, None
    if known.null_count == facts.num_rows:
        return True, None
    least = known.min if known.has_min_max and known.null_count == 0 else None
    if isinstance(least, bool):
        return least == known.max, least
    # Long texts may be cut short in statistics, and equal in what is left.
    if not _is_text(kind) or not isinstance(least, str) or least != known.max or len(least) > _SURELY_WHOLE:
        return False, None
    return True, least


def time_range(file: Path) -> tuple[int, int] | None:
    """Return the least and the greatest time in a file, microseconds since 1970 (UTC); None where no time is known."""
    with opened(file) as stored:
        groups = [_bounds(stored, group, ("t",)) for group in range(stored.num_row_groups)]
        if not all("t" in least for least, _ in groups):
            return range_of(stored.read(["t"]))
    known = [(least["t"], greatest["t"]) for least, greatest in groups if least["t"] is not None]
    return (min(least for least, _ in known), max(greatest for _, greatest in known)) if known else None


def range_of(table: pa.Table) -> tuple[int, int] | None:
    """Return the same of a table."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.min_max(table.column("t").cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())).as_py()
    return None if found["min"] is None else (found["min"], found["max"])


@contextlib.contextmanager
def _replacing(file: Path) -> Iterator[Path]:
    hidden = file.with_name(f".{file.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        hidden.unlink(missing_ok=True)
        os.close(open_own(hidden, os.O_WRONLY | os.O_EXCL))
        yield hidden
        hidden.replace(file)
    except BaseException:
        hidden.unlink(missing_ok=True)
        raise


def _encodings(schema: pa.Schema) -> dict[str, Any]:
    """Return how columns are written: times and running numbers as differences, all others as dictionaries."""
    rising = [field.name for field in schema if _rises(field)]
    return {
        "compression": "zstd",
        "compression_level": _LEVEL,
        "write_page_checksum": True,
        "use_dictionary": [field.name for field in schema if field.name not in rising],
        "column_encoding": dict.fromkeys(rising, "DELTA_BINARY_PACKED"),
    }


def _rises(field: pa.Field) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_timestamp(field.type) or (pa.types.is_int64(field.type) and field.name.endswith("_id")))


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_dictionary(kind))


def _small(column: pa.ChunkedArray) -> pa.DictionaryArray:
    whole = joined(column)
    return compact(whole) if len(whole.dictionary) > _FEW else whole  # of few texts it is not worth the time


def _row_groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    import pyarrow as pa

    waiting: list[pa.Table] = []
    rows = 0
    for table in tables:
        start = 0
        while start < table.num_rows:
            part = table.slice(start, ROW_GROUP - rows)
            waiting.append(part)
            start, rows = start + part.num_rows, rows + part.num_rows
            if rows == ROW_GROUP:
                yield pa.concat_tables(waiting)
                waiting, rows = [], 0
    if waiting:
        yield pa.concat_tables(waiting)


def _groups(stored: pq.ParquetFile, where: Where) -> list[int]:
    bounds = (_bounds(stored, group, where.columns) for group in range(stored.num_row_groups))
    return [group for group, (least, greatest) in enumerate(bounds) if where.may_hold(least, greatest)]


def _bounds(stored: pq.ParquetFile, group: int, names: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return least and greatest value by column, None where all are missing; a column that does not say is left out."""
    least: dict[str, Any] = {}
    greatest: dict[str, Any] = {}
    facts = stored.metadata.row_group(group)
    for column in map(facts.column, range(facts.num_columns)):
        name, found = column.path_in_schema, column.statistics
        if name not in names or found is None:
            continue
        if found.has_null_count and found.null_count == facts.num_rows:
            least[name] = greatest[name] = None
        elif found.has_min_max and (name == "t" or isinstance(found.min, str)):
            least[name], greatest[name] = (found.min_raw, found.max_raw) if name == "t" else (found.min, found.max)
    if not _in_microseconds(stored):
        least.pop("t", None)
    return least, greatest


def _in_microseconds(stored: pq.ParquetFile) -> bool:
    import pyarrow as pa

    kinds = [field.type for field in stored.schema_arrow if field.name == "t"]
    return any(pa.types.is_timestamp(kind) and kind.unit == "us" for kind in kinds)
