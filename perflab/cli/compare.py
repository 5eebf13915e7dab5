"""`perflab compare` and `perflab history`: stored runs side by side, and one after the other.

In: run folders. Out: tables, and the exit code of the conditions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from perflab.cli.answer import Answer, rows, table
from perflab.cli.output import writable
from perflab.config import Config
from perflab.present.escape import visible
from perflab.system import open_run
from perflab.system.comparison import RunComparison, compare, report_on
from perflab.system.runs import history
from perflab.units import format_quantity

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Report", "run_compare", "run_history"]

_METRIC_HEADS = ("metric", "A", "B", "B / A", "interval", "verdict")
_MOMENT_HEADS = ("started", "run", "status", "value", "interval", "")


@dataclass(frozen=True, slots=True)
class Report:
    """A file that shows the runs side by side, with some more of them, and whether it may be written over."""

    path: Path
    also: tuple[Path, ...]
    force: bool


def run_compare(a: Path, b: Path, conditions: Sequence[str], everything: bool, report: Report | None = None) -> Answer:
    """Tell what differs between two runs; the code is 0, 1 or 3 by the conditions."""
    target = None if report is None else writable(report.path, force=report.force)
    found = compare(a, b)
    apart, metrics = found.differences(), found.frame()
    code, said = found.fails(*conditions)
    data = {
        "a": a,
        "b": b,
        "differences": rows(apart),
        "metrics": rows(metrics),
        "conditions": list(conditions),
        "said": list(said),
        "written": None if target is None or report is None else _written(target, found, report.also),
    }
    lines = [*said, *([f"report: {visible(target)}"] if target is not None else [])]
    return Answer(data, [*_compared(apart, metrics, everything), *lines], code)


def _written(target: Path, found: RunComparison, also: Sequence[Path]) -> Path:
    return report_on(target, found.a, found.b, *map(open_run, also))


def _compared(apart: pd.DataFrame, metrics: pd.DataFrame, everything: bool) -> Iterator[str | Table]:
    if len(apart):
        yield f"Not one series: {', '.join(dict.fromkeys(apart['kind']))} differ."
        yield table("Set or found differently", ("kind", "name", "a", "b"), _texts(apart))
    shown = metrics if everything else metrics[metrics["verdict"].isin(["lower", "higher"])]
    title = "Metrics" if everything else "Metrics that differ"
    yield table(title, _METRIC_HEADS, map(_metric, shown.to_dict("records")))
    yield ", ".join(f"{count} {verdict}" for verdict, count in metrics["verdict"].value_counts().items())


def run_history(runs: Path | None, metrics: Sequence[str], config_file: Path | None) -> Answer:
    """Tell what the stored runs measured, series by series."""
    folder = runs or Config.load(config_file).record.runs_dir
    found = history(folder, metrics)
    shown = [
        table(
            f"{name}, series {series} ({moments['label'].iloc[0]})",
            _MOMENT_HEADS,
            map(_moment, moments.to_dict("records")),
        )
        for (name, series), moments in found.groupby(["name", "series"], sort=False)
    ]
    none = f"No run in {visible(folder)} measured {', '.join(metrics)}; the names are those of perflab export --csv."
    unjudged = f"No run in {visible(folder)} judged a target; name what to show, as in: --metric cache.hit_rate"
    return Answer({"runs": folder, "measured": rows(found)}, shown or [none if metrics else unjudged])


def _metric(row: Mapping[Any, Any]) -> tuple[str, ...]:
    a, b = (format_quantity(float(str(row[side])), str(row["unit"])) for side in ("a", "b"))
    ratio, low, high = (float(str(row[name])) for name in ("ratio", "low", "high"))
    verdict = str(row["verdict"])
    interval = "–" if verdict == "no interval" or math.isnan(low) else f"{low:.3f} to {high:.3f}"
    return str(row["name"]), a, b, "–" if math.isnan(ratio) else f"{ratio:.3f}", interval, verdict


def _moment(row: Mapping[Any, Any]) -> tuple[str, ...]:
    value, low, high = (format_quantity(float(str(row[name])), str(row["unit"])) for name in ("value", "low", "high"))
    change = "new level" if row["change"] is True else ""
    return str(row["started"])[:19], str(row["run_id"]), str(row["status"]), value, f"{low} to {high}", change


def _texts(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    return [tuple(str(cell) for cell in row) for row in frame.itertuples(index=False)]
