"""Which arm of a benchmark a row is of, in words, and which rows a run's metrics are of.

In: the `samples` frame, and frames that the measured arms recorded. Out: names, and the rows that count.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from perflab.analyze.metrics.select import BASELINE, good_samples, rows_of_optimized, states, workloads
from perflab.present import escape, read

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["by_run", "grouped", "measured", "names", "of_cache", "order", "settings", "states_measured"]

_LONGEST = 60


def settings(samples: pd.DataFrame) -> NDArray[np.object_]:
    """Return each sample's state, with its workers where the same arm was measured on more of them.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = {"workload": "w", "state": ["any", "cold", "cold"], "arm": ["baseline"] + ["optimized"] * 2,
    ...         "workers": [None, 2, 1]}
    >>> settings(pd.DataFrame(rows)).tolist()
    ['', 'cold', 'cold, 1 worker']
    """
    import numpy as np

    found = [read.texts(samples, column) for column in ("workload", "state", "arm")]
    arms, workers = list(zip(*found, strict=True)), read.numbers(samples, "workers")
    most: dict[tuple[str, ...], float] = {}
    for arm, count in zip(arms, workers, strict=True):
        most[arm] = max(most.get(arm, 0.0), count if math.isfinite(count) else 0.0)
    said = [_setting(arm[1], count, most[arm]) for arm, count in zip(arms, workers, strict=True)]
    return np.array(said, dtype=object)


def names(samples: pd.DataFrame) -> NDArray[np.object_]:
    """Return each sample's arm as it is called in tables, such as `optimized, cold, 1 worker`."""
    import numpy as np

    pairs = zip(read.texts(samples, "arm"), settings(samples), strict=True)
    said = [escape.shorten(", ".join(filter(None, pair)) or "–", _LONGEST) for pair in pairs]
    return np.array(said, dtype=object)


def order(setting: str) -> tuple[int, str]:
    """Return the place of a setting: nothing, cold, warm, incremental, others; fewer workers after more."""
    known = ("", "cold", "warm", "incremental")
    state = setting.partition(",")[0]
    return known.index(state) if state in known else len(known), setting


def grouped(samples: pd.DataFrame, purpose: str) -> list[tuple[str, str, pd.DataFrame]]:
    """Return workload, arm and samples of each arm that was measured, in the order in which tables show them.

    Workloads come as they were measured, the baseline before the others. Only samples of the purpose (time or memory)
    that count are in it: no warm-up, no error.
    """
    if not len(samples):
        return []
    rows = good_samples(samples.assign(name=names(samples), setting=settings(samples)), purpose)
    listed = workloads(rows)

    def place(group: tuple[Any, pd.DataFrame]) -> tuple[object, ...]:
        workload, arm, setting, name = map(str, group[0])
        return listed.index(workload), arm != BASELINE, order(setting), name

    groups = sorted(rows.groupby(["workload", "arm", "setting", "name"], observed=True, sort=False), key=place)
    return [(escape.shorten(key[0], _LONGEST), str(key[3]), members) for key, members in groups]


def by_run(samples: pd.DataFrame) -> dict[str, str]:
    """Return the arm's name by the identifier of the run that it recorded."""
    pairs = zip(read.texts(samples, "arm_run_id"), names(samples), strict=True)
    return {run: str(name) for run, name in pairs if run}


def measured(frame: pd.DataFrame, samples: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that metrics are of: those of the timed optimized arms, or all of a live system."""
    return rows_of_optimized(frame, samples) if len(frame) else frame


def of_cache(accesses: pd.DataFrame, samples: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return the rows that the metrics `cache.*` are of and what they are called, such as `warm runs`.

    Without samples those are all rows, and they have no name.
    """
    found = states_measured(samples)
    if not len(samples) or not len(accesses):
        return accesses, ""
    chosen = "warm" if "warm" in found else next(iter(found), None)
    return rows_of_optimized(accesses, samples, chosen), f"{chosen} runs" if chosen not in (None, "any") else ""


def states_measured(samples: pd.DataFrame) -> list[str]:
    """Return the states of the timed optimized arms, the primary one first."""
    return states(good_samples(samples, "time")) if len(samples) else []


def _setting(state: str, workers: float, most: float) -> str:
    fewer = math.isfinite(workers) and workers < most
    on = f"{workers:g} {'worker' if workers == 1 else 'workers'}" if fewer else ""
    return ", ".join(filter(None, ("" if state == "any" else state, on)))
