"""What the tiers did, as a table.

In: the `accesses` frame and what each tier holds now. Out: a DataFrame with one row a tier and one for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from perflab.cache.tiers.savings import load_costs, spared_seconds

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["access_seconds", "tier_stats"]


def tier_stats(accesses: pd.DataFrame, held: Mapping[str, tuple[int, int]]) -> pd.DataFrame:
    """Return counts, rates and times by tier.

    A tier's accesses are those that the tiers above it did not answer, so a tier is judged by what it was asked.

    Parameters
    ----------
    accesses
        The frame of that name.
    held
        Tier, fastest first -> (bytes, entries) that it holds now.

    Returns
    -------
    DataFrame
        Columns `tier` (l1, l2, l3, all), `accesses`, `hits`, `misses`, `hit_rate` (ratio, NaN without accesses),
        `evictions`, `expiries`, `bytes`, `entries` (a key in memory and on disk counts in both), `mean_access_s` and
        `p95_access_s` (s; of the tier's hits, and for `all` of all accesses; NaN where none was timed), `saved_s` (s;
        loads that the tier's hits made needless, by `savings.spared_seconds`).

    Examples
    --------
    >>> from perflab.record import Recorder
    >>> recorder = Recorder()
    >>> for event, tier in (("hit", "l1"), ("hit", "l2"), ("miss", None)):
    ...     recorder.access("key", event, tier, duration_s=0.5)
    >>> table = tier_stats(recorder.frames.accesses, {"l1": (0, 0), "l2": (0, 0)})
    >>> table[["tier", "accesses", "hits"]].values.tolist()
    [['l1', 3, 1], ['l2', 2, 1], ['all', 3, 2]]
    """
    import pandas as pd

    reads = accesses[accesses["event"].isin(("hit", "miss"))]
    costs = load_costs(accesses)
    asked = len(reads)
    rows = []
    for tier, (nbytes, entries) in held.items():
        answered = reads[reads["tier"] == tier]
        removed = accesses[accesses["tier"] == tier]
        figures = (*_removals(removed), nbytes, entries, *_times(answered), spared_seconds(answered, costs))
        rows.append((tier, asked, len(answered), *figures))
        asked -= len(answered)
    everything = [sum(numbers) for numbers in zip(*held.values(), strict=True)]
    hits = reads[reads["event"] == "hit"]
    figures = (*_removals(accesses), *everything, *_times(reads), spared_seconds(hits, costs))
    rows.append(("all", len(reads), len(hits), *figures))
    table = pd.DataFrame(rows, columns=_COLUMNS)
    table.insert(3, "misses", table["accesses"] - table["hits"])
    table.insert(4, "hit_rate", (table["hits"] / table["accesses"].where(table["accesses"] > 0)).astype("float64"))
    return table


_COLUMNS = [
    "tier",
    "accesses",
    "hits",
    "evictions",
    "expiries",
    "bytes",
    "entries",
    "mean_access_s",
    "p95_access_s",
    "saved_s",
]


def _removals(rows: pd.DataFrame) -> tuple[int, int]:
    return int((rows["event"] == "evict").sum()), int((rows["event"] == "expire").sum())


def access_seconds(reads: pd.DataFrame) -> NDArray[np.float64]:
    """Return durations that stand for all reads, also where only a sample of the hits in l1 was timed.

    Parameters
    ----------
    reads
        Rows of `accesses` with event `hit` or `miss`.

    Returns
    -------
    float64 array
        Seconds, as many as were timed; of each kind of read (event and tier) in proportion to how many there were.
        Empty if a kind was not timed at all.

    Examples
    --------
    >>> import pandas as pd
    >>> kinds = {"event": ["hit"] * 8 + ["miss"] * 2, "tier": ["l1"] * 8 + [None] * 2}
    >>> reads = pd.DataFrame({**kinds, "duration_s": [1e-6, 3e-6] + [None] * 6 + [1e-3, 1e-3]})
    >>> [float(seconds) for seconds in access_seconds(reads)]
    [1e-06, 1e-06, 3e-06, 0.001]
    """
    import numpy as np

    seconds = reads["duration_s"].to_numpy(dtype=float)
    known = ~np.isnan(seconds)
    if known.all():
        return seconds
    kinds = reads.groupby(["event", "tier"], observed=True, dropna=False).indices.values()
    parts = []
    for rows in kinds:
        timed = np.sort(seconds[rows][known[rows]])
        if not len(timed):
            return np.empty(0)
        share = max(1, round(known.sum() * len(rows) / len(reads)))
        parts.append(timed[(np.arange(share) * len(timed)) // share])
    return np.concatenate(parts)


def _times(rows: pd.DataFrame) -> tuple[float, float]:
    import numpy as np

    seconds = access_seconds(rows)
    return (float(seconds.mean()), float(np.quantile(seconds, 0.95))) if len(seconds) else (float("nan"),) * 2
