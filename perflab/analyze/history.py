"""Metrics over time.

In: frames of accesses, operations and resources. Out: one row a window of time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["history"]


def history(
    accesses: pd.DataFrame, operations: pd.DataFrame, resources: pd.DataFrame, every: str = "10s"
) -> pd.DataFrame:
    """Return what happened in each window, from the first row to the last.

    Parameters
    ----------
    accesses, operations, resources
        The recorded frames.
    every
        Length of a window, as a pandas frequency.

    Returns
    -------
    pandas.DataFrame
        Indexed by the window's start (UTC): `accesses` and `operations` (counts), `hit_rate` (ratio), `operation_s`
        (mean seconds), `growth_bytes` (greatest), `cpu_ratio` (mean of all cores). What a window lacks is NaN.
    """
    import pandas as pd

    reads = accesses[accesses["event"].isin(["hit", "miss"])].set_index("t")
    done, host = operations.set_index("t"), resources.set_index("t")
    hits = (reads["event"] == "hit").astype("float64")
    windows = {
        "accesses": hits.resample(every).count(),
        "hit_rate": hits.resample(every).mean(),
        "operations": done["duration_s"].resample(every).count(),
        "operation_s": done["duration_s"].resample(every).mean(),
        "growth_bytes": host["growth_bytes"].astype("float64").resample(every).max(),
        "cpu_ratio": host["cpu_ratio"].resample(every).mean(),
    }
    table = pd.DataFrame(windows).rename_axis("t")
    counts = ["accesses", "operations"]
    return table.fillna(dict.fromkeys(counts, 0)).astype(dict.fromkeys(counts, "int64"))
