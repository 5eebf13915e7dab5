"""`--json` of every command prints JSON and nothing else, and it is what the command's schema says."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer.main
from spoken import answered, said, schema_of, validate

from perflab import Config, PerformanceSystem, Trace
from perflab.analyze.load import load
from perflab.cli.app import app
from perflab.cli.console import ending
from perflab.workloads.accesses import zipf

QUIET = Config(resource_monitoring={"enabled": False})


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its full name."""
    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from ((f"{name} {inner}", found) for inner, found in command.commands.items())
        else:
            yield name, command


NAMES = [name for name, _ in commands()]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs that read through a cache."""
    folder = tmp_path_factory.mktemp("runs")
    for label in ("first", "second"):
        with PerformanceSystem(QUIET, run_dir=folder / label, label=label) as system:
            for key in zipf(600, 40):
                system.cache.get_or_load(key, lambda: "text" * 20)
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    for name in ("orders", "parts"):
        (folder / f"{name}.py").write_text(f'"""The {name}."""\n\n\ndef find(number):\n    return number\n')
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_json_and_a_documented_schema_and_help_with_an_example(name: str) -> None:
    command = dict(commands())[name]
    assert "--json" in [text for option in command.params for text in option.opts]
    schema = schema_of(name.replace(" ", "-"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert all(described(schema["properties"]))
    assert schema["properties"]["schema"]["const"] == schema["$id"]
    text = said(*name.split(), "--help").text
    assert f"perflab {name}" in " ".join(text.split())
    assert "Example" in text


def described(properties: dict[str, Any]) -> Iterator[bool]:
    for known in properties.values():
        yield bool(known.get("description"))
        inner = known.get("items", known)
        yield from described(inner.get("properties", {}))


def test_no_schema_is_of_no_command() -> None:
    stored = {path.name.removesuffix(".json") for path in files("perflab.cli").joinpath("schemas").iterdir()}
    assert stored == {name.replace(" ", "-") for name in NAMES} | {"error"}


def test_status_tells_of_the_last_run(runs: Path) -> None:
    code, answer = answered("status", "--runs", runs)
    assert (code, answer["last"]["label"], answer["last"]["status"]) == (0, "second", "finished")
    assert answer["healthy"] is True
    assert answer["running"] == []


def test_report_and_compare_and_history(runs: Path, tmp_path: Path) -> None:
    assert answered("report", runs / "first", "--output", tmp_path / "a.md")[1]["written"] == str(tmp_path / "a.md")
    _, compared = answered("compare", runs / "first", runs / "second", "--fail-if", "time_ratio > 9")
    assert compared["conditions"] == ["time_ratio > 9"]
    assert compared["written"] is None
    both = tmp_path / "both.html"
    _, written = answered("compare", runs / "first", runs / "second", "--also", runs / "first", "--report", both)
    assert written["written"] == str(both)
    assert "3 runs compared" in both.read_text()
    assert answered("compare", runs / "first", runs / "second", "--report", both)[0] == 2  # it exists
    assert len(compared["said"]) == 1
    names = {row["name"] for row in compared["metrics"]}
    assert "cache.hit_rate" in names
    _, measured = answered("history", "--runs", runs, "--metric", "cache.hit_rate")
    assert [row["label"] for row in measured["measured"]] == ["first", "second"]


def test_optimize_and_whatif(runs: Path, tmp_path: Path) -> None:
    trace = Trace.of(zipf(800, 50)).save(tmp_path / "trace.csv")
    assert answered("optimize", runs / "first")[1]["rows"]
    code, found = answered("whatif", trace, "--target", "0.5", "--policies", "lru")
    assert (code, found["unit"], found["report"]) == (0, "entries", None)


def test_optimize_files_also_where_one_cannot_be_read(source: Path, tmp_path: Path) -> None:
    code, answer = answered("optimize-files", source / "orders.py", source / "gone.py", "--runs", tmp_path / "runs")
    assert code == 1
    assert sum(row["error"] is None for row in answer["files"]) == 1


def test_benchmark_and_its_other_measurements(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Real requests take most of a minute and have tests of their own; here it matters what is told of them.
    levels = [load(1, [0.1, 0.2], [0, 0], errors=0, elapsed_s=0.3)]
    monkeypatch.setattr("perflab.workloads.concurrency.measure_concurrency", lambda *_, **__: levels)
    alike = ("--workload", "document-creation", "--source", source)
    _, answer = answered("benchmark", *alike, "--pairs", 1, "--runs", tmp_path / "runs")
    assert answer["targets"]
    assert answer["comparisons"]
    assert answered("benchmark", *alike, "--edits")[1]["edits"]
    assert answered("benchmark", *alike, "--concurrency")[1]["levels"]


def test_the_disk_tier(tmp_path: Path) -> None:
    for command in (["inspect"], ["verify"], ["prune"], ["clear", "l3"]):
        assert answered("cache", *command, tmp_path / "none")[0] == 0


def test_doctor_and_deploy(tmp_path: Path) -> None:
    assert {finding["state"] for finding in answered("doctor")[1]["findings"]} <= {"works", "limited"}
    assert answered("deploy", tmp_path / "here")[1]["written"]


def test_doctor_looks_at_the_folder_that_commands_keep_results_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shared = tmp_path / ".perflab" / "cache"
    shared.mkdir(parents=True)
    shared.chmod(0o777)
    code, answer = answered("doctor")
    tier = next(finding for finding in answer["findings"] if finding["name"] == "disk tier")
    assert (code, tier["state"], tier["found"]) == (1, "fails", ".perflab/cache")
    assert "everyone may write to it" in tier["remedy"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("report", "nowhere"),
        ("compare", "a", "b"),
        ("optimize-files",),
        ("whatif", "none.csv"),
        ("cache", "clear", "l1"),
    ],
)
def test_an_error_is_json_too(arguments: tuple[str, ...]) -> None:
    code, answer = answered(*arguments)
    assert (code, answer["schema"], answer["command"]) == (
        2,
        "perflab.error/1",
        "-".join(arguments[: 1 + (arguments[0] == "cache")]),
    )
    assert answer["error"].rstrip(".")


def test_an_interrupt_is_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended, ending("status", as_json=True):
        signal.raise_signal(signal.SIGINT)
    document = json.loads(capsys.readouterr().out)
    validate(document)
    assert (ended.value.exit_code, document["error"]) == (130, "Cancelled.")


def test_a_defect_has_a_code_of_its_own_and_its_traceback_beside_the_json(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended, ending("status", as_json=True):
        raise ZeroDivisionError("by nothing")
    printed = capsys.readouterr()
    assert (ended.value.exit_code, json.loads(printed.out)["exit_code"]) == (70, 70)
    assert "Traceback" in printed.err


def test_a_program_sees_json_alone_on_standard_output(runs: Path) -> None:
    command = [sys.executable, "-m", "perflab", "status", "--runs", str(runs), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    validate(json.loads(done.stdout))


def test_export_tells_what_it_wrote(runs: Path, tmp_path: Path) -> None:
    _, answer = answered("export", runs / "first", "--prometheus", "--csv", tmp_path / "frames")
    assert answer["written"] == {"csv": str(tmp_path / "frames")}
    assert "perflab_cache_hit_ratio" in answer["prometheus"]
