"""What a terminal, a pipe and a shell get: colours, completion, questions before files are written over."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from spoken import answered, said

from perflab import Config, PerformanceSystem
from perflab.cli.output import writable, writable_folder
from perflab.errors import RunError

PERFLAB = [sys.executable, "-m", "perflab"]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "first"
    with PerformanceSystem(Config(resource_monitoring={"enabled": False}), run_dir=folder) as system:
        for key in range(30):
            system.cache.get_or_load(key % 3, lambda: "text")
    return folder


def at_terminal(arguments: list[str | Path], typed: bytes = b"", **environ: str) -> tuple[int, str]:
    """Run a command at a pseudo-terminal; return its exit code and what was printed there."""
    ours, theirs = pty.openpty()
    known = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    process = subprocess.Popen(
        [*PERFLAB, *map(str, arguments)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**known, "TERM": "xterm", **environ},
    )
    os.close(theirs)
    os.write(ours, typed)
    printed = b""
    try:
        while part := os.read(ours, 4096):
            printed += part
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    return process.wait(60), printed.decode()


def test_a_terminal_gets_colours_unless_no_color_is_set_and_a_pipe_gets_none(run: Path) -> None:
    arguments: list[str | Path] = ["doctor"]
    assert "\x1b[1m" in at_terminal(arguments)[1]
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", at_terminal(arguments, NO_COLOR="1")[1])
    piped = subprocess.run([*PERFLAB, "status", "--runs", run.parent], capture_output=True, text=True, check=True)
    assert "\x1b" not in piped.stdout
    assert f"folder   {run}\n" in piped.stdout  # a long path is not broken


@pytest.mark.parametrize(("typed", "code", "text"), [(b"n\n", 2, "old"), (b"y\n", 0, "# ")])
def test_at_a_terminal_it_is_asked_before_a_file_is_written_over(
    run: Path, tmp_path: Path, typed: bytes, code: int, text: str
) -> None:
    report = tmp_path / "report.md"
    report.write_text("old")
    ended, printed = at_terminal(["report", run, "--output", report], typed)
    assert (ended, "Write over it?" in printed) == (code, True)
    assert report.read_text().startswith(text)


def test_elsewhere_an_existing_file_is_refused_unless_forced(run: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text("old")
    code, _, errors = said("report", run, "--output", report)
    assert (code, errors.count("\n")) == (2, 1)
    assert "exists already; name another file, or add --force" in errors
    assert answered("report", run, "--output", report)[0] == 2
    assert report.read_text() == "old"
    assert said("report", run, "--output", report, "--force").code == 0
    assert said("report", run).code == 0
    assert said("report", run).code == 0  # the one in the run folder is perflab's own


@pytest.mark.parametrize(
    "arguments",
    [
        ("benchmark", "--baseline", "a:b", "--optimized", "a:b", "--report", "there.html"),
        ("whatif", "none.csv", "--report", "there.html"),
        ("export", "none", "--xlsx", "there.html"),
        ("export", "none", "--csv", "full"),
        ("deploy", "full"),
    ],
)
def test_every_command_that_writes_refuses_before_it_works(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.html").write_text("old")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "perflab.toml").write_text("old")
    code, _, errors = said(*arguments)
    assert code == 2
    assert re.search(r"(exists|holds files) already; name another", errors)
    assert {path.name for path in tmp_path.rglob("*")} == {"there.html", "full", "perflab.toml"}


def test_what_cannot_be_written_is_said_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="takes no files; name another place"):
        writable(tmp_path / "file" / "report.html", force=True)
    with pytest.raises(RunError, match="is a folder; name a file in it"):
        writable(tmp_path, force=True)
    with pytest.raises(RunError, match="is a file; name a folder"):
        writable_folder(tmp_path / "file", force=True)
    assert writable(tmp_path / "new" / "report.html", force=False) == tmp_path / "new" / "report.html"
    assert writable(tmp_path / "file", force=False, ask=lambda question: question.endswith("Write over it?"))


def completing(**environ: str) -> str:
    """What the installed program prints for a shell that asks it."""
    program = [Path(sys.executable).parent / "perflab"]
    return subprocess.run(program, capture_output=True, text=True, check=False, env={**os.environ, **environ}).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_the_names_of_commands_and_options(shell: str) -> None:
    scripts = {"bash": "complete", "zsh": "compdef", "fish": "complete --command"}
    script = completing(_PERFLAB_COMPLETE=f"source_{shell}")
    assert scripts[shell] in script
    asked = {"_TYPER_COMPLETE_ARGS": "perflab sta", "COMP_WORDS": "perflab sta", "COMP_CWORD": "1"}
    if shell == "fish":
        asked["_TYPER_COMPLETE_FISH_ACTION"] = "get-args"
    completed = completing(_PERFLAB_COMPLETE=f"complete_{shell}", **asked)
    assert "status" in completed
    assert "benchmark" not in completed


def test_a_run_of_a_newer_version_is_one_sentence(run: Path) -> None:
    (run / "run.json").write_text('{"format": 99}')
    for command in (["report", run], ["optimize", run], ["compare", run, run], ["whatif", run]):
        code, _, errors = said(*command)
        assert code == 2
        assert "has format 99; this perflab reads up to" in errors
    code, answer = answered("status", "--runs", run.parent)
    assert (code, answer["last"]) == (0, None)
    assert "format 99" in answer["passed_over"][0]


def test_hostile_labels_and_keys_are_inert_text(tmp_path: Path) -> None:
    hostile = "a\x1b[31m[bold]\u202e"
    quiet = Config(resource_monitoring={"enabled": False}, cache={"l3_dir": tmp_path / "tier"})
    for name in ("first", "second"):
        with PerformanceSystem(quiet, run_dir=tmp_path / "runs" / name, label=hostile) as system:
            system.cache.get_or_load(hostile, lambda: "text")
            with system.operation(hostile):
                pass
    first, second = tmp_path / "runs" / "first", tmp_path / "runs" / "second"
    spoilt = tmp_path / "tier" / "cache.db"
    spoilt.write_bytes(spoilt.read_bytes().replace(b"text", b"tEXT"))
    for command in (
        ["status", "--runs", tmp_path / "runs"],
        ["history", "--runs", tmp_path / "runs", "--metric", "cache.hit_rate"],
        ["compare", first, second, "--all"],
        ["optimize", first],
        ["cache", "verify", tmp_path / "tier"],
    ):
        _, text, errors = said(*command)
        assert "\x1b[31m" not in text + errors, command
        assert "\u202e" not in text + errors, command
    assert "[bold]" in said("history", "--runs", tmp_path / "runs", "--metric", "cache.hit_rate").text
