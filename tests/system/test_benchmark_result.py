"""A result as a user holds it: figures, plot, files, notes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

import perflab
from perflab.bench import Arm, Command
from perflab.errors import BenchmarkError, RunError
from perflab.system import BenchmarkResult


def loop(count: int = 3_000) -> int:
    return sum(number for number in range(count))


def formula(count: int = 3_000) -> int:
    return count * (count - 1) // 2


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> BenchmarkResult:
    return perflab.benchmark(loop, formula, pairs=8, memory=True, run_dir=tmp_path_factory.mktemp("runs") / "run")


def test_the_figures_are_those_of_the_comparison(result: BenchmarkResult) -> None:
    row = result.frame().iloc[0]
    assert (result.ratio, result.verdict) == (row["ratio"], "faster")
    assert result.interval == (row["low"], row["high"])
    assert result.noise_floor == max(row["baseline_noise"], row["noise"])
    assert row["clock"] == "cpu"
    assert (result.run.frames.samples["purpose"] == "memory").sum() == 6


def test_metrics_of_a_stored_run_are_of_the_clock_that_was_judged(result: BenchmarkResult) -> None:
    assert result.folder is not None
    found = perflab.open_run(result.folder).metrics().set_index("name")
    assert math.isclose(1 - found["value"]["formula.time_reduction"], result.ratio)
    assert "CPU time" in found["method"]["formula.time"]


def test_json_has_figures_and_no_number_that_is_none(result: BenchmarkResult, tmp_path: Path) -> None:
    text = result.to_json(tmp_path / "result.json")
    assert (tmp_path / "result.json").read_text() == text
    found = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert found["comparisons"][0]["ratio"] == result.ratio
    assert found["comparisons"][0]["may_be_unstable"] == result.doubts
    with pytest.raises(RunError, match="cannot be written"):
        result.to_json(tmp_path / "missing" / "result.json")


def test_pyperf_reads_its_own_file_and_finds_the_same_values(result: BenchmarkResult, tmp_path: Path) -> None:
    pyperf = pytest.importorskip("pyperf")
    result.to_pyperf(tmp_path / "suite.json")
    suite = pyperf.BenchmarkSuite.load(str(tmp_path / "suite.json"))
    assert set(suite.get_benchmark_names()) == {"formula baseline", "formula optimized"}
    samples = result.run.frames.samples
    for arm in ("baseline", "optimized"):
        bench = suite.get_benchmark(f"formula {arm}")
        rows = samples[(samples["arm"] == arm) & (samples["purpose"] == "time") & (samples["pair"] >= 0)]
        assert bench.get_values() == tuple(rows["cpu_s"])
        assert bench.get_unit() == "second"
        assert bench.get_nrun() == rows["hash_seed"].nunique()
    assert suite.get_benchmark("formula baseline").median() > suite.get_benchmark("formula optimized").median()


def test_the_page_tells_why_it_may_be_unstable(result: BenchmarkResult) -> None:
    html = result._repr_html_()
    assert "faster" in html
    assert ("may be unstable" in html) == bool(result.doubts)


def test_the_plot_draws_every_pair_and_every_sample(result: BenchmarkResult) -> None:
    above, below = result.plot().figure.axes
    drawn = [line for line in above.lines if line.get_linestyle() == "None"]
    pairs = result.frame()["pairs"].iloc[0]
    assert [len(line.get_xdata()) for line in drawn] == [pairs]
    timed = result.run.frames.samples.query("purpose == 'time'")
    assert sum(len(line.get_xdata()) for line in below.lines) == len(timed)


def test_names_commands_and_arms_are_sides_too() -> None:
    arm = Arm("mine", loop, {"count": 200})
    found = perflab.benchmark(arm, f"{__name__}:formula", pairs=8, clock="wall", setup=_two_hundred)
    assert found.verdict in ("faster", "unclear")
    with pytest.raises(BenchmarkError, match="ended with status 4"):
        perflab.benchmark(Command("exit 4"), Command("true"), pairs=8)


def _two_hundred(**_: object) -> dict[str, int]:
    return {"count": 200}


@pytest.mark.parametrize(
    ("workload", "options", "message"),
    [
        ("document-creation", {"optimized": formula}, "decides itself on optimized; leave it out"),
        ("cross-validation", {"budget_s": 0, "memory": True}, "decides itself on memory and budget_s; leave them out"),
        ("cross-validation", {"clock": "cpu"}, "decides itself on clock"),
        (loop, {"optimized": formula, "quick": True, "defects": 0}, "have no quick and defects; leave them out"),
        (loop, {"optimized": formula, "states": ["warm"]}, "have no states"),
        (loop, {"optimized": formula, "budget_s": -1}, "budget of -1 s; give 0 or more"),
        (loop, {"optimized": formula, "timeout_s": 0}, "may take 0 s; give more than 0"),
        (None, {"optimized": loop}, "names the function None"),
        (loop, {"optimized": 3}, "names the function 3; write 'module:function' or a callable"),
    ],
)
def test_an_option_that_would_be_passed_over_is_refused(workload: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchmarkError, match=message):
        perflab.benchmark(workload, **options)
