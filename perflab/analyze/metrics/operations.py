"""How long the program's own operations take.

In: the frame `operations`. Out: `<operation>.mean`, `.p50`, `.p95`, `.p99` in seconds, and `<operation>.errors`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from perflab.analyze.intervals import Interval, observed, quantile
from perflab.analyze.metrics.row import Metric, measured
from perflab.analyze.metrics.select import rows_of_primary, slug

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["operations"]

PERCENTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


def operations(rows: pd.DataFrame, samples: pd.DataFrame, confidence: float = 0.95) -> list[Metric]:
    """Return the times of each operation by its name, over all of its rows.

    In a benchmark these are the rows of the optimized arm in its primary state with the most workers. Dots and other
    signs in a name become `_`.
    """
    own = rows_of_primary(rows, samples)
    own = own[own["duration_s"].notna()]
    return [
        row
        for name, members in own.groupby("name", observed=True, sort=True)
        for row in _of_operation(slug(str(name)), members, confidence)
    ]


def _of_operation(name: str, rows: pd.DataFrame, confidence: float) -> Iterator[Metric]:
    seconds = rows["duration_s"].to_numpy(dtype=float)
    mean = Interval(float(seconds.mean()), float("nan"), float("nan"), len(seconds), f"mean of {len(seconds)}")
    yield measured(f"{name}.mean", "s", mean, "time of the operation")
    for label, p in PERCENTILES.items():
        yield measured(f"{name}.{label}", "s", quantile(seconds, p, confidence), "time of the operation")
    failed = int((~rows["ok"].astype("boolean").fillna(True)).sum())
    yield measured(f"{name}.errors", "count", observed(failed, len(rows), f"of {len(rows)}"), "operations that raised")
