from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_tables import START, accesses, table

from perflab.errors import ConfigError
from perflab.record.arrow import arrow_schema
from perflab.record.dataframe import to_dataframe
from perflab.record.parquet import write_file
from perflab.record.rows import conform, gather
from perflab.record.where import Where

texts = st.sampled_from(["a", "b", "c"])
rows_of_any_kind = st.lists(
    st.fixed_dictionaries(
        {"t": st.integers(0, 9_000_000), "key": st.none() | texts, "event": st.sampled_from(["hit", "miss"])},
    ),
    max_size=12,
)
wheres = st.builds(
    Where,
    since=st.none() | st.integers(-9, 9),
    until=st.none() | st.integers(-9, 9),
    key=st.none() | st.lists(texts, max_size=2),
    event=st.none() | st.sampled_from(["hit", "miss"]),
)


def by_pandas(frame: pd.DataFrame, where: Where) -> pd.DataFrame:
    """Return the rows that are wanted, found another way."""
    wanted = pd.Series(True, index=frame.index)
    ends = {True: frame["t"].max(), False: frame["t"].min()}
    if where.since is not None:
        wanted &= frame["t"] >= ends[where.since < pd.Timedelta(0)] + where.since  # type: ignore[operator]
    if where.until is not None:
        wanted &= frame["t"] < ends[where.until < pd.Timedelta(0)] + where.until  # type: ignore[operator]
    for field in ("key", "event"):
        if getattr(where, field) is not None:
            wanted &= frame[field].isin(getattr(where, field))
    return frame[wanted]


@settings(deadline=None, max_examples=60)
@given(pieces=st.lists(rows_of_any_kind, max_size=4), where=wheres, stored=st.integers(0, 4))
def test_rows_of_tables_and_files_are_those_that_pandas_would_pick(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[list[dict[str, Any]]], where: Where, stored: int
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    sources: list[pa.Table | Path] = [table("accesses", *piece) for piece in pieces]
    everything = to_dataframe(gather("accesses", sources))
    for place, source in enumerate(sources[:stored]):
        file = folder / f"{place}.parquet"
        write_file(file, [source], arrow_schema("accesses"))
        sources[place] = file
    found = to_dataframe(gather("accesses", sources, ["key", "t"], where))
    expected = by_pandas(everything, where)[["key", "t"]]
    assert found.astype({"key": "str"}).values.tolist() == expected.astype({"key": "str"}).values.tolist()


def test_spans_count_from_the_ends_of_all_sources(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    write_file(file, [accesses(10)], arrow_schema("accesses"))
    found = gather("accesses", [file, accesses(10, first=10)], ["t"], Where(since="-12s", until="9s"))
    assert [time.timestamp() - START / 1e6 for time in found["t"].to_pylist()] == [7, 8]


def test_accesses_come_in_order_of_time_and_of_one_time_in_order_of_their_sources() -> None:
    late, early = (
        table("accesses", {"t": 5, "key": "b"}, {"t": 5, "key": "c"}),
        table("accesses", {"t": 5, "key": "d"}, {"t": 1, "key": "a"}),
    )
    for columns in (["key"], ["t", "key"], None):
        found = gather("accesses", [late, early], columns)
        assert found["key"].to_pylist() == ["a", "b", "c", "d"]
        assert columns is None or found.column_names == columns
    assert gather("accesses", [early])["key"].to_pylist() == ["a", "d"]


def test_rows_of_one_time_stay_as_they_are_however_many() -> None:
    same = table("accesses", *({"t": 9, "key": f"{number:03}"} for number in range(300)))
    early = table("accesses", {"t": 1, "key": "first"})
    assert gather("accesses", [same, early])["key"].to_pylist() == ["first", *same["key"].to_pylist()]


def test_accesses_without_times_stay_in_the_order_of_their_sources() -> None:
    rows = accesses(4)
    unknown = rows.set_column(1, rows.schema.field("t"), pa.nulls(4, rows.schema.field("t").type))
    assert gather("accesses", [accesses(1, first=9), unknown])["key"].to_pylist() == ["key-9", *rows["key"].to_pylist()]


def test_no_source_gives_a_table_of_the_frame() -> None:
    assert gather("accesses", []).schema.equals(arrow_schema("accesses"), check_metadata=True)
    assert gather("accesses", [], ["t", "key"], Where(since="-1s")).schema.names == ["t", "key"]


def test_units_stay_with_chosen_columns() -> None:
    schema = gather("accesses", [accesses(2)], ["nbytes"], Where(event="hit")).schema
    assert schema.field("nbytes").metadata[b"unit"] == b"bytes"
    assert schema.metadata[b"frame"] == b"accesses"


def test_what_an_older_version_wrote_has_missing_values_for_new_columns(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    old = accesses(4).drop_columns(["t_estimated"])
    old = old.set_column(2, "key", old["key"].cast(pa.string())).append_column("gone", pa.nulls(4))
    pq.write_table(old, file)
    found = gather("accesses", [file], None, Where(key="key-2"))
    assert found.schema.equals(arrow_schema("accesses"))
    assert found.select(["key", "t_estimated"]).to_pylist() == [{"key": "key-2", "t_estimated": None}]


def test_a_column_that_nobody_has_is_refused() -> None:
    with pytest.raises(ConfigError, match="columns has 'colour'"):
        gather("accesses", [accesses(1)], ["colour"])


def test_conform_keeps_types_and_order() -> None:
    mixed = pa.table({"nbytes": pa.array([1], pa.int32()), "run_id": pa.array(["r"])})
    assert conform("accesses", mixed).schema.equals(arrow_schema("accesses"), check_metadata=True)
