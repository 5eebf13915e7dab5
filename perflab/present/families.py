"""What a monitoring system is told of a run.

In: a run's frames, metrics and targets. Out: families of values with labels, named as `record.semconv` says; what was
not measured is no value in them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Literal

from perflab.present import escape, read
from perflab.record.semconv import METRICS, NAMES, SemanticName

if TYPE_CHECKING:
    import pandas as pd

    from perflab.present.report import ReportData

__all__ = ["BUCKETS_S", "Family", "Sample", "families"]

BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the buckets of a histogram of durations, seconds; the last bucket has no bound."""

_ERRORS = "perflab.operation.errors"
_MOST_LABEL = 120
_ARMS = {"of the optimized arm": "optimized", "of the baseline": "baseline"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One value with its labels; of a histogram also how many values lie at or below each of `BUCKETS_S`, and all."""

    labels: tuple[tuple[str, str], ...]
    value: float
    buckets: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Family:
    """Values of one name.

    Attributes
    ----------
    name
        In the style of OpenTelemetry: `perflab.cache.hit_ratio`.
    unit
        In UCUM: `s`, `By`, `1`, or a count such as `{access}`.
    kind
        A counter only grows within a run; the value of a histogram is its sum.
    """

    name: str
    unit: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    samples: tuple[Sample, ...]


def families(data: ReportData) -> list[Family]:
    """Return everything that is known of a run; a family whose values were not measured has no samples."""
    frames = data.tables
    return [
        _run(data),
        _counted("perflab.cache.events", "{event}", "Events of the cache.", frames["accesses"], ("event", "tier")),
        *_operations(frames["operations"]),
        *_resources(frames["resources"]),
        _counted("perflab.events", "{event}", "What listeners were told of.", frames["events"], ("name",)),
        _counted(
            "perflab.optimizations", "{setting}", "Settings that were tried.", frames["optimizations"], ("verdict",)
        ),
        _dropped(frames["accesses"]),
        *_metrics(data.metrics),
        *_targets(data.targets),
    ]


def _run(data: ReportData) -> Family:
    known = [(name, read.text(data.info.get(name))) for name in ("run_id", "label")]
    labels = tuple(_label(name, value) for name, value in [*known, ("status", data.status)] if value)
    return Family("perflab.run.info", "", "gauge", "Which run this is; always 1.", (Sample(labels, 1.0),))


def _counted(name: str, unit: str, meaning: str, frame: pd.DataFrame, by: tuple[str, ...]) -> Family:
    counts = frame.groupby(list(by), observed=True, dropna=False, sort=True).size().reset_index()
    samples = [
        Sample(tuple(_label(*pair) for pair in zip(by, map(read.text, key), strict=True)), float(count))
        for *key, count in counts.itertuples(index=False)
    ]
    return Family(name, unit, "counter", meaning, tuple(samples))


def _operations(frame: pd.DataFrame) -> Iterator[Family]:
    import numpy as np

    durations, failures = [], []
    for name, rows in frame.groupby("name", observed=True, sort=True) if len(frame) else ():
        labels = (_label("operation", str(name)),)
        seconds = read.numbers(rows, "duration_s")
        seconds = seconds[np.isfinite(seconds)]
        below = np.searchsorted(np.sort(seconds), BUCKETS_S, side="right")
        durations.append(Sample(labels, float(seconds.sum()), (*map(int, below), len(seconds))))
        failures.append(Sample(labels, float((~rows["ok"].astype("boolean").fillna(True)).sum())))
    meaning = "Wall time of the program's operations."
    yield Family("perflab.operation.duration", "s", "histogram", meaning, tuple(durations))
    yield Family(_ERRORS, "{error}", "counter", "Operations that raised.", tuple(failures))


def _resources(frame: pd.DataFrame) -> Iterator[Family]:
    named = {known.column: known for known in NAMES if known.frame == "resources" and known.kind != "attribute"}
    for column, known in named.items():
        values = read.numbers(frame, column)
        last = next((value for value in values[::-1] if math.isfinite(value)), math.nan)
        meaning = f"The last sample of resources.{column}."
        yield _single(known.name, known.unit, meaning, (), last)


def _dropped(accesses: pd.DataFrame) -> Family:
    dropped = accesses.attrs.get("rows_dropped", 0)
    meaning = "Rows that left memory and are in no run folder."
    return Family("perflab.rows.dropped", "{row}", "counter", meaning, (Sample((), float(dropped)),))


def _metrics(frame: pd.DataFrame) -> Iterator[Family]:
    found: dict[str, dict[tuple[tuple[str, str], ...], Sample]] = {}
    for record in read.records(frame):
        metric, value = read.text(record.get("name")), read.number(record.get("value"))
        known = _known(metric)
        if known is not None and math.isfinite(value):
            labels = _labels_of(metric, known)
            found.setdefault(known.name, {})[labels] = Sample(labels, value)
    for name, unit in _instruments().items():
        meaning = f"See the run's metric {', '.join(k.column for k in _of_metrics() if k.name == name)}."
        yield Family(name, unit, "gauge", meaning, tuple(found.get(name, {}).values()))


@cache
def _of_metrics() -> tuple[SemanticName, ...]:
    """Return what metrics are called, exact names first: `*.time` stands for many.

    Those that other families tell are left out: the last sample of the resources, and errors of operations.
    """
    told = {_ERRORS, *(known.name for known in NAMES if known.frame == "resources")}
    known = [known for known in NAMES if known.frame == METRICS and known.name not in told]
    return tuple(sorted(known, key=lambda known: "*" in known.column))


def _instruments() -> dict[str, str]:
    return {known.name: known.unit for known in _of_metrics()}


def _known(metric: str) -> SemanticName | None:
    return next((known for known in _of_metrics() if fnmatchcase(metric, known.column)), None)


def _labels_of(metric: str, known: SemanticName) -> tuple[tuple[str, str], ...]:
    _, star, ending = known.column.partition("*")
    workload, _, state = metric.removesuffix(ending).partition(".") if star else ("", "", "")
    labels = {"workload": workload, "state": state, "arm": _ARMS.get(known.note, "")}
    return tuple(_label(name, value) for name, value in labels.items() if value)


def _targets(frame: pd.DataFrame) -> Iterator[Family]:
    rows = [(read.text(row.get("expression")), row) for row in read.records(frame)]
    verdicts = [
        Sample((_label("target", said), _label("verdict", read.text(row.get("verdict")))), 1.0) for said, row in rows
    ]
    yield Family("perflab.target.verdict", "", "gauge", "The verdict on each target; always 1.", tuple(verdicts))
    passed = [Sample((_label("target", said),), float(row.get("verdict") == "pass")) for said, row in rows]
    yield Family("perflab.target.passed", "", "gauge", "1 if the target passes, else 0.", tuple(passed))


def _single(name: str, unit: str, meaning: str, labels: Iterable[tuple[str, str]], value: float) -> Family:
    samples = (Sample(tuple(labels), value),) if math.isfinite(value) else ()
    return Family(name, unit, "gauge", meaning, samples)


def _label(name: str, value: str) -> tuple[str, str]:
    return name, escape.shorten(value, _MOST_LABEL)
