"""What the monitor's samples say of a run, and of several runs.

In: the frame `resources`. Out: one figure a run, such as its time-weighted average, and the interval of their median.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from perflab.analyze.intervals import Interval, median, observed

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Figure", "average_of_instants", "average_of_spans", "last", "over_runs"]

Figure = Callable[["Floats", "Floats"], float]
"""Makes one number of the seconds at which a run's samples were taken, and of the samples."""


def over_runs(
    rows: pd.DataFrame,
    column: str,
    figure: Figure,
    what: str,
    *,
    live: bool,
    confidence: float = 0.95,
) -> Interval:
    """Return the median over runs of one figure a run; a live system is one run, and its figure a fact.

    Parameters
    ----------
    rows
        Rows of `resources`, of one or of several runs.
    column
        What the figure is of.
    figure
        Of each run; NaN if its samples say nothing.
    what
        The figure in words.
    live
        Whether the rows are a live system's own.
    """
    runs = [rows] if live else [run for _, run in rows.groupby("run_id", observed=True)]
    figures = [figure(*_series(run, column)) for run in runs if len(run)]
    known = [value for value in figures if not math.isnan(value)]
    n = int(rows[column].notna().sum())
    if live:
        return observed(known[0] if known else math.nan, n, f"{what} of {n} monitor samples")
    found = median(known, confidence)
    return Interval(found.value, found.low, found.high, found.n, f"{what} of each run, {found.method}")


def last(seconds: Floats, values: Floats) -> float:
    """Return the last sample that is known."""
    import numpy as np

    del seconds
    known = values[~np.isnan(values)]
    return float(known[-1]) if known.size else math.nan


def average_of_instants(seconds: Floats, values: Floats) -> float:
    """Return the time-weighted average of what was read at moments, by the trapezoidal rule.

    Examples
    --------
    >>> import numpy as np
    >>> average_of_instants(np.array([0.0, 1.0, 1.5]), np.array([0.0, 100.0, 100.0]))
    66.66666666666667
    """
    import numpy as np

    known = ~np.isnan(values)
    at, read = seconds[known], values[known]
    if not read.size:
        return math.nan
    spans = np.diff(at)
    return float((spans * (read[1:] + read[:-1]) / 2).sum() / spans.sum()) if spans.sum() > 0 else float(read.mean())


def average_of_spans(seconds: Floats, values: Floats) -> float:
    """Return the time-weighted average of samples that are each of the time since the sample before.

    Rows without a value, such as glances at memory, stand between the samples and end no span.

    Examples
    --------
    >>> import numpy as np
    >>> average_of_spans(np.array([0.0, 0.5, 1.0, 1.25]), np.array([np.nan, np.nan, 1.0, 0.5]))
    0.9
    """
    import numpy as np

    ends = ~np.isnan(values)
    ends[:1] = True
    spans, read = np.diff(seconds[ends]), values[ends][1:]
    known = spans > 0
    return float(np.average(read[known], weights=spans[known])) if known.any() else last(seconds, values)


def _series(run: pd.DataFrame, column: str) -> tuple[Floats, Floats]:
    import numpy as np

    ordered = run.sort_values("t", kind="stable")
    at = ordered["t"].to_numpy(dtype="datetime64[us]").astype("int64") / 1e6
    return at.astype(np.float64), ordered[column].to_numpy(dtype=np.float64, na_value=np.nan)
