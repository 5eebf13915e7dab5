"""What the optimizations achieve together.

In: the frames `samples` and `accesses`, and the number of usable cores. Out: the metrics `optimization.*`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from perflab.analyze import pairs
from perflab.analyze.intervals import Interval
from perflab.analyze.metrics.elapsed import total_time_reduction
from perflab.analyze.metrics.memory import peak_reduction
from perflab.analyze.metrics.row import Metric, measured, unavailable
from perflab.analyze.metrics.select import by_block, good_samples, optimized_rows, states, workloads

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["optimization", "parallel_efficiency"]

_EFFICIENCY = "optimization.parallel_efficiency"


def optimization(samples: pd.DataFrame, hit_rate: Metric, cores: int | None, confidence: float = 0.95) -> list[Metric]:
    """Return the reductions over all workloads, the hit rate and the parallel efficiency."""
    return [
        total_time_reduction(samples, confidence),
        peak_reduction("optimization.memory_reduction", samples, confidence),
        _renamed(hit_rate, "optimization.cache_hit_rate"),
        *parallel_efficiency(samples, cores, confidence),
    ]


def parallel_efficiency(samples: pd.DataFrame, cores: int | None, confidence: float = 0.95) -> list[Metric]:
    """Return T1 / (p Tp) of each workload, and the lowest of them as `optimization.parallel_efficiency`.

    T1 and Tp are wall times of the same state on 1 and on p workers in the same block; p is the smaller of the
    workers and the usable cores, as more workers than cores cannot all work.
    """
    if cores is None:
        return [unavailable(_EFFICIENCY, "ratio", "the number of usable cores is not known")]
    timed = good_samples(samples, "time")
    found = [
        row
        for name in workloads(timed)
        if (row := _of_workload(name, timed[timed["workload"] == name], cores, confidence)) is not None
    ]
    if not found:
        reason = "no optimized arm was timed on one and on several workers in the same state"
        return [unavailable(_EFFICIENCY, "ratio", reason)]
    return [_renamed(min(found, key=lambda row: row.value), _EFFICIENCY)]


def _of_workload(name: str, rows: pd.DataFrame, cores: int, confidence: float) -> Metric | None:
    for state in states(rows):
        full = optimized_rows(rows, state)
        workers = full["workers"].max()
        single, several = by_block(optimized_rows(rows, state, workers=1), "wall_s"), by_block(full, "wall_s")
        if full["workers"].notna().any() and workers > 1 and single.keys() & several.keys():
            used = min(int(workers), cores)
            logs = pairs.log_ratios(several, single)
            return measured(
                _EFFICIENCY,
                "ratio",
                _divided(pairs.ratio(logs, confidence), used),
                f"time on 1 worker / ({used} x time on {int(workers)} workers), {name}, {state}{_others(full)}",
            )
    return None


def _others(rows: pd.DataFrame) -> str:
    """Say what other programs took meanwhile: several workers lose by that what one does not."""
    taken = float(rows["others_cpu_ratio"].median()) if "others_cpu_ratio" in rows else math.nan
    return "" if math.isnan(taken) else f", while other programs took {taken:.0%} of all cores"


def _divided(interval: Interval, by: int) -> Interval:
    return Interval(interval.value / by, interval.low / by, interval.high / by, interval.n, interval.method)


def _renamed(metric: Metric, name: str) -> Metric:
    return Metric(name, metric.value, metric.low, metric.high, metric.unit, metric.how, metric.method, metric.n)
