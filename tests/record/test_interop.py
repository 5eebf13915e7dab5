from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dask
import dask.dataframe as dd
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from record_tables import accesses, table

from perflab.record import FRAMES, Frames, columns
from perflab.record.arrow import empty_table

HIT_RATE_BY_TIER = """
SELECT COALESCE(tier, 'none') AS tier, AVG((event = 'hit')::DOUBLE) AS hit_rate
FROM read_parquet(?) WHERE event IN ('hit', 'miss') GROUP BY ALL
"""
BOUNDS_OF_TIME = """
SELECT row_group_id, stats_min_value <> '' AND stats_max_value <> '' FROM parquet_metadata(?)
WHERE path_in_schema = 't' ORDER BY 1
"""


@pytest.fixture
def frames(monkeypatch: pytest.MonkeyPatch) -> Frames:
    monkeypatch.setattr("perflab.record.parquet.ROW_GROUP", 40)  # several row groups, each with its own dictionaries
    tables = {
        "accesses": pa.concat_tables(
            [
                accesses(90),
                accesses(60, first=90, tier="l2", event="hit", operation="parse", operation_id=4),
                accesses(30, first=150, tier="l2", event="miss", duration_s=0.25, t_estimated=True),
            ]
        ),
        "operations": table("operations", {"name": "parse", "key": "é", "ok": False, "error": "ValueError: 'x'"}),
    }
    return Frames(lambda frame: tables.get(frame, empty_table(frame)))


def asked(query: str, file: Path) -> duckdb.DuckDBPyRelation:
    relation = duckdb.sql(query, params=[str(file)])
    assert relation is not None
    return relation


def by_duckdb(file: Path) -> pd.DataFrame:
    found: pd.DataFrame = asked("SELECT * FROM read_parquet(?)", file).to_arrow_table().to_pandas()
    return found


def by_dask(file: Path) -> pd.DataFrame:
    with dask.config.set(scheduler="synchronous"):
        found: pd.DataFrame = dd.read_parquet(file).compute()
    return found.reset_index(drop=True)


def by_polars(file: Path) -> pd.DataFrame:
    return pl.read_parquet(file).to_pandas()


READERS = {"duckdb": by_duckdb, "dask": by_dask, "polars": by_polars, "pandas": pd.read_parquet}


# Dask itself calls what pandas has deprecated.
@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize("frame", FRAMES)
def test_other_programs_read_the_same_rows(
    frames: Frames, tmp_path: Path, frame: str, read: Callable[[Path], pd.DataFrame]
) -> None:
    frames.to_parquet(tmp_path)
    found, expected = read(tmp_path / f"{frame}.parquet"), frames[frame]
    assert list(found) == list(expected)
    assert len(found) == len(expected)
    for column in columns(frame):
        ours, theirs = expected[column.name], found[column.name]
        assert theirs.isna().tolist() == ours.isna().tolist()
        known = ours.notna()
        if column.dtype == "time":
            assert [pd.Timestamp(time) for time in theirs[known]] == ours[known].tolist()
        else:
            assert theirs[known].astype(object).tolist() == ours[known].astype(object).tolist()


def test_the_hit_rate_by_tier_in_sql_is_that_of_pandas(frames: Frames, tmp_path: Path) -> None:
    frames.to_parquet(tmp_path)
    found = asked(HIT_RATE_BY_TIER, tmp_path / "accesses.parquet").fetchall()
    rows = frames.accesses
    rates = (rows["event"] == "hit").groupby(rows["tier"].astype("str").fillna("none")).mean()
    assert dict(found) == rates.to_dict() == {"l1": 1.0, "l2": 2 / 3, "none": 0.0}


def test_all_rows_of_many_runs_are_read_at_once(frames: Frames, tmp_path: Path) -> None:
    for run in ("first", "second"):
        frames.to_parquet(tmp_path / run)
    both = tmp_path / "*" / "accesses.parquet"
    assert asked("SELECT COUNT(*), COUNT(DISTINCT key) FROM read_parquet(?)", both).fetchall() == [(360, 10)]
    assert pl.scan_parquet(both).select(pl.len()).collect().item() == 360


def test_other_programs_can_skip_row_groups_by_their_times(frames: Frames, tmp_path: Path) -> None:
    frames.to_parquet(tmp_path)
    bounds = asked(BOUNDS_OF_TIME, tmp_path / "accesses.parquet").fetchall()
    assert bounds == [(group, True) for group in range(5)]
