"""One measured number with its unit, its interval and how it came about.

In: intervals, or the reason why there is none. Out: `Metric`s and the metrics frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

from perflab.analyze.intervals import Interval

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Metric", "Unit", "measured", "table", "unavailable"]

Unit = Literal["s", "bytes", "ratio", "count"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A row of the metrics frame; `method` says how it was measured, or why it was not."""

    name: str
    value: float
    low: float
    high: float
    unit: Unit
    how: Literal["measured", "estimated", "unavailable"]
    method: str
    n: int


def measured(
    name: str,
    unit: Unit,
    interval: Interval,
    what: str,
    how: Literal["measured", "estimated"] = "measured",
) -> Metric:
    """Return a metric from an interval, or an unavailable one if nothing was observed."""
    method = f"{what}{';' if ':' in what else ':'} {interval.method}"
    if math.isnan(interval.value):
        return unavailable(name, unit, method)
    return Metric(name, interval.value, interval.low, interval.high, unit, how, method, interval.n)


def unavailable(name: str, unit: Unit, reason: str) -> Metric:
    """Return a metric without a value; `reason` says why.

    Examples
    --------
    >>> unavailable("cache.hit_rate", "ratio", "no accesses were recorded").value
    nan
    """
    return Metric(name, math.nan, math.nan, math.nan, unit, "unavailable", reason, 0)


def table(rows: Iterable[Metric]) -> pd.DataFrame:
    """Return metrics as a frame: name, value, low, high, unit, how, method, n."""
    import pandas as pd

    names = [field.name for field in fields(Metric)]
    return pd.DataFrame([[getattr(row, name) for name in names] for row in rows], columns=names)
