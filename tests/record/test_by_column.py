from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from record_tables import accesses

from perflab.record.by_column import by_column
from perflab.record.rows import gather


class Column:
    """What the tests make of a column: its type, its number of values and its values."""

    def __init__(self, kind: pa.DataType, rows: int, pieces: Iterable[pa.Array]) -> None:
        self.kind, self.rows = kind, rows
        self.held = [value for piece in pieces for value in piece.to_pylist()]

    def take(self, indices: NDArray[np.int64]) -> Column:
        taken = Column(self.kind, self.rows, [])
        taken.held = [self.held[place] for place in indices]
        return taken


def file_of(rows: pa.Table, folder: Path, row_group_size: int | None = None) -> Path:
    file = folder / "rows.parquet"
    pq.write_table(rows, file, row_group_size=row_group_size)
    return file


@pytest.mark.parametrize("frame", ["accesses", "events"])
def test_columns_are_those_of_the_table(frame: str, tmp_path: Path) -> None:
    early, late = accesses(20), accesses(20, first=15)  # they overlap, so that they must be put in order
    sources = [late, file_of(early, tmp_path, 7)] if frame == "accesses" else []
    made = by_column(frame, sources, Column)
    whole = gather(frame, sources)
    assert {name: column.held for name, column in made.items()} == whole.to_pydict()
    assert [column.kind for column in made.values()] == whole.schema.types
    assert {column.rows for column in made.values()} == {whole.num_rows}


def test_rows_in_order_are_not_moved(tmp_path: Path) -> None:
    class Fixed(Column):
        def take(self, indices: NDArray[np.int64]) -> Fixed:
            raise AssertionError(f"rows in order were moved to {indices}")

    made = by_column("accesses", [file_of(accesses(20), tmp_path, 7), accesses(5, first=20)], Fixed)
    assert len(made["t"].held) == 25


def test_a_column_that_a_source_lacks_is_missing(tmp_path: Path) -> None:
    rows = accesses(3).drop_columns(["reason"])
    for source in (rows, file_of(rows, tmp_path)):
        made = by_column("accesses", [source], Column)
        assert made["reason"].held == [None, None, None]
        assert made["t"].rows == 3


def test_a_missing_file_is_told_before_anything_is_made(tmp_path: Path) -> None:
    made = []
    with pytest.raises(FileNotFoundError):
        by_column("accesses", [accesses(3), tmp_path / "gone.parquet"], lambda *column: made.append(column))
    assert made == []


def test_what_goes_wrong_in_a_thread_is_told() -> None:
    def fails(*column: object) -> Column:
        raise ZeroDivisionError(len(column))

    with pytest.raises(ZeroDivisionError, match="3"):
        by_column("accesses", [accesses(3)], fails)
