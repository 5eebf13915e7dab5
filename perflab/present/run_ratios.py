"""Runs against one of them: each metric's ratio with its interval.

In: for each other run the frame of `analyze.runs.compare_metrics`. Out: a matplotlib Figure with one row a metric.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from perflab.present.sheet import MARGIN, WIDTH, Sheet, fit, not_enough, widest
from perflab.present.theme import LIGHT, Palette, style
from perflab.present.verdicts import humanize

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["MOST_ROWS", "run_ratios"]

TITLE = "Each run against run A, metric by metric"
MOST_ROWS = 24
_ROW = 17.0
_HEAD, _FOOT = 18.0, 40.0
_LEAST, _GREATEST = 0.1, 10.0
_MARKS = (("optimized", "o"), ("baseline", "s"), ("third", "D"), ("l1", "^"), ("l3", "v"))


def run_ratios(compared: Mapping[str, pd.DataFrame], *, palette: Palette = LIGHT) -> Figure:
    """Draw each run's ratios to run A; what has no interval is a hollow mark, what lies beyond the axis an arrow.

    Parameters
    ----------
    compared
        Name of a run, such as `B`, to its metrics beside those of A: name, ratio, low, high, verdict.
    """
    names = _drawn(compared)
    if not names:
        return not_enough(TITLE, "no metric was measured in run A and in another one", palette)
    with style(palette):
        return _draw(compared, names, palette)


def _drawn(compared: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return the metrics to draw, those that differ most first, no more than fit."""
    furthest: dict[str, tuple[bool, float]] = {}
    for frame in compared.values():
        for row in frame[frame["ratio"] > 0].to_dict("records"):
            name, apart = str(row["name"]), (row["verdict"] in ("lower", "higher"), abs(math.log(row["ratio"])))
            furthest[name] = max(apart, furthest.get(name, (False, 0.0)))
    return sorted(furthest, key=lambda name: furthest[name], reverse=True)[:MOST_ROWS]


def _draw(compared: Mapping[str, pd.DataFrame], names: Sequence[str], palette: Palette) -> Figure:
    total = len({str(name) for frame in compared.values() for name in frame.loc[frame["ratio"] > 0, "name"]})
    some = f" The {len(names)} of {total} metrics that differ most." if total > len(names) else ""
    note = (
        "Left of the line the run has less than run A, right of it more, of whatever the metric counts. Bars are 95 % "
        f"intervals; a hollow mark has none; an arrow lies beyond the axis.{some}"
    )
    height = len(names) * _ROW * max(1, len(compared) / 2)
    sheet = Sheet.start(TITLE, note, height + _HEAD + _FOOT, palette)
    label = min(widest(map(humanize, names)) + 10, 260.0)
    axes = sheet.axes(MARGIN + label, sheet.top + _HEAD, WIDTH - 2 * MARGIN - label, height)
    _axis(axes, compared, len(names), palette)
    for place, name in enumerate(names):
        y = sheet.top + _HEAD + height * (place + 0.5) / len(names)
        sheet.text(MARGIN + label - 8, y, fit(humanize(name), label - 8), align="right")
    for place, (run, frame) in enumerate(compared.items()):
        rows = frame.set_index("name")
        _series(axes, [rows.loc[name] if name in rows.index else None for name in names], place, len(compared), palette)
        _legend(sheet, run, place)
    return sheet.finish()


def _axis(axes: Axes, compared: Mapping[str, pd.DataFrame], rows: int, palette: Palette) -> None:
    from matplotlib.ticker import NullFormatter, NullLocator

    seen = [v for frame in compared.values() for v in frame[["ratio", "low", "high"]].to_numpy().ravel().tolist()]
    known = [value for value in seen if value > 0 and math.isfinite(value)]
    low, high = max(min([0.9, *known]), _LEAST) / 1.06, min(max([1.1, *known]), _GREATEST) * 1.06
    axes.set_xscale("log")
    axes.set(xlim=(low, high), ylim=(rows - 0.5, -0.5))
    ticks = [v for v in (0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 5, 10) if low <= v <= high]
    axes.set_xticks(_apart(ticks, high / low), minor=False)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} ×")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yticks([])
    axes.grid(axis="x")
    axes.axvline(1.0, color=palette.ink, linewidth=1.1)
    axes.set_xlabel("value in the run / value in run A")


def _apart(ticks: Sequence[float], span: float) -> list[float]:
    """Return those ticks that lie an eighteenth of the axis apart, 1 among them."""
    kept = [1.0]
    for tick in sorted(ticks, key=lambda tick: abs(math.log(tick))):
        if all(abs(math.log(tick / other)) > math.log(span) / 18 for other in kept):
            kept.append(tick)
    return kept


def _series(axes: Axes, rows: Sequence[Any], place: int, runs: int, palette: Palette) -> None:
    role, marker = _MARKS[place % len(_MARKS)]
    color, (left, right) = palette.color(role), axes.get_xlim()
    for height, row in enumerate(rows):
        if row is None or not row["ratio"] > 0:
            continue
        y = height + (place - (runs - 1) / 2) * 0.6 / runs
        sure = row["verdict"] != "no interval" and math.isfinite(row["low"]) and math.isfinite(row["high"])
        if sure:
            ends = [min(max(row[end], left), right) for end in ("low", "high")]
            axes.plot(ends, [y, y], color=color, linewidth=2.2, solid_capstyle="butt")
        x = min(max(row["ratio"], left * 1.02), right / 1.02)
        shape = marker if x == row["ratio"] else "<" if row["ratio"] < x else ">"
        face = color if sure else palette.surface
        axes.plot([x], [y], shape, markersize=5.2, color=color, markerfacecolor=face, clip_on=False)


def _legend(sheet: Sheet, run: str, place: int) -> None:
    from matplotlib.lines import Line2D

    role, marker = _MARKS[place % len(_MARKS)]
    x, y = MARGIN + 4 + 54 * place, sheet.top + 6
    point = ([x / WIDTH], [1 - y / sheet.height])
    look: dict[str, Any] = {"marker": marker, "markersize": 5, "color": sheet.palette.color(role), "linestyle": "none"}
    sheet.figure.add_artist(Line2D(*point, **look, transform=sheet.figure.transFigure))
    sheet.text(x + 8, y, f"run {run}", color=sheet.palette.muted, size=8.5)
