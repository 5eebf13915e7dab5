"""How long values stay in the cache, and whether anybody reads them there.

In: the frame `accesses`. Out: a row a stay of a value: from when to when, why it ended, how often it was read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perflab.analyze.questions.keyed import key_numbers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["lifetimes"]

_STORED = ["set", "warm", "prefetch"]
_MOVED = ["promote", "demote"]
_ENDS = {"evict": "evicted", "expire": "expired", "invalidate": "invalidated", "quarantine": "damaged"}
_COLUMNS = ["run_id", "key", "held_in", "stored", "left", "end", "lifetime_s", "hits", "nbytes"]
_END_WORDS = [*_ENDS.values(), "replaced", "held"]


def lifetimes(accesses: pd.DataFrame) -> pd.DataFrame:
    """Return every stay of a value in memory (l1 and l2, whichever held it) and on disk (l3, a copy of its own).

    A stay begins with a `set`, a warm-up, a prefetch or a promotion from disk, and goes on through moves between l1 and
    l2. It ends when the value is evicted, expires, is invalidated or damaged, or is replaced by a new one.

    Parameters
    ----------
    accesses
        The frame, with rows in the order in which it is delivered, and with all events.

    Returns
    -------
    pandas.DataFrame
        Ordered by their first rows: `run_id`, `key`, `held_in` (memory or l3), `stored` and `left` (UTC; NaT where
        unknown: it was stored before the first row, is still held, or no clock was read), `end` (evicted, expired,
        invalidated, damaged, replaced or held), `lifetime_s` (seconds, NaN where one of the two is unknown), `hits`
        (reads there) and `nbytes` (bytes, as last recorded).

    Examples
    --------
    >>> from perflab.record import Recorder
    >>> recorder = Recorder()
    >>> for event in ("set", "hit", "demote", "evict", "set"):
    ...     recorder.access("page", event, "l2" if event in ("demote", "evict") else "l1")
    >>> lifetimes(recorder.frames.accesses)[["held_in", "end", "hits"]].values.tolist()
    [['memory', 'evicted', 1], ['memory', 'held', 0]]
    """
    known = accesses["event"].isin([*_STORED, *_MOVED, *_ENDS, "hit"]) & accesses["tier"].notna()
    rows = accesses[known].reset_index(drop=True).astype({"event": object})
    rows["held_in"] = _held_in(rows["tier"])
    rows["place"] = 2 * key_numbers(rows) + (rows["held_in"] == "l3")
    begins = _begins(rows)
    ended = rows["event"].map(_ENDS)
    rows["stay"] = begins.groupby(rows["place"]).cumsum()
    rows["stored"], rows["left"], rows["end"] = rows["t"].where(begins), rows["t"].where(ended.notna()), ended
    rows["hits"] = rows["event"] == "hit"
    stays = rows.groupby(["place", "stay"], sort=False)
    first, last = stays[["run_id", "key", "held_in", "stored"]].first(), stays[["left", "end", "nbytes"]].last()
    found = first.join(last).join(stays["hits"].sum()).reset_index()
    return _ended(found)[_COLUMNS]


def _held_in(tier: pd.Series[str]) -> pd.Categorical[str]:
    import numpy as np
    import pandas as pd

    return pd.Categorical(np.where(tier == "l3", "l3", "memory"), categories=["memory", "l3"])


def _begins(rows: pd.DataFrame) -> pd.Series[bool]:
    """Return which rows begin a stay: what stores a value, and moves of one that was not there."""
    moves = rows[rows["event"] != "hit"]
    away = moves["event"].isin(list(_ENDS)).groupby(moves["place"]).shift(fill_value=True)
    begins = moves["event"].isin(_STORED) | (moves["event"].isin(_MOVED) & away)
    return begins.reindex(rows.index, fill_value=False)


def _ended(stays: pd.DataFrame) -> pd.DataFrame:
    """Return the stays with the end that a successor gives to one that has no row of its own for it."""
    import pandas as pd

    successor = stays.groupby("place")["stay"].shift(-1).notna()
    replaced = successor & stays["end"].isna()
    left = stays["left"].mask(replaced, stays.groupby("place")["stored"].shift(-1))
    end = stays["end"].mask(replaced, "replaced").fillna("held")
    return stays.assign(
        left=left,
        end=end.astype(pd.CategoricalDtype(_END_WORDS)),
        lifetime_s=(left - stays["stored"]).dt.total_seconds(),
    )
