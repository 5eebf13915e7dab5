from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from perflab import BenchmarkResult, Config, benchmark, open_run
from perflab.bench import Outcome
from perflab.errors import BenchmarkError, SourceError
from perflab.workloads import arms
from perflab.workloads.corpus import select
from perflab.workloads.discover import SourceFile
from perflab.workloads.edit import EDITS
from perflab.workloads.edit_counts import count_edits
from perflab.workloads.staging import QUICK_PAIRS, WORKLOADS, Scale, corpus_of, naive_outcome, staged

CONFIG = Config(parallel={"workers": 2}, benchmark={"pairs": 1, "warmup_blocks": 0})
BOTH = ("document-creation", "cross-validation")
ARMS = {("baseline", "any"), ("optimized", "cold"), ("optimized", "warm"), ("optimized", "incremental")}


class Measured(NamedTuple):
    """A workload that was measured, its run folder, and what it told meanwhile."""

    result: BenchmarkResult
    folder: Path
    steps: list[str]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_source(tmp_path / "shop")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Measured]:
    """Both workloads over a source, in which a file cannot be read."""
    source = write_source(tmp_path_factory.mktemp("source") / "shop")
    (source / "parts" / "broken.py").write_bytes(b"\xff\xff")
    return {name: measure(name, source, tmp_path_factory.mktemp("runs") / name) for name in BOTH}


def measure(workload: str, source: Path, folder: Path) -> Measured:
    steps: list[str] = []
    result = benchmark(
        workload, config=CONFIG, source=source, run_dir=folder, on_step=lambda what, *_: steps.append(what)
    )
    return Measured(result, folder, steps)


def write_source(folder: Path) -> Path:
    for package in ("orders", "parts"):
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").write_text(f'"""The {package} of a shop."""\n')
        for module in ("store", "report"):
            (folder / package / f"{module}.py").write_text(
                f'"""The {module} of {package}."""\n\nLIMIT = 100\n\n\n'
                f'def find_{module}(number, limit=LIMIT):\n    """Return one of the {package}."""\n'
                f"    if number > limit:\n        return None\n    return number\n"
            )
    return folder


@pytest.mark.parametrize("workload", BOTH)
def test_every_arm_is_measured_and_gives_the_naive_output(measured: dict[str, Measured], workload: str) -> None:
    result, _, steps = measured[workload]
    samples = result.run.frames.samples
    timed = samples[samples["purpose"] == "time"]
    assert set(zip(timed["arm"].astype(str), timed["state"].astype(str), strict=True)) == ARMS
    same_inputs = timed[timed["state"] != "incremental"]
    assert same_inputs["output_digest"].nunique() == 1
    assert samples["error"].isna().all(), "a file that cannot be read is skipped"
    assert (samples["purpose"] == "memory").sum() == 2
    assert steps[0] == f"{workload}: making ready"
    assert len(steps) == 1 + len(samples)


def test_the_optimized_arms_rows_come_home_and_count_the_work(measured: dict[str, Measured]) -> None:
    frames = open_run(measured["document-creation"].folder).frames
    optimized = frames.samples[frames.samples["arm"] == "optimized"]
    assert set(optimized["arm_run_id"].dropna()) == set(frames.accesses["run_id"].astype(str))
    work = {state: json.loads(rows["work"].iloc[0]) for state, rows in optimized.groupby("state", observed=True)}
    files = work["cold"]["files"]
    assert work["cold"]["facts_computed"] == files == 6
    assert (work["warm"]["facts_computed"], work["warm"]["documents_rendered"]) == (0, 0)
    assert work["incremental"]["facts_computed"] == 1
    assert 0 < work["incremental"]["documents_rendered"] < work["cold"]["documents_rendered"]
    warm = optimized.loc[optimized["state"] == "warm", "arm_run_id"]
    answered = frames.accesses[frames.accesses["run_id"].isin(warm)]["event"]
    assert "miss" not in set(answered)


def test_planted_defects_are_found_by_both_arms(measured: dict[str, Measured]) -> None:
    samples = measured["cross-validation"].result.run.frames.samples
    scores = [json.loads(work) for work in samples["work"].dropna()]
    assert {(score["precision"], score["recall"]) for score in scores} == {(1.0, 1.0)}
    assert all(score["planted"] > 5 for score in scores)


def test_the_workloads_own_targets_are_recorded(measured: dict[str, Measured]) -> None:
    result, folder, _ = measured["document-creation"]
    run = open_run(folder)
    verdicts = run.targets().set_index("name")["verdict"].astype(str)
    assert not any(name.startswith("cross_validation") for name in verdicts.index)
    assert verdicts["document_creation.time_reduction"] == "unclear"
    assert result.exit_code == 1
    assert run.status == "finished"
    assert "benchmark_complete" in set(run.frames.events["name"].astype(str))


def test_a_difference_in_output_fails_the_benchmark(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = arms.naive_documents

    def wrong(**arguments: Any) -> Outcome:
        return Outcome("sha256:other", real(**arguments).work)

    monkeypatch.setattr(arms, "naive_documents", wrong)
    with pytest.raises(BenchmarkError, match=r"'optimized \(incremental\)' of .* gives another output"):
        benchmark("document-creation", config=CONFIG, source=source, states=["incremental"], run_dir=tmp_path / "run")
    run = open_run(tmp_path / "run")
    assert run.status == "failed"
    assert len(run.frames.samples) > 0


def test_ctrl_c_keeps_what_was_measured(tmp_path: Path, source: Path) -> None:
    def cancel(what: str, done: int, total: int, remaining_s: float | None) -> None:
        del what, total, remaining_s
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        benchmark("document-creation", config=CONFIG, source=source, run_dir=tmp_path / "run", on_step=cancel)
    run = open_run(tmp_path / "run")
    assert run.status == "cancelled"
    assert len(run.frames.samples) == 3
    assert "cancelled" in run.report(tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        ({}, "holds no readable source file"),
        ({"a.py": b"\0\1"}, "holds no readable source file .* because it is binary"),
        ({"a.py": b"\xff\xfe = 1"}, "holds no readable source file .* because it is not UTF-8"),
    ],
)
def test_a_source_that_cannot_be_used_is_named(
    tmp_path: Path, content: Mapping[str, bytes] | None, message: str
) -> None:
    folder = tmp_path / "source"
    if content is not None:
        folder.mkdir()
        for name, data in content.items():
            (folder / name).write_bytes(data)
    with pytest.raises(SourceError, match=message):
        benchmark("document-creation", config=CONFIG, source=folder)


def test_two_functions_are_compared() -> None:
    def loop() -> int:
        return sum(number for number in range(2_000))

    def formula() -> int:
        return 1_999 * 2_000 // 2

    result = benchmark(loop, formula, pairs=8)
    row = result.frame().iloc[0]
    assert row["verdict"] == "faster"
    assert row["high"] < 1
    assert "<table" in result._repr_html_()
    assert result.exit_code == 0  # none of the guide's targets is on functions of one's own


def test_functions_that_disagree_are_refused() -> None:
    with pytest.raises(BenchmarkError, match="another output"):
        benchmark(lambda: 1, lambda: 2, pairs=8)


def test_one_function_alone_is_refused() -> None:
    with pytest.raises(BenchmarkError, match="A function alone cannot be compared"):
        benchmark(lambda: 1)


def test_the_scale_follows_config_and_overrides() -> None:
    config = Config(benchmark={"pairs": 9})
    assert Scale.of(config, None, pairs=None, quick=False) == Scale("default", 9, 3, 1)
    assert Scale.of(config, Path(), pairs=4, quick=False) == Scale("whole", 4, 3, 1)
    assert Scale.of(config, None, pairs=None, quick=True) == Scale("quick", QUICK_PAIRS, 1, 0)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"files": 0}, "files is 0; allowed is 1 to 100,000"),
        ({"documents": 6}, "documents is 6; allowed is 7 to 100,000"),
        ({"defects": -1}, "defects is -1; allowed is 0 to 1,000"),
    ],
)
def test_absurd_sizes_are_refused(sizes: dict[str, int], message: str) -> None:
    with pytest.raises(BenchmarkError, match=message):
        benchmark("cross-validation", **sizes)


def test_sizes_bound_the_source(tmp_path: Path, source: Path) -> None:
    def files(**sizes: int) -> tuple[SourceFile, ...]:
        scale = Scale.of(CONFIG, source, pairs=1, quick=False, **sizes)
        return corpus_of(WORKLOADS["document-creation"], source, scale, CONFIG, tmp_path).files

    assert len({file.feature for file in files(documents=7)}) == 1
    assert len({file.feature for file in files(documents=10)}) == 2
    assert len(files(files=4)) == 3
    assert len(files(files=2)) == 2


@pytest.mark.parametrize(("defects", "least", "most"), [(0, 0, 0), (1, 6, 12), (5, 21, 60)])
def test_as_many_defects_are_planted_as_are_asked_for_and_all_are_found(
    tmp_path: Path, source: Path, defects: int, least: int, most: int
) -> None:
    workload = WORKLOADS["cross-validation"]
    stage = staged(workload, select(source), tmp_path, CONFIG.replace(parallel={"workers": 1}), defects=defects)
    work = dict(naive_outcome(stage, workload.work).work or {})
    assert least <= work["planted"] <= most
    assert (work["right"], work["named"]) == (work["findings"], work["planted"])
    assert ("recall" in work) == (defects > 0)


@pytest.mark.parametrize("workload", BOTH)
def test_every_kind_of_edit_computes_a_part_anew_and_gives_the_naive_output(source: Path, workload: str) -> None:
    scale = Scale.of(CONFIG, source, pairs=1, quick=False)
    rows = count_edits(workload, config=CONFIG, source=source, scale=scale)
    assert {row["edit"] for row in rows} == set(EDITS)
    assert all(0 <= row["recomputed"] <= row["possible"] for row in rows)
    counted = "facts" if workload == "document-creation" else "pairs"
    computed = {row["edit"]: row["recomputed"] for row in rows if row["counted"] == counted}
    if workload == "document-creation":
        assert computed == {"one body": 1, "a rename": 1, "a new file": 1, "a deleted file": 0}
    else:
        possible = {row["edit"]: row["possible"] for row in rows if row["counted"] == counted}
        assert all(computed[edit] < possible[edit] for edit in EDITS)


def test_only_the_states_that_are_asked_for_are_measured(source: Path) -> None:
    result = benchmark("document-creation", config=CONFIG, source=source, pairs=1, states=["warm"])
    assert set(result.run.frames.samples["state"]) == {"any", "warm"}
    with pytest.raises(BenchmarkError, match=r"The states are \['hot'\]; give one or more of cold, warm, incremental"):
        benchmark("document-creation", config=CONFIG, source=source, states=["hot"])
