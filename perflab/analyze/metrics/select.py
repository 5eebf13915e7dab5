"""Which rows a metric is about.

In: the frame `samples`, and frames that the measured arms recorded. Out: the rows of a state, an arm, a set of runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "PRIMARY",
    "baseline_rows",
    "by_block",
    "good_samples",
    "optimized_rows",
    "primary_runs",
    "rows_of_optimized",
    "rows_of_primary",
    "slug",
    "states",
    "time_column",
    "workloads",
]

PRIMARY = ("cold", "any", "warm", "incremental")
"""The state that stands for a workload is the first of these that was measured."""

BASELINE = "baseline"


def slug(workload: str) -> str:
    """Return the workload's name as the first part of a metric's name.

    Examples
    --------
    >>> slug("document-creation")
    'document_creation'
    """
    return "".join(letter if letter.isalnum() else "_" for letter in workload.lower()).strip("_")


def good_samples(samples: pd.DataFrame, purpose: str) -> pd.DataFrame:
    """Return the samples of a purpose (time or memory) that count: no warm-up, no error."""
    return samples[(samples["purpose"] == purpose) & (samples["pair"] >= 0) & samples["error"].isna()]


def workloads(samples: pd.DataFrame) -> list[str]:
    """Return the workloads in the order in which they were measured."""
    return [str(name) for name in dict.fromkeys(samples["workload"].dropna())]


def states(rows: pd.DataFrame) -> list[str]:
    """Return the states in which an optimized arm was measured, the primary one first."""
    found = set(rows.loc[rows["arm"] != BASELINE, "state"].dropna())
    return [state for state in PRIMARY if state in found]


def baseline_rows(rows: pd.DataFrame, state: str) -> pd.DataFrame:
    """Return the baseline of a state: its own, or the one that all states share."""
    baseline = rows[rows["arm"] == BASELINE]
    own = baseline[baseline["state"] == state]
    return own if len(own) else baseline


def optimized_rows(rows: pd.DataFrame, state: str, *, workers: int | None = None) -> pd.DataFrame:
    """Return the optimized arm of a state: with so many workers, or with the most that were measured."""
    found = rows[(rows["arm"] != BASELINE) & (rows["state"] == state)]
    if workers is not None:
        return found[found["workers"] == workers]
    return found if found["workers"].isna().all() else found[found["workers"] == found["workers"].max()]


def by_block(rows: pd.DataFrame, column: str) -> dict[int, float]:
    """Return a column's values by the block in which they were measured."""
    present = rows[rows[column].notna()]
    return {int(pair): float(value) for pair, value in zip(present["pair"], present[column], strict=True)}


def time_column(rows: pd.DataFrame) -> str:
    """Return the column of the time that these samples are judged on: `cpu_s` where all say so, else `wall_s`."""
    clocks = set(rows["clock"].dropna()) if "clock" in rows else set()
    return "cpu_s" if clocks == {"cpu"} else "wall_s"


def rows_of_optimized(frame: pd.DataFrame, samples: pd.DataFrame, state: str | None = None) -> pd.DataFrame:
    """Return the rows that the timed optimized arms recorded, in one state or in all.

    Without any benchmark in `samples` the frame is a live system's own, and all its rows count.
    """
    if not len(samples):
        return frame
    rows = good_samples(samples, "time")
    rows = rows[rows["arm"] != BASELINE]
    if state is not None:
        rows = rows[rows["state"] == state]
    return frame[frame["run_id"].isin(set(rows["arm_run_id"].dropna()))]


def rows_of_primary(frame: pd.DataFrame, samples: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that each workload's optimized arm recorded, timed in its primary state with the most workers.

    Without any benchmark in `samples` the frame is a live system's own, and all its rows count.
    """
    if not len(samples):
        return frame
    runs = {run for rows in _primary_samples(samples) for run in rows["arm_run_id"].dropna()}
    return frame[frame["run_id"].isin(runs)]


def primary_runs(samples: pd.DataFrame) -> str:
    """Return in words what `rows_of_primary` are the rows of, such as `cold runs with 2 workers`."""
    if not len(samples):
        return "whole run"
    arms = [rows[["state", "workers"]].iloc[0] for rows in _primary_samples(samples)]
    workers = ["" if arm.isna()["workers"] else f" with {arm['workers']} workers" for arm in arms]
    return " and ".join(dict.fromkeys(f"{arm['state']} runs{n}" for arm, n in zip(arms, workers, strict=True)))


def _primary_samples(samples: pd.DataFrame) -> Iterator[pd.DataFrame]:
    timed = good_samples(samples, "time")
    for name in workloads(timed):
        rows = timed[timed["workload"] == name]
        for state in states(rows)[:1]:
            yield optimized_rows(rows, state)
