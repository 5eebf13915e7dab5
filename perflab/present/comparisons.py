"""Every comparison that the samples hold: one arm in one state against the baseline of the same blocks.

In: the `samples` frame. Out: `Pairs`, the seconds of both arms by block with what `analyze.pairs` makes of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from perflab.analyze.intervals import Interval, median
from perflab.analyze.metrics.select import BASELINE, baseline_rows, by_block, good_samples, time_column, workloads
from perflab.analyze.pairs import Comparison, compare
from perflab.present import arms, escape

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Pairs", "comparisons"]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Seconds of the baseline and of another arm, by the block in which both were measured.

    Attributes
    ----------
    setting : str
        The state, the workers where there are fewer than in another row, and the arm where it is not `optimized`.
    """

    workload: str
    setting: str
    baseline: dict[int, float]
    other: dict[int, float]
    comparison: Comparison

    @property
    def baseline_median(self) -> Interval:
        """The baseline's median time, in seconds."""
        return median(list(self.baseline.values()))

    @property
    def other_median(self) -> Interval:
        """The other arm's median time, in seconds."""
        return median(list(self.other.values()))

    @property
    def effect(self) -> str:
        """The change in words, such as `58.0 % less time`."""
        change = 1 - self.comparison.ratio
        return f"{abs(change) * 100:.1f} % {'less' if change >= 0 else 'more'} time"


def comparisons(samples: pd.DataFrame) -> list[Pairs]:
    """Return the comparisons with at least one complete pair: workloads as measured, then cold, warm, incremental.

    A state without a baseline of its own is held against the one that all states share. Warm-up blocks, memory runs
    and samples that raised are not timings and are left out.
    """
    if not len(samples):
        return []
    timed = good_samples(samples.assign(setting=arms.settings(samples)), "time")
    return [
        pairs for workload in workloads(timed) for pairs in _of_workload(workload, timed[timed["workload"] == workload])
    ]


def _of_workload(workload: str, rows: pd.DataFrame) -> list[Pairs]:
    optimized = rows[rows["arm"] != BASELINE]
    grouped = [
        (str(setting), str(arm), members)
        for (setting, arm), members in optimized.groupby(["setting", "arm"], observed=True, sort=False)
    ]
    found = []
    for setting, arm, members in sorted(grouped, key=lambda group: (arms.order(group[0]), group[1])):
        before, after = _times(baseline_rows(rows, str(members["state"].iloc[0]))), _times(members)
        shared = sorted(before.keys() & after.keys())
        if shared:
            before, after = {block: before[block] for block in shared}, {block: after[block] for block in shared}
            name = ", ".join(filter(None, (setting, "" if arm == "optimized" else arm))) or "all"
            found.append(Pairs(workload, escape.shorten(name, 40), before, after, compare(before, after)))
    return found


def _times(rows: pd.DataFrame) -> dict[int, float]:
    times = by_block(rows, time_column(rows))
    return {block: seconds for block, seconds in times.items() if 0 < seconds < math.inf}
