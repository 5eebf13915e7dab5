"""Kernels are compiled once, kept on disk, and who waits for that is told."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

from perflab import compiled
from perflab.errors import PerflabError

PROGRAM = """
import sys
sys.path.insert(0, {folder!r})
import twice_of
print(twice_of.twice(21), twice_of.twice.folder)
"""

SOURCE = """
from perflab.compiled import kernel

@kernel
def twice(number):
    return 2 * number
"""


def run(folder: Path, stderr: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    (folder / "twice_of.py").write_text(SOURCE) if not (folder / "twice_of.py").exists() else None
    inherited = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(folder=str(folder))],
        env={**inherited, "HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        check=True,
    )


def run_on_a_terminal(folder: Path) -> tuple[str, str]:
    """Return what a program writes to its standard output and to the terminal that is its stderr."""
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    try:
        said = run(folder, theirs).stdout
        with contextlib.suppress(BlockingIOError):
            return said, os.read(ours, 10_000).decode()
        return said, ""
    finally:
        os.close(ours)
        os.close(theirs)


def test_the_first_process_compiles_and_says_so_the_second_does_not(tmp_path: Path) -> None:
    first, second = run_on_a_terminal(tmp_path), run_on_a_terminal(tmp_path)
    assert first[0] == second[0]
    assert first[0].startswith("42 ")
    assert "perflab compiles 'twice' for its first use, a few seconds; the result is kept in" in first[1]
    assert second[1] == ""


def test_where_nobody_sits_nothing_is_said(tmp_path: Path) -> None:
    assert run(tmp_path).stderr == ""


def test_what_is_older_than_a_source_beside_it_is_compiled_anew(tmp_path: Path) -> None:
    assert "compiles 'twice'" in run_on_a_terminal(tmp_path)[1]
    later = time.time() + 60
    (tmp_path / "part_of.py").write_text("")
    os.utime(tmp_path / "part_of.py", (later, later))
    assert "compiles 'twice'" in run_on_a_terminal(tmp_path)[1]


def test_without_a_folder_that_can_be_written_it_works_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    import numba

    made = numba.njit

    def refuses_to_cache(*args: object, **options: object) -> object:
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return made(*args, **options)

    monkeypatch.setattr(numba, "njit", refuses_to_cache)
    told: list[str] = []
    kernel = compiled.Kernel(lambda number: number + 1, told.append)
    assert kernel(1) == 2
    assert kernel(2) == 3
    assert kernel.folder is None
    assert len(told) == 1
    assert "no folder can be written" in told[0]


def test_without_numba_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "is_available", lambda: False)
    with pytest.raises(PerflabError, match=r"numba cannot be imported.*pip install numba"):
        compiled.kernel(lambda: None)
