from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from perflab.cli.lab import copy_notebooks, run, shipped
from perflab.errors import ConfigError

ROOT = Path(__file__).parents[2]


def test_every_notebook_and_what_it_reads_is_copied(tmp_path: Path) -> None:
    assert copy_notebooks(tmp_path) == []
    own = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert {path.name for path in (tmp_path / "notebooks").glob("*.ipynb")} == own
    assert (tmp_path / "data" / "traces" / "reading.csv.gz").is_file()


def test_a_notebook_that_was_edited_is_left_alone_and_all_others_are_renewed(tmp_path: Path) -> None:
    copy_notebooks(tmp_path)
    edited, removed = (tmp_path / "notebooks" / name for name in ("00-start-here.ipynb", "01-frames.ipynb"))
    edited.write_text("mine")
    removed.unlink()
    assert copy_notebooks(tmp_path) == ["notebooks/00-start-here.ipynb"]
    assert edited.read_text() == "mine"
    assert removed.is_file()


def test_a_copy_of_an_older_version_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source.ipynb"
    source.write_text("old")
    monkeypatch.setattr("perflab.cli.lab.shipped", lambda: {"notebooks/a.ipynb": source})
    copy_notebooks(tmp_path / "work")
    source.write_text("new")
    assert copy_notebooks(tmp_path / "work") == []
    assert (tmp_path / "work" / "notebooks" / "a.ipynb").read_text() == "new"


def test_a_notebook_of_that_name_that_was_never_copied_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "00-start-here.ipynb").write_text("mine")
    assert copy_notebooks(tmp_path) == ["notebooks/00-start-here.ipynb"]


def test_it_becomes_jupyterlab_in_that_folder(tmp_path: Path) -> None:
    called: list[tuple[str, list[str]]] = []
    run(tmp_path / "work", open_browser=False, port=8899, execute=lambda *call: called.append(call))
    ((program, arguments),) = called
    assert program == sys.executable
    assert arguments[1:3] == ["-m", "jupyterlab"]
    assert f"--ServerApp.root_dir={(tmp_path / 'work').resolve()}" in arguments
    assert {"--port=8899", "--no-browser"} <= set(arguments)


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        copy_notebooks(tmp_path / "file" / "work")


def test_a_wheel_holds_what_is_copied(tmp_path: Path) -> None:
    if int(version("setuptools").partition(".")[0]) < 77:
        pytest.skip("needs setuptools 77 or newer to build a wheel; install it with: pip install -U setuptools")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", str(tmp_path)]
    subprocess.run([*command, str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        held = {name.partition("share/perflab/")[2] for name in content.namelist()}
    assert set(shipped()) - held == set()
