"""What the host gives and the cache does right now, as charts that are drawn anew every second.

In: rows of the last seconds. Out: SVG text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from perflab.present import read
from perflab.present.chart import Axis, Chart, Level, Line
from perflab.present.sheet import tick

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["cpu_chart", "hit_rate_chart", "memory_chart"]

_HEIGHT = 170.0
_TIERS = ("l1", "l2", "l3")


def cpu_chart(resources: pd.DataFrame, window_s: float, threshold: float | None = None) -> str:
    """Return the CPU shares of host and program over the last seconds; x is seconds before now."""
    lines = [
        Line("this program", "optimized", *_known(resources, "process_cpu_ratio")),
        Line("whole host", "muted", *_known(resources, "cpu_ratio"), "4 3"),
    ]
    levels = [] if threshold is None else [Level(threshold, f"warns at {threshold:.0%}")]
    label = f"CPU use of the last {window_s:g} s, share of all cores."
    return Chart(label, _seconds(window_s), _shares(), lines, levels, height=_HEIGHT).svg()


def memory_chart(
    resources: pd.DataFrame, managed: Sequence[tuple[float, float]], window_s: float, threshold: float | None = None
) -> str:
    """Return memory over the last seconds: what the program holds, and what of it the cache's memory tiers hold.

    Parameters
    ----------
    resources
        Rows with `rss_bytes` and `baseline_bytes`.
    managed
        Seconds before now, and the bytes in l1 and l2 then.
    threshold
        Growth above the baseline that warns, in bytes.
    """
    x, held = _known(resources, "rss_bytes")
    lines = [
        Line("program", "optimized", x, held),
        Line("of it in l1 and l2", "third", [at for at, _ in managed], [size for _, size in managed], area=True),
    ]
    baseline = read.numbers(resources, "baseline_bytes")
    levels = []
    if threshold is not None and len(baseline) and math.isfinite(baseline[-1]):
        levels = [Level(baseline[-1] + threshold, f"warns at {tick(threshold, 'bytes')} above the start")]
    top = max([1e6, *held, *(level.y for level in levels)])
    label = f"Memory of the last {window_s:g} s."
    axis = Axis(0, top * 1.08, write=lambda value: tick(value, "bytes"))
    return Chart(label, _seconds(window_s), axis, lines, levels, height=_HEIGHT).svg()


def hit_rate_chart(counts: Sequence[tuple[float, Mapping[str, int]]], window_s: float, target: float) -> str:
    """Return the share of accesses that each tier answered, over the last seconds, one above the other.

    Parameters
    ----------
    counts
        Seconds before now, and hits by tier with the misses as `miss`, of the time since the entry before.
    target
        Hit rate that is wanted.
    """
    x = [at for at, _ in counts]
    sums = [_shares_of(found) for _, found in counts]
    lines = [Line(f"up to {tier}", tier, x, [found[tier] for found in sums]) for tier in _TIERS]
    label = f"Hit rate by tier over the last {window_s:g} s."
    levels = [Level(target, f"target {target:.0%}")]
    return Chart(label, _seconds(window_s), _shares(), lines, levels, height=_HEIGHT).svg()


def _shares_of(found: Mapping[str, int]) -> dict[str, float]:
    total = sum(found.values())
    shares, below = {}, 0
    for tier in _TIERS:
        below += found.get(tier, 0)
        shares[tier] = below / total if total else math.nan
    return shares


def _known(resources: pd.DataFrame, column: str) -> tuple[list[float], list[float]]:
    """Return seconds before the newest row, and the values; rows without one, which tell memory alone, are left out."""
    if not len(resources):
        return [], []
    values = read.numbers(resources, column)
    ago = (resources["t"].iloc[-1] - resources["t"]).dt.total_seconds()
    points = [(-float(at), float(value)) for at, value in zip(ago, values, strict=True) if math.isfinite(value)]
    return [at for at, _ in points], [value for _, value in points]


def _seconds(window_s: float) -> Axis:
    return Axis(-window_s, 0, "seconds before now", write=lambda value: f"{-value:g}" if value else "now")


def _shares() -> Axis:
    return Axis(0, 1, write=lambda value: f"{value * 100:.0f} %")
