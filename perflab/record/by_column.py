"""A whole frame column by column, so that memory holds little beside what is made of it.

In: tables and files, oldest first. Out: what a function makes of the pieces of each column, in order of time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from perflab.record.arrow import arrow_schema
from perflab.record.footer import check_footer
from perflab.record.order import Rising, order_of
from perflab.record.parquet import column_pieces

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Made", "Make", "by_column"]

_AT_ONCE = 2


class Arrangeable(Protocol):
    """A column that can be put in another order; every array of pandas can."""

    def take(self, indices: NDArray[np.int64]) -> Self:
        """Return the values at these places."""


Made = TypeVar("Made", bound=Arrangeable)
Make = Callable[["pa.DataType", int, Iterable["pa.Array"]], Made]
"""Makes a column of its type, its number of values, and its values piece by piece."""


def by_column(frame: str, sources: Iterable[pa.Table | Path], make: Make[Made]) -> dict[str, Made]:
    """Return what `make` makes of each column, by name; rows are those of `rows.gather`, in the same order.

    Two threads make columns: Arrow lets Python go on while it reads. A file is read row group by row group, and the
    memory of one serves for the next: fresh memory may cost more than all that is done in it.

    Raises
    ------
    OSError, pyarrow.ArrowException
        If a file is missing, before anything was made, or damaged.
    """
    with ExitStack() as stack:
        opened = [_Stored(s, stack) if isinstance(s, Path) else _Held(s) for s in sources]
        rows = sum(source.rows for source in opened)
        rising = Rising()

        def pieces(field: pa.Field) -> Iterator[pa.Array]:
            found = (piece.cast(field.type) for source in opened for piece in source.pieces(field))
            return rising.watched(found) if field.name == "t" else found

        schema = arrow_schema(frame)
        made = _side_by_side(lambda field: make(field.type, rows, pieces(field)), list(schema))
        order = order_of(pieces(schema.field("t"))) if frame == "accesses" and not rising.so_far else None
        return {f.name: column if order is None else column.take(order) for f, column in zip(schema, made, strict=True)}


def _side_by_side(make: Callable[[pa.Field], Made], fields: Sequence[pa.Field]) -> list[Made]:
    with ThreadPoolExecutor(_AT_ONCE, "perflab-columns") as threads:
        try:
            coming = [threads.submit(make, field) for field in fields]
        except RuntimeError:  # the interpreter is ending, and begins no more threads
            return [make(field) for field in fields]
        return [future.result() for future in coming]


class _Held:
    """A table; a column that an older version did not record is missing values."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self.rows: int = table.num_rows

    def pieces(self, field: pa.Field) -> Iterable[pa.Array]:
        import pyarrow as pa

        if field.name not in self._table.column_names:
            return [pa.nulls(self.rows, field.type)]
        pieces: list[pa.Array] = self._table.column(field.name).chunks
        return pieces


class _Stored:
    """A file, open until the stack is left, that several threads may read."""

    def __init__(self, file: Path, stack: ExitStack) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        check_footer(file)
        self._file = stack.enter_context(pa.OSFile(str(file)))
        self._facts = pq.ParquetFile(self._file).metadata
        self.rows: int = self._facts.num_rows

    def pieces(self, field: pa.Field) -> Iterator[pa.Array]:
        import pyarrow.parquet as pq

        return column_pieces(pq.ParquetFile(self._file, metadata=self._facts, page_checksum_verification=True), field)
