"""`perflab optimize-files`: arguments, patterns, lists, what it prints and how it ends."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from perflab import open_run
from perflab.cli.app import app

RUNNER = CliRunner()


def said(*arguments: str | Path) -> tuple[int, str]:
    result = RUNNER.invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200", "NO_COLOR": "1"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    (folder / "deep").mkdir(parents=True)
    for name in ("orders.py", "deep/parts.py", "deep/note.md"):
        (folder / name).write_text(f"def find_{len(name)}(number):\n    return number\n")
    return folder


def optimize(source: Path, *arguments: str | Path) -> tuple[int, str]:
    return said("optimize-files", *arguments, "--runs", source.parent / "kept" / "runs")


def test_arguments_patterns_and_a_list_name_files(source: Path) -> None:
    code, text = optimize(source, source / "orders.py", f"{source}/**/*.py", "--files", f"{source}/deep/note.md, ")
    assert code == 0
    assert re.search(r"3 files, 3 chunks, 3 computed, 0 reused", text)
    assert [name for name in ("orders.py", "parts.py", "note.md") if name in text] == [
        "orders.py",
        "parts.py",
        "note.md",
    ]
    (run,) = (source.parent / "kept" / "runs").iterdir()
    assert open_run(run).status == "finished"
    assert len(open_run(run).frames.chunks) == 3


def test_the_next_call_computes_only_what_changed(source: Path) -> None:
    optimize(source, f"{source}/**/*.py")
    (source / "orders.py").write_text("def other():\n    return 1\n")
    assert "2 files, 2 chunks, 1 computed, 1 reused" in optimize(source, f"{source}/**/*.py")[1]


def test_a_file_that_cannot_be_read_ends_with_1_and_the_others_are_done(source: Path) -> None:
    code, text = optimize(source, source / "gone.py", source / "orders.py")
    assert code == 1
    assert "gone.py' cannot be read" in text
    assert "1 computed" in text


def test_hostile_names_are_inert_text(source: Path) -> None:
    name = "a\x1b[31m[bold]\u202e\n.py"
    (source / name).write_text("x = 1\n")
    code, text = optimize(source, source / name)
    assert code == 0
    assert "\x1b[31m" not in text
    assert "\u202e" not in text
    assert "[bold]" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no files are named"),
        (("no*.such",), "'no*.such' fits no file"),
        (("--operation", "polish", "x.py"), "--operation is 'polish'; it must be one of parse, analyze, index"),
        (("--operation", "transform", "x.py"), "--operation is 'transform'; it must be one of"),
    ],
)
def test_mistakes_are_one_sentence_and_2(source: Path, arguments: tuple[str, ...], message: str) -> None:
    code, text = optimize(source, *arguments)
    assert code == 2
    assert message in " ".join(text.split())
