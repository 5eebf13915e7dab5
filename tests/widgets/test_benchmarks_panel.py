from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from panels import said, words

import perflab
from perflab import Config
from perflab.errors import BenchmarkError
from perflab.system.detached import Detached, Progress
from perflab.widgets import Benchmarks
from perflab.widgets.benchmarks import _bar
from perflab.workloads.reads import READ_WORKLOADS
from perflab.workloads.staging import WORKLOADS


def by_list() -> int:
    return sum([number * number for number in range(60_000)])


def by_stream() -> int:
    return sum(number * number for number in range(60_000))


def wait_for_samples(background: Detached, count: int) -> None:
    until = time.monotonic() + 60
    while (found := background.progress()).done < count:
        assert not found.is_over, found
        assert time.monotonic() < until, found
        time.sleep(0.02)


def test_a_benchmark_runs_elsewhere_and_its_samples_come_home(tmp_path: Path) -> None:
    panel = Benchmarks([by_list, by_stream], runs_dir=tmp_path)
    panel.form.put("pairs", "8")
    panel.run_button.click()
    assert panel.run_button.disabled
    assert not panel.cancel_button.disabled
    assert panel.wait(60).status == "finished"
    assert panel.background is not None
    run = perflab.open_run(panel.background.folder)
    taken = len(run.frames.samples)
    assert taken >= 16
    assert f"finished , {taken} samples" in words(panel.shown)
    assert "Partial" not in panel.shown
    assert "Before and after" in panel.shown
    drawn = re.search(r'aria-label="([^"]*)"', panel.shown)
    assert drawn is not None
    assert "samples" in drawn[1]
    assert not panel.run_button.disabled


@pytest.mark.parametrize(
    ("workload", "used"),
    [
        ("cross-validation", ["workload", "scale", "states", "pairs"]),
        ("tune", ["workload", "scale", "pairs"]),
        ("two functions of my own", ["workload", "baseline", "optimized", "state", "pairs", "memory"]),
    ],
)
def test_only_what_a_workload_asks_for_is_shown(tmp_path: Path, workload: str, used: list[str]) -> None:
    panel = Benchmarks([by_list, by_stream], runs_dir=tmp_path)
    panel.form.put("workload", workload)
    assert [name for name in panel.form.values if name not in panel.form.unused] == used


@pytest.mark.parametrize("name", [*WORKLOADS, *READ_WORKLOADS])
def test_every_workload_of_the_registry_can_be_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    begun: list[dict[str, Any]] = []

    def start(folder: Path, options: dict[str, Any]) -> None:
        begun.append(options)
        raise BenchmarkError(f"not in {folder.name}")

    monkeypatch.setattr("perflab.widgets.benchmarks.start", start)
    panel = Benchmarks(runs_dir=tmp_path, source=tmp_path)
    assert name in next(field for field in panel.form.fields if field["path"] == "workload")["options"]
    panel.form.put("workload", name)
    panel.form.put("scale", "full")
    panel.form.put("states", ["warm"])
    panel.form.put("pairs", "7")
    panel.run_button.click()
    chosen = {"workload": name, "pairs": 7, "quick": False, "states": ["warm"], "source": tmp_path}
    assert begun == [{"config": Config(), **chosen}]
    assert said(panel).startswith("✗ not in ")


def test_a_cancelled_benchmark_keeps_what_it_has_and_says_so(tmp_path: Path) -> None:
    panel = Benchmarks([by_list, by_stream], runs_dir=tmp_path)
    panel.form.put("pairs", "200")
    panel.run_button.click()
    background = panel.background
    assert background is not None
    wait_for_samples(background, 4)
    worker = psutil.Process(background.pid)
    panel.cancel_button.click()
    assert psutil.wait_procs([worker], timeout=10)[1] == []
    assert panel.wait(60).status == "cancelled"
    run = perflab.open_run(background.folder)
    assert run.status == "cancelled"
    assert len(run.frames.samples) >= 4
    assert said(panel).startswith(f"Cancelled: {len(run.frames.samples)} samples are kept")
    assert "Partial" in panel.shown


def test_how_long_it_will_take_is_told_while_it_runs() -> None:
    going_on = Progress("running", "optimized (warm)", 12, 40, 95.0)
    assert words(_bar(going_on, 12)) == "12 of 40 samples, 95.0 s left optimized (warm)"
    assert 'value="12"' in _bar(going_on, 12)
    assert "left" not in _bar(Progress("running", "making ready"), 0)


def test_a_new_panel_finds_the_benchmark_that_runs(tmp_path: Path) -> None:
    first = Benchmarks([by_list, by_stream], runs_dir=tmp_path)
    first.form.put("pairs", "200")
    first.run_button.click()
    second = Benchmarks(runs_dir=tmp_path)
    assert first.background is not None
    assert said(second) == f"Attached to the benchmark in {first.background.folder}."
    wait_for_samples(first.background, 2)
    second.cancel_button.click()
    assert first.wait(60) == second.wait(60)
    assert words(first.shown) == words(second.shown)


def test_a_worker_that_is_killed_is_told_from_one_that_was_cancelled(tmp_path: Path) -> None:
    panel = Benchmarks([by_list, by_stream], runs_dir=tmp_path)
    panel.form.put("pairs", "200")
    panel.run_button.click()
    background = panel.background
    assert background is not None
    wait_for_samples(background, 2)
    psutil.Process(background.pid).kill()
    assert panel.wait(60).status == "unfinished"
    assert "The worker ended without a word" in said(panel)


@pytest.mark.parametrize("name", ["missing", "os:nothing_of_that_name"])
def test_what_cannot_be_measured_is_told(tmp_path: Path, name: str) -> None:
    panel = Benchmarks(runs_dir=tmp_path)
    panel.form.put("workload", "two functions of my own")
    panel.form.put("baseline", name)
    panel.form.put("optimized", name)
    panel.run_button.click()
    if ":" in name:
        assert panel.wait(30).status == "failed"
        assert "nothing_of_that_name" in said(panel)
    else:
        assert "'missing' is no function of this panel" in said(panel)


def test_a_second_run_waits_for_the_first_and_nothing_to_cancel_is_said(tmp_path: Path) -> None:
    panel = Benchmarks([by_list, by_stream], runs_dir=tmp_path)
    panel.guarded(panel.cancel)()
    assert said(panel) == "Nothing is running."
    panel.form.put("pairs", "200")
    panel.guarded(panel.run)()
    panel.guarded(panel.run)()
    assert "is running in this panel already" in said(panel)
    panel.cancel()
    assert panel.wait(60).status == "cancelled"


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    panel = Benchmarks([by_list, by_stream], runs_dir=tmp_path / "file")
    panel.run_button.click()
    assert "cannot be made" in said(panel)
