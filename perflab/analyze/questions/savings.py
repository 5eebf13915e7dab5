"""What the cache was worth.

In: the frame `accesses`. Out: a row a key: hits, what a load of it costs, and the seconds that its hits saved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perflab.cache.tiers.savings import load_costs

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["saved_seconds"]


def saved_seconds(accesses: pd.DataFrame) -> pd.DataFrame:
    """Return the time that each key's hits saved: for each hit a mean load of that key, less what the hit took.

    Counts and loads are measured. What a hit would have cost without a cache is an estimate, and so is the time of the
    hits in l1 of which only a sample is timed: the others are taken to be like the timed ones of the same tier.

    Parameters
    ----------
    accesses
        The frame, of one run or of several: the loads of one run give the costs for the hits of another.

    Returns
    -------
    pandas.DataFrame
        Indexed by key, greatest saving first: `hits` and `loads` (counts), `load_s` (mean seconds of a load), `hit_s`
        (mean seconds of a hit), `saved_s` (seconds, negative if hits are slower than loads) and `how`: `estimated`; or
        `measured` for a key that was never hit and so saved 0 s; or `unavailable`, with `saved_s` NaN, where no load or
        no hit was timed.

    Examples
    --------
    >>> from perflab.record import Recorder
    >>> recorder = Recorder()
    >>> recorder.access("page", "load", duration_s=0.5)
    >>> for _ in range(3):
    ...     recorder.access("page", "hit", "l1", duration_s=0.125)
    >>> saved_seconds(recorder.frames.accesses)[["hits", "saved_s", "how"]].values.tolist()
    [[3, 1.125, 'estimated']]
    """
    import numpy as np
    import pandas as pd

    hits = accesses[accesses["event"] == "hit"]
    of_tier = hits.groupby("tier", observed=True, dropna=False)["duration_s"].transform("mean")
    waited = hits["duration_s"].fillna(of_tier).groupby(hits["key"].astype(object))
    loaded = load_costs(accesses)
    counts = {"hits": waited.size(), "loads": loaded["loads"]}
    table = pd.DataFrame({**counts, "load_s": loaded["load_s"], "hit_s": waited.mean()}).rename_axis("key")
    table = table.fillna({"hits": 0, "loads": 0}).astype({"hits": "int64", "loads": "int64"})
    never = table["hits"] == 0
    table["saved_s"] = (table["hits"] * (table["load_s"] - table["hit_s"])).mask(never, 0.0)
    how = np.select([never, table["saved_s"].notna()], ["measured", "estimated"], "unavailable")
    table["how"] = pd.Categorical(how, categories=["measured", "estimated", "unavailable"])
    return table.sort_values("saved_s", ascending=False, kind="stable")
