"""Exports: complete, versioned, and inert whatever the text holds.

In: synthetic runs. Out: Markdown, JSON, CSV and Parquet, read back with other libraries.
"""

from __future__ import annotations

import csv
import json
import re
from importlib.resources import files
from pathlib import Path

import jsonschema
import pandas as pd
import present_frames as made
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_report import HOSTILE, hostile

from perflab.errors import ConfigError, RunError
from perflab.present import ReportData, escape, export
from perflab.present.formats import EXPORTS, write_export
from perflab.record.frames import FRAMES

UNSAFE = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def test_json_is_versioned_and_strict() -> None:
    text = export.to_json(made.typical())
    document = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert document["schema"] == "perflab.run/1"
    assert document["rows"]["accesses"] == len(made.typical().frames["accesses"])
    assert document["targets"][0]["actual"] == 7.94
    assert next(row for row in document["targets"] if row["name"] == "cache.memory")["actual"] is None
    assert document["frames"]["samples"][0]["t"] == "2026-03-01T12:00:00+00:00"
    assert document["frames"]["samples"][0]["pair"] == -1
    assert document["info"]["config"]["max_parallel_operations"] == 4
    assert export.to_json(made.typical()) == text


@pytest.mark.parametrize("data", [made.typical(), made.live(), hostile()], ids=["benchmark", "live", "hostile"])
def test_json_is_as_its_schema_says(data: ReportData) -> None:
    schema = json.loads(files("perflab.present").joinpath("run.schema.json").read_text("utf-8"))
    assert schema["$id"] == export.JSON_SCHEMA
    jsonschema.Draft202012Validator(schema).validate(json.loads(export.to_json(data)))


def test_markdown_has_the_verdicts() -> None:
    text = export.to_markdown(made.typical("cancelled"))
    assert text.startswith("# perflab: nightly\n\n**This run was cancelled.")
    assert "| cache.hit\\_rate | &gt; 90.0 % | 93.0 % | 92.0 % to 94.0 % | ✓ pass |" in text


def test_text_tables_align() -> None:
    from perflab.present import sections

    lines = sections.targets(made.targets()).text().splitlines()
    column = lines[0].index("verdict")
    assert {line[column - 1] for line in lines} == {" "}
    assert all(line[column] in "v-✓✗?–" for line in lines)


def test_hostile_text_is_inert_in_text_formats() -> None:
    data = hostile()
    for text in (export.to_markdown(data), export.to_json(data)):
        assert not UNSAFE.search(text)
        assert text.encode("utf-8")
    assert "<script" not in export.to_markdown(data)
    table = [line for line in export.to_markdown(data).splitlines() if line.startswith("| ")]
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table if line.startswith("| &lt;script")}
    assert max(widths) <= 13


def test_hostile_text_is_inert_in_csv(tmp_path: Path) -> None:
    data = hostile()
    keys = ["=HYPERLINK(1)", "+1", "-1", "@x", "\t=1"]
    data.frames["operations"]["key"] = keys  # type: ignore[index]
    paths = export.to_csv(tmp_path / "out", data)
    assert {path.stem for path in paths} == {*FRAMES, "metrics"}
    for path in paths:
        text = path.read_text("utf-8")
        assert not UNSAFE.search(text)
        rows = list(csv.reader(text.splitlines()))
        assert all(not cell.startswith(("=", "+", "@", "\t", "\r")) for row in rows for cell in row)
    with (tmp_path / "out" / "operations.csv").open(encoding="utf-8", newline="") as file:
        assert [row["key"] for row in csv.DictReader(file)] == ["'=HYPERLINK(1)", "'+1", "'-1", "'@x", "'\\t=1"]


def test_negative_numbers_stay_numbers_in_csv(tmp_path: Path) -> None:
    export.to_csv(tmp_path, made.typical())
    assert pd.read_csv(tmp_path / "samples.csv")["pair"].min() == -1


def test_parquet_round_trips(tmp_path: Path) -> None:
    data = made.typical()
    paths = export.to_parquet(tmp_path / "out", data)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(path.name for path in paths)
    back = pd.read_parquet(tmp_path / "out" / "accesses.parquet")
    assert back["duration_s"].equals(data.frames["accesses"]["duration_s"])
    assert back["event"].astype(str).equals(data.frames["accesses"]["event"].astype(str))
    assert back["nbytes"].sum() == data.frames["accesses"]["nbytes"].sum()


def test_parquet_keeps_hostile_text(tmp_path: Path) -> None:
    export.to_parquet(tmp_path, hostile())
    assert set(pd.read_parquet(tmp_path / "operations.parquet")["error"]) == {escape.storable(f"{HOSTILE}\ud800")}


@pytest.mark.parametrize("write", [export.to_csv, export.to_parquet])
def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path, write: object) -> None:
    (tmp_path / "file").write_text("")
    data = ReportData({}, pd.DataFrame(), pd.DataFrame())
    with pytest.raises(RunError, match="choose another folder"):
        write(tmp_path / "file", data)  # type: ignore[operator]


def test_events_are_json_lines(tmp_path: Path) -> None:
    path = export.write_events(tmp_path / "events.jsonl", made.typical())
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["name"] for line in lines] == made.typical().tables["events"]["name"].tolist()
    assert lines[0]["payload"] == {"usage": 1.5}
    assert pd.Timestamp(lines[0]["t"]) == made.typical().tables["events"]["t"].iloc[0]


@pytest.mark.parametrize("kind", EXPORTS)
def test_a_run_is_written_as_each_kind(kind: str, tmp_path: Path) -> None:
    path = write_export(kind, tmp_path / "out", made.typical())
    assert path.exists()
    assert sum(file.stat().st_size for file in [path, *(path.iterdir() if path.is_dir() else [])]) > 100


def test_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'docx' is nothing that a run is written as; there are html, markdown"):
        write_export("docx", tmp_path / "out", made.typical())


def test_files_are_written(tmp_path: Path) -> None:
    data = ReportData({}, pd.DataFrame(), pd.DataFrame())
    assert json.loads(export.write_json(tmp_path / "r.json", data).read_text("utf-8"))["schema"]
    assert export.write_markdown(tmp_path / "r.md", data).read_text("utf-8").startswith("# perflab report")


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(exclude_categories=())))
def test_no_text_escapes(text: str) -> None:
    assert not UNSAFE.search(escape.visible(text))
    assert not re.search(r"[<>\"']", escape.html(text))
    assert not re.search(r"<|(?<!\\)(?:\\\\)*[|`]", escape.markdown(text))
    assert not escape.csv_cell(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert len(escape.shorten(text, 20)) <= 20
    escape.storable(text).encode("utf-8")
