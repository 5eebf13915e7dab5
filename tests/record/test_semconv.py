from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path

import opentelemetry.semconv
import pytest

from perflab.analyze import metrics
from perflab.record import FRAMES, SCHEMA, Frames
from perflab.record.arrow import empty_table
from perflab.record.semconv import METRICS, NAMES, SemanticName, semantic_names

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*(\.[a-z][a-z0-9]*(_[a-z0-9]+)*)+")
UNIT = re.compile(r"s|By|1|\{[a-z]+(_[a-z]+)*\}")
UNITS = {"s": "s", "bytes": "By", "ratio": "1"}

every_name = pytest.mark.parametrize("known", NAMES, ids=lambda known: f"{known.frame}.{known.column}")


def official_names() -> dict[str, tuple[str, str]]:
    """Return name -> unit and instrument of all that the conventions' own package has and keeps."""
    found: dict[str, tuple[str, str]] = {}
    for file in Path(opentelemetry.semconv.__path__[0]).rglob("*_*s.py"):
        for name, note in re.findall(r'Final = "([a-z0-9_.]+)"\n(?:"""(.*?)""")?', file.read_text(), re.DOTALL):
            if "Deprecated: Replaced" not in note:
                said = re.search(r"^Instrument: (.*)\nUnit: (.*)$", note, re.MULTILINE)
                found[name] = (said.group(2), said.group(1)) if said else ("", "attribute")
    return found


OFFICIAL = official_names()


@pytest.mark.parametrize(
    ("frame", "column", "unit"),
    [(column.frame, column.name, column.unit) for column in SCHEMA if column.dtype in ("int", "float")],
)
def test_every_number_that_is_recorded_has_one_name_and_its_unit(frame: str, column: str, unit: str) -> None:
    (known,) = (known for known in NAMES if (known.frame, known.column) == (frame, column))
    assert known.unit == UNITS[unit] if unit else known.unit not in UNITS.values()


@every_name
def test_names_and_units_follow_the_rules(known: SemanticName) -> None:
    assert NAME.fullmatch(known.name)
    assert not known.name.endswith(("_s", "_bytes"))
    assert UNIT.fullmatch(known.unit) or known.kind == "attribute" or "`unit`" in known.note


@every_name
def test_what_is_called_official_is_so_and_all_else_is_in_a_namespace_of_its_own(known: SemanticName) -> None:
    if known.convention == "OpenTelemetry":
        assert OFFICIAL[known.name] == (known.unit, known.kind)
    else:
        assert known.name.split(".")[0] == "perflab"


@every_name
def test_a_name_stands_for_something_that_is_recorded_or_computed(known: SemanticName) -> None:
    assert known.frame in (*FRAMES, METRICS)
    if known.frame in FRAMES:
        assert (known.frame, known.column) in {(column.frame, column.name) for column in SCHEMA}


@every_name
def test_one_name_means_one_unit_and_one_kind(known: SemanticName) -> None:
    same = [other for other in NAMES if other.name == known.name]
    assert {(other.unit, other.kind) for other in same} == {(known.unit, known.kind)}


def test_every_metric_has_a_name_and_its_unit() -> None:
    units = {**UNITS, "count": ""}
    for name, unit in metrics(Frames(empty_table))[["name", "unit"]].values.tolist():
        exact = [known for known in NAMES if known.frame == METRICS and known.column == name]
        matching = [known for known in NAMES if known.frame == METRICS and fnmatchcase(name, known.column)]
        (known,) = exact or matching
        assert known.unit == units[unit] or (unit == "count" and known.unit.startswith("{"))


def test_the_table_is_for_people() -> None:
    table = semantic_names()
    assert list(table) == ["frame", "column", "name", "unit", "kind", "convention", "note"]
    assert len(table) == len(NAMES)
    assert not table.duplicated(["frame", "column"]).any()
    assert set(table["convention"]) == {"OpenTelemetry", "perflab"}
