from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from panels import SMALL, reading, said, words

import perflab
from perflab import PerformanceSystem
from perflab.analyze.questions import misses
from perflab.errors import RunError
from perflab.system import Run
from perflab.widgets import Explorer
from perflab.widgets.exporting import FORMATS
from perflab.widgets.why import Miss

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for name, size in (("small", "5 kB"), ("large", "60 kB")):
        config = SMALL.replace(cache={"l1_bytes": size})
        with reading(config, run_dir=folder / name, label=f"{name} {HOSTILE}") as system:
            system.cache.get_or_load(HOSTILE, lambda: 1)
    (folder / "newer").mkdir()
    (folder / "newer" / "run.json").write_text('{"format": 99}')
    return folder


def test_every_run_is_listed_and_one_of_a_newer_version_says_so(runs: Path) -> None:
    listed = Explorer(runs).runs.html
    assert "small" in listed
    assert "large" in listed
    assert "format 99" in listed
    assert "<script>" not in listed


def test_two_runs_are_held_against_each_other(runs: Path) -> None:
    panel = Explorer(runs)
    panel.runs.pick(str(runs / "small"))
    panel.runs.pick(str(runs / "large"))
    assert panel.settle(60)
    shown = words(panel.shown)
    assert "cache.l1_bytes settings 5000 60000" in shown
    assert "▲ higher" in shown
    compared = perflab.compare(runs / "small", runs / "large").frame().set_index("name")
    assert f"{compared.loc['cache.hit_rate', 'b'] * 100:.1f} %" in shown
    panel.runs.pick(str(runs / "large"))
    assert "What came out" not in panel.shown


def test_rows_are_filtered_and_their_number_is_that_of_the_frame(runs: Path) -> None:
    panel = Explorer(runs / "small")
    panel.runs.pick(str(runs / "small"))
    panel.form.put("event", "evict")
    assert panel.settle(60)
    evicted = perflab.open_run(runs / "small").frames.select("accesses", event="evict")
    assert f"The newest 200 of {len(evicted):,} rows." in words(panel.shown) or f"{len(evicted)} rows." in panel.shown
    panel.form.put("text", HOSTILE)
    panel.form.put("event", "miss")
    assert panel.settle(60)
    assert "1 row." in panel.shown
    assert "<script>" not in panel.shown


def cyclic(timestamps: str) -> Run:
    """Return a run in which five keys are read in turn, where three have room, and between them one that stays."""
    settings = SMALL.replace(cache={"l1_bytes": "3 kB", "l2_bytes": 0}, record={"timestamps": timestamps})
    with PerformanceSystem(settings) as system:
        for number in range(40):
            system.cache.get_or_load(f"page-{number % 5}", lambda: "x" * 800)
            for _ in range(number * number % 7):
                system.cache.get_or_load("often", lambda: "y")
    return system.run


def explained(panel: Explorer, picked: str) -> str:
    panel.rows.pick(picked)
    assert panel.settle(60)
    assert said(panel) in words(panel.shown)
    return said(panel)


def told(row: dict[str, Any]) -> str:
    """Return what the sentence on a row of `misses` has to say of how far away its key was."""
    distance = row["reload_distance"]
    return "" if pd.isna(distance) else f" and {distance:,} access{'es' * (distance != 1)} of any key."


@pytest.mark.parametrize("timestamps", ["exact", "off"])
def test_a_miss_is_explained_as_the_whole_frame_tells(timestamps: str) -> None:
    run = cyclic(timestamps)
    panel = Explorer(run)
    panel.form.put("event", "miss")
    assert panel.settle(60)
    rows = misses(run.frames.accesses).to_dict("records")
    assert {row["miss_class"] for row in rows} == {"compulsory", "capacity"}
    assert len({row["reload_distance"] for row in rows if row["miss_class"] == "capacity"}) > 3
    for row in [rows[0], *rows[-6:]]:
        sentence = explained(panel, Miss(run, row["key"], row["t"]).name)
        assert f"{row['key']!r} missed ({row['miss_class']})" in sentence
        assert told(row) in sentence
        assert ("It had been away" in sentence) == (row["miss_class"] == "capacity")


def test_of_many_rows_a_miss_is_explained_by_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perflab.widgets.rows.MOST_READ", 60)
    run = cyclic("exact")
    panel = Explorer(run)
    panel.form.put("event", "miss")
    assert panel.settle(60)
    rows = [row for row in misses(run.frames.accesses).to_dict("records") if row["miss_class"] == "capacity"]
    last, first = rows[-1], rows[-len(panel.missed)]
    assert told(last) in explained(panel, Miss(run, last["key"], last["t"]).name)
    sentence = explained(panel, Miss(run, first["key"], first["t"]).name)
    assert "none of the rows before it that were looked at has it" in sentence
    assert "the newest 60 rows" in sentence


def test_while_a_miss_is_looked_into_a_hand_is_not_kept_waiting(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    may_end = threading.Event()
    monkeypatch.setattr("perflab.widgets.explorer.explained_miss", lambda _: may_end.wait(60) and "It was there.")
    panel = Explorer(perflab.open_run(runs / "small"))
    panel.form.put("event", "miss")
    assert panel.settle(60)
    panel.rows.pick(next(iter(panel.missed)))
    assert said(panel) == "Looking why."
    assert not panel.settle(0)
    may_end.set()
    assert panel.settle(60)
    assert said(panel) == "It was there."


def test_a_click_on_an_older_table_explains_the_row_that_was_clicked(runs: Path) -> None:
    panel = Explorer(perflab.open_run(runs / "small"))
    assert panel.settle(60)
    older = dict(panel.missed)
    panel.form.put("event", "miss")
    assert panel.settle(60)
    picked = next(name for name in older if name in panel.missed)
    assert f"{older[picked].key!r} missed" in explained(panel, picked)
    panel.form.put("event", "evict")
    assert panel.settle(60)
    panel.rows.pick(picked)
    assert said(panel) == "✗ The table has changed meanwhile; pick a row of the one that is shown."


CHUNKS = [
    ("src/one.py", "function", "one.f", "parse", "processed"),
    ("src/one.py", "class", "one.C", "parse", "reused"),
    ("src/two.py", "function", "two.f", "check", "failed"),
    ("notes/two.md", "heading", None, "check", "reused"),
]


@pytest.mark.parametrize(
    ("control", "value", "passing"),
    [
        ("path", "two", [2, 3]),
        ("path", "src/one.py", [0, 1]),
        ("kind", "function", [0, 2]),
        ("text", "one.C", [1]),
        ("operation", "check", [2, 3]),
        ("status", "reused", [1, 3]),
    ],
)
def test_chunks_are_filtered_by_what_they_have(control: str, value: str, passing: list[int]) -> None:
    with PerformanceSystem(SMALL) as system:
        for place, (path, kind, name, operation, status) in enumerate(CHUNKS):
            facts = {"path": path, "kind": kind, "name": name, "operation": operation, "status": status}
            system._recorder.add("chunks", **facts, digest=f"digest-{place}")
        panel = Explorer(system)
        panel.form.put("frame", "chunks")
        panel.form.put(control, value)
        assert panel.settle(60)
    assert control not in panel.form.unused
    shown = words(panel.rows.html)
    assert [place for place in range(len(CHUNKS)) if f"digest-{place}" in shown] == passing
    assert f"{len(passing)} row" in shown


def test_only_controls_that_filter_the_frame_are_shown(runs: Path) -> None:
    panel = Explorer(runs / "small")
    of_chunks, of_accesses = {"status", "kind", "path"}, {"event", "tier"}
    for frame, hidden in {
        "accesses": of_chunks,
        "chunks": of_accesses,
        "operations": of_chunks | of_accesses | {"operation"},
        "resources": of_chunks | of_accesses | {"operation", "text"},
    }.items():
        panel.form.put("frame", frame)
        assert panel.settle(60)
        assert set(panel.form.unused) == hidden, frame


@pytest.mark.parametrize("again", ["look again", "pick another", "let it go"])
def test_a_chosen_run_that_is_deleted_is_let_go(runs: Path, tmp_path: Path, again: str) -> None:
    for name in ("small", "large"):
        shutil.copytree(runs / name, tmp_path / name)
    gone, left = str(tmp_path / "small"), str(tmp_path / "large")
    panel = Explorer(tmp_path)
    panel.runs.pick(gone)
    assert panel.settle(60)
    shutil.rmtree(gone)
    {"look again": panel.refresh, "pick another": lambda: panel.pick(left), "let it go": lambda: panel.pick(gone)}[
        again
    ]()
    assert panel.settle(60)
    assert said(panel).startswith("Run small is gone. ")
    assert panel.selected == ([left] if again == "pick another" else [])
    assert ("Inside run A: large" in words(panel.shown)) == (again == "pick another")
    assert gone not in panel.runs.html
    panel.runs.pick(gone)
    assert "holds no run" in said(panel)
    assert gone not in panel.selected


def test_what_is_said_of_the_chosen_runs_is_so(runs: Path) -> None:
    panel = Explorer(runs)
    small, large = str(runs / "small"), str(runs / "large")
    sentences = []
    for picked in (small, large, large, small):
        panel.runs.pick(picked)
        assert panel.settle(60)
        sentences.append(said(panel))
    assert sentences == [
        "Run A is small. Pick another one to hold it against.",
        "Run B is held against run A.",
        "Run A is small. Pick another one to hold it against.",
        "3 runs. Pick one to look into it, and a second one to hold it against.",
    ]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_run_is_written_in_every_format(runs: Path, tmp_path: Path, kind: str) -> None:
    panel = Explorer(perflab.open_run(runs / "small"))
    panel.export_form.put("place", str(tmp_path / "out"))
    next(button for button in panel.export_buttons if button.description == kind).click()
    assert panel.settle(60)
    (written,) = tmp_path.iterdir()
    assert said(panel) == f"{kind} written to {written}."
    if kind == "HTML":
        again = perflab.open_run(runs / "small").report(tmp_path / "again.html")
        assert written.read_bytes() == again.read_bytes()
    if kind == "JSON":
        assert json.loads(written.read_text())["schema"] == "perflab.run/1"


def test_without_a_run_there_is_nothing_to_write(runs: Path) -> None:
    panel = Explorer(runs)
    panel.export_buttons[0].click()
    assert panel.settle(60)
    assert "No run is chosen" in said(panel)
    assert not any(button.disabled for button in panel.export_buttons)


def test_while_a_run_is_written_a_hand_is_not_kept_waiting(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    may_end = threading.Event()
    monkeypatch.setattr("perflab.widgets.explorer.export_run", lambda *_: may_end.wait(60) and Path("written"))
    panel = Explorer(perflab.open_run(runs / "small"))
    assert panel.settle(60)
    panel.export_buttons[0].click()
    assert said(panel) == "Writing HTML."
    assert all(button.disabled for button in panel.export_buttons)
    may_end.set()
    assert panel.settle(60)
    assert said(panel) == "HTML written to written."
    assert not any(button.disabled for button in panel.export_buttons)


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is no folder of runs"):
        Explorer(tmp_path / "missing")


def test_many_rows_are_looked_at_in_part_and_that_is_said(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perflab.widgets.rows.MOST_READ", 300)
    panel = Explorer(perflab.open_run(runs / "small"))
    assert panel.settle(60)
    assert "Looked at: the newest 300 rows of the frame." in words(panel.shown)


@pytest.mark.parametrize("plot", ["targets", "latency", "resources", "before_after", "none"])
def test_every_plot_of_a_run_can_be_shown(runs: Path, plot: str) -> None:
    panel = Explorer(perflab.open_run(runs / "small"))
    panel.form.put("plot", plot)
    assert panel.settle(60)
    assert ("<svg" in panel.shown) == (plot != "none")
