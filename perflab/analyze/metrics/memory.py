"""How much memory the work needs.

In: the frames `samples` (memory runs) and `resources` (the monitor's samples). Out: the metrics `memory.*`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from perflab.analyze.intervals import Interval, at_least, few
from perflab.analyze.metrics import monitor
from perflab.analyze.metrics.row import Metric, measured, unavailable
from perflab.analyze.metrics.select import (
    baseline_rows,
    by_block,
    good_samples,
    optimized_rows,
    primary_runs,
    rows_of_primary,
    slug,
    states,
    workloads,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["memory", "peak_reduction"]

_NAIVE = "peak memory above the start, baseline"
_OPTIMIZED = "peak memory above the start, optimized"
_SAMPLED = "resident memory above the baseline"
_REDUCTION = "1 - optimized / baseline, peak memory above the start"
_NO_RUNS = "no memory runs of a baseline and an optimized arm"

Blocks = dict[int, float]


def memory(samples: pd.DataFrame, resources: pd.DataFrame, confidence: float = 0.95) -> list[Metric]:
    """Return peaks of the memory runs, for each workload and the greatest of all, and what the monitor saw.

    `memory.peak` is the peak of the memory runs, which the kernel keeps (VmHWM); without them it is the monitor's
    greatest sample, a lower bound alone. The monitor's figures are of the optimized arm in its primary state.
    """
    runs = good_samples(samples, "memory")
    rows = [row for name in workloads(runs) for row in _workload(name, runs, confidence)]
    of_all = _, optimized, _ = _greatest(runs, confidence)
    current, sampled, average = _monitored(resources, samples, confidence)
    peak = sampled if optimized.how == "unavailable" else _kept_by_the_kernel(optimized)
    return [*rows, *of_all, current, peak, average]


def peak_reduction(name: str, samples: pd.DataFrame, confidence: float = 0.95) -> Metric:
    """Return, under this name, the reduction of the greatest peak over the workloads."""
    naive, optimized = _greatest_blocks(good_samples(samples, "memory"))
    return _reduction(name, naive, optimized, confidence)


def _workload(name: str, runs: pd.DataFrame, confidence: float) -> list[Metric]:
    naive, optimized = _blocks(runs[runs["workload"] == name])
    prefix = f"{slug(name)}.memory"
    return _peaks(
        f"{prefix}_peak_naive", f"{prefix}_peak_optimized", f"{prefix}_reduction", naive, optimized, confidence
    )


def _greatest(runs: pd.DataFrame, confidence: float) -> list[Metric]:
    naive, optimized = _greatest_blocks(runs)
    return _peaks("memory.peak_naive", "memory.peak_optimized", "memory.reduction", naive, optimized, confidence)


def _peaks(
    name_naive: str, name_optimized: str, name_reduction: str, naive: Blocks, optimized: Blocks, confidence: float
) -> list[Metric]:
    return [
        _peak(name_naive, naive, _NAIVE, confidence),
        _peak(name_optimized, optimized, _OPTIMIZED, confidence),
        _reduction(name_reduction, naive, optimized, confidence),
    ]


def _peak(name: str, blocks: Blocks, what: str, confidence: float) -> Metric:
    if not blocks:
        return unavailable(name, "bytes", _NO_RUNS)
    return measured(name, "bytes", few(list(blocks.values()), confidence), what)


def _reduction(name: str, naive: Blocks, optimized: Blocks, confidence: float) -> Metric:
    shared = sorted(naive.keys() & optimized.keys())
    if not shared:
        return unavailable(name, "ratio", _NO_RUNS)
    if min(naive[block] for block in shared) <= 0:
        return unavailable(name, "ratio", "the baseline needed no memory above its start")
    shares = [1 - optimized[block] / naive[block] for block in shared]
    return measured(name, "ratio", few(shares, confidence), _REDUCTION)


def _blocks(rows: pd.DataFrame) -> tuple[Blocks, Blocks]:
    found = states(rows)
    if not found:
        return by_block(baseline_rows(rows, ""), "growth_bytes"), {}
    return (
        by_block(baseline_rows(rows, found[0]), "growth_bytes"),
        by_block(optimized_rows(rows, found[0]), "growth_bytes"),
    )


def _greatest_blocks(runs: pd.DataFrame) -> tuple[Blocks, Blocks]:
    arms = [_blocks(runs[runs["workload"] == name]) for name in workloads(runs)]
    return _greatest_of([naive for naive, _ in arms]), _greatest_of([optimized for _, optimized in arms])


def _greatest_of(arms: list[Blocks]) -> Blocks:
    shared = set.intersection(*(set(arm) for arm in arms)) if arms else set()
    return {block: max(arm[block] for arm in arms) for block in sorted(shared)}


def _kept_by_the_kernel(optimized: Metric) -> Metric:
    return replace(optimized, name="memory.peak", method=f"memory runs, VmHWM of each process; {optimized.method}")


def _monitored(resources: pd.DataFrame, samples: pd.DataFrame, confidence: float) -> Iterator[Metric]:
    rows, where = rows_of_primary(resources, samples), primary_runs(samples)
    grown = rows["growth_bytes"].dropna()
    if not len(grown):
        reason = f"no monitor samples of the optimized work were recorded, {where}"
        yield from (unavailable(f"memory.{name}", "bytes", reason) for name in ("current", "peak", "average"))
        return
    what, n, live = f"{_SAMPLED}, {where}", len(grown), not len(samples)
    seen = at_least(grown.max(), n, f"greatest of {n} monitor samples, a lower bound: peaks between samples go unseen")

    def over_runs(figure: monitor.Figure, words: str) -> Interval:
        return monitor.over_runs(rows, "growth_bytes", figure, words, live=live, confidence=confidence)

    yield measured("memory.current", "bytes", over_runs(monitor.last, "last sample"), what)
    yield measured("memory.peak", "bytes", seen, what)
    yield measured("memory.average", "bytes", over_runs(monitor.average_of_instants, "time-weighted average"), what)
