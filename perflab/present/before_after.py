"""Baseline against optimized, pair by pair: every measurement, the medians, the ratio.

In: the `samples` frame. Out: a matplotlib Figure with one strip a comparison; a line links the two arms of one pair.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from perflab.analyze.intervals import Interval
from perflab.present import escape
from perflab.present.comparisons import Pairs, comparisons
from perflab.present.sheet import MARGIN, WIDTH, Sheet, fit, not_enough, tick
from perflab.present.theme import LIGHT, Palette, style
from perflab.units import format_quantity, format_seconds

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["before_after"]

TITLE = "Time before and after, pair by pair"
_SHOWN = 24
_MOST = 12
_STEP = 6.0
_MEDIANS = 30.0
_PAD = 10.0
_HEAD = 26.0
_FOOT = 46.0
_LEFT, _RIGHT = 92.0, 176.0


def before_after(samples: pd.DataFrame, *, palette: Palette = LIGHT) -> Figure:
    """Draw each pair's two times, linked, under them the medians with their intervals, beside them the ratio.

    Parameters
    ----------
    samples
        The `samples` frame: workload, state, arm, pair, purpose, wall_s, error.
    """
    found = comparisons(samples)
    if not found:
        return not_enough(TITLE, "no pair of a baseline and an optimized sample was measured", palette)
    with style(palette):
        return _draw(found, palette)


def _draw(found: list[Pairs], palette: Palette) -> Figure:
    shown = found[:_MOST]
    workloads = [(name, list(members)) for name, members in itertools.groupby(shown, key=lambda pairs: pairs.workload)]
    body = sum(_HEAD + sum(map(_strip, members)) + _FOOT for _, members in workloads)
    sheet = Sheet.start(TITLE, _note(found), body, palette)
    y = sheet.top
    for name, members in workloads:
        sheet.text(MARGIN, y + 8, fit(escape.visible(name), 300), weight="bold", size=10.0)
        _legend(sheet, y + 8)
        _panel(sheet, y + _HEAD, members)
        y += _HEAD + sum(map(_strip, members)) + _FOOT
    return sheet.finish()


def _note(found: Sequence[Pairs]) -> str:
    pairs = sum(item.comparison.pairs for item in found)
    hidden = any(item.comparison.pairs > _SHOWN for item in found)
    some = f" Of more than {_SHOWN} pairs, {_SHOWN} evenly spaced ones are drawn; all count." if hidden else ""
    rest = f" The first {_MOST} of {len(found)} comparisons are drawn." if len(found) > _MOST else ""
    return (
        f"n = {pairs} interleaved pairs, each a thin line; diamonds are medians with their exact 95 % interval where "
        f"there are at least 6 pairs. Noise floor: how far the same arm differs from itself.{some}{rest}"
    )


def _strip(pairs: Pairs) -> float:
    return max(_STEP * min(pairs.comparison.pairs, _SHOWN) + _MEDIANS + 2 * _PAD, 84.0)


def _legend(sheet: Sheet, y: float) -> None:
    x = WIDTH - MARGIN - _RIGHT - 158
    for offset, arm, marker in ((0, "baseline", "o"), (76, "optimized", "s")):
        _dot(sheet, x + offset, y, arm, marker)
        sheet.text(x + offset + 8, y, arm, color=sheet.palette.muted, size=8.5)


def _dot(sheet: Sheet, x: float, y: float, arm: str, marker: str) -> None:
    from matplotlib.lines import Line2D

    place = ([x / WIDTH], [1 - y / sheet.height])
    color = sheet.palette.color(arm)
    sheet.figure.add_artist(
        Line2D(*place, marker=marker, markersize=5, color=color, linestyle="none", transform=sheet.figure.transFigure)
    )


def _panel(sheet: Sheet, top: float, members: Sequence[Pairs]) -> None:
    height = sum(map(_strip, members))
    axes = sheet.axes(MARGIN + _LEFT, top, WIDTH - 2 * MARGIN - _LEFT - _RIGHT, height)
    longest = max(value for pairs in members for value in (*pairs.baseline.values(), *pairs.other.values()))
    axes.set(xlim=(0, longest * 1.04), ylim=(top + height, top))
    y = top
    for index, pairs in enumerate(members):
        if index:
            axes.axhline(y, color=sheet.palette.grid, linewidth=0.8)
        _pairs(axes, pairs, y, sheet.palette)
        _words(sheet, pairs, y)
        y += _strip(pairs)
    axes.set_yticks([])
    axes.grid(axis="x")
    axes.xaxis.set_major_formatter(lambda value, _: tick(value))
    axes.locator_params(axis="x", nbins=6)
    axes.set_xlabel("wall time of one execution")


def _pairs(axes: Axes, pairs: Pairs, top: float, palette: Palette) -> None:
    blocks = _spread(list(pairs.baseline))
    heights = [top + _PAD + _STEP * (index + 0.5) for index in range(len(blocks))]
    before, after = [pairs.baseline[block] for block in blocks], [pairs.other[block] for block in blocks]
    # One path with gaps: a line a pair would be an element a pair.
    gaps = [math.nan] * len(blocks)
    links = [value for three in zip(before, after, gaps, strict=True) for value in three]
    axes.plot(links, [y for y in heights for _ in range(3)], color=palette.muted, linewidth=0.7, alpha=0.6)
    axes.plot(before, heights, "o", markersize=3.6, color=palette.baseline)
    axes.plot(after, heights, "s", markersize=3.4, color=palette.optimized)
    bottom = top + _strip(pairs) - _PAD
    _median(axes, pairs.baseline_median, bottom - 18, palette.baseline, palette)
    _median(axes, pairs.other_median, bottom - 5, palette.optimized, palette)


def _spread(blocks: list[int]) -> list[int]:
    import numpy as np

    if len(blocks) <= _SHOWN:
        return blocks
    return [blocks[index] for index in np.linspace(0, len(blocks) - 1, _SHOWN).round().astype(int)]


def _median(axes: Axes, median: Interval, y: float, color: str, palette: Palette) -> None:
    if not (math.isnan(median.low) or math.isnan(median.high)):
        axes.plot([median.low, median.high], [y, y], color=color, linewidth=3.0, solid_capstyle="butt")
    axes.plot([median.value], [y], "D", markersize=7.5, color=color, markeredgecolor=palette.surface)
    left, right = axes.get_xlim()
    high = median.value if math.isnan(median.high) else max(median.high, median.value)
    low = median.value if math.isnan(median.low) else min(median.low, median.value)
    # The label goes where there is room: right of the mark, or left of it near the edge.
    beside, align, offset = (high, "left", 8) if high < left + 0.8 * (right - left) else (low, "right", -8)
    axes.annotate(
        format_seconds(median.value),
        (beside, y),
        (offset, 0),
        textcoords="offset points",
        ha=align,
        va="center",
        size=8.5,
        color=color,
        bbox={"facecolor": palette.surface, "edgecolor": "none", "pad": 0.8},
    )


def _words(sheet: Sheet, pairs: Pairs, top: float) -> None:
    comparison, muted = pairs.comparison, sheet.palette.muted
    sheet.text(MARGIN, top + 20, fit(pairs.setting, _LEFT - 8), weight="bold")
    between = "" if math.isnan(comparison.low) else f" ({comparison.low:.3f} to {comparison.high:.3f})"
    noise = format_quantity(max(comparison.baseline_noise, comparison.noise), "ratio")
    lines: tuple[tuple[str, dict[str, Any]], ...] = (
        (pairs.effect, {"weight": "bold", "size": 10.5}),
        (f"ratio {comparison.ratio:.3f}{between}", {}),
        (f"{comparison.verdict}, n = {comparison.pairs} {'pair' if comparison.pairs == 1 else 'pairs'}", {}),
        (f"noise floor {noise}", {"color": muted}),
    )
    for index, (text, options) in enumerate(lines):
        sheet.text(WIDTH - MARGIN - _RIGHT + 14, top + 20 + 15 * index, text, **options)
