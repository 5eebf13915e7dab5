"""What came of entries that nobody had asked for: prefetched ones and warmed ones.

In: the frame `accesses`. Out: a row for each that arrived: whether it was read in time, and what it drove out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perflab.analyze.questions.keyed import key_numbers, run_numbers

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Truths = npt.NDArray[np.bool_]

__all__ = ["FATES", "arrivals", "in_order"]

FATES = ("used", "late", "evicted unused", "left unused", "held unused")
_BROUGHT = ("prefetch", "warm")
_READS = ("hit", "miss")
_ENDS = ("evict", "expire", "invalidate", "set")
_MEMORY = ("l1", "l2")


def in_order(accesses: pd.DataFrame) -> pd.DataFrame:
    """Return the rows in order of time, where that is known, numbered from 0."""
    # Rows of several threads are delivered thread by thread.
    timed = not accesses["t"].isna().any()
    rows = accesses.sort_values("t", kind="stable") if timed else accesses
    return rows.reset_index(drop=True)


def arrivals(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what came of each prefetched or warmed entry.

    Parameters
    ----------
    rows
        The frame as `in_order` returns it.

    Returns
    -------
    pandas.DataFrame
        Indexed by the number of the arrival's row: `run_id`, `event` (prefetch or warm), `reason`, `nbytes` (bytes),
        `spared_s` (seconds that fetching took, or that the load takes that is spared; NaN where unknown), `fate` (one
        of `FATES`), `read` (number of the row that read it in memory first, NA without one) and `polluted` (count of
        entries that it drove out of memory and that were missed there before it was read).

    Notes
    -----
    An entry is late if its key was read between the issue, which is its duration before the arrival, and the arrival.
    It drove out what left memory in the same stream right before it.

    Examples
    --------
    >>> from perflab.record import Recorder
    >>> recorder = Recorder()
    >>> for key, event in (("a", "evict"), ("b", "prefetch"), ("a", "miss"), ("b", "hit")):
    ...     recorder.access(key, event, None if event == "miss" else "l1")
    >>> arrivals(in_order(recorder.frames.accesses))[["fate", "read", "polluted"]].values.tolist()
    [['used', 3, 1]]
    """
    import numpy as np
    import pandas as pd

    found = rows.loc[rows["event"].isin(_BROUGHT), ["run_id", "event", "reason", "nbytes", "duration_s"]]
    found = found.rename(columns={"duration_s": "spared_s"}).astype({"spared_s": "float64"})
    after = _what_follows(rows, found.index)
    used = (after["next"] == "hit") & after["next_tier"].isin(_MEMORY)
    fates = [_is_late(rows, found, after), used, after["next"] == "evict", after["next"].notna()]
    names = ["late", "used", "evicted unused", "left unused"]
    found["fate"] = pd.Categorical(np.select(fates, names, "held unused"), categories=FATES)
    found["read"] = after["next_row"].where(found["fate"] == "used").astype("Int64")
    found["polluted"] = _polluted(rows, found).reindex(found.index, fill_value=0)
    return found


def _what_follows(rows: pd.DataFrame, arrived: pd.Index[int]) -> pd.DataFrame:
    """Return what happened next in memory to the key of each arrival, and when it was read last before."""
    import pandas as pd

    numbers = key_numbers(rows)
    told = rows["event"].isin([*_BROUGHT, *_READS, *_ENDS]) & ((rows["tier"] != "l3") | (rows["event"] == "hit"))
    kept = rows.loc[told & numbers.isin(numbers[arrived]), ["event", "tier", "t"]].astype({"event": object})
    kept["row"], keys = kept.index, numbers[kept.index]
    following = kept.groupby(keys).shift(-1)
    reads = kept["t"].where(kept["event"].isin(_READS))
    before = reads.groupby(keys).ffill().groupby(keys).shift()
    return pd.DataFrame(
        {
            "next": following["event"],
            "next_tier": following["tier"],
            "next_row": following["row"],
            "read_before": before,
        }
    ).loc[arrived]


def _is_late(rows: pd.DataFrame, found: pd.DataFrame, after: pd.DataFrame) -> pd.Series[bool]:
    import pandas as pd

    took = pd.to_timedelta(found["spared_s"].where(found["event"] == "prefetch"), unit="s")
    issued = rows["t"].loc[found.index] - took
    return (found["reason"] == "late") | (after["read_before"] >= issued)


def _polluted(rows: pd.DataFrame, found: pd.DataFrame) -> pd.Series[int]:
    """Return how many victims of each arrival were missed in memory before it was read; only those that had some."""
    victims = _victims(rows, found)
    missed = _missed_next(rows, victims)
    read = found["read"].astype("float64").fillna(float("inf")).loc[victims].to_numpy()
    spoiled = missed.to_numpy() < read
    return victims[spoiled].value_counts()


def _victims(rows: pd.DataFrame, found: pd.DataFrame) -> pd.Series[int]:
    """Return, by the row of each eviction from memory that an arrival caused, the row of that arrival."""
    import pandas as pd

    moves = rows["event"].isin(["demote", "evict"])
    streams = run_numbers(rows) * rows["stream"].nunique() + rows["stream"].cat.codes
    causes = pd.Series(rows.index, rows.index, dtype="float64").mask(moves).groupby(streams).bfill()
    caused = (rows["event"] == "evict") & rows["tier"].isin(_MEMORY) & causes.isin(found.index)
    return causes[caused].astype("int64")


def _missed_next(rows: pd.DataFrame, victims: pd.Series[int]) -> pd.Series[float]:
    """Return the row at which each victim's key is read next, infinite if memory answers that read or there is none."""
    import pandas as pd

    numbers = key_numbers(rows)
    kept = rows[(rows["event"].isin(_READS) | rows.index.isin(victims.index)) & numbers.isin(numbers[victims.index])]
    row = pd.Series(kept.index, kept.index, dtype="float64")
    unanswered = (kept["event"] == "miss") | ((kept["event"] == "hit") & ~kept["tier"].isin(_MEMORY))
    following = row.where(unanswered).groupby(numbers[kept.index]).shift(-1)
    return following.loc[victims.index].fillna(float("inf"))
