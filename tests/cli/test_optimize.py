"""`perflab optimize`: tried on recorded accesses, with nothing changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from spoken import answered, said

from perflab import Config, PerformanceSystem, Trace, open_run
from perflab.system.rehearsal import rehearse

SMALL = Config(
    cache={"l1_bytes": 20_000, "l2_bytes": 0, "l3_enabled": False},
    enable_auto_optimization=False,
    resource_monitoring={"enabled": False},
)
ROUND = [number % 40 for number in range(2_000)]
"""Forty values of 1 kB, in turn: a tier of 20 kB never hits, one of twice that nearly always."""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "small"
    with PerformanceSystem(SMALL, run_dir=folder, label="small") as system:
        for key in ROUND:
            system.cache.get_or_load(key, lambda: bytes(1_000))
    return folder


def test_a_tier_that_is_too_small_is_told_and_the_run_is_left_alone(run: Path) -> None:
    before = {path: path.read_bytes() for path in run.iterdir()}
    code, answer = answered("optimize", run)
    assert code == 0
    row = next(row for row in answer["rows"] if row["knob"].startswith("cache.l1"))
    assert int(row["old"]) == 20_000
    assert int(row["new"]) > 40_000
    assert row["verdict"] == "confirmed"
    assert row["before"] < row["measured"]
    assert {path: path.read_bytes() for path in run.iterdir()} == before
    text = said("optimize", run).text
    assert "nothing is changed" in text
    assert "cache.l1_bytes" in text


def test_without_a_source_the_last_run_is_taken(run: Path) -> None:
    assert answered("optimize", "--runs", run.parent)[1]["source"] == str(run)
    code, _, errors = said("optimize", "--runs", run / "nowhere")
    assert code == 2
    assert "There is no run in" in errors


def test_a_trace_file_is_repeated_with_its_sizes_in_a_system_of_the_config(tmp_path: Path) -> None:
    trace = Trace.of(ROUND, nbytes=[1_000] * len(ROUND)).save(tmp_path / "trace.csv.gz")
    (tmp_path / "perflab.toml").write_text("[cache]\nl1_bytes = 20000\nl2_bytes = 0\n")
    _, answer = answered("optimize", trace, "--config", tmp_path / "perflab.toml")
    assert answer["config"]["cache"]["l1_bytes"] == 20_000
    row = next(row for row in answer["rows"] if row["knob"].startswith("cache.l1"))
    assert row["verdict"] == "confirmed"
    assert row["before"] < row["measured"]


def test_too_few_accesses_end_with_3(tmp_path: Path) -> None:
    (tmp_path / "few.txt").write_text("1\n2\n1\n")
    assert answered("optimize", tmp_path / "few.txt")[0] == 3


def test_a_rehearsal_has_the_accesses_of_the_run_and_its_config(run: Path) -> None:
    config, result = rehearse(run)
    assert config == open_run(run).config
    assert result.kept >= 1
