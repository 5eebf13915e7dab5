"""Every comparison that the samples hold: one workload, one state, one arm against the baseline.

In: the `samples` frame. Out: `Pairs`, the seconds of both arms by block with what `analyze.pairs` makes of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from perflab.analyze.intervals import Interval, median
from perflab.analyze.pairs import Comparison, compare
from perflab.present import escape, read

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Pairs", "comparisons"]

_STATES = ("cold", "warm", "incremental", "any", "")


@dataclass(frozen=True, slots=True)
class Pairs:
    """Seconds of the baseline and of another arm, by the block in which both were measured."""

    workload: str
    state: str
    arm: str
    baseline: dict[int, float]
    other: dict[int, float]
    comparison: Comparison

    @property
    def setting(self) -> str:
        """The state, and the arm where it is not the usual one."""
        state = "" if self.state in ("any", "") else self.state
        arm = "" if self.arm == "optimized" else self.arm
        return escape.shorten(", ".join(filter(None, (state, arm))) or "all", 40)

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
    """Return the comparisons with at least one complete pair, by workload, then cold, warm, incremental.

    Warm-up blocks, memory runs and samples that raised are not timings and are left out.
    """
    times: dict[tuple[str, str], dict[str, dict[int, float]]] = {}
    for record in read.records(samples):
        block, seconds = read.number(record.get("pair")), read.number(record.get("wall_s"))
        if read.text(record.get("purpose")) == "memory" or read.text(record.get("error")):
            continue
        if block >= 0 and 0 < seconds < math.inf:
            group = (read.text(record.get("workload")), read.text(record.get("state")))
            times.setdefault(group, {}).setdefault(read.text(record.get("arm")), {})[int(block)] = seconds
    found = [
        _pairs(workload, state, arm, arms["baseline"], seconds)
        for (workload, state), arms in times.items()
        for arm, seconds in arms.items()
        if arm != "baseline" and arms.get("baseline", {}).keys() & seconds.keys()
    ]
    return sorted(found, key=_order)


def _pairs(workload: str, state: str, arm: str, baseline: dict[int, float], other: dict[int, float]) -> Pairs:
    shared = sorted(baseline.keys() & other.keys())
    first, second = {block: baseline[block] for block in shared}, {block: other[block] for block in shared}
    return Pairs(workload, state, arm, first, second, compare(first, second))


def _order(pairs: Pairs) -> tuple[str, int, str, str]:
    state = _STATES.index(pairs.state) if pairs.state in _STATES else len(_STATES)
    return pairs.workload, state, pairs.state, pairs.arm
