"""Stored runs: compared with each other, and one after the other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import perflab
from perflab.cli.app import app
from perflab.errors import RunError
from perflab.record import Recorder
from perflab.system.comparison import report_on
from perflab.system.run import describe_run

CLI = CliRunner()


def stored(folder: Path, optimized_s: float, *, source: str = "one", started: str = "", **settings: object) -> Path:
    """Keep a run of 12 pairs in which the baseline takes 1 s."""
    config = perflab.Config(**settings)
    recorder = Recorder(folder, config.record, info=describe_run(config, "work"))
    for pair in range(12):
        for arm, seconds in (("baseline", 1.0), ("optimized", optimized_s)):
            row = {"workload": "work", "state": "any", "arm": arm, "pair": pair, "purpose": "time"}
            recorder.add(
                "samples",
                **row,
                wall_s=seconds * (1 + 0.002 * (pair % (3 if arm == "baseline" else 5))),
                source_digest=source,
            )
    name = "work.time"
    recorder.add("targets", name=name, expression="work.time < 1 s", unit="s", actual=optimized_s, verdict="pass")
    if started:
        recorder.note(started=started)
    recorder.close()
    return folder


def test_what_was_set_differently_stands_beside_what_came_out_differently(tmp_path: Path) -> None:
    a = stored(tmp_path / "a", 0.5)
    b = stored(tmp_path / "b", 0.6, source="two", cache={"l1_bytes": "10MB"})
    found = perflab.compare(a, b)
    apart = found.differences().set_index("name")
    assert apart["kind"].to_dict() == {
        "work baseline": "source",
        "work optimized": "source",
        "cache.l1_bytes": "settings",
    }
    assert apart["b"]["cache.l1_bytes"] == 10_000_000
    assert found.frame().set_index("name")["verdict"]["work.time"] == "higher"
    assert not found.same_series
    assert "Not one series: source, settings differ." in found._repr_html_()


def test_runs_are_reported_side_by_side(tmp_path: Path) -> None:
    a, b, c = (stored(tmp_path / name, seconds) for name, seconds in (("a", 0.5), ("b", 0.6), ("c", 0.4)))
    text = perflab.compare(a, b).report(tmp_path / "two.html").read_text()
    assert "2 runs compared" in text
    assert "run B" in text
    text = report_on(tmp_path / "three.html", *map(perflab.open_run, (a, b, c))).read_text()
    assert "Run B against run A" in text
    assert "Run C against run A" in text
    with pytest.raises(RunError, match=r"a report is one of \.html"):
        perflab.compare(a, b).report(tmp_path / "two.md")


def test_equal_runs_are_one_series_and_within_noise(tmp_path: Path) -> None:
    found = perflab.compare(stored(tmp_path / "a", 0.5), perflab.open_run(stored(tmp_path / "b", 0.5005)))
    assert found.same_series
    assert set(found.frame()["verdict"]) == {"within noise"}
    assert found.fails("time_ratio > 1.10")[0] == 0


@pytest.mark.parametrize(("condition", "code"), [("time_ratio > 1.10", 1), ("time_ratio > 1.30", 0), ("time > x", 2)])
def test_the_command_ends_with_the_code_of_its_conditions(tmp_path: Path, condition: str, code: int) -> None:
    a, b = stored(tmp_path / "a", 0.5), stored(tmp_path / "b", 0.6)
    result = CLI.invoke(app, ["compare", str(a), str(b), "--fail-if", condition])
    assert result.exit_code == code, result.output
    if code != 2:
        assert "work.time" in result.output
        assert f"fails if {condition}" in result.output


def test_history_tells_series_apart_and_where_a_level_begins(tmp_path: Path) -> None:
    for number in range(36):
        level = 0.5 if number < 18 else 0.7
        started = f"2026-01-{1 + number // 24:02}T{number % 24:02}:00:00+00:00"
        stored(tmp_path / f"run-{number:02}", level + 0.001 * (number % 3), started=started)
    stored(tmp_path / "other", 0.9, source="two")
    (tmp_path / "no-run").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{")
    found = perflab.history(tmp_path)
    assert found["series"].value_counts().to_list() == [36, 1]
    most = found[found["series"] == found["series"].mode()[0]].reset_index()
    assert list(most.index[most["change"].astype(bool)]) == [18]
    assert found[found["value"] == 0.9]["change"].isna().all()
    shown = CLI.invoke(app, ["history", "--runs", str(tmp_path)])
    assert shown.exit_code == 0
    assert shown.output.count("new level") == 1


def test_history_of_any_metric_and_of_no_folder(tmp_path: Path) -> None:
    stored(tmp_path / "a", 0.5)
    found = perflab.history(tmp_path, ["work.time_reduction"])
    assert list(found["value"].round(2)) == [0.5]
    with pytest.raises(RunError, match="no folder of runs"):
        perflab.history(tmp_path / "missing")
    assert json.loads((tmp_path / "a" / "run.json").read_text())["status"] == "finished"
