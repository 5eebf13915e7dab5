"""Whole benchmarks with real measuring processes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import arms_under_test as under_test
import pandas as pd
import pytest

from perflab.bench import Arm, run
from perflab.bench.digest import digest_of
from perflab.errors import BenchmarkError
from perflab.record import Recorder

BASELINE = Arm("baseline", under_test.total)
FORMULA = Arm("optimized", under_test.total_by_formula)


def isolated(recorder, *arms, pairs=1, **options):
    options = {"warmup_blocks": 0, "timeout_s": 30.0, **options}
    return run("test", arms, pairs=pairs, recorder=recorder, **options)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until_gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_alive(pid)


def test_fast_callables_run_in_quads_with_an_inner_loop():
    recorder = Recorder()
    bench = run("test", [BASELINE, FORMULA], pairs=8, recorder=recorder, isolated=False, seed=5)
    rows = recorder.frames.samples
    used = rows[rows["pair"] >= 0]
    assert (rows["pair"] == -1).sum() in (4, 8)  # one or, if the interval was wide, two processes
    assert used.groupby(["pair"])["arm"].nunique().eq(2).all()
    assert (rows["inner_loops"] > 1).all()
    assert ((used["wall_s"] * used["inner_loops"]).groupby(used["arm"]).median() > 0.002).all()
    assert rows["load_1m"].notna().all()
    assert rows.groupby("hash_seed").size().eq(20).all()  # a process runs five quads under one hash seed
    assert bench.comparisons[0].comparison.verdict == "faster"  # a formula against a sum of a thousand numbers
    quad = rows.iloc[4:8]
    assert list(quad["arm"]) == list(quad["arm"])[::-1]


@pytest.mark.parametrize(
    ("target", "cause"),
    [
        (under_test.raises, "ValueError: the arm is broken"),
        (under_test.exits, "exit status 7.*going down"),
        ("no_such_module:f", "ModuleNotFoundError"),
    ],
)
def test_a_failing_arm_is_named_with_its_cause(target, cause):
    recorder = Recorder()
    with pytest.raises(BenchmarkError, match=f"'optimized'.*'test'.*{cause}") as caught:
        isolated(recorder, BASELINE, Arm("optimized", target))
    assert caught.value.__notes__  # the traceback
    rows = recorder.frames.samples
    failed = rows[rows["error"].notna()]
    assert list(failed["arm"]) == ["optimized"]
    assert failed["wall_s"].isna().all()


def test_rows_before_a_failure_are_kept(tmp_path):
    recorder = Recorder()
    broken = Arm("optimized", under_test.raises_in_block, {"calls": str(tmp_path / "calls"), "after": 1}, inputs="b")
    with pytest.raises(BenchmarkError, match=r"block 1.*broke late"):
        isolated(recorder, BASELINE, broken, pairs=2)
    rows = recorder.frames.samples
    assert list(rows["error"].isna()).count(False) == 1
    assert rows["wall_s"].notna().sum() >= 2


def test_a_hanging_arm_is_ended(tmp_path):
    pid_file = tmp_path / "pid"
    recorder = Recorder()
    with pytest.raises(BenchmarkError, match="did not finish within 3 s"):
        isolated(recorder, BASELINE, Arm("optimized", under_test.hangs, {"pid_file": str(pid_file)}), timeout_s=3.0)
    assert wait_until_gone(int(pid_file.read_text()))
    assert recorder.frames.samples["error"].notna().sum() == 1


def test_an_arm_that_changes_the_folder_changes_it_for_itself_alone(tmp_path):
    here = Path.cwd()
    arguments = {"folder": str(tmp_path)}
    arms = [Arm(name, under_test.changes_folder, arguments, state="incremental") for name in ("baseline", "optimized")]
    recorder = Recorder()
    run("test", arms, pairs=1, recorder=recorder, isolated=False)
    assert recorder.frames.samples["output_digest"].nunique() == 1  # each call found the folder of the first
    assert Path.cwd() == here


def test_different_outputs_fail_and_name_both_arms():
    recorder = Recorder()
    with pytest.raises(BenchmarkError, match=r"'(baseline|optimized)'.*'(baseline|optimized)'"):
        isolated(recorder, BASELINE, Arm("optimized", under_test.another_total))
    assert len(recorder.frames.samples) == 2


def test_an_output_that_depends_on_the_hash_seed_fails():
    arm = Arm("baseline", under_test.words_in_hash_order)
    with pytest.raises(BenchmarkError, match=r"different output each time|gives another output"):
        isolated(Recorder(), arm, Arm("optimized", under_test.words_in_hash_order), pairs=8)


def test_sets_are_equal_under_every_hash_seed():
    arms = [Arm(name, under_test.words_set) for name in ("baseline", "optimized")]
    assert isolated(Recorder(), *arms).outputs_compared


def test_ctrl_c_keeps_rows_and_ends_the_process(tmp_path):
    pid_file = tmp_path / "pid"
    recorder = Recorder()
    arguments = {"parent": os.getpid(), "pid_file": str(pid_file)}
    interrupting = Arm("optimized", under_test.interrupted_parent, arguments)
    with pytest.raises(KeyboardInterrupt):
        isolated(recorder, BASELINE, interrupting, seed=3, warmup_blocks=1)
    assert wait_until_gone(int(pid_file.read_text()))
    assert set(recorder.frames.samples["arm"].dropna()) <= {"baseline"}


def test_processes_that_an_arm_leaves_behind_are_ended(tmp_path):
    pid_file = tmp_path / "pid"
    arms = [Arm(name, under_test.leaves_a_process, {"pid_file": str(pid_file)}) for name in ("baseline", "optimized")]
    isolated(Recorder(), *arms)
    assert wait_until_gone(int(pid_file.read_text()))


def test_an_outcome_names_digest_work_and_run(tmp_path):
    adopted = []

    def adopt(folder: str) -> str:
        adopted.append(folder)
        return f"run-{len(adopted)}"

    arms = [Arm(name, under_test.records, {"folder": str(tmp_path)}) for name in ("baseline", "optimized")]
    recorder = Recorder()
    isolated(recorder, *arms, warmup_blocks=1, adopt=adopt)
    rows = recorder.frames.samples
    assert list(rows["arm_run_id"].fillna("none")) == ["none", "none", "run-1", "run-2"]
    assert adopted == [str(tmp_path)] * 2
    assert set(rows["output_digest"]) == {"same"}
    assert set(rows["work"]) == {'{"chunks": 3}'}


def test_every_isolated_sample_is_a_recorded_row():
    recorder, seen = Recorder(), []
    bench = isolated(recorder, BASELINE, FORMULA, pairs=2, warmup_blocks=1, on_progress=lambda *step: seen.append(step))
    rows = recorder.frames.samples
    assert list(rows["pair"]) == [-1, -1, 0, 0, 1, 1]
    assert list(rows["position"]) == [0, 1] * 3
    assert set(rows["purpose"]) == {"time"}
    assert (rows["wall_s"] > 0).all()
    assert (rows["inner_loops"] == 1).all()
    assert rows["peak_bytes"].isna().all()
    assert rows["output_digest"].nunique() == 1
    assert rows["hash_seed"].nunique() == len(rows)
    assert rows["source_digest"].notna().all()
    assert rows.groupby("arm")["source_digest"].nunique().eq(1).all()
    assert len(bench.samples()) == len(rows)
    assert bench.outputs_compared
    found = bench.frame().iloc[0]
    assert (found["pairs"], found["verdict"], found["outputs"]) == (2, "unclear", "equal")
    assert "too few" in found["note"]
    assert [(done, total) for done, total, _, _ in seen] == [(done, 6) for done in range(1, 7)]
    assert {arm for _, _, arm, _ in seen} == {"baseline", "optimized"}
    assert [remaining is None for *_, remaining in seen] == [True] + [False] * 5
    assert seen[-1][3] == 0 < seen[-2][3]


def test_odd_arms_are_measured_all_the_same():
    offset = 7
    arms = [
        Arm("prints", under_test.prints_much, inputs="prints"),
        Arm("reads", under_test.reads_input, inputs="reads"),
        Arm("imports", "arms_under_test:import_path", inputs="truth"),
        Arm("closure", lambda: offset == 7, inputs="truth"),
        Arm("processes", under_test.burns_in_child),
    ]
    recorder = Recorder()
    bench = isolated(recorder, *arms)
    rows = recorder.frames.samples.set_index("arm")
    assert rows["wall_s"].notna().all()
    assert rows["output_digest"]["reads"] == digest_of("")  # standard input is empty
    assert rows["output_digest"]["closure"] == digest_of(True)
    assert rows["output_digest"].dropna().nunique() == 3  # other inputs are not compared
    assert pd.isna(rows["output_digest"]["processes"])
    assert not bench.outputs_compared
    assert set(bench.frame()["outputs"]) == {"not comparable"}
    assert rows["cpu_s"]["processes"] > 5 * rows["cpu_s"]["closure"]  # time of child processes counts


def test_setup_runs_before_each_sample_and_overrides_arguments(tmp_path):
    arms = [
        Arm(name, under_test.is_prepared, {"calls": str(tmp_path / name)}, under_test.prepare, "incremental")
        for name in ("baseline", "optimized")
    ]
    recorder = Recorder()
    run("test", arms, pairs=1, recorder=recorder, isolated=False)
    rows = recorder.frames.samples
    assert set(rows["output_digest"]) == {digest_of(True)}
    assert [(tmp_path / arm).stat().st_size for arm in ("baseline", "optimized")] == [len(rows) / 2] * 2


def test_memory_is_that_of_the_arm_and_its_children_and_not_of_this_process():
    ballast = bytearray(b"1" * 150_000_000)
    arms = [
        Arm("baseline", under_test.allocates, {"megabytes": 50}),
        Arm("optimized", under_test.allocates_in_child, {"megabytes": 50}, state="cold", workers=2),
        Arm("optimized", under_test.reports_child, {"megabytes": 500}, state="warm"),
    ]
    recorder = Recorder()
    labels = ("baseline", "optimized (cold)", "optimized (warm)")
    isolated(recorder, *arms, Arm("other", under_test.total), memory_arms=labels, memory_blocks=1)
    rows = recorder.frames.samples
    remembered = rows[rows["purpose"] == "memory"].set_index("state")
    assert remembered["wall_s"].isna().all()
    assert set(remembered["arm"]) == {"baseline", "optimized"}
    grown = remembered["growth_bytes"]
    assert 49e6 < grown["any"] < 55e6
    assert 50e6 < grown["cold"] < 75e6
    assert 500e6 <= grown["warm"] < 510e6
    assert remembered["peak_bytes"]["any"] < len(ballast)


@pytest.mark.parametrize(
    ("arms", "options", "message"),
    [
        ([BASELINE], {}, "1 arms"),
        ([BASELINE, BASELINE], {}, "two arms 'baseline'"),
        ([BASELINE, Arm("optimized", "json:dumps", state="cold")], {"isolated": False}, "cold"),
        ([BASELINE, FORMULA], {"pairs": 0}, "0 pairs"),
        ([BASELINE, FORMULA], {"memory_arms": ["cold"]}, "no arm 'cold'"),
    ],
)
def test_a_benchmark_that_cannot_start_says_why(arms, options, message):
    with pytest.raises(BenchmarkError, match=message):
        run("test", arms, **options)
