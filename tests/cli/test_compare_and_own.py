"""Two things of the user's own on the command line, targets from a file, resumed and odd runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from perflab import PerformanceSystem, benchmark, open_run
from perflab.cli.app import app
from perflab.present.result_table import BEGIN, END

CLI = CliRunner()
MODULE = "def slow():\n    return sum(range(30_000))\n\n\ndef fast():\n    return 449_985_000\n"


def said(*arguments: object) -> tuple[int, str]:
    result = CLI.invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200", "NO_COLOR": "1"})
    return result.exit_code, result.output


def test_functions_of_a_module_here_are_compared_and_judged(tmp_path: Path) -> None:
    (tmp_path / "own_arms.py").write_text(MODULE)
    (tmp_path / "bounds.toml").write_text('targets = ["fast.time_reduction >= 50%", "fast.time < 1 ns"]\n')
    command = [sys.executable, "-m", "perflab", "benchmark", "--baseline", "own_arms:slow", "--optimized"]
    options = ["own_arms:fast", "--pairs", "8", "--budget", "1", "--targets", "bounds.toml", "--runs", "runs"]
    done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr  # one target fails
    assert "faster: ratio" in done.stdout
    assert "✓ pass" in done.stdout
    (run,) = (tmp_path / "runs").iterdir()
    assert list(open_run(run).targets()["verdict"].astype(str)) == ["pass", "fail"]
    document = tmp_path / "README.md"
    document.write_text(f"{BEGIN}\n{END}\n")
    assert said("report", run, "--into", document)[0] == 0
    assert "| fast |" in document.read_text()
    assert said("compare", run, run, "--fail-if", "time_ratio > 1.10", "--all")[0] in (0, 3)


def test_commands_are_compared_with_shell(tmp_path: Path) -> None:
    options = ("--shell", "--pairs", 8, "--budget", 0, "--runs", tmp_path)
    code, text = said("benchmark", "--baseline", "sleep 0.04; echo a", "--optimized", "echo a", *options)
    assert code == 0, text
    assert "ratio" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--baseline", "a:b"), "give both --baseline and --optimized"),
        (("--baseline", "echo", "--optimized", "echo"), "'echo' names no function; write module:function"),
        (("--baseline", "a:b", "--optimized", "a:b", "--quick"), "--quick is of the built-in workloads"),
        (("--baseline", "a:b", "--optimized", "a:b", "--defects", 0), "--defects is of the built-in workloads"),
        (("--budget", "0"), "--budget is of --baseline and --optimized"),
        (("--workload", "document-creation", "--shell"), "--shell is of --baseline and --optimized"),
        (("--targets", "none.toml"), "config file 'none.toml' cannot be read"),
        (("--resume", "nowhere"), "nowhere"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_sentence(options: tuple[str, ...], message: str) -> None:
    code, text = said("benchmark", *options)
    assert code == 2
    assert message in text


def test_a_history_with_nothing_to_show_says_what_to_name(tmp_path: Path) -> None:
    with PerformanceSystem(run_dir=tmp_path / "run") as system:
        system.cache.get("key")
    assert "name what to show, as in: --metric cache.hit_rate" in said("history", "--runs", tmp_path)[1]
    assert "measured nothing; the names are" in said("history", "--runs", tmp_path, "--metric", "nothing")[1]


def test_a_document_that_cannot_be_filled_is_said_in_plain_words(tmp_path: Path) -> None:
    with PerformanceSystem(run_dir=tmp_path / "run"):
        pass
    code, text = said("report", tmp_path / "run", "--into", tmp_path / "none.md")
    assert (code, "cannot be filled: No such file or directory; name a Markdown file" in text) == (2, True)


def test_a_targets_file_without_targets_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.toml").write_text("targets = []\n")
    code, text = said("benchmark", "--targets", tmp_path / "empty.toml")
    assert (code, "write a list such as" in text) == (2, True)


def test_a_cancelled_workload_is_resumed_and_its_samples_are_kept(tmp_path: Path) -> None:
    source = tmp_path / "shop"
    source.mkdir()
    for name in ("orders", "parts"):
        (source / f"{name}.py").write_text(f'"""The {name}."""\n\n\ndef find(number):\n    return number\n')

    def cancel(what: str, done: int, total: int, remaining_s: float | None) -> None:
        del what, total, remaining_s
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        benchmark("document-creation", source=source, pairs=1, run_dir=tmp_path / "first", on_step=cancel)
    before = open_run(tmp_path / "first")
    assert before.status == "cancelled"
    code, text = said("benchmark", "--resume", tmp_path / "first", "--runs", tmp_path / "runs")
    assert code in (0, 1, 3), text
    (run,) = (tmp_path / "runs").iterdir()
    after = open_run(run)
    assert after.info["resumed"] == before.info["run_id"]
    kept = after.frames.samples["run_id"].astype(str).value_counts()
    assert kept[before.info["run_id"]] == len(before.frames.samples) >= 4
    timed = after.frames.samples.query("purpose == 'time' and pair >= 0")
    assert set(timed["state"].astype(str)) == {"any", "cold", "warm", "incremental"}
