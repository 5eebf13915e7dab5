"""Why the cache missed, and what that cost.

In: the frame `accesses`. Out: a row a miss: its class, how long the key had been away, the seconds of its load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perflab.analyze.questions.keyed import key_numbers, run_numbers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MISS_CLASSES", "misses"]

MISS_CLASSES = (
    "compulsory",
    "capacity",
    "expired",
    "invalidated",
    "rejected",
    "damaged",
    "in flight",
    "not stored",
)
"""Classes of misses, as `misses` explains them."""

_REMOVED_AS = {
    "evict": "capacity",
    "expire": "expired",
    "invalidate": "invalidated",
    "reject": "rejected",
    "quarantine": "damaged",
}
_KEPT = ["run_id", "t", "key", "operation", "operation_id", "stream"]


def misses(accesses: pd.DataFrame) -> pd.DataFrame:
    """Return every miss with its class.

    The class is what the last row before it that is no hit, of the same key in the same run, says:

    ============= ======================================================================================
    compulsory    there is no row before it: the run had not seen the key
    capacity      it was evicted for room; a larger cache would have had it
    expired       its time to live was over
    invalidated   it was removed on request
    rejected      it was refused, most often because it is larger than the tier
    damaged       its copy on disk did not pass the check
    in flight     it was being loaded: the caller waited for another one's load
    not stored    it was missed before, and nothing was stored since: its load failed, or nobody loaded it
    ============= ======================================================================================

    Parameters
    ----------
    accesses
        The frame, with rows in the order in which it is delivered, and with all events: rows that were filtered out or
        dropped are not known to have happened.

    Returns
    -------
    pandas.DataFrame
        One row a miss, indexed as in `accesses`: `run_id`, `t`, `key`, `operation`, `operation_id`, `stream`, and
        `miss_class` (category of `MISS_CLASSES`); `reload_distance`, accesses of any key since this one was removed
        (0 if it was the next one wanted; missing if it was not removed); `away_s`, seconds since then (an expiry is
        noticed when the key is asked for or room is needed, not when it is due); `load_s`, seconds of the load that
        followed (NaN if none did, and for who waited for another one's).

    Notes
    -----
    The first classes are those of Hill and Smith (1989), "Evaluating associativity in CPU caches"; misses in flight are
    the delayed hits of Atre et al. (2020), "Caching with delayed hits". A load is known to be another one's by the
    times, so without them (`record.timestamps = off`) its misses are `not stored`.

    Examples
    --------
    >>> from perflab.record import Recorder
    >>> recorder = Recorder()
    >>> for event in ("miss", "set", "hit", "evict", "miss"):
    ...     recorder.access("page", event, None if event == "miss" else "l1")
    >>> misses(recorder.frames.accesses)["miss_class"].tolist()
    ['compulsory', 'capacity']
    """
    import pandas as pd

    rows = _told(accesses)
    removed = rows["event"].astype(object).map(_REMOVED_AS).groupby(rows["number"]).shift()
    found = removed.where(rows["number"].duplicated(), "compulsory").fillna("not stored")
    found = found.mask((found == "not stored") & _in_flight(rows), "in flight")
    missed = rows["event"] == "miss"
    left, until = (rows[name].groupby(rows["number"]).shift() for name in ("t", "until"))
    answers = {
        "miss_class": found.astype(pd.CategoricalDtype(list(MISS_CLASSES))),
        "reload_distance": (rows["until"] - 1 - until).astype("Int64").where(removed.notna()),
        "away_s": (rows["t"] - left).dt.total_seconds().where(removed.notna()),
        "load_s": _load_seconds(rows, missed & (found != "in flight")),
    }
    table = rows[_KEPT].join(pd.DataFrame(answers))[missed]
    return table.set_axis(accesses.index[table.index])


def _told(accesses: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that tell of misses, with the number of their key and of the accesses of their run until them.

    A hit tells no more than that the run had seen the key.
    """
    rows = accesses.reset_index(drop=True)
    number = key_numbers(rows)
    until = rows["event"].isin(["hit", "miss"]).groupby(run_numbers(rows)).cumsum()
    tells = (rows["event"] != "hit") | ~number.duplicated()
    return rows[tells].assign(number=number[tells], until=until[tells])


def _in_flight(rows: pd.DataFrame) -> pd.Series[bool]:
    """Return which rows lie within the next load of their key."""
    import pandas as pd

    began = rows["t"] - pd.to_timedelta(rows["duration_s"], unit="s")
    return began.where(rows["event"] == "load").groupby(rows["number"]).bfill() < rows["t"]


def _load_seconds(rows: pd.DataFrame, leads: pd.Series[bool]) -> pd.Series[float]:
    """Return the seconds of the load that comes before the next miss that leads to one."""
    loaded = rows["event"] == "load"
    some = rows[leads | loaded]
    following = some["duration_s"].where(loaded[some.index]).groupby(some["number"]).shift(-1)
    return following.reindex(rows.index)
