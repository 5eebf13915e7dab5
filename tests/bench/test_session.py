"""What happens while a benchmark goes on: clocks, budgets, changed sources, interrupted runs, odd arms."""

from __future__ import annotations

import itertools
import sys

import arms_under_test as under_test
import pytest

from perflab.bench import Arm, run
from perflab.bench.resume import Earlier
from perflab.errors import BenchmarkError
from perflab.record import Recorder


def fast(recorder, baseline, optimized, *, pairs=2, **options):
    arms = [Arm(name, target, clock="auto") for name, target in (("baseline", baseline), ("optimized", optimized))]
    return run("test", arms, pairs=pairs, recorder=recorder, isolated=False, **{"extend": False, **options})


def test_the_clock_follows_from_what_the_arms_do():
    recorder = Recorder()
    assert fast(recorder, under_test.computes, under_test.computes).comparisons[0].arm.clock == "cpu"
    assert fast(recorder, under_test.waits, under_test.waits).comparisons[0].arm.clock == "wall"
    rows = recorder.frames.samples
    assert list(rows["clock"].astype(str).unique()) == ["cpu", "wall"]
    assert (rows["waited_s"] >= 0).all()


def test_a_spent_budget_ends_the_timing_between_processes():
    seconds = itertools.count(0, 10)
    recorder = Recorder()
    seen = []
    bench = fast(
        recorder,
        under_test.computes,
        under_test.computes,
        pairs=48,
        budget_s=15,
        clock=lambda: float(next(seconds)),
        on_progress=lambda *step: seen.append(step),
    )
    assert bench.comparisons[0].comparison.pairs == 16
    assert seen[-1][3] == 0.0  # nothing is left of what was planned


def test_an_isolated_benchmark_goes_on_while_its_interval_is_wide():
    arms = [Arm(name, under_test.computes) for name in ("baseline", "optimized")]
    rows = run("test", arms, pairs=2, warmup_blocks=0, extend=True).rows
    assert [row["pair"] for row in rows] == [0, 0, 1, 1, 2, 2, 3, 3]  # two pairs have no interval


def test_a_resumed_run_measures_only_what_is_missing():
    arms = (under_test.computes, under_test.computes)

    def interrupt(done: int, *_: object) -> None:
        if done == 25:  # in the second process
            raise KeyboardInterrupt

    first = Recorder()
    with pytest.raises(KeyboardInterrupt):
        fast(first, *arms, pairs=16, on_progress=interrupt)
    before = first.frames.samples
    second = Recorder()
    bench = fast(second, *arms, pairs=16, earlier=Earlier(first.rows("samples")))
    rows = second.frames.samples
    assert len(rows) == len(bench.rows) == 40
    assert rows["run_id"].value_counts().to_dict() == {first.run_id: 20, second.run_id: 20}
    assert 20 < len(before) < 40
    assert rows["hash_seed"].nunique() == 2
    assert bench.comparisons[0].arm.clock == "cpu"


def test_a_source_that_changes_meanwhile_ends_the_benchmark(tmp_path, monkeypatch):
    module = tmp_path / "edited_arm.py"
    module.write_text("def work():\n    return 1\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    recorder = Recorder()

    def edit(done: int, *_: object) -> None:
        if done == 2:
            module.write_text("def work():\n    return int(1.0)\n")

    arms = [Arm(name, "edited_arm:work") for name in ("baseline", "optimized")]
    with pytest.raises(BenchmarkError, match=r"source of the arm '\w+' of 'test' changed while it was measured"):
        run("test", arms, pairs=4, warmup_blocks=0, recorder=recorder, on_progress=edit)
    assert len(recorder.frames.samples) >= 3
    assert recorder.frames.samples["source_digest"].nunique() == 2


def test_an_arm_that_forks_or_shouts_or_removes_its_folder_is_measured_all_the_same(tmp_path):
    arms = [
        Arm("forks", under_test.forks),
        Arm("shouts", under_test.shouts),
        Arm("removes", under_test.removes_its_folder, {"folder": str(tmp_path / "gone")}),
    ]
    recorder = Recorder()
    run("test", arms, pairs=1, warmup_blocks=0, recorder=recorder, timeout_s=60.0)
    rows = recorder.frames.samples
    assert sorted(rows["arm"]) == ["forks", "removes", "shouts"]
    assert rows["wall_s"].notna().all()
    assert rows["error"].isna().all()


def test_what_an_arm_keeps_from_one_sample_to_the_next_is_no_other_source() -> None:
    found = run("test", (Arm("baseline", keeping), Arm("optimized", keeping)), isolated=False, pairs=2)
    assert found.comparisons[0].comparison.pairs >= 2


KEPT: dict[int, int] = {}


def keeping() -> None:
    KEPT[len(KEPT)] = 1
