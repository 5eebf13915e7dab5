"""How many operations were in flight at the same time.

In: the frame `operations`. Out: `concurrency.operations`, the greatest overlap, and `concurrency.errors`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perflab.analyze.intervals import observed
from perflab.analyze.metrics.row import Metric, measured, unavailable
from perflab.analyze.metrics.select import rows_of_optimized

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["concurrency", "greatest_overlap"]


def concurrency(operations: pd.DataFrame, samples: pd.DataFrame) -> list[Metric]:
    """Return the greatest number of successful operations at one moment, and the number of failed ones.

    An operation that encloses another one is not counted beside it. Runs are counted apart.
    """
    rows = rows_of_optimized(operations, samples)
    rows = rows[rows["duration_s"].notna() & rows["ok"].notna()]
    if not len(rows):
        reason = "no operations of the optimized work were recorded"
        return [unavailable(f"concurrency.{name}", "count", reason) for name in ("operations", "errors")]
    ok = rows[rows["ok"].astype(bool)]
    greatest = max((_overlap_of_run(run) for _, run in ok.groupby("run_id", observed=True)), default=0)
    failed = len(rows) - len(ok)
    return [
        measured(
            "concurrency.operations",
            "count",
            observed(greatest, len(ok), f"sweep over {len(ok)} operations"),
            "greatest number of successful operations in flight at one moment",
        ),
        measured(
            "concurrency.errors", "count", observed(failed, len(rows), f"of {len(rows)}"), "operations that raised"
        ),
    ]


def greatest_overlap(starts: NDArray[np.int64], stops: NDArray[np.int64]) -> int:
    """Return how many half-open intervals `[start, stop)` share a moment, at the most.

    Examples
    --------
    >>> import numpy as np
    >>> greatest_overlap(np.array([0, 1, 5]), np.array([5, 3, 9]))
    2
    """
    import numpy as np

    moments = np.concatenate([stops, starts])
    steps = np.concatenate([np.full(stops.size, -1), np.full(starts.size, 1)])
    # A stable sort keeps ends before beginnings at the same moment.
    return int(np.cumsum(steps[np.argsort(moments, kind="stable")]).max(initial=0))


def _overlap_of_run(rows: pd.DataFrame) -> int:
    stops = rows["t"].to_numpy(dtype="datetime64[us]").astype("int64")
    starts = stops - (rows["duration_s"].to_numpy(dtype=float) * 1e6).round().astype("int64")
    inner = ~_encloses(rows, starts, stops)
    return greatest_overlap(starts[inner], stops[inner])


def _encloses(rows: pd.DataFrame, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[np.bool_]:
    # Workers number their operations apart, so that an equal number alone does not make a parent. The row is
    # written a little after the end was timed: a child may reach 1 ms over its parent's edges.
    import numpy as np
    import pandas as pd

    known = pd.DataFrame({"id": rows["operation_id"].to_numpy(), "row": np.arange(len(rows))})
    children = pd.DataFrame({"id": rows["parent_id"].to_numpy(), "child": np.arange(len(rows))}).dropna()
    linked = known.merge(children, on="id")
    parent, child = linked["row"].to_numpy(), linked["child"].to_numpy()
    inside = (starts[child] >= starts[parent] - 1000) & (stops[child] <= stops[parent] + 1000)
    found = np.zeros(len(rows), dtype=np.bool_)
    found[parent[inside & (parent != child)]] = True
    return found
