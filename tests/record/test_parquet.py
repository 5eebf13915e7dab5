from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from record_tables import START, accesses, table

from perflab.record import columns
from perflab.record import parquet as files
from perflab.record.arrow import arrow_schema
from perflab.record.parquet import column_pieces, range_of, read_file, time_range, write_file
from perflab.record.rows import conform
from perflab.record.where import Where

SECOND = 1_000_000


@pytest.fixture
def groups_of_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ROW_GROUP", 10)


def written(path: Path, *tables: pa.Table, frame: str = "accesses") -> Path:
    file = path / "rows.parquet"
    write_file(file, tables, arrow_schema(frame))
    return file


def zipf_log(rows: int, distinct: int, *, same_size: bool) -> pa.Table:
    """Return hits 1 to 50 µs apart, their keys by Zipf's law."""
    rng = np.random.default_rng(2026)
    weights = np.cumsum(1 / np.arange(1, distinct + 1))
    key = rng.permutation(distinct)[np.searchsorted(weights / weights[-1], rng.random(rows))]
    sizes = np.full(distinct, 100) if same_size else rng.lognormal(7.5, 1.2, distinct).astype(np.int64)
    known = {
        "run_id": pa.array(["run"] * rows),
        "t": pa.array(START + np.cumsum(rng.integers(1, 51, rows)), pa.timestamp("us", tz="UTC")),
        "key": pa.array([f"key-{number}" for number in key]),
        "event": pa.array(["hit"] * rows),
        "tier": pa.array(["l1"] * rows),
        "nbytes": pa.array(sizes[key]),
        "stream": pa.array(["MainThread"] * rows),
    }
    return conform("accesses", pa.table(known))


@pytest.mark.parametrize(
    ("distinct", "same_size"),
    [(10_000, True), (10_000, False), (100_000, True)],
    ids=["10k keys", "10k keys, sizes by key", "100k keys"],
)
def test_an_access_log_with_exact_time_takes_four_bytes_a_row_or_less(
    tmp_path: Path, distinct: int, same_size: bool
) -> None:
    rows = 1 << 19
    file = written(tmp_path, zipf_log(rows, distinct, same_size=same_size))
    assert file.stat().st_size / rows <= 4


@pytest.mark.usefixtures("groups_of_ten")
def test_rows_come_back_as_they_were_however_they_were_cut(tmp_path: Path) -> None:
    rows = accesses(57)
    file = written(tmp_path, rows.slice(0, 3), rows.slice(3, 0), rows.slice(3, 31), rows.slice(34))
    assert read_file(file).to_pylist() == rows.to_pylist()
    assert [pq.ParquetFile(file).metadata.row_group(group).num_rows for group in range(6)] == [10] * 5 + [7]


def test_a_row_group_holds_no_text_that_it_does_not_use(tmp_path: Path) -> None:
    shared = pa.DictionaryArray.from_arrays(
        pa.array([0, 1], pa.int32()), pa.array([f"key-{n}" * 9 for n in range(9_999)])
    )
    rows = accesses(2)
    file = written(tmp_path, rows.set_column(2, rows.schema.field("key"), shared))
    assert file.stat().st_size < 10_000
    assert read_file(file)["key"].to_pylist() == ["key-0" * 9, "key-1" * 9]


@pytest.mark.parametrize("frame", ["accesses", "operations", "samples"])
def test_units_and_meanings_stand_in_the_file(tmp_path: Path, frame: str) -> None:
    schema = pq.ParquetFile(written(tmp_path, frame=frame)).schema_arrow
    assert schema.metadata[b"frame"].decode() == frame
    for column in columns(frame):
        known = schema.field(column.name).metadata
        assert (known[b"unit"].decode(), known[b"meaning"].decode()) == (column.unit, column.meaning)


def test_categories_stay_categories(tmp_path: Path) -> None:
    assert read_file(written(tmp_path, accesses(3))).schema.field("key").type == pa.dictionary(pa.int32(), pa.string())


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(tmp_path: Path) -> None:
    file = written(tmp_path, accesses(3))

    def failing() -> Iterator[pa.Table]:
        yield accesses(7)
        assert read_file(file).num_rows == 3
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_file(file, failing(), arrow_schema("accesses"))
    assert read_file(file).num_rows == 3
    assert [path.name for path in tmp_path.iterdir()] == ["rows.parquet"]


def test_columns_come_in_the_order_asked_for_and_unknown_ones_not_at_all(tmp_path: Path) -> None:
    file = written(tmp_path, accesses(3))
    assert read_file(file, ["nbytes", "t", "later"]).column_names == ["nbytes", "t"]
    assert read_file(file, ["nbytes", "later"], Where(event="hit")).to_pydict() == {"nbytes": [100, 200]}


def spoil(file: Path, group: int) -> None:
    """Overwrite the rows of one row group with zeros."""
    facts = pq.ParquetFile(file).metadata.row_group(group)
    chunks = [facts.column(number) for number in range(facts.num_columns)]
    start = min(chunk.dictionary_page_offset or chunk.data_page_offset for chunk in chunks)
    content = bytearray(file.read_bytes())
    size = sum(chunk.total_compressed_size for chunk in chunks)
    content[start : start + size] = bytes(size)
    file.write_bytes(content)


@pytest.mark.usefixtures("groups_of_ten")
@pytest.mark.parametrize(
    ("where", "found"),
    [
        (Where(since="20s").between(START, START), 10),
        (Where(since="25s", until="26s").between(START, START), 1),
        (Where(since="20s", event="miss").between(START, START), 3),
        (Where(key="z"), 0),
        (Where(stream="main"), 0),
    ],
    ids=["since", "since and until", "with an event", "a key that sorts after", "a column that is missing"],
)
def test_row_groups_that_can_hold_no_wanted_row_are_not_read(tmp_path: Path, where: Where, found: int) -> None:
    file = written(tmp_path, accesses(30))
    spoil(file, 0)
    spoil(file, 1)
    with pytest.raises((OSError, pa.ArrowException)):
        read_file(file)
    assert read_file(file, None, where).num_rows == found


@pytest.mark.usefixtures("groups_of_ten")
def test_the_range_of_times_is_known_without_reading_rows(tmp_path: Path) -> None:
    file = written(tmp_path, accesses(15), accesses(10, first=30))
    spoil(file, 0)
    assert time_range(file) == (START, START + 39 * SECOND)


def test_the_range_of_a_table_is_the_same() -> None:
    assert range_of(accesses(15)) == (START, START + 14 * SECOND)
    assert range_of(accesses(0)) is None


def test_no_row_and_no_known_time_have_no_range(tmp_path: Path) -> None:
    assert time_range(written(tmp_path)) is None
    rows = accesses(3)
    unknown = rows.set_column(1, rows.schema.field("t"), pa.nulls(3, rows.schema.field("t").type))
    file = written(tmp_path, unknown)
    assert time_range(file) is None
    assert read_file(file, None, Where(since="2000-01-01T00:00Z")).num_rows == 0
    assert read_file(file, None, Where(event="hit")).num_rows == 2


def test_files_of_other_programs_are_filtered_too(tmp_path: Path) -> None:
    file = tmp_path / "foreign.parquet"
    times = pd.date_range("2026-01-01", periods=4, freq="s", tz="Europe/Berlin").as_unit("ns")
    pd.DataFrame({"t": times, "key": ["a", "b", "a", "c"], "stream": [1, 2, 3, 4]}).to_parquet(file)
    assert time_range(file) == (times[0].value // 1000, times[3].value // 1000)
    assert read_file(file, ["key"], Where(since=times[2]))["key"].to_pylist() == ["a", "c"]
    assert read_file(file, None, Where(key="a")).num_rows == 2


def test_pandas_is_not_imported_to_write_read_or_filter(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from perflab.record.arrow import arrow_schema, to_table
from perflab.record.frames import columns
from perflab.record.parquet import column_pieces, write_file
from perflab.record.rows import gather
from perflab.record.where import Where
names = [column.name for column in columns("accesses")]
known = {{"t": list(range(9)), "key": list("012012012"), "event": ["hit"] * 9}}
file = Path({str(tmp_path)!r}) / "rows.parquet"
table = to_table("accesses", [known.get(name, [None] * 9) for name in names])
write_file(file, [table, table], arrow_schema("accesses"))
found = gather("accesses", [file, table], ["key"], Where(since="-1s", key=["1", "2"], event="hit"))
print(found.num_rows, {{"pandas", "pyarrow.dataset"}} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "18 set()"


def test_rows_without_a_frame_of_their_own_time_are_written(tmp_path: Path) -> None:
    rows = table("samples", {"workload": "w", "wall_s": 0.5, "pair": -1, "outlier": False}, {"wall_s": None})
    assert read_file(written(tmp_path, rows, frame="samples")).to_pylist() == rows.to_pylist()


@pytest.mark.parametrize("length", [1, 32, 33, 200])
def test_row_groups_that_are_alike_are_told_by_their_statistics(
    length: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perflab.record.parquet.ROW_GROUP", 4)
    one, other = "a" * length, "a" * (length - 1) + "b"
    texts: list[str | None] = [*[one] * 8, one, other, one, one, *[None] * 4, None, one, None, None, *[other] * 3]
    rows = len(texts)
    columns = {
        "text": pa.array(texts, pa.string()).dictionary_encode(),
        "number": pa.array([7] * 8 + [None] * 8 + list(range(rows - 16)), pa.int64()),
        "truth": pa.array([True] * 4 + [None] * 4 + [False] * (rows - 8)),
    }
    table = pa.table(columns)
    write_file(tmp_path / "x.parquet", [table], table.schema)
    with pq.ParquetFile(tmp_path / "x.parquet") as opened:
        assert opened.num_row_groups == 6
        read: dict[str, list[int]] = {"text": [], "number": [], "truth": []}
        read_group = opened.read_row_group

        def watched(group: int, names: list[str], **options: Any) -> pa.Table:
            read[names[0]].append(group)
            return read_group(group, names, **options)

        monkeypatch.setattr(opened, "read_row_group", watched)
        for field in table.schema:
            column = pa.chunked_array(list(column_pieces(opened, field)))
            assert column.to_pylist() == table[field.name].to_pylist()
            assert column.type == field.type
    # Four of the six groups of the text are alike, as far as it is sure that their statistics are whole.
    assert read["text"][:2] == ([2, 4] if length <= 32 else [0, 1])
    assert read["truth"] == []
