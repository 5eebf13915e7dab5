from __future__ import annotations

import html
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_tables import accesses, table

from perflab.errors import ConfigError, RunError
from perflab.record import FRAMES, Frames, columns
from perflab.record.arrow import empty_table
from perflab.record.rows import gather
from perflab.record.where import Where

DTYPES = {
    "category": "category",
    "string": "str",
    "int": "Int64",
    "float": "float64",
    "bool": "boolean",
    "time": "datetime64[us, UTC]",
}


def frames_of(tables: Mapping[str, pa.Table], **more: Any) -> Frames:
    def read(frame: str, columns: Sequence[str] | None = None, where: Where | None = None) -> pa.Table:
        return gather(frame, [tables[frame]] if frame in tables else [], columns, where)

    return Frames(read, **more)


@pytest.fixture
def frames() -> Frames:
    return frames_of(
        {"accesses": accesses(30), "operations": table("operations", {"name": "parse", "operation_id": 1})}
    )


@given(
    st.lists(st.integers(0, 50), max_size=40) | st.lists(st.none() | st.integers(0, 50), max_size=40),
    st.integers(1, 40),
)
def test_the_newest_rows_are_those_with_the_latest_times_if_all_have_one(seconds: list[int | None], most: int) -> None:
    times = pa.array([None if one is None else one * 1_000_000 for one in seconds], pa.timestamp("us", tz="UTC"))
    events = table("events", *({"name": f"event-{number}"} for number in range(len(seconds))))
    whole = frames_of({"events": events.set_column(events.schema.get_field_index("t"), "t", times)})
    part = whole.newest(most)
    latest = sorted((one for one in seconds if one is not None), reverse=True)
    if len(seconds) <= most or len(latest) < len(seconds):
        assert part.events.equals(whole.events)
        return
    wanted = whole.events[whole.events["t"] >= pd.Timestamp(latest[most - 1], unit="s", tz="UTC")]
    assert part.events["name"].tolist() == wanted["name"].tolist()
    assert part.describe().query("frame == 'events'")["rows"].iloc[0] == len(wanted) >= most
    middle = pd.Timestamp(25, unit="s", tz="UTC").to_pydatetime()
    both = wanted[wanted["t"] >= middle]
    assert part.select("events", ["name"], since=middle)["name"].tolist() == both["name"].tolist()
    assert part.select("events", ["name"], name="event-0")["name"].tolist() == [
        name for name in wanted["name"] if name == "event-0"
    ]


@pytest.mark.parametrize("frame", FRAMES)
def test_every_frame_has_the_documented_columns_and_dtypes_also_without_rows(frame: str) -> None:
    recorded = frames_of({})[frame]
    assert {name: str(dtype) for name, dtype in recorded.dtypes.items()} == {
        column.name: DTYPES[column.dtype] for column in columns(frame)
    }


def test_values_are_those_that_were_recorded_and_gaps_are_missing() -> None:
    rows = accesses(3)
    shown = frames_of(
        {"accesses": pa.concat_tables([rows, accesses(2, first=3, operation="parse", operation_id=7)])}
    ).accesses
    assert shown["key"].tolist() == [f"key-{number}" for number in range(5)]
    assert shown["tier"].isna().tolist() == [True, False, False, True, False]
    assert shown["operation_id"].fillna(-1).tolist() == [-1, -1, -1, 7, 7]
    assert shown["operation"].isna().tolist() == [True] * 3 + [False] * 2
    assert shown["t_estimated"].isna().all()
    assert shown["duration_s"].isna().all()
    assert (shown["t"].diff().dropna() == pd.Timedelta("1s")).all()


def test_texts_of_many_pieces_are_one_category_each() -> None:
    pieces = pa.concat_tables([accesses(1, first=number) for number in range(25)])
    key = frames_of({"accesses": pieces}).accesses["key"]
    assert len(key.cat.categories) == 10
    assert key.tolist() == [f"key-{number % 10}" for number in range(25)]


@pytest.mark.parametrize("column", ["t", "key", "tier", "nbytes", "duration_s", "t_estimated"])
def test_a_frame_can_be_changed_and_the_record_stays(frames: Frames, column: str) -> None:
    shown = frames.accesses
    shown.loc[0, column] = shown[column].iloc[4]
    again = frames.accesses
    assert again[column].equals(frames.accesses[column])
    if column in ("t", "key", "tier", "nbytes"):
        assert shown[column].iloc[0] == shown[column].iloc[4]
        assert not shown[column].equals(again[column])


def test_units_and_facts_travel_with_every_frame() -> None:
    frames = frames_of({"accesses": accesses(9)}, facts=lambda frame: {"rows_dropped": 3, "of": frame})
    for shown in (frames.accesses, frames.select("accesses", ["duration_s", "t"], event="hit")):
        assert shown.attrs["units"]["duration_s"] == "s"
        assert "nbytes" not in shown.attrs["units"] or "nbytes" in shown
        assert (shown.attrs["rows_dropped"], shown.attrs["of"]) == (3, "accesses")
    assert "key" not in frames.accesses.attrs["units"]
    assert "rows_dropped" not in frames_of({}).accesses.attrs


def test_select_gives_the_rows_and_columns_asked_for(frames: Frames) -> None:
    chosen = frames.select("accesses", ["nbytes", "key"], since="-5s", event=["hit"], tier="l1")
    assert chosen.columns.tolist() == ["nbytes", "key"]
    assert chosen["key"].tolist() == ["key-5", "key-6", "key-8", "key-9"]
    assert frames.select("accesses").equals(frames.accesses)


@pytest.mark.parametrize("frame", FRAMES)
def test_every_frame_can_be_selected_from(frames: Frames, frame: str) -> None:
    assert list(frames.select(frame, since="-1s", run_id="run")) == [column.name for column in columns(frame)]


def test_select_refuses_by_name_what_there_is_not(frames: Frames) -> None:
    with pytest.raises(ConfigError, match="tier is no filter of the frame 'operations'"):
        frames.select("operations", tier="l1")
    with pytest.raises(ConfigError, match="columns has 'size'"):
        frames.select("accesses", ["size"])
    with pytest.raises(ConfigError, match="frame is 'acesses'; the frames are"):
        frames.select("acesses")


def test_a_frame_that_there_is_not_is_refused_by_name(frames: Frames) -> None:
    with pytest.raises(AttributeError, match="no frame 'acesses'; the frames are operations"):
        _ = frames.acesses
    with pytest.raises(KeyError, match="acesses"):
        _ = frames["acesses"]


def test_a_mapping_of_all_frames(frames: Frames) -> None:
    assert tuple(frames) == FRAMES
    assert len(frames) == len(FRAMES)
    assert set(FRAMES) <= set(dir(frames))


def test_describe_has_a_line_a_column_with_dtype_unit_meaning_and_rows(frames: Frames) -> None:
    described = frames.describe()
    assert list(described) == ["frame", "column", "dtype", "unit", "meaning", "rows"]
    assert len(described) == sum(len(columns(frame)) for frame in FRAMES)
    assert (described["meaning"] != "").all()
    known = described.set_index(["frame", "column"])
    assert known["rows"]["accesses"].tolist() == [30] * len(columns("accesses"))
    for frame, shown in frames.items():
        assert known["dtype"][frame].to_dict() == {name: str(dtype) for name, dtype in shown.dtypes.items()}


def test_a_look_at_the_frames_says_rows_and_bytes_and_makes_no_dataframe(
    frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perflab.record.view.to_dataframe", None)
    assert repr(frames).startswith("<Frames operations: 1 (")
    assert "accesses: 30 (" in repr(frames)
    assert "chunks: 0," in repr(frames)
    page = frames._repr_html_()
    assert "<th scope='row'>accesses</th><td>30</td>" in page
    assert page.count("<tr>") == 1 + len(FRAMES)


def test_sizes_that_are_known_are_not_read_for() -> None:
    def unread(frame: str) -> pa.Table:
        raise AssertionError(frame)

    frames = Frames(unread, sizes=lambda frame: (1_234_567, 50_000_000) if frame == "accesses" else (0, 0))
    assert "accesses: 1,234,567 (50.0 MB), chunks: 0" in repr(frames)
    assert "<td>1,234,567</td><td>50.0 MB</td>" in frames._repr_html_()


def test_names_are_text_in_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perflab.record.view.FRAMES", ("<script>",))
    page = Frames(lambda _: empty_table("events"))._repr_html_()
    assert "<script>" not in page
    assert html.escape("<script>") in page


def test_to_parquet_makes_the_folder_and_replaces_what_is_there(frames: Frames, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "export"
    frames_of({}).to_parquet(folder)
    written = frames.to_parquet(str(folder))
    assert sorted(written) == sorted(folder.iterdir()) == sorted(folder / f"{frame}.parquet" for frame in FRAMES)
    assert gather("accesses", [folder / "accesses.parquet"]).to_pylist() == accesses(30).to_pylist()


def test_files_that_are_exported_are_their_owners_alone(frames: Frames, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        (file, *_) = frames.to_parquet(tmp_path)
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_cannot_be_written_is_named(frames: Frames, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"The folder '.*file' cannot be written: File exists; choose another"):
        frames.to_parquet(tmp_path / "file")
