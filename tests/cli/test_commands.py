from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from perflab import Config, PerformanceSystem, open_run
from perflab.cli.app import app
from perflab.record.store import is_run

RUNNER = CliRunner()


def said(*arguments: str | Path) -> tuple[int, str]:
    result = RUNNER.invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200", "NO_COLOR": "1"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    for name in ("orders", "parts"):
        (folder / f"{name}.py").write_text(f'"""The {name}."""\n\n\ndef find(number):\n    return number\n')
    return folder


def test_benchmark_prints_the_verdicts_and_writes_run_and_report(tmp_path: Path, source: Path) -> None:
    report = tmp_path / "found.html"
    code, text = said(
        "benchmark", "--workload", "document-creation", "--source", source, "--pairs", 1, "--report", report,
        "--runs", tmp_path / "runs",
    )  # fmt: skip
    assert code == 1
    assert re.search(r"document_creation\.time < 10 s .* \? unclear", text)
    assert "cross_validation" not in text  # it was not asked for
    assert text.rstrip().endswith(f"report: {report}")
    assert "<svg" in report.read_text()
    (run,) = (tmp_path / "runs").iterdir()
    assert open_run(run).status == "finished"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--source", "nowhere"), "'nowhere' does not exist"),
        (("--workload", "page-rendering"), "'page-rendering' is no workload; choose one of"),
        (("--workload", "tune", "--edits"), "'tune' works on no source tree; choose document-creation or"),
        (("--config", "none.toml"), "config file 'none.toml' cannot be read"),
        (("--pairs", "0"), "Invalid value for '--pairs'"),
    ],
)
def test_wrong_arguments_are_one_sentence_and_exit_code_2(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    code, text = said("benchmark", *arguments, "--runs", tmp_path)
    assert code == 2
    assert message in text
    assert "Traceback" not in text


def test_malformed_toml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "perflab.toml"
    path.write_text("pairs = = 1")
    code, text = said("status", "--config", path)
    assert code == 2
    assert "is no valid TOML" in text


def test_status_without_runs_says_how_to_make_one(tmp_path: Path) -> None:
    code, text = said("status", "--runs", tmp_path)
    assert code == 0
    assert "perflab benchmark --quick" in text


def test_status_tells_of_the_last_run(tmp_path: Path) -> None:
    quiet = Config(resource_monitoring={"enabled": False})
    for label in ("first", "second"):
        with PerformanceSystem(quiet, run_dir=tmp_path / label, label=label):
            time.sleep(0.01)
    code, text = said("status", "--runs", tmp_path)
    assert code == 0
    assert re.search(r"label +second", text)
    assert re.search(r"targets +not judged", text)


def test_status_imports_neither_pandas_nor_matplotlib(tmp_path: Path) -> None:
    with PerformanceSystem(Config(resource_monitoring={"enabled": False}), run_dir=tmp_path / "run"):
        pass
    code = (
        "import sys\nfrom perflab.cli.status import run\nfrom pathlib import Path\n"
        f"run(None, Path({str(tmp_path)!r}))\nprint({{'pandas', 'matplotlib'}} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.rstrip().endswith("set()")


@pytest.mark.parametrize("suffix", [".html", ".md", ".json"])
def test_report_writes_a_stored_run(tmp_path: Path, suffix: str) -> None:
    with PerformanceSystem(Config(resource_monitoring={"enabled": False}), run_dir=tmp_path / "run") as system:
        system.cache.get_or_load("a", lambda: 1)
    path = tmp_path / f"report{suffix}"
    code, text = said("report", tmp_path / "run", "--output", path)
    assert (code, text.strip()) == (0, f"report: {path}")
    assert path.stat().st_size > 500


def test_report_of_no_run_is_one_sentence(tmp_path: Path) -> None:
    code, text = said("report", tmp_path)
    assert code == 2
    assert "holds no run" in text


def test_help_names_the_commands() -> None:
    code, text = said("--help")
    assert code == 0
    assert all(command in text for command in ("benchmark", "status", "report"))


def test_status_passes_over_a_damaged_run_and_names_it(tmp_path: Path) -> None:
    with PerformanceSystem(Config(resource_monitoring={"enabled": False}), run_dir=tmp_path / "good", label="good"):
        pass
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "run.json").write_text("{bad")
    code, text = said("status", "--runs", tmp_path)
    assert code == 0
    assert re.search(r"label +good", text)
    assert "passed over: " in text


def test_a_wrong_report_path_is_refused_before_anything_is_measured(tmp_path: Path, source: Path) -> None:
    code, text = said("benchmark", "--source", source, "--report", tmp_path / "out.txt", "--runs", tmp_path / "runs")
    assert code == 2
    assert "ends in '.txt'" in text
    assert not (tmp_path / "runs").exists()


def test_a_source_that_cannot_be_read_leaves_no_run_behind(tmp_path: Path) -> None:
    code, _ = said("benchmark", "--source", tmp_path / "none", "--runs", tmp_path / "runs")
    assert code == 2
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_cancelled_benchmark_leaves_a_run_that_opens_and_no_process(
    tmp_path: Path, source: Path, number: int, code: int
) -> None:
    command = [sys.executable, "-c", "from perflab.cli import main; main()", "benchmark"]
    options = [
        "--workload",
        "document-creation",
        "--pairs",
        "200",
        "--source",
        str(source),
        "--runs",
        str(tmp_path / "runs"),
    ]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        run = _first_run(tmp_path / "runs")
        while not len(open_run(run).frames.samples):
            time.sleep(0.1)
        started = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, number)
        text, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == code
    assert not [child for child in started if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert "Cancelled." in errors
    assert "Traceback" not in errors
    assert f"perflab report {run}" in text
    assert open_run(run).status == "cancelled"
    assert len(open_run(run).frames.samples) > 0


def _first_run(runs: Path) -> Path:
    for _ in range(600):
        found = [path for path in runs.iterdir() if is_run(path)] if runs.is_dir() else []
        if found:
            return found[0]
        time.sleep(0.1)
    raise AssertionError("no run folder appeared")
