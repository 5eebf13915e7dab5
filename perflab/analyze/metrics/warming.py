"""What warming was worth.

In: the frames `accesses` and `samples`. Out: the metrics `warm.*`, where anything was warmed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from perflab.analyze.arrivals import arrivals, in_order
from perflab.analyze.intervals import observed, share
from perflab.analyze.metrics.row import Metric, measured, unavailable
from perflab.analyze.metrics.select import rows_of_optimized

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Truths = npt.NDArray[np.bool_]

__all__ = ["warming"]

_MILESTONES = (100, 500, 2_000)
_WINDOW = 100
_STEADY_RATIO = 0.9
_CONTROL = "replayed without the warmed entries: a read that found one first misses there, later ones are as here"


def warming(accesses: pd.DataFrame, samples: pd.DataFrame, confidence: float = 0.95) -> list[Metric]:
    """Return keys and bytes loaded, used share, early hit rates with and without them, time to steady, stall saved.

    Nothing is returned of a run without a `warm` row. Hit rates are of the memory tiers, which are what is warmed. The
    cold control is the same run replayed without the warmed entries: the first read of each of them misses, and loads
    it; from then on both caches have it at the same place in the order of the last use. Under `lru` that is exact, as
    an unread entry is older there than every one that was read; under other policies it is an estimate.
    """
    chosen = rows_of_optimized(accesses, samples)
    if not (chosen["event"] == "warm").any():
        return []
    runs = [in_order(rows) for _, rows in chosen.groupby("run_id", observed=True)]
    warmed = [(rows, came[came["event"] == "warm"]) for rows in runs if len(came := arrivals(rows))]
    return [*_loaded(warmed, confidence), *_early(warmed, confidence), _steady(warmed), _saved(warmed)]


Warmed = list[tuple["pd.DataFrame", "pd.DataFrame"]]


def _loaded(warmed: Warmed, confidence: float) -> list[Metric]:
    import pandas as pd

    came = pd.concat([found for _, found in warmed])
    used = int((came["fate"] == "used").sum())
    nbytes = observed(float(came["nbytes"].astype("float64").sum()), len(came), "sum")
    return [
        measured("warm.keys", "count", observed(len(came), len(came), "counted"), "entries brought into memory"),
        measured("warm.bytes", "bytes", nbytes, "brought into memory"),
        measured("warm.used_share", "ratio", share(used, len(came), confidence), "entries that were read in memory"),
    ]


def _early(warmed: Warmed, confidence: float) -> list[Metric]:
    found = []
    for first in _MILESTONES:
        runs = [_answered(rows, came) for rows, came in warmed]
        whole = [(hot[:first], cold[:first]) for hot, cold in runs if len(hot) >= first]
        what = f"hits in l1 and l2 / the first {first} accesses"
        if not whole:
            reason = f"fewer than {first} accesses were recorded"
            names = (f"warm.hit_rate_{first}", f"warm.hit_rate_{first}_cold")
            found += [unavailable(name, "ratio", reason) for name in names]
            continue
        hits, cold_hits = (sum(int(run[arm].sum()) for run in whole) for arm in (0, 1))
        total = first * len(whole)
        found.append(measured(f"warm.hit_rate_{first}", "ratio", share(hits, total, confidence), what))
        control = share(cold_hits, total, confidence)
        found.append(measured(f"warm.hit_rate_{first}_cold", "ratio", control, f"{what}, {_CONTROL}", "estimated"))
    return found


def _answered(rows: pd.DataFrame, came: pd.DataFrame) -> tuple[Truths, Truths]:
    """Return which reads memory answered, and which it would have without what was warmed."""
    reads = rows[rows["event"].isin(["hit", "miss"])]
    hot = ((reads["event"] == "hit") & reads["tier"].isin(["l1", "l2"])).to_numpy(dtype=bool)
    return hot, hot & ~reads.index.isin(came["read"].dropna())


def _steady(warmed: Warmed) -> Metric:
    name = "warm.time_to_steady"
    times = [_time_to_steady(rows, came) for rows, came in warmed]
    known = sorted(time for time in times if not math.isnan(time))
    if not known:
        return unavailable(name, "s", f"no run has {2 * _WINDOW} accesses with a time and a hit")
    middle = known[len(known) // 2]
    what = f"from the first access until a window of {_WINDOW} has 90 % of the second half's hit rate"
    return measured(name, "s", observed(middle, len(known), "median of runs"), what)


def _time_to_steady(rows: pd.DataFrame, came: pd.DataFrame) -> float:
    import numpy as np

    hot, _ = _answered(rows, came)
    times = rows.loc[rows["event"].isin(["hit", "miss"]), "t"]
    steady = hot[len(hot) // 2 :].mean() if len(hot) >= 2 * _WINDOW else 0.0
    if not steady or times.isna().any():
        return math.nan
    rates = np.convolve(hot, np.ones(_WINDOW) / _WINDOW, mode="valid")
    reached = int(np.argmax(rates >= _STEADY_RATIO * steady)) if (rates >= _STEADY_RATIO * steady).any() else None
    # The window that is good enough begins there: what lies before it was not.
    return math.nan if reached is None else float((times.iloc[reached] - times.iloc[0]).total_seconds())


def _saved(warmed: Warmed) -> Metric:
    import pandas as pd

    used = pd.concat([came[came["fate"] == "used"] for _, came in warmed])
    known = used["spared_s"].dropna()
    untold = len(used) - len(known)
    if len(used) and not len(known):
        return unavailable("warm.stall_saved", "s", f"of {len(used)} used entries no load was timed")
    what = f"time of the loads, or reads from disk, of {len(known)} used entries"
    more = f", {untold} more were not timed" if untold else ""
    total = observed(float(known.sum()), len(used), "sum")
    return measured("warm.stall_saved", "s", total, f"{what}{more}; control {_CONTROL}", "estimated")
