"""Bullet chart of targets: each actual against its own bound, whatever its unit.

In: the `targets` frame. Out: a matplotlib Figure with one row a target: bar, interval, bound, values and verdict.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from perflab.present.sheet import MARGIN, WIDTH, Sheet, fit, not_enough, widest
from perflab.present.theme import LIGHT, VERDICTS, Palette, style
from perflab.present.verdicts import Row, counts, interval, rows

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["targets"]

ROW = 21.0
GROUP = 25.0
HEAD = 20.0
GAP = 14.0
_LARGEST_SHARE = 2.0
_SMALLEST_SHARE = -0.5


def targets(frame: pd.DataFrame, *, palette: Palette = LIGHT) -> Figure:
    """Draw every target with its bound, its actual value with interval, and its verdict as mark and word.

    Each row is scaled by its own bound, which stands at 100 %. The shaded side of the bound is where the target passes.

    Parameters
    ----------
    frame
        The `targets` frame: name, expression, unit, actual, low, high, verdict, how, source.
    """
    judged = rows(frame)
    if not judged:
        return not_enough("Targets and what was measured", "no target was judged", palette)
    with style(palette):
        return _draw(judged, _title(frame), palette)


@dataclass(frozen=True, slots=True)
class _Columns:
    """Left edges of the chart and of the columns beside it, in points."""

    label: float
    chart: float
    chart_width: float
    actual: float
    bound: float
    verdict: float


def _title(frame: pd.DataFrame) -> str:
    found = counts(frame)
    said = ", ".join(f"{number} {verdict}" for verdict, number in found.items() if number)
    return f"Targets and what was measured: {said}"


def _draw(judged: Sequence[Row], title: str, palette: Palette) -> Figure:
    groups = [(name, list(members)) for name, members in itertools.groupby(judged, key=lambda row: row.group)]
    headed = sum(1 for name, _ in groups if name)
    body = HEAD + headed * GROUP + len(judged) * ROW + 44
    note = (
        "Each dot is an actual value as a share of its own bound, which stands at 100 %; the shaded side of the bound "
        "passes; whiskers are 95 % intervals, or ranges where it says so. An arrow marks a value beyond the axis, ≈ "
        "and a hollow dot an estimate."
    )
    sheet = Sheet.start(title, f"{note} n = {len(judged)}.", body, palette)
    columns = _columns(judged)
    bottom = sheet.height - 40.0
    axes = sheet.axes(columns.chart, sheet.top + HEAD, columns.chart_width, bottom - sheet.top - HEAD)
    left, right = _limits(judged)
    axes.set(xlim=(left, right), ylim=(bottom, sheet.top + HEAD))
    _head(sheet, columns)
    y = sheet.top + HEAD
    for name, members in groups:
        if name:
            heading = fit(name[:1].upper() + name[1:], WIDTH - 2 * MARGIN, weight="bold")
            sheet.text(MARGIN, y + GROUP - 11, heading, weight="bold")
            y += GROUP
        for row in members:
            _row(sheet, axes, columns, row, y + ROW / 2)
            y += ROW
    _axis(axes, left, right)
    return sheet.finish()


def _columns(judged: Sequence[Row]) -> _Columns:
    label = min(widest(row.subject for row in judged) + 8, 176.0)
    actual = max(widest(map(_actual, judged)), widest(["actual (95 % interval)"], 8.0))
    bound = max(widest(row.wanted for row in judged), widest(["bound"], 8.0))
    verdict = widest([f"{mark} {name}" for name, (mark, _) in VERDICTS.items()], weight="bold")
    right = WIDTH - MARGIN - verdict
    at_bound = right - GAP - bound
    at_actual = at_bound - GAP - actual
    chart = MARGIN + 6 + label + 4
    return _Columns(MARGIN + 6, chart, max(at_actual - GAP - chart, 90.0), at_actual, at_bound, right)


def _actual(row: Row) -> str:
    if not math.isfinite(row.actual):
        return "unavailable"
    between = interval(row.low, row.high, row.unit, row.how)
    return f"{row.value} ({between})" if between else row.value


def _limits(judged: Sequence[Row]) -> tuple[float, float]:
    shares = [share for row in judged for share in _shares(row) if math.isfinite(share)]
    left = max(min([0.0, *shares]), _SMALLEST_SHARE)
    return left * 1.05, min(max([1.25, *(share * 1.06 for share in shares)]), _LARGEST_SHARE)


def _shares(row: Row) -> tuple[float, float, float]:
    if row.bound is None:
        return math.nan, math.nan, math.nan
    return row.bound.share(row.actual), row.bound.share(row.low), row.bound.share(row.high)


def _head(sheet: Sheet, columns: _Columns) -> None:
    y = sheet.top + HEAD / 2 - 2
    heads = ((columns.label, "target"), (columns.actual, "actual (95 % interval)"), (columns.bound, "bound"))
    for x, text in (*heads, (columns.verdict, "verdict")):
        sheet.text(x, y, text, size=8.0, color=sheet.palette.muted)


def _row(sheet: Sheet, axes: Axes, columns: _Columns, row: Row, y: float) -> None:
    color = sheet.palette.color(VERDICTS[row.verdict][1])
    sheet.text(columns.label, y, fit(row.subject, columns.chart - columns.label - 4))
    sheet.text(columns.bound, y, row.wanted)
    sheet.text(columns.verdict, y, row.mark, color=color, weight="bold")
    muted = not math.isfinite(row.actual)
    sheet.text(columns.actual, y, _actual(row), color=sheet.palette.muted if muted else sheet.palette.ink)
    why = _why_no_bar(row)
    if why:
        sheet.text(columns.chart + 4, y, fit(why, columns.chart_width - 8), color=sheet.palette.muted)
    else:
        _bullet(axes, row, y, color, sheet.palette)


def _why_no_bar(row: Row) -> str:
    if not math.isfinite(row.actual):
        return row.reason
    if row.bound is None:
        return "the expression holds no bound"
    if not math.isfinite(_shares(row)[0]):
        return "no share of a bound of 0"
    return ""


def _bullet(axes: Axes, row: Row, y: float, color: str, palette: Palette) -> None:
    left, right = axes.get_xlim()
    share, low, high = _shares(row)
    passes = (1.0, right) if row.bound is not None and row.bound.wants_more else (left, 1.0)
    axes.barh(y, passes[1] - passes[0], ROW - 3, left=passes[0], color=palette.zone, linewidth=0)
    end = min(max(share, left), right)
    axes.barh(y, end, 9.0, color=color, alpha=0.35, linewidth=0)
    axes.plot([0.0, 0.0], [y - 6, y + 6], color=palette.muted, linewidth=0.8)
    axes.plot([1.0, 1.0], [y - 7.5, y + 7.5], color=palette.ink, linewidth=2.2, solid_capstyle="butt")
    if low < right and high > left:
        _whisker(axes, min(max(low, left), right), min(max(high, left), right), y, palette)
    marker = ">" if share > right else "<" if share < left else "o"
    fill = palette.surface if row.estimated else color
    axes.plot([end], [y], marker, markersize=6.5, color=fill, markeredgecolor=color, clip_on=False)


def _whisker(axes: Axes, low: float, high: float, y: float, palette: Palette) -> None:
    axes.plot([low, high], [y, y], color=palette.ink, linewidth=1.3, solid_capstyle="butt")
    for end in (low, high):
        axes.plot([end, end], [y - 3.5, y + 3.5], color=palette.ink, linewidth=1.3, solid_capstyle="butt")


def _axis(axes: Axes, left: float, right: float) -> None:
    ticks = [tick for tick in (-0.5, 0.0, 0.5, 1.0, 1.5, 2.0) if left <= tick <= right]
    axes.set_xticks(ticks, [f"{tick * 100:.0f} %".replace("-", "−") for tick in ticks])
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("share of the bound (100 % = the bound)", fontsize=8.5, labelpad=3)
