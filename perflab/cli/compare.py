"""`perflab compare` and `perflab history`: stored runs side by side, and one after the other.

In: run folders. Out: tables on the terminal, and the exit code of the conditions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from perflab.cli.console import out
from perflab.config import Config
from perflab.system.comparison import compare
from perflab.system.runs import history
from perflab.units import format_quantity

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["run_compare", "run_history"]


def run_compare(a: Path, b: Path, conditions: Sequence[str], everything: bool) -> int:
    """Print what differs between two runs and return 0, 1 or 3 by the conditions."""
    found = compare(a, b)
    apart, metrics = found.differences(), found.frame()
    if len(apart):
        kinds = ", ".join(dict.fromkeys(apart["kind"]))
        out.print(f"Not one series: {kinds} differ.", highlight=False)
        out.print(_table("Set or found differently", ("kind", "name", "a", "b"), _texts(apart)))
    shown = metrics if everything else metrics[metrics["verdict"].isin(["lower", "higher"])]
    heads = ("metric", "A", "B", "B / A", "interval", "verdict")
    out.print(_table("Metrics" if everything else "Metrics that differ", heads, map(_metric, shown.to_dict("records"))))
    rest = metrics["verdict"].value_counts()
    out.print(", ".join(f"{count} {verdict}" for verdict, count in rest.items()), highlight=False)
    code, said = found.fails(*conditions)
    for sentence in said:
        out.print(sentence, soft_wrap=True, highlight=False, markup=False)
    return code


def run_history(runs: Path | None, metrics: Sequence[str], config_file: Path | None) -> int:
    """Print what the stored runs measured, series by series."""
    found = history(runs or Config.load(config_file).record.runs_dir, metrics)
    for (name, series), rows in found.groupby(["name", "series"], sort=False):
        heads = ("started", "run", "status", "value", "interval", "")
        title = f"{name}, series {series} ({rows['label'].iloc[0]})"
        out.print(_table(title, heads, map(_moment, rows.to_dict("records"))))
    if not len(found):
        out.print("No run measured it.")
    return 0


def _metric(row: Mapping[Any, Any]) -> tuple[str, ...]:
    a, b = (format_quantity(float(str(row[side])), str(row["unit"])) for side in ("a", "b"))
    ratio, low, high = (float(str(row[name])) for name in ("ratio", "low", "high"))
    return str(row["name"]), a, b, f"{ratio:.3f}", f"{low:.3f} to {high:.3f}", str(row["verdict"])


def _moment(row: Mapping[Any, Any]) -> tuple[str, ...]:
    value, low, high = (format_quantity(float(str(row[name])), str(row["unit"])) for name in ("value", "low", "high"))
    change = "new level" if row["change"] is True else ""
    return str(row["started"])[:19], str(row["run_id"]), str(row["status"]), value, f"{low} to {high}", change


def _texts(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    return [tuple(str(cell) for cell in row) for row in frame.itertuples(index=False)]


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(title=title, title_justify="left")
    for head in heads:
        table.add_column(head)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
