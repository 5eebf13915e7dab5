"""Hostile names through every way out: exports, plots, notebooks, panels, the command line, monitoring systems.

Exporters, plots and notebook forms are taken from their registries or from the source: who adds one is told here.
"""

from __future__ import annotations

import ast
import contextlib
import csv
import datetime as dt
import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import hostile
import pandas as pd
import pytest
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

import perflab
from perflab import BenchmarkResult, ChaosResult, Config, PerformanceSystem, Run, Trace
from perflab import widgets as perflab_widgets
from perflab.cli.app import app
from perflab.optimize.plan import Phase, Plan
from perflab.optimize.result import OptimizationResult
from perflab.present import PICTURES
from perflab.present.families import families
from perflab.present.formats import EXPORTS, write_export
from perflab.present.shown import Shown
from perflab.present.tables import Heading, Table
from perflab.system.faults import Survival
from perflab.system.telemetry import observe

PACKAGE = Path(perflab.__file__).parent
QUIET = Config(
    enable_auto_optimization=False, resource_monitoring={"enabled": False}, predictive_prefetching_enabled=False
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of a program whose every name is hostile."""
    folder = tmp_path_factory.mktemp("runs")
    for label in ("one", "two"):
        with PerformanceSystem(QUIET, run_dir=folder / label, label=" ".join(hostile.NAMES)) as system:
            for name in hostile.NAMES:
                _use(system, name)
    return folder


def _use(system: PerformanceSystem, name: str) -> None:
    with contextlib.suppress(RuntimeError), system.operation(name, key=name):
        system.cache.get_or_load(name, lambda: name)
        system.cache.get(name)
        raise RuntimeError(name)
    system.record_operation(name, 0.1, key=name, related_keys=[name])
    system._events.emit("alert", what=name, rule=name)


@pytest.fixture(scope="module")
def run(runs: Path) -> Run:
    return perflab.open_run(runs / "one")


def html_is_inert(path: Path) -> None:
    text = path.read_text("utf-8")
    hostile.check_html(text)
    assert "Content-Security-Policy\" content=\"default-src 'none'" in text


def markdown_is_inert(path: Path) -> None:
    text = path.read_text("utf-8")
    hostile.check_text(text)
    assert not re.search(r"<\w|(?<!\\)\]\(|(?<!\\)`|://", text)


def json_is_inert(path: Path) -> None:
    text = path.read_text("utf-8")
    json.loads(text)
    hostile.check_text(text)
    assert not any(hostile.CONTROLS.search(word) for word in texts_in(json.loads(text)))


def lines_are_inert(path: Path) -> None:
    for line in path.read_text("utf-8").splitlines():
        assert not any(hostile.CONTROLS.search(word) for word in texts_in(json.loads(line)))


def cells_are_inert(path: Path) -> None:
    for file in path.iterdir():
        with file.open(encoding="utf-8", newline="") as opened:
            rows = list(csv.reader(opened))
        assert all(len(row) == len(rows[0]) for row in rows)
        for cell in (cell for row in rows for cell in row):
            hostile.check_text(cell)
            assert not cell.startswith(("=", "+", "@", "\t", "\r"))
            assert not cell.startswith("-") or is_number(cell)


def workbook_is_inert(path: Path) -> None:
    from openpyxl import load_workbook

    for sheet in load_workbook(path):
        for cell in (cell for row in sheet.iter_rows() for cell in row):
            assert cell.data_type != "f", cell.value
            assert cell.hyperlink is None
            hostile.check_text(str(cell.value))


def parquet_is_whole(path: Path) -> None:
    for file in path.glob("*.parquet"):
        for column in pd.read_parquet(file).select_dtypes(["object", "string", "category"]):
            [str(value).encode("utf-8") for value in pd.read_parquet(file)[column].dropna()]


def exposition_is_inert(path: Path) -> None:
    text = path.read_text("utf-8")
    hostile.check_text(text)
    names = {family.name for family in text_string_to_metric_families(text)}
    assert names
    assert all(name.startswith("perflab_") for name in names)
    assert "perflab_fake" not in names


CHECKS: Mapping[str, Callable[[Path], None]] = {
    "html": html_is_inert,
    "markdown": markdown_is_inert,
    "json": json_is_inert,
    "events": lines_are_inert,
    "csv": cells_are_inert,
    "xlsx": workbook_is_inert,
    "parquet": parquet_is_whole,
    "prometheus": exposition_is_inert,
}


def is_number(cell: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?|-?inf|nan", cell) is not None


def texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield name
            yield from texts_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_in(item)


def test_every_export_has_a_check() -> None:
    assert set(CHECKS) == set(EXPORTS)


@pytest.mark.parametrize("kind", EXPORTS)
def test_a_run_of_hostile_texts_alone_is_exported(kind: str, tmp_path: Path) -> None:
    data = hostile.run_data()
    if kind == "events":
        data.frames["events"]["payload"] = json.dumps(hostile.NAMES)
    CHECKS[kind](write_export(kind, tmp_path / f"out.{kind}", data))


@pytest.mark.parametrize("kind", EXPORTS)
def test_a_recorded_run_is_exported(kind: str, run: Run, tmp_path: Path) -> None:
    CHECKS[kind](run.export(kind, tmp_path / f"out.{kind}"))


@pytest.mark.parametrize("name", PICTURES)
def test_plots(name: str, run: Run) -> None:
    hostile.check_html(run.plot(name)._repr_html_())


def shown_classes() -> set[str]:
    """Every class of the package that shows itself in a notebook."""
    found = set()
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef) and any(
                isinstance(part, ast.FunctionDef) and part.name.startswith("_repr_") and part.name.endswith("_")
                and "__" not in part.name[1:-1]
                for part in node.body
            ):  # fmt: skip
                found.add(node.name)
    return found


def measured() -> BenchmarkResult:
    slow, fast = (lambda: sum(range(99))), (lambda: 4851)
    slow.__name__, fast.__name__ = hostile.NAMES[0] + "\x1b[2J", hostile.NAMES[1] + "\u202e"
    return perflab.benchmark(slow, fast, pairs=1)


def test_what_notebooks_show(runs: Path, run: Run) -> None:
    names = " ".join(hostile.NAMES)
    row = {**dict.fromkeys(("knob", "old", "new", "metric", "unit", "reason"), names), "verdict": "kept"}
    trace = Trace.of(list(hostile.NAMES) * 5)
    with PerformanceSystem(QUIET, label=names) as system:
        for name in hostile.NAMES:
            _use(system, name)
        shown: list[Any] = [
            run,
            run.frames,
            run.plot("targets"),
            perflab.compare(runs / "one", runs / "two"),
            trace,
            perflab.whatif(trace),
            Config(alerts={"rules": ["cache.hit_rate < 80%"], "webhook_url": "http://h<b>\u202e\x1b/x"}),
            measured(),
            ChaosResult((Survival(*[names] * 3, True, 1, False, None, names, 1, 1, 2.0, names),), 1.0),
            OptimizationResult(names, (row,), dt.datetime.now(dt.UTC), 1.0, Plan((Phase(names, names, (names,)),))),
            Shown((names,), (Table(names, (Heading(names),), ((names,),), names),)),
            system,
            system.cache,
        ]
        for each in shown:
            hostile.check_html(each._repr_html_())
    panels = {"Panel"}  # below
    assert shown_classes() - {type(each).__name__ for each in shown} == panels


def traits(widget: Any) -> Iterator[str]:
    """The HTML that a widget and those inside it show."""
    for name in ("value", "html"):
        if type(widget).__name__ in ("HTML", "Listing") and isinstance(getattr(widget, name, None), str):
            yield getattr(widget, name)
    for child in getattr(widget, "children", ()):
        yield from traits(child)


@pytest.mark.parametrize("name", perflab_widgets.__all__)
def test_panels(name: str, runs: Path, run: Run, tmp_path: Path) -> None:
    with PerformanceSystem(QUIET, label=" ".join(hostile.NAMES)) as system:
        for each in hostile.NAMES:
            _use(system, each)
        sources: dict[str, Any] = {
            "Explorer": runs, "Targets": run, "WhatIfPanel": run, "Monitor": system, "Tuner": system,
            "Benchmarks": {hostile.NAMES[0]: len},
        }  # fmt: skip
        options = {"runs_dir": tmp_path} if name == "Benchmarks" else {}
        panel = getattr(perflab_widgets, name)(sources[name], **options)
        try:
            if name == "Explorer":
                panel.pick(str(runs / "one"))
                panel.pick(str(runs / "two"))
            if hasattr(panel, "settle"):
                assert panel.settle(60)
            panel.say(" ".join(hostile.NAMES))
            for html in traits(panel.widget):
                hostile.check_html(html)
        finally:
            panel.close()


COMMANDS = (
    ("status",),
    ("report", "{run}", "--output", "{new}/r.md"),
    ("report", "{run}", "--output", "{new}/{name}.md"),
    ("compare", "{run}", "{other}"),
    ("history",),
    ("optimize", "{run}"),
    ("whatif", "{run}"),
    ("export", "{run}", "--csv", "{new}/{name}"),
    ("cache", "inspect", "{new}/{name}"),
    ("report", "{new}/{name}"),
    ("benchmark", "--workload", "{name}"),
    ("optimize-files", "{new}/{name}"),
    ("optimize", "--config", "{name}"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_commands(command: tuple[str, ...], runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERFLAB_RECORD__RUNS_DIR", str(runs))
    monkeypatch.setenv("NO_COLOR", "1")
    name = "<b>\x1b]0;owned\x07\u202e=1[red] \n"
    places = {"run": runs / "one", "other": runs / "two", "new": tmp_path, "name": name}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = CliRunner().invoke(app, [part.format(**places) for part in command])
        document = CliRunner().invoke(app, [*(part.format(**places) for part in command), "--json"])
    assert said.exception is None or isinstance(said.exception, SystemExit), said.exception
    hostile.check_text(said.output.replace("\r", ""))
    hostile.check_text(document.output)


def test_monitoring_systems_are_told_inert_labels() -> None:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    told = families(hostile.run_data())
    observe(lambda: told, provider.get_meter("perflab"))
    data = reader.get_metrics_data()
    assert data is not None
    found = json.loads(data.to_json())
    provider.shutdown()
    texts = list(texts_in(found["resource_metrics"][0]["scope_metrics"]))
    assert len(texts) > 50
    assert not [text for text in texts if hostile.CONTROLS.search(text)]


def test_the_last_words_of_a_killed_program_are_inert(tmp_path: Path) -> None:
    with PerformanceSystem(QUIET, run_dir=tmp_path / "run") as system:
        for name in hostile.NAMES:
            with system.operation(name[:40], key=name[:40]):
                hostile.check_text(perflab.open_run(tmp_path / "run").ending)
