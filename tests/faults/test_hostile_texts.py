"""Hostile text in keys, names and file names: inert in everything that a run is written as, and no export crashes."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from contract import pipeline
from prometheus_client.parser import text_string_to_metric_families

import perflab
from perflab import PerformanceSystem
from perflab.system import Run

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    '=HYPERLINK("http://evil.example","x")',
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\x1b[31mred\x1b]0;title\x07",
    "\u202egnp.exe \u2066x",
    "two\nlines\r\nand | pipes | `code` [link](javascript:alert(1))",
    "nul \0 and \ud800",
    "{{ 7 * 7 }} {% raw %} $\\frac{1}{0}$",
]
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def use(system: PerformanceSystem, place: Path) -> None:
    """Record hostile text in every place that a program can put some."""
    for number, text in enumerate(HOSTILE):
        with system.operation(text, key=text) as op:
            op.related_keys = (text,)
            system.cache.get_or_load(text, lambda: 1, tags=[text])
            system.cache.get(text)
        system.record_operation(text, 0.1, key=text, related_keys=[text])
        with pytest.raises(ValueError, match=re.escape(text)), system.operation("fail"):
            raise ValueError(text)
        if "\0" not in text and "\ud800" not in text:
            path = place / f"{number} {text.replace('/', '_')}.py"
            path.write_text(f"def f{number}():\n    return 1\n")
            system.process_large_file(path, lambda chunk: len(chunk.data))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("hostile")
    with pipeline(place / "c", place / "run", l1_bytes=100_000) as system:
        use(system, place)
    return place


@pytest.fixture
def run(place: Path) -> Run:
    return perflab.open_run(place / "run")


class Tags(HTMLParser):
    """What a browser would act on."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def check_html(text: str) -> None:
    for tag, attributes in Tags(text).found:
        assert tag not in ("script", "img", "iframe")
        assert not [name for name in attributes if name.startswith("on")]
        assert not (attributes.get("href") or "#").startswith(("http", "javascript"))
    assert not CONTROLS.search(text)


@pytest.fixture
def text_of(run: Run, tmp_path: Path) -> Callable[[str], str]:
    """What a run is as a file of a format."""

    def export(kind: str) -> str:
        return run.export(kind, tmp_path / f"out.{kind}").read_text("utf-8")

    return export


@pytest.mark.fault("hostile keys in a report")
@pytest.mark.fault("hostile file names in a report")
def test_everything_was_recorded(run: Run) -> None:
    assert len(run.frames.operations) == 4 * len(HOSTILE) - 1
    assert (run.frames.accesses["event"] == "hit").sum() == len(HOSTILE)
    assert run.frames.chunks["path"].nunique() == len(HOSTILE) - 1


@pytest.mark.fault("hostile keys in a report")
@pytest.mark.fault("hostile file names in a report")
@pytest.mark.parametrize("kind", ["html", "repr", "frame", "targets"])
def test_pages_are_inert(run: Run, text_of: Callable[[str], str], kind: str) -> None:
    if kind == "html":
        check_html(text_of("html"))
    elif kind == "repr":
        check_html(run._repr_html_())
    else:
        check_html((run.frames if kind == "frame" else run.plot())._repr_html_() or "")


@pytest.mark.fault("hostile keys in a report")
@pytest.mark.fault("hostile file names in a report")
@pytest.mark.parametrize("kind", ["markdown", "json", "events", "prometheus"])
def test_texts_are_inert(text_of: Callable[[str], str], kind: str) -> None:
    text = text_of(kind)
    assert not CONTROLS.search(text)
    if kind == "markdown":
        assert not re.search(r"<(script|img)|(?<!\\)\]\(javascript", text)
    elif kind == "json":
        json.loads(text)
    elif kind == "events":
        assert all(json.loads(line) for line in text.splitlines())
    else:
        assert list(text_string_to_metric_families(text))


@pytest.mark.fault("hostile keys in a report")
@pytest.mark.fault("hostile file names in a report")
def test_csv_is_inert_to_a_spreadsheet_and_holds_every_row(run: Run, tmp_path: Path) -> None:
    run.export("csv", tmp_path / "csv")
    for path in (tmp_path / "csv").iterdir():
        assert not CONTROLS.search(path.read_text("utf-8"))
        with path.open(encoding="utf-8", newline="") as file:
            for cell in (cell for row in csv.reader(file) for cell in row):
                assert not cell.startswith(("=", "+", "@", "\t", "\r"))
                assert not cell.startswith("-") or cell[1:2].isdigit()
    assert len(pd.read_csv(tmp_path / "csv" / "operations.csv")) == len(run.frames.operations)


@pytest.mark.fault("hostile keys in a report")
@pytest.mark.fault("hostile file names in a report")
def test_a_workbook_holds_no_formula(run: Run, tmp_path: Path) -> None:
    run.export("xlsx", tmp_path / "run.xlsx")
    book = openpyxl.load_workbook(tmp_path / "run.xlsx")
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert cells
    assert not [cell.value for cell in cells if cell.data_type == "f" or cell.hyperlink]


@pytest.mark.fault("hostile keys in a report")
@pytest.mark.fault("hostile file names in a report")
def test_parquet_holds_every_row(run: Run, tmp_path: Path) -> None:
    run.export("parquet", tmp_path / "parquet")
    back = pd.read_parquet(tmp_path / "parquet" / "operations.parquet")
    assert back["key"].tolist() == run.frames.operations["key"].tolist()


@pytest.mark.fault("hostile keys in a report")
@pytest.mark.fault("hostile file names in a report")
@pytest.mark.parametrize("command", ["status --runs {runs}", "export {run} --prometheus", "report {run} --force"])
def test_a_terminal_is_told_nothing_that_it_would_act_on(place: Path, command: str) -> None:
    words = command.format(runs=place, run=place / "run").split()
    done = subprocess.run(
        [sys.executable, "-m", "perflab", *words], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "run" in done.stdout
    assert not CONTROLS.search(done.stdout)
