"""The rows of the targets frame as they are shown: grouped, in words, with their units.

In: the `targets` frame. Out: `Row`s with text for every cell, used by the plot, the tables and the summary alike.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from perflab.present import escape, read
from perflab.present.bounds import Bound, parse
from perflab.present.theme import VERDICTS
from perflab.units import format_quantity

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Row", "counts", "humanize", "interval", "rows"]

# What `analyze.intervals.few` says in its method.
_RANGE = "range of the runs"


@dataclass(frozen=True, slots=True)
class Row:
    """One judged target. `actual`, `low` and `high` are in `unit`, NaN where they were not obtained."""

    name: str
    expression: str
    unit: str
    actual: float
    low: float
    high: float
    verdict: str
    how: str
    source: str
    bound: Bound | None

    @property
    def group(self) -> str:
        """The part of the system that the metric is of."""
        return humanize(self.name.partition(".")[0]) if "." in self.name else ""

    @property
    def subject(self) -> str:
        """What is judged, within its group."""
        return humanize(self.name.partition(".")[2] or self.name)

    @property
    def estimated(self) -> bool:
        """Whether the value is an estimate and not a measurement."""
        return self.how.startswith("estimated")

    @property
    def mark(self) -> str:
        """The verdict as a sign and a word."""
        return f"{VERDICTS[self.verdict][0]} {self.verdict}"

    @property
    def value(self) -> str:
        """The actual value with its unit; `≈` before an estimate."""
        shown = format_quantity(self.actual, self.unit)
        return f"≈ {shown}" if self.estimated and math.isfinite(self.actual) else shown

    @property
    def wanted(self) -> str:
        """The bound with its unit, or the expression if it holds no number."""
        return str(self.bound) if self.bound else escape.shorten(self.expression, 24) or "–"

    @property
    def reason(self) -> str:
        """Why there is no value."""
        said = self.how.removeprefix("unavailable").lstrip(" :,;–-(").rstrip(" )")
        return said or "it was not measured"

    @property
    def excess(self) -> float:
        """How far the value is on the wrong side, as a share of the bound; NaN if that says nothing."""
        if self.bound is None:
            return math.nan
        share = self.bound.share(self.actual)
        return 1 - share if self.bound.wants_more else share - 1


def rows(frame: pd.DataFrame) -> list[Row]:
    """Return the frame's rows, those of one group together, groups and rows in the order they first appear."""
    made = [_row(record) for record in read.records(frame)]
    groups = list(dict.fromkeys(row.group for row in made))
    return sorted(made, key=lambda row: groups.index(row.group))


def counts(frame: pd.DataFrame) -> dict[str, int]:
    """Return how many targets have each verdict, in the order pass, fail, unclear, unavailable."""
    found = Counter(row.verdict for row in rows(frame))
    return {verdict: found[verdict] for verdict in VERDICTS}


def interval(low: float, high: float, unit: str, method: str = "") -> str:
    """Return an interval as text; empty if both bounds are missing or there is no width.

    Where the method says that it is the range of too few runs, so does the text: that is no 95 % interval.

    Examples
    --------
    >>> interval(0.51, 0.62, "ratio"), interval(float("nan"), 1.0, "s"), interval(2.0, float("nan"), "s")
    ('51.0 % to 62.0 %', 'at most 1.00 s', 'at least 2.00 s')
    >>> interval(1.0, 2.0, "s", "median of 3; range of the runs, not a 95 % interval")
    'range 1.00 s to 2.00 s'
    """
    if low == high or (math.isnan(low) and math.isnan(high)):
        return ""
    if math.isnan(low) or math.isnan(high):
        return f"at most {_end(high, unit)}" if math.isnan(low) else f"at least {_end(low, unit)}"
    return f"{'range ' if _RANGE in method else ''}{_end(low, unit)} to {_end(high, unit)}"


def humanize(name: str) -> str:
    """Return a metric's name as words.

    Examples
    --------
    >>> humanize("document_creation.time_reduction")
    'document creation, time reduction'
    """
    words = escape.shorten(name.replace("_", " ").replace(".", ", "), 60)
    return f"CPU{words[3:]}" if words.startswith("cpu") else words


def _end(value: float, unit: str) -> str:
    return format_quantity(value, unit) if math.isfinite(value) else ("∞" if value > 0 else "−∞")


def _row(record: dict[str, object]) -> Row:
    unit = read.text(record.get("unit"))
    expression = read.text(record.get("expression"))
    verdict = read.text(record.get("verdict"))
    return Row(
        name=read.text(record.get("name")),
        expression=expression,
        unit=unit,
        actual=read.number(record.get("actual")),
        low=read.number(record.get("low")),
        high=read.number(record.get("high")),
        verdict=verdict if verdict in VERDICTS else "unavailable",
        how=read.text(record.get("how")),
        source=read.text(record.get("source")),
        bound=parse(expression, unit),
    )
