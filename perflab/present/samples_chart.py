"""Samples of a benchmark as they come, for a panel that watches.

In: the `samples` frame so far. Out: SVG text, with a dot a timed sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perflab.analyze.metrics.select import BASELINE, time_column
from perflab.present import escape
from perflab.present.chart import Axis, Chart, Line
from perflab.present.sheet import tick

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["samples_chart"]

_ROLES = {"cold": "optimized", "any": "optimized", "warm": "third", "incremental": "good"}
_MOST = 2_000


def samples_chart(samples: pd.DataFrame, total: int = 0) -> str:
    """Return a chart of the time of each sample, in the order measured, the baseline apart from each optimized state.

    Parameters
    ----------
    samples
        The frame so far; runs for memory and samples that failed are left out, and of many the newest are shown.
    total
        Samples that are to come in all, for the width of the chart; 0 if that is not known.
    """
    timed = samples[(samples["purpose"] == "time") & samples["error"].isna()].tail(_MOST)
    if not len(timed):
        return Chart("No sample was taken yet.", Axis(0, 1), Axis(0, 1), []).svg()
    column = time_column(timed)
    workload = escape.shorten(timed["workload"].iloc[-1], 40)
    rows = timed.assign(place=range(1, len(timed) + 1))
    groups: Any = rows.groupby(["arm", "state", rows["workers"].fillna(0)], observed=True)
    lines = [
        Line(_named(str(arm), str(state), workers), _role(str(arm), str(state), workers), of["place"].tolist(),
             of[column].astype("float64").tolist(), dots=True)
        for (arm, state, workers), of in groups
    ]  # fmt: skip
    highest = float(timed[column].max())
    clock = "CPU time" if column == "cpu_s" else "wall time"
    return Chart(
        f"{len(timed)} timed samples of {workload}, {clock} by the order in which they were measured.",
        Axis(0, max(len(timed), total, 2), "sample, in the order measured", write="{:.0f}".format),
        Axis(0, highest * 1.05 or 1, write=tick),
        lines,
        height=240,
    ).svg()


def _named(arm: str, state: str, workers: float) -> str:
    if arm == BASELINE:
        return "baseline"
    on_one = ", 1 worker" if workers == 1 and state == "cold" else ""
    return f"{arm}{'' if state == 'any' else f' {state}'}{on_one}"


def _role(arm: str, state: str, workers: float) -> str:
    if arm == BASELINE:
        return "baseline"
    return "l3" if workers == 1 and state == "cold" else _ROLES.get(state, "optimized")
