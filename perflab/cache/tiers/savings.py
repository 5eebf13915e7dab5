"""What loads cost, and so what a hit spares.

In: the frame `accesses`. Out: mean seconds of a load by key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["load_costs", "spared_seconds"]


def load_costs(accesses: pd.DataFrame) -> pd.DataFrame:
    """Return what a load of each key took, indexed by key: `loads` (count) and `load_s` (mean seconds, NaN if untimed).

    Examples
    --------
    >>> from perflab.record import Recorder
    >>> recorder = Recorder()
    >>> for seconds in (0.25, 0.75):
    ...     recorder.access("page", "load", duration_s=seconds)
    >>> load_costs(recorder.frames.accesses).loc["page"].tolist()
    [2.0, 0.5]
    """
    import pandas as pd

    loads = accesses[accesses["event"] == "load"]
    # A categorical index would hold every key of the frame, those without a load too.
    timed = loads["duration_s"].groupby(loads["key"].astype(object))
    return pd.DataFrame({"loads": timed.size(), "load_s": timed.mean().astype("float64")}).rename_axis("key")


def spared_seconds(hits: pd.DataFrame, costs: pd.DataFrame) -> float:
    """Return the seconds of loads that some hits made needless: for each one a mean load of its key.

    What the hits themselves took is not taken off; `analyze.questions.saved_seconds` does, key by key.

    Parameters
    ----------
    hits
        Rows of `accesses` with event `hit`.
    costs
        From `load_costs`.

    Returns
    -------
    float
        Over the hits whose key has a timed load; 0 without hits, NaN if there are some and no load of any was timed.
    """
    if not len(hits):
        return 0.0
    # Counted by key first: a look-up for each of a million hits would take as long as everything else in the table.
    counts = hits["key"].value_counts()
    asked = counts[counts > 0]
    return float((asked * costs["load_s"].reindex(asked.index)).sum(min_count=1))
