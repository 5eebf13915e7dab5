"""What the tiers did, as a table.

In: the `accesses` frame and what each tier holds now. Out: a DataFrame with one row a tier and one for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["tier_stats"]


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
        `p95_access_s` (s; of the tier's hits, and for `all` of all accesses; NaN where there are none).

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
    asked = len(reads)
    rows = []
    for tier, (nbytes, entries) in held.items():
        answered = reads[reads["tier"] == tier]
        removed = accesses[accesses["tier"] == tier]
        rows.append((tier, asked, len(answered), *_removals(removed), nbytes, entries, *_times(answered)))
        asked -= len(answered)
    everything = [sum(numbers) for numbers in zip(*held.values(), strict=True)]
    hits = int((reads["event"] == "hit").sum())
    rows.append(("all", len(reads), hits, *_removals(accesses), *everything, *_times(reads)))
    names = ["tier", "accesses", "hits", "evictions", "expiries", "bytes", "entries", "mean_access_s", "p95_access_s"]
    table = pd.DataFrame(rows, columns=names)
    table.insert(3, "misses", table["accesses"] - table["hits"])
    table.insert(4, "hit_rate", (table["hits"] / table["accesses"].where(table["accesses"] > 0)).astype("float64"))
    return table


def _removals(rows: pd.DataFrame) -> tuple[int, int]:
    return int((rows["event"] == "evict").sum()), int((rows["event"] == "expire").sum())


def _times(rows: pd.DataFrame) -> tuple[float, float]:
    seconds = rows["duration_s"].dropna()
    return (float(seconds.mean()), float(seconds.quantile(0.95))) if len(seconds) else (float("nan"),) * 2
