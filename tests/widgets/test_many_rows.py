"""Very many rows: each panel looks at the newest, and says of how many; here at few, `tests/perf` at ten million."""

from __future__ import annotations

from pathlib import Path

import pytest
from panels import SMALL, reading, said, words

from perflab import PerformanceSystem
from perflab.analyze.metrics import metrics
from perflab.record import Frames
from perflab.widgets import Explorer, Monitor, Targets, Tuner, WhatIfPanel
from perflab.widgets.rows import counted

MOST = 300


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perflab.widgets.rows.MOST_READ", MOST)


def looked_at(system: PerformanceSystem) -> str:
    rows = counted(system.frames)
    return f"of {rows['operations']:,} rows of operations the newest 300, of {rows['accesses']:,} rows of accesses"


def test_targets_are_judged_on_the_newest_rows() -> None:
    with reading() as system:
        panel = Targets(system)
        assert panel.settle(60)
        assert looked_at(system) in words(panel.shown)
        part, whole = (hit_rate(frames) for frames in (system.frames.newest(MOST), system.frames))
        assert part != whole
        assert f"{part * 100:.1f} %" in words(panel.shown)
        assert f"{whole * 100:.1f} %" not in words(panel.shown)


def hit_rate(frames: Frames) -> float:
    return float(metrics(frames).set_index("name").loc["cache.hit_rate", "value"])


def test_what_was_judged_when_all_rows_were_there_is_shown_as_it_was() -> None:
    with reading() as system:
        for row in system.targets().to_dict("records"):
            system._recorder.add("targets", **row)
        panel = Targets(system.run)
        assert panel.settle(60)
        assert "Looked at" not in panel.shown


def test_predictions_are_of_the_newest_reads() -> None:
    with reading() as system:
        for panel in (Tuner(system), WhatIfPanel(system)):
            assert panel.settle(60)
            assert looked_at(system) in words(panel.shown)


def test_a_monitor_begins_with_the_newest_accesses() -> None:
    with reading() as system:
        monitor = Monitor(system, every_s=3_600)
        monitor.pause()
        monitor.stop_waiting(30)
        fresh = Monitor(system, every_s=3_600)
        fresh._following.stop()
        fresh.stop_waiting(30)
        fresh.look()  # it may have been stopped before its first look
        assert said(fresh).startswith("At the start: Looked at: of ")
        newest = system.frames.newest(MOST).select("accesses", ["event"], event=("hit", "miss"))
        assert f"of {len(newest):,} accesses in the window" in words(fresh.shown)


def test_an_explorer_draws_and_compares_the_newest_rows(tmp_path: Path) -> None:
    for name, size in (("small", "20 kB"), ("large", "60 kB")):
        with reading(SMALL.replace(cache={"l1_bytes": size}), run_dir=tmp_path / name) as system:
            pass
    panel = Explorer(tmp_path)
    for name in ("small", "large"):
        panel.runs.pick(str(tmp_path / name))
    assert panel.settle(60)
    shown = words(panel.shown)
    assert "Run A: Looked at: of " in shown
    assert "Run B: Looked at: of " in shown
    assert f"Looked at: the newest {MOST} rows of the frame." in shown
    assert looked_at(system) in shown
    assert shown.count("Looked at: of ") == 3  # A, B, and the picture of A
