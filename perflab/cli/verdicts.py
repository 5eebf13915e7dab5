"""Verdicts as a table on the terminal.

In: the `targets` frame. Out: a rich table; the verdict stands as mark and word, not as colour alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from perflab.present.verdicts import interval
from perflab.units import format_quantity

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["verdict_table"]

_MARKS = {"pass": ("✓", "green"), "fail": ("✗", "red"), "unclear": ("?", "yellow"), "unavailable": ("–", "dim")}


def verdict_table(targets: pd.DataFrame) -> Table:
    """Return a row a target: what was wanted, what was measured, its interval, the verdict."""
    table = Table(title="Targets and actuals", title_justify="left")
    for heading in ("target", "actual", "95 % interval", "verdict"):
        table.add_column(heading, justify="left" if heading in ("target", "verdict") else "right")
    for row in targets.to_dict("records"):
        mark, style = _MARKS[str(row["verdict"])]
        unit = str(row["unit"])
        between = interval(float(row["low"]), float(row["high"]), unit, str(row["how"])) or "none"
        actual = format_quantity(float(row["actual"]), unit)
        table.add_row(Text(str(row["expression"])), actual, between, Text(f"{mark} {row['verdict']}", style))
    return table
