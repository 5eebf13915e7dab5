"""How much of the processor the work uses.

In: the frame `resources`. Out: `cpu.current`, `cpu.peak`, `cpu.average`, as ratios of all cores.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from perflab.analyze.intervals import Interval, observed
from perflab.analyze.metrics import monitor
from perflab.analyze.metrics.row import Metric, measured, unavailable
from perflab.analyze.metrics.select import primary_runs, rows_of_primary

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["cpu"]

_SHARE = "share of all cores that the process and its children used"
_COLUMN = "process_cpu_ratio"


def cpu(resources: pd.DataFrame, samples: pd.DataFrame, confidence: float = 0.95) -> list[Metric]:
    """Return what the process and its children used, other programs left out.

    In a benchmark that is the optimized arm in its primary state with the most workers. A sample is the mean over the
    time since the one before, so that no load goes unseen between samples.
    """
    rows, where = rows_of_primary(resources, samples), primary_runs(samples)
    if not rows[_COLUMN].notna().any():
        reason = f"no monitor samples of the optimized work were recorded, {where}"
        return [unavailable(f"cpu.{name}", "ratio", reason) for name in ("current", "peak", "average")]
    return list(_measured(rows, f"{_SHARE}, {where}", not len(samples), confidence))


def _measured(rows: pd.DataFrame, what: str, live: bool, confidence: float) -> Iterator[Metric]:
    def over_runs(figure: monitor.Figure, words: str) -> Interval:
        return monitor.over_runs(rows, _COLUMN, figure, words, live=live, confidence=confidence)

    seen = rows[_COLUMN].dropna()
    greatest = observed(seen.max(), len(seen), f"greatest of {len(seen)} monitor samples, each since the one before")
    yield measured("cpu.current", "ratio", over_runs(monitor.last, "last sample"), what)
    yield measured("cpu.peak", "ratio", greatest, what)
    yield measured("cpu.average", "ratio", over_runs(monitor.average_of_spans, "time-weighted average"), what)
