"""How long the workloads take, and how much less than naively.

In: the frame `samples`. Out: `<workload>.time`, `.time_naive`, `.time_reduction`, and the same of each further state.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from perflab.analyze import intervals, pairs
from perflab.analyze.intervals import Interval
from perflab.analyze.metrics.row import Metric, Unit, measured, unavailable
from perflab.analyze.metrics.select import (
    baseline_rows,
    by_block,
    good_samples,
    optimized_rows,
    slug,
    states,
    time_column,
    workloads,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["elapsed", "reduction", "total_time_reduction"]

EXPECTED = ("document-creation", "cross-validation")
_UNITS: dict[str, Unit] = {"time": "s", "time_naive": "s", "time_reduction": "ratio"}


def elapsed(samples: pd.DataFrame, confidence: float = 0.95) -> list[Metric]:
    """Return the time metrics of every measured workload; the guide's two are unavailable if they were not run."""
    timed = good_samples(samples, "time")
    names = dict.fromkeys([*EXPECTED, *workloads(samples)])
    return [row for name in names for row in _workload(name, timed[timed["workload"] == name], confidence)]


def reduction(baseline: dict[int, float], other: dict[int, float], confidence: float = 0.95) -> Interval:
    """Return 1 - other / baseline over the blocks that both have, with the exact interval of the paired ratio."""
    found = pairs.ratio(pairs.log_ratios(baseline, other), confidence)
    return Interval(1 - found.value, 1 - found.high, 1 - found.low, found.n, found.method)


def total_time_reduction(samples: pd.DataFrame, confidence: float = 0.95) -> Metric:
    """Return the reduction of all workloads' time together, each in its primary state, block by block."""
    name = "optimization.time_reduction"
    timed = good_samples(samples, "time")
    found = [_primary(timed[timed["workload"] == workload]) for workload in workloads(timed)]
    arms = [arm for arm in found if arm is not None]
    if not arms:
        return unavailable(name, "ratio", "no workload was measured with a baseline and an optimized arm")
    baseline = _sum_blocks([naive for naive, _ in arms])
    other = _sum_blocks([optimized for _, optimized in arms])
    return measured(name, "ratio", reduction(baseline, other, confidence), f"time of {len(arms)} workloads together")


def _workload(name: str, rows: pd.DataFrame, confidence: float) -> Iterator[Metric]:
    prefix, found = slug(name), states(rows)
    if not found:
        for metric, unit in _UNITS.items():
            yield unavailable(f"{prefix}.{metric}", unit, f"no optimized arm of {name} was timed")
        return
    naive = by_block(baseline_rows(rows, found[0]), time_column(rows))
    yield measured(
        f"{prefix}.time_naive", "s", intervals.median(list(naive.values()), confidence), f"{_clock(rows)}, baseline"
    )
    for state in found:
        yield from _state(prefix if state == found[0] else f"{prefix}.{state}", state, rows, confidence)


def _state(prefix: str, state: str, rows: pd.DataFrame, confidence: float) -> Iterator[Metric]:
    naive = by_block(baseline_rows(rows, state), time_column(rows))
    optimized = by_block(optimized_rows(rows, state), time_column(rows))
    time = intervals.median(list(optimized.values()), confidence)
    yield measured(f"{prefix}.time", "s", time, f"{_clock(rows)}, optimized, {state}")
    yield measured(
        f"{prefix}.time_reduction",
        "ratio",
        reduction(naive, optimized, confidence),
        f"1 - optimized / baseline, {_clock(rows)}, {state}",
    )


def _clock(rows: pd.DataFrame) -> str:
    return "CPU time" if time_column(rows) == "cpu_s" else "wall time"


def _primary(rows: pd.DataFrame) -> tuple[dict[int, float], dict[int, float]] | None:
    found = states(rows)
    if not found:
        return None
    naive = by_block(baseline_rows(rows, found[0]), time_column(rows))
    optimized = by_block(optimized_rows(rows, found[0]), time_column(rows))
    return (naive, optimized) if naive.keys() & optimized.keys() else None


def _sum_blocks(arms: list[dict[int, float]]) -> dict[int, float]:
    shared = set.intersection(*(set(arm) for arm in arms))
    return {block: sum(arm[block] for arm in arms) for block in sorted(shared)}
